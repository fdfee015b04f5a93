"""What a busy neighbour costs: an epoch of the RNN with attention, alone and beside other programs.

Run: python benchmarks/threads.py [--runs 5] [--steps 120]
Real reviews, the package's ``run_epoch``, a new model for each run, so that every run of ours
chooses its number of threads anew, inside its seconds. With 0, 1 and 2 programs that only compute
beside it, taking turns: ours, PyTorch's default, and one thread. Medians. Wanted are at most 1.7
times our idle seconds beside one program and 2.6 beside two; idle, 0.95 of the best fixed number.

Beside other programs the fixed numbers do a few steps only, of which the epoch's seconds are
estimated by its tokens: the default would take minutes. Leave the machine alone meanwhile.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import torch
from torch import nn

from practicum_utils.data import (
    Batch,
    ReviewDataset,
    Vocabulary,
    load_reviews,
    make_loader,
    tokenize_all,
)
from practicum_utils.models import AttentionRNN
from practicum_utils.training import RECIPE, run_epoch, set_seed

NEIGHBOURS, BATCH_SIZE, FEW = (0, 1, 2), 64, 6
VARIABLE = "PRACTICUM_THREADS"
DEFAULT = torch.get_num_threads()


@contextmanager
def beside(count: int) -> Iterator[None]:
    """Let so many programs compute for a while."""
    command = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(command) for _ in range(count)]
    try:
        time.sleep(1)
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def seconds(batches: list[Batch], vocab_size: int, threads: int | None) -> tuple[float, int]:
    """Seconds of an epoch with so many threads, chosen if None, and the number it took."""
    os.environ.pop(VARIABLE, None)
    if threads is not None:
        os.environ[VARIABLE] = str(threads)
    set_seed(0)
    model = AttentionRNN(vocab_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    started = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        run_epoch(model, batches, nn.BCEWithLogitsLoss(), optimizer)
    return time.perf_counter() - started, torch.get_num_threads()


def measure(batches: list[Batch], vocab_size: int, runs: int, alone: bool) -> dict[str, float]:
    """Let the ways take turns; the median seconds of each for the whole epoch."""
    few = batches if alone else batches[:FEW]
    whole, part = (sum(one.token_ids.numel() for one in which) for which in (batches, few))
    taken: dict[str, list[float]] = {"ours": [], "default": [], "one": []}
    numbers = []
    for _ in range(runs):
        ours, number = seconds(batches, vocab_size, None)
        taken["ours"].append(ours)
        numbers.append(str(number))
        for name, threads in (("default", DEFAULT), ("one", 1)):
            taken[name].append(seconds(few, vocab_size, threads)[0] * whole / part)
    print(f"  chosen: {', '.join(numbers)}; seconds: ", end="")
    print(", ".join(f"{one:.1f}" for one in taken["ours"]), flush=True)
    return {name: statistics.median(times) for name, times in taken.items()}


def report(found: dict[int, dict[str, float]]) -> None:
    """Print the table of ratios."""
    idle = found[0]
    print(f"\n{'programs beside it':<20}{'ours':>8}{f'{DEFAULT} threads':>12}{'1 thread':>12}")
    for count, medians in found.items():
        ratios = [f"{medians[name] / idle['ours']:.2f}" for name in ("ours", "default", "one")]
        print(f"{count:<20}{ratios[0]:>8}{ratios[1]:>12}{ratios[2]:>12}")
    best = min(idle["default"], idle["one"])
    print(f"in times our idle epoch, {idle['ours']:.1f} s; which is {best / idle['ours']:.2f} of")
    print("the speed of the best fixed number")


def main() -> None:
    """Measure beside no, one and two programs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args()
    reviews = load_reviews(max_train=options.steps * BATCH_SIZE, max_test=2)["train"]
    vocab = Vocabulary.build(tokenize_all(reviews["text"]))
    dataset = ReviewDataset(reviews, vocab, RECIPE.max_length)
    batches = list(make_loader(dataset, BATCH_SIZE, shuffle=True))
    print(f"{len(batches)} steps of {BATCH_SIZE} reviews, {options.runs} runs each")
    found = {}
    for count in NEIGHBOURS:
        print(f"{count} programs beside it")
        with beside(count):
            found[count] = measure(batches, len(vocab), options.runs, alone=count == 0)
    report(found)


if __name__ == "__main__":
    main()
