"""The student notebooks, and what a run of their cells has printed."""

from collections.abc import Iterable

from nbformat import NotebookNode

from practicum_utils.authoring.build import FOLDERS, find_root

STUDENT = sorted((find_root() / FOLDERS["student"]).glob("*.ipynb"))


def printed(cells: Iterable[NotebookNode]) -> str:
    """Everything that the cells printed."""
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
