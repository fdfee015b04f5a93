"""Self-attention as a product of tables of numbers, drawn from its tensors: softmax(QK^T/sqrt(D))V.

What the numbers themselves contradict is drawn in orange and said: weights that are not the softmax
of the scores over each row, weight on padding, a result that is not weights times values.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from practicum_utils.visualize.diagrams.canvas import (
    CARD,
    FAULT,
    GREY,
    INK,
    PADDING,
    Diagram,
    blank,
    chosen_cells,
    finish,
    grid,
    numbers,
    scale_of,
    write,
)
from practicum_utils.visualize.diagrams.self_attention import (
    LETTER,
    demand_shape,
    demand_words,
    is_padding,
    shown,
    too_long,
)

MOST_IN_TABLES = 8
FEW = 6  # up to so many words, cells are large and vectors have up to as many numbers
MIXING = 2  # the piece of the product that begins a line: the weights
SIDE = {FEW: 0.44, MOST_IN_TABLES: 0.33}  # of a cell in inches, for up to so many words
TIMES = "\N{MULTIPLICATION SIGN}"


def draw_attention_product(words: Sequence[str], queries, keys, values, weights, mixed) -> Diagram:
    """Draw softmax(Q K^T / sqrt(D)) V of one head on one text as tables of numbers.

    words: T of them, at most 8; "<pad>" is padding.
    queries, keys, values: (T, D).  weights: (T, T), row t says where word t looks.  mixed: (T, D).
    The scores are computed from queries and keys, hidden (minus infinity) where the weight is
    exactly 0. Orange, and said in the caption: weights that are not the softmax of these scores
    over each row, with what was done instead where it can be told; weight on padding; a result that
    is not weights times values. Raises ValueError for shapes that do not fit or too many words.
    """
    product = _product(words, queries, keys, values, weights, mixed)
    lines = _lines(product)
    heights = [_highest(line, "over") + _highest(line, "under") for line in lines]
    width = max(sum(item.width for item in line) for line in lines)
    figure, axis = blank(width + 0.2, sum(heights) + 0.1)
    top = sum(heights) + 0.05
    for line, height in zip(lines, heights, strict=True):
        left, rows = 0.1, _highest(line, "rows")
        for item in line:
            item.draw(axis, left, top - _highest(line, "over"), rows)
            left += item.width
        top -= height
    return finish(figure, product.caption(), product.alt())


@dataclass(frozen=True)
class _Product:
    """The tensors of one head on one text, and what does not fit between them."""

    words: list[str]
    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    mixed: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Q K^T / sqrt(D), minus infinity where the weight is exactly 0."""
        scores = self.queries @ self.keys.T / math.sqrt(self.queries.shape[1])
        return np.where(self.weights == 0, -np.inf, scores)

    @property
    def wrong_weights(self) -> np.ndarray:
        """(T, T), True where a weight is not the softmax of its row's scores, or on padding."""
        wrong = np.abs(self.weights - _softmax(self.scores)) > 1e-3
        return wrong | (is_padding(self.words) & (self.weights > 0))

    @property
    def wrong_mixed(self) -> np.ndarray:
        """(T, D), True where the result is not weights times values."""
        return np.abs(self.mixed - self.weights @ self.values) > 1e-3 * scale_of(self.values)

    def caption(self) -> str:
        faults = [self._weights_fault(), self._padding_fault(), self._mixed_fault()]
        best = int(self.weights[0].argmax())
        names = [f"'{shown(self.words[t])}'" for t in (0, best)]
        said = [
            f"In the first row the query of {names[0]} meets every key, and of its weight "
            f"{self.weights[0, best]:.2f} goes to {names[1]}."
        ]
        if not any(faults):
            said.append(
                "Each row of the weights sums to 1, and the result is weights times values."
            )
            if is_padding(self.words).any():
                said.append("The columns of padding are exactly 0.")
        return " ".join([*filter(None, faults), *said])

    def _weights_fault(self) -> str:
        if not (np.abs(self.weights - _softmax(self.scores)) > 1e-3).any():
            return ""
        for sentence, weights in self._mistakes():
            if np.abs(self.weights - weights).max() < 1e-3:
                return sentence
        apart = np.abs(self.weights - _softmax(self.scores)).max()
        return (
            f"The weights are not the softmax of these scores over each row: they are off by up to "
            f"{apart:.2f}."
        )

    def _mistakes(self):
        """Pairs of a sentence and the weights that this mistake makes."""
        D, sums = self.queries.shape[1], self.weights.sum(axis=1)
        root = math.sqrt(D)
        low, high = sums.min(), sums.max()
        columns = f"its columns sum to 1, and its rows to {low:.2f} up to {high:.2f}."
        yield (
            f"The weights are those of scores that were not divided by the root of D = {D}.",
            _softmax(self.scores * root),
        )
        yield (
            f"The weights are those of scores divided by D = {D}, and not by its root.",
            _softmax(self.scores / root),
        )
        for scores in (self.scores, self.scores * root):
            yield (
                f"The softmax ran over the columns of the table, not over its rows: {columns}",
                _softmax(scores.T).T,
            )
        yield "The softmax is missing: the weights are the scores themselves.", self.scores

    def _padding_fault(self) -> str:
        on_padding = self.weights[:, is_padding(self.words)].sum(axis=1)
        if not (on_padding > 0).any():
            return ""
        return (
            f"Padding gets weight, up to {on_padding.max():.2f} of a word's: the mask is missing "
            "or turned around."
        )

    def _mixed_fault(self) -> str:
        if not self.wrong_mixed.any():
            return ""
        limit = 1e-3 * scale_of(self.values)
        for name, other in (
            ("the keys", self.weights @ self.keys),
            ("the queries", self.weights @ self.queries),
            (
                "the values, with the table of weights lying on its side",
                self.weights.T @ self.values,
            ),
        ):
            if np.abs(self.mixed - other).max() < limit:
                return f"The result is not weights times values: the weights met {name}."
        apart = np.abs(self.mixed - self.weights @ self.values).max()
        return f"The result is not weights times values: it is off by up to {apart:.2f}."

    def alt(self) -> str:
        rows = [
            f"{shown(word)}: {' '.join(f'{share:.2f}' for share in row)}"
            for word, row in zip(self.words, self.weights, strict=True)
        ]
        T, D = self.queries.shape
        return (
            f"Tables of numbers: queries {(T, D)} times the keys on their side {(D, T)}, divided "
            f"by the root of {D}, are the scores {(T, T)}; their softmax, the weights {(T, T)}, "
            f"times the values {self.values.shape} is the result. Weights, row by row: "
            f"{'; '.join(rows)}."
        )


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Over each row; a row without a finite score has no shares, and gets 0."""
    highest = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    return powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300)


def _product(words, queries, keys, values, weights, mixed) -> _Product:
    """The tensors, checked; ValueError as ``draw_attention_product`` says."""
    T = demand_words(words, MOST_IN_TABLES)
    queries = numbers(queries, dims=2, name="queries (T, D)")
    keys = numbers(keys, dims=2, name="keys (T, D)")
    values = numbers(values, dims=2, name="values (T, D)")
    weights = numbers(weights, dims=2, name="weights (T, T)")
    mixed = numbers(mixed, dims=2, name="mixed (T, D)")
    demand_shape("queries", queries, (T, queries.shape[1]))
    demand_shape("keys", keys, queries.shape)
    demand_shape("values", values, (T, values.shape[1]))
    demand_shape("weights", weights, (T, T))
    demand_shape("mixed", mixed, values.shape)
    return _Product(list(words), queries, keys, values, weights, mixed)


@dataclass(frozen=True)
class _Table:
    """A table with its names: on top of the columns, left of the rows, and under it."""

    title: str
    values: np.ndarray  # what is drawn of it
    side: float
    columns: list[str]
    names: list[str] = field(default_factory=list)
    wrong: np.ndarray | None = None
    look: dict[str, Callable] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.values)

    @property
    def beside(self) -> float:
        """Room for the names of the rows."""
        return _beside(self.names)

    @property
    def turned(self) -> bool:
        return too_long(self.columns, self.side - 0.05, 8.5)

    @property
    def over(self) -> float:
        """Room for the names of the columns."""
        longest = max(len(name) for name in self.columns)
        return LETTER * 8.5 * 0.85 * longest + 0.15 if self.turned else 0.3

    @property
    def width(self) -> float:
        own = self.beside + self.side * self.values.shape[1]
        return max(own, LETTER * 9 * 0.8 * max(map(len, self.title.split("\n")))) + 0.08

    @property
    def under(self) -> float:
        """Room for the numbers, and the title below them."""
        return 0.7 * self.side * self.rows + 0.4 + 0.15 * self.title.count("\n")

    def draw(self, axis, left: float, top: float, _) -> None:
        left += self.beside
        tall = 0.7 * self.side
        grid(axis, left, top, self.values, self.side, **self.look)
        for row, name in enumerate(self.names):
            place = left - 0.06, top - tall * (row + 0.5)
            write(axis, *place, name, ha="right", fontsize=8.5, color=_ink(name))
        turned = {"rotation": 90, "va": "bottom"} if self.turned else {"va": "bottom"}
        for number, name in enumerate(self.columns):
            place = left + self.side * (number + 0.5), top + 0.05
            write(axis, *place, name, fontsize=8.5, color=_ink(name), **turned)
        middle = left + self.side * self.values.shape[1] / 2
        under = top - tall * self.rows - 0.08
        write(axis, middle, under, self.title, fontsize=9, va="top")
        for row, number in np.argwhere(self.wrong if self.wrong is not None else []):
            corner = left + self.side * number, top - tall * (row + 1)
            frame = {"fill": False, "edgecolor": FAULT, "linewidth": 1.8}
            axis.add_patch(Rectangle(corner, self.side, tall, **frame))


@dataclass(frozen=True)
class _Sign:
    """What stands between two tables, at half their height."""

    text: str
    width: float
    side: float
    over = under = 0.0
    rows = 0

    def draw(self, axis, left: float, top: float, rows: int) -> None:
        middle = left + self.width / 2, top - 0.35 * self.side * rows
        write(axis, *middle, self.text, fontsize=11)


def _beside(names: list[str]) -> float:
    return 0.12 + LETTER * 8.5 * 0.75 * max((len(name) for name in names), default=0)


def _ink(name: str) -> str:
    return GREY if name == PADDING else INK


def _lines(product: _Product) -> list[list]:
    """The tables and signs, line by line: the words beside every table, if there is room."""
    words = [shown(word) for word in product.words]
    named = _broken(_items(product, words, words), CARD - 0.2)
    if len(named) == 2:
        return named
    few = _broken(_items(product, words, []), CARD - 0.2 - _beside(words))
    return [_with_names(line, words) for line in few]


def _highest(line: list, what: str) -> float:
    return max(getattr(item, what) for item in line)


def _items(product: _Product, words: list[str], names: list[str]) -> list[list]:
    """The tables and signs from left to right, in the pieces between which a line may break.

    names: what stands beside the rows of a table that has a row for each word.
    """
    side = next(side for most, side in SIDE.items() if len(words) <= most)
    return [
        *_items_of_scores(product, words, names, side),
        *_items_of_mixing(product, words, names, side),
    ]


def _items_of_scores(product: _Product, words, names, side: float) -> list[list]:
    T, D = product.queries.shape
    few = _drawn(D, T)
    columns = [str(number) for number in few]
    part = "" if len(few) == D else f"\n{len(few)} of {D} numbers"
    keys = f"K\N{MODIFIER LETTER CAPITAL T}, keys on their side\n{(D, T)}{part}"
    queries = f"Q, queries\n{(T, D)}{part}"
    return [
        [
            _Table(queries, product.queries[:, few], side, columns, names),
            _Sign(TIMES, 0.3, side),
            _Table(keys, product.keys[:, few].T, side, words, columns),
        ],
        [
            _Sign(f"/ \N{SQUARE ROOT}{D}  =", 0.7, side),
            _Table(f"scores {(T, T)}", product.scores, side, words, names),
        ],
    ]


def _items_of_mixing(product: _Product, words, names, side: float) -> list[list]:
    T, D = product.values.shape
    few = _drawn(D, T)
    columns = [str(number) for number in few]
    shares = product.weights, side, words, names, product.wrong_weights, AS_SHARES
    values = product.values[:, few], side, columns, names
    mixed = product.mixed[:, few], side, columns, names, product.wrong_mixed[:, few]
    return [
        [_Sign("softmax\nof each row\n=", 0.95, side), _Table(f"weights {(T, T)}", *shares)],
        [_Sign(TIMES, 0.3, side), _Table(f"V, values\n{(T, D)}", *values)],
        [_Sign("=", 0.3, side), _Table(f"result\n{(T, D)}", *mixed)],
    ]


def _drawn(size: int, words: int) -> np.ndarray:
    """Which numbers of the vectors of so many words are drawn."""
    return chosen_cells(size, 6 if words <= FEW else 3)


def _broken(pieces: list[list], width: float) -> list[list]:
    """The pieces in lines of so many inches; what is mixed is on a line of its own."""
    lines, room = [], 0.0
    for number, piece in enumerate(pieces):
        needed = sum(item.width for item in piece)
        if not lines or needed > room or number == MIXING:
            lines.append([])
            room = width
        lines[-1] += piece
        room -= needed
    return lines


def _with_names(line: list, words: list[str]) -> list:
    """The line with the words beside its first table, if no table has them."""
    first = next(number for number, item in enumerate(line) if isinstance(item, _Table))
    named = replace(line[first], names=words)
    return [*line[:first], named, *line[first + 1 :]]


def _as_share(share: float) -> str:
    return f"{share:.2f}"


def _blue(share: float) -> tuple:
    return matplotlib.colormaps["Blues"](0.85 * min(max(share, 0), 1))


AS_SHARES = {"text": _as_share, "colours": _blue}
