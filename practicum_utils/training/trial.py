"""A step of training or evaluation that leaves no trace, to find out how long it takes."""

import copy
import io
from collections.abc import Callable
from contextlib import redirect_stdout

import torch
from torch import nn

from practicum_utils.support.environment import choose_threads, keep_random_numbers


def choose_for(model: nn.Module, loss_fn: Callable, batch, steps: int) -> str:
    """Choose the number of threads for an epoch of so many steps; return a line to be printed.

    batch: the epoch's first, on the CPU. Steps are tried on a copy of model and loss, with
    gradients if they are enabled; what they print is not shown, random numbers are put back.
    """
    put_back = None

    def prepare() -> Callable[[], None]:
        nonlocal put_back
        put_back = keep_random_numbers()
        return _step_of_copies(model, loss_fn, batch)

    try:
        return choose_threads(model, prepare, steps)
    finally:
        if put_back is not None:
            put_back()


def _step_of_copies(model: nn.Module, loss_fn: Callable, batch) -> Callable[[], None]:
    twin, loss_twin = copy.deepcopy((model, loss_fn))
    for module in (twin, loss_twin):
        _drop_hooks(module)
    token_ids, lengths, labels = (part.clone() for part in batch)
    learning = [one for one in twin.parameters() if one.requires_grad]

    def step() -> None:
        with redirect_stdout(io.StringIO()):
            loss = loss_twin(twin(token_ids, lengths), labels)
            if torch.is_grad_enabled():  # not backward(): a loss may hold the model's own weights
                torch.autograd.grad(loss, learning, allow_unused=True)

    return step


def _drop_hooks(module) -> None:
    """Hooks are the learner's own functions: they would be called for steps that never were."""
    for part in module.modules() if isinstance(module, nn.Module) else ():
        for name, value in vars(part).items():
            if name.endswith("_hooks") and name.startswith("_"):
                value.clear()
