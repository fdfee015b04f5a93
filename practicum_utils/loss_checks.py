"""Verdicts about data and loss: labels, token ids, the sign and scale of the loss, the head's range."""

import math
from unittest import mock

import torch
from torch.nn import functional

from practicum_utils.adapters import logits_of
from practicum_utils.case import Case, pick
from practicum_utils.findings import Finding
from practicum_utils.probes import SEED, watching_linears
from practicum_utils.trace import head_of

FAR = 30.0  # a logit so far out that every sigmoid is done
FLOOR = 0.1  # a loss that cannot fall below this has a floor
ONE_LABEL_ROWS = 64
PROBE_ROWS = 120  # fewer rows say nothing about what a bag of words can learn
SURE_ROWS = 1_000  # so many say it clearly


# Labels


def check_label_set(case: Case) -> Finding | None:
    """Do the values of the labels fit the loss?"""
    values = _label_values(case)
    if values is None:
        return None
    shown = ", ".join(f"{value:g}" for value in values[:6].tolist())
    if set(values.tolist()) == {1.0, 2.0}:
        lowest = lowest_loss(case, 2.0)
        if lowest is None or lowest < -1:
            what = "refuses a label of 2" if lowest is None else f"can fall to {lowest:.0f}"
            text = f"the labels are {shown}, and the loss {what} (threshold: never below 0)"
            if case.loss_fn is None:
                return Finding("labels-one-two", "warning", f"the labels are {shown}")
            return Finding("labels-one-two", "error", text)
        return None
    if case.loss_fn is None:
        return None
    for value in values.tolist():
        lowest = lowest_loss(case, value)
        if lowest is not None and lowest < -1:
            fault = "loss" if 0 <= float(values.min()) and float(values.max()) <= 1 else "labels"
            return Finding(
                fault, "error", exact=False,
                evidence=f"the labels are {shown}; with a label of {value:g} the loss can fall to "
                f"{lowest:.0f} (threshold: never below 0)",
            )  # fmt: skip
    return None


def _label_values(case: Case) -> torch.Tensor | None:
    """The sorted different labels of all rows read; None without labels or with vectors."""
    if case.labels is None or case.labels.shape[1] != 1 or not case.labels.numel():
        return None
    return case.labels.flatten().double().unique()


def lowest_loss(case: Case, label: float) -> float | None:
    """The lowest loss of any answer to a row of this label; None if the loss raises."""
    if case.loss_fn is None:
        return None
    logits, rows = model_logits(case)
    if logits is None or rows.labels is None:
        return 0.0
    if logits.numel() != len(rows.labels):
        labels = torch.full_like(rows.labels, label)
        return None if loss_value(case, logits, labels) is None else 0.0
    labels = torch.full_like(rows.labels, label)
    values = [loss_value(case, torch.full_like(logits, far), labels) for far in (-FAR, 0, FAR)]
    known = [value for value in values if value is not None]
    # Only for a positive label does a low loss at a far logit mean more than a flipped sign.
    if not known:
        return None
    zero = loss_value(case, torch.full_like(logits, FAR), torch.zeros_like(labels))
    one = loss_value(case, torch.full_like(logits, -FAR), torch.ones_like(labels))
    flipped = any(value is not None and value < -1 for value in (zero, one))
    return 0.0 if flipped else min(known)


def check_label_counts(case: Case) -> Finding | None:
    """Are both labels there, and mixed?"""
    values = _label_values(case)
    if values is None or len(values) > 20:
        return None
    labels = case.labels.flatten().double()
    if len(values) == 1 and len(labels) >= ONE_LABEL_ROWS:
        first = f"all {len(labels)} labels read are {values[0]:g}"
        if case.complete:
            return Finding("one-label-only", "error", first)
        return Finding("one-label-only", "error", f"{first}; the loader goes on", exact=False,
                       cannot_tell="sorted labels, whose others come later")  # fmt: skip
    return _sorted(case, labels, values)


def _sorted(case: Case, labels: torch.Tensor, values: torch.Tensor) -> Finding | None:
    """Far fewer changes from one row to the next than chance has."""
    if len(labels) < 24 or len(values) < 2:
        return None
    changes = int((labels[1:] != labels[:-1]).sum())
    shares = torch.stack([(labels == value).double().mean() for value in values])
    expected = float(1 - (shares**2).sum()) * (len(labels) - 1)
    if expected < 8 or changes > 0.2 * expected:
        return None
    level = "error" if case.optimizer is not None else "info"
    return Finding(
        "sorted-labels", level,
        f"{changes} changes of label in {len(labels)} rows, where {expected:.0f} are expected "
        "(threshold 20% of these)",
    )  # fmt: skip


def check_label_shape(case: Case) -> Finding | None:
    """Does the loss pair each logit with its own label?"""
    logits, rows = model_logits(case)
    if (
        logits is None
        or rows.labels is None
        or len(logits) < 3
        or not rows.labels.is_floating_point()
    ):
        return None
    if logits.shape == rows.labels.shape:
        return None
    far = torch.linspace(-1, 1, len(logits), device=logits.device).to(logits)
    answers = far.reshape(-1, *[1] * (logits.dim() - 1)).expand(logits.shape)
    labels = (far > 0.2).to(rows.labels).reshape(-1, *[1] * (rows.labels.dim() - 1))
    labels = labels.expand(rows.labels.shape)
    kept, turned = (loss_value(case, answers, one) for one in (labels, labels.flip(0)))
    if kept is None or abs(kept - turned) > 1e-5 * max(1.0, abs(kept)):
        return None
    return Finding(
        "labels-shape", "error",
        f"logits {tuple(logits.shape)}, labels {tuple(rows.labels.shape)}: the loss is "
        f"{kept:.4f} whatever the order of the labels",
    )  # fmt: skip


def check_words_and_labels(case: Case) -> Finding | None:
    """Does a bag of words know anything about the labels?"""
    values = _label_values(case)
    if values is None or len(values) != 2 or case.texts[0].dim() != 2:
        return None
    y = case.labels.flatten().double() == values[1]
    if len(y) < PROBE_ROWS or not 0.3 < y.double().mean() < 0.7:
        return None
    right = _bag_of_words(case, y)
    chance = float(torch.maximum(y.double().mean(), 1 - y.double().mean()))
    threshold = max(0.5, chance - 0.02) + 1.2 / len(y) ** 0.5
    if right > threshold:
        return None
    return Finding(
        "labels-shuffled", "warning" if len(y) >= SURE_ROWS else "info",
        f"a bag of words gets {right:.1%} of {len(y)} rows right that it was not trained on "
        f"(threshold {threshold:.1%})",
    )  # fmt: skip


def _bag_of_words(case: Case, y: torch.Tensor) -> float:
    """The accuracy of naive Bayes on rows it has not seen, each fifth of them in turn."""
    rows = [row[row != case.pad].long() for ids in case.texts for row in ids]
    size = max(int(row.max()) for row in rows if len(row)) + 1
    draw = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    right = 0
    for fold in draw.chunk(5):
        unseen = torch.zeros(len(y), dtype=torch.bool)
        unseen[fold] = True
        shares = [_word_shares(rows, ~unseen & (y == one), size) for one in (True, False)]
        weights = shares[0].log() - shares[1].log()
        scores = torch.stack([weights[row].sum() for row in rows])
        right += int(((scores > scores[~unseen].median()) == y)[unseen].sum())
    return right / len(y)


def _word_shares(rows: list[torch.Tensor], chosen: torch.Tensor, size: int) -> torch.Tensor:
    words = torch.cat([rows[i] for i in torch.nonzero(chosen).flatten().tolist()])
    counts = torch.bincount(words, minlength=size).double() + 1
    return counts / counts.sum()


# Token ids


def check_pad_is_a_word(case: Case) -> Finding | None:
    """Does the id of the padding stand inside the texts?"""
    inside = total = rows_hit = padding = 0
    distinct = len(torch.cat([ids.flatten() for ids in case.texts]).unique())
    for ids, lengths, _ in case.rows:
        if ids.dim() != 2 or case.left:
            return None
        places = torch.arange(ids.shape[1], device=ids.device)
        is_word = ids != case.pad
        # Behind the last other word the id may be the end mark, as where both are one token.
        last = (is_word * (places + 1)).amax(dim=1)
        real = places < torch.minimum(lengths, last).unsqueeze(1)
        padding += int((places >= lengths.unsqueeze(1)).sum())
        hit = real & ~is_word
        inside, total = inside + int(hit.sum()), total + int(real.sum())
        rows_hit += int(hit.any(dim=1).sum())
    if not padding or not total or inside < 3 or inside < 0.004 * total:
        return None
    # Ids drawn evenly, as in a toy, hit the padding now and then; words that start at its id often.
    threshold = max(0.01, 2 / distinct)
    return Finding(
        "pad-is-a-word", "error" if inside > threshold * total else "info",
        f"the padding has the id {case.pad}, and so have {inside} of {total} tokens inside the "
        f"texts, in {rows_hit} rows (threshold {threshold:.1%})",
    )  # fmt: skip


def check_unknown(case: Case) -> Finding | None:
    """Is one id nearly everything?"""
    parts = [
        ids[_within(ids, lengths, case.left)] for ids, lengths, _ in case.rows if ids.dim() == 2
    ]
    words = torch.cat(parts).long() if parts else torch.empty(0)
    words = words[words != case.pad]
    if len(words) < 200:
        return None
    commonest = words.mode().values
    share = float((words == commonest).double().mean())
    if share < 0.5:
        return None
    return Finding(
        "unk-flood", "error",
        f"{share:.0%} of {len(words)} tokens are the id {int(commonest)} (threshold 50%)",
    )  # fmt: skip


def _within(ids, lengths, left) -> torch.Tensor:
    places = torch.arange(ids.shape[1], device=ids.device)
    if left:
        return places >= ids.shape[1] - lengths.unsqueeze(1)
    return places < lengths.unsqueeze(1)


def check_lengths(case: Case) -> Finding | None:
    """Is anything left of the texts?"""
    lengths = torch.cat([lengths for _, lengths, _ in case.rows])
    if len(lengths) < 8:
        return None
    blank = [(ids == case.pad).all(dim=1) for ids, _, _ in case.rows if ids.dim() == 2]
    empty = float(torch.cat(blank).double().mean()) if blank else 0.0
    if empty > 0.5:
        return Finding("reviews-cut-to-nothing", "error",
                       f"{empty:.0%} of {len(lengths)} rows have no word (threshold 50%)")  # fmt: skip
    if int(lengths.max()) > 3:
        return None
    return Finding(
        "reviews-cut-to-nothing", "info",
        f"no text has more than {int(lengths.max())} tokens (threshold 3)",
    )  # fmt: skip


# The loss


def model_logits(case: Case):
    """(logits, rows) of a few rows in evaluation mode; (None, rows) where the model fails."""
    if not hasattr(case, "_logits"):
        rows = pick(case.rows[0], 8)
        case.model.eval()
        torch.manual_seed(SEED)
        try:
            with torch.no_grad():
                logits = logits_of(case.adapter.forward(case.model, rows.token_ids, rows.lengths))
        except Exception:  # reported by the dry run
            logits = None
        case._logits = (logits, rows)
    return case._logits


def loss_value(case: Case, answers: torch.Tensor, labels: torch.Tensor) -> float | None:
    """The loss of these answers; None where the loss raises or gives no number."""
    try:
        with torch.no_grad():
            value = case.loss_fn(answers, labels)
        return float(value.double().mean() if value.dim() else value)
    except Exception:  # a loss that refuses such answers has said so
        return None


def hard(labels: torch.Tensor) -> torch.Tensor | None:
    """The labels as 0 and 1 or as class numbers; None where they are neither."""
    if labels.is_floating_point():
        inside = bool(((labels >= 0) & (labels <= 1)).all())
        return (labels > 0.5).to(labels) if inside and labels.numel() == len(labels) else None
    return labels if labels.dim() == 1 else None


def right_answers(logits: torch.Tensor, labels: torch.Tensor, far: float) -> torch.Tensor | None:
    """Answers of the logits' shape that are right by ``far`` (wrong, if it is negative)."""
    if logits.numel() == len(labels):
        return ((2.0 * labels.reshape(logits.shape).to(torch.float32) - 1) * far).to(logits)
    if (
        logits.dim() == 2
        and labels.dim() == 1
        and int(labels.max()) < logits.shape[1]
        and labels.min() >= 0
    ):
        chosen = functional.one_hot(labels.long(), logits.shape[1])
        return ((2.0 * chosen - 1) * far).to(logits)
    return None


def check_loss_sign(case: Case) -> Finding | None:
    """Is a right answer better than a wrong one?"""
    logits, rows = model_logits(case)
    labels = None if logits is None or rows.labels is None else hard(rows.labels)
    if labels is None:
        return None
    # Answers of 0.99 and 0.01 suit losses of probabilities as well as losses of logits.
    good, bad = (right_answers(logits, labels, far) for far in (0.49, -0.49))
    if good is None:
        return None
    good_loss, bad_loss = (loss_value(case, one + 0.5, labels) for one in (good, bad))
    maximize = case.optimizer is not None and any(
        group.get("maximize") for group in case.optimizer.param_groups
    )
    if good_loss is None or bad_loss is None or (good_loss < bad_loss) != maximize:
        return None
    if abs(good_loss - bad_loss) < 1e-6:
        return None
    how = "maximize=True" if maximize else "no maximize"
    return Finding(
        "loss-sign-flipped", "error",
        f"right answers cost {good_loss:.2f}, wrong ones {bad_loss:.2f}, and the optimizer has {how}",
    )  # fmt: skip


def check_loss_scale(case: Case) -> Finding | None:
    """Is the loss of a batch, written down twice, twice the loss?"""
    logits, rows = model_logits(case)
    if logits is None or rows.labels is None:
        return None
    once = loss_value(case, logits, rows.labels)
    twice = loss_value(case, torch.cat([logits] * 2), torch.cat([rows.labels] * 2))
    if once is None or twice is None or abs(once) < 1e-6 or abs(twice / once - 2) > 0.01:
        return None
    return Finding(
        "sum-reduction", "warning",
        f"the same rows twice have {twice / once:.2f} times the loss (a mean has 1.00)",
    )  # fmt: skip


# The head


def check_head_range(case: Case) -> Finding | None:
    """Push the last linear layer far out: does the loss reach its lowest value?

    All rows are pushed alike, towards one label after the other: a model may sort its rows inside.
    """
    logits, rows = model_logits(case)
    labels = None if logits is None or rows.labels is None else hard(rows.labels)
    place = None if labels is None else _head_place(case, rows)
    if place is None:
        return None
    stopped, free, low, high = [], [], math.inf, -math.inf
    for value in _label_choices(logits, labels):
        alike = torch.full_like(labels, value)
        right = right_answers(logits, alike, FAR)
        if right is None:
            return None
        best = _pushed(case, rows, right, place)
        stopped.append(loss_value(case, best, alike))
        free.append(loss_value(case, right, alike))
        low, high = min(low, float(best.min())), max(high, float(best.max()))
    if None in stopped or None in free:
        return None
    stops, reaches = sum(stopped) / len(stopped), sum(free) / len(free)
    if stops < -1:
        return Finding("loss", "error", exact=False, evidence=(
            f"right answers, pushed out by {FAR:g}, cost {stops:.1f} (threshold: never below 0)"),
            cause="NLLLoss without log_softmax, or a loss that is not a loss")  # fmt: skip
    if stops < FLOOR or stops - reaches < FLOOR:
        return None
    return _name_range(
        low, high,
        f"pushed out by {FAR:g}, the answers stay between {low:.2f} and {high:.2f}, and the loss "
        f"stops at {stops:.3f} (threshold {FLOOR} above {reaches:.3f})",
    )  # fmt: skip


def _label_choices(logits: torch.Tensor, labels: torch.Tensor) -> list[int]:
    return [0, 1] if logits.numel() == len(labels) else list(range(min(logits.shape[-1], 5)))


def _name_range(low: float, high: float, evidence: str) -> Finding:
    if low < -1.5 and high > 1.5:
        return Finding("architecture", "error", evidence, exact=False)
    if low < -0.5:
        return Finding("tanh-on-logit", "error", evidence)
    if high > 1.5:
        return Finding("relu-on-logit", "error", evidence)
    return Finding("double-sigmoid", "error", evidence)


def _pushed(case: Case, rows, push: torch.Tensor, place: int) -> torch.Tensor:
    """The model's answers when its last linear layer gives ``push`` in place of what it gives."""
    calls, plain = [], functional.linear

    def linear(x, weight, bias=None):
        out = plain(x, weight, bias)
        calls.append(out)
        return push.reshape(out.shape).to(out) if len(calls) == place else out

    with mock.patch.object(functional, "linear", linear), torch.no_grad():
        torch.manual_seed(SEED)
        return logits_of(case.adapter.forward(case.model, rows.token_ids, rows.lengths))


def _head_place(case: Case, rows) -> int | None:
    """Which call of a linear layer, counted from 1, makes the logits."""
    with watching_linears() as calls, torch.no_grad():
        logits = logits_of(case.adapter.forward(case.model, rows.token_ids, rows.lengths))
    head = head_of(calls, logits)
    if head is None:
        return None
    return next(i for i, call in enumerate(calls, 1) if call is head)


def last_weight(probe) -> torch.Tensor | None:
    """The weight of the linear layer that makes the logits."""
    head = head_of(probe.trace.linears, probe.trace_logits)
    return None if head is None else head.weight
