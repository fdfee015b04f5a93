"""Verdicts about the labels: values, order, shape, and what the words know about them."""

import torch

from practicum_utils.doctor.case import Case
from practicum_utils.doctor.measure.losses import FAR, loss_value, model_logits
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.rules.data import reads_like_text

ONE_LABEL_ROWS = 64
PROBE_ROWS = 120  # fewer rows say nothing about what a bag of words can learn


def check_label_set(case: Case) -> Finding | None:
    """Do the values of the labels fit the loss?"""
    values = label_values(case)
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


def label_values(case: Case) -> torch.Tensor | None:
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
    values = label_values(case)
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
    values = label_values(case)
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
        "labels-shuffled", "warning" if reads_like_text(case) else "info",
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
