"""Verdicts about the training loop: its events, its direction, the modes it sets."""

import torch
from torch import nn

from practicum_utils.doctor.adapters import logits_of
from practicum_utils.doctor.case import Case, few_rows, pick
from practicum_utils.doctor.measure.loop_log import LoopLog, log_loop
from practicum_utils.doctor.measure.losses import training_loss
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.snapshot import Snapshot

LOOP_BATCHES = 6
LOOP_ROWS = 4


def loop_batches(case: Case) -> list:
    """A few small batches of the learner's own, of unequal sizes, the narrowest first."""
    order = sorted(range(len(case.rows)), key=lambda i: case.rows[i].token_ids.shape[1])
    chosen = [order[i % len(order)] for i in range(LOOP_BATCHES)]
    return [few_rows(case.batches[i], case.rows[i], LOOP_ROWS) for i in chosen]


def check_protocol(case: Case, log: LoopLog, batches: list, snapshot: Snapshot) -> Finding | None:
    """Zero, backward, clip, step: is each there, and at its time?"""
    kinds = log.kinds()
    shown = f"{len(batches)} batches: {' '.join(kinds[:24])} (F forward, B backward, S step)"
    if "F" not in kinds:
        return None
    if "B" not in kinds:
        return Finding("missing-backward", "error", shown)
    if "S" not in kinds:
        return Finding("missing-step", "error", shown)
    if (late := _clip_misplaced(log)) is not None:
        return Finding("clip-before-backward", "error", f"{late}; {shown}")
    empty = [i for i, e in enumerate(log.events) if e.kind == "step" and e.gradients == 0]
    arrived = max((event.gradients for event in log.of("arrived")), default=0.0)
    if empty and len(empty) == len(log.of("step")) and arrived > 0 and _backward_first(log):
        return Finding(
            "zero-grad-after-backward", "error",
            f"at each of {len(empty)} steps the gradients were all 0 or None; {shown}",
        )  # fmt: skip
    return _carried_over(log, shown)


def check_arrival(case: Case, log: LoopLog, batches: list, snapshot: Snapshot) -> Finding | None:
    """Does the loop's backward bring gradients, where a backward of the same loss does?"""
    arrived = [event.gradients for event in log.of("arrived")]
    if not arrived or any(size != 0 for size in arrived):  # NaN is a gradient too
        return None
    snapshot.restore()
    mine = own_gradients(case, batches[0])
    if mine is None or not any(g is not None and g.any() for g in mine):
        return None
    return Finding(
        "graph", "error", exact=False,
        evidence=f"{len(arrived)} backward passes of the loop brought no gradient to any "
        "parameter, and a backward of the same loss does",
        cause="the loss was turned into a number (.item(), torch.tensor(...)) before backward",
    )  # fmt: skip


def own_gradients(case: Case, batch) -> tuple | None:
    """Gradients of the loss for the optimizer's trainable parameters, with the loop's noise."""
    held = [p for p in _held(case) if p.requires_grad]
    rows = case.adapter.unpack(batch)
    rows = type(case.rows[0])(*(part if part is None else part.to(case.device) for part in rows))
    loss, _ = training_loss(case, rows, seed=7)
    if loss is None or not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, held, allow_unused=True)


def _held(case: Case) -> list[nn.Parameter]:
    return [p for group in case.optimizer.param_groups for p in group["params"]]


def _backward_first(log: LoopLog) -> bool:
    """A backward inside the step (a closure) would leave the gradients empty before it."""
    return log.kinds().find("B") < log.kinds().find("S")


def _clip_misplaced(log: LoopLog) -> str | None:
    """Clipping that never stands between a backward and its step."""
    clips, good, open_gradients = 0, 0, False
    for event in log.events:
        if event.kind == "backward":
            open_gradients = True
        elif event.kind == "step":
            open_gradients = False
        elif event.kind == "clip":
            clips += 1
            good += open_gradients
    if not clips or good:
        return None
    return f"none of {clips} clippings stood between a backward and its step"


def _carried_over(log: LoopLog, shown: str) -> Finding | None:
    """The first backward after a step must find no gradients."""
    found = []
    stepped = False
    for event in log.events:
        if event.kind == "step":
            stepped = True
        elif event.kind == "backward" and stepped:
            found.append(event.gradients)
            stepped = False
    dirty = [size for size in found if size > 0]
    if not dirty or len(dirty) < 0.5 * len(found):
        return None
    return Finding(
        "missing-zero-grad", "error",
        f"{len(dirty)} of {len(found)} backward passes after a step found the old gradients still "
        f"there (sizes {', '.join(f'{size:.2g}' for size in dirty[:4])}; threshold 0); {shown}",
    )  # fmt: skip


def check_direction(case: Case, log: LoopLog, batches: list, snapshot: Snapshot) -> Finding | None:
    """Does the loop go downhill on the loss it was given?"""
    snapshot.restore()
    mine = own_gradients(case, batches[0])
    if mine is None or not log.first_step:
        return None
    theirs = [g for g, p in zip(log.first_step, _held(case), strict=True) if p.requires_grad]
    both = [(a, b) for a, b in zip(mine, theirs, strict=True) if not (a is None or b is None)]
    pairs = [(a.double().flatten(), b.double().flatten()) for a, b in both]
    snapshot.restore()
    if not pairs:
        return None
    one, other = (torch.cat(part) for part in zip(*pairs, strict=True))
    cosine = float(torch.cosine_similarity(one, other, dim=0))
    if not cosine < -0.5:  # NaN is no answer
        return None
    return Finding(
        "loss-sign-flipped", "error",
        f"the gradient at the first step points against that of the loss: cosine {cosine:.2f} "
        "(threshold -0.5)",
    )  # fmt: skip


def runs_twice(case: Case) -> bool:
    """Do two steps one after the other work, when nothing but the model connects them?"""
    try:
        for _ in range(2):
            loss, _ = training_loss(case, pick(case.best(), LOOP_ROWS))
            loss.backward()
    except Exception:  # the model remembers a graph that is gone
        return False
    return True


def check_modes(case: Case, snapshot: Snapshot) -> Finding | None:
    """Train, evaluate, train: in which mode is the model each time?"""
    batches = loop_batches(case)[:2]
    if not _mode_matters(case, batches[0]):
        return None
    case.model.train()
    train = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
    test = log_loop(case.run_epoch, case.model, batches, case.loss_fn, None)
    again = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
    snapshot.restore()
    modes = [[event.training for event in log.of("forward")] for log in (train, test, again)]
    if not all(modes):
        return None
    words = "; ".join(
        f"{name} {'train' if all(flags) else 'eval' if not any(flags) else 'mixed'}"
        for name, flags in zip(("training", "evaluation", "training again"), modes, strict=True)
    )
    if any(modes[1]):
        return Finding("eval-mode-missing", "error", f"the model's mode: {words}")
    if any(modes[0]) and not all(modes[2]):
        return Finding("train-mode-not-restored", "error", f"the model's mode: {words}")
    if not any(modes[0]):
        return Finding("mode", "error", f"the model's mode: {words}", exact=False)
    return None


def _mode_matters(case: Case, batch) -> bool:
    """Does the model answer differently in training mode?"""
    ids, lengths, _ = case.adapter.unpack(batch)
    answers = []
    for training in (False, True):
        case.model.train(training)
        torch.manual_seed(0)
        with torch.no_grad():
            out = case.adapter.forward(case.model, ids.to(case.device), lengths.to(case.device))
        answers.append(logits_of(out).double())
    return bool((answers[0] - answers[1]).abs().max() > 1e-6)
