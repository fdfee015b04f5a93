"""What the course's models reach and how long they train: one benchmark run, shipped as a file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import read_asset, write_text_whole

FILE = "records.json"


class Point(NamedTuple):
    """Where a training stood after a share of its steps (0 to 1).

    train_loss: the mean of the steps since the point before.  loss, accuracy: on validation data.
    """

    share: float
    train_loss: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Run:
    """One training of a model; the lists have a number for each epoch, and one without epochs.

    accuracy: 0 to 1, on the test reviews, at the end.  train_seconds: by the clock on the wall.
    train_cpu_seconds: that the processor worked, those of all threads added up.
    tokens_per_second: real ones in a CPU second, padding not counted; None where they mean nothing.
    curve: what was seen on the way, on validation reviews; empty without steps.
    """

    seed: int
    accuracy: float
    train_seconds: list[float]
    train_cpu_seconds: list[float]
    tokens_per_second: int | None
    curve: list[Point] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds of training in all, by the clock on the wall."""
        return sum(self.train_seconds)

    @property
    def cpu_seconds(self) -> float:
        """Seconds that the processor worked in training, of all threads together."""
        return sum(self.train_cpu_seconds)


@dataclass(frozen=True)
class Record:
    """A model: its name in files, its title in pictures, its settings, and one run for each seed.

    settings: what it was trained with, by name; empty where there is nothing to set.
    """

    name: str
    title: str
    settings: dict[str, float]
    runs: list[Run]

    @property
    def median(self) -> Run:
        """The run of median accuracy; of an even number the upper of the two in the middle."""
        return sorted(self.runs, key=lambda run: run.accuracy)[len(self.runs) // 2]

    @property
    def in_words(self) -> str:
        """``0.890 (0.888 to 0.891)``: the median accuracy and the range of the seeds."""
        found = [run.accuracy for run in self.runs]
        return f"{self.median.accuracy:.3f} ({min(found):.3f} to {max(found):.3f})"


@dataclass(frozen=True)
class Records:
    """All models of one benchmark run, and where and when it ran.

    date: YYYY-MM-DD.  torch: its version.  threads: that it computed with.  cores: of the machine.
    train, validation, test: numbers of reviews.
    """

    date: str
    torch: str
    threads: int
    cores: int
    train: int
    validation: int
    test: int
    models: list[Record]

    def of(self, names: Iterable[str]) -> list[Record]:
        """Return the records of these names; KeyError, naming those there are, for another."""
        known = {record.name: record for record in self.models}
        names = list(names)
        for name in names:
            if name not in known:
                raise in_one_line(
                    KeyError(f"There is no record of {name!r}; there are: {', '.join(known)}.")
                )
        return [known[name] for name in names]

    def save(self, folder: Path) -> None:
        """Write ``records.json`` in this folder, whole or not at all."""
        write_text_whole(folder / FILE, json.dumps(asdict(self)) + "\n")


def load_records() -> Records:
    """Return the shipped run of ``benchmarks/records.py``, which trained every model in turn."""
    found = json.loads(read_asset(FILE))
    models = [
        Record(**{**record, "runs": [_run(**run) for run in record["runs"]]})
        for record in found["models"]
    ]
    return Records(**{**found, "models": models})


def _run(curve: list[list[float]], **values) -> Run:
    return Run(**values, curve=[Point(*point) for point in curve])
