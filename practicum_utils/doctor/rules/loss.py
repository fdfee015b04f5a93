"""Verdicts about the loss and the layer that feeds it: sign, scale, range of the logits."""

import math
from unittest import mock

import torch
from torch.nn import functional

from practicum_utils.doctor.adapters import logits_of
from practicum_utils.doctor.case import Case
from practicum_utils.doctor.measure.losses import FAR, hard, loss_value, model_logits, right_answers
from practicum_utils.doctor.measure.probes import SEED, watching_linears
from practicum_utils.doctor.measure.trace import head_of
from practicum_utils.doctor.report import Finding

FLOOR = 0.1  # a loss that cannot fall below this has a floor


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
    how = "maximizes" if maximize else "minimizes"
    return Finding(
        "loss-sign-flipped", "error",
        f"right answers cost {good_loss:.2f}, wrong ones {bad_loss:.2f}, and the optimizer {how}",
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
