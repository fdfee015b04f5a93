"""A student who takes every catch-up line runs the whole notebook, from top to bottom.

Nothing outside this computer can be reached meanwhile, and nothing is asked for. At the end the
student goes back, trains again and looks at the verdicts again: each says what it said before.
"""

import copy
import re

import nbformat
import pytest
from offline import attempts, offline

from practicum_utils.authoring.build import execute, find_root

STUDENT = sorted((find_root() / "notebooks").glob("*.ipynb"))
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)


def take_catch_up_lines(notebook):
    """Uncomment them; return how many there were."""
    taken = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = CATCH_UP.subn(r"\1", cell.source)
            taken += count
    return taken


def has_verdict(cell):
    return "nbval-check-output" in cell.metadata.get("tags", [])


def go_back(notebook):
    """Repeat at the end the cells that train a new model and those with a verdict; return pairs."""
    anew = "set_seed(0)\nmodel ="
    cells = [cell for cell in notebook.cells if has_verdict(cell) or cell.source.startswith(anew)]
    again = copy.deepcopy(cells)
    for cell in again:
        cell["id"] = f"{cell['id'][:50]}-again"
    notebook.cells.extend(again)
    return [pair for pair in zip(cells, again, strict=True) if has_verdict(pair[0])]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.get("outputs", []))


@pytest.mark.parametrize("path", STUDENT, ids=lambda path: path.stem)
def test_a_student_copy_runs_with_its_catch_up_lines(path, tmp_path, monkeypatch):
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    assert take_catch_up_lines(notebook) >= 2
    pairs = go_back(notebook)
    execute(notebook, tmp_path)
    text = "".join(map(printed, notebook.cells))
    assert "ok: " in text
    assert "symptom: " not in text
    assert [printed(again) for _, again in pairs] == [printed(cell) for cell, _ in pairs]
    assert attempts(tmp_path) == []
