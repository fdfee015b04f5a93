"""A student who takes every catch-up line runs the whole notebook, from top to bottom."""

import nbformat
import pytest
from student_copies import STUDENT, printed

from practicum_utils.authoring.build import execute
from practicum_utils.authoring.copies import take_catch_up


@pytest.mark.parametrize("path", STUDENT, ids=lambda path: path.stem)
def test_a_student_copy_runs_with_its_catch_up_lines(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    taken = take_catch_up(notebook)
    execute(notebook, tmp_path)
    exercises = [cell for cell in notebook.cells if cell.source.startswith("# Exercise ")]
    assert taken == len(exercises) >= 1
    assert "ok: " in printed(notebook)
    assert "symptom: " not in printed(notebook)
