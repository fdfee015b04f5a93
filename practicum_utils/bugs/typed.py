"""The class's own code, with its planted bug or without, for whoever teaches: one line for each.

``practicum build`` writes ``assets/as_typed.json`` from the lesson sources.
"""

import json
import linecache
import sys

from practicum_utils.bugs.catalogue import CATALOGUE
from practicum_utils.bugs.planting import bugs_in, changed_lines, plant
from practicum_utils.support.errors import refusal
from practicum_utils.support.files import read_asset

TYPED = "as_typed.json"  # number of an exercise -> its lesson, the name it defines, its code


def as_typed(exercise: str, bug: bool = True, lesson: str = "", show: bool | None = None) -> object:
    """Define an exercise's function or class in the notebook as the class types it; return it.

    exercise: its number, "3.3".  bug: whether the bug that the class meets is planted in it.
    lesson: in which lesson, "03", if that is not the exercise's own: 2.2 and 1.3 show a bug there.
    show: whether the lines that differ are printed; None: only those of the mended code, since
        the planted ones would tell the class where to look.
    The code runs among the names of the notebook, so it finds the helpers that stand there.
    Raises ValueError, in a sentence, for an exercise without a planted bug, and for a lesson in
    which it shows none.
    """
    entries = json.loads(read_asset(TYPED))
    if exercise not in entries:
        known = ", ".join(entries)
        raise refusal(f"No bug is planted in exercise {exercise!r}; there is one in {known}.")
    entry = entries[exercise]
    planted = _bugs_of(entry, lesson.zfill(2) if lesson else entry["lesson"])
    if not planted:
        raise refusal(f"The bug of exercise {exercise} does not show in lesson {lesson}.")
    wrong, right = plant(entry["code"], planted), plant(entry["code"], set())
    _run(wrong if bug else right, f"<exercise {exercise} as typed>", sys._getframe(1).f_globals)
    print(f"{entry['name']}: {'as typed in class' if bug else 'mended'}")
    if show or (show is None and not bug):
        print(changed_lines(*((right, wrong) if bug else (wrong, right))))
    return sys._getframe(1).f_globals[entry["name"]]


def _bugs_of(entry: dict, lesson: str) -> set[str]:
    """The bugs that the class has in this code in a lesson: its own ones, or those that show."""
    return {
        bug for bug in bugs_in(entry["code"])
        if lesson in (entry["lesson"], CATALOGUE[bug].lesson)
    }  # fmt: skip


def _run(code: str, file: str, names: dict) -> None:
    """Run code among these names; a traceback shows its lines."""
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    exec(compile(code, file, "exec"), names)
