"""The checks accept every correct solution, and name the mistake of every wrong one.

Attempts by many hands stand in ``helpers/attempts``. A lesson without some is tried with what it
has itself: its solution, its stub, its planted bugs; and with what is wrong for any exercise.
"""

import ast
import functools
import itertools
import random
import subprocess
import sys
import time
from unittest.mock import patch

import numpy as np
import pytest
import torch
from attempts import RIGHT, WRONG, name_of, read_lessons
from torch import nn

from practicum_utils import models
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.bugs.planting import blank, plant, uncover
from practicum_utils.checks import CheckError, check, diagnosis, exercises, symptoms
from practicum_utils.checks import exercise as register
from practicum_utils.checks.exercises import _REGISTERED, find, lesson_of
from practicum_utils.checks.session import OWN

EXERCISES = exercises()
LESSONS = read_all(find_root())
CELLS = [cell for lesson in LESSONS.values() for cell in lesson.cells]
EXERCISE_CELLS = {cell.marks["exercise"]: cell for cell in CELLS if "exercise" in cell.marks}
IMPORTS = ast.Import | ast.ImportFrom
read_lessons()


@pytest.fixture(autouse=True)
def _on_the_processor(monkeypatch):
    """The attempts are written for one device, as learners write them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def pairs(table):
    """(exercise, attempt) of a table, with readable names for pytest."""
    return [
        pytest.param(exercise, attempt, id=f"{exercise}-{name_of(attempt)}")
        for exercise in table
        for attempt in table[exercise]
    ]


def refused(exercise, attempt) -> str:
    """The message by which the check refuses an attempt, planted bugs included."""
    with pytest.raises(CheckError) as caught:
        check(exercise, attempt, strict=True)
    return str(caught.value)


def said(capsys) -> list[str]:
    """What was printed, without what the code that was checked printed, and without notes on it."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line != OWN and not line.startswith(("  ", "note: "))]


@pytest.mark.parametrize(("exercise", "attempt"), pairs(RIGHT))
def test_a_correct_solution_is_accepted(exercise, attempt, capsys):
    check(exercise, attempt)
    assert said(capsys) == [f"ok: exercise {exercise}, {EXERCISES[exercise].name}"]


WHOLE = ["DropsTheEndOnly", "DropsBehindTheReaders", "DropsTheStates"]


@pytest.mark.parametrize("exercise", ["3.3", "4.3"])
def test_a_model_that_drops_no_words_is_accepted_with_a_note(exercise, capsys):
    noted = []
    for attempt in RIGHT[exercise]:
        check(exercise, attempt, strict=True)
        if "note: " in capsys.readouterr().out:
            noted.append(name_of(attempt))
    assert set(noted) == set(WHOLE) & set(map(name_of, RIGHT[exercise])) and len(noted) == 2


@pytest.mark.parametrize(
    ("exercise", "attempt", "words"),
    [
        pytest.param(exercise, attempt, words, id=f"{exercise}-{name_of(attempt)}")
        for exercise in WRONG
        for attempt, words in WRONG[exercise]
    ],
)
def test_a_mistake_is_named(exercise, attempt, words, capsys):
    message = refused(exercise, attempt)
    assert words in message
    assert message.startswith(f"exercise {exercise}, {EXERCISES[exercise].name}: ")
    assert "\n" not in message
    assert said(capsys) == []


def test_every_exercise_of_a_lesson_with_attempts_has_enough_of_them():
    attempted = set(map(lesson_of, RIGHT))
    assert attempted >= {"01", "02", "03", "04", "05", "06"}
    for number in EXERCISES:
        if lesson_of(number) in attempted:
            assert len(RIGHT[number]) >= 3 and len(WRONG[number]) >= 5, number


class Hollow:
    """Takes anything, and is no model."""

    def __init__(self, *_, **__): ...


class Fragile(nn.Module):
    """Cannot be made."""

    def __init__(self, *_, **__):
        raise RuntimeError("too early")


def returns_none(*_, **__): ...


def raises(*_, **__):
    raise RuntimeError("too early")


@pytest.mark.parametrize("number", EXERCISES)
def test_what_is_wrong_for_any_exercise_is_refused(number, capsys):
    for attempt in (Hollow, Fragile) if EXERCISES[number].is_class else (returns_none, raises):
        message = refused(number, attempt)
        assert message.startswith(f"exercise {number}, {EXERCISES[number].name}: ")
        assert "\n" not in message and "could not go on" not in message
    assert capsys.readouterr().out == ""


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
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [OWN, "  a note to myself"]
    assert printed[-1] == "ok: exercise 2.1, MeanEmbedding"


@pytest.mark.timing
@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_check_takes_less_than_two_seconds(exercise):
    solution = planted(exercise)
    check(exercise, solution)  # what is loaded once does not count
    started = time.process_time()
    check(exercise, solution)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("exercise", WRONG)
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
        ("3.1", lambda states, lengths: None, "a way through has no `return` with a value"),
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


def made(exercise, code):
    """What an exercise asks for, made by this code among what the lesson gives and its answers."""
    names = {}
    for cell in LESSONS[lesson_of(exercise)].cells:
        given = IMPORTS if "exercise" in cell.marks else IMPORTS | ast.FunctionDef
        for node in ast.parse(cell.text).body if cell.kind == "code" else []:
            if isinstance(node, given):
                exec(ast.unparse(node), names)
        exec(cell.marks.get("catch_up", ""), names)
    exec(code, names)
    return names[EXERCISES[exercise].name]


def planted(exercise, *bugs):
    """The lesson's own solution of an exercise, with these bugs."""
    return made(exercise, plant(uncover(EXERCISE_CELLS[exercise].text), set(bugs)))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_stub_gives_its_own_line(exercise, capsys):
    stub = blank(plant(EXERCISE_CELLS[exercise].text, set()), exercise)
    with pytest.raises(NotImplementedError) as caught:
        check(exercise, made(exercise, stub))
    assert str(caught.value) == f"Exercise {exercise} is yours to write."
    assert type(caught.value) is NotImplementedError
    assert caught.value._render_traceback_() == [f"NotImplementedError: {caught.value}"]
    assert capsys.readouterr().out == ""


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


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_lesson_s_own_solution_is_accepted(exercise, capsys):
    check(exercise, planted(exercise))
    assert capsys.readouterr().out.startswith("ok: ")


PLANTED = [(number, bug) for number, cell in EXERCISE_CELLS.items() for bug in cell.bugs()]


@pytest.mark.parametrize(("exercise", "bug"), PLANTED)
def test_a_planted_bug_is_refused_for_what_it_does(exercise, bug, capsys):
    message = refused(exercise, planted(exercise, bug))
    assert message.startswith(f"exercise {exercise}, {EXERCISES[exercise].name}: ")
    assert "\n" not in message and "could not go on" not in message
    assert capsys.readouterr().out == ""


LET_PASS = {
    "1.2": ["pad-is-a-word"],
    "1.3": ["labels-one-two"],
    "2.2": ["average-of-averages", "missing-zero-grad"],
    "6.3": ["special-tokens-kept"],
}


@pytest.fixture
def met(new_session):
    """Call it with a bug: its symptom cell has shown it, and then said ok."""
    with patch.dict(_REGISTERED):

        def meet(bug):
            number = f"9.D{len(symptoms.STORY.healthy) + 1}"
            diagnosis(number, bug, "A", {"A": "it"})(lambda: {})
            for healthy in (False, True):
                symptoms.verdict(number, healthy, ok="gone", symptom="there")

        yield meet


@pytest.mark.parametrize("exercise", LET_PASS)
def test_a_planted_bug_passes_until_it_has_been_met(exercise, met, capsys):
    title = f"exercise {exercise}, {EXERCISES[exercise].name}"
    for count in range(1, len(LET_PASS[exercise]) + 1):
        for bugs in itertools.combinations(LET_PASS[exercise], count):
            check(exercise, planted(exercise, *bugs))
            assert capsys.readouterr().out == f"ok so far: {title}\n"
    check(exercise, planted(exercise))
    assert capsys.readouterr().out == f"ok: {title}\n"
    for bug in LET_PASS[exercise]:
        met(bug)
        with pytest.raises(CheckError, match=f"{title}: "):
            check(exercise, planted(exercise, bug))


@pytest.mark.parametrize(
    ("exercise", "attempt", "words"),
    [
        pytest.param(exercise, attempt, words, id=f"{exercise}-{name_of(attempt)}")
        for exercise in LET_PASS
        for attempt, words in WRONG[exercise]
    ],
)
def test_no_other_mistake_passes_for_a_planted_one(exercise, attempt, words, met, capsys):
    """The bugs themselves pass; everything else is refused by the same words as in strictness."""
    if name_of(attempt) in THE_BUGS:
        check(exercise, attempt)
        assert said(capsys)[-1].startswith("ok so far: ")
        return
    with pytest.raises(CheckError) as caught:
        check(exercise, attempt)
    assert words in str(caught.value) or "kept from one call" in words  # kept from a test before


# Attempts that are just the planted bug.
THE_BUGS = {"SpecialLast", "OneAndTwo", "averages_of_averages", "never_clears", "keeps_marks"}


BESIDE = [
    # exercise, a line of the class's solution and what it becomes, words of the refusal
    ("1.2", 'self.ids.get(token, self.ids["<unk>"])', "self.ids.get(token, 0)", "unknown word"),
    ("1.2", "return [self[token] for token in tokens]", "pass", "a way through has no `return`"),
    ("1.2", "return [self.tokens[index] for", "return [self.tokens[index - 1] for", "there and"),
    ("1.2", '"<unk>", "<bos>"', '"<bos>", "<unk>"', "ids in the order <pad>, <unk>"),
    ("1.2", "[*words, ", "[*sorted(words), ", "follow the order of the words"),
    ("1.3", "[-max_length:]", "[:max_length]", "the first tokens were kept"),
    ("1.3", "torch.tensor(float(", "torch.tensor(int(", "float32"),
    ("1.3", '= columns["label"]', '= [3 - label for label in columns["label"]]', "targets 0 and 1"),
    ("2.2", "model.train(training)", "model.train()", "still in training mode"),
    ("2.2", "logits > 0", "logits > 0.5", "some between 0 and 0.5 were taken for negative"),
    ("2.2", "optimizer.step()", "optimizer.step(); optimizer.step()", "6 times for 3 batches"),
    ("2.2", "loss.backward()", "(2 * loss).backward()", "not the gradient of the mean loss"),
    ("2.2", "loss_sum += loss.item()", "loss_sum += 2 * loss.item()", "the loss is not the mean"),
    ("6.3", "decode(ids)", "decode(ids[1:])", "still has the marks"),
    ("6.3", ".strip()", ".strip().upper()", "not those of the ids"),
]


@pytest.mark.parametrize(("exercise", "line", "instead", "words"), BESIDE)
def test_beside_the_planted_bugs_another_mistake_is_refused(exercise, line, instead, words, met):
    bugs = set(LET_PASS[exercise])
    code = plant(uncover(EXERCISE_CELLS[exercise].text), bugs)
    assert line in code
    with pytest.raises(CheckError) as caught:
        check(exercise, made(exercise, code.replace(line, instead)))
    assert words in str(caught.value)


def test_the_lessons_plant_bugs_in_their_exercises():
    assert len(PLANTED) >= 7


def test_the_exercises_are_those_of_the_lessons_in_their_order():
    assert list(EXERCISES) == list(EXERCISE_CELLS)
    for number, cell in EXERCISE_CELLS.items():
        kind = ast.ClassDef if EXERCISES[number].is_class else ast.FunctionDef
        defined = [node.name for node in ast.parse(cell.text).body if isinstance(node, kind)]
        assert EXERCISES[number].name in defined


def test_a_check_stands_in_the_module_of_its_lesson():
    for number, known in EXERCISES.items():
        assert known.examine.__module__ == f"practicum_utils.checks.lesson_{lesson_of(number)}"
        assert EXERCISE_CELLS[number] in LESSONS[lesson_of(number)].cells


def test_a_mistake_in_a_notebook_is_one_line():
    with pytest.raises(CheckError) as caught:
        check("3.1", lambda states, lengths: states[:, -1])
    assert caught.value._render_traceback_() == [f"CheckError: {caught.value}"]


# How an exercise is found


@pytest.fixture
def registered():
    """The register may be written to, and is as it was afterwards."""
    with patch.dict(_REGISTERED):
        yield


def shout(text):
    return text.upper()


@pytest.mark.parametrize("number", ["0.1", "2.10", "12.3", "99.12"])
def test_a_lesson_may_have_any_number_of_two_digits(registered, number, capsys):
    register(number, "shout")(lambda solution: solution(""))
    check(number, shout)
    assert capsys.readouterr().out == f"ok: exercise {number}, shout\n"
    with pytest.raises(CheckError, match=f"exercise {number}, shout: it got reverse_reviews"):
        check(number, models.reverse_reviews)
    stub = made_of(f'raise NotImplementedError("Exercise {number} is yours to write.")')
    with pytest.raises(NotImplementedError, match=f"Exercise {number} is yours to write"):
        check(number, stub)


def made_of(line):
    names = {}
    exec(f"def shout(text):\n    {line}", names)
    return names["shout"]


def test_a_number_with_a_point_in_it_will_do_for_late_lessons(registered, capsys):
    register("12.3", "shout")(lambda solution: None)
    check(12.3, shout)
    assert capsys.readouterr().out == "ok: exercise 12.3, shout\n"


def test_exercises_come_in_the_order_of_their_numbers(registered):
    for number in ("12.3", "0.1", "2.10", "10.1"):
        register(number, "shout")(lambda solution: None)
    order = [n for n in exercises() if n in ("0.1", "1.1", "2.2", "2.10", "6.5", "10.1", "12.3")]
    assert order == ["0.1", "1.1", "2.2", "2.10", "6.5", "10.1", "12.3"]


@pytest.mark.parametrize("number", ["3", "03.1", "3.0", "3.1.1", "100.1", "x.1", ""])
def test_what_is_no_number_cannot_be_registered(number):
    with pytest.raises(ValueError, match=r'no number of an exercise; write it as in "12\.3"'):
        register(number, "shout")


def test_an_exercise_has_one_check(registered):
    module = "practicum_utils.checks.lesson_03"
    with pytest.raises(ValueError, match=f"3.1 has a check already: {module}.check_last_vectors"):
        register("3.1", "last_vectors")(shout)
    again = find("3.1").examine
    assert register("3.1", "last_vectors")(again) is again  # as when its module is read again


def test_an_exercise_is_found_without_reading_other_lessons():
    code = (
        "import sys; from practicum_utils.checks import check; "
        "from practicum_utils.models import last_vectors; check('3.1', last_vectors); "
        "print(sorted(name for name in sys.modules if 'checks.lesson_' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n['practicum_utils.checks.lesson_03']\n")


def test_two_exercises_may_have_one_name(registered, capsys):
    register("12.3", "last_vectors")(lambda solution: None)
    for number in ("3.1", "12.3"):
        check(number, models.last_vectors)
    assert capsys.readouterr().out.count("ok: ") == 2
