"""Draw rows of coloured words as a PNG picture, on white, with matplotlib."""

import io
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from practicum_utils.support.html import LINE, wrap

POINTS = 9
DOTS = 90  # per inch
PIXEL = 0.75 / 72  # inches of a bar's pixel
GROUND = "white"
FONT = "DejaVu Sans Mono"  # comes with matplotlib; it is monospaced, so widths need no measuring
LETTERS = {"fontsize": POINTS, "family": FONT, "parse_math": False, "va": "baseline"}
WIDTH, HEIGHT = 0.645 * POINTS / 72, 2.2 * POINTS / 72  # of a character and a line, in inches
LOW, TALL = 0.28 * POINTS / 72, 0.95 * POINTS / 72  # of a fill, below and above the letters' base


def draw(sentences: Sequence[str], rows: Sequence[Sequence]) -> bytes:
    """Return a PNG: the sentences, then each row of ``Chip`` wrapped into lines of words."""
    from matplotlib.figure import Figure

    heads = [line for sentence in sentences for line in wrap(sentence)]
    placed, line = [], len(heads) + 0.5
    for row in rows:
        line = _place(row, line, placed) + 1.5
    figure = Figure(figsize=((LINE + 2) * WIDTH, (line + 0.5) * HEIGHT), facecolor=GROUND)
    for number, text in enumerate(heads):
        _write(figure, text, 1, number, line)
    for chip, column, place in placed:
        _mark(figure, chip, column, place, line)
        _write(figure, chip.text, column, place, line, bold=bool(chip.note))
    return _compact(figure, _colours(chip.step for chip, *_ in placed if chip.step))


def _colours(steps: Iterable) -> set[str]:
    """All colours of bars and fills."""
    return {colour for step in steps for colour in (step.colour, step.ground) if colour}


def _compact(figure, used: set[str]) -> bytes:
    """The figure as a PNG with a palette, a tenth of the size of one in full colour.

    used: the colours of bars and fills; none of them is lost, edges of letters may be.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(DOTS)
    canvas.draw()
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette(used))
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _palette(used: set[str]) -> list[int]:
    """Red, green, blue of each colour: those used, a step between each and black, and greys."""
    from matplotlib.colors import to_rgb

    colours = {(grey,) * 3 for grey in (0.0, 0.25, 0.5, 0.75, 1.0)}
    for colour in used:
        whole = np.array(to_rgb(colour))
        colours |= {tuple(map(float, part)) for part in (whole, whole / 2)}
    return [round(255 * part) for colour in sorted(colours) for part in colour]


def _place(row: Sequence, line: float, placed: list) -> float:
    """Append (chip, column, line) for each chip; return the last line used."""
    column = 1
    for chip in row:
        width = len(chip.text) + 1
        if column > 1 and column + width > LINE:
            column, line = 1, line + 1
        placed.append((chip, column, line))
        column += width
    return line


def _mark(figure, chip, column: float, line: float, lines: float) -> None:
    """A chip's fill and bar, behind its letters."""
    if chip.step is None:
        return
    wide, high = figure.get_size_inches()
    left, base = _corner(column, line, lines)
    bottom, top = base - LOW / high, base + TALL / high
    width, bar = len(chip.text) * WIDTH / wide, chip.step.bar * PIXEL / high
    if chip.step.ground:
        _fill(figure, left, bottom, width, top - bottom, chip.step.ground)
    _fill(figure, left, top if chip.step.above else bottom - bar, width, bar, chip.step.colour)


def _fill(figure, left: float, bottom: float, width: float, height: float, colour: str) -> None:
    from matplotlib.patches import Rectangle

    corner, look = (left, bottom), {"facecolor": colour, "linewidth": 0}
    figure.add_artist(Rectangle(corner, width, height, transform=figure.transFigure, **look))


def _corner(column: float, line: float, lines: float) -> tuple[float, float]:
    """Where the letters of this column and line begin, as shares of the picture."""
    return column / (LINE + 2), 1 - (line + 1) / (lines + 0.5)


def _write(figure, text: str, column: float, line: float, lines: float, bold=False) -> None:
    weight = "bold" if bold else "normal"
    figure.text(*_corner(column, line, lines), drawable(text), weight=weight, **LETTERS)


def drawable(text: str) -> str:
    """Return the text with a square for each character that ``FONT`` does not have."""
    return "".join(letter if ord(letter) in _letters() else "\N{WHITE SQUARE}" for letter in text)


@cache
def _letters() -> frozenset[int]:
    from matplotlib import font_manager

    path = font_manager.findfont(FONT, fallback_to_default=False)
    return frozenset(font_manager.get_font(path).get_charmap())
