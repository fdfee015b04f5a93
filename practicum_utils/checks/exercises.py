"""Which exercises and diagnoses there are: a lesson's checks register themselves.

They are found by number, ``"3.1"`` for an exercise and ``"3.D1"`` for a diagnosis, without reading
the checks of other lessons.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NUMBER = re.compile(r"(0|[1-9][0-9]?)\.[1-9][0-9]*")  # 0.1 to 99.1 and up
DIAGNOSIS = re.compile(r"(0|[1-9][0-9]?)\.D[1-9][0-9]*")
_REGISTERED: dict[str, "Exercise | Diagnosis"] = {}
Seen = dict[str, tuple[str, bool]]


@dataclass(frozen=True)
class Exercise:
    """What is to be checked: its number, the name that the lesson uses, and the check itself.

    planted: the bugs that the class's solution has, which the check lets pass until they are met.
    prepare: what the check loads for itself; it does not count as the solution's time.
    """

    number: str
    name: str
    examine: Callable[[Callable], None]
    planted: tuple[str, ...] = ()
    prepare: Callable[[], object] | None = None

    @property
    def is_class(self) -> bool:
        """Whether a class is asked for, which Python's naming says; else it is a function."""
        return self.name[:1].isupper()


@dataclass(frozen=True)
class Diagnosis:
    """A choice among causes of a symptom: which bug it is about, and what each would predict.

    right: the letter of the true cause.  causes: by letter, a cause and what one would see of it.
    examine: takes what the reader's program showed, by name, and returns by letter what is seen in
        it, in words, and whether that is the letter's sign.
    """

    number: str
    bug: str
    right: str
    causes: dict[str, tuple[str, str]]
    examine: Callable[..., Seen]


def exercise(
    number: str,
    name: str,
    planted: tuple[str, ...] = (),
    prepare: Callable[[], object] | None = None,
) -> Callable:
    """Register the decorated function as the check of exercise ``number``, called ``name``.

    The function takes what the learner wrote and raises CheckError, by ``demands``, if it is wrong.
    planted: ids of the bugs in the class's solution, for ``demands.overlook``.
    prepare: called before the time of the solution begins, for what takes long to load.
    Raises ValueError for what is no number, and for one that another function checks already.
    """
    return _registering(
        NUMBER, number, lambda examine: Exercise(number, name, examine, planted, prepare)
    )


def diagnosis(number: str, bug: str, right: str, causes: dict[str, tuple[str, str]]) -> Callable:
    """Register a choice among the causes of a symptom, for ``check("3.D1", "B", losses=losses)``.

    bug: its id.  right: the letter of the true cause.  causes: letter -> (the cause, what one would
    see if it were this one), two clauses that also make the table in the notebook. The decorated
    function takes the reader's own evidence by name and returns letter -> (a sentence with the
    reader's numbers, whether they are the sign of this cause); it is asked only if all its evidence
    is given. The letter "" is for a cause that the table does not have: (a sentence, True).
    Raises ValueError for what is no number of a diagnosis, and for one that is taken.
    """

    def entry(examine: Callable[..., Seen]) -> Diagnosis:
        return Diagnosis(number, bug, right, causes, examine)

    return _registering(DIAGNOSIS, number, entry)


def _registering(form: re.Pattern, number: str, entry: Callable) -> Callable:
    if not form.fullmatch(number):
        what, example = ("a diagnosis", "12.D3") if form is DIAGNOSIS else ("an exercise", "12.3")
        raise ValueError(f'{number!r} is no number of {what}; write it as in "{example}".')

    def register(examine: Callable) -> Callable:
        known = _REGISTERED.get(number)
        if known and _place(known.examine) != _place(examine):
            raise ValueError(f"Exercise {number} has a check already: {_place(known.examine)}.")
        _REGISTERED[number] = entry(examine)
        return examine

    return register


def _place(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def planted_beside(number: str) -> set[str]:
    """The bugs planted in the exercises of the lesson that this one, already read, belongs to."""
    lesson = lesson_of(number)
    entries = [entry for one, entry in _REGISTERED.items() if lesson_of(one) == lesson]
    return {bug for one in entries if isinstance(one, Exercise) for bug in one.planted}


def lesson_of(number: str) -> str:
    """The number of the lesson that an exercise stands in: "3.1" -> "03"."""
    return number.partition(".")[0].zfill(2)


def find(number: str) -> Exercise | Diagnosis | None:
    """Return the exercise or diagnosis of that number, or None; only its own lesson is read."""
    _read(lesson_of(number))
    return _REGISTERED.get(number)


def exercises() -> dict[str, Exercise]:
    """Return the exercises of all lessons by number, in the lessons' order: 12.3 after 2.10."""
    return _all(Exercise)


def diagnoses() -> dict[str, Diagnosis]:
    """Return the diagnoses of all lessons by number, in the lessons' order."""
    return _all(Diagnosis)


def _all(kind: type) -> dict:
    _read()
    found = [number for number, entry in _REGISTERED.items() if isinstance(entry, kind)]
    order = sorted(found, key=lambda number: tuple(map(int, number.replace("D", "").split("."))))
    return {number: _REGISTERED[number] for number in order}


def _read(lesson: str = "") -> None:
    """Import the checks of one lesson, if it has some, or of all."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("lesson_") and module.name.endswith(lesson):
            importlib.import_module(f"practicum_utils.checks.{module.name}")
