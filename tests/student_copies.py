"""The student notebooks, and what a run of one has printed."""

from nbformat import NotebookNode

from practicum_utils.authoring.build import FOLDERS, find_root

STUDENT = sorted((find_root() / FOLDERS["student"]).glob("*.ipynb"))


def printed(notebook: NotebookNode) -> str:
    """Everything that the notebook's cells printed."""
    return "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
