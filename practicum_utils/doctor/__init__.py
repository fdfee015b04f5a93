"""Examine a program that does not learn, and name the bug from evidence.

``examine`` runs only what its arguments allow, in the order in which one cause explains the rest,
and leaves everything as it was: parameters, gradients, random numbers, modes, the loader's place.
``examination`` is the order of the questions, ``measure`` takes measurements without verdicts,
``rules`` hold the verdicts.
"""

from collections.abc import Callable

import torch
from torch import nn

from practicum_utils.doctor.adapters import Adapter
from practicum_utils.doctor.case import read_case
from practicum_utils.doctor.examination import Examination
from practicum_utils.doctor.report import Finding, Report
from practicum_utils.doctor.snapshot import kept
from practicum_utils.support.environment import hold_threads

__all__ = ["Adapter", "Finding", "Report", "examine"]


def examine(
    model: nn.Module,
    loader,
    loss_fn: Callable | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    run_epoch: Callable | None = None,
    adapter: Adapter | None = None,
) -> Report:
    """Examine a program and report what is wrong with it, the likeliest cause first.

    model: any module called as ``model(token_ids (B, T), lengths (B,)) -> logits``; another
        signature through ``adapter``.
    loader: a DataLoader or a list of batches; a few batches are read.
    loss_fn: (logits, labels) -> loss.  optimizer: that of the training.
    run_epoch: the training loop, (model, loader, loss_fn, optimizer=None) -> metrics.
    What needs an argument that is missing is not checked, and the report says so. Afterwards all is
    as it was, also when an exception or an interrupt ends the examination.
    Raises TypeError or ValueError, in one sentence, for arguments that cannot be read.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; pass the nn.Module itself.")
    with kept(model, optimizer, loader, loss_fn) as snapshot, hold_threads():
        case = read_case(model, loader, loss_fn, optimizer, run_epoch, adapter)
        return Examination(case, snapshot).run()
