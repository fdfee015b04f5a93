"""A student who takes every catch-up line runs the whole notebook, from top to bottom."""

import re

import nbformat
import pytest

from practicum_utils.authoring.build import execute, find_root

STUDENT = sorted((find_root() / "notebooks").glob("*.ipynb"))
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)


@pytest.mark.parametrize("path", STUDENT, ids=lambda path: path.stem)
def test_a_student_copy_runs_with_its_catch_up_lines(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    taken, exercises = 0, 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = CATCH_UP.subn(r"\1", cell.source)
            taken += count
            exercises += cell.source.startswith("# Exercise ")
    execute(notebook, tmp_path)
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert taken == exercises >= 1
    assert "ok: " in printed
    assert "symptom: " not in printed
