"""The checks accept every correct solution, and name the mistake of every wrong one."""

import ast
import functools
import random
import re
import time

import numpy as np
import pytest
import torch
from attempts import RIGHT, WRONG, read_lessons
from torch import nn

from practicum_utils import models
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.bugs.planting import blank, plant, uncover
from practicum_utils.checks import CheckError, check, exercises

EXERCISES = exercises()

LESSONS = read_all(find_root())
read_lessons()


@pytest.fixture(autouse=True)
def _on_the_processor(monkeypatch):
    """The attempts are written for one device, as learners write them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def pairs(table):
    """(exercise, attempt) of a table, with readable names for pytest."""
    return [
        pytest.param(exercise, attempt, id=f"{exercise}-{getattr(attempt, '__name__', '')}")
        for exercise in table
        for attempt in table[exercise]
    ]


def refused(exercise, attempt) -> str:
    """The message by which the check refuses an attempt."""
    with pytest.raises(CheckError) as caught:
        check(exercise, attempt)
    return str(caught.value)


@pytest.mark.parametrize(("exercise", "attempt"), pairs(RIGHT))
def test_a_correct_solution_is_accepted(exercise, attempt, capsys):
    check(exercise, attempt)
    assert capsys.readouterr().out == f"ok: exercise {exercise}, {EXERCISES[exercise].name}\n"


@pytest.mark.parametrize(
    ("exercise", "attempt", "words"),
    [
        pytest.param(exercise, attempt, words, id=f"{exercise}-{attempt.__name__}")
        for exercise in WRONG
        for attempt, words in WRONG[exercise]
    ],
)
def test_a_mistake_is_named(exercise, attempt, words, capsys):
    message = refused(exercise, attempt)
    assert words in message
    assert message.startswith(f"exercise {exercise}, {EXERCISES[exercise].name}: ")
    assert "\n" not in message
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("exercise", EXERCISES)
def test_every_exercise_has_enough_attempts(exercise):
    assert len(RIGHT[exercise]) >= 3
    assert len(WRONG[exercise]) >= 5


# What a learner's session keeps


class Restless(nn.Module):
    """A right model that draws on every source of random numbers, prints, and shows."""

    def __init__(self, vocab_size, embedding_size=32):
        super().__init__()
        self.model = models.MeanEmbedding(vocab_size, embedding_size)
        random.random(), np.random.rand(), torch.rand(1)
        torch.manual_seed(7)

    def forward(self, token_ids, lengths):
        print("a note to myself")
        torch.rand(1), np.random.rand(), random.random()
        return self.model(token_ids, lengths)


@pytest.mark.parametrize("grad", [True, False])
def test_random_numbers_and_modes_stay_as_they_were(grad, capsys):
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()
    with torch.set_grad_enabled(grad):
        check("2.1", Restless)
        assert torch.is_grad_enabled() == grad
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert all(map(np.array_equal, before[2], np.random.get_state()))
    assert capsys.readouterr().out == "ok: exercise 2.1, MeanEmbedding\n"


@pytest.mark.timing
@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_check_takes_less_than_two_seconds(exercise):
    solution = RIGHT[exercise][0]
    check(exercise, solution)  # what is loaded once does not count
    started = time.process_time()
    check(exercise, solution)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_check_says_the_same_whatever_the_seed_is(exercise):
    attempt, _ = WRONG[exercise][0]
    messages = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        messages.add(refused(exercise, attempt))
    assert len(messages) == 1


# What else may be given to a check


@pytest.mark.parametrize(
    ("exercise", "solution", "words"),
    [
        ("9.9", models.last_vectors, "there is no exercise '9.9'; there are 1.1, 1.2"),
        ("3.1", torch.zeros(2, 3), 'the function itself: `check("3.1", last_vectors)`'),
        ("3.1", None, "it got None"),
        ("3.1", object(), "it got an object of type object"),
        ("3.3", models.SimpleRNN(9), "the class itself"),
        ("3.3", lambda vocab_size: None, "the class itself"),
        ("3.1", models.MeanEmbedding, "which is exercise 2.1"),
        ("3.1", dict, "the check needs a function; it got"),
        ("3.1", models.reverse_reviews, "it got reverse_reviews, which is exercise 3.2"),
        ("3.1", lambda states: states, "its arguments are not those of the exercise"),
        ("3.1", lambda states, lengths: states[99], "given a tensor (4, 6, 3) of float32"),
        ("3.1", lambda states, lengths: None, "does every way through end in `return`?"),
    ],
)
def test_what_is_no_solution_gets_one_clear_sentence(exercise, solution, words):
    message = refused(exercise, solution)
    assert words in message
    assert "\n" not in message and " at 0x" not in message


def test_a_number_and_a_partial_function_will_do(capsys):
    check(3.1, functools.partial(models.last_vectors))
    assert capsys.readouterr().out == "ok: exercise 3.1, last_vectors\n"


def test_the_line_that_failed_is_shown():
    words = "in the line `states[:, 99]`: a place was asked for that does not exist"
    assert words in refused("3.1", fails_in_a_line_of_its_own)


def fails_in_a_line_of_its_own(states, lengths):
    states[:, 99]


# Exercises not begun, half begun, and the bugs that the lessons plant


def stub(exercise, names):
    """The blank of an exercise, made in a namespace with the lesson's own imports."""
    cell = exercise_cell(exercise)
    exec(blank(plant(cell.text, set()), exercise), names)
    return names[EXERCISES[exercise].name]


def exercise_cell(exercise):
    cells = LESSONS[exercise.split(".")[0].zfill(2)].cells
    return next(cell for cell in cells if cell.marks.get("exercise") == exercise)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_stub_gives_its_own_line(exercise, capsys):
    with pytest.raises(NotImplementedError) as caught:
        check(exercise, stub(exercise, lesson_names(exercise)))
    assert str(caught.value) == f"Exercise {exercise} is yours to write."
    assert type(caught.value) is NotImplementedError
    assert caught.value._render_traceback_() == [f"NotImplementedError: {caught.value}"]
    assert capsys.readouterr().out == ""


def lesson_names(exercise):
    """All that the lesson imports, and the package's version of its exercises."""
    names = {}
    for cell in LESSONS[exercise.split(".")[0].zfill(2)].cells:
        for node in ast.parse(cell.text).body if cell.kind == "code" else []:
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(ast.unparse(node), names)
        exec(cell.marks.get("catch_up", ""), names)
    return names


class HalfBegun(models.SimpleRNN):
    """The layers are there, the forward pass is not."""

    def forward(self, token_ids, lengths):
        raise NotImplementedError("Exercise 3.3 is yours to write.")


class NeedsAnother(models.SimpleRNN):
    """Whole, but made of an exercise that is not."""

    def read(self, rnn, token_ids, lengths):
        raise NotImplementedError("Exercise 3.1 is yours to write.")


class Unworded(models.SimpleRNN):
    """The stub's line, shortened by the learner."""

    def forward(self, token_ids, lengths):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("solution", "number"), [(HalfBegun, "3.3"), (NeedsAnother, "3.1"), (Unworded, "3.3")]
)
def test_a_half_begun_exercise_names_what_is_missing(solution, number):
    with pytest.raises(NotImplementedError, match=f"Exercise {number} is yours to write"):
        check("3.3", solution)


PLANTED = {
    "1.2": ("pad-is-a-word", "belongs to the padding"),
    "1.3": ("labels-one-two", "the loss knows only the targets 0 and 1"),
    "2.2": ("missing-zero-grad", "which nobody cleared"),
    "3.3": ("linear-input-size", "another number of inputs"),
    "4.3": ("double-sigmoid", "squeezed by a sigmoid"),
    "6.3": ("special-tokens-kept", "the marks of start and end"),
}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_lesson_s_own_solution_is_accepted(exercise, capsys):
    names = lesson_names(exercise)
    exec(plant(uncover(exercise_cell(exercise).text), set()), names)
    check(exercise, names[EXERCISES[exercise].name])
    assert capsys.readouterr().out.startswith("ok: ")


@pytest.mark.parametrize("exercise", [*PLANTED, "2.2 average"])
def test_a_planted_bug_is_named(exercise):
    exercise, _, average = exercise.partition(" ")
    bug, words = PLANTED[exercise]
    if average:
        bug, words = "average-of-averages", "the mean of the batches' means"
    names = lesson_names(exercise)
    assert bug in exercise_cell(exercise).bugs()
    exec(plant(uncover(exercise_cell(exercise).text), {bug}), names)
    assert words in refused(exercise, names[EXERCISES[exercise].name])


def test_every_planted_bug_of_an_exercise_is_among_them():
    found = {bug for number in EXERCISES for bug in exercise_cell(number).bugs()}
    assert found == {bug for bug, _ in PLANTED.values()} | {"average-of-averages"}


def test_the_exercises_are_those_that_the_lessons_check():
    """A new lesson may check with assertions of its own, until its check stands in the package."""
    cells = [cell for lesson in LESSONS.values() for cell in lesson.cells]
    called = set(re.findall(r'^check\("([0-9.]+)"', "\n".join(c.text for c in cells), re.MULTILINE))
    checked = [cell for cell in cells if cell.marks.get("exercise") in called]
    assert list(EXERCISES) == [cell.marks["exercise"] for cell in checked]
    for cell in checked:
        known = EXERCISES[cell.marks["exercise"]]
        kind = "class" if known.is_class else "def"
        assert re.search(rf"^{kind} {known.name}\b", cell.text, re.MULTILINE)


def test_a_mistake_in_a_notebook_is_one_line():
    with pytest.raises(CheckError) as caught:
        check("3.1", lambda states, lengths: states[:, -1])
    assert caught.value._render_traceback_() == [f"CheckError: {caught.value}"]
