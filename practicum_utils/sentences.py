"""Errors that a notebook shows as the one sentence they are, and files of this package."""

import importlib.resources


def in_one_line(error: Exception) -> Exception:
    """Let a notebook print ``error`` as its one line, without a traceback; return it."""
    line = f"{type(error).__name__}: {error}"
    error._render_traceback_ = lambda: [line]
    return error


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
