"""Which exercises there are: a lesson's checks register themselves, and are found by its number."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

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
    Raises ValueError for a number that another check has already.
    """

    def register(examine: Callable[[Callable], None]) -> Callable[[Callable], None]:
        known = _REGISTERED.get(number)
        if known and known.examine.__module__ != examine.__module__:
            raise ValueError(
                f"Exercise {number} has a check already, in {known.examine.__module__}."
            )
        _REGISTERED[number] = Exercise(number, name, examine)
        return examine

    return register


def exercises() -> dict[str, Exercise]:
    """Return the exercises of all lessons by number, in the lessons' order."""
    import practicum_utils.checks as room

    names = sorted(module.name for module in pkgutil.iter_modules(room.__path__))
    for name in names:
        if name.startswith("lesson_"):
            importlib.import_module(f"{room.__name__}.{name}")
    return dict(sorted(_REGISTERED.items(), key=lambda entry: _places(entry[0])))


def _places(number: str) -> tuple[int, ...]:
    """ "12.3" -> (12, 3), so that 12.3 comes after 2.10."""
    return tuple(int(part) if part.isdecimal() else 0 for part in number.split("."))
