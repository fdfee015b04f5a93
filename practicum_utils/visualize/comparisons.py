"""The course's models beside each other, by the one benchmark run that is shipped."""

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np

from practicum_utils.metrics import Record, Records, load_records
from practicum_utils.visualize.curves import GREY, RUNS, TRAIN, show_rows
from practicum_utils.visualize.diagrams.canvas import show_figure

YARDSTICK = "nb_svm"
POOLINGS = {
    "pooling_last": "last",
    "pooling_max": "max",
    "pooling_mean": "mean",
    "attention_rnn": "attention",
    "without_pairs": "attention, no pairs",
}


def compare_models(*names: str, yours: Mapping[str, object] | None = None) -> None:
    """Draw the test accuracy of the course's models against their training's time; print a table.

    The time is that of one core with nothing else to do: the CPU seconds of one thread.

    names: of models in the shipped run of ``benchmarks/records.py``, such as "simple_rnn"; each of
        its seeds is a small point, the run of median accuracy a large one. The star and the dashed
        line are NB-SVM, a linear model on words and short runs of words.
    yours: name -> History, your own runs of these models: a hollow mark at your accuracy, and at
        the seconds of the shipped run, for yours were those of another machine, or a busy one.
    Raises KeyError, naming the models there are, for another name.
    """
    records, yours = load_records(), yours or {}
    models = records.of(dict.fromkeys([*names, *yours]))
    own = {name: run for name, run in yours.items() if _can_be_compared(name, run)}
    figure, axis = plt.subplots(figsize=(8, 3.6), facecolor="white")
    for model, look in zip(models, cycle(RUNS), strict=False):
        if model.name != YARDSTICK:
            _draw_model(axis, model, own.get(model.name), look)
    (yardstick,) = records.of([YARDSTICK])
    best = yardstick.median
    axis.axhline(best.accuracy, linestyle="--", linewidth=1, color=GREY, zorder=1)
    axis.plot(best.cpu_seconds, best.accuracy, "*", ms=11, color=GREY, label=yardstick.title)
    axis.set(xlabel="seconds of training on one core", ylabel="test accuracy")
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.tight_layout()
    titles = ", ".join(model.title for model in models)
    show_figure(figure, f"Test accuracy against seconds of training of {titles}; numbers below.")
    rows = [model for model in models if model.name != YARDSTICK]
    _print_table([*rows, yardstick], own, records)


def _draw_model(axis, model: Record, history, look: Mapping[str, str]) -> None:
    for run in model.runs:
        axis.plot(run.cpu_seconds, run.accuracy, ms=4, alpha=0.6, linestyle="", **look)
    seconds = model.median.cpu_seconds
    axis.plot(seconds, model.median.accuracy, ms=9, linestyle="", label=model.title, **look)
    if history is not None:
        hollow = {"markerfacecolor": "none", "markeredgewidth": 1.5, "linestyle": "", **look}
        label = f"your {model.title}"
        axis.plot(seconds, history.result.accuracy, ms=12, label=label, **hollow)


def _print_table(models: list[Record], own: Mapping[str, object], records: Records) -> None:
    width = max(len(model.title) for model in models)
    head = f"{'':<{width}}  test accuracy (of the seeds)  n  seconds"
    print(f"{head}  yours" if own else head)
    for model in models:
        median = model.median
        line = f"{model.title:<{width}}  {model.in_words:<28}  {len(model.runs)}"
        line += f"  {median.cpu_seconds:>7.0f}"
        if model.name in own:
            line += f"  {own[model.name].result.accuracy:.3f}"
        print(line)
    print(f"seconds: of one core, {_source(records)}")


def _source(records: Records) -> str:
    return (
        f"one run of benchmarks/records.py ({records.train:,} training reviews, {records.date}, "
        f"torch {records.torch})"
    )


def _can_be_compared(name: str, history) -> bool:
    """Whether a run has an accuracy to draw; prints why if it has none."""
    if not len(history):
        print(f"{name}: no epoch was finished, so there is nothing to compare")
    elif history.result.accuracy is None:
        print(f"{name}: a regression has no accuracy, so there is nothing to compare")
    else:
        return True
    return False


def compare_curves(*names: str, yours: Mapping[str, object] | None = None) -> None:
    """Draw how the course's models learned, step by step: training loss and validation accuracy.

    names: of models in the shipped run of ``benchmarks/records.py``. The line is the mean of its
        seeds, the band reaches from the lowest to the highest of them.
    yours: name -> History, your own runs of these models: squares, where you looked.
    Prints the validation accuracy of each in the end. Raises KeyError, naming the models there
    are, for another name.
    """
    yours = yours or {}
    models = load_records().of(dict.fromkeys([*names, *yours]))
    own = {name: run for name, run in yours.items() if _can_be_compared(name, run)}
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.4), facecolor="white")
    for model, look in zip(models, cycle(RUNS), strict=False):
        for axis, what in zip(axes, ("train_loss", "accuracy"), strict=True):
            _draw_band(axis, model, what, look["color"])
        if model.name in own and own[model.name].looks:
            _draw_looks(axes[1], own[model.name], look["color"])
        _print_last(model, own.get(model.name))
    for axis, label in zip(axes, ("training loss", "validation accuracy"), strict=True):
        axis.set(xlabel="epoch", ylabel=label)
        axis.grid(alpha=0.3)
    axes[1].legend(loc="lower right", fontsize=8)
    figure.tight_layout()
    titles = ", ".join(model.title for model in models)
    show_figure(figure, f"Training loss and validation accuracy over the epochs of {titles}.")


def _draw_band(axis, model: Record, what: str, color: str) -> None:
    epochs = model.settings.get("epochs", 1)
    curves = np.array([[getattr(point, what) for point in run.curve] for run in model.runs])
    at = [epochs * point.share for point in model.runs[0].curve]
    axis.fill_between(at, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.2, lw=0)
    axis.plot(at, curves.mean(axis=0), color=color, label=model.title)


def _draw_looks(axis, history, color: str) -> None:
    steps = len(history.step_losses) / len(history)
    looks = [(look.step / steps, look.validation.accuracy) for look in history.looks]
    hollow = {"markerfacecolor": "none", "linestyle": "", "color": color}
    axis.plot(*zip(*looks, strict=True), "s", label="yours", **hollow)


def _print_last(model: Record, history) -> None:
    ends = [run.curve[-1].accuracy for run in model.runs]
    line = f"{model.title:<20} validation accuracy {sum(ends) / len(ends):.3f} "
    line += f"({min(ends):.3f} to {max(ends):.3f}), n = {len(ends)} seeds"
    if history is not None:
        line += f"; yours {history.validation_accuracy[-1]:.3f}"
    print(line)


def show_ablation() -> None:
    """Draw what the pooling is worth: the RNN with attention, and three simpler ways to pool.

    Each was trained by the same recipe with the same seeds; only the pooling changes: the readers'
    last states, the largest value of each number, the mean of the states, attention. The last row
    is attention without the pairs of words. A small point for each seed, a large one for the
    median; the numbers are printed.
    """
    records = load_records()
    models = records.of(POOLINGS)
    figure, axis = plt.subplots(figsize=(6.5, 0.8 + 0.45 * len(models)), facecolor="white")
    for row, model in enumerate(models):
        found = [run.accuracy for run in model.runs]
        axis.plot(found, [row] * len(found), "o-", ms=5, linewidth=1, alpha=0.6, color=TRAIN)
        axis.plot(model.median.accuracy, row, "o", ms=10, color=TRAIN)
    lines = {
        pooling: f"{pooling:<19} test accuracy {model.in_words}, n = {len(model.runs)} seeds"
        for pooling, model in zip(POOLINGS.values(), models, strict=True)
    }
    show_rows(figure, axis, lines, "test accuracy of each seed, large: the median")
    print(f"only what is named changes: {_source(records)}")
