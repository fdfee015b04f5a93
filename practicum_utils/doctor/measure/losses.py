"""What a loss says about answers of our choosing. Measurements; the verdicts stand elsewhere."""

import math

import torch
from torch.nn import functional

from practicum_utils.doctor.adapters import logits_of
from practicum_utils.doctor.case import Case, pick
from practicum_utils.doctor.measure.probes import SEED

FAR = 30.0  # a logit so far out that every sigmoid is done


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
        value = float(value.double().mean() if value.dim() else value)
        return value if math.isfinite(value) else None
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


def training_loss(case: Case, rows, seed: int = 0):
    case.model.train()
    torch.manual_seed(seed)
    try:
        with torch.enable_grad():
            logits = logits_of(case.adapter.forward(case.model, rows.token_ids, rows.lengths))
            loss = case.loss_fn(logits, rows.labels) if case.loss_fn else logits.double().sum()
    except Exception:  # the dry run reports it
        return None, None
    return loss.mean(), logits
