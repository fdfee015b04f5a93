"""Pictures of training: matplotlib figures with the numbers they show printed below them."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt

from practicum_utils.metrics import accuracy_interval, load_yardstick

TRAIN, TEST = "#0072B2", "#D55E00"  # blue and orange of the Okabe-Ito palette, safe for all eyes
GREY = "#444444"
RUNS = [
    {"color": color, "marker": marker}
    for color, marker in zip(
        (TRAIN, TEST, "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), "osD^vP", strict=True
    )
]


def plot_history(history, title: str = "") -> None:
    """Draw loss and accuracy per epoch, training and test; print the last numbers.

    A regression has no accuracy, so its loss is drawn alone.
    """
    if not len(history):
        print("The history is empty: no epoch was finished, so there is nothing to draw.")
        return
    names = ["loss"] if None in history.test_accuracy else ["loss", "accuracy"]
    figure, axes = plt.subplots(
        1, len(names), figsize=(4.5 * len(names), 3.2), facecolor="white", squeeze=False
    )
    for axis, name in zip(axes[0], names, strict=True):
        _curves(axis, history, name)
    figure.suptitle(title)
    figure.tight_layout()
    plt.show()
    line = (
        f"after {len(history)} epochs: train loss {history.train_loss[-1]:.4f}, test loss "
        f"{history.test_loss[-1]:.4f}"
    )
    if "accuracy" in names:
        accuracies = history.test_accuracy
        line += f", test accuracy {accuracies[-1]:.3f} (best {max(accuracies):.3f})"
    print(line)


def _curves(axis, history, name: str) -> None:
    epochs = range(1, len(history) + 1)
    train, test = getattr(history, f"train_{name}"), getattr(history, f"test_{name}")
    axis.plot(epochs, train, "o-", color=TRAIN, label="training")
    axis.plot(epochs, test, "s--", color=TEST, label="test")
    axis.set(xlabel="epoch", ylabel=name, xticks=epochs)
    axis.grid(alpha=0.3)
    axis.legend()


def show_losses(losses: Sequence[float]) -> None:
    """Draw the training loss of each epoch as a bar with its number; the line is 0.

    It prints nothing, so that a cell can end with a line that is the same on every computer.
    """
    names = [f"epoch {number}" for number in range(1, len(losses) + 1)]
    figure, axis = plt.subplots(figsize=(4.5, 2.4), facecolor="white")
    bars = axis.bar(names, losses, width=0.5, color=TRAIN)
    axis.bar_label(bars, [f"{loss:,.3f}" if abs(loss) < 10 else f"{loss:,.0f}" for loss in losses])
    axis.axhline(0, color=GREY, linewidth=1)
    axis.set_ylabel("training loss")
    axis.margins(y=0.2)
    figure.tight_layout()
    plt.show()


def compare_histories(histories: Mapping[str, object]) -> None:
    """Draw the test accuracy of several runs after each epoch; print the last ones.

    Epochs and not seconds, which only compare runs of one machine that did nothing else;
    ``compare_models`` has seconds. The dashed line is the yardstick: what a linear model on words
    and short runs of words reaches on the lessons' full data. A run without a finished epoch or
    without accuracies is left out, and named.
    """
    histories = {name: run for name, run in histories.items() if can_be_compared(name, run)}
    figure, axis = plt.subplots(figsize=(8, 3.6), facecolor="white")
    for (name, history), look in zip(histories.items(), cycle(RUNS), strict=False):
        axis.plot(range(1, len(history) + 1), history.test_accuracy, label=name, **look)
    best = load_yardstick()
    line = {"linestyle": "--", "linewidth": 1, "color": GREY, "zorder": 1}
    axis.axhline(best.accuracy, label=best.name, **line)
    axis.set(xlabel="epoch", ylabel="test accuracy")
    axis.set_xticks(range(1, max(map(len, histories.values()), default=1) + 1))
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    plt.show()
    for name, history in histories.items():
        epochs = f"after {len(history)} epoch{'s' if len(history) > 1 else ''}"
        print(f"{name:<20} test accuracy {history.test_accuracy[-1]:.3f} {epochs}")
    print(f"{best.name:<20} test accuracy {best.accuracy:.3f}")


def can_be_compared(name: str, history) -> bool:
    """Whether a run has an accuracy to draw; prints why if it has none."""
    if not len(history):
        print(f"{name}: no epoch was finished, so there is nothing to compare")
    elif None in history.test_accuracy:
        print(f"{name}: a regression has no accuracy, so there is nothing to compare")
    else:
        return True
    return False


def plot_accuracies(
    shares: Mapping[str, tuple[float, int]], marks: Mapping[str, float] | None = None
) -> None:
    """Draw accuracies with their 95 % intervals, one row each; print them.

    shares: name -> (accuracy from 0 to 1, number of reviews it was measured on).
    marks: name -> an accuracy to measure up to, a dashed line.
    """
    figure, axis = plt.subplots(figsize=(6.5, 0.8 + 0.45 * len(shares)), facecolor="white")
    lines = []
    for row, (name, (accuracy, count)) in enumerate(shares.items()):
        low, high = accuracy_interval(round(accuracy * count), count)
        axis.plot([low, high], [row, row], "-", color=TRAIN, linewidth=3, alpha=0.5)
        axis.plot([accuracy], [row], "o", color=TRAIN)
        lines.append(f"{name:<28} {accuracy:.3f} ({low:.3f} to {high:.3f}), n = {count:,}")
    above = {"ha": "center", "xytext": (0, 3), "textcoords": "offset points", "fontsize": 8}
    for name, accuracy in (marks or {}).items():
        axis.axvline(accuracy, linestyle="--", linewidth=1, color=GREY, zorder=1)
        axis.annotate(name, (accuracy, 1), xycoords=("data", "axes fraction"), color=GREY, **above)
        lines.append(f"{name:<28} {accuracy:.3f}, the dashed line")
    show_rows(figure, axis, list(shares), "test accuracy, 95 % interval")
    print(*lines, sep="\n")


def show_rows(figure, axis, names: list[str], label: str) -> None:
    """Show a figure that has a row for each name, the first on top; label: of its x axis."""
    axis.set(yticks=range(len(names)), yticklabels=names)
    axis.set_xlabel(label)
    axis.invert_yaxis()
    axis.margins(y=0.2)
    axis.grid(axis="x", alpha=0.3)
    figure.tight_layout()
    plt.show()
