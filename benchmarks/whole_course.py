"""Minutes that a student's computer works in all six lessons, from top to bottom, at full size.

Run: python benchmarks/whole_course.py
Every student notebook with its catch-up lines taken, one after the other, with one home folder, so
that each lesson revisits the runs of those before. The first lesson fills the token cache.
"""

import os
import tempfile
import time

import nbformat

from practicum_utils.authoring.build import find_root
from practicum_utils.authoring.copies import take_catch_up
from practicum_utils.authoring.execute import execute


def main() -> None:
    """Print a line for each lesson and the sum."""
    os.environ["PRACTICUM_FAST"] = "0"
    print(f"{os.cpu_count()} cores; every lesson chooses its number of threads by itself")
    total = 0.0
    with tempfile.TemporaryDirectory() as home:
        os.environ["PRACTICUM_HOME"] = home
        for path in sorted((find_root() / "notebooks").glob("*.ipynb")):
            notebook = nbformat.read(path, as_version=4)
            taken = take_catch_up(notebook)
            started = time.perf_counter()
            execute(notebook, find_root() / "notebooks", keep_results=True)
            seconds = time.perf_counter() - started
            total += seconds
            print(f"{path.stem:<24} {seconds:>5.0f} s, {taken} exercises caught up", flush=True)
    print(f"in all {total / 60:.1f} minutes")


if __name__ == "__main__":
    main()
