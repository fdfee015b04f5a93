"""What a training has shown: the metrics of its epochs, drawn, saved and read again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from practicum_utils.support.files import write_text_whole

PARTS = "train", "validation"
COLUMNS = tuple(f"{part}_{name}" for part in PARTS for name in ("loss", "accuracy", "seconds"))
CPU_COLUMNS = tuple(f"{part}_cpu_seconds" for part in PARTS)


class Metrics(NamedTuple):
    """Means over the examples of one epoch: the loss, and the share of right answers (0 to 1).

    The accuracy of a regression is None.
    """

    loss: float
    accuracy: float | None

    def in_words(self, gap: str = " ") -> str:
        """Return ``loss 0.6931 accuracy 0.500``, or the loss alone if there is no accuracy."""
        accuracy = "" if self.accuracy is None else f"{gap}accuracy {self.accuracy:.3f}"
        return f"loss {self.loss:.4f}{accuracy}"


class Epoch(NamedTuple):
    """A pass through the training data and one through the validation data, and their seconds.

    seconds: of the clock on the wall. Other programs and the machine's sleep make them more.
    cpu_seconds: that the processor worked for this program, those of all its threads added up:
        two may work 20 s in 10. A thread that stands by for another counts too, and what a GPU
        computes does not. None if nobody counted.
    """

    train: Metrics
    train_seconds: float
    validation: Metrics
    validation_seconds: float
    train_cpu_seconds: float | None = None
    validation_cpu_seconds: float | None = None

    def __str__(self) -> str:
        return (
            f"train {self.train.in_words()} "
            f"({_in_seconds(self.train_seconds, self.train_cpu_seconds)})"
            f"  validation {self.validation.in_words()} "
            f"({_in_seconds(self.validation_seconds, self.validation_cpu_seconds)})"
        )


def _in_seconds(wall: float, cpu: float | None) -> str:
    """``60 s``; where this program waited for much of them ``60 s, 20 of them on the CPU``."""
    waited = cpu is not None and wall - cpu >= max(5, wall / 4)
    return f"{wall:.0f} s, {cpu:.0f} of them on the CPU" if waited else f"{wall:.0f} s"


def _of_each_epoch(name: str) -> property:
    value = attrgetter(name)
    return property(lambda history: [value(epoch) for epoch in history])


class Look(NamedTuple):
    """A look at the validation data after so many steps of training, counted from the first."""

    step: int
    validation: Metrics


@dataclass
class History:
    """What ``fit`` saw, epoch by epoch; ``history.validation_accuracy`` is a value of each, a list.

    Losses and accuracies (0 to 1, None for a regression) are means over examples; ``Epoch`` says
    what the seconds are.

    step_losses: the mean loss of each step's batch, all epochs in a row.
    looks: at the validation data, several an epoch, each with the number of steps before it.
    test: the metrics on the test data, where you have put them: what ``run_epoch`` returned when
        everything had been chosen.
    """

    epochs: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    test: Metrics | None = None

    train_loss = _of_each_epoch("train.loss")
    train_accuracy = _of_each_epoch("train.accuracy")
    train_seconds = _of_each_epoch("train_seconds")
    train_cpu_seconds = _of_each_epoch("train_cpu_seconds")
    validation_loss = _of_each_epoch("validation.loss")
    validation_accuracy = _of_each_epoch("validation.accuracy")
    validation_seconds = _of_each_epoch("validation_seconds")
    validation_cpu_seconds = _of_each_epoch("validation_cpu_seconds")

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    @property
    def result(self) -> Metrics:
        """What the run is worth: the test's metrics, or the last validation's without a test.

        Raises ValueError if no epoch was finished.
        """
        if self.test is None and not self.epochs:
            raise ValueError("The history is empty: no epoch was finished.")
        return self.test or self.epochs[-1].validation

    def add(
        self,
        train: Metrics,
        train_seconds: float,
        validation: Metrics,
        validation_seconds: float,
        train_cpu_seconds: float | None = None,
        validation_cpu_seconds: float | None = None,
    ) -> None:
        """Append one epoch; seconds as in ``Epoch``."""
        train, validation = Metrics(*train), Metrics(*validation)
        cpu_seconds = train_cpu_seconds, validation_cpu_seconds
        self.epochs.append(
            Epoch(train, train_seconds, validation, validation_seconds, *cpu_seconds)
        )

    def __str__(self) -> str:
        lines = [f"epoch {number}:  {epoch}" for number, epoch in enumerate(self, start=1)]
        if self.test is not None:
            lines.append(f"test:  {self.test.in_words()}")
        return "\n".join(lines)

    def plot(self, title: str = "") -> None:
        """Draw loss and accuracy step by step and print the last numbers under the picture."""
        from practicum_utils.visualize import plot_history

        plot_history(self, title)

    def save(self, path: str | Path) -> None:
        """Write this history as JSON, whole or not at all."""
        kept = {name: getattr(self, name) for name in (*COLUMNS, *CPU_COLUMNS)}
        kept["step_losses"] = self.step_losses
        kept["looks"] = [(look.step, *look.validation) for look in self.looks]
        kept["test"] = self.test
        write_text_whole(Path(path), json.dumps(kept))

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read a history that ``save`` wrote; ValueError if the file holds anything else.

        In a file of an earlier version the test reviews were looked at after every epoch: they
        stand where the validation reviews do now, and the last look is the test.
        """
        try:
            kept = _as_of_today(json.loads(Path(path).read_text()))
            looks = [Look(step, Metrics(*metrics)) for step, *metrics in kept["looks"]]
            history = cls([], kept["step_losses"], looks)
            for row in zip(*(kept[name] for name in (*COLUMNS, *CPU_COLUMNS)), strict=True):
                history.add(row[:2], row[2], row[3:5], *row[5:])
            history.test = None if kept["test"] is None else Metrics(*kept["test"])
            return history
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path} does not hold a history; delete it and train again."
            ) from error


def _as_of_today(kept: dict) -> dict:
    """What a file holds, an earlier version's under the names of this one.

    Raises ValueError for other columns than those of a history.
    """
    now = {*COLUMNS, *CPU_COLUMNS, "step_losses", "looks", "test"}
    if isinstance(kept, dict) and "test_loss" in kept:
        last = kept["test_loss"][-1], kept["test_accuracy"][-1]
        columns = {name.replace("test_", "validation_"): column for name, column in kept.items()}
        unknown = dict.fromkeys(CPU_COLUMNS, [None] * len(columns["train_loss"]))
        kept = {**unknown, **columns, "step_losses": [], "looks": [], "test": last}
    if set(kept) != now:
        raise ValueError(f"the columns are {sorted(kept)}")
    return kept
