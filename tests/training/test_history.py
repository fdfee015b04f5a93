"""Histories: as text, as pictures, and as files, whole ones, broken ones and on a full disk."""

import errno
import io
import json

import matplotlib
import pytest

from practicum_utils.support.files import write_whole
from practicum_utils.training import Epoch, History, Metrics
from practicum_utils.training.history import Look


@pytest.fixture
def history():
    history = History()
    history.add(Metrics(0.71, 0.5), 12.0, Metrics(0.69, 0.625), 3.0, 20.0, 4.0)
    history.add(Metrics(0.5, 0.75), 11.0, Metrics(0.55, 0.6), 2.0)
    return history


@pytest.fixture
def stepped():
    """One epoch of four steps, with two looks and a test."""
    looks = [Look(2, Metrics(0.6, 0.5)), Look(4, Metrics(0.5, 0.75))]
    history = History([], [0.9, 0.8, 0.7, 0.6], looks, Metrics(0.4, 0.8))
    history.add(Metrics(0.75, 0.5), 2.0, Metrics(0.5, 0.75), 1.0)
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
    assert history.train_cpu_seconds == [20.0, None] and history.validation_cpu_seconds == [
        4.0,
        None,
    ]


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
        "epoch 1:  train loss 0.7100 accuracy 0.500 (12 s)  "
        "validation loss 0.6900 accuracy 0.625 (3 s)"
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
    columns = {name: getattr(history, name) for name in NAMES}
    renamed = {name.replace("validation", "test"): column for name, column in columns.items()}
    path.write_text(json.dumps(renamed))
    earlier = History.load(path)
    assert {name: getattr(earlier, name) for name in NAMES} == columns
    assert earlier.test == Metrics(0.55, 0.6) and earlier.looks == earlier.step_losses == []
    assert earlier.train_cpu_seconds == earlier.validation_cpu_seconds == [None, None]
    earlier.save(again)
    assert History.load(again) == earlier


def test_a_file_is_one_list_for_each_column(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    columns = json.loads(path.read_text())
    assert list(columns) == [*NAMES, *CPU_NAMES, *OF_STEPS]
    assert columns == {name: getattr(history, name) for name in columns}


def test_steps_looks_and_test_are_kept(stepped, tmp_path):
    path = tmp_path / "run.json"
    stepped.save(path)
    assert History.load(path) == stepped
    assert json.loads(path.read_text())["looks"] == [[2, 0.6, 0.5], [4, 0.5, 0.75]]


def test_the_result_is_the_test_s_or_else_the_last_validation_s(history):
    assert history.result == Metrics(0.55, 0.6)
    history.test = Metrics(0.5, 0.7)
    assert history.result == Metrics(0.5, 0.7)
    assert str(history).splitlines()[-1] == "test:  loss 0.5000 accuracy 0.700"
    with pytest.raises(ValueError, match="no epoch was finished"):
        _ = History().result


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


KINDS = ("loss", "accuracy", "seconds")
NAMES = [f"{part}_{kind}" for part in ("train", "validation") for kind in KINDS]
EARLIER = [f"{part}_{kind}" for part in ("train", "test") for kind in KINDS]
CPU_NAMES = ["train_cpu_seconds", "validation_cpu_seconds"]
OF_STEPS = ["step_losses", "looks", "test"]
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
UNEQUAL = [{name: [1] * (1 + (name == "test_loss")) for name in EARLIER}, dict.fromkeys(EARLIER, 3)]
OTHERS = [
    {name: [1] for name in names}
    for names in (
        [*EARLIER, "speed"],
        NAMES,
        [*NAMES, *CPU_NAMES],
        [*NAMES, *CPU_NAMES[:1], *OF_STEPS],
        [*NAMES, *CPU_NAMES, *OF_STEPS, "speed"],
    )
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
    lines = [line for axis in figure.axes for line in axis.get_lines()]
    drawn = [list(line.get_ydata()) for line in lines]
    assert drawn == [[0.71, 0.5], [0.69, 0.55], [0.5, 0.75], [0.625, 0.6]]
    assert {line.get_linestyle() for line in lines} == {"None"}  # two points are no curve
    printed = capsys.readouterr().out
    assert printed == (
        "after 2 epochs: train loss 0.5000, validation loss 0.5500, validation accuracy 0.600\n"
    )


@NO_SCREEN
def test_plot_draws_every_step_and_every_look(stepped, figures):
    stepped.plot()
    loss, accuracy = figures()[0].axes
    steps, mean, looks = loss.get_lines()
    assert list(steps.get_ydata()) == [0.9, 0.8, 0.7, 0.6]
    assert list(mean.get_ydata()) == pytest.approx([0.85, 0.8, 0.7, 0.65])
    assert looks.get_xydata().tolist() == [[2, 0.6], [4, 0.5]]
    middle, looks = accuracy.get_lines()
    assert middle.get_xydata().tolist() == [[2, 0.5]]
    assert looks.get_xydata().tolist() == [[2, 0.5], [4, 0.75]]


@NO_SCREEN
def test_a_regression_draws_its_loss_alone(regression, figures, capsys):
    regression.plot()
    (axis,) = figures()[0].axes
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [[0.5], [0.25]]
    printed = capsys.readouterr().out
    assert printed == "after 1 epoch: train loss 0.5000, validation loss 0.2500\n"


def test_an_empty_history_draws_nothing_and_says_so(figures, capsys):
    History().plot()
    assert figures() == []
    assert "history is empty" in capsys.readouterr().out
