"""The catalogue of bugs: what the class sees, and what it learns.

The texts stand in ``assets/bugs.toml``, family by family. A few bugs are planted in the lessons;
the doctor knows the others too.
"""

import tomllib
from dataclasses import dataclass

from practicum_utils.support.files import read_asset


@dataclass(frozen=True)
class Bug:
    """A bug of a program that classifies texts.

    id: the name used by the marks in the lesson sources, and by the doctor.
    symptom: what the reader sees, without the cause.
    this_time, in_general: the two sentences of the summary.
    lesson: the number of the lesson in which the symptom shows and the bug is mended; "" for a bug
        that shows wherever a lesson plants it, if one does.
    family: bugs that give themselves away by the same evidence.
    sighting: a public place where somebody met the bug; "" if none is known to us.
    detectable: False if running the program cannot show it, so that the doctor is silent about it.
    """

    id: str
    title: str
    symptom: str
    this_time: str
    in_general: str
    lesson: str = ""
    family: str = ""
    sighting: str = ""
    detectable: bool = True


def _read_catalogue() -> dict[str, Bug]:
    entries = tomllib.loads(read_asset("bugs.toml"))
    return {bug_id: Bug(bug_id, **fields) for bug_id, fields in entries.items()}


CATALOGUE: dict[str, Bug] = _read_catalogue()
PLANTED: dict[str, Bug] = {bug_id: bug for bug_id, bug in CATALOGUE.items() if bug.lesson}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(bug.family for bug in CATALOGUE.values()))
