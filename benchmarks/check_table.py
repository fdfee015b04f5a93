"""For each exercise: which solutions its check accepts, and what it says of each mistake.

Run: python benchmarks/check_table.py [3.1 ...]
The attempts are those of the tests (``tests/helpers/attempts``). It ends with the counts, and with
status 1 if a correct solution was refused or a mistake accepted.
"""

import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from attempts import RIGHT, WRONG, name_of, read_lessons

from practicum_utils.checks import CheckError, check, exercises

EXERCISES = exercises()


def verdict(exercise: str, attempt: Callable) -> str:
    """What the check says of an attempt, in one line."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            check(exercise, attempt, strict=True)
    except CheckError as error:
        return str(error).split(": ", 1)[1]
    lines = said.getvalue().strip().splitlines()  # what the attempt printed, the verdict, notes
    return next(line for line in reversed(lines) if line.startswith("ok"))


def show(exercise: str) -> tuple[int, int, int]:
    """Print the part of one exercise; return accepted, rejected, and how many went wrong."""
    print(f"\n{exercise} {EXERCISES[exercise].name}")
    accepted = [(name_of(one), verdict(exercise, one)) for one in RIGHT[exercise]]
    rejected = [(name_of(one), verdict(exercise, one)) for one, _ in WRONG[exercise]]
    for name, said in accepted:
        print(f"  right  {name}: {'accepted' if said.startswith('ok: ') else said}")
    for name, said in rejected:
        print(f"  wrong  {name}: {'ACCEPTED' if said.startswith('ok: ') else said}")
    good = [said for _, said in accepted if said.startswith("ok: ")]
    bad = [said for _, said in rejected if not said.startswith("ok: ")]
    off = len(accepted) + len(rejected) - len(good) - len(bad)
    return len(good), len(bad), off


def main(chosen: list[str]) -> int:
    """Print the table of the chosen exercises, all if none; return how many verdicts are wrong."""
    started = time.perf_counter()
    read_lessons()
    counts = {exercise: show(exercise) for exercise in chosen or EXERCISES}
    print("\nexercise               accepted  rejected")
    for exercise, (good, bad, _) in counts.items():
        print(f"{exercise} {EXERCISES[exercise].name:<22}{good:>5}{bad:>10}")
    good, bad, off = map(sum, zip(*counts.values(), strict=True))
    seconds = time.perf_counter() - started
    print(f"{'all':<26}{good:>5}{bad:>10}   {off} wrong verdicts, {seconds:.0f} s")
    return off


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
