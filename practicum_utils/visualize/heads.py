"""Maps of self-attention: which position looks at which, head by head, with the numbers below."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.token_png import FONT, drawable

NAMED = 32  # with more tokens than this their names would overlap, so places are written instead
RAMP = "Blues"
LETTERS = {"fontsize": 7, "family": FONT, "parse_math": False}
GRID = {"squeeze": False, "sharex": True, "sharey": True}
LONGEST_LABEL = 16


def show_heads(
    tokens: Sequence[str], weights: torch.Tensor, query: int | str | None = None
) -> None:
    """Draw the attention maps of one review and print for each head what it looks at.

    weights: (layers, heads, T, T) or (heads, T, T), as a TransformerClassifier returns them for
        this review; row t says where position t looks, and sums to 1.
    query: a place, or a word (its first occurrence): only where that one looks.
    Raises ValueError if the sizes do not fit, IndexError or ValueError for a query not there.
    """
    maps = _checked(tokens, weights)
    if query is None:
        _draw_maps(tokens, maps)
        for name, head in _named(maps):
            print(f"{name}: {_habits(tokens, head)}")
        return
    place = _place(tokens, query)
    _draw_rows(tokens, maps, place)
    print(f"Where '{clean_word(tokens[place])}' (place {place}) looks:")
    for name, head in _named(maps):
        print(f"{name}: {_top(tokens, head[place])}")


def _checked(tokens: Sequence[str], weights: torch.Tensor) -> torch.Tensor:
    maps = torch.as_tensor(weights).detach().cpu().float()
    while maps.dim() > 4 and len(maps) == 1:
        maps = maps[0]
    if maps.dim() == 3:
        maps = maps.unsqueeze(0)
    T = len(tokens)
    if maps.dim() != 4 or maps.shape[2:] != (T, T) or T == 0:
        raise ValueError(
            f"For {T} tokens the weights must be (layers, heads, {T}, {T}), of one review; got "
            f"{tuple(torch.as_tensor(weights).shape)}."
        )
    return maps


def _place(tokens: Sequence[str], query: int | str) -> int:
    if isinstance(query, str):
        if query not in tokens:
            raise ValueError(f"The word {query!r} is not in this review.")
        return list(tokens).index(query)
    if not 0 <= query < len(tokens):
        raise IndexError(f"There is no place {query}; there are 0 to {len(tokens) - 1}.")
    return query


def _named(maps: torch.Tensor):
    for layer, heads in enumerate(maps, start=1):
        for head, one in enumerate(heads, start=1):
            yield f"layer {layer}, head {head}", one


def _draw_maps(tokens: Sequence[str], maps: torch.Tensor) -> None:
    layers, heads, T, _ = maps.shape
    named = T <= NAMED
    side = 3.4 if named else 2.4
    size = (side * heads, side * layers)
    figure, axes = plt.subplots(layers, heads, figsize=size, facecolor="white", **GRID)
    for axis, (name, head) in zip(axes.flat, _named(maps), strict=True):
        axis.imshow(
            head.numpy(), cmap=RAMP, vmin=0, vmax=float(maps.max()), interpolation="nearest"
        )
        axis.set_title(name, fontsize=9)
        if named:
            axis.set_xticks(range(T), _labels(tokens), rotation=90, **LETTERS)
            axis.set_yticks(range(T), _labels(tokens), **LETTERS)
    figure.supxlabel("is looked at", fontsize=9)
    figure.supylabel("looks", fontsize=9)
    figure.tight_layout()
    plt.show()
    print(f"white is 0, the darkest blue is {maps.max():.2f}; an even share would be {1 / T:.3f}")


def _draw_rows(tokens: Sequence[str], maps: torch.Tensor, place: int) -> None:
    rows = maps[:, :, place].flatten(0, 1)  # (layers * heads, T)
    count, T = rows.shape
    figure, axis = plt.subplots(figsize=(10, 0.3 * count + 1.2), facecolor="white")
    axis.imshow(rows.numpy(), cmap=RAMP, vmin=0, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(count), [name for name, _ in _named(maps)], fontsize=8)
    if T <= 2 * NAMED:
        axis.set_xticks(range(T), _labels(tokens), rotation=90, **LETTERS)
    axis.axvline(place, color="#D55E00", linewidth=1)
    figure.tight_layout()
    plt.show()


def _labels(tokens: Sequence[str]) -> list[str]:
    return [drawable(clean_word(token, LONGEST_LABEL)) for token in tokens]


def _habits(tokens: Sequence[str], head: torch.Tensor) -> str:
    """How much a head looks at itself and its neighbours, how sharply, and at which words most."""
    T = len(tokens)
    parts = []
    for name, step in (("itself", 0), ("one back", -1), ("one ahead", 1)):
        if abs(step) < T:
            parts.append(f"{name} {head.diagonal(step).mean():.2f}")
    entropy = torch.special.entr(head).sum(dim=1).mean()
    parts.append(f"entropy {entropy:.1f} of {math.log(T):.1f} nats")
    return f"{', '.join(parts)}; most looked at: {_top(tokens, head.mean(dim=0))}"


def _top(tokens: Sequence[str], weights: torch.Tensor, count: int = 3) -> str:
    places = weights.argsort(descending=True)[:count].tolist()
    return ", ".join(f"{clean_word(tokens[place])} {weights[place]:.2f}" for place in places)
