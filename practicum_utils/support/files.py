"""Files of this package, and of the course on this computer: written whole or not at all."""

import importlib.resources
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import platformdirs

from practicum_utils.support.errors import in_one_line

APP_NAME = "sequence-learning-practicum"


def home(kind: str) -> Path:
    """Return the folder for ``kind`` files ("cache" or "results"), created if missing.

    Set the environment variable ``PRACTICUM_HOME`` to keep everything under a folder of your own.
    """
    own = os.environ.get("PRACTICUM_HOME")
    if own:
        folder = Path(own) / kind
    elif kind == "cache":
        folder = platformdirs.user_cache_path(APP_NAME)
    else:
        folder = platformdirs.user_data_path(APP_NAME) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_text_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8, as ``write_whole`` does."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a temporary file, then rename it to ``path`` in one step.

    A reader sees the old file or the new one, never half of one; if writing fails (a full disk,
    an interrupt) the old file stays as it was and the temporary one is removed.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        Path(name).chmod(0o644)  # temporary files are private, this one is like any other
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_asset(name: str) -> str:
    """Return the text of a file in ``assets``; FileNotFoundError, in a sentence, without it."""
    try:
        return (importlib.resources.files("practicum_utils") / "assets" / name).read_text("utf-8")
    except FileNotFoundError as error:
        raise in_one_line(
            FileNotFoundError(
                f"The file {name} of practicum_utils is missing; install practicum_utils again."
            )
        ) from error
