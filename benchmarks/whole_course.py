"""Minutes that a student's computer works in all lessons, from top to bottom, at full size.

Run: python benchmarks/whole_course.py [--beside] [--only 03 04] [--fast]
Every student notebook, filled with correct programs by its catch-up lines, one after the other in
one home folder, so that each lesson revisits the runs of those before; the first one fills the
token cache. A cell that stops, or a line "symptom: ...", ends it, as correct programs show none.

Leave the machine alone meanwhile; the load at the start is printed. ``--beside`` then does all of
it again twice at the same time, as where two students share a computer. ``--fast`` tries the
script at reduced size; its seconds say nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import nbformat

from practicum_utils.authoring.build import find_root
from practicum_utils.authoring.copies import take_catch_up
from practicum_utils.authoring.execute import execute

NOTEBOOKS = find_root() / "notebooks"


class Clock:
    """nbclient's hooks: the seconds of each cell, so that the longest can be named."""

    def __init__(self):
        self.started, self.longest = 0.0, (0.0, "")

    def start(self, cell, cell_index):
        """Before a cell runs."""
        self.started = time.perf_counter()

    def stop(self, cell, cell_index, execute_reply):
        """After it has run."""
        seconds = time.perf_counter() - self.started
        lines = cell.source.strip().splitlines() or [""]
        self.longest = max(self.longest, (seconds, lines[-1].strip()[:50]))


def run_lesson(path) -> float:
    """Run one notebook, print its line, and return its seconds; SystemExit for a symptom."""
    notebook, clock = nbformat.read(path, as_version=4), Clock()
    taken = take_catch_up(notebook)
    hooks = {"on_cell_execute": clock.start, "on_cell_executed": clock.stop}
    started = time.perf_counter()
    execute(notebook, NOTEBOOKS, keep_results=True, **hooks)
    seconds = time.perf_counter() - started
    texts = [
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    ]
    shown = [line for text in texts for line in text.splitlines() if line.startswith("symptom: ")]
    if shown:
        raise SystemExit(f"{path.stem}: correct programs must show no symptom; {shown[0]}")
    print(
        f"{path.stem:<24} {seconds:>5.0f} s, {taken} exercises caught up; longest cell "
        f"{clock.longest[0]:.0f} s: {clock.longest[1]}",
        flush=True,
    )
    return seconds


def run_course(only: list[str]) -> None:
    """Run the lessons in a new home folder, and print a line for each and the sum."""
    paths = [
        path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not only or path.stem[:2] in only
    ]
    with tempfile.TemporaryDirectory() as home:
        os.environ["PRACTICUM_HOME"] = home
        total = sum(run_lesson(path) for path in paths)
    print(f"in all {total / 60:.1f} minutes, {len(paths)} lessons", flush=True)


def run_two(only: list[str], fast: bool) -> None:
    """Run the course twice at the same time, each in a process of its own, and wait for both."""
    command = [sys.executable, __file__, *(["--only", *only] if only else []), *["--fast"] * fast]
    print("\ntwo courses at the same time", flush=True)
    both = [subprocess.Popen(command) for _ in range(2)]
    if any([process.wait() for process in both]):
        raise SystemExit("one of two courses at the same time has failed")


def main() -> None:
    """Run the course alone, and beside another if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", action="store_true", help="then twice at the same time")
    parser.add_argument("--only", nargs="+", default=[], help="lessons, such as 03 04")
    parser.add_argument("--fast", action="store_true", help="reduced size, to try this script")
    options = parser.parse_args()
    os.environ["PRACTICUM_FAST"] = str(int(options.fast))
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} at the start"
    print(f"{load}; every lesson chooses its number of threads by itself", flush=True)
    run_course(options.only)
    if options.beside:
        run_two(options.only, options.fast)


if __name__ == "__main__":
    main()
