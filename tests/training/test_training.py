"""Epochs and their metrics, counted again here, interrupted, and with pieces of your own."""

import copy
import signal
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

from practicum_utils.data import make_loader
from practicum_utils.models import MeanEmbedding, SimpleRNN
from practicum_utils.training import RECIPE, fit, run_epoch

LOSS = nn.BCEWithLogitsLoss()
VALUES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


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
        self.loader, self.error = loader, error
        self.after, self.epoch, self.started = after, epoch, 0

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


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt(), None], ids=repr)
@pytest.mark.parametrize("trains", [True, False], ids=["training", "evaluation"])
def test_a_part_in_another_mode_than_its_model_stays_so(loader, error, trains):
    model = make_model().train()
    model.dropout.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1) if trains else None
    try:
        run_epoch(model, Stopping(loader, error, after=1 if error else -1), LOSS, optimizer)
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert model.training and model.embedding.training and not model.dropout.training


def test_a_model_whose_train_keeps_a_part_in_eval_mode_trains_with_it_so(loader):
    class Frozen(SimpleRNN):
        def train(self, mode=True):
            super().train(mode)
            self.dropout.eval()
            return self

    model, seen = Frozen(20, 8, 8), []
    model.dropout.register_forward_hook(lambda module, *parts: seen.append(module.training))
    run_epoch(model, loader, LOSS, torch.optim.SGD(model.parameters(), lr=0.1))
    assert set(seen) == {False}


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
    line = f"evaluation  loss {metrics.loss:.4f}  accuracy {metrics.accuracy:.3f}"
    assert capsys.readouterr().out.startswith(line)


# Several classes, and numbers


class Table(nn.Module):
    """A model of single words: the outputs of word i are row i of ``values`` (V,) or (V, C)."""

    def __init__(self, values):
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))

    def forward(self, token_ids, lengths):
        return self.values[token_ids[:, 0]]


def batches(labels, size=2):
    """Word i with label i, in batches of ``size``."""
    pairs = [(torch.tensor([word]), torch.tensor(label)) for word, label in enumerate(labels)]
    return make_loader(pairs, batch_size=size)


CLASSES = [[0.0, 2, 1], [3.0, 1, 2], [1.0, 0, 4], [0.0, 1, 0], [5.0, 0, 0]]  # 1, 0, 2, 1, 0


@pytest.mark.parametrize("kind", [int, float])
def test_the_accuracy_of_several_classes_is_that_of_the_largest_logit(kind):
    loader = batches([kind(label) for label in (1, 2, 2, 0, 0)])
    metrics = run_epoch(Table(CLASSES), loader, lambda logits, labels: logits.sum())
    assert metrics.accuracy == 3 / 5


@pytest.mark.parametrize(
    "loss_fn",
    [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss(), functional.mse_loss,
     functional.l1_loss, functional.smooth_l1_loss, functional.huber_loss],
)  # fmt: skip
def test_a_regression_has_no_accuracy(loss_fn, capsys):
    model, loader = Table([1.0, 2.0, 3.0]), batches([1.0, 0.0, 1.0])
    metrics = run_epoch(model, loader, loss_fn)
    labels = torch.tensor([1.0, 0.0, 1.0])
    assert metrics == (pytest.approx(loss_fn(model.values, labels).item()), None)
    assert capsys.readouterr().out == f"evaluation  loss {metrics.loss:.4f}  0 s\n"


@pytest.mark.parametrize("labels", [[0.5, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0, 0.5]])
def test_labels_that_are_not_whole_have_no_accuracy(labels):
    model = Table([1.0, -1.0, 1.0, 1.0, 1.0])
    assert run_epoch(model, batches(labels), lambda *pair: LOSS(*pair)).accuracy is None


def test_labels_that_name_no_class_have_no_accuracy():
    loader = batches([[1.0, 0.0], [0.0, 1.0]])
    assert run_epoch(Table([[1.0, -1.0], [1.0, -1.0]]), loader, LOSS).accuracy is None


def test_the_labels_one_and_two_are_counted_as_ever():
    """The bug labels-one-two: both labels count as positive, so all logits above 0 are right."""
    metrics = run_epoch(Table([1.0, 2.0, -1.0, 1.0]), batches([1.0, 2.0, 1.0, 2.0]), LOSS)
    assert metrics.accuracy == 3 / 4


# fit


def fit_anew(loader, seed=0, epochs=2):
    model = make_model()
    torch.seed()  # what was drawn before must not count
    return model, fit(model, loader, loader, epochs=epochs, seed=seed)


def test_fit_keeps_one_entry_per_epoch(loader):
    _, history = fit_anew(loader, epochs=3)
    assert len(history) == 3
    assert all(0 <= value <= 1 for value in history.train_accuracy + history.validation_accuracy)
    assert all(seconds > 0 for seconds in history.train_seconds + history.validation_seconds)
    worked = history.train_cpu_seconds + history.validation_cpu_seconds
    assert len(worked) == 6 and all(seconds > 0 for seconds in worked)


@pytest.mark.timing
def test_waiting_is_on_the_wall_s_clock_and_not_the_cpu_s(loader):
    def slow_loss(logits, labels):
        time.sleep(0.1)
        return LOSS(logits, labels)

    model = make_model()
    history = fit(model, loader, loader, epochs=1, loss_fn=slow_loss)
    slept = 0.1 * len(loader)
    for walls, cpus in (
        (history.train_seconds, history.train_cpu_seconds),
        (history.validation_seconds, history.validation_cpu_seconds),
    ):
        assert walls[0] >= slept and cpus[0] <= walls[0] - 0.9 * slept


def test_the_recipe_is_what_datasets_loaders_and_fit_take():
    assert RECIPE._fields == ("max_length", "epochs", "learning_rate", "batch_size")
    assert all(value > 0 for value in RECIPE)


def test_the_last_test_numbers_are_those_of_the_returned_model(loader):
    model, history = fit_anew(loader)
    metrics = run_epoch(model, loader, LOSS)
    assert metrics == (history.validation_loss[-1], history.validation_accuracy[-1])


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
    assert history.validation_accuracy[-1] > 0.85


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
    with pytest.raises(ValueError, match=f"epochs is {epochs}; it must be 1 or more"):
        fit(make_model(), loader, loader, epochs=epochs)


def test_a_loader_that_cannot_be_read_is_refused_before_the_first_step(loader):
    model = make_model()
    before = parameters_of(model)
    with pytest.raises(ValueError, match="no batch; it needs at least one"):
        fit(model, loader, [], epochs=1)
    with pytest.raises(ValueError, match="no batch; it needs at least one"):
        fit(model, [], loader, epochs=1)
    assert_same_parameters(model, before)


# fit with pieces of your own


def by_hand(model, loader, epochs, optimizer, after_epoch=lambda: None, loss_fn=LOSS):
    """Train as one writes it down without ``fit``."""
    for _ in range(epochs):
        for token_ids, lengths, labels in loader:
            optimizer.zero_grad()
            loss_fn(model(token_ids, lengths), labels).backward()
            optimizer.step()
        after_epoch()
    return model


def test_an_optimizer_of_your_own_keeps_its_rate(loader):
    model, twin = make_model(dropout=0), make_model(dropout=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    fit(model, loader, loader, epochs=2, learning_rate=7.0, optimizer=optimizer)
    by_hand(twin, loader, 2, torch.optim.SGD(twin.parameters(), lr=0.5))
    assert_same_parameters(model, twin.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("given", [True, False], ids=["with its optimizer", "alone"])
def test_a_scheduler_steps_after_every_epoch(loader, given):
    def pieces(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        return optimizer, StepLR(optimizer, 1, gamma=0.1)

    model, twin = make_model(dropout=0), make_model(dropout=0)
    optimizer, scheduler = pieces(model)
    own = {"optimizer": optimizer, "scheduler": scheduler} if given else {"scheduler": scheduler}
    fit(model, loader, loader, epochs=3, **own)
    optimizer, scheduler = pieces(twin)
    by_hand(twin, loader, 3, optimizer, scheduler.step)
    assert_same_parameters(model, twin.state_dict())
    assert scheduler.get_last_lr() == own["scheduler"].get_last_lr() == [pytest.approx(5e-4)]


def test_a_plateau_is_one_of_the_validation_loss():
    model, (train, opposite) = Table([0.0, 0.0]), (batches([1.0, 0.0]), batches([0.0, 1.0]))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    plateau = ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    history = fit(model, train, opposite, epochs=3, scheduler=plateau)
    assert history.train_loss[2] < history.train_loss[1] < history.train_loss[0]
    assert history.validation_loss[2] > history.validation_loss[1] > history.validation_loss[0]
    assert plateau.best == history.validation_loss[0] and optimizer.param_groups[0]["lr"] == 0.25


def test_a_loss_of_your_own_is_trained_on():
    model = Table([1.0, 2.0, 3.0])
    loader = batches([4.0, 5.0, 6.0], size=3)
    history = fit(model, loader, loader, epochs=50, learning_rate=0.3, loss_fn=nn.MSELoss())
    assert history.validation_loss[-1] < 0.01 * history.validation_loss[0]
    assert history.train_accuracy == history.validation_accuracy == [None] * 50


@pytest.mark.parametrize("kind", [int, float])
def test_several_classes_are_learned_by_cross_entropy(kind):
    labels = [kind(label) for label in (1, 2, 2, 0, 0)]
    model, loader = Table(CLASSES), batches(labels)
    expected = functional.cross_entropy(torch.tensor(CLASSES), torch.tensor(labels).long())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    history = fit(model, loader, loader, epochs=1, optimizer=optimizer)
    assert history.validation_loss == [pytest.approx(expected.item())]
    history = fit(model, loader, loader, epochs=20, learning_rate=1.0)
    assert history.validation_accuracy[-1] == 1


def test_whole_numbers_as_labels_of_one_logit_are_taken():
    history = fit(Table([1.0, -1.0]), *[batches([1, 0])] * 2, epochs=1)
    assert history.validation_accuracy == [1]


WRONG_PIECES = {
    "a scheduler of another optimizer": (
        lambda model: {
            "optimizer": torch.optim.SGD(model.parameters()),
            "scheduler": StepLR(torch.optim.SGD(model.parameters()), 1),
        },
        "The scheduler was made for another optimizer; make it for this one",
    ),
    "an optimizer of another model": (
        lambda model: {"optimizer": torch.optim.SGD(copy.deepcopy(model).parameters())},
        "holds parameters that are not this model's; make a new one",
    ),
    "a scheduler of another model": (
        lambda model: {"scheduler": StepLR(torch.optim.SGD(make_model().parameters()), 1)},
        "holds parameters that are not this model's; make a new one",
    ),
    "a class": (
        lambda model: {"optimizer": torch.optim.SGD},
        "optimizer must be a ready-made Optimizer of PyTorch, and is of the type type",
    ),
    "a word": (
        lambda model: {"scheduler": "linear"},
        "scheduler must be a ready-made LRScheduler of PyTorch, and is of the type str",
    ),
}


@pytest.mark.parametrize("case", WRONG_PIECES)
def test_pieces_that_do_not_go_together_are_refused(loader, case):
    make_pieces, sentence = WRONG_PIECES[case]
    model = make_model()
    with pytest.raises((TypeError, ValueError), match=sentence):
        fit(model, loader, loader, epochs=1, **make_pieces(model))


# Interrupts


def test_an_interrupt_leaves_the_finished_epochs_and_a_usable_model(loader, capsys):
    model = make_model().eval()
    before = parameters_of(model)
    stopping = Stopping(loader, KeyboardInterrupt(), after=2, epoch=2)
    history = fit(model, stopping, loader, epochs=5)
    assert len(history) == 1
    assert "interrupted after 1 of 5 epochs" in capsys.readouterr().out
    assert not torch.equal(model.output.weight, before["output.weight"])
    assert not model.training and np.isfinite(run_epoch(model, loader, LOSS).loss)


def test_an_interrupt_in_the_evaluation_leaves_no_half_epoch(loader):
    stopping = Stopping(loader, KeyboardInterrupt(), epoch=2)
    history = fit(make_model(), loader, stopping, epochs=5, looks=1)
    assert len(history) == 1 and len(history.step_losses) == len(loader)


def test_an_interrupt_in_a_look_drops_the_steps_of_the_epoch(loader):
    stopping = Stopping(loader, KeyboardInterrupt(), epoch=4)  # two looks an epoch
    history = fit(make_model(), loader, stopping, epochs=5, looks=2)
    assert len(history) == 1 and len(history.step_losses) == len(loader)
    assert [look.step for look in history.looks][-1] == len(loader)


def test_looking_changes_nothing_in_the_training(loader):
    runs = {looks: (make_model(), looks) for looks in (1, 3)}
    found = {
        looks: fit(model, loader, loader, epochs=2, looks=looks)
        for looks, model in ((looks, model) for looks, (model, _) in runs.items())
    }
    assert found[1].step_losses == found[3].step_losses and len(found[1].looks) == 2
    steps = len(loader)
    between = [round(steps / 3), round(2 * steps / 3), steps]
    assert [look.step for look in found[3].looks] == between + [steps + step for step in between]
    assert found[1].looks[-1] == found[3].looks[-1]
    assert found[1].looks[-1].validation == found[1].epochs[-1].validation
    for one, other in zip(runs[1][0].parameters(), runs[3][0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_mean_of_an_epoch_s_step_losses_is_its_training_loss(loader):
    history = fit(make_model(), loader, loader, epochs=1)
    sizes = torch.tensor([len(batch.labels) for batch in loader], dtype=torch.double)
    losses = torch.tensor(history.step_losses, dtype=torch.double)
    assert history.train_loss[0] == pytest.approx(
        float((losses * sizes).sum() / sizes.sum()), abs=0.02
    )


@pytest.mark.parametrize("looks", [0, -2])
def test_fit_without_a_look_is_refused(loader, looks):
    with pytest.raises(ValueError, match=f"looks is {looks}; it must be 1 or more"):
        fit(make_model(), loader, loader, epochs=1, looks=looks)


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
