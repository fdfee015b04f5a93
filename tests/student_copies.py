"""The student notebooks as someone runs them who takes every catch-up line."""

import re

from nbformat import NotebookNode

from practicum_utils.authoring.build import FOLDERS, find_root

STUDENT = sorted((find_root() / FOLDERS["student"]).glob("*.ipynb"))
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)


def take_catch_up(notebook: NotebookNode) -> int:
    """Uncomment the catch-up lines in place; return how many there were."""
    taken = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = CATCH_UP.subn(r"\1", cell.source)
            taken += count
    return taken


def printed(notebook: NotebookNode) -> str:
    """Everything that the notebook's cells printed."""
    return "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
