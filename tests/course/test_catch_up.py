"""A student who takes every catch-up line runs the whole notebook, from top to bottom.

Nothing outside this computer can be reached meanwhile, and nothing is asked for. At the end the
student goes back, trains again and looks at the verdicts again: each says what it said before.
"""

import copy

import nbformat
import pytest
from offline import attempts, offline
from student_copies import STUDENT, printed

from practicum_utils.authoring.copies import CHECKED, take_catch_up
from practicum_utils.authoring.execute import execute

pytestmark = pytest.mark.slow


def has_verdict(cell):
    return CHECKED in cell.metadata.get("tags", [])


def go_back(notebook):
    """Repeat at the end the cells that train a new model and those with a verdict; return pairs."""
    anew = "set_seed(0)\nmodel ="
    cells = [cell for cell in notebook.cells if has_verdict(cell) or cell.source.startswith(anew)]
    again = copy.deepcopy(cells)
    for cell in again:
        cell["id"] = f"{cell['id'][:50]}-again"
    notebook.cells.extend(again)
    return [pair for pair in zip(cells, again, strict=True) if has_verdict(pair[0])]


@pytest.mark.parametrize("path", STUDENT, ids=lambda path: path.stem)
def test_a_student_copy_runs_with_its_catch_up_lines(path, tmp_path, monkeypatch):
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    exercises = [cell for cell in notebook.cells if cell.source.startswith("# Exercise ")]
    taken = take_catch_up(notebook)
    pairs = go_back(notebook)
    execute(notebook, tmp_path)
    assert taken >= len(exercises) >= 1  # the class's code of earlier lessons has its own
    assert "ok: " in printed(notebook.cells)
    assert "symptom: " not in printed(notebook.cells)
    assert [printed([again]) for _, again in pairs] == [printed([cell]) for cell, _ in pairs]
    assert attempts(tmp_path) == []
