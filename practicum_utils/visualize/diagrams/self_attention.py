"""Self-attention drawn from its tensors: how the new vector of a word is mixed from all of them.

What the numbers themselves contradict (rows that do not sum to 1, weight on padding, a new vector
that is not the weighted sum) is drawn in orange and said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.patches import Rectangle

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams.canvas import (
    CARD,
    CELL,
    FAULT,
    GREY,
    INK,
    PADDING,
    WEIGHT,
    Diagram,
    arrow,
    blank,
    chosen_cells,
    column,
    finish,
    numbers,
    scale_of,
    write,
)

ASKING = (WEIGHT, "#6b4c9a", "#2a7f62", "#7a6520")  # a colour for each word that asks
MOST_WORDS = 12
LETTER = 0.0105  # width of a letter in inches, for each point of its size
LONGEST = 14  # letters of a word that are drawn
WIDEST = 15  # points of an arrow that carries all the weight
MARGIN = 1.25  # inches on the left of the words, for what the rows are called


def draw_self_attention(
    words: Sequence[str], vectors, weights, mixed, word: int | Sequence[int] = 0
) -> Diagram:
    """Draw how the new vector of a word is mixed from the vectors of all words of one text.

    words: T of them; "<pad>" is padding, and drawn grey.
    vectors: (T, D), what is mixed: the words' vectors, or their values.
    weights: (T, T), row t says how much word t takes of each, 0 to 1; or one word's row, (T,).
    mixed: (T, D), the new vectors; or that one word's, (D,).
    word: the place of the word whose new vector is drawn, or places.
    Orange: a row that does not sum to 1, weight on padding, a new vector that is not the weighted
    sum; the caption says so. Raises ValueError for shapes that do not fit, for more than 12 words
    or 4 places, IndexError for a place that is not there.
    """
    places = [word] if isinstance(word, int) else list(word)
    drawn = _mixing(words, vectors, weights, mixed, places)
    rotated = too_long(words, _pitch(len(words)), 10)
    cells = chosen_cells(drawn.vectors.shape[1])
    bottom = 0.95 if rotated else 0.5
    lower = bottom + CELL[1] * len(cells) + 0.12  # of the rows of weights
    upper = lower + 0.3 * len(places) + 0.05  # where the arrows begin
    top = upper + 1.35  # where the new vectors stand
    width = MARGIN + _pitch(len(words)) * len(words) + 0.15
    figure, axis = blank(width, top + CELL[1] * len(cells) + 0.4)
    spots = [MARGIN + _pitch(len(words)) * (t + 0.5) for t in range(len(words))]
    scale = scale_of(drawn.vectors, drawn.mixed)
    _draw_words(axis, drawn, spots, bottom - 0.12, rotated)
    for t, spot in enumerate(spots):
        column(axis, spot, bottom, drawn.vectors[t, cells], scale, faint=drawn.padding[t])
    _name_row(axis, bottom + CELL[1] * len(cells) / 2, f"vectors\n{drawn.vectors.shape}")
    for row, place in enumerate(places):
        _draw_weights(axis, drawn, row, spots, upper - 0.2 - 0.3 * row)
        _draw_arrows(axis, drawn, row, spots, (upper, top - 0.03))
        column(axis, spots[place], top, drawn.mixed[row, cells], scale)
        name = shown(words[place]) if len(places) == 1 or not rotated else ""
        _name_new(axis, drawn, row, spots[place], top, len(cells), name)
    title = "new vector" + "s" * (len(places) > 1)
    _name_row(axis, top + CELL[1] * len(cells) / 2, f"{title}\n= sum of\nweight · vector")
    return finish(figure, drawn.caption(), drawn.alt())


@dataclass(frozen=True)
class _Mixing:
    """What is drawn of some words' self-attention: a row of weights and mixed for each place."""

    words: list[str]
    vectors: np.ndarray
    weights: np.ndarray
    mixed: np.ndarray
    places: list[int]

    @property
    def padding(self) -> np.ndarray:
        return is_padding(self.words)

    def name(self, row: int) -> str:
        return f"'{shown(self.words[self.places[row]])}'"

    def on_padding(self, row: int) -> float:
        return float(self.weights[row, self.padding].sum())

    def sums_to_one(self, row: int) -> bool:
        return bool(abs(self.weights[row].sum() - 1) < 1e-3)

    def wrong_by(self, row: int) -> float:
        """How far the new vector is from the weighted sum, where more than rounding; else 0."""
        apart = np.abs(self.mixed[row] - self.weights[row] @ self.vectors).max()
        return float(apart) if apart > 1e-3 * scale_of(self.vectors) else 0.0

    def caption(self) -> str:
        faults = [fault for row in range(len(self.places)) for fault in self._faults(row)]
        said = [self._most(row) for row in range(len(self.places))]
        if self.padding.any() and not faults:
            said.append(f"Padding gets exactly 0 ({self.padding.sum()} places).")
        if not faults:
            said.append("The weights of each new vector sum to 1.")
        return " ".join([*faults, *said])

    def _most(self, row: int) -> str:
        best = np.argsort(-self.weights[row], kind="stable")[:3]
        shares = [f"{self.weights[row, t]:.2f} of '{shown(self.words[t])}'" for t in best]
        return f"The new vector of {self.name(row)} takes {listed(shares)}."

    def _faults(self, row: int) -> list[str]:
        found = []
        if not self.sums_to_one(row):
            found.append(
                f"The weights of {self.name(row)} sum to {self.weights[row].sum():.2f}, not to 1."
            )
        if self.on_padding(row) > 0:
            found.append(
                f"{self.name(row)} gives {self.on_padding(row):.2f} of its weight to padding."
            )
        if self.wrong_by(row):
            found.append(
                f"The new vector of {self.name(row)} is not the sum of the weights times the "
                f"vectors: it is off by up to {self.wrong_by(row):.2f}."
            )
        return found

    def alt(self) -> str:
        rows = [
            f"{self.name(row)}: "
            + ", ".join(
                f"{shown(one)} {share:.2f}"
                for one, share in zip(self.words, self.weights[row], strict=True)
            )
            for row in range(len(self.places))
        ]
        return (
            f"{len(self.words)} words with their vectors as columns; arrows, as wide as the "
            f"weights, lead into the new vector of {listed([r.split(':')[0] for r in rows])}. "
            f"Weights of {'; of '.join(rows)}."
        )


def _mixing(words, vectors, weights, mixed, places: list[int]) -> _Mixing:
    """The rows that are drawn, checked; ValueError, IndexError as ``draw_self_attention`` says."""
    T = demand_words(words, MOST_WORDS)
    vectors = numbers(vectors, dims=2, name="vectors (T, D)")
    weights, mixed = (
        numbers(one, dims=_dims(one), name=name)
        for one, name in ((weights, "weights (T, T)"), (mixed, "mixed (T, D)"))
    )
    if not 1 <= len(places) <= len(ASKING):
        raise ValueError(f"{len(places)} words are asked for; 1 to {len(ASKING)} can be drawn.")
    for place in places:
        if not 0 <= place < T:
            raise IndexError(f"There is no place {place}; there are 0 to {T - 1}.")
    if len(places) == 1:  # the row of one word may come alone
        weights, mixed = (
            np.tile(one, (T, 1)) if one.ndim == 1 else one for one in (weights, mixed)
        )
    demand_shape("vectors", vectors, (T, vectors.shape[1]))
    demand_shape("weights", weights, (T, T))
    demand_shape("mixed", mixed, (T, vectors.shape[1]))
    return _Mixing(list(words), vectors, weights[places], mixed[places], places)


def _dims(values) -> int:
    return 1 if getattr(values, "ndim", 2) == 1 else 2


def demand_words(words: Sequence[str], most: int) -> int:
    if not 1 <= len(words) <= most:
        raise ValueError(
            f"{len(words)} words were given, and 1 to {most} can be drawn legibly; choose a "
            "short text, or a part of one."
        )
    return len(words)


def demand_shape(name: str, array: np.ndarray, shape: tuple) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must be {shape} for these words, and is {array.shape}.")


def is_padding(words: Sequence[str]) -> np.ndarray:
    return np.array([word == PADDING for word in words])


def shown(word: str) -> str:
    """A word as it is written in a picture: cut where it is longer than a drawn one may be."""
    word = clean_word(word)
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"


def listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _pitch(count: int) -> float:
    """Inches from one word to the next."""
    return min(1.4, (CARD - MARGIN - 0.15) / count)


def too_long(words: Sequence[str], room: float, size: float) -> bool:
    """Whether a word needs more room than this many inches, at a size in points."""
    return max(len(shown(word)) for word in words) * LETTER * size * 0.85 > room


def _draw_words(axis, drawn: _Mixing, spots: list[float], height: float, rotated: bool) -> None:
    for t, (word, spot) in enumerate(zip(drawn.words, spots, strict=True)):
        look = {"color": GREY if drawn.padding[t] else INK, "fontsize": 10, "va": "top"}
        if t in drawn.places:
            look["fontweight"] = "bold"
        if rotated:
            look |= {"rotation": 35, "ha": "right", "rotation_mode": "anchor", "va": "center"}
            write(axis, spot + 0.1, height - 0.05, shown(word), **look)
        else:
            write(axis, spot, height, shown(word), **look)
    write(axis, 0.1, height - 0.07, "words", ha="left", fontsize=10)


def _name_row(axis, height: float, text: str, **look) -> None:
    write(axis, 0.1, height, text, ha="left", fontsize=10, **look)


def _draw_weights(axis, drawn: _Mixing, row: int, spots: list[float], height: float) -> None:
    colour = ASKING[row] if drawn.sums_to_one(row) else FAULT
    _name_row(
        axis, height, f"weights{f' {row + 1}' if len(drawn.places) > 1 else ''}", color=colour
    )
    for t, spot in enumerate(spots):
        share, text = drawn.weights[row, t], f"{drawn.weights[row, t]:.2f}"
        ink = colour
        if drawn.padding[t]:
            ink, text = (FAULT, text) if share else (GREY, "0")
        write(axis, spot, height, text, fontsize=10.5, fontweight="bold", color=ink)


def _draw_arrows(axis, drawn: _Mixing, row: int, spots: list[float], ends: tuple) -> None:
    target = spots[drawn.places[row]]
    for t, spot in enumerate(spots):
        share = drawn.weights[row, t]
        if share:
            colour = FAULT if drawn.padding[t] else ASKING[row]
            width = max(0.4, WIDEST * min(abs(share), 1.5))
            near = target + 0.3 * CELL[0] * np.sign(spot - target)
            look = {"color": colour, "alpha": 0.55, "arrowstyle": "-"}
            arrow(axis, (spot, ends[0]), (near, ends[1]), width, **look)


def _name_new(axis, drawn: _Mixing, row: int, spot: float, bottom: float, cells: int, name) -> None:
    wrong = bool(drawn.wrong_by(row))
    height = CELL[1] * cells
    colour = FAULT if wrong else ASKING[row]
    text = f"{row + 1} {name}".strip() if len(drawn.places) > 1 else name
    write(axis, spot, bottom + height + 0.14, text, fontsize=10, fontweight="bold", color=colour)
    if wrong:
        frame = {"fill": False, "edgecolor": FAULT, "linewidth": 2.5}
        corner = spot - CELL[0] / 2 - 0.04, bottom - 0.03
        axis.add_patch(Rectangle(corner, CELL[0] + 0.08, height + 0.06, **frame))
