"""A verdict about the size of the steps, from a few trial steps that are undone."""

import math
from typing import NamedTuple

import torch

from practicum_utils.doctor.case import Case, pick
from practicum_utils.doctor.measure.losses import hard, loss_value, model_logits, training_loss
from practicum_utils.doctor.measure.weights import trained_before
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.snapshot import Snapshot, schedules_of

ADAPTIVE_STEP, PLAIN_STEP = 1.5e-4, 5e-6  # median step / weight below which a step is tiny
ADAPTIVE_SIZE = 2.5e-5  # the same for the step itself, where the weights are small too
HUGE_STEP = 0.5
TRIAL_STEPS = 10
KNOWS = 0.8  # a model whose loss is below this share of ln 2 has learned something


def check_step_size(case: Case, snapshot: Snapshot) -> Finding | None:
    """Is one step far too small or too large for the weights, and does another size do better?"""
    rows = pick(case.best(), 8)
    losses, ratio, size, adaptive = _trial(case, rows, 1.0, snapshot)
    if not losses:
        return None
    rate = max(_rates(case.optimizer))
    if rate == 0:
        return Finding("tiny-learning-rate", "error", "the learning rate is 0",
                       cannot_tell="a schedule that has ended")  # fmt: skip
    evidence = f"learning rate {rate:g}: a step moves the median weight by {ratio:.1e} of its size"
    small = ADAPTIVE_STEP if adaptive else PLAIN_STEP
    if ratio == 0:  # nothing moved, which is not the rate's fault
        return None
    if ratio < small:
        return _too_small(case, rows, losses, f"{evidence} (threshold {small:g})", snapshot)
    if adaptive and size < ADAPTIVE_SIZE:
        evidence += f", {size:.1e} in all (threshold {ADAPTIVE_SIZE:g})"
        return _too_small(case, rows, losses, evidence, snapshot)
    large = HUGE_STEP if adaptive else HUGE_STEP / 10
    jumps = ratio > 4 * large or (not adaptive and ratio > large)
    calm = all(map(math.isfinite, losses)) and max(losses) <= 3 * losses[0] + 1
    if calm and ratio <= large:
        return None
    text = f"{evidence} (threshold {large:g})"
    return _too_large(case, rows, losses, jumps, text, snapshot)


def _too_small(case: Case, rows, losses, evidence: str, snapshot) -> Finding | None:
    own, fall = losses[0] - losses[-1], 0.0
    for best in (10, 100, 1_000, 10_000, 100_000):
        trial = _trial(case, rows, best, snapshot).losses
        fall = losses[0] - min(trial) if all(map(math.isfinite, trial)) else 0.0
        if fall >= max(0.02, 5 * own) or fall >= max(0.002, 50 * own):
            break
    else:
        return None
    text = (
        f"{evidence}; in {len(losses) - 1} steps the loss falls by {own:.4f}, with {best:,} times "
        f"the rate by {fall:.4f} (threshold 5 times as much)"
    )
    if trained_before(case) or _knows_already(case, losses[0]):
        return Finding("tiny-learning-rate", "info", f"{text}; usual for weights already trained")
    return Finding("tiny-learning-rate", "error", text)


def _knows_already(case: Case, loss: float) -> bool:
    """Is the loss far below that of answers that say nothing?"""
    logits, rows = model_logits(case)
    if logits is None or rows.labels is None or hard(rows.labels) is None:
        return False
    silent = loss_value(case, torch.zeros_like(logits), rows.labels)
    return silent is not None and loss < KNOWS * silent


def _too_large(case: Case, rows, losses, jumps: bool, evidence: str, snapshot) -> Finding | None:
    worst = max((loss for loss in losses if math.isfinite(loss)), default=math.inf)
    finite = all(map(math.isfinite, losses))
    jumps = jumps and worst > 1.3 * losses[0]
    if finite and not jumps and worst <= 2 * losses[0] + 0.5:
        return None
    trials = [_trial(case, rows, m, snapshot).losses for m in (0.1, 0.01, 0.001)]
    calm = [t for t in trials if all(map(math.isfinite, t)) and max(t) < 1.5 * t[0] + 0.1]
    if not calm:
        return None
    return Finding(
        "huge-learning-rate", "error",
        f"{evidence}; in {len(losses) - 1} steps on one batch the loss "
        f"goes from {losses[0]:.2f} to {losses[-1]:.2f}, at most {worst:.2f}; smaller steps do not",
    )  # fmt: skip


def _rates(optimizer) -> list[float]:
    """The learning rate of each group; where a schedule is about to begin, the one it leads to."""
    begins = any(schedule.last_epoch == 0 for schedule in schedules_of(optimizer))
    groups = optimizer.param_groups
    return [float(g.get("initial_lr", g["lr"]) if begins else g["lr"]) for g in groups]


class Trial(NamedTuple):
    """Some steps on one batch: ratio the median step / weight, size the median step."""

    losses: list[float]
    ratio: float
    size: float
    adaptive: bool


def _trial(case: Case, rows, times: float, snapshot: Snapshot) -> Trial:
    """Take steps with so many times the learning rate, and undo them."""
    snapshot.restore()
    groups = zip(case.optimizer.param_groups, _rates(case.optimizer), strict=True)
    for group, rate in groups:
        group["lr"] = rate * times
    parameters = [p for p in case.model.parameters() if p.requires_grad]
    losses, ratio, size = [], 0.0, 0.0
    for step in range(TRIAL_STEPS + 1):
        loss, _ = training_loss(case, rows)
        if loss is None or not loss.requires_grad:
            break
        losses.append(loss.item())
        if step == TRIAL_STEPS or not math.isfinite(losses[-1]):
            break
        case.optimizer.zero_grad()
        loss.backward()
        # A head of zeros lets no gradient through at first; the step after it can be measured.
        before = [p.detach().clone() for p in parameters] if ratio == 0 else None
        case.optimizer.step()
        if before:
            ratio, size = _median_step(parameters, before)
    adaptive = any("exp_avg_sq" in entry or "square_avg" in entry or "sum" in entry
                   for entry in case.optimizer.state.values())  # fmt: skip
    snapshot.restore()
    return Trial(losses, ratio, size, adaptive)


def _median_step(parameters, before) -> tuple[float, float]:
    """The medians over matrices of |step| / |weight| and of |step|, where a gradient arrived."""
    ratios, sizes = [], []
    for p, old in zip(parameters, before, strict=True):
        moved = (p.detach() - old).double().abs()
        hit = moved > 0
        if p.dim() > 1 and hit.any() and old.abs().mean() > 0:
            sizes.append(moved[hit].mean().item())
            ratios.append(sizes[-1] / old.double().abs().mean().item())
    if not ratios:
        return 0.0, 0.0
    return sorted(ratios)[len(ratios) // 2], sorted(sizes)[len(sizes) // 2]
