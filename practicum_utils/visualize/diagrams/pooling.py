"""Pooling by weights: how the vectors at a review's words become one vector.

What holds for a correct model is looked for in the numbers: the weights sum to 1, padding has none
of them, the pooled vector is the sum of the states by their weights. Where it does not hold, the
picture and its caption say so, whatever program the tensors come from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Polygon, Rectangle

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams.canvas import (
    CELL,
    FAULT,
    GREY,
    INK,
    MINUS_INFINITY,
    NEAR,
    PADDING,
    PALE,
    WEIGHT,
    Diagram,
    blank,
    chosen_cells,
    column,
    finish,
    numbers,
    scale_of,
    write,
)

MOST_WORDS = 14  # that fit side by side
EVEN = 2.0  # weights between half an even share and this many are called nearly even
LONGEST = 18  # letters of a word
QUOTES = "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
LEFT, RIGHT = 1.05, 0.2  # inches beside the columns; the names of the rows stand on the left
NARROWEST, LETTER = 0.6, 0.095  # inches for a column and for a letter of its word
WIDEST = 9.2  # inches; above, every second word stands a line lower
WHOLE = 0.72  # inches, the width of all arrows together
HIGH = 0.85  # inches for a row of bars, of which a weight of 1 takes 0.5


@dataclass(frozen=True)
class _Pooling:
    """One review's numbers: states (T, H), scores and weights (T,), pooled (H,)."""

    words: list[str]
    states: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    pooled: np.ndarray

    @property
    def padding(self) -> np.ndarray:
        """Which places (T,) have no word."""
        return np.array([word == PADDING for word in self.words])

    @property
    def on_padding(self) -> float:
        """How much weight lies where no word is."""
        return float(np.abs(self.weights[self.padding]).sum())

    @property
    def off(self) -> float:
        """The largest difference between the pooled vector and the weighted sum of the states."""
        return float(np.abs(self.weights @ self.states - self.pooled).max())

    @property
    def is_sum(self) -> bool:
        return self.off <= NEAR * scale_of(self.states, self.pooled)


def draw_pooling(words: Sequence[str], states, scores, weights, pooled) -> Diagram:
    """One review's pooling: its words, their states as columns, scores, weights, the pooled vector.

    words: up to T of them; a place after the last one, and a word ``<pad>``, is padding.
    states (T, H), scores (T,) as the softmax gets them, weights (T,), pooled (H,): of one review,
        T at most 14. Of a long vector eight numbers are drawn, evenly chosen.
    An arrow is as wide as its weight. Weight on padding, weights that do not sum to 1 and a pooled
    vector that is not the weighted sum are drawn and named as faults.
    Raises ValueError, in one sentence, for shapes that do not fit together.
    """
    shown = _read(words, states, scores, weights, pooled)
    faults = _faults(shown)
    middles, width, lower = _places(shown.words)
    levels = _levels(_tall(shown), lower)
    figure, axis = blank(width, levels["title"] + 0.25)
    _draw_names(axis, shown, levels)
    for place, x in enumerate(middles):
        _draw_place(axis, shown, place, x, levels, lower)
    middle = (middles[0] + middles[-1]) / 2
    _draw_arrows(axis, shown, middles, middle, levels)
    _draw_pooled(axis, shown, middle, levels)
    _draw_note(axis, shown, width)
    return finish(figure, _caption(shown, faults), _description(shown, faults))


def _read(words, states, scores, weights, pooled) -> _Pooling:
    states = numbers(states, dims=2, name="states")
    T, H = states.shape
    scores, weights, pooled = (
        numbers(values, dims=1, name=name)
        for name, values in (("scores", scores), ("weights", weights), ("pooled", pooled))
    )
    found = len(words), len(scores), len(weights), len(pooled)
    if not (0 < T == found[1] == found[2] >= found[0] and found[3] == H):
        raise ValueError(
            f"With states of shape {states.shape} there must be up to {T} words, {T} scores, {T} "
            f"weights and {H} pooled numbers; there are {', '.join(map(str, found))}."
        )
    if T > MOST_WORDS:
        raise ValueError(
            f"A review of {T} places is too wide; choose one of {MOST_WORDS} or fewer."
        )
    words = [*words, *[PADDING] * (T - len(words))]
    return _Pooling(words, states, scores, weights, pooled)


def _faults(shown: _Pooling) -> list[str]:
    """What does not hold, in sentences with their numbers."""
    if not np.isfinite(shown.weights).all():
        return ["Some weights are no numbers (nan): a row of padding only has no softmax."]
    found, total = [], shown.weights.sum()
    if shown.on_padding:
        found.append(f"{_share(shown.on_padding)} of the weight lies on padding, where no word is.")
    if abs(total - 1) > NEAR:
        found.append(f"The weights sum to {total:.2f}, and should sum to 1.")
    if shown.weights.min() < 0:
        found.append(f"A weight is below 0 ({shown.weights.min():.2f}).")
    if not shown.is_sum:
        found.append(
            "The pooled vector is not the sum of the states by these weights: "
            f"a number of it is off by {shown.off:.2f}."
        )
    return found


def _share(weight: float) -> str:
    return f"{weight:.2f}" if weight >= 0.005 else "Less than 0.01"


def _caption(shown: _Pooling, faults: list[str]) -> str:
    padding = int(shown.padding.sum())
    said = [f"Pooling {_count(len(shown.words) - padding, 'word')} into one vector."]
    if faults:
        return " ".join([*said, "Fault:", *faults])
    said.append(_largest(shown))
    said.append(
        "The weights sum to 1, and the pooled vector is the sum of the states, each times its "
        "weight."
    )
    if padding:
        has = "has" if padding == 1 else "have"
        said.append(f"The {_count(padding, 'place')} of padding {has} a weight of 0.")
    return " ".join(said)


def _largest(shown: _Pooling) -> str:
    """Which word has most weight, or that they all have nearly the same."""
    real = ~shown.padding
    even, best = 1 / real.sum(), int(shown.weights.argmax())
    word, most = clean_word(shown.words[best], LONGEST), shown.weights[best]
    least = shown.weights[real].min()
    if real.sum() == 1 or most >= EVEN * even or least < even / EVEN:
        return f"{QUOTES[0]}{word}{QUOTES[1]} has the most weight, {most:.2f} of it."
    return (
        f"The weights are nearly even, from {least:.3f} to {most:.3f}, where an even share is "
        f"{even:.3f}."
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _description(shown: _Pooling, faults: list[str]) -> str:
    parts = [
        f"{clean_word(word, LONGEST)} {weight:.2f}"
        for word, weight in zip(shown.words, shown.weights, strict=True)
    ]
    said = (
        f"A column of coloured cells for the state of each of {len(shown.words)} places; from each "
        "an arrow as wide as its weight leads up to the pooled vector. Weights: "
    )
    wrong = " What is wrong is drawn in orange." if faults else ""
    return f"{said}{', '.join(parts)}.{wrong}"


def _places(words: list[str]) -> tuple[np.ndarray, float, bool]:
    """The middle of each word's column, the card's width, and whether words stand on two lines."""
    wide = np.array([max(NARROWEST, LETTER * min(len(word), LONGEST) + 0.12) for word in words])
    lower = LEFT + wide.sum() + RIGHT > WIDEST
    if lower:
        wide = np.maximum(NARROWEST, wide * 0.54)
    width = LEFT + wide.sum() + RIGHT
    return LEFT + wide.cumsum() - wide / 2, max(width, 4.6), lower


def _tall(shown: _Pooling) -> float:
    """Inches of a vector's column."""
    return len(chosen_cells(shown.states.shape[1])) * CELL[1]


def _levels(tall: float, lower: bool) -> dict[str, float]:
    """The height of each row of the picture, in inches from its lower edge."""
    words = 0.52 + 0.22 * lower
    states = words + 0.22
    scores = states + tall + 0.2
    weights = scores + 0.3
    pooled = weights + 1.75
    return {
        "words": words,
        "states": states,
        "scores": scores,
        "weights": weights,
        "pooled": pooled,
        "title": pooled + tall + 0.3,
    }


def _draw_names(axis, shown: _Pooling, levels: Mapping[str, float]) -> None:
    """What stands in each row, on its left."""
    H, cells = shown.states.shape[1], len(chosen_cells(shown.states.shape[1]))
    states = "states\n(T, H)" if cells == H else f"states (T, H),\n{cells} of the\n{H} numbers"
    middle = levels["states"] + _tall(shown) / 2
    rows = {"words": levels["words"], "scores": levels["scores"], "weights": levels["weights"]}
    for name, height in {**rows, states: middle}.items():
        write(axis, 0.12, height, name, ha="left", fontsize=9.5)


def _draw_place(axis, shown: _Pooling, place: int, x: float, levels, lower: bool) -> None:
    """A word with its state, score and weight; padding is grey, and weight on it a fault."""
    padding, weight = shown.padding[place], shown.weights[place]
    best = place == shown.weights.argmax() and weight * len(shown.words) >= EVEN and not padding
    ink = GREY if padding else INK
    height = levels["words"] - 0.22 * (lower and place % 2)
    bold = {"fontweight": "bold"} if best else {}
    word = clean_word(shown.words[place], LONGEST)
    write(axis, x, height, word, color=ink, fontsize=9.5 if padding else 10, **bold)
    column(axis, x, levels["states"], _cells(shown.states[place]), scale_of(shown.states), padding)
    write(axis, x, levels["scores"], _signed(shown.scores[place]), color=ink, fontsize=9.5)
    wrong = _is_wrong(weight, padding)
    text = "0" if padding and weight == 0 else f"{weight:.2f}"
    colour = FAULT if wrong else GREY if padding else WEIGHT
    write(axis, x, levels["weights"], text, color=colour, fontsize=10.5, fontweight="bold")


def _is_wrong(weight: float, padding: bool) -> bool:
    return not weight >= 0 or bool(padding and weight > 0)


def _cells(vector: np.ndarray) -> np.ndarray:
    return vector[chosen_cells(len(vector))]


def _signed(score: float) -> str:
    return MINUS_INFINITY if score == -np.inf else f"{score:+.1f}"


def _draw_arrows(axis, shown: _Pooling, middles, middle: float, levels) -> None:
    """From each weight a shaft, as wide as the weight; all weights of 1 fill the one head."""
    wide = np.nan_to_num(shown.weights).clip(min=0) * WHOLE
    ends = middle - WHOLE / 2 + wide.cumsum() - wide / 2
    low, high = levels["weights"] + 0.14, levels["pooled"] - 0.3
    tip = [(middle - WHOLE / 2, high), (middle + WHOLE / 2, high), (middle, high + 0.25)]
    axis.add_patch(Polygon(tip, facecolor=PALE, linewidth=0))
    for x, end, width, padding in zip(middles, ends, wide, shown.padding, strict=True):
        if width > 0:
            half = max(width, 0.006) / 2
            corners = [(x - half, low), (x + half, low), (end + half, high), (end - half, high)]
            colour = FAULT if padding else WEIGHT
            axis.add_patch(Polygon(corners, facecolor=colour, alpha=0.5, linewidth=0))


def _draw_pooled(axis, shown: _Pooling, middle: float, levels: Mapping[str, float]) -> None:
    """The pooled vector, in a frame of the fault's colour if it is not the weighted sum."""
    scale = scale_of(shown.states)
    column(axis, middle, levels["pooled"], _cells(shown.pooled).clip(-scale, scale), scale)
    title = "pooled (H,) = \N{N-ARY SUMMATION} weight \N{MULTIPLICATION SIGN} state"
    if not shown.is_sum:
        title = title.replace("=", "\N{NOT EQUAL TO}")
        corner = (middle - CELL[0] / 2 - 0.05, levels["pooled"] - 0.05)
        look = {"fill": False, "edgecolor": FAULT, "linewidth": 2.5}
        axis.add_patch(Rectangle(corner, CELL[0] + 0.1, _tall(shown) + 0.09, **look))
    write(axis, middle, levels["title"], title, fontsize=10.5, color=INK if shown.is_sum else FAULT)


def _draw_note(axis, shown: _Pooling, width: float) -> None:
    """In the lowest line: what is wrong with the weights, or what becomes of the padding."""
    total, lost, padding = shown.weights.sum(), shown.on_padding, shown.padding
    wrong = [f"weight on padding: {lost:.2f}"] * (lost > 0)
    if abs(total - 1) > NEAR:
        wrong.append(f"the weights sum to {total:.2f}")
    if wrong:
        look = {"color": FAULT, "fontweight": "bold"}
        write(axis, width - RIGHT, 0.2, ", ".join(wrong), ha="right", fontsize=9.5, **look)
    elif padding.any() and lost == 0:
        hidden = (shown.scores[padding] == -np.inf).all()
        note = f"padding: score {MINUS_INFINITY}, so weight 0" if hidden else "padding: weight 0"
        write(axis, width - RIGHT, 0.2, note, ha="right", fontsize=9.5, color=GREY)


def draw_weights(words: Sequence[str], ways: Mapping[str, object]) -> Diagram:
    """Several ways to weight the words of one review, as bars one below the other.

    words: T of them, at most 14.  ways: name -> weights (T,), such as those of the last vector, of
        the mean and of attention.
    Raises ValueError, in one sentence, for weights of another length.
    """
    rows = {name: numbers(given, dims=1, name=f"weights of {name}") for name, given in ways.items()}
    for name, weights in rows.items():
        if len(weights) != len(words):
            raise ValueError(f"{name} has {len(weights)} weights for {len(words)} words.")
    if not 0 < len(words) <= MOST_WORDS or not rows:
        raise ValueError(f"Give 1 to {MOST_WORDS} words, and weights for them.")
    middles, width, lower = _places(list(words))
    foot = 0.45 + 0.22 * lower
    figure, axis = blank(width, foot + HIGH * len(rows) + 0.1)
    for place, (x, word) in enumerate(zip(middles, words, strict=True)):
        height = foot - 0.2 - 0.22 * (lower and place % 2)
        write(axis, x, height, clean_word(word, LONGEST), fontsize=10)
    for row, (name, weights) in enumerate(rows.items()):
        _draw_bars(axis, name, weights, middles, foot + HIGH * (len(rows) - 1 - row))
    said = [_way(name, weights, words) for name, weights in rows.items()]
    faults = [f"The weights of {name} {wrong}." for name, w in rows.items() if (wrong := _odd(w))]
    caption = f"{_count(len(rows), 'way')} to weight {_count(len(words), 'word')}. " + " ".join(
        said
    )
    caption = " ".join([caption, "Fault:", *faults]) if faults else caption
    return finish(figure, caption, f"Bars of the weights of each word. {' '.join(said)}")


def _draw_bars(axis, name: str, weights: np.ndarray, middles, y: float) -> None:
    """A row of bars that stand on y, their numbers above them."""
    odd = _odd(weights) is not None
    write(axis, 0.12, y + 0.12, name, ha="left", fontsize=9.5)
    axis.plot([LEFT, middles[-1] + NARROWEST / 2], [y, y], color=PALE, linewidth=1)
    for x, weight in zip(middles, np.nan_to_num(weights), strict=True):
        colour = FAULT if odd else WEIGHT
        axis.add_patch(Rectangle((x - 0.16, y), 0.32, 0.5 * weight, facecolor=colour, linewidth=0))
        look = {"fontsize": 9, "color": colour, "fontweight": "bold"} if weight else {"color": GREY}
        write(axis, x, y + 0.5 * max(weight, 0) + 0.11, _short(weight), **{"fontsize": 9, **look})


def _short(weight: float) -> str:
    return f"{weight:.3f}" if weight % 1 else f"{weight:.0f}"


def _odd(weights: np.ndarray) -> str | None:
    """What is wrong with weights that are no convex combination; None for proper ones."""
    if not np.isfinite(weights).all():
        return "are no numbers (nan)"
    if weights.min() < 0:
        return f"go down to {weights.min():.2f}, below 0"
    total = weights.sum()
    return f"sum to {total:.2f}, and should sum to 1" if abs(total - 1) > NEAR else None


def _way(name: str, weights: np.ndarray, words: Sequence[str]) -> str:
    """In a sentence, where this way puts the weight."""
    if np.ptp(weights) <= NEAR:
        return f"{name}: every word has {weights.mean():.3f}."
    word, most = clean_word(words[int(weights.argmax())], LONGEST), weights.max()
    return f"{name}: {QUOTES[0]}{word}{QUOTES[1]} has {_short(most)}."
