"""Run a notebook, and keep of its outputs what may be stored."""

import copy
import os
import re
import tempfile
from collections.abc import Callable
from itertools import takewhile, zip_longest
from pathlib import Path

from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

from practicum_utils.authoring.copies import SKIP

# The part of a path in a traceback that belongs to this computer.
MACHINE = re.compile(r"[~/][^\s:\x1b]*/(?:(?:site-packages|python3\.\d+)/|(?=practicum_utils/))")
# How a frame begins that is none of the notebook's, and in it the line that was reached.
LIBRARY, REACHED = (re.compile(rf"(\x1b\[[\d;]*m)*{start}") for start in ("File ", "-+>"))
CELL_SECONDS = 1200  # a cell, or a kernel's start, that takes longer than this is stopped


def execute(
    notebook: NotebookNode, folder: Path, keep_results: bool = False, **hooks: Callable
) -> None:
    """Run a notebook as Run All would, up to its first cell tagged nbval-skip; fill its outputs.

    Results that the lesson remembers go to a temporary folder unless ``keep_results``. ``hooks``
    are nbclient's, such as ``on_cell_executed``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    running = copy.copy(notebook)
    running.cells = list(takewhile(_may_run, notebook.cells))
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            running,
            timeout=CELL_SECONDS,
            startup_timeout=CELL_SECONDS,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            extra_arguments=["--log-level=ERROR"],  # no remarks of the kernel in the terminal
            **hooks,
        )
        client.execute(env={**os.environ, **({} if keep_results else {"PRACTICUM_HOME": home})})
    CoalesceStreamsPreprocessor().preprocess(running, {})  # prints arrive in pieces, by chance
    for cell in running.cells:
        if cell.cell_type == "code":
            cell.outputs = [_stored(output) for output in cell.outputs if not _is_widget(output)]
    notebook.metadata.pop("widgets", None)


def _may_run(cell: NotebookNode) -> bool:
    return SKIP not in cell.metadata.get("tags", [])


def _is_widget(output: NotebookNode) -> bool:
    """A widget lives as long as its kernel; stored, it would be an error message."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def _stored(output: NotebookNode) -> NotebookNode:
    if output.output_type == "error":
        output.traceback = _shorter([MACHINE.sub("", part) for part in output.traceback])
    return output


def _shorter(frames: list[str]) -> list[str]:
    """A traceback in which a library's frames stand with one line, the last of several in a row."""
    kept: list[str] = []
    for frame, following in zip_longest(frames, frames[1:], fillvalue=""):
        if not LIBRARY.match(frame):
            kept.append(frame)
        elif not LIBRARY.match(following):
            place, *lines = frame.splitlines()
            reached = [line for line in lines if REACHED.match(line)]
            kept.append("\n".join([place, *(reached or lines), ""]))
    return kept
