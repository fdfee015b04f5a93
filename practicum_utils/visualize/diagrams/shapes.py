"""The flow of shapes through any model, from one forward pass, up to where it stops."""

import copy
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.rnn import PackedSequence

from practicum_utils.data import Batch
from practicum_utils.support.environment import evaluating, keep_random_numbers
from practicum_utils.support.html import clean_word, escape

MOST_ROWS, MOST_PARTS = 60, 6  # lines of a table, parts of a tuple
LONGEST_SHAPE, LONGEST_ERROR = 120, 300  # characters
FAULT = "background-color:#fde4d3;color:#7a2a05;"  # a line that refused, on light and on dark
HEAD = ("", "module", "class", "comes in", "goes out", "parameters")


@dataclass
class _Call:
    """A module that was called: what came, what it gave, its inner calls.

    given: what came, itself; only until the module has answered.
    """

    name: str
    module: nn.Module
    came: str
    given: tuple = ()
    gave: str = ""
    inner: list["_Call"] = field(default_factory=list)
    times: int = 1


@dataclass(frozen=True)
class ShapeFlow:
    """A table of shapes with its caption; displays itself in a notebook, prints as text.

    caption: in a sentence, what came out, or what refused and why.
    rows: one for each call, as texts: number, module, class, comes in, goes out, parameters.
    refused: whether the last row refused; the pass ended there.
    """

    caption: str
    rows: list[tuple[str, ...]]
    refused: bool

    def __str__(self) -> str:
        """The text form: the caption, and the rows in columns."""
        table = [HEAD, *self.rows]
        widths = [max(len(row[place]) for row in table) for place in range(len(HEAD))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        return "\n".join([self.caption, *lines])

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        cell = "text-align:left;padding:2px 10px;vertical-align:top;"
        head = "".join(f'<th style="{cell}">{name}</th>' for name in HEAD)
        body = [_row(row, cell) for row in self.rows]
        if self.refused:
            body[-1] = _row(self.rows[-1], cell + FAULT)
        html = f"<p>{escape(self.caption)}</p><table><tr>{head}</tr>{''.join(body)}</table>"
        return {"text/plain": str(self), "text/html": html}


def _row(texts: tuple[str, ...], style: str) -> str:
    cells = [f'<td style="{style}">{escape(text)}</td>' for text in texts]
    return f"<tr>{''.join(cells)}</tr>"


def show_shapes(model: nn.Module, *batch, **named) -> ShapeFlow:
    """Show the shapes on the way through a model: each module that is called, in order.

    batch, named: what the model is called with; a ``Batch`` of ``make_loader`` stands for its token
        ids and lengths, a dict for the arguments of those names, if the model has them.
    It is one forward pass in evaluation mode, without gradients; modes, hooks, buffers and random
    numbers are left as they were. A module that calls no others gets a row: its name in the model,
    its class, the shapes that come in and go out, and its number of parameters, at its first call.
    B and T are named where the batch tells them.
    A pass that raises is shown until there, with what the module that refused was made for.
    Raises TypeError for a model that is no ``nn.Module``.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"show_shapes takes an nn.Module, and this is a {type(model).__name__}.")
    batch, named = _arguments(model, batch, named)
    if any(map(is_lazy, model.parameters())):
        model = copy.deepcopy(model)  # this pass would settle the sizes of its layers
    sizes = _Sizes.told_by(model, [*batch, *named.values()])
    whole, last, error = _watched(model, batch, named, sizes)
    calls = _merged(list(_leaves(whole, last if error else None)))
    rows, seen = [], set()
    for call in calls:
        rows.append(_texts(len(rows) + 1, call, seen))
    if error:
        rows[-1] = (*rows[-1][:4], _refusal(last), rows[-1][5])
    caption = _refused(last, error) if error else _passed(whole)
    return ShapeFlow(caption, _shortened(rows), bool(error))


def _arguments(model: nn.Module, batch: tuple, named: dict) -> tuple[tuple, dict]:
    """What the model is called with: a batch of the course's, or a dict, is taken apart."""
    if len(batch) != 1 or named:
        return batch, named
    (only,) = batch
    if isinstance(only, Batch):
        return (only.token_ids, only.lengths), {}
    if isinstance(only, Mapping) and set(only) <= set(inspect.signature(model.forward).parameters):
        return (), dict(only)
    return batch, named


@dataclass(frozen=True)
class _Sizes:
    """How large B and T are; None where the batch does not tell, or a layer has the same size."""

    B: int | None = None
    T: int | None = None

    @classmethod
    def told_by(cls, model: nn.Module, given: list) -> "_Sizes":
        """From token ids (B, T), from (B, T, E) with lengths (B,), or from (B, ...)."""
        shapes = [tuple(one.shape) for one in given if _is_dense(one)]
        first = next((one for one in given if _is_dense(one)), None)
        if first is None or first.dim() not in (2, 3, 4):
            return cls()
        in_time = first.dim() == 2 and not first.is_floating_point()
        if first.dim() == 3:
            in_time = (len(first),) in shapes[1:]
            if not in_time:  # (B, T, E) or (T, B, E)
                return cls()
        B, T = first.shape[0], first.shape[1] if in_time else None
        of_layers = {size for module in model.modules() for size in _widths(module)}
        return cls(B, None if T in of_layers or T == B else T)

    def of(self, shape) -> str:
        """A shape, as (B=64, T=256, 64); a state of an LSTM has B in its second place."""
        if not shape:
            return "one number"
        texts = []
        for place, size in enumerate(shape):
            is_batch = size == self.B and (place == 0 or (place == 1 and shape[0] != self.B))
            is_time = place > 0 and size == self.T and shape[0] == self.B
            texts.append(f"{'B=' if is_batch else 'T=' if is_time else ''}{size}")
        return f"({', '.join(texts)}{',' * (len(texts) == 1)})"

    def describe(self, value) -> str:
        """What was handed over, as shapes."""
        if isinstance(value, PackedSequence):  # a tuple, too
            return f"packed {self.of(value.data.shape)}"
        if isinstance(value, torch.Tensor):
            return self.of(value.shape) if _is_dense(value) else "nested tensor"
        if isinstance(value, Mapping):
            parts = [f"{key}: {self.describe(part)}" for key, part in value.items()]
            return f"{{{_joined(parts)}}}"
        if isinstance(value, tuple | list):
            return f"({_joined([self.describe(part) for part in value])})"
        plain = _is_switch(value) or isinstance(value, int | float | str)
        return clean_word(repr(value) if plain else type(value).__name__)

    def handed_in(self, given: tuple, named: dict) -> str:
        """The arguments of a call, without None and the switches."""
        parts = [self.describe(part) for part in given if not _is_switch(part)]
        parts += [f"{k}={self.describe(part)}" for k, part in named.items() if not _is_switch(part)]
        return _joined(parts)

    def handed_out(self, value) -> str:
        """What a call returned; the parts of a tuple side by side."""
        return self.handed_in(value, {}) if type(value) is tuple else self.describe(value)


def _is_switch(value) -> bool:
    return value is None or isinstance(value, bool)


def _is_dense(value) -> bool:
    """Whether a value is a tensor with one shape."""
    return isinstance(value, torch.Tensor) and not value.is_nested


def _widths(module: nn.Module) -> set[int]:
    """How many numbers a module may take or give at a place."""
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):  # whose gates, 4 * H, never come out
        return {module.input_size, module.hidden_size, 2 * module.hidden_size}
    parts = [tuple(one.shape) for one in module.parameters(recurse=False) if not is_lazy(one)]
    # How many rows an embedding has is no size of what it gives.
    return {size for shape in parts for size in (shape if len(shape) == 1 else shape[1:])}


def _joined(parts: list[str]) -> str:
    shown = parts[:MOST_PARTS] + ["…"] * (len(parts) > MOST_PARTS)
    text = ", ".join(shown)
    return text if len(text) <= LONGEST_SHAPE else f"{text[:LONGEST_SHAPE]}…"


def _watched(model, batch, named, sizes) -> tuple[_Call, _Call, Exception | None]:
    """One pass: the call of the model, the call that ran last, and what it raised."""
    names = {module: name for name, module in model.named_modules()}
    running = [_Call("", model, "")]

    def enter(module, given, named) -> None:
        parts = (*given, *named.values())
        call = _Call(names[module], module, sizes.handed_in(given, named), parts)
        running[-1].inner.append(call)
        running.append(call)

    def leave(module, given, named, gave) -> None:
        while running[-1].module is not module:  # a call whose error the model has caught
            running.pop()
        call = running.pop()
        call.given, call.gave = (), sizes.handed_out(gave)

    outside, error = running[0], None
    with _untouched(model), _hooks(names, enter, leave):
        try:
            model(*batch, **named)
        except Exception as raised:  # whatever it is, it is shown
            error = raised
    return outside.inner[0], running[-1], error


@contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, no short cuts; afterwards all is as it was."""
    put_back, short_cuts = keep_random_numbers(), torch.backends.mha.get_fastpath_enabled()
    kept = [(buffer, buffer._version, buffer.clone()) for buffer in model.buffers()]
    torch.backends.mha.set_fastpath_enabled(False)  # which has shapes of its own, and a warning
    try:
        with evaluating(model), torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(short_cuts)
        put_back()
        for buffer, version, before in kept:
            if buffer._version != version:
                buffer.copy_(before)


@contextmanager
def _hooks(modules: Iterable[nn.Module], enter, leave) -> Iterator[None]:
    hooks = []
    try:
        for module in modules:
            hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            hooks.append(module.register_forward_hook(leave, with_kwargs=True))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _leaves(call: _Call, refused: _Call | None) -> Iterator[_Call]:
    """The calls that called no others, in order, and the one that refused."""
    for inner in call.inner:
        yield from _leaves(inner, refused)
    if not call.inner or call is refused:
        yield call


def _merged(calls: list[_Call]) -> list[_Call]:
    """Of too many calls, those of one module with the same shapes as one, where it was first."""
    if len(calls) <= MOST_ROWS:
        return calls
    found: dict[tuple, _Call] = {}
    for call in calls:
        same = found.setdefault((id(call.module), call.came, call.gave), call)
        same.times += same is not call
    return list(found.values())


def _shortened(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    more = ("…", f"{len(rows) - 2 * half} more", "", "", "", "")
    return [*rows[:half], more, *rows[-half:]]


def _texts(number: int, call: _Call, seen: set) -> tuple[str, ...]:
    """A call as a row; seen: the modules of earlier rows, to which this one is added."""
    again = call.module in seen
    seen.add(call.module)
    name = clean_word(call.name or "(the model)", LONGEST_SHAPE)
    times = f" ({call.times} times)" if call.times > 1 else ""
    parameters = "as before" if again else f"{_count(call.module):,}"
    return str(number), name + times, type(call.module).__name__, call.came, call.gave, parameters


def _count(module: nn.Module) -> int:
    return sum(part.numel() for part in module.parameters())


def _passed(whole: _Call) -> str:
    return (
        f"{type(whole.module).__name__} turns {whole.came} into {whole.gave}, with "
        f"{_count(whole.module):,} parameters."
    )


def _refused(call: _Call, error: Exception) -> str:
    message = next(iter(str(error).strip().splitlines()), "")
    if len(message) > LONGEST_ERROR:
        message = f"{message[:LONGEST_ERROR]}…"
    name = (
        f"{call.name} ({type(call.module).__name__})" if call.name else type(call.module).__name__
    )
    return f"{name} got {call.came or 'nothing'} and stopped. {type(error).__name__}: {message}"


def _refusal(call: _Call) -> str:
    """What stands where a module that refused would have given something."""
    if call.inner:
        return f"stopped in its own code, after {call.inner[-1].name}"
    wanted = _made_for(call.module)
    return f"refused: it takes {wanted}{_ids(call)}" if wanted else "refused"


def _made_for(module: nn.Module) -> str:
    """The shape that a layer takes, as far as its class is known."""
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return f"ids from 0 to {module.num_embeddings - 1:,}"
    if isinstance(module, nn.LayerNorm):
        return f"(..., {', '.join(map(str, module.normalized_shape))})"
    for name in ("in_features", "input_size", "embed_dim"):
        if hasattr(module, name):
            return f"(..., {getattr(module, name)})"
    for name in ("in_channels", "num_features"):
        if hasattr(module, name):
            return f"(B, {getattr(module, name)}, ...)"
    return ""


def _ids(call: _Call) -> str:
    """The ids that came to an embedding."""
    ids = next((one for one in call.given if _is_dense(one) and one.numel()), None)
    if ids is None or not isinstance(call.module, nn.Embedding | nn.EmbeddingBag):
        return ""
    return f", and {ids.min().item():,} to {ids.max().item():,} came"
