"""Choosing the number of threads changes nothing else: not a weight, a random number or a line."""

import copy
import random

import machine as machines
import numpy as np
import pytest
import torch
from torch import nn

from practicum_utils.data import make_loader
from practicum_utils.support import progress
from practicum_utils.training import fit, loop, run_epoch
from practicum_utils.training.trial import choose_for

LOSS = nn.BCEWithLogitsLoss()
MACHINE = {}  # the made-up machine of the running test, which no copy of a model copies


class Model(nn.Module):
    """All that a trial could leave a trace in; each forward pass takes the machine's time."""

    def __init__(self):
        super().__init__()
        self.embedding, self.norm = nn.Embedding(20, 4), nn.BatchNorm1d(4)
        self.dropout, self.output = nn.Dropout(), nn.Linear(4, 1)
        self.passes, self.numbers = [], []

    def forward(self, token_ids, lengths):
        print("a learner's print")
        random.random()
        np.random.rand()
        token_ids.clamp_(min=6)  # in place, as a learner may write it
        self.passes.append(token_ids.sum().item())
        self.numbers.append(torch.get_num_threads())
        if MACHINE:
            MACHINE["machine"].step()
        hidden = self.dropout(self.norm(self.embedding(token_ids).mean(dim=1)))
        return self.output(hidden).squeeze(1)


@pytest.fixture
def machine(monkeypatch):
    """Two idle cores; a step is clearly faster with both, and an epoch long enough for a trial."""
    machine = machines.install(monkeypatch, cost={1: 1.0, 2: 0.7})
    monkeypatch.setitem(MACHINE, "machine", machine)
    return machine


@pytest.fixture
def one(monkeypatch):
    """The same, but a second thread gains nothing, so that one is chosen."""
    machine = machines.install(monkeypatch, cost={1: 1.0, 2: 1.0})
    monkeypatch.setitem(MACHINE, "machine", machine)
    return machine


def make_model():
    torch.manual_seed(0)
    return Model()


def loader(seed=0, count=21):
    generator = torch.Generator().manual_seed(5)
    examples = [
        (torch.randint(4, 20, (5,), generator=generator), torch.tensor(float(place % 2)))
        for place in range(count)
    ]
    return make_loader(examples, batch_size=8, shuffle=True, seed=seed)


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def train():
    """All that a training leaves behind, and the random numbers that come next."""
    random.seed(3)
    np.random.seed(3)
    model = make_model()
    history = fit(model, loader(), loader(seed=1), epochs=2, looks=1)
    numbers = history.train_loss, history.validation_loss, history.train_accuracy
    return model, {**model.state_dict()}, model.passes, numbers, draw()


def test_a_run_is_the_same_to_the_last_bit(one, monkeypatch, capsys):
    model, weights, passes, numbers, next_random = train()
    printed = capsys.readouterr().out
    assert len(one.steps) > len(passes) and one.number == 1  # there was a trial
    monkeypatch.setenv("PRACTICUM_THREADS", "1")
    before = len(one.steps)
    _, fixed_weights, *fixed = train()
    assert len(one.steps) - before == len(fixed[0])  # and now there was none
    assert [passes, numbers, next_random] == fixed
    assert all(torch.equal(value, fixed_weights[name]) for name, value in weights.items())
    assert weights["norm.num_batches_tracked"] == 6
    line = "computing with 1 of 2 threads"
    assert line in printed and printed.count("a learner's print") == len(passes)


@pytest.mark.parametrize("trains", [True, False])
def test_neither_hooks_nor_gradients_nor_modes_know_of_it(machine, trains):
    called = []
    model = make_model()
    model.eval().norm.train()
    for part in model.modules():
        part.register_forward_pre_hook(lambda *_: called.append("before"))
        part.register_forward_hook(lambda *_, **__: called.append("after"), with_kwargs=True)
        part.register_full_backward_hook(lambda *_: called.append("backward"))
    model.output.weight.register_hook(lambda gradient: called.append("gradient"))
    own = [copy.deepcopy(vars(part)["training"]) for part in model.modules()]
    batch = next(iter(loader()))
    kept = batch.token_ids.clone()
    with torch.set_grad_enabled(trains):
        assert "2 of 2" in choose_for(model, LOSS, batch, 10)
    assert len(machine.steps) >= 3 and called == [] and model.passes == []
    assert [part.training for part in model.modules()] == own
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(batch.token_ids, kept)


def test_a_loss_that_holds_the_model_s_weights_leaves_no_gradient_in_them(machine):
    model = make_model()

    def loss_fn(logits, labels):
        return LOSS(logits, labels) + model.output.weight.square().sum()

    assert choose_for(model, loss_fn, next(iter(loader())), 10)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_trial_is_with_gradients_in_training_and_without_in_evaluation(machine):
    asked = []

    class Loss(nn.Module):
        def forward(self, logits, labels):
            asked.append(logits.requires_grad)
            return LOSS(logits, labels)

    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            choose_for(make_model(), Loss(), next(iter(loader())), 10)
        assert set(asked) == {grad}
        asked.clear()


def test_a_model_that_cannot_be_copied_is_trained_all_the_same(machine):
    model = make_model()
    model.lock = (number for number in range(3))  # a generator has no copy
    with pytest.raises(TypeError):
        copy.deepcopy(model)
    run_epoch(model, loader(), LOSS, torch.optim.SGD(model.parameters(), lr=0.1))
    assert len(model.passes) == len(machine.steps) == 3 and machine.number == 2


def test_an_error_of_the_model_is_raised_by_the_epoch_itself(machine):
    model = make_model()
    model.output = nn.Linear(3, 1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run_epoch(model, loader(), LOSS)
    assert len(model.passes) == 1


def test_the_number_changes_between_epochs_only(machine):
    class Busy(nn.Module):
        """A loss in whose first real step another program begins, and stays."""

        def forward(self, logits, labels):
            machine.taken = int(len(model.passes) > 0)
            return LOSS(logits, labels)

    model = make_model()
    fit(model, loader(count=40), loader(count=40), epochs=1, loss_fn=Busy())
    looks = [2] * 15  # three within the epoch, which is theirs to share
    assert model.numbers == [2] * 5 + looks + [1] * 5


def test_what_was_chosen_is_printed_before_the_metrics(machine, capsys):
    run_epoch(make_model(), loader(), LOSS)
    lines = [line for line in capsys.readouterr().out.splitlines() if "learner" not in line]
    assert len(lines) == 2
    assert lines[0].startswith("computing with 2 of 2 threads")
    assert lines[1].startswith("evaluation ")


def test_in_a_notebook_it_is_printed_before_the_display_opens(machine, monkeypatch, shown):
    monkeypatch.setattr(progress, "is_notebook", lambda: True)
    monkeypatch.setattr(progress, "print", shown.append, raising=False)
    fit(make_model(), loader(), loader(), epochs=1)
    said, opened, *_, last = shown
    assert said.startswith("computing with 2 of 2 threads")
    assert opened["text/plain"].startswith("epoch 1 of 1:  train ")
    assert last.startswith("epoch") and all("computing" not in str(view) for view in shown[1:])


def test_in_a_terminal_a_line_is_not_written_into_the_progress(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    block = progress.Progress()
    block.say("")
    assert capsys.readouterr().out == ""
    block.say("a line")
    assert capsys.readouterr().out == "\r\033[Ka line\n"


def test_on_another_device_nothing_is_chosen(monkeypatch):
    asked = []
    monkeypatch.setattr(loop, "choose_for", lambda *parts: asked.append(parts) or "")
    with pytest.raises((RuntimeError, NotImplementedError)):  # nothing can be read there
        run_epoch(nn.Module(), loader(), LOSS, device=torch.device("meta"))
    assert asked == []
    run_epoch(make_model(), loader(), LOSS)
    assert [parts[3] for parts in asked] == [3]
