"""Run a lesson's walkthrough without a browser and tell it in the terminal."""

import time
from collections.abc import Callable
from pathlib import Path

import nbformat

from practicum_utils.authoring.build import execute, notebooks
from practicum_utils.authoring.copies import CHECKED


def tell(root: Path, number: str, say: Callable[[str], None]) -> None:
    """Execute the debugged lesson at full size; say headings, rules, verdicts and results."""
    path, notebook = next(
        (path, made)
        for path, made in notebooks(root, [number]).items()
        if path.parent.name == "debugged"
    )
    started, heard = time.monotonic(), 0

    def on_cell(cell, cell_index, execute_reply):
        nonlocal heard
        _say_texts(notebook.cells[heard:cell_index], say)
        heard = cell_index + 1
        _say_outputs(cell, say)

    say(f"Running {path.name} from top to bottom; the training cells take a minute or two.")
    execute(notebook, root / "solutions", on_cell, keep_results=True)
    _say_texts(notebook.cells[heard:], say)
    say(f"\nDone in {time.monotonic() - started:.0f} s. To write it yourself: practicum lab")


def _say_texts(cells: list[nbformat.NotebookNode], say: Callable[[str], None]) -> None:
    for cell in cells:
        if cell.cell_type == "markdown":
            _say_markdown(cell.source, say)


def _say_markdown(text: str, say: Callable[[str], None]) -> None:
    fence = ""  # the line that opened the block of code that this line stands in, if any
    for line in text.splitlines():
        if line.startswith("```"):
            fence = "" if fence else line
        elif fence:
            if fence == "```diff" and line.startswith(("-", "+")):
                say("    " + line)
        elif line.startswith("#"):
            say(f"\n{line.lstrip('#').strip()}")
        elif line.startswith(("- **This time", "- **In general")):
            say("  " + line[2:].replace("**", ""))


def _say_outputs(cell: nbformat.NotebookNode, say: Callable[[str], None]) -> None:
    """Say what a verdict cell printed, an exception's message, a training's last state."""
    for output in cell.outputs:
        if output.output_type == "error":
            say(f"  {output.ename}: {output.evalue}")
        elif output.output_type == "stream" and CHECKED in cell.metadata.get("tags", []):
            say("  " + output.text.strip())
        elif output.output_type == "display_data" and output.data.get("text/plain", "").startswith(
            "epoch"
        ):
            say("  " + output.data["text/plain"].replace("\n", "\n  "))
