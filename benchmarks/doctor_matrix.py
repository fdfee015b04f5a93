"""Which bugs the doctor names, and whether it accuses correct programs: the confusion matrix.

Run: python benchmarks/doctor_matrix.py [--only matrix forms later clean pairs baselines]
         [--bugs ID ...] [--columns NAME ...] [--seeds 5] [--workers 2] [--runs FILE]
Every bug of the catalogue is planted in every program of ``clinic.programs`` that can have it, with
three optimizers and five seeds. A run counts as
exact:    the first error or warning is the planted bug, and the doctor is sure of it;
family:   it is of the same family, and the doctor says that it cannot tell, or errs inside it;
other:    it is of another family, or the doctor stopped with an exception;
healthy:  there is neither an error nor a warning.

forms:      the same bugs as other hands write them, around other models, one optimizer.
later:      more such forms, written when the doctor had learned from those.
clean:      the correct programs, those of the columns included; alarms with their 95 % interval.
pairs:      two of the ten commonest bugs at once: is the first-named one of them, are both found?
baselines:  three habits that need no doctor, on the same bugs, columns and seeds, the optimizers
            taking turns, and on the correct programs. Each names the bug that fits its symptom.

``--runs`` writes each run as a line of JSON; runs that the file has already are not repeated.
"""

import argparse
import itertools
import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from practicum_utils.bugs import CATALOGUE, PLANTED
from practicum_utils.clinic.programs import (
    CLEAN,
    COLUMNS,
    FORMS,
    LATER_FORMS,
    OPTIMIZERS,
    Program,
    applies,
    build,
)
from practicum_utils.doctor import examine
from practicum_utils.metrics import accuracy_interval
from practicum_utils.training import set_seed

PARTS = ("matrix", "forms", "later", "clean", "pairs", "baselines")
BOOKS = {"forms": FORMS, "later": LATER_FORMS}
OUTCOMES = ("exact", "family", "other", "healthy")
COMMONEST = (
    "labels-one-two", "pad-is-a-word", "linear-input-size", "batch-first-lstm", "no-pad-mask",
    "double-sigmoid", "eval-mode-missing", "missing-zero-grad", "tiny-learning-rate",
    "average-of-averages",
)  # fmt: skip
Task = tuple[str, tuple[str, ...], str, str, int]  # part, bugs, column or control, optimizer, seed


# The tasks


def tasks_of(part: str, bugs: list[str], columns: list[str], seeds: int) -> Iterator[Task]:
    """All runs of a part."""
    if part in ("clean", "baselines"):
        yield from ((part, (), name, "", seed) for name in CLEAN for seed in range(seeds))
    if part in BOOKS:
        for name, (bug, _) in BOOKS[part].items():
            yield from ((part, (bug,), name, "", seed) for seed in range(seeds) if bug in bugs)
    if part == "pairs":
        common = [bug for bug in COMMONEST if bug in bugs]
        for pair, column, seed in itertools.product(
            itertools.combinations(common, 2), columns, range(seeds)
        ):
            if all(applies(bug, column) for bug in pair):
                yield part, pair, column, OPTIMIZERS[seed % len(OPTIMIZERS)], seed
    if part in ("matrix", "baselines"):
        for bug, column, seed in itertools.product(bugs, columns, range(seeds)):
            turn = [OPTIMIZERS[seed % len(OPTIMIZERS)]]
            for optimizer in OPTIMIZERS if part == "matrix" else turn:
                if applies(bug, column):
                    yield part, (bug,), column, optimizer, seed


def make(bugs: tuple[str, ...], column: str, optimizer: str, seed: int) -> Program:
    for book in BOOKS.values():
        if column in book:
            return book[column][1](seed)
    return build(column, optimizer, seed, bugs) if bugs else CLEAN[column](seed)


def run(task: Task) -> dict:
    """Do one run and return what came of it."""
    torch.set_num_threads(1)
    part, bugs, column, optimizer, seed = task
    started = time.perf_counter()
    if part == "baselines":
        found = {"alarms": {name: rule(make(*task[1:])) for name, rule in BASELINES.items()}}
    else:
        found = {"named": diagnosis(make(*task[1:]))}
    return {"task": [part, list(bugs), column, optimizer, seed], **found,
            "seconds": time.perf_counter() - started}  # fmt: skip


def diagnosis(program: Program) -> list[list]:
    """[bug id, family, level, exact] of each error and warning, as the doctor ranks them."""
    pieces = program.loader, program.loss_fn, program.optimizer, program.run_epoch, program.adapter
    try:
        report = examine(program.model, *pieces)
    except Exception as error:  # a doctor that stops has not made a diagnosis
        return [[repr(error)[:200], "", "error", False]]
    return [
        [finding.bug_id, finding.family, finding.level, finding.exact]
        for finding in report.findings
        if finding.level != "info"
    ]


# The baselines: each returns a symptom, "" if all looks well


def curve(program: Program) -> str:
    """Train four epochs and look at the losses."""
    try:
        losses = [metrics.loss for metrics in program.train(4)]
    except Exception:
        return "raises"
    if not all(map(math.isfinite, losses)) or losses[-1] > 10 * abs(losses[0]):
        return "diverges"
    if min(losses) < 0:
        return "negative"
    return "flat" if losses[-1] > 0.97 * losses[0] else ""


def overfit(program: Program) -> str:
    """Train on one batch a hundred times, without dropout; a loss near 0 is expected."""
    for module in program.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    set_seed(0)
    batch = next(iter(program.loader))
    pieces = program.loss_fn, program.optimizer
    try:
        program.run_epoch(program.model, [batch] * 100, *pieces)
        loss = program.run_epoch(program.model, [batch], program.loss_fn).loss
    except Exception:
        return "raises"
    return "" if abs(loss) < 0.1 else "not fitted"


def first_loss(program: Program) -> str:
    """Compare the loss before training with ln 2."""
    try:
        loss = program.run_epoch(program.model, list(program.loader), program.loss_fn).loss
    except Exception:
        return "raises"
    if loss > 2:
        return "large"
    return "" if abs(loss - math.log(2)) < 0.1 else "off"


BASELINES: dict[str, Callable[[Program], str]] = {
    "loss curve": curve,
    "overfit one batch": overfit,
    "first loss": first_loss,
}
# The bug that a symptom suggests first; the baselines say no more than this.
BEST_GUESS = {
    "raises": "linear-input-size",
    "diverges": "huge-learning-rate",
    "negative": "labels-one-two",
    "flat": "tiny-learning-rate",
    "not fitted": "double-sigmoid",
    "large": "sum-reduction",
    "off": "",
}


# Running


def all_runs(tasks: list[Task], workers: int, path: Path | None) -> list[dict]:
    """Do the tasks that the file does not have; print how far they are."""
    runs = known_runs(path)
    wanted = {json.dumps(task) for task in tasks}
    missing = [task for task in tasks if json.dumps(task) not in runs]
    started = time.perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(run, missing, chunksize=8) if workers > 1 else map(run, missing)
        for count, result in enumerate(results, start=1):
            runs[json.dumps(result["task"])] = result
            if path is not None:
                with path.open("a") as file:
                    file.write(json.dumps(result) + "\n")
            if count % 250 == 0 or count == len(missing):
                seconds = time.perf_counter() - started
                print(f"{count:,} of {len(missing):,} runs, {seconds:.0f} s", flush=True)
    return [result for task, result in runs.items() if task in wanted]


def known_runs(path: Path | None) -> dict[str, dict]:
    if path is None or not path.exists():
        return {}
    results = map(json.loads, path.read_text().splitlines())
    return {json.dumps(result["task"]): result for result in results}


# The tables


def outcome(bug: str, named: list[list]) -> str:
    """Score the first-named diagnosis."""
    if not named:
        return "healthy"
    bug_id, family, _, exact = named[0]
    if bug_id == bug and exact:
        return "exact"
    return "family" if family == CATALOGUE[bug].family else "other"


def share(hits: int, count: int) -> str:
    """A percentage with its 95 % interval."""
    if not count:
        return "no runs"
    low, high = accuracy_interval(hits, count)
    return f"{hits:,} of {count:,}, {hits / count:.2%} ({low:.1%} to {high:.1%})"


def print_matrix(runs: list[dict]) -> None:
    """Rows bugs, columns programs; a cell counts exact / family / other / healthy."""
    cells, mistakes = defaultdict(Counter), defaultdict(Counter)
    for result in runs:
        _, (bug,), column, *_ = result["task"]
        scored = outcome(bug, result["named"])
        cells[bug, column][scored] += 1
        if scored in ("other", "family"):
            mistakes[bug][result["named"][0][0]] += 1
    columns = [name for name in COLUMNS if any(column == name for _, column in cells)]
    print("\nexact/family/other/healthy".ljust(27), *(f"{name:>14}" for name in columns))
    for bug in dict.fromkeys(bug for bug, _ in cells):
        texts = [counts_text(cells[bug, column]) for column in columns]
        note = "" if CATALOGUE[bug].detectable else "  (cannot be detected)"
        print(f"{bug:<26}", *(f"{text:>14}" for text in texts), note)
    print_totals(cells)
    print("\nnamed instead, where it was not exact:")
    for bug, names in mistakes.items():
        print(f"  {bug:<26}", ", ".join(f"{name} {count}" for name, count in names.most_common(5)))


def counts_text(counts: Counter) -> str:
    return "/".join(str(counts[name]) for name in OUTCOMES) if counts else "-"


def print_totals(cells: dict[tuple[str, str], Counter]) -> None:
    """Over runs, and over bugs of equal weight."""
    by_bug = defaultdict(Counter)
    for (bug, _), counts in cells.items():
        if CATALOGUE[bug].detectable:
            by_bug[bug] += counts
    total = sum(by_bug.values(), Counter())
    count = total.total()
    print(f"\ndetectable bugs: {len(by_bug)}, runs: {count:,}")
    for name in OUTCOMES:
        print(f"  {name:<16}", share(total[name], count))
    print("  exact or family ", share(total["exact"] + total["family"], count))
    means = [
        sum(counts[name] / counts.total() for counts in by_bug.values()) / max(1, len(by_bug))
        for name in OUTCOMES
    ]
    print("  mean over bugs   " + ", ".join(map("{} {:.1%}".format, OUTCOMES, means)))
    taught = sum((by_bug[bug] for bug in PLANTED if bug in by_bug), Counter())
    print("  of the lessons'  ", share(taught["exact"], taught.total()), "exact")
    silent = sum((c for (b, _), c in cells.items() if not CATALOGUE[b].detectable), Counter())
    if silent:
        print("  undetectable ones:", share(silent["healthy"], silent.total()), "called healthy")


def print_forms(runs: list[dict]) -> None:
    """Each form with what was named first."""
    cells, said = defaultdict(Counter), defaultdict(Counter)
    for result in runs:
        _, (bug,), name, *_ = result["task"]
        cells[bug, name][outcome(bug, result["named"])] += 1
        said[bug, name][result["named"][0][0] if result["named"] else "healthy"] += 1
    print("\nother forms of the bugs: exact/family/other/healthy, and what was named")
    for (bug, name), counts in cells.items():
        names = ", ".join(f"{named} {count}" for named, count in said[bug, name].most_common())
        print(f"  {bug:<25} {name:<27} {counts_text(counts):>8}  {names}")
    print_totals(cells)


def print_clean(runs: list[dict]) -> None:
    """Alarms on correct programs."""
    kinds = {result["task"][2] for result in runs}
    print(f"\ncorrect programs: {len(kinds)} kinds, {len(runs):,} runs")
    for level in ("error", "warning"):
        alarmed = [run for run in runs if any(named[2] == level for named in run["named"])]
        print(f"  with {level + 's':<9}", share(len(alarmed), len(runs)))
        names = Counter(
            (run["task"][2], named[0]) for run in alarmed for named in run["named"]
            if named[2] == level
        )  # fmt: skip
        for (kind, bug), count in names.most_common():
            print(f"    {kind}: {bug} {count}")


def print_pairs(runs: list[dict]) -> None:
    """Two bugs at once."""
    first, recall, missed = 0, 0, Counter()
    for result in runs:
        pair, named = result["task"][1], result["named"]
        found = [bug for bug in pair if any(outcome(bug, [name]) == "exact" for name in named)]
        recall += len(found)
        if named and any(outcome(bug, named) in ("exact", "family") for bug in pair):
            first += 1
        else:
            missed[" + ".join(pair) + " -> " + (named[0][0] if named else "healthy")] += 1
    print(f"\ntwo bugs at once: {len(runs):,} runs")
    print("  first-named is one of the two, or of its family:", share(first, len(runs)))
    print("  of the planted bugs, found exactly:", share(recall, 2 * len(runs)))
    for pair, count in missed.most_common(10):
        print(f"    {pair} {count}")


def print_baselines(runs: list[dict], doctor: list[dict]) -> None:
    """Alarms and right names of the three habits, and of the doctor where it saw the same cells."""
    buggy = [run for run in runs if run["task"][1] and CATALOGUE[run["task"][1][0]].detectable]
    clean = [run for run in runs if not run["task"][1]]
    print(
        f"\nbaselines: {len(buggy):,} runs with a detectable bug, {len(clean):,} correct programs"
    )
    print(f"  {'':<20} {'alarm':>8} {'family':>8} {'exact':>8}   alarm on correct programs")
    for name in BASELINES:
        guesses = [(run["task"][1][0], run["alarms"][name]) for run in buggy]
        print_row(
            name, scores(guesses), sum(bool(run["alarms"][name]) for run in clean), len(clean)
        )
    guesses = [(run["task"][1][0], next(filter(None, run["alarms"].values()), "")) for run in buggy]
    alarms = sum(any(run["alarms"].values()) for run in clean)
    print_row("any of the three", scores(guesses), alarms, len(clean))
    same = {json.dumps(run["task"][1:]) for run in runs}
    seen = [run for run in doctor if json.dumps(run["task"][1:]) in same]
    outcomes = [outcome(run["task"][1][0], run["named"]) for run in seen
                if run["task"][1] and CATALOGUE[run["task"][1][0]].detectable]  # fmt: skip
    alarmed = [bool(run["named"]) for run in seen if not run["task"][1]]
    if outcomes and alarmed:
        print_row("doctor", Counter(outcomes), sum(alarmed), len(alarmed))
    else:
        print("  doctor: run matrix and clean too")


def scores(guesses: Iterable[tuple[str, str]]) -> Counter:
    """Outcomes of (bug, symptom) pairs, each symptom standing for its best guess."""
    found = Counter()
    for bug, symptom in guesses:
        guess = BEST_GUESS.get(symptom, "")
        family = CATALOGUE[guess].family if guess else ""
        found[outcome(bug, [[guess, family, "error", True]] if symptom else [])] += 1
    return found


def print_row(name: str, outcomes: Counter, alarms: int, clean: int) -> None:
    count = max(1, outcomes.total())
    shares = (
        count - outcomes["healthy"],
        outcomes["exact"] + outcomes["family"],
        outcomes["exact"],
    )
    print(f"  {name:<20}", *(f"{hits / count:>8.1%}" for hits in shares), " ", share(alarms, clean))


def main() -> None:
    """Run the parts that are asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--bugs", nargs="+", choices=list(CATALOGUE), default=list(CATALOGUE))
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    chosen = options.bugs, options.columns, options.seeds
    tasks = [task for part in options.only for task in tasks_of(part, *chosen)]
    by_part = defaultdict(list)
    for result in all_runs(tasks, options.workers, options.runs):
        by_part[result["task"][0]].append(result)
    tables = {"matrix": print_matrix, "forms": print_forms, "later": print_forms}
    for part, show in (tables | {"clean": print_clean, "pairs": print_pairs}).items():
        if by_part[part]:
            show(by_part[part])
    if by_part["baselines"]:
        print_baselines(by_part["baselines"], by_part["matrix"] + by_part["clean"])
    seconds = [result["seconds"] for results in by_part.values() for result in results]
    print(
        f"\n{len(seconds):,} runs, {sum(seconds):.0f} s of work, the longest {max(seconds):.1f} s"
    )


if __name__ == "__main__":
    main()
