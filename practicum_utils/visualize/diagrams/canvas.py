"""What the diagrams are drawn with: a white card with columns of numbers, words, arrows, grids.

A diagram shows the numbers it is given and nothing else, so a wrong model draws a wrong picture.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image

from practicum_utils.data import PAD, SPECIAL_TOKENS
from practicum_utils.support.html import clean_word, escape
from practicum_utils.support.progress import is_notebook

INK, GREY, PALE = "#1f2933", "#8a94a0", "#d5dae0"
WEIGHT = "#1f66b0"  # blue: how much something counts
FAULT = "#c2410c"  # orange red: a number where none should be
VALUES = "RdBu"  # red below 0, white at 0, blue above
PIXELS_PER_INCH = 160
COLOURS = 64  # of the palette of a picture; fewer make a smaller file
BYTES = 60_000  # of a picture in a notebook, its base64 form
FONT = {"family": "DejaVu Sans", "parse_math": False}
PADDING = SPECIAL_TOKENS[PAD]  # the word that stands where there is none
NEAR = 2e-3  # numbers of a softmax that differ by less are called equal
MINUS_INFINITY = "\N{MINUS SIGN}\N{INFINITY}"
CARD = 9.4  # inches of the widest card: 900 pixels of a notebook
MOST_CELLS = 8  # numbers of a vector that are drawn, evenly chosen


@dataclass(frozen=True, repr=False)
class Diagram:
    """A picture with its caption; displays itself in a notebook, prints as text.

    caption: what is said above the picture.  alt: what the picture shows, in words, for whoever
    does not see it.  png: the picture.  width: in the notebook's pixels.
    """

    caption: str
    alt: str
    png: bytes
    width: int

    def __str__(self) -> str:
        """The text form: caption and description."""
        return f"{self.caption}\n{self.alt}".lstrip()

    def __repr__(self) -> str:
        """As the text, for a picture is many thousand bytes long."""
        return str(self)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        picture = base64.b64encode(self.png).decode()
        alt = escape(self.alt).replace('"', "&quot;")
        caption = f"<p>{escape(self.caption)}</p>" if self.caption else ""
        html = (
            f'{caption}<img width="{self.width}" alt="{alt}" src="data:image/png;base64,{picture}">'
        )
        return {"text/plain": str(self), "text/html": html}


def blank(width: float, height: float):
    """An empty white card of so many inches, and its axis, on which one unit is one inch."""
    figure = plt.figure(figsize=(width, height), facecolor="white")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(0, height))
    axis.axis("off")
    return figure, axis


def finish(figure, caption: str, alt: str) -> Diagram:
    """The card as a Diagram; a figure that was drawn so is closed and not shown twice.

    One full of numbers gets fewer pixels and colours, at the least as many pixels as a notebook
    shows, so that it stays small.
    """
    png = b""
    for pixels, colours in (
        (PIXELS_PER_INCH, 256),
        (128, 256),
        (128, COLOURS),
        (96, COLOURS),
        (96, 16),
    ):
        if not png or len(png) * 4 > BYTES * 3:
            png = _compact(figure, pixels, colours)
    width = round(figure.get_figwidth() * 96)
    plt.close(figure)
    return Diagram(caption, alt, png, width)


def _compact(figure, pixels: int, colours: int) -> bytes:
    """The figure as a PNG with so many pixels an inch and so many colours."""
    buffer, small = io.BytesIO(), io.BytesIO()
    figure.savefig(buffer, dpi=pixels, facecolor="white")
    picture = Image.open(buffer).convert("RGB")
    # So that rare colours stay what they are: the usual method makes a single dark blue cell grey.
    picture = picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE)
    picture.save(small, "png", optimize=True)
    return small.getvalue()


def show_figure(figure, alt: str) -> None:
    """Show a figure of curves: in a notebook as a picture with its words, elsewhere in a window."""
    if not is_notebook():
        plt.show()
        return
    from IPython.display import display

    display(finish(figure, "", alt))


def numbers(values, *, dims: int, name: str) -> np.ndarray:
    """A tensor, or what makes one, as an array of ``dims`` dimensions.

    Raises ValueError, naming what was expected, for another number of dimensions.
    """
    array = torch.as_tensor(values).detach().cpu().double().numpy()
    if array.ndim != dims:
        raise ValueError(
            f"{name} must have {dims} dimension{'s' * (dims != 1)} here, and has the shape "
            f"{tuple(array.shape)}; for a batch, choose one of its rows."
        )
    return array


def chosen_cells(size: int, most: int = MOST_CELLS) -> np.ndarray:
    """Which numbers of a vector are drawn: all of a short one, evenly chosen ones of a long one."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(int))


def scale_of(*arrays: np.ndarray) -> float:
    """The largest size of any finite number: it gets the full colour."""
    largest = [np.abs(array[np.isfinite(array)]).max(initial=0) for array in arrays]
    return max(largest) or 1.0


def colour_of(value: float, scale: float) -> tuple:
    """Red below 0, white at 0, blue above."""
    return matplotlib.colormaps[VALUES](0.5 + 0.5 * value / scale)


def column(axis, x: float, y: float, values: np.ndarray, scale: float, faint=False) -> None:
    """A vector as a column of coloured cells, its middle at x, its lower end at y."""
    width, height = CELL
    for row, value in enumerate(values):
        place = (x - width / 2, y + height * (len(values) - 1 - row))
        look = {"facecolor": colour_of(value, scale), "edgecolor": PALE, "linewidth": 0.6}
        axis.add_patch(Rectangle(place, width, height * 0.94, alpha=0.35 if faint else 1, **look))


CELL = (0.36, 0.12)  # width and height of a number in a column, in inches


def write(axis, x: float, y: float, text: str, **look) -> None:
    """A text with its middle at x, y; never read as a formula."""
    axis.text(x, y, text, **{"ha": "center", "va": "center", "color": INK, **FONT, **look})


def write_word(axis, x: float, y: float, word: str, **look) -> None:
    """A word of a review, shown as it is; long ones are cut."""
    write(axis, x, y, clean_word(word, 12), **{"fontsize": 10, **look})


def arrow(axis, start: Sequence[float], end: Sequence[float], width: float = 1.0, **look) -> None:
    """An arrow from start to end, both (x, y); width in points."""
    head = f"-|>,head_length={2.2 + width / 3},head_width={1.2 + width / 3}"
    drawn = {"color": INK, "shrinkA": 0, "shrinkB": 0, "arrowstyle": head, **look}
    axis.add_patch(FancyArrowPatch(start, end, linewidth=width, mutation_scale=1.6, **drawn))


def box(axis, x: float, y: float, width: float, height: float, text: str, **look) -> None:
    """A labelled box with its middle at x, y."""
    drawn = {"facecolor": "#eef2f6", "edgecolor": GREY, "linewidth": 1, **look}
    axis.add_patch(Rectangle((x - width / 2, y - height / 2), width, height, **drawn))
    write(axis, x, y, text, fontsize=10)


def grid(axis, left: float, top: float, table: np.ndarray, side: float, **look) -> None:
    """A table (rows, columns) of numbers in coloured cells; -inf is written as a sign.

    look: ``colours`` a function value -> colour, ``text`` a function value -> str.
    """
    scale = scale_of(table)
    colours = look.get("colours", lambda value: colour_of(value, scale))
    text = look.get("text", lambda value: f"{value:+.1f}" if np.isfinite(value) else MINUS_INFINITY)
    for (row, place), value in np.ndenumerate(table):
        corner = (left + place * side, top - (row + 1) * side * 0.7)
        ground = colours(value) if np.isfinite(value) else "#ffffff"
        axis.add_patch(
            Rectangle(corner, side, side * 0.7, facecolor=ground, edgecolor="white", linewidth=1)
        )
        middle = (corner[0] + side / 2, corner[1] + side * 0.35)
        write(axis, *middle, text(value), fontsize=8.5, color=ink_on(ground))


def ink_on(ground) -> str:
    """Black or white, whichever can be read on this ground."""
    red, green, blue = (channel**2.2 for channel in matplotlib.colors.to_rgb(ground))
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 else "#ffffff"
