"""Leave no trace: everything an examination may touch is copied first and put back afterwards.

Parameters, gradients, buffers, flags and attributes of every submodule; hooks; the optimizer's
state and groups, and those of its learning-rate schedules; the random numbers of Python, NumPy and
PyTorch; and whatever the loader holds: generators, samplers, counters.
"""

import gc
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from practicum_utils.support.environment import keep_random_numbers

DEEPEST = 5  # how far a loader's parts are followed
MOST = 64  # members of one collection that are looked at


class Snapshot:
    """A copy of the state of these objects; ``restore`` puts it back, as often as it is called."""

    def __init__(self, model: nn.Module, optimizer=None, others: tuple = ()):
        self._undo = []
        optimizers = [] if optimizer is None else [optimizer]
        modules = [part for part in (model, *others) if isinstance(part, nn.Module)]
        tensors = {id(t): t for module in modules for t in _tensors_of(module)}
        for one in optimizers:
            tensors |= {id(p): p for group in one.param_groups for p in group["params"]}
        self._undo.extend(map(_keep_tensor, tensors.values()))
        # Attributes last to be kept, first to be restored: they say which tensor belongs where.
        for module in modules:
            self._undo.extend(_keep_attributes(part) for part in module.modules())
        for one in optimizers:
            self._undo.append(_keep_optimizer(one))
            self._undo.extend(map(_keep_attributes, schedules_of(one)))
        for part in others:
            self._undo.extend(_keep_loader(part))
        self._undo.append(keep_random_numbers())

    def restore(self) -> None:
        """Put everything back, in place."""
        with torch.no_grad():
            for undo in reversed(self._undo):
                undo()


@contextmanager
def kept(model: nn.Module, optimizer=None, *others) -> Iterator[Snapshot]:
    """Keep all of it for a while: whatever happens inside, an interrupt too, is undone."""
    snapshot = Snapshot(model, optimizer, others)
    try:
        yield snapshot
    finally:
        snapshot.restore()


def _tensors_of(module: nn.Module) -> list[torch.Tensor]:
    """Parameters, buffers, and tensors that submodules keep as plain attributes."""
    plain = [
        value
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, torch.Tensor)
    ]
    return [*module.parameters(), *module.buffers(), *plain]


def _keep_tensor(tensor: torch.Tensor):
    data, flag, grad = tensor.detach().clone(), tensor.requires_grad, None
    if tensor.is_leaf:
        grad = tensor.grad
    grad_data = None if grad is None else grad.detach().clone()

    def undo():
        tensor.detach().copy_(data)
        if not tensor.is_leaf:
            return
        if tensor.requires_grad != flag:
            tensor.requires_grad_(flag)
        tensor.grad = grad
        if grad is not None:
            grad.detach().copy_(grad_data)

    return undo


def _keep_attributes(owner):
    """Keep an object's attributes, and the members of its plain lists and tables."""
    before = dict(vars(owner))
    inside = {name: _members(value) for name, value in before.items()}

    def undo():
        for name in list(vars(owner)):
            if name not in before:
                del vars(owner)[name]
        vars(owner).update(before)
        for name, members in inside.items():
            _set_members(before[name], members)

    return undo


def _members(value):
    if isinstance(value, dict | set):
        return value.copy()
    return list(value) if isinstance(value, list) else None


def _set_members(value, members) -> None:
    if isinstance(value, list):
        value[:] = members
    elif isinstance(value, dict | set):
        value.clear()
        value.update(members)


def _keep_optimizer(optimizer):
    attributes = _keep_attributes(optimizer)
    groups = [(group, dict(group), list(group["params"])) for group in optimizer.param_groups]
    states = {key: dict(entry) for key, entry in optimizer.state.items()}
    tensors = [
        _keep_tensor(value)
        for entry in (*states.values(), *optimizer.param_groups)
        for value in entry.values()
        if isinstance(value, torch.Tensor)
    ]

    def undo():
        attributes()
        for group, entries, params in groups:
            _set_members(group, entries)
            group["params"][:] = params
        for key, entry in states.items():
            _set_members(optimizer.state[key], entry)
        for tensor in tensors:
            tensor()

    return undo


def schedules_of(optimizer) -> list[LRScheduler]:
    """The learning-rate schedules of this optimizer; nothing but the heap knows them."""
    found = [thing for thing in gc.get_objects() if issubclass(type(thing), LRScheduler)]
    return [schedule for schedule in found if getattr(schedule, "optimizer", None) is optimizer]


def _keep_loader(loader) -> list:
    return [keep for part in _parts(loader, DEEPEST, {}) if (keep := _keep_part(part))]


def _parts(thing, depth: int, seen: dict) -> Iterator:
    """``thing`` and what it is made of: attributes, members, variables of its functions."""
    if depth < 0 or id(thing) in seen or isinstance(thing, type | str | bytes | nn.Module):
        return
    seen[id(thing)] = thing
    yield thing
    if isinstance(thing, torch.Tensor | np.ndarray | int | float):
        return
    for part in _inside(thing):
        yield from _parts(part, depth - 1, seen)


def _inside(thing) -> list:
    parts = list(getattr(thing, "__dict__", {}).values())
    if isinstance(thing, dict):
        parts.extend(list(thing.values())[:MOST])
    elif isinstance(thing, list | tuple):
        parts.extend(thing[:MOST])
    for cell in getattr(thing, "__closure__", None) or ():
        parts.append(cell.cell_contents)
    return [*parts, getattr(thing, "__self__", None)]


def _keep_part(part):
    if isinstance(part, torch.Generator):
        state = part.get_state()
        return lambda: part.set_state(state)
    if isinstance(part, np.random.Generator):
        numbers = part.bit_generator.state
        return lambda: setattr(part.bit_generator, "state", numbers)
    if isinstance(part, random.Random):
        python = part.getstate()
        return lambda: part.setstate(python)
    if isinstance(part, DataLoader | Sampler | Dataset) or _is_plain(part):
        return _keep_attributes(part)
    return None


def _is_plain(part) -> bool:
    """An object of a class written in Python outside the large libraries, so it may count."""
    module = type(part).__module__.partition(".")[0]
    libraries = ("torch", "numpy", "builtins", "datasets", "pyarrow", "pandas", "transformers")
    return hasattr(part, "__dict__") and module not in libraries and not callable(part)
