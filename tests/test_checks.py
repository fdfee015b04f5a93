"""The checks accept every correct solution, and name the mistake of every wrong one."""

import importlib
import random

import numpy as np
import pytest
import torch
from attempts import RIGHT, WRONG

from practicum_utils.checks import EXERCISES, CheckError, check

for _number in range(1, 2):
    importlib.import_module(f"attempts.lesson_0{_number}")


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
