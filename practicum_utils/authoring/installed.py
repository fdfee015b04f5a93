"""The course as pip installs it, without a clone: lessons and student notebooks in the package.

They stand in ``practicum_utils/course``, laid out as in a clone, which has no such folder.
"""

from collections.abc import Callable
from pathlib import Path

import practicum_utils
from practicum_utils.authoring.build import find_root
from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import write_text_whole

OWN = "practicum-notebooks"  # the folder of the user's for a copy of the student notebooks


def find_course() -> Path:
    """Return the folder of lessons and student notebooks: the clone's, or else the package's own.

    LessonError if there is neither.
    """
    try:
        return find_root()
    except LessonError:
        if not _inside().is_dir():
            raise
        return _inside()


def _inside() -> Path:
    return Path(practicum_utils.__file__).with_name("course")


def notebooks_to_open(say: Callable[[str], None]) -> Path:
    """Return the folder of the student notebooks: the clone's, or else a copy for the user.

    The copy is made in the folder where the user stands. What is in it already stays as it is.
    LessonError if it cannot be written.
    """
    course = find_course()
    shipped = course / "notebooks"
    if course != _inside():
        return shipped
    here = Path.cwd()
    copy = here if here.name == OWN else here / OWN
    try:
        copy.mkdir(exist_ok=True)
        for path in shipped.glob("*.ipynb"):
            if not (copy / path.name).exists():
                write_text_whole(copy / path.name, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LessonError(
            f"The notebooks could not be copied to {copy}: {error.strerror}; "
            "run practicum lab in a folder of yours."
        ) from error
    say(f"The notebooks are in {copy}; one that you have begun stays as it is.")
    return copy
