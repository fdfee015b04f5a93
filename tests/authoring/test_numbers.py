"""Lessons below 01 and above 09 are found, sorted, built and told like any other."""

from dataclasses import replace

import pytest
from tiny_course import TINY, URL, write_course

from practicum_utils.authoring import build, notes, scaffold, slides
from practicum_utils.authoring.copies import take_catch_up
from practicum_utils.authoring.source import find_sources, read_lesson
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError
from practicum_utils.checks.exercises import _REGISTERED

BUG = "last-token-lost"
NEW = {"00": "00_start", "12": "12_later", "16": "16_latest"}
EACH = pytest.mark.parametrize("number", NEW)


@pytest.fixture
def course(tmp_path):
    """The tiny lessons 01 to 03, and three new ones around them, with their checks."""
    known = dict(_REGISTERED)
    write_course(tmp_path)
    (tmp_path / "practicum_utils/checks").mkdir(parents=True)
    for name in reversed(NEW.values()):
        scaffold.new_lesson(tmp_path, *name.split("_"))
        checks = tmp_path / f"practicum_utils/checks/lesson_{name[:2]}.py"
        exec(checks.read_text(), {"__name__": checks.stem})
    yield tmp_path
    _REGISTERED.clear()
    _REGISTERED.update(known)


def source_of(course, number):
    return course / f"solutions/lessons/{NEW[number]}.py"


def test_lessons_come_in_the_order_of_their_numbers(course):
    names = ["00_start", *TINY, "12_later", "16_latest"]
    assert [path.stem for path in find_sources(course / "solutions/lessons")] == names
    assert list(build.read_all(course)) == ["00", "01", "02", "03", "12", "16"]


@pytest.mark.parametrize(("number", "name"), [("0", "00_start"), *NEW.items()])
def test_a_lesson_is_found_by_its_number(course, number, name):
    lesson, _ = build.read_one(course, number)
    assert (lesson.name, lesson.number) == (name, name[:2])


def test_an_unknown_number_is_answered_with_all_the_others(course):
    with pytest.raises(LessonError, match=r"no lesson 13; the lessons are: 00, 01, 02, 03, 12, 16"):
        build.read_one(course, "13")


@EACH
def test_the_copies_carry_the_number(course, number):
    exercise, path = f"{int(number)}.1", f"notebooks/{NEW[number]}.ipynb"
    made = {str(path): notebook for path, notebook in build.notebooks(course, [number]).items()}
    assert list(made) == [
        path,
        f"solutions/{NEW[number]}.ipynb",
        path.replace("notebooks", "solutions/debugged"),
    ]
    for notebook in made.values():
        assert all(cell["id"].startswith(f"lesson-{number}-") for cell in notebook.cells)
        assert notebook.cells[0].source.startswith(f"# Lesson {number}: ")
    text = "\n".join(cell.source for cell in made[path].cells)
    assert f"# Exercise {exercise} (5 minutes)\ndef last_states" in text
    assert f'raise NotImplementedError("Exercise {exercise} is yours to write.")' in text
    assert f'check("{exercise}", last_states)' in text
    grades = [
        cell.metadata["nbgrader"]["grade_id"]
        for cell in made[path].cells
        if "nbgrader" in cell.metadata
    ]
    kinds = ("exercise-{}-1", "check-{}-1", "answer-{}-D1", "check-{}-D1")
    assert grades == [kind.format(int(number)) for kind in kinds]
    assert take_catch_up(made[path]) == 1


@EACH
def test_notes_and_slides_carry_the_number(course, number):
    lesson, lessons = build.read_one(course, number)
    page = notes.page(lesson, lessons)
    assert page.startswith(f"# Lesson {number}: ")
    assert f"**Exercise {int(number)}.1, 5 minutes:** `last_states`" in page
    assert slides.presented(lesson, lessons, URL).metadata["title"].startswith(f"Lesson {number}:")


def test_a_late_lesson_repeats_a_cell_of_lesson_00_with_the_bug_that_shows_there(
    course, monkeypatch
):
    monkeypatch.setitem(CATALOGUE, BUG, replace(CATALOGUE[BUG], lesson="12"))
    early, late = source_of(course, "00"), source_of(course, "12")
    early.write_text(
        early.read_text()
        .replace(f'symptom="{BUG}"', "verdict=true")
        .replace(f'fix="{BUG}" rerun="pick"', "")
    )
    right = late.read_text().replace(f"    # BUG {BUG}: return states[rows, lengths - 2]\n", "")
    late.write_text(
        right.replace(
            '# %% name="pick"', '# %% recap="00:last-states"\nimport math\n\n# %% name="pick"'
        )
    )
    source_of(course, "16").unlink()
    made = build.notebooks(course, ["12"])
    solution = next(notebook for path, notebook in made.items() if path.parent.name == "solutions")
    homes = [cell.source for cell in solution.cells if cell.source.startswith("def last_states")]
    assert ["lengths - 2" in source for source in homes] == [False, True]


@pytest.mark.parametrize(("number", "other"), [("12", "02"), ("00", "10"), ("10", "00")])
def test_a_bug_shows_in_the_lesson_of_the_catalogue_only(course, monkeypatch, number, other):
    source = source_of(course, "12").read_text()
    monkeypatch.setitem(CATALOGUE, BUG, replace(CATALOGUE[BUG], lesson=number))
    for name in (f"{number}_one", f"{other}_other"):
        (course / f"{name}.py").write_text(source)
    read_lesson(course / f"{number}_one.py")
    with pytest.raises(LessonError, match=f"'{BUG}' shows in lesson {number}, says the catalogue"):
        read_lesson(course / f"{other}_other.py")
