"""Say which cells share a slide, in the ``slideshow`` metadata of nbconvert and JupyterLab."""

from practicum_utils.authoring.source import Cell
from practicum_utils.authoring.student import HINT, NOTES

ROOM = 16  # lines; a slide that has as many or fewer takes more code


def cut_into_slides(cells: list[Cell]) -> list[Cell]:
    """A heading begins a slide, any other text a slide below it; code stands with its text.

    The title stands alone. More code joins a slide as long as there is room, and a folded hint
    always stays with its exercise.
    """
    cut, slide = [], []  # the cells of the slide so far
    for index, cell in enumerate(cells):
        kind = NOTES if cell.marks.get(NOTES) else _slide_type(cell, slide, index)
        if kind != NOTES:
            slide = [*slide, cell] if kind == "-" else [cell]
        if kind != "-":  # which is what the readers assume of a cell without a type
            cell = cell.with_metadata(slideshow={"slide_type": kind})
        cut.append(cell)
    return cut


def _slide_type(cell: Cell, slide: list[Cell], index: int) -> str:
    if index == 0 or (cell.kind == "markdown" and _has_heading(cell.text)):
        return "slide"
    if _is_hint(cell):
        return "-"
    is_title = slide[0].text.startswith("# ")
    lines = sum(len(other.text.splitlines()) for other in (*slide, cell) if not _is_hint(other))
    after_text = len(slide) == 1 and slide[0].kind == "markdown"
    joins = cell.kind == "code" and not is_title and (after_text or lines <= ROOM)
    return "-" if joins else "subslide"


def _has_heading(text: str) -> bool:
    return any(line.startswith("## ") for line in text.splitlines())


def _is_hint(cell: Cell) -> bool:
    return cell.kind == "markdown" and cell.text.startswith(HINT)
