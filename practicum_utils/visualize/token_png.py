"""Draw rows of coloured words as a PNG picture, on white, with matplotlib."""

import io
import textwrap
from collections.abc import Sequence
from functools import cache

import numpy as np

LINE = 96  # characters of a line; the font is monospaced, so widths need no measuring
POINTS = 9
DOTS = 90  # per inch
GROUND, EDGE = "white", "#08306b"  # of the picture; of a word's box
FONT = "DejaVu Sans Mono"  # comes with matplotlib
LETTERS = {"fontsize": POINTS, "family": FONT, "parse_math": False, "va": "baseline"}
BOX = {"edgecolor": EDGE, "pad": 1.5}
WIDTH, HEIGHT = 0.645 * POINTS / 72, 1.9 * POINTS / 72  # of a character and a line, in inches


def draw(sentences: Sequence[str], rows: Sequence[Sequence]) -> bytes:
    """Return a PNG: the sentences, then each row of ``Chip`` wrapped into lines of words."""
    from matplotlib.figure import Figure

    heads = [line for sentence in sentences for line in textwrap.wrap(sentence, LINE)]
    placed, line = [], len(heads) + 0.5
    for row in rows:
        line = _place(row, line, placed) + 1.5
    figure = Figure(figsize=((LINE + 2) * WIDTH, (line + 0.5) * HEIGHT), facecolor=GROUND)
    for number, text in enumerate(heads):
        _write(figure, text, 1, number, line)
    for chip, column, place in placed:
        _write(figure, _text(chip), column, place, line, chip)
    return _compact(figure, {(chip.ground, chip.ink) for chip, *_ in placed if chip.level})


def _compact(figure, used: set[tuple[str, str]]) -> bytes:
    """The figure as a PNG with a palette, a tenth of the size of one in full colour.

    used: (ground, ink) of the words' boxes; no such colour is lost, edges of letters may be.
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


def _palette(used: set[tuple[str, str]]) -> list[int]:
    """Red, green, blue of each colour: every ground, its ink and a step between, and greys."""
    from matplotlib.colors import to_rgb

    pairs = sorted({(GROUND, "black"), *used})
    colours = {to_rgb(EDGE), *((grey,) * 3 for grey in (0.25, 0.5, 0.75))}
    for ground, ink in pairs:
        whole = np.array([to_rgb(ground), to_rgb(ink)])
        colours |= {tuple(map(float, colour)) for colour in (*whole, whole.mean(axis=0))}
    return [round(255 * part) for colour in sorted(colours) for part in colour]


def _place(row: Sequence, line: float, placed: list) -> float:
    """Append (chip, column, line) for each chip; return the last line used."""
    column = 1
    for chip in row:
        width = len(_text(chip)) + 1
        if column > 1 and column + width > LINE:
            column, line = 1, line + 1
        placed.append((chip, column, line))
        column += width
    return line


def _write(figure, text: str, column: float, line: float, lines: float, chip=None) -> None:
    x, y = column / (LINE + 2), 1 - (line + 1) / (lines + 0.5)
    weight = "bold" if chip is not None and chip.note else "normal"
    box, ink = None, "black"
    if chip is not None and chip.level:
        box = BOX | {"facecolor": chip.ground, "linewidth": 0.25 * chip.level}
        ink = chip.ink
    figure.text(x, y, drawable(text), color=ink, bbox=box, weight=weight, **LETTERS)


def _text(chip) -> str:
    return f"{chip.word} {chip.note}" if chip.note else chip.word


def drawable(text: str) -> str:
    """Return the text with a square for each character that ``FONT`` does not have."""
    return "".join(letter if ord(letter) in _letters() else "\N{WHITE SQUARE}" for letter in text)


@cache
def _letters() -> frozenset[int]:
    from matplotlib import font_manager

    path = font_manager.findfont(FONT, fallback_to_default=False)
    return frozenset(font_manager.get_font(path).get_charmap())
