"""A learner's own training loop, run on a few small batches and written down event by event.

What counts is the state at each event (are there gradients? in which mode is the model?), not which
function was called: ``model.zero_grad()``, ``p.grad = None`` and ``optimizer.zero_grad()`` are one.
"""

import contextlib
import io
import sys
from dataclasses import dataclass, field
from unittest import mock

import torch
from torch import nn
from torch.nn.utils import clip_grad

from practicum_utils.doctor.adapters import logits_of

SEED = 7


@dataclass
class Event:
    """kind: "forward", "backward", "clip", "step".

    gradients: the norm of what is there before it, for "arrived" (after a backward) also.
    """

    kind: str
    gradients: float
    training: bool = False


@dataclass
class LoopLog:
    """events: in their order.  outputs: the logits of each forward.  returned: what came back."""

    events: list[Event] = field(default_factory=list)
    outputs: list[torch.Tensor] = field(default_factory=list)
    first_step: list[torch.Tensor | None] = field(default_factory=list)
    returned: object = None
    error: Exception | None = None

    def kinds(self) -> str:
        """One letter for each event: F, B, C, S."""
        return "".join(event.kind[0].upper() for event in self.events if event.kind != "arrived")

    def of(self, kind: str) -> list[Event]:
        """The events of one kind."""
        return [event for event in self.events if event.kind == kind]


def norm(parameters: list) -> float:
    """The size of all gradients together; 0 if there are none."""
    sizes = [p.grad.detach().double().norm() for p in parameters if p.grad is not None]
    return float(torch.stack(sizes).norm()) if sizes else 0.0


def log_loop(
    run_epoch, model, batches, loss_fn, optimizer, same_noise=False, answers=None
) -> LoopLog:
    """Run the loop on these batches and return what happened.

    optimizer: None for an evaluation.  same_noise: the same random numbers before each forward.
    answers: logits that the model is made to give, one tensor for each batch.
    """
    log = LoopLog()
    parameters = _parameters(model, optimizer)
    with contextlib.ExitStack() as stack:
        for manager in _watchers(log, model, optimizer, parameters, same_noise, answers):
            stack.enter_context(manager)
        stack.enter_context(quiet())
        torch.manual_seed(SEED)
        try:
            log.returned = run_epoch(model, batches, loss_fn, optimizer)
        except Exception as error:  # whatever the learner's loop raises is a finding
            log.error = error
    return log


def _parameters(model: nn.Module, optimizer) -> list[nn.Parameter]:
    if optimizer is None:
        return list(model.parameters())
    return [p for group in optimizer.param_groups for p in group["params"]]


def _watchers(log, model, optimizer, parameters, same_noise, answers) -> list:
    def note(kind: str) -> None:
        log.events.append(Event(kind, norm(parameters), model.training))

    def before_forward(*_):
        note("forward")
        if same_noise:
            torch.manual_seed(SEED)

    def after_forward(_model, _args, out):
        place = len(log.outputs)
        if answers is not None and isinstance(out, torch.Tensor) and place < len(answers):
            out = answers[place].to(out).reshape(out.shape)
        log.outputs.append(logits_of(out).detach())
        return out

    def before_step(*_):
        note("step")
        if not log.first_step:
            log.first_step = [None if p.grad is None else p.grad.clone() for p in parameters]

    managers = [
        _removed(model.register_forward_pre_hook(before_forward)),
        _removed(model.register_forward_hook(after_forward)),
        _before(torch.autograd, "backward", lambda: note("backward"), lambda: note("arrived")),
        _before(clip_grad, "_get_total_norm", lambda: note("clip")),
        _before(torch.nn.utils, "clip_grad_value_", lambda: note("clip")),
    ]
    if optimizer is not None and hasattr(optimizer, "register_step_pre_hook"):
        managers.append(_removed(optimizer.register_step_pre_hook(before_step)))
    return managers


@contextlib.contextmanager
def _removed(hook):
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def _before(owner, name: str, action, afterwards=lambda: None):
    plain = getattr(owner, name, None)
    if plain is None:  # another version of PyTorch
        yield
        return

    def watched(*args, **kwargs):
        action()
        result = plain(*args, **kwargs)
        afterwards()
        return result

    with mock.patch.object(owner, name, watched):
        yield


@contextlib.contextmanager
def quiet():
    """Swallow what is printed or displayed meanwhile."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.utils.capture import capture_output

        with capture_output():
            yield
        return
    with contextlib.redirect_stdout(io.StringIO()):
        yield
