"""``check("3.1", last_vectors)``: does an exercise's solution do what the exercise says?

It runs the solution on small random inputs and compares what it does with an independent reference,
never its source or its names, so that any correct solution passes. The checks of a lesson stand in
``lesson_NN``, what they are made of in ``demands``, the questions to whole models in ``probing``.
``check("3.D1", "B")`` checks a diagnosis, a choice among the causes of a symptom; ``verdict`` in
``symptoms`` prints the line in which the symptom shows.
"""

import inspect
import operator
import os
from collections.abc import Callable

from torch import nn

from practicum_utils.bugs import CATALOGUE
from practicum_utils.checks.demands import (
    CheckError,
    demand,
    describe,
    explained,
    not_begun,
    noting,
    overlooking,
)
from practicum_utils.checks.exercises import (
    Diagnosis,
    Exercise,
    Seen,
    diagnoses,
    diagnosis,
    exercise,
    exercises,
    find,
    planted_beside,
)
from practicum_utils.checks.limits import within_limits
from practicum_utils.checks.session import (
    Notes,
    demand_settings_kept,
    next_random_numbers,
    read_settings,
    undisturbed,
)
from practicum_utils.checks.symptoms import (
    STORY,
    expect_bugs,
    meet,
    not_yet_mended,
    verdict,
)
from practicum_utils.support.environment import hold_threads, set_seed
from practicum_utils.support.errors import in_one_line

__all__ = [
    "CheckError",
    "Diagnosis",
    "Exercise",
    "check",
    "diagnoses",
    "diagnosis",
    "exercise",
    "exercises",
    "expect_bugs",
    "verdict",
]


def check(exercise: str, solution: Callable | str, strict: bool | None = None, **evidence) -> None:
    """Print one line, ``ok: exercise 3.1, last_vectors``, or say what is wrong in one sentence.

    Below an ``ok`` may stand a ``note: ...``, on what is accepted and differs from the lesson.

    exercise: its number, as in the lesson, or that of a diagnosis, as "3.D1".
    solution: the function or class itself, not a result; for a diagnosis, the letter of a cause.
    strict: whether a bug that the class's solution has, and that a later cell will show, is refused
        at once. If not, it passes until it has been met and mended, by ``ok so far``; after
        ``expect_bugs`` that is said of all exercises of a lesson until all its bugs have been.
        None: strict where nbgrader grades, or where PRACTICUM_STRICT is 1.
    evidence: for a diagnosis, what the program showed, by name; the answer then speaks of it.
    Raises CheckError (an AssertionError) for a solution that does something else or comes to no end
    in 20 seconds, for an unknown number and for an object of the wrong kind; NotImplementedError
    for an exercise not yet written.
    Random numbers and settings of the running session are left as they were. What the solution
    prints is shown above the line, as its own.
    """
    number = str(exercise) if isinstance(exercise, str | float) else describe(exercise)
    found = find(number)
    if not found:
        known = ", ".join([*exercises(), *diagnoses()])
        raise CheckError(f"there is no exercise {number!r}; there are {known}.")
    if strict is None:
        strict = _is_graded()
    if isinstance(found, Diagnosis):
        _check_diagnosis(found, solution, strict, evidence)
        return
    may_pass = set() if strict else not_yet_mended(found.planted)
    with noting() as remarks:
        seen = _check_exercise(found, solution, may_pass)
    meet(seen)
    ahead = STORY.expected and not strict and not_yet_mended(planted_beside(number))
    so_far = bool(seen or ahead)
    print(f"ok{' so far' * so_far}: exercise {number}, {found.name}")
    for sentence in remarks:
        print(f"note: {sentence}")


def _is_graded() -> bool:
    """Whether this runs for a grade: nbgrader's autograder says so, and ``practicum grade``."""
    by_nbgrader = os.environ.get("NBGRADER_EXECUTION") == "autograde"
    return by_nbgrader or os.environ.get("PRACTICUM_STRICT") == "1"


def _check_exercise(found: Exercise, solution, may_pass: set[str]) -> set[str]:
    """Ask the exercise's check; return the planted bugs that were seen and let pass."""
    title, notes = f"exercise {found.number}, {found.name}", Notes()
    try:
        _demand_kind(found, solution)
        with undisturbed(notes), hold_threads(), overlooking(may_pass) as seen:
            if found.prepare:
                found.prepare()
            within_limits(lambda: _examine(found, solution))
    except NotImplementedError as error:
        own = f"Exercise {found.number} is yours to write."
        another = str(error).startswith("Exercise ") and not _contains(solution, own)
        raise not_begun(str(error) if another else own) from error
    except CheckError as failure:
        raise CheckError(f"{title}: {failure}") from failure
    except KeyboardInterrupt:
        raise in_one_line(KeyboardInterrupt(f"{title}: the check was interrupted.")) from None
    except (Exception, SystemExit) as error:  # something unforeseen stopped the check itself
        raise CheckError(f"{title}: the check could not go on: {explained(error)}") from error
    finally:
        notes.show()
    return seen


def _examine(found: Exercise, solution) -> None:
    """Ask, and ask again with other random numbers: nothing may be kept in between, or be set.

    Models are asked once, because that takes longer; a question of their own finds what they keep.
    """
    settings = read_settings()
    found.examine(solution)
    demand_settings_kept(settings)
    if inspect.isclass(solution) and issubclass(solution, nn.Module):
        return
    numbers = next_random_numbers()
    set_seed(1)
    try:
        found.examine(solution)
    except CheckError as failure:
        raise CheckError(
            "the first round of questions is answered rightly, the second is not; perhaps "
            "something is kept from one call to the next, in a global name or in a default "
            f"argument. Then {failure}"
        ) from failure
    unmoved = any(map(operator.eq, numbers, next_random_numbers()))
    demand(
        not unmoved,
        "it sets the seed of the random numbers itself, so every call draws the same ones; whoever "
        "calls it sets the seed, once.",
    )


def _check_diagnosis(found: Diagnosis, answer, strict: bool, evidence: dict) -> None:
    """Say what the chosen cause would have predicted, or, if it is the true one, the rule."""
    letters = f"{', '.join(list(found.causes)[:-1])} or {list(found.causes)[-1]}"
    chosen = answer.strip().upper() if isinstance(answer, str) else answer
    if chosen in ("", None, ...):
        unanswered = f"diagnosis {found.number} is yours to make: write {letters} as the answer."
        demand(not strict, unanswered)
        print(f"not yet: {unanswered}")
        return
    known = isinstance(chosen, str) and chosen in found.causes
    demand(known, f"diagnosis {found.number}: the answer is a letter, {letters}; it is {answer!r}.")
    seen = _observed(found, evidence)
    own, shows = seen.get(chosen, ("", chosen == found.right))
    is_there = seen.get(found.right, ("", True))[1]  # then the symptom comes from it
    if shows and (chosen == found.right or not is_there):
        _confirm(found, chosen, own, seen)
    elif chosen == found.right:
        _tell_that_it_is_gone(found, own, seen)
    else:
        cause, sign = found.causes[chosen]
        text = f"not {chosen}; if it were {cause}, you would see {sign}. {own}"
        raise CheckError(f"diagnosis {found.number}: {text.strip()}")


def _confirm(found: Diagnosis, chosen: str, own: str, seen: Seen) -> None:
    """The reader's own numbers show the chosen cause."""
    print(f"ok: diagnosis {found.number}, {chosen}: {found.causes[chosen][0]}. {own}".rstrip())
    if chosen != found.right:
        print("That is the cause in your own code; the class's solution has another one.")
        return
    if seen:
        meet([found.bug])
    STORY.answered.add(found.number)
    _print_rule(found, seen.get("", ("", False))[0])


def _tell_that_it_is_gone(found: Diagnosis, own: str, seen: Seen) -> None:
    """The class's code has the chosen cause, and the reader's program shows it no longer."""
    title, cause = f"diagnosis {found.number}", found.causes[found.right][0]
    others = [words for letter, (words, shows) in seen.items() if shows]
    if others and found.number not in STORY.answered:
        raise CheckError(f"{title}: not {found.right} in your code. {own} {others[-1]}")
    if others:
        print(f"ok: {title}, {found.right}: the cause was {cause}. Now it is another: {others[-1]}")
    elif found.bug in STORY.met:
        print(f"ok: {title}, {found.right}: yours is mended. {own} The cause was {cause}.")
    else:
        text = f"your code does not have it. {own} The code as typed in class has: {cause}."
        print(f"ok: {title}, {found.right}: {text}")
    _print_rule(found)


def _print_rule(found: Diagnosis, this_time: str = "") -> None:
    bug = CATALOGUE[found.bug]
    print(f"This time: {this_time or bug.this_time}\nIn general: {bug.in_general}")


def _observed(found: Diagnosis, evidence: dict) -> Seen:
    """What the reader's program shows, by letter; nothing if some of the evidence is missing."""
    wanted = inspect.signature(found.examine).parameters
    if any(name not in evidence for name in wanted):
        return {}
    try:
        with undisturbed():
            return found.examine(**{name: evidence[name] for name in wanted})
    except Exception:  # what was given is something else by now; the cause can be told without it
        return {}


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
