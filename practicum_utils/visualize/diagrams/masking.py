"""Padding masking of a small batch, step by step, as tables of the batch's own numbers.

The mask says which places are padding. Whether the weights keep to it is looked for in them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams.canvas import (
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
    colour_of,
    finish,
    ink_on,
    numbers,
    scale_of,
    write,
)

ROWS, COLUMNS = 3, 8  # that can be read
NARROWEST, LETTER, LONGEST = 0.62, 0.088, 18  # inches of a column and of a letter; letters
TALL = 0.3  # inches of a row
LEFT, RIGHT, ABOVE = 1.55, 2.0, 0.24  # inches beside the tables and above each
WHITE = "#ffffff"


@dataclass(frozen=True)
class _Masking:
    """A batch's tables (B, T); ``masked`` is what the softmax was given, where that is known."""

    scores: np.ndarray
    mask: np.ndarray
    weights: np.ndarray
    masked: np.ndarray | None
    words: list[list[str]] | None

    @property
    def on_padding(self) -> np.ndarray:
        """The weight (B,) that each row has on its padding."""
        return np.abs(np.where(self.mask, 0, self.weights)).sum(axis=1)

    @property
    def totals(self) -> np.ndarray:
        return self.weights.sum(axis=1)


def draw_masking(
    scores, mask, weights, masked=None, words: Sequence[Sequence[str]] | None = None
) -> Diagram:
    """How padding is kept out of a softmax: scores, mask, what the softmax is given, weights.

    scores, weights (B, T), mask (B, T) True on real tokens; at most 3 rows and 8 columns.
    masked: (B, T), what the softmax was given, such as scores with minus infinity on the padding;
        without it that step is left out.
    words: of each row; without them the tables have numbers only. Padding needs none.
    Weight on padding and rows that do not sum to 1 are drawn and named as faults.
    Raises ValueError, in one sentence, for shapes that do not fit together.
    """
    batch = _read(scores, mask, weights, masked, words)
    faults = _faults(batch)
    steps = _steps(batch)
    edges = _edges(batch)
    high = len(batch.scores) * TALL + ABOVE
    figure, axis = blank(edges[-1] + RIGHT, len(steps) * high + 0.14)
    for number, (name, draw) in enumerate(steps):
        top = (len(steps) - number) * high - ABOVE + 0.12
        middle = top - len(batch.scores) * TALL / 2
        write(axis, 0.12, middle, f"{number + 1}. {name}", ha="left", fontsize=9.5)
        draw(axis, batch, edges, top)
    return finish(figure, _caption(batch, faults), _description(batch, faults))


def _read(scores, mask, weights, masked, words) -> _Masking:
    given = {"scores": scores, "mask": mask, "weights": weights, "masked": masked}
    tables = {
        name: numbers(table, dims=2, name=name)
        for name, table in given.items()
        if table is not None
    }
    shapes = {name: table.shape for name, table in tables.items()}
    if len(set(shapes.values())) > 1:
        said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"All tables must have the same shape (B, T); they have {said}.")
    B, T = shapes["scores"]
    if not (0 < B <= ROWS and 0 < T <= COLUMNS):
        raise ValueError(
            f"Tables of {B} rows and {T} columns cannot be read; choose up to {ROWS} rows and "
            f"{COLUMNS} columns, such as scores[:2, :8]."
        )
    if words is not None and (len(words) != B or max(map(len, words)) > T):
        raise ValueError(f"There must be {B} rows of words, each of up to {T} words.")
    tables["mask"] = tables["mask"] > 0.5
    rows = words and [[*row, *[PADDING] * (T - len(row))] for row in words]
    return _Masking(**{"masked": None, **tables}, words=rows)


def _faults(batch: _Masking) -> list[str]:
    """What does not hold, in sentences with their numbers."""
    found = []
    for row, (mask, weights) in enumerate(zip(batch.mask, batch.weights, strict=True)):
        if not mask.any():
            found.append(f"Row {row} has no real token.")
        if (np.diff(mask.astype(int)) > 0).any():
            found.append(f"The mask of row {row} has padding before words: is it inverted?")
        if not np.isfinite(weights).all():
            found.append(f"Row {row} has weights that are no numbers (nan).")
            continue
        if batch.on_padding[row]:
            found.append(f"{_share(batch.on_padding[row])} of row {row}'s weight lies on padding.")
        if abs(batch.totals[row] - 1) > NEAR:
            found.append(f"Row {row} sums to {batch.totals[row]:.2f}, and should sum to 1.")
    return found


def _share(weight: float) -> str:
    return f"{weight:.2f}" if weight >= 0.005 else "Less than 0.01"


def _caption(batch: _Masking, faults: list[str]) -> str:
    padding = int((~batch.mask).sum())
    rows = f"{len(batch.mask)} review{'s' * (len(batch.mask) != 1)}"
    said = f"From scores to weights, for {rows} with {padding} places of padding in all."
    if faults:
        return " ".join([said, "Fault:", *faults])
    return f"{said} Every row of weights sums to 1, and no padding has any weight."


def _description(batch: _Masking, faults: list[str]) -> str:
    names = ", ".join(" ".join(name.split()) for name, _ in _steps(batch))
    rows = [
        f"row {row} sums to {total:.2f}, {lost:.2f} of it on padding"
        for row, (total, lost) in enumerate(zip(batch.totals, batch.on_padding, strict=True))
    ]
    wrong = " What is wrong is drawn in orange." if faults else ""
    return f"Tables one below the other: {names}. Weights: {'; '.join(rows)}.{wrong}"


def _steps(batch: _Masking) -> list[tuple[str, Callable]]:
    """The names of the tables, from the top, and what draws them."""
    steps = [("scores", _draw_scores), ("mask: True\n    = real token", _draw_mask)]
    if batch.words is not None:
        steps.insert(0, ("words", _draw_words))
    if batch.masked is not None:
        steps.append(("what the\n    softmax gets", _draw_masked))
    return [*steps, ("weights", _draw_weights)]


def _edges(batch: _Masking) -> np.ndarray:
    """The left edges of the columns, and the right edge of the last, in inches."""
    rows = batch.words or [[""] * batch.scores.shape[1]]
    letters = [max(len(word) for word in column) for column in zip(*rows, strict=True)]
    wide = [max(NARROWEST, LETTER * min(count, LONGEST) + 0.12) for count in letters]
    return LEFT + np.cumsum([0, *wide])


def _draw_table(axis, edges, top: float, table, look: Callable) -> None:
    """look: (row, column) -> text, ground, ink and whether the cell has a frame of the fault."""
    for (row, place), _ in np.ndenumerate(table):
        text, ground, ink, fault = look(row, place)
        left, wide = edges[place], edges[place + 1] - edges[place]
        low = top - (row + 1) * TALL
        axis.add_patch(
            Rectangle((left, low), wide, TALL, facecolor=ground, edgecolor=PALE, linewidth=0.8)
        )
        bold = {"fontweight": "bold"} if fault else {}
        write(axis, left + wide / 2, low + TALL / 2, text, fontsize=9, color=ink, **bold)


def _draw_words(axis, batch: _Masking, edges, top: float) -> None:
    def look(row: int, place: int) -> tuple:
        real = batch.mask[row, place]
        return clean_word(batch.words[row][place], LONGEST), WHITE, INK if real else GREY, False

    _draw_table(axis, edges, top, batch.mask, look)


def _draw_scores(axis, batch: _Masking, edges, top: float) -> None:
    _draw_table(axis, edges, top, batch.scores, _of_scores(batch.scores))


def _of_scores(table: np.ndarray) -> Callable:
    """How a table of scores looks: coloured numbers, and minus infinity as a sign."""
    scale = scale_of(table)

    def look(row: int, place: int) -> tuple:
        value = table[row, place]
        if not np.isfinite(value):
            return MINUS_INFINITY if value < 0 else f"{value}", WHITE, GREY, False
        ground = colour_of(value, scale)
        return f"{round(value, 1) + 0.0:+.1f}", ground, ink_on(ground), False  # no -0.0

    return look


def _draw_mask(axis, batch: _Masking, edges, top: float) -> None:
    def look(row: int, place: int) -> tuple:
        return (
            ("True", WHITE, INK, False) if batch.mask[row, place] else ("False", PALE, INK, False)
        )

    _draw_table(axis, edges, top, batch.mask, look)


def _draw_masked(axis, batch: _Masking, edges, top: float) -> None:
    """The scores that the softmax was given; a number on padding is framed."""
    scores = _of_scores(batch.masked)

    def look(row: int, place: int) -> tuple:
        text, ground, ink, _ = scores(row, place)
        if batch.mask[row, place] or batch.masked[row, place] == -np.inf:
            return text, ground, ink, False
        return text, WHITE, FAULT, True

    _draw_table(axis, edges, top, batch.masked, look)


def _draw_weights(axis, batch: _Masking, edges, top: float) -> None:
    """The weights, blue by their size; on padding orange. Beside each row its sum."""
    most = max(np.nan_to_num(batch.weights).max(), 1e-9)

    def look(row: int, place: int) -> tuple:
        weight, real = batch.weights[row, place], batch.mask[row, place]
        if not real and weight == 0:
            return "0", WHITE, GREY, False
        colour = WEIGHT if real and weight >= 0 else FAULT
        ground = _mixed(colour, 0.08 + 0.92 * abs(np.nan_to_num(weight)) / most)
        return f"{weight:.2f}", ground, ink_on(ground), not real

    _draw_table(axis, edges, top, batch.weights, look)
    _draw_sums(axis, batch, edges[-1], top)


def _draw_sums(axis, batch: _Masking, right: float, top: float) -> None:
    for row, (total, lost) in enumerate(zip(batch.totals, batch.on_padding, strict=True)):
        y = top - (row + 0.5) * TALL
        wrong = not abs(total - 1) <= NEAR
        text = f"sum {total:.2f}" + (f", {lost:.2f} on padding" if lost > 0 else "")
        fault = wrong or not lost == 0
        look = {"color": FAULT, "fontweight": "bold"} if fault else {"color": INK}
        write(axis, right + 0.08, y, text, ha="left", fontsize=8.5, **look)


def _mixed(colour: str, share: float) -> tuple:
    """So much of a colour, the rest white."""
    return tuple(1 - share * (1 - channel) for channel in matplotlib.colors.to_rgb(colour))
