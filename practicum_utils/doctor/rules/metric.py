"""A verdict about the metric: the loop's accuracy, recounted on answers that are known."""

import math

import torch

from practicum_utils.doctor.case import Case, few_rows
from practicum_utils.doctor.measure.loop_log import log_loop
from practicum_utils.doctor.measure.losses import hard, loss_value, model_logits
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.snapshot import Snapshot

UNEVEN = (8, 8, 3)  # rows of the batches
DRAWS = 200  # how often answers are drawn until no two ways of counting agree


def check_metric(case: Case, snapshot: Snapshot) -> Finding | None:
    """Recount loss and accuracy of an evaluation on uneven batches with known answers."""
    material = _known_answers(case)
    if material is None:
        return None
    batches, answers, labels = material
    log = log_loop(case.run_epoch, case.model, batches, case.loss_fn, None, answers=answers)
    snapshot.restore()
    said = _accuracy(log.returned)
    if log.error is not None or said is None or len(log.outputs) != len(batches):
        return None
    given = [out.cpu() for out in log.outputs]  # a table keeps its own logits, not the known ones
    expected = _ways_to_count(given, labels, _threshold(case))
    right = expected.pop("right")
    if _close(said, right):
        return None
    named = [name for name, value in expected.items() if _close(said, value)]
    evidence = f"the loop says {said:.3f}, and {right:.3f} of the answers are right"
    if not named:
        return Finding("metric", "warning" if 0 <= said <= 1 else "info", evidence, exact=False)
    if named[0] == "metric":
        return Finding(
            "metric", "error", f"{evidence}; that is the share of label 0", exact=False,
            cause="argmax of a single logit, which is always 0", fix="compare the logits with 0",
        )  # fmt: skip
    bug, _, _ = named[0].partition(",")
    return Finding(bug, "error", f"{evidence}; this bug gives {expected[named[0]]:.3f}")


def _close(one: float, other: float) -> bool:
    if one > 1:  # in per cent
        one /= 100
    return abs(one - other) < 1e-3


def _accuracy(returned) -> float | None:
    """The accuracy in what a loop returned: by name, or the second of two numbers."""
    if hasattr(returned, "accuracy"):
        value = returned.accuracy
    elif isinstance(returned, dict):
        value = next((returned[k] for k in ("accuracy", "acc") if k in returned), None)
    elif isinstance(returned, list | tuple) and len(returned) == 2:
        value = returned[1]
    else:
        value = None
    try:
        return float(value) if math.isfinite(float(value)) else None
    except (TypeError, ValueError):
        return None


def _known_answers(case: Case):
    """(batches, answers, labels): uneven batches, and answers whose ways of counting all differ."""
    logits, rows = model_logits(case)
    if logits is None or rows.labels is None or hard(rows.labels) is None:
        return None
    batches, labels = [], []
    for i, size in enumerate(UNEVEN):
        place = i % len(case.batches)
        batch = few_rows(case.batches[place], case.rows[place], size)
        batches.append(batch)
        plain = case.adapter.unpack(batch)[2]
        found = hard(plain)
        if found is None or not torch.equal(found, plain):  # soft labels have no right and wrong
            return None
        labels.append(found.reshape(-1).cpu())
    if len({len(part) for part in labels}) < 2:
        return None
    threshold = _threshold(case)
    for seed in range(DRAWS):
        answers = _drawn(labels, logits.shape[1:], threshold, seed)
        ways = list(_ways_to_count(answers, labels, threshold).values())
        if all(abs(a - b) > 0.02 for i, a in enumerate(ways) for b in ways[:i]):
            return batches, answers, labels
    return None


def _drawn(labels, shape: tuple[int, ...], threshold: float, seed: int) -> list[torch.Tensor]:
    """Random answers for each batch: logits where the threshold is 0, else probabilities."""
    draw = torch.Generator().manual_seed(seed)
    noise = [torch.randn(len(part), *shape, generator=draw) for part in labels]
    return noise if threshold == 0 else [part.sigmoid().clamp(0.02, 0.98) for part in noise]


def _threshold(case: Case) -> float:
    """Above which number an answer is positive: 0.5 where the loss takes probabilities, else 0."""
    logits, rows = model_logits(case)
    if logits.numel() != len(logits):
        return 0.0
    positive = torch.ones_like(hard(rows.labels))
    far, near = (loss_value(case, torch.full_like(logits, x), positive) for x in (3.0, 0.999))
    takes_logits = far is not None and near is not None and abs(far) < abs(near)
    return 0.0 if takes_logits else 0.5


def _ways_to_count(answers, labels, threshold: float) -> dict[str, float]:
    """The accuracy, counted rightly and in the ways that are known to go wrong."""
    rights = [_right(a, y, threshold) for a, y in zip(answers, labels, strict=True)]
    logit = answers[0].numel() == len(answers[0])
    ways = {
        "right": float(torch.cat(rights).mean()),
        "average-of-averages": float(torch.stack([part.mean() for part in rights]).mean()),
        "last-batch-only": float(rights[-1].mean()),
    }
    if logit:  # the argmax of one number is 0
        ways["metric"] = float((torch.cat(labels) < 0.5).double().mean())
    if logit and threshold == 0.0:
        moved = [_right(a, y, 0.5) for a, y in zip(answers, labels, strict=True)]
        ways["threshold-on-logits"] = float(torch.cat(moved).mean())
        rounded = [
            (a.reshape(-1).round() == y).double() for a, y in zip(answers, labels, strict=True)
        ]
        ways["threshold-on-logits, rounded"] = float(torch.cat(rounded).mean())
    return ways


def _right(answers, labels, threshold: float) -> torch.Tensor:
    if answers.numel() == len(labels):
        return ((answers.reshape(-1) > threshold) == (labels > 0.5)).double()
    return (answers.argmax(dim=-1) == labels).double()
