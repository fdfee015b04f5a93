"""The unrolled RNN: words below, a column for each state, and the state that the model takes.

Which state that is, is found in the numbers, so a model that takes the wrong one shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.patches import Rectangle

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams import canvas
from practicum_utils.visualize.diagrams.canvas import INK, PADDING, Diagram, arrow, column, write

READERS = "forward", "backward"
WIDEST = 9.4  # inches of a card
MOST_WORDS, MOST_REVIEWS = 12, 4  # that have room on it
LEFT, RIGHT = 0.95, 2.2  # what stands before the states, and what the last vector becomes
LETTER, WORD = 0.088, 12  # width of a letter in inches; letters of a word that are shown
ABOVE, FEED, LINE = 0.36, 0.2, 0.2  # above the states, an arrow below them, a line of words
CLOSE = 1e-5  # of the largest number: two that differ by less are the same


@dataclass(frozen=True)
class _Reader:
    """What one network made of one review, placed as it is drawn.

    words, states: from left to right.  order: the places in the order in which they were read.
    wanted: the place of the last real word read.  last: what the model took as the last vector.
    found: the place of the state that it equals; None if it equals none, or is not given.
    """

    name: str
    words: list[str]
    states: np.ndarray
    order: list[int]
    wanted: int
    last: np.ndarray | None
    found: int | None

    @property
    def wrong(self) -> bool:
        return self.last is not None and self.found != self.wanted

    @property
    def shown(self) -> list[int]:
        """The places that are drawn: not the padding that a backward reader meets after its end."""
        late = self.order[self.order.index(self.wanted) + 1 :] if self.name == READERS[1] else []
        return [
            place for place in range(len(self.words)) if place not in late or place == self.found
        ]

    @property
    def padding_first(self) -> list[int]:
        """The places of padding that were read before the last real word."""
        before = self.order[: self.order.index(self.wanted)]
        return [place for place in before if self.words[place] == PADDING]


def draw_rnn(words, states, last=None, *, embedded=None, backward=None) -> Diagram:
    """Draw an RNN unrolled over a review, or over the few reviews of a batch.

    words: the T words of a review in the order in which they were read, "<pad>" for padding; or a
        list of them for each of B reviews. Words that are missing at the end are padding.
    states: (T, H), or (B, T, H) for B reviews; the state after each word.
    last: (H,), or (B, H); what the model took as the last vector. The picture shows which state
        that is, and a place that is not the last real word's is named as a fault.
    embedded: (T, E), or (B, T, E); the vectors of the words, drawn below the states.
    backward: (T, H), for one review: the states of a second network, which read the words in the
        reverse order, in the order in which it read them; ``last`` then has the vectors of both,
        (2H,), side by side.
    Raises ValueError, in one sentence, for shapes that do not go together, and for more words or
    reviews than have room.
    """
    states = _rows(states, "states")
    words = _padded(words, states.shape)
    last = None if last is None else _rows(last, "last", dims=1)
    if backward is not None:
        readers = _two_readers(words, states, _rows(backward, "backward"), last)
    else:
        readers = _one_reader(words, states, last)
    embedded = None if embedded is None else _rows(embedded, "embedded")
    _require_rows(embedded, states.shape[:2], "embedded")
    card = _lay_out(readers, embedded, both=backward is not None)
    return canvas.finish(_draw(card), _caption(readers), _alt(readers))


def _rows(values, name: str, dims: int = 2) -> np.ndarray:
    """Numbers of one review or of several, always as several: (B, ...)."""
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) == dims:
        return canvas.numbers(values, dims=dims, name=name)[None]
    return canvas.numbers(values, dims=dims + 1, name=name)


def _require_rows(values, wanted: Sequence[int], name: str) -> None:
    if values is not None and values.shape[: len(wanted)] != tuple(wanted):
        raise ValueError(
            f"{name} has the shape {values.shape}, and the states are of {wanted[0]} "
            f"review{'s' * (wanted[0] != 1)} with {wanted[1]} places; give it for the same places."
        )


def _padded(words, shape: Sequence[int]) -> list[list[str]]:
    """The words of each row of the states, filled up to T with padding."""
    B, T, _ = shape
    rows = [list(words)] if words and isinstance(words[0], str) else [list(row) for row in words]
    if T > MOST_WORDS or B > MOST_REVIEWS:
        raise ValueError(
            f"A picture has room for {MOST_REVIEWS} reviews of {MOST_WORDS} words, and the states "
            f"are of {B} with {T}; cut them, as in states[:2, -{MOST_WORDS}:]."
        )
    if not rows or len(rows) != B or max(map(len, rows)) > T:
        raise ValueError(
            f"The words are of {len(rows)} reviews of up to {max(map(len, rows), default=0)} words,"
            f" and the states of {B} reviews with {T} places; give the words that were read."
        )
    rows = [row + [PADDING] * (T - len(row)) for row in rows]
    if any(set(row) == {PADDING} for row in rows):
        raise ValueError(f"A review without a word has no last vector; {PADDING} alone was given.")
    return rows


def _one_reader(words, states: np.ndarray, last) -> list[_Reader]:
    _require_last(last, (len(states), states.shape[2]))
    order = list(range(states.shape[1]))
    readers = []
    for number, (row, vectors) in enumerate(zip(words, states, strict=True)):
        wanted = _last_word(row)
        name = f"review {number}" if len(words) > 1 else ""
        own = None if last is None else last[number]
        readers.append(_Reader(name, row, vectors, order, wanted, own, _find(own, vectors, wanted)))
    return readers


def _two_readers(words, states, backward, last) -> list[_Reader]:
    """The forward and the backward reader of one review."""
    if len(states) != 1:
        raise ValueError("Both readers are drawn for one review; choose one of the batch's rows.")
    _require_rows(backward, states.shape[:2], "backward")
    _require_last(last, (1, states.shape[2] + backward.shape[2]))
    (row,), T, H = words, states.shape[1], states.shape[2]
    end = _last_word(row)
    read = [*range(end, -1, -1), *range(end + 1, T)]  # the place of each step of the backward one
    placed = np.empty_like(backward[0])
    placed[read] = backward[0]
    halves = (None, None) if last is None else (last[0, :H], last[0, H:])
    return [
        _Reader(READERS[0], row, states[0], [*range(T)], end, halves[0],
                _find(halves[0], states[0], end)),
        _Reader(READERS[1], row, placed, read, 0, halves[1], _find(halves[1], placed, 0)),
    ]  # fmt: skip


def _require_last(last, wanted: tuple[int, int]) -> None:
    if last is not None and last.shape != wanted:
        shape = last.shape if wanted[0] > 1 else last.shape[1:]
        raise ValueError(
            f"last has the shape {shape}, and with these states it is "
            f"{wanted if wanted[0] > 1 else wanted[1:]}."
        )


def _last_word(words: list[str]) -> int:
    return max(place for place, word in enumerate(words) if word != PADDING)


def _find(vector, states: np.ndarray, wanted: int) -> int | None:
    """The place of the state that a vector equals; the right place, if it is one of several."""
    if vector is None:
        return None
    apart = np.abs(states - vector).max(axis=1)
    if apart.min() > CLOSE * canvas.scale_of(states):
        return None
    return wanted if apart[wanted] == apart.min() else int(apart.argmin())


def _caption(readers: list[_Reader]) -> str:
    faults = [fault for reader in readers for fault in _faults(reader)]
    if faults:
        first, *others = faults
        return " ".join([f"Fault: {first[0].lower()}{first[1:]}", *others])
    first = readers[0]
    if first.last is None:
        padding = first.words.count(PADDING)
        behind = f" The {padding} places of padding behind them are drawn faint." if padding else ""
        return (
            f"Each of the {len(first.words) - padding} words gives a new state, made from the word "
            f"and from the state before it.{behind}"
        )
    if len(readers) == 1:
        return f"The last vector is {_place(first, first.found)}, the last word of the review."
    taken = ", ".join(f"{reader.name} {_place(reader, reader.found)}" for reader in readers)
    whose = "reader" if first.name in READERS else "review"
    return f"Each {whose} has a last vector of its own: {taken}."


def _place(reader: _Reader, place: int) -> str:
    word = clean_word(reader.words[place], WORD)
    return f"the state at place {place} (“{word}”)"


def _faults(reader: _Reader) -> list[str]:
    """What is wrong with what a reader read and with what was taken from it, in sentences."""
    found = []
    if reader.padding_first:
        count = len(reader.padding_first)
        found.append(f"{count} places of padding were read before the last word.")
    whose = "" if not reader.name else f" of {reader.name}"
    if reader.name in READERS:
        whose = f" of the {reader.name} reader"
    if reader.wrong and reader.found is None:
        found.append(f"The last vector{whose} equals none of its states.")
    elif reader.wrong:
        padding = ", which is padding" if reader.words[reader.found] == PADDING else ""
        word = clean_word(reader.words[reader.wanted], WORD)
        found.append(
            f"The last vector{whose} is the state at place {reader.found}{padding}; "
            f"the last word that was read, “{word}”, is at place {reader.wanted}."
        )
    return found


def _alt(readers: list[_Reader]) -> str:
    parts = []
    for reader in readers:
        read = " ".join(reader.words[place] for place in reader.order)
        text = f"{reader.name or 'the network'} reads {read}"
        if reader.found is not None:
            text += f" and an arrow goes from the state at place {reader.found} to the last vector"
        parts.append(text)
    steps = "; from there through hidden to the logit" if readers[0].last is not None else ""
    text = "A column of numbers for each state, and an arrow from each to the next"
    return f"{text}: {'; '.join(parts)}{steps}."


@dataclass(frozen=True)
class _Card:
    """Where everything stands on the card, in inches from its lower left corner."""

    readers: list[_Reader]
    embedded: np.ndarray | None  # (B, T, E)
    both: bool  # two readers over the same words
    pitch: float  # from word to word
    two_lines: bool  # the words would touch one another on one line

    @property
    def taken(self) -> bool:
        return self.readers[0].last is not None

    @property
    def edge(self) -> float:
        """Where the states end."""
        return LEFT + self.pitch * len(self.readers[0].words)

    @property
    def width(self) -> float:
        return self.edge + (RIGHT if self.taken else 0.1)

    @property
    def tall(self) -> float:
        """The height of a state."""
        return len(canvas.chosen_cells(self.readers[0].states.shape[1])) * canvas.CELL[1]

    @property
    def below(self) -> float:
        """The room for what is read, below the states."""
        vectors = 0.0
        if self.embedded is not None:
            vectors = len(canvas.chosen_cells(self.embedded.shape[2])) * canvas.CELL[1] + FEED
        return FEED + vectors + LINE * (1 + self.two_lines)

    def x(self, place: int) -> float:
        """The middle of a word and of its state."""
        return LEFT + (place + 0.5) * self.pitch

    def wanted(self, number: int) -> list[int]:
        """The place at which the last vector of a reader ought to be."""
        return [self.readers[number].wanted] if self.taken else []

    def floors(self) -> list[float]:
        """The lower end of each reader's states; of both readers, the forward one stands below."""
        if self.both:
            return [self.below, 2 * self.below + self.tall + ABOVE]
        band = self.below + self.tall + ABOVE
        count = len(self.readers)
        return [self.below + band * (count - 1 - number) for number in range(count)]


def _lay_out(readers: list[_Reader], embedded, both: bool) -> _Card:
    T, taken = len(readers[0].words), readers[0].last is not None
    widths = [[LETTER * min(len(word), WORD) for word in reader.words] for reader in readers]
    room = WIDEST - LEFT - (RIGHT if taken else 0.1)
    pitch = min(room / T, max(0.66, max(map(max, widths)) + 0.1))
    touching = any(a + b > 2 * pitch - 0.16 for row in widths for a, b in pairwise(row))
    return _Card(readers, embedded, both, pitch, touching)


def _draw(card: _Card):
    """The whole picture, as a figure."""
    floors = card.floors()
    figure, axis = canvas.blank(card.width, max(floors) + card.tall + ABOVE + 0.04)
    for number, (reader, floor) in enumerate(zip(card.readers, floors, strict=True)):
        _draw_states(axis, card, reader, floor)
        _draw_words(axis, card, number, floor)
        if card.taken:
            _draw_last(axis, card, reader, floor)
    middles = [floor + card.tall / 2 for floor in floors]
    if card.both:
        middles = [middles]
    for ends in middles if card.taken else []:
        _draw_decision(axis, card.edge, np.atleast_1d(ends))
    return figure


def _draw_states(axis, card: _Card, reader: _Reader, floor: float) -> None:
    """A reader's name, its states as columns, and an arrow from each to the next one read."""
    name = f"{reader.name}\n" if reader.name else ""
    write(axis, 0.1, floor + card.tall / 2, f"{name}states", ha="left", fontsize=10)
    middle = floor + card.tall / 2
    for place in reader.shown:
        faint = reader.words[place] == PADDING and place != reader.found
        _vector(axis, card, card.x(place), floor, reader.states[place], faint)
    half = canvas.CELL[0] / 2 + 0.02
    for place, following in pairwise(reader.order):
        if {place, following} <= set(reader.shown):
            side = half * (following - place)
            padding = PADDING in (reader.words[following], reader.words[place])
            colour = canvas.GREY if padding else INK
            if place in reader.padding_first:
                colour = canvas.FAULT
            ends = (card.x(place) + side, middle), (card.x(following) - side, middle)
            arrow(axis, *ends, color=colour)


def _vector(axis, card: _Card, x: float, floor: float, values: np.ndarray, faint=False) -> None:
    shown = values[canvas.chosen_cells(len(values))]
    scale = canvas.scale_of(*(reader.states for reader in card.readers))
    column(axis, x, floor, shown, scale, faint)


def _draw_words(axis, card: _Card, number: int, floor: float) -> None:
    """The words of a review below its states, with their vectors between them, if given."""
    reader, y = card.readers[number], floor
    if card.embedded is not None:
        vectors = card.embedded[number]
        vectors = vectors[:, canvas.chosen_cells(vectors.shape[1])]
        tall, scale = vectors.shape[1] * canvas.CELL[1], canvas.scale_of(vectors)
        y = floor - FEED - tall
        write(axis, 0.1, y + tall / 2, "embedded", ha="left", fontsize=10)
    for place in reader.shown:
        word = reader.words[place]
        x, colour = card.x(place), canvas.GREY if word == PADDING else INK
        if card.embedded is not None:
            arrow(axis, (x, floor - FEED + 0.02), (x, floor - 0.03), color=colour)
            column(axis, x, y, vectors[place], scale, faint=word == PADDING)
        arrow(axis, (x, y - FEED + 0.02), (x, y - 0.03), color=colour)
        line = y - FEED - LINE * (0.5 + (card.two_lines and place % 2))
        weight = "bold" if place in card.wanted(number) else "normal"
        canvas.write_word(axis, x, line, word, color=colour, fontweight=weight)
    write(axis, 0.1, y - FEED - LINE / 2, "words", ha="left", fontsize=10)


def _draw_last(axis, card: _Card, reader: _Reader, floor: float) -> None:
    """The last vector to the right of the states, and the arrow from the state that it equals."""
    x, top = card.edge + 0.42, floor + card.tall
    colour = canvas.FAULT if reader.wrong or reader.padding_first else canvas.WEIGHT
    _vector(axis, card, x, floor, reader.last)
    _frame(axis, x, floor, card.tall, colour)
    write(axis, x, floor - 0.12, "last vector", fontsize=8.5, color=colour)
    if reader.found is None:
        write(axis, x, top + 0.12, "of no state", fontsize=8.5, color=colour)
        return
    start = card.x(reader.found)
    _frame(axis, start, floor, card.tall, colour)
    axis.plot([start, start, x], [top + 0.03, top + 0.2, top + 0.2], color=colour, linewidth=2)
    arrow(axis, (x, top + 0.21), (x, top + 0.02), 2, color=colour)


def _frame(axis, x: float, floor: float, tall: float, colour: str) -> None:
    width = canvas.CELL[0] + 0.04
    look = {"fill": False, "edgecolor": colour, "linewidth": 2}
    axis.add_patch(Rectangle((x - width / 2, floor - 0.02), width, tall + 0.03, **look))


def _draw_decision(axis, edge: float, middles: np.ndarray) -> None:
    """From the last vector, or from both of them, through hidden to the logit."""
    y = middles.mean()
    for middle in middles:
        arrow(axis, (edge + 0.63, middle), (edge + 0.83, y))
    canvas.box(axis, edge + 1.15, y, 0.62, 0.3, "hidden")
    arrow(axis, (edge + 1.46, y), (edge + 1.66, y))
    canvas.box(axis, edge + 1.9, y, 0.46, 0.3, "logit")
