"""The line in which a planted bug shows, and which of the bugs have been met and mended.

A check must not give a bug away before its symptom has been seen. So it lets a planted bug pass
until a program that had it has been mended. Whoever was right at once has met nothing yet, and may
still paste the class's solution to meet it.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from practicum_utils.bugs import CATALOGUE
from practicum_utils.checks.exercises import Diagnosis, find


@dataclass
class Story:
    """What has happened since this Python began.

    healthy: by diagnosis, whether its verdict said ok when it was last asked.
    met: the bugs that were seen.  mended: those of them whose verdict has said ok since.
    answered: the diagnoses that were answered rightly while the bug was there.
    expected: whether bugs lie ahead, so that a check must not tell by a word where they are.
    """

    healthy: dict[str, bool] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    mended: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    expected: bool = False


STORY = Story()


def verdict(number: str, healthy: bool, ok: str, symptom: str, after: str = "") -> None:
    """Print ``ok: ...`` or ``symptom: ...``, the one line with which a symptom cell ends.

    number: the diagnosis that the symptom leads to, as "3.D2".  ok, symptom: the two sentences.
    after: the diagnosis before it; until the verdict of that one says ok, this one waits.
    Raises ValueError for a number that no lesson knows.
    """
    for one in filter(None, (number, after)):
        if not isinstance(find(one), Diagnosis):
            raise ValueError(f"There is no diagnosis {one!r}.")
    if after and not STORY.healthy.get(after, False):
        shown = after in STORY.healthy
        first = "mend what the symptom before this one has shown" if shown else (
            "run the cell of the symptom before this one"
        )  # fmt: skip
        print(f"not yet: first {first}")
        return
    STORY.healthy[number] = bool(healthy)
    bug = find(number).bug
    if not healthy or _has_raised(bug):
        STORY.met.add(bug)
    if healthy:
        STORY.mended |= STORY.met & {bug}
    print(f"ok: {ok}" if healthy else f"symptom: {symptom}")


def expect_bugs() -> None:
    """From now on a check says ``ok so far`` of right and wrong exercises alike.

    A student's notebook begins with it; for a lesson it ends when all its bugs have been met and
    mended.
    """
    STORY.expected = True


def _has_raised(bug: str) -> bool:
    """Whether the last exception says what the bug's symptom is."""
    known = CATALOGUE.get(bug)
    return bool(known) and known.symptom in str(getattr(sys, "last_value", ""))


def meet(bugs: Iterable[str]) -> None:
    """Remember that these planted bugs were seen in the reader's program."""
    STORY.met.update(bugs)


def not_yet_mended(bugs: Iterable[str]) -> set[str]:
    """Those of the planted bugs that no program has had and lost since this Python began."""
    return {bug for bug in bugs if bug in CATALOGUE and bug not in STORY.mended}
