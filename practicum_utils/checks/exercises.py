"""Which exercises there are: a lesson's checks register themselves, and are found by its number."""

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NUMBER = re.compile(r"(0|[1-9][0-9]?)\.[1-9][0-9]*")  # 0.1 to 99.1 and up
_REGISTERED: dict[str, "Exercise"] = {}


@dataclass(frozen=True)
class Exercise:
    """What is to be checked: its number, the name that the lesson uses, and the check itself."""

    number: str
    name: str
    examine: Callable[[Callable], None]

    @property
    def is_class(self) -> bool:
        """Whether a class is asked for, which Python's naming says; else it is a function."""
        return self.name[:1].isupper()


def exercise(number: str, name: str) -> Callable:
    """Register the decorated function as the check of exercise ``number``, called ``name``.

    The function takes what the learner wrote and raises CheckError, by ``demands``, if it is wrong.
    Raises ValueError for what is no number, and for one that another function checks already.
    """
    if not NUMBER.fullmatch(number):
        raise ValueError(f'{number!r} is no number of an exercise; write it as in "12.3".')

    def register(examine: Callable[[Callable], None]) -> Callable[[Callable], None]:
        known = _REGISTERED.get(number)
        if known and _place(known.examine) != _place(examine):
            raise ValueError(f"Exercise {number} has a check already: {_place(known.examine)}.")
        _REGISTERED[number] = Exercise(number, name, examine)
        return examine

    return register


def _place(function: Callable) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def lesson_of(number: str) -> str:
    """The number of the lesson that an exercise stands in: "3.1" -> "03"."""
    return number.partition(".")[0].zfill(2)


def find(number: str) -> Exercise | None:
    """Return the exercise of that number, having read its own lesson's checks only; or None."""
    _read(lesson_of(number))
    return _REGISTERED.get(number)


def exercises() -> dict[str, Exercise]:
    """Return the exercises of all lessons by number, in the lessons' order: 12.3 after 2.10."""
    _read()
    order = sorted(_REGISTERED, key=lambda number: tuple(map(int, number.split("."))))
    return {number: _REGISTERED[number] for number in order}


def _read(lesson: str = "") -> None:
    """Import the checks of one lesson, if it has some, or of all."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("lesson_") and module.name.endswith(lesson):
            importlib.import_module(f"practicum_utils.checks.{module.name}")
