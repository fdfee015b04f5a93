"""An encoder and a decoder that writes: the pieces read, the pieces written, and the alignment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from practicum_utils.support.html import clean_word
from practicum_utils.visualize.diagrams.canvas import (
    CELL,
    FAULT,
    FONT,
    GREY,
    INK,
    PADDING,
    PALE,
    WEIGHT,
    Diagram,
    arrow,
    blank,
    box,
    chosen_cells,
    column,
    finish,
    ink_on,
    numbers,
    scale_of,
    write,
)

INSIDE = ("self-attention, feed-forward", "self-attention,\ncross-attention,\nfeed-forward")
ANY = 1e-6  # weight on padding that is more than a rounding
LOOSE = 0.01  # how far from 1 a step's weights may sum; half precision is about 0.001 off
SEEN = 0.005  # a smaller weight is written as 0, and has no arrow
MOST_ARROWS = 32  # of the largest weights; more would hide each other
TINT = "#8fb3d8"  # of WEIGHT: blends of many crossing arrows would make a large file
MOST_STEPS = 8  # steps of the decoder that are drawn
MOST_BARS = 3  # blocks of the encoder that are drawn one by one
STATE_CELLS = 5  # numbers of an encoder's vector that are drawn
WIDTH, LEFT, RIGHT = 9.4, 1.5, 0.85  # of the card and its margins, in inches
ROW, BAR, STEP = 0.25, 0.27, (0.86, 0.4)  # heights of a row, a block; size of a decoder's step


def draw_encoder_decoder(
    source: Sequence[str],
    written: Sequence[str],
    weights,
    *,
    layers: tuple[int, int] = (1, 1),
    inside: tuple[str, str] = INSIDE,
    states=None,
    start: str = "<start>",
    most: int = 12,
) -> Diagram:
    """Draw what an encoder reads, what a decoder writes from it, and where it looks meanwhile.

    source: S tokens that are read.  written: T tokens, in the order in which they were written.
    weights: (T, S); row t says how much each token of the source counted when token t was written.
    layers: blocks of the encoder and of the decoder.  inside: what one block of each is made of.
    states: (S, D), the encoder's vectors, drawn as columns; without them, as empty boxes.
    start: what the decoder is given in its first step.
    most: tokens of the source that are drawn; of a longer one those with the largest weights, and
        the others together as one.
    A step that looks at nothing or at padding, or whose weights do not sum to 1, is marked and
    named. Raises ValueError for a table that does not fit the tokens.
    """
    table = numbers(weights, dims=2, name="weights")
    vectors = None if states is None else numbers(states, dims=2, name="states")
    _require_fit(source, written, table, vectors)
    faults = _faults(source, written, table)
    picture = _Picture(*_choose(source, table, most), list(written[:MOST_STEPS]), layers, faults)
    figure, axis = blank(WIDTH, picture.height)
    _draw_weights(axis, picture)
    _draw_words(axis, picture)
    _draw_encoder(axis, picture, inside[0])
    _draw_states(axis, picture, vectors)
    _draw_alignment(axis, picture)
    _draw_decoder(axis, picture, inside[1])
    _draw_written(axis, picture, start)
    caption = " ".join([*_caption(source, written, table, picture), *_tell_faults(written, faults)])
    return finish(figure, caption, _alt(source, written, table, start))


@dataclass(frozen=True)
class _Picture:
    """What is drawn, and where.

    words: the source's tokens; one more than places where others are left out.
    table: (steps, columns).  faults: step -> what is wrong with it.
    """

    words: list[str]
    places: np.ndarray
    table: np.ndarray
    written: list[str]
    layers: tuple[int, int]
    faults: Mapping[int, str] = field(default_factory=dict)

    @property
    def pitch(self) -> float:
        """The width of a column."""
        return min(1.0, (WIDTH - LEFT - RIGHT) / len(self.words))

    @property
    def right(self) -> float:
        return LEFT + self.pitch * len(self.words)

    def x(self, index: int) -> float:
        """The middle of a column."""
        return LEFT + (index + 0.5) * self.pitch

    @property
    def gap(self) -> float:
        """The distance of two written words."""
        room = max(self.right - LEFT, 4.0)
        return min(1.5, room / (len(self.written) + 0.5))

    def slot(self, index: float) -> float:
        """The place of a written word: 0 is the start's, and step t stands at t - 0.5."""
        middle = LEFT + max(self.right - LEFT, 4.0) / 2
        return middle + (index - len(self.written) / 2) * self.gap

    @property
    def step_width(self) -> float:
        """The width of the box of a step."""
        return min(STEP[0], self.gap - 0.16)

    @property
    def level(self) -> dict[str, float]:
        """The heights of the parts, from the bottom up."""
        words = ROW * len(self.written) + 0.75
        encoder = words + 0.45
        states = encoder + BAR * min(self.layers[0], MOST_BARS) + 0.2
        fan = states + CELL[1] * STATE_CELLS + 0.06
        steps = fan + 1.4
        return {"words": words, "encoder": encoder, "states": states, "fan": fan, "steps": steps,
                "written": steps + STEP[1] + 0.55}  # fmt: skip

    @property
    def height(self) -> float:
        return self.level["written"] + 0.3


def _require_fit(source, written, table: np.ndarray, vectors) -> None:
    wanted = (len(written), len(source))
    if table.shape != wanted or not table.size:
        raise ValueError(
            f"weights must have a row for each written token and a column for each one that was "
            f"read, {wanted} here and at least (1, 1); their shape is {table.shape}."
        )
    if vectors is not None and len(vectors) != len(source):
        raise ValueError(
            f"states must have a row for each of the {len(source)} tokens that were read; they "
            f"have {len(vectors)}."
        )


def _choose(source, table: np.ndarray, most: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(words, places, table) of the largest weights, in order, and of all others as one word."""
    table = table[:MOST_STEPS]
    left_out = max(0, len(source) - most)
    largest = np.nan_to_num(np.abs(table)).max(axis=0)
    places = np.sort(np.argsort(-largest, kind="stable")[: len(source) - left_out])
    words, shown = [source[place] for place in places], table[:, places]
    if left_out:
        words.append(f"{left_out} more")
        others = np.delete(table, places, axis=1).sum(axis=1, keepdims=True)
        shown = np.hstack([shown, others])
    return words, places, shown


def _faults(source, written, table: np.ndarray) -> dict[int, str]:
    padding = np.array([token == PADDING for token in source])
    found = {step: _fault(row, padding) for step, row in enumerate(table)}
    return {step: fault for step, fault in found.items() if fault}


def _fault(row: np.ndarray, padding: np.ndarray) -> str:
    """What is wrong with the weights of a step, in words; nothing if nothing is."""
    if not np.isfinite(row).all():
        return "has weights that are no numbers"
    if not row.any():
        return "looks at nothing, as all its weights are 0"
    if row.min() < 0:
        return f"has a weight below 0, {row.min():.2f}"
    if abs(row.sum() - 1) > LOOSE:
        return f"has weights that sum to {row.sum():.2f} and not to 1"
    if row[padding].sum() > ANY:
        return f"looks at padding, with {row[padding].sum():.2g} of its weight"
    return ""


def _short(value: float) -> str:
    """A weight in as few signs as it needs: .25, 0, 1."""
    if not np.isfinite(value):
        return str(value)
    if 0 < value < SEEN:
        return "0"
    return f"{value:.2f}".replace("0.", ".", 1).replace("1.00", "1").replace(".00", "0")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _caption(source, written, table: np.ndarray, picture: _Picture) -> list[str]:
    encoder, decoder = (_count(number, "block") for number in picture.layers)
    parts = [
        f"The encoder ({encoder}) reads {_count(len(source), 'piece')} at once. The decoder "
        f"({decoder}) writes one piece in each step, {len(written)} here, and each piece is fed "
        "back in for the next step. The arrows are as wide as its weights on the encoder's vectors."
    ]
    if 0 not in picture.faults:
        place = int(table[0].argmax())
        parts.append(
            f"When it wrote “{written[0]}”, the largest weight was that of “{source[place]}”, "
            f"{table[0, place]:.2f}."
        )
    if len(picture.places) < len(source):
        most = np.nan_to_num(picture.table[:, -1]).max()
        parts.append(
            f"Of what it reads, the {len(picture.places)} pieces with the largest weights are "
            f"drawn; the {len(source) - len(picture.places)} others have at most {most:.2f} "
            "together."
        )
    if (np.nan_to_num(np.abs(picture.table)) >= SEEN).sum() > MOST_ARROWS:
        parts.append(f"Only the {MOST_ARROWS} largest weights have an arrow.")
    if len(written) > MOST_STEPS:
        parts.append(f"Of its {len(written)} steps, the first {MOST_STEPS} are drawn.")
    return parts


def _tell_faults(written, faults: Mapping[int, str], most: int = 3) -> list[str]:
    named = [f"step {step + 1} (“{written[step]}”) {fault}" for step, fault in faults.items()]
    more = [f"{len(named) - most} more steps have such a fault"] * (len(named) > most)
    return [f"Something is wrong here: {'; '.join([*named[:most], *more])}."] * bool(named)


def _alt(source, written, table: np.ndarray, start: str) -> str:
    lines = ["From below: the pieces that are read, the encoder, a vector for each piece, arrows "
             "from there to the decoder's steps, and the pieces that it writes."]  # fmt: skip
    given = [start, *written]
    for step, row in enumerate(table[:MOST_STEPS]):
        best = np.argsort(-np.nan_to_num(row), kind="stable")[:3]
        looks = ", ".join(f"{source[place]} {_short(row[place])}" for place in best)
        lines.append(
            f"Step {step + 1} gets {given[step]} and writes {written[step]}; its largest weights: "
            f"{looks}."
        )
    return " ".join(lines)


def _label(axis, y: float, text: str, **look) -> None:
    """What a part is called, at the card's left."""
    write(axis, 0.12, y, text, **{"fontsize": 10, "ha": "left", **look})


def _draw_weights(axis, picture: _Picture) -> None:
    """A row for each step: its word, the weights, and their sum."""
    top = ROW * len(picture.written) + 0.12
    for step, (word, row) in enumerate(zip(picture.written, picture.table, strict=True)):
        y = top - (step + 0.5) * ROW
        wrong = step in picture.faults
        look = {"color": FAULT if wrong else WEIGHT, "fontsize": 9, "weight": "bold"}
        _label(axis, y, f"{step + 1}: {_fit(word, LEFT - 0.6)}", **look)
        for index, value in enumerate(row):
            _draw_cell(axis, picture, (index, y), value)
        look["color"] = FAULT if wrong else GREY
        write(axis, picture.right + 0.1, y, f"sum {_short(row.sum())}", ha="left", **look)
    _label(axis, top + 0.13, "weights of each step", fontsize=9)


def _draw_cell(axis, picture: _Picture, place: tuple[int, float], value: float) -> None:
    index, y = place
    padding = picture.words[index] == PADDING and value > ANY
    wrong = padding or value < 0 or not np.isfinite(value)
    text = f"{value:.0e}" if padding and value < SEEN else _short(value)
    share = np.clip(np.nan_to_num(value), 0, 1) ** 0.7
    ground = 1 - share + share * np.array(matplotlib.colors.to_rgb(WEIGHT))
    ground = FAULT if wrong else tuple(ground)
    corner = (LEFT + index * picture.pitch, y - ROW / 2)
    look = {"facecolor": ground, "edgecolor": PALE, "linewidth": 0.5}
    axis.add_patch(Rectangle(corner, picture.pitch, ROW, **look))
    ink = GREY if not wrong and value < SEEN else ink_on(ground)
    write(axis, picture.x(index), y, text, fontsize=9, color=ink)


def _draw_words(axis, picture: _Picture) -> None:
    """The source's tokens, on two lines where they would touch on one, and arrows upwards."""
    words = [clean_word(word, 12) for word in picture.words]
    two_lines = max(map(_width, words)) > picture.pitch - 0.06
    level = picture.level
    for index, word in enumerate(words):
        room = picture.pitch * (1.9 if two_lines else 1) - 0.06
        size = min(10, 10 * room / _width(word))
        y = level["words"] + (0.09 if index % 2 else -0.09) * two_lines
        grey = index >= len(picture.places) or word == PADDING
        write(axis, picture.x(index), y, word, fontsize=size, color=GREY if grey else INK)
        ends = (picture.x(index), y + 0.11), (picture.x(index), level["encoder"] - 0.02)
        arrow(axis, *ends, 0.7, color=GREY)
    _label(axis, level["words"], "pieces read")


def _draw_encoder(axis, picture: _Picture, inside: str) -> None:
    blocks = picture.layers[0]
    bars = min(blocks, MOST_BARS)
    titles = [f"block {number + 1}: {inside}" for number in range(blocks)]
    if blocks > bars:
        titles = [titles[0], f"blocks 2 to {blocks - 1}: the same", titles[-1]]
    bottom, middle = picture.level["encoder"], (LEFT + picture.right) / 2
    for bar, title in enumerate(titles):
        y = bottom + BAR * (bar + 0.5)
        box(axis, middle, y, picture.right - LEFT, BAR - 0.04, "")
        write(axis, middle, y, _fit(title, picture.right - LEFT, 60), fontsize=9)
    _label(axis, bottom + BAR * bars / 2, f"encoder\n({_count(blocks, 'block')})")


def _draw_states(axis, picture: _Picture, vectors: np.ndarray | None) -> None:
    """The encoder's vectors: one for each token that is drawn, dots for the others."""
    y, height = picture.level["states"], CELL[1] * STATE_CELLS
    _label(axis, y + height / 2, "its vectors,\none a piece")
    for index, place in enumerate(picture.places):
        if vectors is None:
            corner = (picture.x(index) - CELL[0] / 2, y)
            axis.add_patch(Rectangle(corner, CELL[0], height, facecolor="#eef2f6", edgecolor=GREY))
            continue
        cells = vectors[place][chosen_cells(vectors.shape[1], STATE_CELLS)]
        faint = picture.words[index] == PADDING
        column(axis, picture.x(index), y, cells, scale_of(vectors[picture.places]), faint=faint)
    if len(picture.places) < len(picture.words):
        write(axis, picture.x(len(picture.places)), y + height / 2, "…", color=GREY, fontsize=14)


def _draw_alignment(axis, picture: _Picture) -> None:
    """The arrows from the encoder's vectors to the decoder's steps, as wide as the weights."""
    level = picture.level
    _label(axis, level["fan"] + 0.25, "cross-attention,\nthe arrows")
    sizes = np.nan_to_num(np.abs(picture.table), posinf=0)
    order = np.argsort(-sizes, axis=None, kind="stable")[:MOST_ARROWS]  # so thin ones are on top
    for step, index in zip(*np.unravel_index(order, sizes.shape), strict=True):
        value = picture.table[step, index]
        if sizes[step, index] < SEEN:
            continue
        wrong = picture.words[index] == PADDING or value < 0
        spread = (index + 0.5) / len(picture.words) - 0.5  # so that the heads do not meet
        end = picture.slot(step + 0.5) + spread * picture.step_width
        ends = (picture.x(index), level["fan"]), (end, level["steps"] - 0.02)
        arrow(axis, *ends, 0.5 + 9 * min(abs(value), 1.5), color=FAULT if wrong else TINT)


def _draw_decoder(axis, picture: _Picture, inside: str) -> None:
    y = picture.level["steps"] + STEP[1] / 2
    _label(axis, y + 0.08, f"decoder\n({_count(picture.layers[1], 'block')})")
    _label(axis, y - 0.5, inside, fontsize=8.5, color=GREY)
    for step in range(len(picture.written)):
        look = {"edgecolor": FAULT, "linewidth": 2.5} if step in picture.faults else {}
        place = picture.slot(step + 0.5), y, picture.step_width, STEP[1]
        box(axis, *place, f"step {step + 1}", **look)


def _draw_written(axis, picture: _Picture, start: str) -> None:
    """The words between the steps: written by the one to the left, read by the one to the right."""
    y, top = picture.level["written"], picture.level["steps"] + STEP[1]
    _label(axis, y, "pieces written")
    for index, word in enumerate([start, *picture.written]):
        shown = clean_word(word, 12)
        size = min(10.5, 10.5 * (picture.gap - 0.1) / _width(shown, 10.5))
        look = {"color": WEIGHT, "weight": "bold"} if index else {"color": GREY}
        write(axis, picture.slot(index), y, shown, fontsize=size, **look)
        inner = picture.gap * 0.36
        if index:
            ends = (picture.slot(index) - inner, top), (picture.slot(index) - 0.06, y - 0.14)
            arrow(axis, *ends, 1.3, color=WEIGHT)
        if index < len(picture.written):
            ends = (picture.slot(index) + 0.06, y - 0.14), (picture.slot(index) + inner, top)
            arrow(axis, *ends, 1, color=GREY)


def _width(text: str, size: float = 10) -> float:
    """The width of a text in inches."""
    font = FontProperties(family=FONT["family"], weight="bold")
    return max(0.05, TextPath((0, 0), text, size=size, prop=font).get_extents().width / 72)


def _fit(text: str, width: float, longest: int = 12) -> str:
    """A text cut so that it is not wider than so many inches at 9 points."""
    text = clean_word(text, longest)
    while len(text) > 2 and _width(text, 9) > width:
        text = text.removesuffix("…")[:-1] + "…"
    return text
