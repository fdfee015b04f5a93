"""Models beside each other: every second in a figure is the shipped run's, whoever trained."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from practicum_utils.metrics import Point, Record, Records, Run
from practicum_utils.training import History, Metrics
from practicum_utils.training.history import Look
from practicum_utils.visualize import compare_curves, compare_models, comparisons, show_ablation

FOUND = {  # name: (title, accuracy of each seed, seconds of each)
    "mean_embedding": ("mean of embeddings", [0.88, 0.90, 0.89], [2.0, 3.0, 4.0]),
    "simple_rnn": ("simple RNN", [0.87, 0.86, 0.85], [60.0, 61.0, 62.0]),
    "pooling_last": ("last states", [0.84, 0.85, 0.86], [50.0, 50.0, 50.0]),
    "pooling_max": ("maximum", [0.90, 0.91, 0.89], [50.0, 50.0, 50.0]),
    "pooling_mean": ("mean", [0.88, 0.88, 0.88], [50.0, 50.0, 50.0]),
    "attention_rnn": ("RNN with attention", [0.92, 0.90, 0.91], [70.0, 71.0, 72.0]),
    "without_pairs": ("no pairs", [0.87, 0.87, 0.87], [50.0, 50.0, 50.0]),
    "nb_svm": ("NB-SVM", [0.95, 0.95, 0.95], [30.0, 31.0, 32.0]),
}


def curve(accuracy):
    """Half way, and in the end on validation reviews a hundredth more than on the test's."""
    return [Point(0.5, 0.6, 0.6, 0.5), Point(1.0, 0.4, 0.5, accuracy + 0.01)]


def record(name, title, accuracies, seconds):
    runs = [
        Run(seed, accuracy, [half, half], [half / 2, half / 2], 100, curve(accuracy))
        for seed, (accuracy, half) in enumerate(zip(accuracies, seconds, strict=True))
    ]
    return Record(name, title, {"epochs": 2}, runs)


@pytest.fixture(autouse=True)
def _no_window(monkeypatch):
    """Draw on no screen, and leave no figure open."""
    matplotlib.use("Agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


@pytest.fixture
def known(monkeypatch):
    """Records whose numbers are known here, as if they were shipped."""
    models = [record(name, *rest) for name, rest in FOUND.items()]
    made = Records("2026-01-01", "2.6", 1, 2, 18_000, 2_000, 5_000, models)
    monkeypatch.setattr(comparisons, "load_records", lambda: made)


@pytest.fixture
def history():
    """A run on a machine that was busy for hours."""
    history = History()
    history.add(Metrics(0.7, 0.5), 9_000.0, Metrics(0.7, 0.88), 3.0)
    history.step_losses, history.looks = [0.8, 0.6], [Look(2, Metrics(0.7, 0.88))]
    history.test = Metrics(0.7, 0.83)
    return history


def marks():
    """Of each thing drawn: whether it has a name, where it is, and whether it is hollow."""
    (axis,) = plt.gcf().axes
    return [
        (
            None if line.get_label().startswith("_") else line.get_label(),
            list(zip(line.get_xdata(), line.get_ydata(), strict=True)),
            line.get_markerfacecolor() == "none",
        )
        for line in axis.get_lines()
    ]


def test_each_seed_is_a_point_and_the_median_has_the_name(known):
    compare_models("mean_embedding")
    *seeds, median, level, star = marks()
    points = [[(2.0, 0.88)], [(3.0, 0.90)], [(4.0, 0.89)]]
    assert seeds == [(None, point, False) for point in points]
    assert median == ("mean of embeddings", [(4.0, 0.89)], False)
    assert [height for _, height in level[1]] == [0.95, 0.95]
    assert star == ("NB-SVM", [(31.0, 0.95)], False)


def test_your_accuracy_is_drawn_at_the_benchmark_s_seconds(known, history, capsys):
    compare_models("mean_embedding", "simple_rnn", yours={"simple_rnn": history})
    hollow = [mark for mark in marks() if mark[2]]
    assert hollow == [("your simple RNN", [(61.0, 0.83)], True)]
    head, mean, simple, best, source = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["n", "seconds", "yours"]
    assert mean.split() == "mean of embeddings 0.890 (0.880 to 0.900) 3 4".split()
    assert simple.split() == "simple RNN 0.860 (0.850 to 0.870) 3 61 0.830".split()
    assert best.split() == "NB-SVM 0.950 (0.950 to 0.950) 3 31".split()
    assert source.startswith("seconds: of one core, one run of benchmarks/records.py (18,000 ")
    assert "9000" not in head + mean + simple


def test_a_model_of_yours_need_not_be_named_twice(known, history):
    compare_models(yours={"simple_rnn": history})
    assert [name for name, *_ in marks()][3:5] == ["simple RNN", "your simple RNN"]


def test_without_yours_there_is_no_column_for_it(known, capsys):
    compare_models("simple_rnn")
    assert "yours" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [{"names": ["lstm"]}, {"names": [], "yours": {"lstm": None}}])
def test_an_unknown_model_is_answered_with_those_there_are(known, arguments):
    names = arguments.pop("names")
    with pytest.raises(KeyError, match=r"no record of 'lstm'; there are: mean_embedding, simple"):
        compare_models(*names, **arguments)
    assert plt.get_fignums() == []


def test_a_run_of_yours_that_was_stopped_is_named_and_not_drawn(known, capsys):
    compare_models("simple_rnn", yours={"simple_rnn": History()})
    assert not any(hollow for *_, hollow in marks())
    assert capsys.readouterr().out.startswith("simple_rnn: no epoch was finished")


def test_the_yardstick_is_drawn_once(known, capsys):
    compare_models("nb_svm", "simple_rnn")
    assert [name for name, *_ in marks()].count("NB-SVM") == 1
    assert capsys.readouterr().out.count("NB-SVM") == 1


def test_the_ablation_has_a_row_for_each_pooling(known, capsys):
    show_ablation()
    (axis,) = plt.gcf().axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "last", "max", "mean", "attention", "attention, no pairs",
    ]  # fmt: skip
    points, median = axis.get_lines()[:2]
    assert list(points.get_xdata()) == [0.84, 0.85, 0.86] and list(median.get_xdata()) == [0.85]
    last, *_, attention, without, source = capsys.readouterr().out.splitlines()
    assert last == "last                test accuracy 0.850 (0.840 to 0.860), n = 3 seeds"
    assert attention == "attention           test accuracy 0.910 (0.900 to 0.920), n = 3 seeds"
    assert without == "attention, no pairs test accuracy 0.870 (0.870 to 0.870), n = 3 seeds"
    assert source.startswith("only what is named changes: one run of benchmarks/records.py")


def test_a_curve_has_a_band_of_its_seeds_and_your_looks(known, history, capsys):
    compare_curves("mean_embedding", yours={"simple_rnn": history})
    loss, accuracy = plt.gcf().axes
    assert [line.get_label() for line in loss.get_lines()] == ["mean of embeddings", "simple RNN"]
    mean, simple, yours = accuracy.get_lines()
    assert mean.get_xydata() == pytest.approx(np.array([[1.0, 0.5], [2.0, 0.9]]))
    band = accuracy.collections[0].get_paths()[0].vertices
    assert band[band[:, 0] == 2.0][:, 1].min() == pytest.approx(0.89)
    assert band[:, 1].max() == pytest.approx(0.91)
    assert yours.get_xydata().tolist() == [[1.0, 0.88]]  # one epoch of two steps
    first, second = capsys.readouterr().out.splitlines()
    assert first == "mean of embeddings   validation accuracy 0.900 (0.890 to 0.910), n = 3 seeds"
    assert second.endswith("0.870 (0.860 to 0.880), n = 3 seeds; yours 0.880")


def test_a_curve_of_an_unknown_model_is_refused(known):
    with pytest.raises(KeyError, match="no record of 'lstm'"):
        compare_curves("lstm")


def test_a_run_without_steps_has_no_looks_to_draw(known):
    run = History()
    run.add(Metrics(0.7, 0.5), 1.0, Metrics(0.7, 0.8), 1.0)
    compare_curves(yours={"simple_rnn": run})
    assert len(plt.gcf().axes[1].get_lines()) == 1


def test_what_is_shipped_can_be_drawn():
    compare_models("mean_embedding", "simple_rnn", "attention_rnn", "transformer", "average")
    show_ablation()
    assert len(plt.get_fignums()) == 2
