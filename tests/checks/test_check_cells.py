"""The check cells of the lessons: where they stand, and what they say to stubs and solutions."""

import re
import sys

import pytest
import torch
from student_copies import definitions

from practicum_utils import models
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.authoring.copies import CHECKED, make_copy
from practicum_utils.bugs import CATALOGUE
from practicum_utils.checks import CheckError, check, diagnoses, expect_bugs, symptoms
from practicum_utils.checks.exercises import find

LESSONS = read_all(find_root())
EACH = pytest.mark.parametrize("number", LESSONS)


def cells(copy, number):
    """The code cells of a copy, made afresh from the source."""
    made = make_copy(copy, LESSONS[number], LESSONS, "https://github.com/a/b")
    return [cell for cell in made.cells if cell.cell_type == "code"]


def checks_in(found):
    """(place, exercise, cell) of the cells that call ``check``."""
    pattern = re.compile(r'^check\("([0-9]+\.[0-9]+)"', re.MULTILINE)
    matches = [(place, pattern.search(cell.source), cell) for place, cell in enumerate(found)]
    return [(place, match[1], cell) for place, match, cell in matches if match]


def exercises_of(number):
    return {c.marks["exercise"] for c in LESSONS[number].cells if "exercise" in c.marks}


def hidden_later(number):
    """The exercises whose bug shows in another lesson: their own walkthrough keeps it."""
    return {
        cell.marks["exercise"]
        for cell in LESSONS[number].cells
        if "exercise" in cell.marks
        and {CATALOGUE[bug].lesson for bug in cell.bugs()} - {number, ""}
    }


def place_of(found, words):
    places = [place for place, cell in enumerate(found) if words in cell.source]
    assert places, words
    return places


@EACH
def test_a_student_copy_checks_each_exercise_once_after_it(number):
    found = cells("student", number)
    known = checks_in(found)
    assert {exercise for _, exercise, _ in known} == exercises_of(number)
    assert len(known) == len(exercises_of(number))
    for place, exercise, cell in known:
        assert place > place_of(found, f"# Exercise {exercise} (")[0]
        assert cell.metadata["tags"] == [CHECKED]
        assert cell.source.endswith(")") and cell.source.count("\n") <= 2


def planted_exercises():
    """(exercise, its lesson, bugs of its class's solution that are let pass) of all lessons."""
    return [
        pytest.param(cell.marks["exercise"], number, cell.bugs(), id=cell.marks["exercise"])
        for number, lesson in LESSONS.items()
        for cell in lesson.cells
        if "exercise" in cell.marks and cell.bugs()
    ]


@pytest.mark.parametrize(("exercise", "number", "bugs"), planted_exercises())
def test_a_check_lets_the_class_s_bugs_pass_until_they_are_met_and_is_strict_when_graded(
    exercise, number, bugs, capsys, monkeypatch, new_session
):
    names = {}
    for cell in LESSONS[number].cells:
        if cell.kind == "code":
            exec(definitions(cell.with_bugs(set(bugs)).text), names)
        if cell.marks.get("exercise") == exercise:
            break
    solution = names[find(exercise).name]
    check(exercise, solution)
    assert capsys.readouterr().out == f"ok so far: exercise {exercise}, {find(exercise).name}\n"
    with pytest.raises(CheckError):
        check(exercise, solution, strict=True)
    monkeypatch.setenv("PRACTICUM_STRICT", "1")
    with pytest.raises(CheckError):
        check(exercise, solution)
    monkeypatch.delenv("PRACTICUM_STRICT")
    for known, entry in diagnoses().items():
        if entry.bug in bugs:
            symptoms.verdict(known, False, ok="it is gone", symptom="it is there")
            symptoms.verdict(known, True, ok="it is gone", symptom="it is there")
    with pytest.raises(CheckError):
        check(exercise, solution)


SAY = {"ok": "well", "symptom": "ill"}


def test_a_symptom_that_comes_later_waits_until_the_one_before_is_mended(capsys, new_session):
    symptoms.verdict("3.D3", True, **SAY, after="3.D2")
    symptoms.verdict("3.D2", False, **SAY)
    symptoms.verdict("3.D3", True, **SAY, after="3.D2")
    symptoms.verdict("3.D2", True, **SAY)
    symptoms.verdict("3.D3", False, **SAY, after="3.D2")
    assert symptoms.not_yet_mended(("missing-zero-grad",)) == {"missing-zero-grad"}
    symptoms.verdict("3.D3", True, **SAY, after="3.D2")
    assert symptoms.not_yet_mended(("missing-zero-grad",)) == set()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "not yet: first run the cell of the symptom before this one",
        "symptom: ill",
        "not yet: first mend what the symptom before this one has shown",
        "ok: well",
        "symptom: ill",
        "ok: well",
    ]


def test_an_ok_counts_for_the_program_that_earned_it(capsys, new_session):
    """Right at once, then with the class's bug: it passes again, until it is met and mended."""
    bug = ("double-sigmoid",)
    symptoms.verdict("4.D1", True, **SAY)
    assert symptoms.not_yet_mended(bug) == set(bug)
    symptoms.verdict("4.D1", False, **SAY)
    assert symptoms.not_yet_mended(bug) == set(bug)
    symptoms.verdict("4.D1", True, **SAY)
    assert symptoms.not_yet_mended(bug) == set()


@pytest.mark.parametrize("message", ["mat1 and mat2 shapes cannot be multiplied", "no such name"])
def test_an_exception_that_is_the_symptom_counts_as_met(message, monkeypatch, new_session):
    monkeypatch.setattr(sys, "last_value", RuntimeError(message), raising=False)
    symptoms.verdict("3.D1", True, **SAY)
    mended = not symptoms.not_yet_mended(("linear-input-size",))
    assert mended == ("shapes cannot be multiplied" in message)


def test_where_bugs_are_expected_ok_so_far_tells_nothing(capsys, monkeypatch, new_session):
    """It is said of right and wrong exercises alike, until the lesson's bugs are mended."""

    class Narrow(models.SimpleRNN):
        def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
            super().__init__(vocab_size, embedding_size, hidden_size, dropout)
            self.hidden = torch.nn.Linear(hidden_size, hidden_size)

    expect_bugs()
    monkeypatch.setattr(sys, "last_value", None, raising=False)

    def words():
        check("3.1", models.last_vectors)
        check("3.3", models.SimpleRNN)
        return [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()]

    assert words() == ["ok so far"] * 2
    check("3.3", Narrow)
    assert capsys.readouterr().out == "ok so far: exercise 3.3, SimpleRNN\n"
    assert words() == ["ok so far"] * 2
    symptoms.verdict("3.D1", True, **SAY)
    assert words() == ["ok", "ok", "ok"]
    check("3.1", models.last_vectors, strict=True)
    assert capsys.readouterr().out == "ok: exercise 3.1, last_vectors\n"


@pytest.mark.parametrize("number", ["3.D9", "3.3", "99.D1"])
def test_a_verdict_of_no_diagnosis_is_refused(number):
    with pytest.raises(ValueError, match="no diagnosis"):
        symptoms.verdict(number, True, ok="well", symptom="ill")


@EACH
def test_a_solution_has_no_check(number):
    assert checks_in(cells("solution", number)) == []


@EACH
def test_a_walkthrough_checks_what_it_has_mended(number):
    exercises = {exercise for _, exercise, _ in checks_in(cells("walkthrough", number))}
    assert exercises == exercises_of(number) - hidden_later(number)


@EACH
def test_the_checks_of_a_walkthrough_say_ok(number, capsys):
    found, names = cells("walkthrough", number), {}
    places = {place for place, _, _ in checks_in(found)}
    for place, cell in enumerate(found):
        exec(cell.source if place in places else definitions(cell.source), names)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(places)
    assert all(line.startswith("ok: exercise ") for line in said)


@EACH
def test_the_package_s_own_versions_pass_every_check_of_a_student_copy(number, capsys):
    names, found = {}, cells("student", number)
    for cell in LESSONS[number].cells:
        exec(definitions(cell.text) if cell.marks.get("setup") else "", names)
        exec(cell.marks.get("catch_up", ""), names)
    for _, _, cell in checks_in(found):
        exec(cell.source, names)
    said = capsys.readouterr().out.splitlines()
    assert {line.split()[2].rstrip(",") for line in said} == exercises_of(number)
    assert all(line.startswith("ok: exercise ") for line in said)


@EACH
def test_a_stub_gets_its_own_line_from_every_check(number, capsys):
    names, found = {}, cells("student", number)
    for cell in found:
        exec(definitions(cell.source), names)
    for _, exercise, cell in checks_in(found):
        with pytest.raises(NotImplementedError) as caught:
            exec(cell.source, names)
        assert str(caught.value) == f"Exercise {exercise} is yours to write."
    assert capsys.readouterr().out == ""
