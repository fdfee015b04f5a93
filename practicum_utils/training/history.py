"""What a training has shown: the metrics of its epochs, drawn, saved and read again."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from practicum_utils.support.files import write_text_whole


class Metrics(NamedTuple):
    """Means over the examples of one epoch: the loss, and the share of right answers (0 to 1)."""

    loss: float
    accuracy: float


@dataclass
class History:
    """What ``fit`` saw: one entry per finished epoch, for training and for test data.

    Losses and accuracies (0 to 1) are means over examples, seconds are wall-clock time.
    """

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    train_seconds: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    test_seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)

    def add(self, train: Metrics, train_seconds: float, test: Metrics, test_seconds: float) -> None:
        """Append one epoch."""
        row = [*train, train_seconds, *test, test_seconds]
        for values, value in zip(vars(self).values(), row, strict=True):
            values.append(value)

    def __str__(self) -> str:
        rows = zip(*vars(self).values(), strict=True)
        return "\n".join(
            f"epoch {epoch}:  train loss {row[0]:.4f} accuracy {row[1]:.3f} ({row[2]:.0f} s)"
            f"  test loss {row[3]:.4f} accuracy {row[4]:.3f} ({row[5]:.0f} s)"
            for epoch, row in enumerate(rows, start=1)
        )

    def plot(self, title: str = "") -> None:
        """Draw loss and accuracy per epoch and print the last numbers under the picture."""
        from practicum_utils.visualize import plot_history

        plot_history(self, title)

    def save(self, path: str | Path) -> None:
        """Write this history as JSON, whole or not at all."""
        text = json.dumps(asdict(self), indent=1)
        write_text_whole(Path(path), text)

    @classmethod
    def load(cls, path: str | Path) -> "History":
        """Read a history that ``save`` wrote; ValueError if the file holds anything else."""
        try:
            history = cls(**json.loads(Path(path).read_text()))
            list(zip(*vars(history).values(), strict=True))  # equally many of each, or ValueError
            return history
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} does not hold a history; delete it and train again."
            ) from error
