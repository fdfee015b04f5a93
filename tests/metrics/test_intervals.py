"""Intervals and McNemar's test against numbers worked out by hand and by another formula."""

import math

import matplotlib.pyplot as plt
import pytest

from practicum_utils.metrics import accuracy_interval, chance_in_words, mcnemar, p_in_words
from practicum_utils.visualize import plot_accuracies


def wilson(hits, count, z=1.959963984540054):
    p, scale = hits / count, 1 + z * z / count
    middle = (p + z * z / (2 * count)) / scale
    half = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / scale
    return middle - half, middle + half


@pytest.mark.parametrize(("hits", "count"), [(450, 500), (0, 10), (10, 10), (1, 1), (250, 500)])
def test_the_interval_is_that_of_wilson(hits, count):
    low, high = accuracy_interval(hits, count)
    assert (low, high) == pytest.approx(wilson(hits, count), abs=1e-9)
    assert 0 <= low <= hits / count <= high <= 1


def test_more_answers_make_the_interval_smaller():
    widths = [high - low for low, high in (accuracy_interval(8 * n, 10 * n) for n in (1, 10, 100))]
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


@pytest.mark.parametrize(("hits", "count"), [(0, 0), (11, 10), (-1, 10)])
def test_an_impossible_count_is_refused(hits, count):
    with pytest.raises(ValueError, match="have no interval"):
        accuracy_interval(hits, count)


def test_mcnemar_counts_only_the_questions_on_which_two_readers_differ():
    # 8 differ, 7 of them won by the first: 2 * (1 + 8) / 2 ** 8
    first, second = [True] * 7 + [False], [False] * 7 + [True]
    assert mcnemar(first, second) == pytest.approx(2 * 9 / 256)
    same = [True, False] * 50
    assert mcnemar(first + same, second + same) == pytest.approx(2 * 9 / 256)
    assert mcnemar(second, first) == pytest.approx(2 * 9 / 256)


def test_readers_that_never_differ_cannot_be_told_apart():
    assert mcnemar([True, False], [True, False]) == 1.0


def test_mcnemar_of_one_difference_is_no_evidence():
    assert mcnemar([True, True], [True, False]) == pytest.approx(1.0)


def test_mcnemar_refuses_answers_of_unequal_number():
    with pytest.raises(ValueError, match="shorter"):
        mcnemar([True, False], [True])


def test_accuracies_are_drawn_with_their_intervals_and_printed(monkeypatch, capsys):
    monkeypatch.setattr(plt, "show", lambda: None)
    plot_accuracies({"RNN": (0.87, 5_000), "prompted": (0.9, 10)})
    axis = plt.gca()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["RNN", "prompted"]
    bars = [list(line.get_xdata()) for line in axis.lines if len(line.get_xdata()) == 2]
    assert bars == [pytest.approx(wilson(4350, 5_000)), pytest.approx(wilson(9, 10))]
    plt.close("all")
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["RNN", "0.870", "(0.860", "to", "0.879),", "n", "=", "5,000"]
    assert out[1].endswith("n = 10")


@pytest.mark.parametrize(
    ("p", "words"), [(1.0, "1.000"), (0.0251, "0.025"), (0.001, "0.001"), (1e-9, "< 0.001")]
)
def test_a_p_is_never_written_as_zero(p, words):
    assert p_in_words(p) == words


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "in most experiments"),
        (0.5, "in about 1 of 2 experiments"),
        (0.0251, "in about 1 of 40 experiments"),
        (0.00493, "in about 1 of 200 experiments"),
        (0.001, "in about 1 of 1,000 experiments"),
        (0.0, "in fewer than 1 of 1,000 experiments"),
    ],
)
def test_a_p_is_said_as_a_frequency(p, words):
    assert chance_in_words(p) == words


def test_a_mark_is_a_dashed_line_with_its_name_on_top_and_printed_last(monkeypatch, capsys):
    monkeypatch.setattr(plt, "show", lambda: None)
    plot_accuracies({"RNN": (0.87, 5_000)}, marks={"a target": 0.906})
    axis = plt.gca()
    (mark,) = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert set(mark.get_xdata()) == {0.906}
    assert [text.get_text() for text in axis.texts] == ["a target"]
    plt.close("all")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.split() == ["a", "target", "0.906,", "the", "dashed", "line"]
