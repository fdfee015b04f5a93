"""A Transformer block drawn from one forward pass: its layers, sums and norms, with real sizes.

Whether a sum is there, and where a normalisation stands, is found in the numbers: a block without
its residual connection is drawn without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from matplotlib.patches import Circle
from torch import nn

from practicum_utils.support.environment import evaluating, keep_random_numbers
from practicum_utils.visualize.diagrams.canvas import (
    CELL,
    FAULT,
    GREY,
    INK,
    Diagram,
    arrow,
    blank,
    box,
    chosen_cells,
    column,
    finish,
    numbers,
    scale_of,
    write,
)

TITLES = {"attention": "attention", "network": "feed-forward network"}
STREAM, BRANCH = 1.0, 2.7  # heights of what passes by the layers, and of the layers, in inches
STEP, POST = 3.55, 0.78  # inches along a layer, and along a normalisation behind it


def draw_block(block: nn.Module, x: torch.Tensor, mask: torch.Tensor | None = None) -> Diagram:
    """Draw what one Transformer block does to vectors, from one forward pass.

    block: a TransformerBlock, called with (x, mask), or an ``nn.TransformerEncoderLayer`` with
        ``batch_first``; its attention is the part with "att" in its name, its normalisations are
        those with "norm", and its other layers are the feed-forward network.
    x: (B, T, E) or (T, E).  mask: (B, T) or (T,), True on real words; all are without it.
    Columns are the numbers of the first word, sizes are standard deviations of the vectors of all
    real words. A layer's output that is not added to what came in is drawn so, in orange, and said.
    Modes, hooks and random numbers are as before. Raises ValueError for other shapes, and for a
    block in which no attention or no feed-forward network was at work.
    """
    x, mask = _batch(x, mask)
    calls, result = _watch(block, x, mask)
    seen = _Seen(_steps(_merged(calls, mask), _vectors(x, mask), _vectors(result, mask)))
    figure, axis = blank(seen.width, 3.35)
    left = 0.15
    for step in seen.steps:
        _draw_step(axis, step, left, seen)
        left += STEP + POST * step.norm_after
    _draw_column(axis, left + 0.3, STREAM, seen.steps[-1].after, seen, "out")
    return finish(figure, seen.caption(), seen.alt())


@dataclass(frozen=True)
class _Call:
    """One call of a part of the block: its kind, what it was given and what it made, (B, T, E).

    Later on the vectors of the real words only, (N, E).
    """

    kind: str
    given: torch.Tensor | np.ndarray
    made: torch.Tensor | np.ndarray


@dataclass
class _Step:
    """A layer with what is around it; the arrays are vectors of the real words (N, E).

    past: what is carried past the layer.  read: what the layer works on.
    after: the sum, normalised where ``norm_after``.
    adds: whether the layer's output is added to ``past``; None if neither that nor what was made
    alone goes on.
    """

    kind: str
    past: np.ndarray
    read: np.ndarray
    made: np.ndarray
    after: np.ndarray
    norm_before: bool
    norm_after: bool
    adds: bool | None

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    def fault(self) -> str:
        if self.adds is None:
            return (
                f"Behind the {self.title} stands neither its output nor the sum of that and what "
                "came in."
            )
        if not self.adds:
            return (
                f"The output of the {self.title} replaces what came in: there is no residual "
                "connection around it."
            )
        return ""


@dataclass(frozen=True)
class _Seen:
    """The steps of a block, as its numbers tell them."""

    steps: list[_Step]

    @property
    def width(self) -> float:
        return sum(STEP + POST * step.norm_after for step in self.steps) + 0.75

    @property
    def scale(self) -> float:
        arrays = [array[:1] for s in self.steps for array in (s.past, s.made, s.after)]
        return scale_of(*arrays)

    def norms(self) -> str:
        before, after = (
            [getattr(step, side) for step in self.steps] for side in ("norm_before", "norm_after")
        )
        if all(before) and not any(after):
            return "each layer reads normalised vectors (pre-norm)"
        if all(after) and not any(before):
            return "each sum is normalised (post-norm)"
        if not any(before + after):
            return "nothing is normalised"
        parts = [f"before the {step.title}" for step in self.steps if step.norm_before]
        parts += [f"after the {step.title}" for step in self.steps if step.norm_after]
        return f"vectors are normalised {' and '.join(parts)} only"

    def sizes(self) -> str:
        sizes = [f"{_size(self.steps[0].past):.2f} at the beginning"]
        sizes += [f"{_size(step.after):.2f} after the {step.title}" for step in self.steps]
        return f"The standard deviation of a word's vector is {', '.join(sizes)}."

    def caption(self) -> str:
        faults = [step.fault() for step in self.steps if step.fault()]
        if not faults:
            return (
                f"Each layer's output is added to what came in, and {self.norms()}. {self.sizes()}"
            )
        return f"{' '.join(faults)} As for the normalisations: {self.norms()}. {self.sizes()}"

    def alt(self) -> str:
        parts = []
        for step in self.steps:
            before = "a normalisation and " if step.norm_before else ""
            joined = {True: "is added to", False: "replaces", None: "does not fit with"}[step.adds]
            after = ", then a normalisation" if step.norm_after else ""
            parts.append(
                f"through {before}the {step.title}, whose output (standard deviation "
                f"{_size(step.made):.2f}) {joined} what passes by{after}"
            )
        return (
            f"A block from left to right: the vectors go {'; then '.join(parts)}. The columns are "
            "numbers of the first word's vector."
        )


def _size(vectors: np.ndarray) -> float:
    """Mean over the words of the standard deviation of a word's numbers."""
    return float(vectors.std(axis=1).mean())


def _batch(x: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """x as (B, T, E) and the mask as (B, T); ValueError for other shapes."""
    numbers(x, dims=2 if x.dim() == 2 else 3, name="x (B, T, E)")
    x = x.unsqueeze(0) if x.dim() == 2 else x
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    mask = mask.unsqueeze(0) if mask.dim() == 1 else mask
    if mask.shape != x.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(
            f"The mask must be {tuple(x.shape[:2])}, of True and False, for x of shape "
            f"{tuple(x.shape)}; it is {tuple(mask.shape)}, {mask.dtype}."
        )
    return x, mask


def _kind(name: str, part: nn.Module) -> str | None:
    """What a part of a block is, by its name and class; None for what has no weights."""
    if "norm" in f"{name} {type(part).__name__}".lower():
        return "norm"
    if "att" in f"{name} {type(part).__name__}".lower():
        return "attention"
    return "network" if any(True for _ in part.parameters()) else None


def _watch(block: nn.Module, x, mask) -> tuple[list[_Call], torch.Tensor]:
    """Run the block once, in evaluation mode; the calls of its parts in order, and its result."""
    calls = []
    put_back = keep_random_numbers()
    try:
        # With gradients, as PyTorch's own layer has a short cut that calls none of its parts.
        with _listening(block, calls), evaluating(block), torch.enable_grad():
            result = _run(block, x.detach().clone().requires_grad_(), mask)
    finally:
        put_back()
    return calls, result.detach()


def _run(block: nn.Module, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    if isinstance(block, nn.TransformerEncoderLayer):
        if not block.self_attn.batch_first:
            raise ValueError("This layer reads (T, B, E); make it with batch_first=True.")
        return block(x, src_key_padding_mask=~mask)  # True on padding, there
    result = block(x, mask)
    return result[0] if isinstance(result, tuple) else result


@contextmanager
def _listening(block: nn.Module, calls: list[_Call]) -> Iterator[None]:
    """Note the calls of the block's parts for a while."""

    def listen_as(kind: str):
        def listen(_, args, kwargs, made) -> None:
            given = next(value for value in (*args, *kwargs.values()) if torch.is_tensor(value))
            made = made[0] if isinstance(made, tuple) else made
            calls.append(_Call(kind, given.detach(), made.detach()))

        return listen

    kinds = {part: _kind(name, part) for name, part in block.named_children()}
    handles = [
        part.register_forward_hook(listen_as(kind), with_kwargs=True)
        for part, kind in kinds.items()
        if kind
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _vectors(values: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """The vectors of the real words, (N, E)."""
    return values.detach()[mask].cpu().double().numpy()


def _merged(calls: list[_Call], mask: torch.Tensor) -> list[_Call]:
    """The calls with the real words' vectors; layers of the network in a row are one call."""
    merged = []
    for call in calls:
        given, made = _vectors(call.given, mask), _vectors(call.made, mask)
        if merged and call.kind == merged[-1].kind == "network":
            given = merged.pop().given
        merged.append(_Call(call.kind, given, made))
    return merged


def _steps(calls: list[_Call], x: np.ndarray, result: np.ndarray) -> list[_Step]:
    """The layers in order, each with what is around it."""
    norms = [call for call in calls if call.kind == "norm"]
    layers = [call for call in calls if call.kind != "norm"]
    for kind, title in TITLES.items():
        if kind not in [layer.kind for layer in layers]:
            raise ValueError(
                f"No {title} was at work in this block: draw_block wants a block whose parts "
                "are called from its forward, the attention by a name with 'att' in it."
            )
    steps = []
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        fronts = _in_front(layer.given, norms)
        pasts = fronts if steps else [(x, normed) for _, normed in fronts[:1]]
        goals = _behind(result, norms) if following is None else _ahead(following.given, norms)
        step = _step(layer, pasts, goals)
        if steps and not step.norm_before and len(fronts) > 1:  # it belongs to the sum before it
            steps[-1].norm_after, steps[-1].after = True, layer.given
        steps.append(step)
    return steps


def _in_front(read: np.ndarray, norms: list[_Call]) -> list[tuple[np.ndarray, bool]]:
    """What may pass by a layer that reads this: what a norm before it was given, or the same.

    The bool says whether a normalisation then stands in front of the layer alone.
    """
    return [(norm.given, True) for norm in norms if _same(norm.made, read)] + [(read, False)]


def _ahead(read: np.ndarray, norms: list[_Call]) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """What may be the sum before a layer that reads this: (sum, what goes on, normalised)."""
    return [(value, value, False) for value, _ in _in_front(read, norms)]


def _behind(result: np.ndarray, norms: list[_Call]) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """What may be the last sum, of which a normalisation may make the block's result."""
    normed = [(norm.given, result, True) for norm in norms if _same(norm.made, result)]
    return [(result, result, False), *normed]


def _step(layer: _Call, pasts: list, goals: list) -> _Step:
    """The layer with its sum, if there is one among what may pass by it and what may follow."""
    kind, read, made = layer.kind, layer.given, layer.made
    for (goal, after, norm_after), (past, normed) in product(goals, pasts):
        if _same(goal, past + made):
            return _Step(kind, past, read, made, after, normed, norm_after, adds=True)
    past, normed = pasts[0]
    for goal, after, norm_after in goals:
        if _same(goal, made):
            return _Step(kind, past, read, made, after, normed, norm_after, adds=False)
    return _Step(kind, past, read, made, goals[0][1], normed, False, adds=None)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() <= 1e-4 * scale_of(one))


def _draw_step(axis, step: _Step, left: float, seen: _Seen) -> None:
    """One layer, its left end at so many inches: what passes by below, what it does above."""
    start, sum_at, up = left + 0.3, left + 3.02, left + 0.68
    _draw_column(axis, start, STREAM, step.past, seen, "in" if step is seen.steps[0] else "")
    path = {"color": INK, "linewidth": 1.4, "solid_capstyle": "butt"}
    axis.plot([start + 0.22, up, up], [STREAM, STREAM, BRANCH], **path)
    if step.norm_before:
        arrow(axis, (up, BRANCH), (left + 0.84, BRANCH))
        box(axis, left + 1.11, BRANCH, 0.54, 0.4, "norm")
        up_to = left + 1.38
        write(axis, left + 1.47, BRANCH + 0.4, f"sd {_size(step.read):.2f}", fontsize=9.5)
    else:
        up_to = up
    arrow(axis, (up_to, BRANCH), (left + 1.53, BRANCH))
    box(axis, left + 2.06, BRANCH, 1.06, 0.5, step.title.split()[0], facecolor="#dbe7f3")
    arrow(axis, (left + 2.59, BRANCH), (sum_at - 0.21, BRANCH))
    _draw_column(axis, sum_at, BRANCH, step.made, seen, "")
    _draw_sum(axis, step, up, sum_at)
    if step.norm_after:
        box(axis, sum_at + 0.64, STREAM, 0.56, 0.4, "norm")
        arrow(axis, (sum_at + 0.92, STREAM), (left + STEP + POST + 0.1, STREAM))


def _draw_sum(axis, step: _Step, up: float, sum_at: float) -> None:
    """Where the layer's output meets what passed by, or takes its place."""
    below = BRANCH - CELL[1] * 4 - 0.28
    colour = INK if step.adds else FAULT
    end = sum_at + (0.36 if step.norm_after else 0.62)
    if step.adds is False:
        write(axis, (up + sum_at) / 2, STREAM, "no residual connection", color=FAULT, fontsize=9)
        axis.plot([sum_at, sum_at], [below, STREAM], color=INK, linewidth=1.4)
        arrow(axis, (sum_at, STREAM), (end, STREAM))
        return
    arrow(axis, (up, STREAM), (sum_at - 0.14, STREAM), 1.4)
    arrow(axis, (sum_at, below), (sum_at, STREAM + 0.14), 1.4)
    axis.add_patch(
        Circle((sum_at, STREAM), 0.14, facecolor="white", edgecolor=colour, linewidth=1.4)
    )
    write(axis, sum_at, STREAM, "+" if step.adds else "?", fontsize=12, color=colour)
    arrow(axis, (sum_at + 0.14, STREAM), (end, STREAM))


def _draw_column(axis, x: float, y: float, vectors: np.ndarray, seen: _Seen, name: str) -> None:
    """The first word's vector as a column with its middle at x, y, its size below it."""
    shown = vectors[0, chosen_cells(vectors.shape[1])]
    low = y - CELL[1] * len(shown) / 2
    column(axis, x, low, shown, seen.scale)
    write(axis, x, low - 0.13, f"sd {_size(vectors):.2f}", fontsize=9.5)
    if name:
        write(axis, x, low - 0.34, name, fontsize=9.5, color=GREY)
