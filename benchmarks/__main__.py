"""All benchmarks, one after the other, with one seed each where seeds are to be had.

Run: python benchmarks [--full] [--only NAME ...]
Prints what each script prints, its seconds and the total; a failed script is named at the end and
fails the command. ``--full`` takes as many seeds as the README's numbers; that is an hour.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
QUICK = {
    "data_pipeline": [],
    "nb_svm": ["--seeds", "1"],
    "records": ["--seeds", "1"],
    "models": [],
    "threads": ["--runs", "1", "--steps", "60"],
    "prompting": [],
    "doctor_matrix": ["--seeds", "1"],
    "doctor_seconds": [],
    "bug_symptoms": ["--seeds", "1"],
    "check_table": [],
}


def run(name: str, arguments: list[str]) -> tuple[bool, float]:
    """Run one script in a process of its own; whether it succeeded, and its seconds."""
    print(f"\n=== python benchmarks/{name}.py {' '.join(arguments)}", flush=True)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments])
    return done.returncode == 0, time.perf_counter() - started


def main() -> None:
    """Run the scripts, then print a table of their seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=QUICK, default=list(QUICK))
    parser.add_argument("--full", action="store_true", help="all seeds, about an hour")
    options = parser.parse_args()
    results = {name: run(name, [] if options.full else QUICK[name]) for name in options.only}
    print("\n=== seconds")
    for name, (good, seconds) in results.items():
        print(f"{name:<16} {seconds:>6.0f}{'' if good else '   FAILED'}")
    print(f"{'in all':<16} {sum(seconds for _, seconds in results.values()):>6.0f}")
    raise SystemExit(not all(good for good, _ in results.values()))


if __name__ == "__main__":
    main()
