"""What nbgrader reads in the student notebooks, by its own rules, and what it gives for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from tiny_course import URL, read_text

from practicum_utils.authoring import build
from practicum_utils.authoring.copies import CATCH_UP, COPIES, make_copy
from practicum_utils.authoring.grading import FOR_A_DIAGNOSIS
from practicum_utils.bugs.planting import BEGIN, END
from practicum_utils.checks.exercises import find

WHY = "nbgrader is not installed; it is in the extra of that name"
api = pytest.importorskip("nbgrader.api", reason=WHY)
schema = pytest.importorskip("nbgrader.nbgraderformat", reason=WHY)

LESSONS = build.read_all(build.find_root())
EACH = pytest.mark.parametrize("number", LESSONS)
GRADED = '''\
# %% [markdown]
# # Lesson 3: Points

# %% exercise="3.1" minutes=4 catch_up="from practicum_utils.models import last_vectors"
def last_vectors(states, lengths):
    """Return each row's last state."""
    ### BEGIN SOLUTION
    return states[range(len(lengths)), lengths - 1]
    ### END SOLUTION

# %% exercise="3.2" minutes=7 catch_up="from practicum_utils.models import reverse_reviews"
def reverse_reviews(token_ids, lengths):
    """Reverse each row."""
    ### BEGIN SOLUTION
    return token_ids.flip(1)
    ### END SOLUTION

# %% check="3.1" verdict=true
from practicum_utils.checks import check

check("3.1", last_vectors)

# %% exercise="3.3" minutes=9 catch_up="from practicum_utils.models import SimpleRNN"
class SimpleRNN:
    """Two readers."""

    def forward(self, token_ids, lengths):
        """(B, T), (B,) -> (B,)"""
        ### BEGIN SOLUTION
        return lengths
        # BUG linear-input-size: return token_ids
        ### END SOLUTION

# %% check="3.2" verdict=true
from practicum_utils.checks import check

check("3.2", reverse_reviews)

# %% check="3.3" verdict=true
from practicum_utils.checks import check

check("3.3", SimpleRNN)

# %% [markdown] diagnose="3.D1"
# Why?
#
# - **What to look at:** The layer.
# - **What it should be:** Twice as wide.
# - **Where it is:** In the class.

# %% name="settings"
import os

assert os.environ["PRACTICUM_FAST"] == "1"
'''
CLASS = """
import torch
from torch import nn
from practicum_utils.bugs import as_typed
from practicum_utils.models import last_vectors, reverse_reviews
SimpleRNN = as_typed("3.3")
"""


def student(lesson, lessons=LESSONS, copy="student"):
    return make_copy(copy, lesson, lessons, URL)


def entries(notebook):
    return [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]


@EACH
def test_a_student_copy_is_valid_by_nbgrader_s_own_rules(number):
    notebook = student(LESSONS[number])
    schema.MetadataValidator().validate_nb(notebook)
    assert {entry["schema_version"] for entry in entries(notebook)} == {schema.SCHEMA_VERSION}
    assert not [
        cell for cell in notebook.cells if BEGIN[4:] in cell.source or END[4:] in cell.source
    ]


def test_nbgrader_s_rules_can_refuse():
    notebook = student(LESSONS["03"])
    entries(notebook)[0]["grade_id"] = entries(notebook)[2]["grade_id"]
    with pytest.raises(schema.ValidationError, match="Duplicate grade id"):
        schema.MetadataValidator().validate_nb(notebook)
    del entries(notebook)[1]["points"]
    with pytest.raises(schema.ValidationError):
        schema.MetadataValidator().validate_cell(
            next(cell for cell in notebook.cells if "check" in str(cell.metadata.get("nbgrader")))
        )


@EACH
def test_a_stub_is_the_student_s_and_its_check_gives_the_minutes(number):
    exercises = [cell for cell in LESSONS[number].cells if "exercise" in cell.marks]
    found = {entry["grade_id"]: entry for entry in entries(student(LESSONS[number]))}
    for cell in exercises:
        name = cell.marks["exercise"].replace(".", "-")
        stub, test = found.pop(f"exercise-{name}"), found.pop(f"check-{name}")
        assert stub["solution"] and not stub["grade"] and not stub["locked"]
        assert test["grade"] and test["locked"] and not test["solution"]
        assert "points" not in stub and test["points"] == cell.marks["minutes"]
    diagnoses = [
        cell.marks["diagnose"] for cell in LESSONS[number].cells if "diagnose" in cell.marks
    ]
    for diagnosis in diagnoses:
        name = diagnosis.replace(".", "-")
        answer, test = found.pop(f"answer-{name}"), found.pop(f"check-{name}")
        assert answer["solution"] and not answer["locked"]
        assert test["grade"] and test["locked"] and test["points"] == FOR_A_DIAGNOSIS
    assert exercises and diagnoses and not found


def test_the_class_s_code_of_earlier_lessons_is_not_locked():
    cells = {cell.id: cell for cell in student(LESSONS["03"]).cells}
    for name in ("review-dataset", "run-epoch"):
        (cell,) = [cell for name_of, cell in cells.items() if name_of.endswith(f"-{name}")]
        assert "nbgrader" not in cell.metadata and "editable" not in cell.metadata


@EACH
def test_the_entries_stand_on_the_cells_that_they_name(number):
    for cell in student(LESSONS[number]).cells:
        entry = cell.metadata.get("nbgrader")
        kind, _, name = entry["grade_id"].partition("-") if entry else ("", "", "")
        exercise = name.replace("-", ".")
        assert cell.source.startswith("# Exercise ") == (kind == "exercise")
        assert kind != "exercise" or cell.source.startswith(f"# Exercise {exercise} (")
        own = (f'check("{exercise}", ', f"ok: exercise {exercise}, ")
        assert kind != "check" or any(words in cell.source for words in own)


def test_no_id_stands_in_two_lessons():
    ids = [entry["grade_id"] for lesson in LESSONS.values() for entry in entries(student(lesson))]
    assert len(ids) == len(set(ids)) > 40


@pytest.mark.parametrize("copy", sorted(set(COPIES) - {"student"}))
@EACH
def test_no_other_copy_has_entries(number, copy):
    assert entries(student(LESSONS[number], copy=copy)) == []


# nbgrader itself


def nbgrader(folder, *arguments):
    """Run one of its commands on a course folder."""
    command = [sys.executable, "-m", "nbgrader", *arguments]
    own = {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder), "IPYTHONDIR": str(folder / "i")}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def submit(folder, who, wanted, answer):
    """Hand in the released notebook with the catch-up lines of the wanted exercises taken.

    Where 3.3 is not wanted, it is as the class has typed it. answer: to the diagnosis.
    """
    notebook = nbformat.read(folder / "release/week/03_tiny.ipynb", as_version=4)
    for cell in notebook.cells:
        if any(cell.source.startswith(f"# Exercise {exercise} (") for exercise in wanted):
            cell.source = CATCH_UP.sub(r"\1", cell.source)
        elif cell.source.startswith("# Exercise 3.3 ("):
            cell.source = CLASS
        cell.source = cell.source.replace('answer_1 = ""', f'answer_1 = "{answer}"')
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.source = "print('always right')"  # which nbgrader puts back
    target = folder / "submitted" / who / "week"
    target.mkdir(parents=True)
    nbformat.write(notebook, target / "03_tiny.ipynb")


@pytest.mark.slow
def test_nbgrader_gives_the_minutes_for_a_solution_and_nothing_for_a_stub(tmp_path, monkeypatch):
    commands = Path(sys.executable).parent  # nbgrader calls alembic, which stands beside it
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    lesson = read_text(GRADED, tmp_path)
    (tmp_path / "source/week").mkdir(parents=True)
    shutil.copy(build.find_root() / "tools/nbgrader_config.py", tmp_path)
    monkeypatch.delenv("PRACTICUM_FAST")  # the settings have it
    nbformat.write(student(lesson, {"03": lesson}), tmp_path / "source/week/03_tiny.ipynb")
    nbgrader(tmp_path, "generate_assignment", "week")
    submit(tmp_path, "full", ["3.1", "3.2", "3.3"], find("3.D1").right)
    submit(tmp_path, "partly", ["3.2"], "")  # the class's bug is refused when it is graded
    nbgrader(tmp_path, "autograde", "week")
    with api.Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        for who, points in {"full": [4, 7, 9, 2], "partly": [0, 7, 0, 0]}.items():
            grades = book.find_submission_notebook("03_tiny", "week", who).grades
            names = ("check-3-1", "check-3-2", "check-3-3", "check-3-D1")
            assert {grade.name: grade.auto_score for grade in grades} == dict(
                zip(names, points, strict=True)
            )
    graded = nbformat.read(tmp_path / "autograded/full/week/03_tiny.ipynb", as_version=4)
    (settings,) = [cell for cell in graded.cells if "PRACTICUM_FAST" in cell.source]
    assert settings.outputs == []  # no error: the data was reduced
    refused = nbformat.read(tmp_path / "autograded/partly/week/03_tiny.ipynb", as_version=4)
    (check,) = [cell for cell in refused.cells if 'check("3.3"' in cell.source]
    assert "shapes cannot be multiplied" in check.outputs[0].evalue
