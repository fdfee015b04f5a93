"""Solutions that learners could write, right ones in several styles and wrong ones.

``RIGHT["3.1"]`` holds solutions that the check of exercise 3.1 has to accept, ``WRONG["3.1"]``
pairs of a mistake and the words by which its message has to name it. A lesson's module fills both.
"""

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable

RIGHT: dict[str, list[Callable]] = defaultdict(list)
WRONG: dict[str, list[tuple[Callable, str]]] = defaultdict(list)


def right(exercise: str) -> Callable:
    """Enter a correct solution; the decorated function or class stays what it is."""

    def enter(solution: Callable) -> Callable:
        RIGHT[exercise].append(solution)
        return solution

    return enter


def wrong(exercise: str, words: str) -> Callable:
    """Enter a mistake; words: a part of the message that must come of it."""

    def enter(solution: Callable) -> Callable:
        WRONG[exercise].append((solution, words))
        return solution

    return enter


def name_of(attempt: Callable) -> str:
    """The name of a function or class, or that of the class of another object."""
    return getattr(attempt, "__name__", type(attempt).__name__)


def read_lessons() -> None:
    """Import the module of every lesson, which fills both tables."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"attempts.{module.name}")
