"""What nbgrader reads in the student notebooks, by its own rules, and what it gives for it."""

import os
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

# %% check="3.2" verdict=true
from practicum_utils.checks import check

check("3.2", reverse_reviews)
'''


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
    diagnosed = [c.marks["diagnose"] for c in LESSONS[number].cells if "diagnose" in c.marks]
    for name in (one.replace(".", "-") for one in diagnosed):
        answer, test = found.pop(f"answer-{name}"), found.pop(f"check-{name}")
        assert answer["solution"] and not answer["locked"] and test["locked"]
        assert test["points"] == FOR_A_DIAGNOSIS
    assert exercises and diagnosed and not found


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


def submit(folder, who, wanted):
    """Hand in the released notebook with the catch-up lines of the wanted exercises taken."""
    notebook = nbformat.read(folder / "release/week/03_tiny.ipynb", as_version=4)
    for cell in notebook.cells:
        if any(cell.source.startswith(f"# Exercise {exercise} (") for exercise in wanted):
            cell.source = CATCH_UP.sub(r"\1", cell.source)
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
    nbformat.write(student(lesson, {"03": lesson}), tmp_path / "source/week/03_tiny.ipynb")
    nbgrader(tmp_path, "generate_assignment", "week", "--ClearSolutions.enabled=False")
    submit(tmp_path, "full", ["3.1", "3.2"])
    submit(tmp_path, "partly", ["3.2"])
    nbgrader(tmp_path, "autograde", "week")
    with api.Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as book:
        for who, points in {"full": [4, 7], "partly": [0, 7]}.items():
            grades = book.find_submission_notebook("03_tiny", "week", who).grades
            assert {grade.name: grade.auto_score for grade in grades} == {
                "check-3-1": points[0],
                "check-3-2": points[1],
            }
