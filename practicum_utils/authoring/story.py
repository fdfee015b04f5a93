"""Run a lesson's walkthrough without a browser and tell it in the terminal."""

import time
from collections.abc import Callable
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from practicum_utils.authoring.build import address, read_one
from practicum_utils.authoring.copies import CHECKED, TOLD, walkthrough_copy
from practicum_utils.authoring.execute import execute
from practicum_utils.bugs.planting import LessonError


def tell(root: Path, number: str, say: Callable[[str], None]) -> None:
    """Execute the debugged lesson at full size; say headings, rules, verdicts and results.

    LessonError if there is no such lesson, or if a cell fails.
    """
    lesson, lessons = read_one(root, number)
    notebook = walkthrough_copy(lesson, lessons, address(root))
    started, teller = time.monotonic(), Storyteller(say)
    say(f"Running {lesson.name}.ipynb from top to bottom; the training cells take a minute or two.")
    hooks = dict(on_cell_start=teller.on_cell_start, on_cell_executed=teller.on_cell_executed)
    try:
        execute(notebook, Path.cwd(), keep_results=True, **hooks)
    except CellExecutionError as error:
        message = f"lesson {number} stopped with {error.ename}: {error.evalue}"
        raise LessonError(message) from error
    say(f"\nDone in {time.monotonic() - started:.0f} s. To write it yourself: practicum lab")


class Storyteller:
    """Says what matters of each cell; its methods are hooks of nbclient."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._heading = ""  # said only when something below it runs or is said
        self._quiet = True  # nothing was said below the last heading

    def on_cell_start(self, cell: NotebookNode, cell_index: int) -> None:
        if cell.cell_type == "markdown":
            self._read(cell.source)
        else:
            self._announce()

    def _announce(self) -> None:
        if self._heading:
            self._say(self._heading if self._quiet else f"\n{self._heading}")
            self._heading, self._quiet = "", True

    def _read(self, text: str) -> None:
        fence = ""  # the line that opened the block of code that this line stands in, if any
        for line in text.splitlines():
            if line.startswith("```"):
                fence = "" if fence else line
            elif fence:
                if fence == "```diff" and line.startswith(("-", "+")):
                    self._indented(line)
            elif line.startswith("#"):
                self._heading = line.lstrip("#").strip()
            elif line.startswith(("- **This time", "- **In general")):
                self._indented(line[2:].replace("**", ""))

    def on_cell_executed(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        """Say an exception's message, a training's last state, and what a told cell printed."""
        told = CHECKED in cell.metadata.get("tags", []) or cell["id"].endswith(TOLD)
        printed = ""
        for output in cell.outputs:
            if output.output_type == "error":
                self._indented(f"{output.ename}: {output.evalue}")
            elif output.output_type == "stream" and told:
                printed += output.text
            elif output.output_type == "display_data":
                text = output.data.get("text/plain", "")
                self._indented(text if text.startswith("epoch") else "")
        self._indented(printed)

    def _indented(self, text: str) -> None:
        self._announce()
        for line in text.strip("\n").splitlines():
            self._say("  " + line)
            self._quiet = False
