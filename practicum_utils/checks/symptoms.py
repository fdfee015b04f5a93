"""The line in which a planted bug shows, and which of the bugs have been met and mended.

A check must not give a bug away before its symptom has been seen. So it lets a planted bug pass
until ``verdict`` says ``ok``, which is when the bug is gone.
"""

from practicum_utils.bugs import CATALOGUE
from practicum_utils.checks.exercises import Diagnosis, find

_LAST: dict[str, bool] = {}  # by diagnosis: whether its verdict said ok when it was last asked


def verdict(number: str, healthy: bool, ok: str, symptom: str, after: str = "") -> None:
    """Print ``ok: ...`` or ``symptom: ...``, the one line with which a symptom cell ends.

    number: the diagnosis that the symptom leads to, as "3.D2".  ok, symptom: the two sentences.
    after: the diagnosis before it; while that one still shows its symptom, this one waits.
    Raises ValueError for a number that no lesson knows.
    """
    for one in filter(None, (number, after)):
        if not isinstance(find(one), Diagnosis):
            raise ValueError(f"There is no diagnosis {one!r}.")
    if after and not _LAST.get(after, True):
        print("not yet: first mend what the symptom before this one has shown")
        return
    _LAST[number] = bool(healthy)
    print(f"ok: {ok}" if healthy else f"symptom: {symptom}")


def not_yet_met(bugs: tuple[str, ...]) -> set[str]:
    """Those of the planted bugs whose verdict does not say ``ok``, or was not asked yet."""
    mended = {find(number).bug for number, healthy in _LAST.items() if healthy}
    return {bug for bug in bugs if bug in CATALOGUE and bug not in mended}
