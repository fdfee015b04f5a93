"""``check("3.1", last_vectors)``: does an exercise's solution do what the exercise says?

It runs the solution on small random inputs and compares what it does with an independent reference,
never its source or its names, so that any correct solution passes. The checks of a lesson stand in
``lesson_NN``, what they are made of in ``demands``, the questions to whole models in ``probing``.
"""

import inspect
from collections.abc import Callable

from practicum_utils.checks.demands import (
    CheckError,
    demand,
    describe,
    explained,
    not_begun,
    undisturbed,
)
from practicum_utils.checks.exercises import Exercise, exercise, exercises, find
from practicum_utils.support.environment import hold_threads

__all__ = ["CheckError", "Exercise", "check", "exercise", "exercises"]


def check(exercise: str, solution: Callable) -> None:
    """Print one line, ``ok: exercise 3.1, last_vectors``, or say what is wrong in one sentence.

    exercise: its number, as in the lesson.  solution: the function or class itself, not a result.
    Raises CheckError (an AssertionError) for a solution that does something else, for an unknown
    number and for an object of the wrong kind; NotImplementedError for an exercise not yet written.
    Random numbers, gradient mode, the number of threads and the output of the running session are
    left as they were.
    """
    number = str(exercise) if isinstance(exercise, str | float) else describe(exercise)
    found = find(number)
    if not found:
        raise CheckError(f"there is no exercise {number!r}; there are {', '.join(exercises())}.")
    title = f"exercise {number}, {found.name}"
    try:
        _demand_kind(found, solution)
        with undisturbed(), hold_threads():
            found.examine(solution)
    except NotImplementedError as error:
        own = f"Exercise {number} is yours to write."
        another = str(error).startswith("Exercise ") and not _contains(solution, own)
        raise not_begun(str(error) if another else own) from error
    except CheckError as failure:
        raise CheckError(f"{title}: {failure}") from failure
    except Exception as error:  # something unforeseen about the solution stopped the check itself
        raise CheckError(f"{title}: the check could not go on: {explained(error)}") from error
    print(f"ok: {title}")


def _contains(solution, line: str) -> bool:
    """Is the stub's line still somewhere in this function, or in a method of this class?"""
    functions = vars(solution).values() if inspect.isclass(solution) else [solution]
    codes = [getattr(inspect.unwrap(one), "__code__", None) for one in functions]
    return any(line in code.co_consts for code in codes if code)


def _demand_kind(found: Exercise, solution) -> None:
    """Refuse a result, an object in place of its class, and the solution of another exercise."""
    kind = "class" if found.is_class else "function"
    itself = f'`check("{found.number}", {found.name})`, with nothing in brackets after the name'
    own_name = getattr(solution, "__name__", "")
    if own_name != found.name:  # whose it is then, the checks of all lessons know
        others = {other.name: other.number for other in exercises().values()}
        demand(
            own_name not in others,
            f"it got {own_name}, which is exercise {others.get(own_name)}.",
        )
    is_class = inspect.isclass(solution)
    demand(
        is_class or (callable(solution) and not found.is_class),
        f"the check needs the {kind} itself: {itself}; it got {describe(solution)}.",
    )
    demand(is_class == found.is_class, f"the check needs a {kind}; it got {describe(solution)}.")
