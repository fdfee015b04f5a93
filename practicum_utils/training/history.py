"""What a training has shown: the metrics of its epochs, drawn, saved and read again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from practicum_utils.support.files import write_text_whole

COLUMNS = tuple(
    f"{part}_{name}" for part in ("train", "test") for name in ("loss", "accuracy", "seconds")
)
CPU_COLUMNS = ("train_cpu_seconds", "test_cpu_seconds")  # files of earlier versions lack them


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
    """One pass through the training data and one through the test data, and how long they took.

    seconds: of the clock on the wall. Other programs and the machine's sleep make them more.
    cpu_seconds: that the processor worked for this program, those of all its threads added up:
        two may work 20 s in 10. A thread that stands by for another counts too, and what a GPU
        computes does not. None if nobody counted.
    """

    train: Metrics
    train_seconds: float
    test: Metrics
    test_seconds: float
    train_cpu_seconds: float | None = None
    test_cpu_seconds: float | None = None

    def __str__(self) -> str:
        return (
            f"train {self.train.in_words()} "
            f"({_in_seconds(self.train_seconds, self.train_cpu_seconds)})"
            f"  test {self.test.in_words()} "
            f"({_in_seconds(self.test_seconds, self.test_cpu_seconds)})"
        )


def _in_seconds(wall: float, cpu: float | None) -> str:
    """``60 s``; where this program waited for much of them ``60 s, 20 of them on the CPU``."""
    waited = cpu is not None and wall - cpu >= max(5, wall / 4)
    return f"{wall:.0f} s, {cpu:.0f} of them on the CPU" if waited else f"{wall:.0f} s"


def _of_each_epoch(name: str) -> property:
    value = attrgetter(name)
    return property(lambda history: [value(epoch) for epoch in history])


@dataclass
class History:
    """What ``fit`` saw, epoch by epoch; ``history.test_accuracy`` is one value of each, a list.

    Losses and accuracies (0 to 1, None for a regression) are means over examples; ``Epoch`` says
    what the seconds are.
    """

    epochs: list[Epoch] = field(default_factory=list)

    train_loss = _of_each_epoch("train.loss")
    train_accuracy = _of_each_epoch("train.accuracy")
    train_seconds = _of_each_epoch("train_seconds")
    train_cpu_seconds = _of_each_epoch("train_cpu_seconds")
    test_loss = _of_each_epoch("test.loss")
    test_accuracy = _of_each_epoch("test.accuracy")
    test_seconds = _of_each_epoch("test_seconds")
    test_cpu_seconds = _of_each_epoch("test_cpu_seconds")

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def add(
        self,
        train: Metrics,
        train_seconds: float,
        test: Metrics,
        test_seconds: float,
        train_cpu_seconds: float | None = None,
        test_cpu_seconds: float | None = None,
    ) -> None:
        """Append one epoch; seconds as in ``Epoch``."""
        cpu_seconds = train_cpu_seconds, test_cpu_seconds
        self.epochs.append(
            Epoch(Metrics(*train), train_seconds, Metrics(*test), test_seconds, *cpu_seconds)
        )

    def __str__(self) -> str:
        return "\n".join(f"epoch {number}:  {epoch}" for number, epoch in enumerate(self, start=1))

    def plot(self, title: str = "") -> None:
        """Draw loss and accuracy per epoch and print the last numbers under the picture."""
        from practicum_utils.visualize import plot_history

        plot_history(self, title)

    def save(self, path: str | Path) -> None:
        """Write this history as JSON, one list per column, whole or not at all."""
        columns = {name: getattr(self, name) for name in (*COLUMNS, *CPU_COLUMNS)}
        write_text_whole(Path(path), json.dumps(columns, indent=1))

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read a history that ``save`` wrote; ValueError if the file holds anything else.

        A file of an earlier version has no CPU seconds; they are None.
        """
        try:
            columns, history = json.loads(Path(path).read_text()), cls()
            names = (*COLUMNS, *CPU_COLUMNS) if len(columns) > len(COLUMNS) else COLUMNS
            if set(columns) != set(names):
                raise ValueError(f"the columns are {sorted(columns)}")
            for row in zip(*(columns[name] for name in names), strict=True):
                history.add(row[:2], row[2], row[3:5], *row[5:])
            return history
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} does not hold a history; delete it and train again."
            ) from error
