"""Begin a new lesson: a small source and its check, which build and pass their guards, to fill."""

import re
from pathlib import Path
from string import Template

from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import read_asset, write_text_whole

LESSON, CHECKS = Path("solutions/lessons"), Path("practicum_utils/checks")


def new_lesson(root: Path, number: str, name: str) -> list[Path]:
    """Write a lesson's two files, source and checks, or none; return their paths in ``root``.

    number: "7" or "07".  name: in small letters, digits and underscores, such as word_vectors.
    LessonError for another number or name, and for a number that a lesson has already.
    """
    if not re.fullmatch(r"[0-9]{1,2}", number):
        raise LessonError(f"{number!r} is no lesson number; give one of 00 to 99.")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise LessonError(
            f"{name!r} is no lesson name; write small letters, digits and single underscores, "
            "as in word_vectors."
        )
    number = number.zfill(2)
    checks = CHECKS / f"lesson_{number}.py"
    taken = [*sorted((root / LESSON).glob(f"{number}_*")), *(root / CHECKS).glob(checks.name)]
    if taken:
        raise LessonError(f"Lesson {number} is there already: {taken[0].name}; take a free number.")
    words = {"number": number, "chapter": int(number), "title": name.replace("_", " ").capitalize()}
    templates = {LESSON / f"{number}_{name}.py": "new_lesson.txt", checks: "new_checks.txt"}
    try:
        for path, template in templates.items():
            write_text_whole(root / path, Template(read_asset(template)).substitute(words))
    except BaseException:
        for path in templates:  # none of them was there before
            (root / path).unlink(missing_ok=True)
        raise
    return list(templates)
