"""Pictures of training: matplotlib figures with the numbers they show printed below them."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from practicum_utils.metrics import accuracy_interval
from practicum_utils.visualize.diagrams.canvas import show_figure

TRAIN, TEST = "#0072B2", "#D55E00"  # blue and orange of the Okabe-Ito palette, safe for all eyes
GREY = "#444444"
RUNS = [
    {"color": color, "marker": marker}
    for color, marker in zip(
        (TRAIN, TEST, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), "osD^vP", strict=True
    )
]


def plot_history(history, title: str = "") -> None:
    """Draw loss and accuracy step by step, training and validation; print the last numbers.

    The pale line is the loss of each step's batch, the dark one its mean over the steps around it;
    squares are looks at the validation data. A regression has no accuracy, so its loss is drawn
    alone. A history without steps, one that you filled yourself, is drawn epoch by epoch.
    """
    if not len(history):
        print("The history is empty: no epoch was finished, so there is nothing to draw.")
        return
    names = ["loss"] if None in history.validation_accuracy else ["loss", "accuracy"]
    figure, axes = plt.subplots(
        1, len(names), figsize=(4.8 * len(names), 3.2), facecolor="white", squeeze=False
    )
    for axis, name in zip(axes[0], names, strict=True):
        (_steps if history.looks else _epochs)(axis, history, name)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(title)
    figure.tight_layout()
    numbers = _last_numbers(history)
    show_figure(figure, f"{title or 'A training run'}, curves of {' and '.join(names)}: {numbers}")
    print(numbers)


def _steps(axis, history, name: str) -> None:
    if name == "loss":
        axis.plot(history.step_losses, color=TRAIN, linewidth=0.5, alpha=0.3)
        axis.plot(smoothed(history.step_losses), color=TRAIN, label="training")
    else:
        ends = [look.step for look in history.looks][-1] / len(history)
        steps = [ends * (epoch + 0.5) for epoch in range(len(history))]
        axis.plot(
            steps, history.train_accuracy, "o", color=TRAIN, label="training, mean of an epoch"
        )
    looks = [(look.step, getattr(look.validation, name)) for look in history.looks]
    axis.plot(*zip(*looks, strict=True), "s--", ms=4, color=TEST, label="validation")
    axis.set_xlabel(f"step ({len(history.step_losses) // len(history):,} in an epoch)")


def _epochs(axis, history, name: str) -> None:
    """Points; a line would say something about the time between them, which nobody looked at."""
    epochs = range(1, len(history) + 1)
    train, validation = (getattr(history, f"{part}_{name}") for part in ("train", "validation"))
    axis.plot(epochs, train, "o", color=TRAIN, label="training")
    axis.plot(epochs, validation, "s", color=TEST, label="validation")
    axis.set(xlabel="epoch", xticks=epochs)
    axis.margins(x=0.3, y=0.2)


def smoothed(values: Sequence[float]) -> list[float]:
    """The mean of each value and those around it, a twentieth of all; shorter at both ends."""
    values, half = np.asarray(values, dtype=float), max(1, len(values) // 40)
    sums = np.concatenate([[0.0], values.cumsum()])
    low = np.clip(np.arange(len(values)) - half, 0, None)
    high = np.clip(np.arange(len(values)) + half + 1, None, len(values))
    return ((sums[high] - sums[low]) / (high - low)).tolist()


def _last_numbers(history) -> str:
    epochs = f"after {len(history)} epoch{'s' * (len(history) > 1)}"
    line = f"{epochs}: train loss {history.train_loss[-1]:.4f}, "
    line += f"validation loss {history.validation_loss[-1]:.4f}"
    if None not in history.validation_accuracy:
        line += f", validation accuracy {history.validation_accuracy[-1]:.3f}"
    return line


def show_losses(losses: Sequence[float]) -> None:
    """Draw the training loss of each epoch as a bar with its number; the solid line is 0.

    Where the losses are those of two labels, a dashed line shows log 2, the loss of pure guessing.
    It prints nothing, so that a cell can end with a line that is the same on every computer.
    """
    names = [f"epoch {number}" for number in range(1, len(losses) + 1)]
    figure, axis = plt.subplots(figsize=(5, 2.4), facecolor="white")
    bars = axis.bar(names, losses, width=0.5, color=TRAIN)
    words = [f"{loss:,.3f}" if abs(loss) < 10 else f"{loss:,.0f}" for loss in losses]
    axis.bar_label(bars, words, padding=3)
    if 0 <= min(losses) and max(losses) < 2:
        axis.axhline(math.log(2), color=GREY, linestyle="--", linewidth=1, zorder=0)
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set_ylabel("training loss")
    axis.margins(y=0.2)
    figure.tight_layout()
    plt.show()


def plot_accuracies(
    shares: Mapping[str, tuple[float, int]], marks: Mapping[str, float] | None = None
) -> None:
    """Draw accuracies with their 95 % intervals, one row each; print them.

    shares: name -> (accuracy from 0 to 1, number of reviews it was measured on).
    marks: name -> an accuracy to measure up to, a dashed line.
    """
    figure, axis = plt.subplots(figsize=(6.5, 0.8 + 0.45 * len(shares)), facecolor="white")
    lines = {}
    for row, (name, (accuracy, count)) in enumerate(shares.items()):
        low, high = accuracy_interval(round(accuracy * count), count)
        axis.plot([low, high], [row, row], "-", color=TRAIN, linewidth=3, alpha=0.5)
        axis.plot([accuracy], [row], "o", color=TRAIN)
        lines[name] = f"{name:<28} {accuracy:.3f} ({low:.3f} to {high:.3f}), n = {count:,}"
    above = {"ha": "center", "xytext": (0, 3), "textcoords": "offset points", "fontsize": 8}
    for name, accuracy in (marks or {}).items():
        axis.axvline(accuracy, linestyle="--", linewidth=1, color=GREY, zorder=1)
        axis.annotate(name, (accuracy, 1), xycoords=("data", "axes fraction"), color=GREY, **above)
    show_rows(figure, axis, lines, "test accuracy, 95 % interval")
    for name, accuracy in (marks or {}).items():
        print(f"{name:<28} {accuracy:.3f}, the dashed line")


def show_rows(figure, axis, lines: Mapping[str, str], label: str) -> None:
    """Show a figure that has a row for each name, the first on top, and print what it shows.

    lines: name -> the line to print.  label: of the x axis.
    """
    names = list(lines)
    axis.set(yticks=range(len(names)), yticklabels=names)
    axis.set_xlabel(label)
    axis.invert_yaxis()
    axis.margins(y=0.2)
    axis.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    show_figure(figure, f"A row for each of {', '.join(names)}: {label}. The numbers are below.")
    print(*lines.values(), sep="\n")
