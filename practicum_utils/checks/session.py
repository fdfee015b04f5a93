"""What a check keeps safe of the learner's session, and what it keeps of the learner's output.

Random numbers, settings of PyTorch and Python, and the session itself stay as they were, whatever
the code that is checked does; what that code prints is shown afterwards, as the learner's own.
"""

import io
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from practicum_utils.checks.demands import demand, is_learners
from practicum_utils.support.environment import keep_random_numbers, set_seed

OWN = "printed by your own code while it was checked:"
MOST_LINES, LONGEST_LINE = 20, 160  # of the learner's own output

# What is the whole session's: in words, how it is read, how it is set.
SETTINGS: tuple[tuple[str, Callable, Callable], ...] = (
    ("whether gradients are recorded", torch.is_grad_enabled, torch.set_grad_enabled),
    ("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("the default device", torch.get_default_device, torch.set_default_device),
    ("the number of threads", torch.get_num_threads, torch.set_num_threads),
    (
        "the use of deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    ("the search for anomalies", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    ("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ("the current folder", os.getcwd, os.chdir),
)


@contextmanager
def undisturbed(notes: "Notes | None" = None) -> Iterator[None]:
    """Run a check on seeded random numbers, with gradients, in silence; leave no trace of it.

    notes: takes what the learner's own lines print meanwhile.
    """
    from IPython.utils.capture import capture_output  # it swallows a notebook's displays as well

    put_back, settings = keep_random_numbers(), read_settings()
    short = torch.backends.cudnn.allow_tf32
    notes = notes or Notes()
    try:
        with capture_output(), patch.object(sys, "stdin", io.StringIO()), _staying():
            sys.stdout = sys.stderr = notes
            notes.take_displays()
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
            torch.backends.cudnn.allow_tf32 = False  # a GPU's short cuts blur equal results
            set_seed(0)
            yield
    finally:
        put_back()
        restore_settings(settings)
        torch.backends.cudnn.allow_tf32 = short


@contextmanager
def _staying() -> Iterator[None]:
    """``exit`` and ``quit`` of a notebook end its session without an error; here they raise one."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        yield
        return

    def refuse() -> None:
        raise SystemExit

    with patch.object(shell, "ask_exit", refuse, create=True):
        yield


def read_settings() -> list:
    """What is set for the whole session, in the order of ``SETTINGS``."""
    return [read() for _, read, _ in SETTINGS]


def restore_settings(before: list) -> None:
    """Set back what has changed since."""
    for was, (_, read, write) in zip(before, SETTINGS, strict=True):
        if read() != was:
            write(was)


def demand_settings_kept(before: list) -> None:
    """Refuse a solution that has changed a setting of the whole session."""
    for was, (what, read, _) in zip(before, SETTINGS, strict=True):
        demand(
            read() == was,
            f"it changed {what} of the whole session, from {was} to {read()}, and did not change "
            "it back; whatever runs next runs differently.",
        )


def next_random_numbers() -> tuple[float, float, float]:
    """Where the random numbers of Python, NumPy and PyTorch stand: the next of each."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


class Notes(io.TextIOBase):
    """Takes what is printed, and keeps what lines of the learner's print, up to a limit."""

    def __init__(self):
        self.text, self.more = "", 0

    def writable(self) -> bool:
        """It can be printed to."""
        return True

    def write(self, text: str) -> int:
        """Keep the text if a line of the learner's printed it; a library's warnings are no note."""
        writer = sys._getframe(1)
        warned = Path(writer.f_code.co_filename).name == "warnings.py"
        if not warned and is_learners(writer):
            self.keep(text)
        return len(text)

    def keep(self, text: str) -> None:
        """Add to the notes; what is beyond the limit is only counted."""
        if len(self.text) < MOST_LINES * LONGEST_LINE:
            self.text += text
        else:
            self.more += text.count("\n")

    def take_displays(self) -> None:
        """In a notebook, keep the plain text of what the learner's lines display as well."""
        from IPython import get_ipython

        shell = get_ipython()
        if shell is not None:
            shell.display_pub.publish = self.publish  # of the one that captures, soon gone

    def publish(self, data: dict, *_, **__) -> None:
        """Take a display."""
        if is_learners(sys._getframe(1)):
            self.keep(f"{data.get('text/plain', '')}\n")

    def show(self) -> None:
        """Print the notes under a line that says whose they are; without notes, nothing."""
        lines = self.text.rstrip().splitlines()
        if not lines:
            return
        print(OWN)
        for line in lines[:MOST_LINES]:
            print("  " + line[:LONGEST_LINE] + "..." * (len(line) > LONGEST_LINE))
        more = self.more + len(lines[MOST_LINES:])
        if more:
            print(f"  ... and {more} more lines")
