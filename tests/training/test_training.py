"""Epochs, metrics, histories: counted again here, interrupted, and written to a full disk."""

import copy
import errno
import io
import random
import signal

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn

from practicum_utils.data import make_loader
from practicum_utils.metrics import load_yardstick
from practicum_utils.models import MeanEmbedding, SimpleRNN
from practicum_utils.support.files import write_whole
from practicum_utils.training import (
    History,
    Metrics,
    fit,
    full_or_fast,
    is_fast,
    pick_device,
    recall,
    run_epoch,
    set_seed,
)
from practicum_utils.visualize import compare_histories

LOSS = nn.BCEWithLogitsLoss()
VALUES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def make_examples(count, seed=0):
    """Reviews of 1 to 9 words from 4 to 19; positive if the words are above 11 on average."""
    generator = torch.Generator().manual_seed(seed)
    examples = []
    for _ in range(count):
        length = int(torch.randint(1, 10, (), generator=generator))
        token_ids = torch.randint(4, 20, (length,), generator=generator)
        examples.append((token_ids, (token_ids.float().mean() > 11.5).float()))
    return examples


@pytest.fixture
def loader():
    """21 reviews in batches of 8, 8 and 5."""
    return make_loader(make_examples(21), batch_size=8)


def make_model(dropout=0.5, seed=0):
    torch.manual_seed(seed)
    model = SimpleRNN(20, 8, 8, dropout=dropout)
    nn.init.normal_(model.output.weight, std=2)  # logits on both sides of 0
    return model


def parameters_of(model):
    return copy.deepcopy(model.state_dict())


def assert_same_parameters(model, before):
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def recount(model, loader):
    """Loss and accuracy of every review alone, in double precision, then their means."""
    twin = copy.deepcopy(model).double().eval()
    losses, right = [], []
    for token_ids, label in loader.dataset:
        logit = twin(token_ids[None], torch.tensor([len(token_ids)])).item()
        losses.append(np.logaddexp(0, logit) - label.item() * logit)
        right.append((logit > 0) == bool(label))
    return np.mean(losses), np.mean(right)


class Stopping:
    """A loader that raises ``error`` in place of batch ``after`` of its epoch ``epoch``."""

    def __init__(self, loader, error, after=1, epoch=1):
        self.loader, self.error, self.after, self.epoch, self.started = (
            loader,
            error,
            after,
            epoch,
            0,
        )

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        self.started += 1
        for index, batch in enumerate(self.loader):
            if self.started == self.epoch and index == self.after:
                raise self.error
            yield batch


# run_epoch

MODES = pytest.mark.parametrize("mode", [True, False], ids=["train mode", "eval mode"])


@pytest.mark.parametrize("batch_size", [1, 8, 20, 64])
def test_evaluation_equals_a_recount(batch_size):
    model, loader = make_model(), make_loader(make_examples(21), batch_size)
    metrics, (loss, accuracy) = run_epoch(model, loader, LOSS), recount(model, loader)
    assert metrics.loss == pytest.approx(loss, rel=1e-5)
    assert metrics.accuracy == pytest.approx(accuracy, abs=1e-12)
    assert 0 < accuracy < 1


def test_training_metrics_equal_a_recount(loader):
    model = make_model(dropout=0)
    loss, accuracy = recount(model, loader)
    metrics = run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0))
    assert metrics == (pytest.approx(loss, rel=1e-5), pytest.approx(accuracy, abs=1e-12))


@MODES
def test_evaluation_changes_nothing_in_the_model(loader, mode):
    model = make_model().train(mode)
    before = parameters_of(model)
    run_epoch(model, loader, LOSS)
    assert_same_parameters(model, before)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training is mode and model.dropout.training is mode


def test_evaluation_leaves_earlier_gradients(loader):
    model = make_model()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    run_epoch(model, loader, LOSS)
    assert all((parameter.grad == 1).all() for parameter in model.parameters())


def test_evaluation_switches_dropout_off(loader):
    model = make_model(dropout=0.9).train()
    assert run_epoch(model, loader, LOSS) == run_epoch(model, loader, LOSS)


def test_evaluation_computes_no_gradients(loader):
    enabled = []
    model = make_model()
    model.output.register_forward_hook(lambda *parts: enabled.append(parts[2].requires_grad))
    run_epoch(model, loader, LOSS)
    assert enabled == [False] * 3 and torch.is_grad_enabled()


@MODES
def test_training_uses_dropout_and_restores_the_mode(loader, mode):
    seen = []
    model = make_model().train(mode)
    model.dropout.register_forward_hook(lambda module, *parts: seen.append(module.training))
    run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0.1))
    assert set(seen) == {True} and model.training is mode


@MODES
@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("trains", [True, False], ids=["training", "evaluation"])
def test_a_stop_in_the_middle_restores_the_mode(loader, mode, error, trains):
    model = make_model().train(mode)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1) if trains else None
    with pytest.raises(type(error)):
        run_epoch(model, Stopping(loader, error), LOSS, optimizer)
    assert model.training is mode and model.dropout.training is mode
    assert torch.is_grad_enabled()


def test_training_changes_every_parameter(loader):
    model = make_model()
    before = parameters_of(model)
    run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0.1))
    for name, value in model.state_dict().items():
        assert not torch.equal(value, before[name]), name


def test_each_step_uses_the_gradient_of_its_own_batch_only(loader):
    """Three steps of plain gradient descent, written out; gradients must not add up."""
    model = make_model(dropout=0)
    expected = copy.deepcopy(model)
    for token_ids, lengths, labels in loader:
        loss = LOSS(expected(token_ids, lengths), labels)
        gradients = torch.autograd.grad(loss, list(expected.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(expected.parameters(), gradients, strict=True):
                parameter -= 0.5 * gradient
    run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0.5))
    torch.testing.assert_close(dict(model.state_dict()), dict(expected.state_dict()))


def test_gradients_from_before_the_epoch_are_not_used(loader):
    clean, stale = make_model(dropout=0), make_model(dropout=0)
    for parameter in stale.parameters():
        parameter.grad = torch.full_like(parameter, 100)
    for model in (clean, stale):
        run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0.5))
    assert_same_parameters(stale, clean.state_dict())


def test_the_metrics_are_printed(loader, capsys):
    metrics = run_epoch(make_model(), loader, LOSS)
    line = f"test   loss {metrics.loss:.4f}  accuracy {metrics.accuracy:.3f}"
    assert capsys.readouterr().out.startswith(line)


# fit


def fit_anew(loader, seed=0, epochs=2):
    model = make_model()
    torch.seed()  # what was drawn before must not count
    return model, fit(model, loader, loader, epochs=epochs, seed=seed)


def test_fit_keeps_one_entry_per_epoch(loader):
    _, history = fit_anew(loader, epochs=3)
    assert len(history) == 3
    assert [len(values) for values in vars(history).values()] == [3] * 6
    assert all(0 <= value <= 1 for value in history.train_accuracy + history.test_accuracy)
    assert all(seconds > 0 for seconds in history.train_seconds + history.test_seconds)


def test_the_last_test_numbers_are_those_of_the_returned_model(loader):
    model, history = fit_anew(loader)
    metrics = run_epoch(model, loader, LOSS)
    assert metrics == (history.test_loss[-1], history.test_accuracy[-1])


def test_the_seed_fixes_the_run(loader):
    (one, first), (other, second) = fit_anew(loader, seed=3), fit_anew(loader, seed=3)
    assert_same_parameters(one, other.state_dict())
    assert all(getattr(first, name) == getattr(second, name) for name in VALUES)


def test_another_seed_is_another_run(loader):
    assert fit_anew(loader, seed=3)[1].train_loss != fit_anew(loader, seed=4)[1].train_loss


@pytest.mark.parametrize("kind", [MeanEmbedding, SimpleRNN])
def test_fit_learns_a_small_problem(kind):
    train, test = (
        make_loader(make_examples(400), 32, shuffle=True),
        make_loader(make_examples(99, 1)),
    )
    torch.manual_seed(0)
    history = fit(kind(20, 8), train, test, epochs=8, learning_rate=0.02)
    assert history.train_loss[-1] < 0.6 * history.train_loss[0]
    assert history.test_accuracy[-1] > 0.85


def test_the_learning_rate_falls_in_a_line_to_zero(loader, monkeypatch):
    rates, adam = [], torch.optim.Adam

    def watched(*args, **kwargs):
        optimizer = adam(*args, **kwargs)
        optimizer.register_step_pre_hook(lambda *_: rates.append(optimizer.param_groups[0]["lr"]))
        return optimizer

    monkeypatch.setattr(torch.optim, "Adam", watched)
    fit(make_model(), loader, loader, epochs=2, learning_rate=0.6)
    assert rates == pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_fit_does_not_train_on_the_test_loader(loader):
    other = make_loader(make_examples(30, seed=9))
    one, two = make_model(), make_model()
    fit(one, loader, loader, epochs=1)
    fit(two, loader, other, epochs=1)
    assert_same_parameters(one, two.state_dict())


@pytest.mark.parametrize("epochs", [0, -1])
def test_fit_without_an_epoch_is_refused(loader, epochs):
    with pytest.raises(ValueError, match=f"epochs is {epochs}; train for 1 or more"):
        fit(make_model(), loader, loader, epochs=epochs)


def test_an_interrupt_leaves_the_finished_epochs_and_a_usable_model(loader, capsys):
    model = make_model().eval()
    before = parameters_of(model)
    stopping = Stopping(loader, KeyboardInterrupt(), after=2, epoch=2)
    history = fit(model, stopping, loader, epochs=5)
    assert [len(values) for values in vars(history).values()] == [1] * 6
    assert "interrupted after 1 of 5 epochs" in capsys.readouterr().out
    assert not torch.equal(model.output.weight, before["output.weight"])
    assert not model.training and np.isfinite(run_epoch(model, loader, LOSS).loss)


def test_an_interrupt_in_the_evaluation_leaves_no_half_epoch(loader):
    stopping = Stopping(loader, KeyboardInterrupt(), epoch=2)
    history = fit(make_model(), loader, stopping, epochs=5)
    assert [len(values) for values in vars(history).values()] == [1] * 6


def test_an_interrupt_in_the_first_epoch_gives_an_empty_history(loader):
    history = fit(make_model(), Stopping(loader, KeyboardInterrupt()), loader, epochs=5)
    assert len(history) == 0 and str(history) == ""


def test_a_real_interrupt_signal_ends_training(loader):
    class Signalling(Stopping):
        def __iter__(self):
            self.started += 1
            if self.started == 2:
                signal.raise_signal(signal.SIGINT)
            return iter(self.loader)

    history = fit(make_model(), Signalling(loader, None), loader, epochs=5)
    assert len(history) == 1


def test_another_error_is_not_swallowed(loader):
    with pytest.raises(RuntimeError, match="broken"):
        fit(make_model(), Stopping(loader, RuntimeError("broken")), loader, epochs=1)


# History


@pytest.fixture
def history():
    history = History()
    history.add(Metrics(0.71, 0.5), 12.0, Metrics(0.69, 0.625), 3.0)
    history.add(Metrics(0.5, 0.75), 11.0, Metrics(0.55, 0.6), 2.0)
    return history


def test_add_puts_each_number_in_its_place(history):
    assert history.train_loss == [0.71, 0.5] and history.train_accuracy == [0.5, 0.75]
    assert history.test_loss == [0.69, 0.55] and history.test_accuracy == [0.625, 0.6]
    assert history.train_seconds == [12.0, 11.0] and history.test_seconds == [3.0, 2.0]


def test_a_history_as_text(history):
    first, second = str(history).splitlines()
    assert first == (
        "epoch 1:  train loss 0.7100 accuracy 0.500 (12 s)  test loss 0.6900 accuracy 0.625 (3 s)"
    )
    assert second.startswith("epoch 2:")


def test_save_and_load_give_the_history_back(history, tmp_path):
    path = tmp_path / "run.json"
    history.save(path)
    assert History.load(path) == history
    assert History.load(str(path)) == history
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", '"text"', '{"speed": [1]}', '{"train_loss": 3}',
     '{"train_loss": [1, 2], "test_loss": [1]}', '{"train_loss": [0.5]}', "\N{PILE OF POO}"],
)  # fmt: skip
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


def test_a_full_disk_leaves_the_old_file_whole(saved, full_disk):
    before = saved.read_bytes()
    with pytest.raises(OSError):
        History([9.0] * 20).save(saved)
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


def test_an_empty_history_draws_nothing_and_says_so(figures, capsys):
    History().plot()
    assert figures() == []
    assert "history is empty" in capsys.readouterr().out


@NO_SCREEN
def test_compared_histories_are_drawn_over_seconds(history, figures, capsys):
    compare_histories({"one": history, "other": history})
    (line, _, level, yardstick) = figures()[0].axes[0].get_lines()
    assert list(line.get_xdata()) == [12.0, 23.0] and list(line.get_ydata()) == [0.625, 0.6]
    best = load_yardstick()
    assert list(level.get_ydata()) == [best.accuracy] * 2
    assert (yardstick.get_xdata()[0], yardstick.get_ydata()[0]) == (best.seconds, best.accuracy)
    printed = capsys.readouterr().out
    assert "one                  test accuracy 0.600 after 23 s" in printed
    assert f"{best.name} test accuracy 0.915 after {best.seconds:.0f} s" in printed


@NO_SCREEN
def test_more_runs_than_looks_are_all_drawn(history, figures):
    compare_histories({f"run {number}": history for number in range(9)})
    assert len(figures()[0].axes[0].get_lines()) == 9 + 2


def test_the_yardstick_is_above_the_reference_runs_and_quick(home):
    best = load_yardstick()
    assert 0.91 < best.accuracy < 0.93 and best.seconds < 30
    assert best.accuracy > recall("attention_rnn").test_accuracy[-1]


# Seeds, devices, sizes


def test_set_seed_fixes_all_three_generators():
    def draw():
        set_seed(7)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()


def test_the_picked_device_can_be_used():
    assert torch.ones(2, device=pick_device()).sum().item() == 2


@pytest.mark.parametrize(("value", "fast"), [("1", True), ("0", False), ("", False)])
def test_fast_follows_the_environment(monkeypatch, value, fast):
    monkeypatch.setenv("PRACTICUM_FAST", value)
    assert is_fast() is fast


def test_without_the_variable_the_full_size_is_taken(monkeypatch, capsys):
    monkeypatch.delenv("PRACTICUM_FAST")
    assert full_or_fast(20_000, 100) == 20_000 and full_or_fast(None, 100) is None
    assert capsys.readouterr().out == ""


def test_the_fast_size_is_said(monkeypatch, capsys):
    monkeypatch.setenv("PRACTICUM_FAST", "1")
    assert full_or_fast(20_000, 1_000) == full_or_fast(None, 1_000) == 1_000
    first, second = capsys.readouterr().out.splitlines()
    assert first == "PRACTICUM_FAST=1: 1,000 here instead of 20,000"
    assert second == "PRACTICUM_FAST=1: 1,000 here instead of all"
