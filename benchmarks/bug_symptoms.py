"""What each bug does to a training: the symptom a learner sees, and what it costs.

Run: python benchmarks/bug_symptoms.py [--bugs ID ...] [--seeds 5] [--epochs 8]
Trains the programs of ``clinic.programs`` with a bug and its correct twin from the same seed, those
that can have the bug taking turns, with Adam. Prints medians over the seeds:
loss:     of the last training epoch, as the program's own loop reports it.
reported: the training accuracy, as the program's own loop reports it.
fresh:    the accuracy on 200 reviews not seen before, counted by a correct loop; then the twin's.
worse in: the seeds in which the bug cost accuracy on fresh reviews.
A bug that costs none is not harmless: its answers may depend on the neighbours of a review.
"""

import argparse
import statistics

import torch

from practicum_utils.bugs import CATALOGUE
from practicum_utils.clinic.programs import COLUMNS, NOT_PLANTED, Program, applies, build

FRESH = 1_000  # added to a seed: other reviews


def fresh_accuracy(program: Program, column: str, seed: int, bug: str | None) -> float:
    """Ask the model about new reviews, prepared as its training reviews were."""
    prepared = bug if bug and CATALOGUE[bug].family == "data" else None
    correct = build(column, seed=seed + FRESH, bug=prepared)
    return correct.run_epoch(program.model, correct.loader, correct.loss_fn).accuracy


def train(column: str, seed: int, epochs: int, bug: str | None) -> tuple[float, float, float] | str:
    """(loss, reported accuracy, fresh accuracy), or the error that training raised."""
    program = build(column, seed=seed, bug=bug)
    try:
        for _ in range(epochs):
            last = program.train(1)[0]
            program.run_epoch(program.model, program.loader, program.loss_fn)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return last.loss, last.accuracy, fresh_accuracy(program, column, seed, bug)


def line(bug: str, seeds: int, epochs: int) -> str:
    """The row of one bug."""
    homes = [column for column in COLUMNS if applies(bug, column)]
    pairs = []
    for seed in range(seeds):
        column = homes[seed % len(homes)]
        planted = train(column, seed, epochs, bug)
        if isinstance(planted, str):
            return f"{bug:<26} raises {planted.splitlines()[0][:70]}"
        pairs.append((planted, train(column, seed, epochs, None)))
    loss, reported, fresh = (statistics.median(p[k] for p, _ in pairs) for k in range(3))
    twin = statistics.median(clean[2] for _, clean in pairs)
    worse = sum(planted[2] < clean[2] for planted, clean in pairs)
    return (
        f"{bug:<26} {loss:>10.3f} {reported:>9.2f} {fresh:>8.2f} {twin:>6.2f}"
        f"   worse in {worse} of {seeds}"
    )


def main() -> None:
    """Print a row for each bug."""
    plantable = [bug for bug in CATALOGUE if bug not in NOT_PLANTED]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bugs", nargs="+", choices=plantable, default=plantable)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'bug':<26} {'loss':>10} {'reported':>9} {'fresh':>8} {'twin':>6}")
    for bug in options.bugs:
        print(line(bug, options.seeds, options.epochs), flush=True)


if __name__ == "__main__":
    main()
