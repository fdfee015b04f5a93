"""Begin a new lesson: a small source that builds and passes its guards, to be filled."""

import re
from pathlib import Path
from string import Template

from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import read_asset, write_text_whole


def new_lesson(root: Path, number: str, name: str) -> Path:
    """Write ``solutions/lessons/NN_name.py`` and return its path in the repository.

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
    number, folder = number.zfill(2), Path("solutions/lessons")
    taken = sorted((root / folder).glob(f"{number}_*"))
    if taken:
        raise LessonError(f"Lesson {number} is there already: {taken[0].name}; take a free number.")
    path = folder / f"{number}_{name}.py"
    text = Template(read_asset("new_lesson.txt")).substitute(
        number=number, chapter=int(number), title=name.replace("_", " ").capitalize()
    )
    write_text_whole(root / path, text)
    return path
