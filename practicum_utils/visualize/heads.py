"""Maps of self-attention: which position looks at which, head by head, with the numbers below."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from IPython.display import display

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams.canvas import CARD, Diagram, finish
from practicum_utils.visualize.token_png import FONT, drawable

NAMED = 32  # with more tokens than this their names would overlap, so places are written instead
ROOMY = 20  # up to so many tokens, names are written larger
RAMP = "Blues"
LONGEST_LABEL = 10  # letters; longer words are cut


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
        display(_draw_maps(tokens, maps))
        for name, head in _named(maps):
            print(f"{name}: {_habits(tokens, head)}")
        return
    place = _place(tokens, query)
    display(_draw_rows(tokens, maps, place))
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


def _draw_maps(tokens: Sequence[str], maps: torch.Tensor) -> Diagram:
    T, heads, largest = maps.shape[-1], list(_named(maps)), float(maps.max())
    most, side = (2, 4.9) if T <= NAMED else (3, 3.2)
    across = min(most, len(heads))
    down = math.ceil(len(heads) / across)
    size = CARD * across / most, down * side
    figure, axes = plt.subplots(down, across, figsize=size, facecolor="white", squeeze=False)
    for axis in axes.flat[len(heads) :]:
        axis.remove()
    for axis, (name, head) in zip(axes.flat, heads, strict=False):
        axis.imshow(head.numpy(), cmap=RAMP, vmin=0, vmax=largest, interpolation="nearest")
        axis.set_title(name, fontsize=11)
        axis.set_xlabel("is looked at", fontsize=9)
        axis.set_ylabel("looks", fontsize=9)
        _name_places(axis, axis.yaxis, tokens, NAMED)
        _name_places(axis, axis.xaxis, tokens, NAMED)
    figure.tight_layout()
    caption = (
        f"Row by row, where each word looks. White is 0, the darkest blue is {largest:.2f}; an "
        f"even share would be {1 / T:.3f}."
    )
    alt = (
        f"{len(heads)} maps of {T} times {T} weights, one for each head; rows are the words that "
        "look, columns the words that are looked at. What stands out in each is printed with it."
    )
    return finish(figure, caption, alt)


def _draw_rows(tokens: Sequence[str], maps: torch.Tensor, place: int) -> Diagram:
    rows = maps[:, :, place].flatten(0, 1)  # (layers * heads, T)
    count, word = len(rows), clean_word(tokens[place])
    figure, axis = plt.subplots(figsize=(CARD, 0.34 * count + 1.3), facecolor="white")
    axis.imshow(rows.numpy(), cmap=RAMP, vmin=0, aspect="auto", interpolation="nearest")
    axis.set_yticks(range(count), [name for name, _ in _named(maps)], fontsize=9)
    _name_places(axis, axis.xaxis, tokens, 2 * NAMED)
    axis.axvline(place, color="#D55E00", linewidth=1)
    figure.tight_layout()
    caption = (
        f"Where '{word}' (place {place}) looks. White is 0, the darkest blue is {rows.max():.2f}."
    )
    alt = (
        f"A row of {len(tokens)} weights for each of {count} heads: where '{word}' looks; an "
        "orange line marks the word itself. The largest weights of each are printed with it."
    )
    return finish(figure, caption, alt)


def _name_places(axis, side, tokens: Sequence[str], most: int) -> None:
    """Write the words along the x or y axis, or places if they are more than ``most``."""
    axis.tick_params(labelsize=9)
    if len(tokens) > most:
        return
    labels = [drawable(_cut(clean_word(token))) for token in tokens]
    look = {"fontsize": 9 if len(tokens) <= ROOMY else 7.5, "family": FONT, "parse_math": False}
    side.set_ticks(range(len(tokens)), labels, rotation=90 if side is axis.xaxis else 0, **look)


def _cut(word: str) -> str:
    return word if len(word) <= LONGEST_LABEL else f"{word[: LONGEST_LABEL - 1]}…"


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
