"""Say which cells share a slide, in the ``slideshow`` metadata of nbconvert and JupyterLab."""

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

HINT = "<details"
NOTES = "notes"  # the mark, and the slide type, of a cell that only the speaker sees
ROOM = 16  # lines; a slide that has as many or fewer takes more code


class CutIntoSlides(Preprocessor):
    """A heading begins a slide, any other text a slide below it; code stands with its text.

    The title stands alone. More code joins a slide as long as there is room, and a folded hint
    always stays with its exercise.
    """

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        slide = []  # the cells of the slide so far
        for index, cell in enumerate(nb.cells):
            kind = NOTES if cell.metadata["marks"].get(NOTES) else _slide_type(cell, slide, index)
            if kind != "-":  # which is what the readers assume of a cell without a type
                cell.metadata["slideshow"] = {"slide_type": kind}
            if kind != NOTES:
                slide = [*slide, cell] if kind == "-" else [cell]
        return nb, resources


def _slide_type(cell: NotebookNode, slide: list[NotebookNode], index: int) -> str:
    if index == 0 or (cell.cell_type == "markdown" and _has_heading(cell.source)):
        return "slide"
    if _is_hint(cell):
        return "-"
    is_title = slide[0].source.startswith("# ")
    lines = sum(len(other.source.splitlines()) for other in (*slide, cell) if not _is_hint(other))
    after_text = len(slide) == 1 and slide[0].cell_type == "markdown"
    joins = cell.cell_type == "code" and not is_title and (after_text or lines <= ROOM)
    return "-" if joins else "subslide"


def _has_heading(text: str) -> bool:
    return any(line.startswith("## ") for line in text.splitlines())


def _is_hint(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and cell.source.startswith(HINT)
