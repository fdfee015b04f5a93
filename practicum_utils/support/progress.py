"""A block of text that is redrawn in place while a long cell runs."""

import sys
import time

REDRAW_SECONDS = 1.0


class Progress:
    """Show text that changes: in a notebook one output that is rewritten, in a terminal one line.

    The last text given to ``close`` stays as a plain, saved output. Where there is neither a
    notebook nor a terminal (a pipe, a test) only that last text is printed.
    """

    def __init__(self):
        self._in_notebook, self._handle = is_notebook(), None
        self._drawn = time.monotonic()

    def show(self, text: str) -> None:
        """Draw; again at most once a second."""
        begins = self._in_notebook and self._handle is None
        if not begins and time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        if self._in_notebook:
            self._display(text)
        elif sys.stdout.isatty():
            print(f"\r\033[K{text.splitlines()[-1]}", end="", flush=True)

    def say(self, line: str) -> None:
        """Print a line that stays, unless it is empty; what was drawn is not drawn into."""
        if not line:
            return
        if not self._in_notebook and sys.stdout.isatty():
            print("\r\033[K", end="")
        print(line)

    def close(self, text: str) -> None:
        """Draw the last text, which stays."""
        if self._in_notebook:
            self._display(text)
            return
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        print(text)

    def _display(self, text: str) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": text}, raw=True)
            return
        from IPython.display import display

        self._handle = display({"text/plain": text}, raw=True, display_id=True)


def is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
