"""Errors that a notebook shows as the one sentence they are."""


def in_one_line(error: BaseException) -> BaseException:
    """Let a notebook print ``error`` as its one line, without a traceback; return it."""
    line = f"{type(error).__name__}: {error}"
    error._render_traceback_ = lambda: [line]
    return error


def refusal(text: str) -> ValueError:
    """A ValueError that says this, for a notebook to print as one line."""
    return in_one_line(ValueError(text))
