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
        self._handle = _display_handle()
        self._drawn = time.monotonic()

    def show(self, text: str) -> None:
        """Redraw, at most once a second."""
        if time.monotonic() - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = time.monotonic()
        if self._handle is not None:
            self._handle.update({"text/plain": text}, raw=True)
        elif sys.stdout.isatty():
            print(f"\r\033[K{text.splitlines()[-1]}", end="", flush=True)

    def close(self, text: str) -> None:
        """Draw the last text, which stays."""
        if self._handle is not None:
            self._handle.update({"text/plain": text}, raw=True)
            return
        if sys.stdout.isatty():
            print("\r\033[K", end="")
        print(text)


def _display_handle():
    """A handle on a fresh output of the running cell, or None outside a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display({"text/plain": "..."}, raw=True, display_id=True)
