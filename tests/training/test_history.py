"""Histories: as text, as pictures, and as files, whole ones, broken ones and on a full disk."""

import errno
import io
import json

import matplotlib
import pytest

from practicum_utils.metrics import load_yardstick
from practicum_utils.support.files import write_whole
from practicum_utils.training import Epoch, History, Metrics
from practicum_utils.visualize import compare_histories


@pytest.fixture
def history():
    history = History()
    history.add(Metrics(0.71, 0.5), 12.0, Metrics(0.69, 0.625), 3.0, 20.0, 4.0)
    history.add(Metrics(0.5, 0.75), 11.0, Metrics(0.55, 0.6), 2.0)
    return history


@pytest.fixture
def regression():
    history = History()
    history.add(Metrics(0.5, None), 2.0, Metrics(0.25, None), 1.0)
    return history


def test_add_puts_each_number_in_its_place(history):
    assert history.train_loss == [0.71, 0.5] and history.train_accuracy == [0.5, 0.75]
    assert history.validation_loss == [0.69, 0.55] and history.validation_accuracy == [0.625, 0.6]
    assert history.train_seconds == [12.0, 11.0] and history.validation_seconds == [3.0, 2.0]
    assert history.train_cpu_seconds == [20.0, None] and history.validation_cpu_seconds == [4.0, None]


def test_a_history_is_a_list_of_epochs(history):
    assert len(history) == 2 and list(history) == history.epochs
    assert history.epochs[0] == Epoch(
        Metrics(0.71, 0.5), 12.0, Metrics(0.69, 0.625), 3.0, 20.0, 4.0
    )
    assert history.epochs[1] == Epoch(Metrics(0.5, 0.75), 11.0, Metrics(0.55, 0.6), 2.0)
    assert history.epochs[1].validation.accuracy == 0.6


def test_the_lists_of_a_history_are_derived_and_cannot_be_set(history):
    history.train_loss.append(3.0)
    assert history.train_loss == [0.71, 0.5]
    with pytest.raises(AttributeError):
        history.train_loss = [3.0]


def test_a_history_as_text(history):
    first, second = str(history).splitlines()
    assert first == (
        "epoch 1:  train loss 0.7100 accuracy 0.500 (12 s)  validation loss 0.6900 accuracy 0.625 (3 s)"
    )
    assert second.startswith("epoch 2:")


@pytest.mark.parametrize(("cpu", "said"), [
    (None, "(60 s)"),
    (60.0, "(60 s)"),
    (115.0, "(60 s)"),  # two threads
    (50.0, "(60 s)"),  # nothing to wonder about
    (20.4, "(60 s, 20 of them on the CPU)"),
])  # fmt: skip
def test_the_cpu_s_seconds_are_said_where_it_worked_for_others(cpu, said):
    epoch = Epoch(Metrics(0.5, None), 60.0, Metrics(0.25, None), 60.0, cpu, None)
    assert str(epoch) == f"train loss 0.5000 {said}  validation loss 0.2500 (60 s)"
    other = Epoch(Metrics(0.5, None), 60.0, Metrics(0.25, None), 60.0, None, cpu)
    assert str(other) == f"train loss 0.5000 (60 s)  validation loss 0.2500 {said}"


def test_a_second_or_two_of_waiting_are_not_worth_a_word():
    epoch = Epoch(Metrics(0.5, None), 3.0, Metrics(0.25, None), 4.0, 1.0, 1.0)
    assert str(epoch) == "train loss 0.5000 (3 s)  validation loss 0.2500 (4 s)"


def test_a_regression_as_text(regression):
    assert str(regression) == "epoch 1:  train loss 0.5000 (2 s)  validation loss 0.2500 (1 s)"


def test_a_file_of_an_earlier_version_has_no_cpu_seconds(history, tmp_path):
    path, again = tmp_path / "run.json", tmp_path / "again.json"
    path.write_text(json.dumps({name: getattr(history, name) for name in NAMES}))
    earlier = History.load(path)
    assert {name: getattr(earlier, name) for name in NAMES} == json.loads(path.read_text())
    assert earlier.train_cpu_seconds == earlier.validation_cpu_seconds == [None, None]
    earlier.save(again)
    assert History.load(again) == earlier


def test_a_file_is_one_list_for_each_column(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    columns = json.loads(path.read_text())
    assert list(columns) == [*NAMES, *CPU_NAMES]
    assert columns == {name: getattr(history, name) for name in columns}


def test_a_regression_is_saved_without_accuracies(regression, tmp_path):
    path = tmp_path / "run.json"
    regression.save(path)
    assert json.loads(path.read_text())["validation_accuracy"] == [None]
    assert History.load(path) == regression


def test_save_and_load_give_the_history_back(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    assert History.load(path) == history
    assert History.load(str(path)) == history
    assert list(tmp_path.iterdir()) == [path]


NAMES = [f"{part}_{name}" for part in ("train", "test") for name in ("loss", "accuracy", "seconds")]
CPU_NAMES = ["train_cpu_seconds", "validation_cpu_seconds"]
BROKEN = [
    "\N{PILE OF POO}",
    "",
    "{",
    "[]",
    "3",
    "null",
    '"text"',
    "{}",
    '{"speed": [1]}',
    '{"train_loss": [0.5]}',
]
UNEQUAL = [{name: [1] * (1 + (name == "validation_loss")) for name in NAMES}, dict.fromkeys(NAMES, 3)]
OTHERS = [
    {name: [1] for name in (*NAMES, *more)}
    for more in (["speed"], CPU_NAMES[:1], [*CPU_NAMES, "speed"], ["train_cpu_seconds", "speed"])
]


@pytest.mark.parametrize(
    "text", [*BROKEN, *map(json.dumps, (NAMES, *UNEQUAL, *OTHERS)), "\N{PILE OF POO}"]
)
def test_a_broken_file_is_refused(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"run\.json does not hold a history; delete it"):
        History.load(path)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(b"\x80\x81\xff")
    with pytest.raises(ValueError, match="does not hold a history"):
        History.load(path)


def test_a_file_cut_short_is_refused(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="does not hold a history"):
        History.load(path)


class FullDisk(io.FileIO):
    """A file that takes 16 bytes; then the disk is full."""

    def write(self, data):
        super().write(data[:16])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def full_disk(monkeypatch):
    monkeypatch.setattr("practicum_utils.support.files.os.fdopen", FullDisk)


@pytest.fixture
def saved(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    return path


def test_a_full_disk_leaves_the_old_file_whole(history, saved, full_disk):
    before = saved.read_bytes()
    with pytest.raises(OSError):
        history.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()], ids=repr)
def test_half_a_write_leaves_the_old_file_whole(saved, error):
    def half(file):
        file.write(b'{"train_loss"')
        raise error

    before = saved.read_bytes()
    with pytest.raises(type(error)):
        write_whole(saved, half)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


# Pictures


@pytest.fixture
def figures():
    """Draw without a screen; gives a function that returns the figures drawn so far."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    yield lambda: [pyplot.figure(number) for number in pyplot.get_fignums()]
    pyplot.close("all")


NO_SCREEN = pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")


@NO_SCREEN
def test_plot_draws_the_numbers_and_prints_the_last(history, figures, capsys):
    history.plot("my run")
    (figure,) = figures()
    lines = [list(line.get_ydata()) for axis in figure.axes for line in axis.get_lines()]
    assert lines == [[0.71, 0.5], [0.69, 0.55], [0.5, 0.75], [0.625, 0.6]]
    printed = capsys.readouterr().out
    assert "train loss 0.5000, test loss 0.5500, test accuracy 0.600 (best 0.625)" in printed


@NO_SCREEN
def test_a_regression_draws_its_loss_alone(regression, figures, capsys):
    regression.plot()
    (axis,) = figures()[0].axes
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [[0.5], [0.25]]
    printed = capsys.readouterr().out
    assert printed == "after 1 epochs: train loss 0.5000, test loss 0.2500\n"


def test_an_empty_history_draws_nothing_and_says_so(figures, capsys):
    History().plot()
    assert figures() == []
    assert "history is empty" in capsys.readouterr().out


@NO_SCREEN
def test_compared_histories_are_drawn_over_epochs(history, figures, capsys):
    compare_histories({"one": history, "other": history})
    (line, _, level) = figures()[0].axes[0].get_lines()
    assert list(line.get_xdata()) == [1, 2] and list(line.get_ydata()) == [0.625, 0.6]
    best = load_yardstick()
    assert list(level.get_ydata()) == [best.accuracy] * 2
    printed = capsys.readouterr().out
    assert "one                  test accuracy 0.600 after 2 epochs" in printed
    assert f"{best.name} test accuracy {best.accuracy:.3f}\n" in printed


@NO_SCREEN
def test_a_run_without_accuracies_is_named_and_left_out(history, regression, figures, capsys):
    compare_histories({"years": regression, "none": History(), "one": history})
    assert len(figures()[0].axes[0].get_lines()) == 1 + 1
    first, second, third, _ = capsys.readouterr().out.splitlines()
    assert first == "years: a regression has no accuracy, so there is nothing to compare"
    assert second == "none: no epoch was finished, so there is nothing to compare"
    assert third.startswith("one ")


@NO_SCREEN
def test_more_runs_than_looks_are_all_drawn(history, figures):
    compare_histories({f"run {number}": history for number in range(9)})
    assert len(figures()[0].axes[0].get_lines()) == 9 + 1
