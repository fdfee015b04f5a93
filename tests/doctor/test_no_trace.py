"""An examination leaves no trace: all that it may touch is bit for bit what it was."""

import copy
import itertools
import random

import numpy as np
import pytest
import torch
from datasets import Dataset
from tiers import a_few
from torch import nn

from practicum_utils.clinic.programs import COLUMNS, build
from practicum_utils.data import ReviewDataset, Vocabulary, make_loader
from practicum_utils.doctor import examine
from practicum_utils.models import SimpleRNN
from practicum_utils.training import run_epoch


def generators(loader):
    parts = [
        loader,
        loader.sampler,
        loader.batch_sampler,
        getattr(loader.batch_sampler, "sampler", 0),
    ]
    found = [getattr(part, "generator", None) for part in parts]
    return [one.get_state() for one in found if one is not None]


def state_of(model, optimizer, loader):
    """Everything that must stay, as plain values."""
    return {
        "weights": {k: v.clone() for k, v in model.state_dict().items()},
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "needed": [p.requires_grad for p in model.parameters()],
        "which": [id(p.grad) for p in model.parameters()],
        "modes": [part.training for part in model.modules()],
        "hooks": [(len(part._forward_hooks), len(part._forward_pre_hooks))
                  for part in model.modules()],
        "attributes": [sorted(vars(part)) for part in model.modules()],
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "steppers": (len(optimizer._optimizer_step_pre_hooks), sorted(vars(optimizer))),
        "python": random.getstate(),
        "numpy": [str(part) for part in np.random.get_state()],
        "torch": torch.get_rng_state(),
        "loader": generators(loader),
        "fast": torch.backends.mha.get_fastpath_enabled(),
        "grad": torch.is_grad_enabled(),
        "functions": (nn.functional.linear, nn.functional.dropout, torch.autograd.backward),
    }  # fmt: skip


def same(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def assert_untouched(before, after):
    assert [name for name in before if not same(before[name], after[name])] == []


def used(column, bug=None):
    """A program in the middle of its life: some steps done, gradients left, modes mixed."""
    program = build(column, "adam", 0, bug)
    program.train(1)
    for parameter in list(program.model.parameters())[:2]:
        parameter.grad = None
    program.model.train()
    next(program.model.children()).eval()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    return program


def examine_program(program, **changes):
    given = {
        "loss_fn": program.loss_fn, "optimizer": program.optimizer, "run_epoch": program.run_epoch,
        "adapter": program.adapter, **changes,
    }  # fmt: skip
    return examine(program.model, program.loader, **given)


@pytest.mark.parametrize("column", a_few(COLUMNS))
def test_nothing_has_changed_afterwards(column):
    program = used(column)
    before = state_of(program.model, program.optimizer, program.loader)
    examine_program(program)
    assert_untouched(before, state_of(program.model, program.optimizer, program.loader))


LOOKED_INTO = ("tiny-learning-rate", "padding-vector-not-zero", "no-pad-mask",
               "dropout-always-on", "graph-cut-encoder", "frozen-layers")  # fmt: skip


@pytest.mark.parametrize("bug", a_few(LOOKED_INTO))
def test_nothing_has_changed_where_a_bug_was_looked_into(bug):
    program = used("cnn" if bug == "padding-vector-not-zero" else "transformer", bug)
    before = state_of(program.model, program.optimizer, program.loader)
    examine_program(program)
    assert_untouched(before, state_of(program.model, program.optimizer, program.loader))


@pytest.mark.parametrize("call", a_few([0, 9, 20, 35]))
def test_nothing_has_changed_after_an_interrupt(call):
    program, calls = used("packed_lstm"), itertools.count()

    def loss_fn(logits, labels):
        if next(calls) == call:
            raise KeyboardInterrupt
        return program.loss_fn(logits, labels)

    before = state_of(program.model, program.optimizer, program.loader)
    with pytest.raises(KeyboardInterrupt):
        examine_program(program, loss_fn=loss_fn)
    assert_untouched(before, state_of(program.model, program.optimizer, program.loader))


def test_nothing_has_changed_where_the_model_raises():
    program = used("simple_rnn")
    program.model.output = nn.Linear(3, 1)
    before = state_of(program.model, program.optimizer, program.loader)
    assert not examine_program(program).ok
    assert_untouched(before, state_of(program.model, program.optimizer, program.loader))


class Counting(nn.Module):
    """A loss that counts its calls."""

    calls = 0

    def forward(self, logits, labels):
        self.calls += 1
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)


@pytest.mark.slow
def test_the_loss_and_the_schedule_keep_their_counters():
    program = used("cnn")
    schedule = torch.optim.lr_scheduler.StepLR(program.optimizer, 1, gamma=0.5)
    program.optimizer.register_step_post_hook(lambda *_: schedule.step())
    loss_fn = Counting()
    before = state_of(program.model, program.optimizer, program.loader), dict(vars(schedule))
    examine_program(program, loss_fn=loss_fn)
    assert_untouched(before[0], state_of(program.model, program.optimizer, program.loader))
    assert (loss_fn.calls, dict(vars(schedule))) == (0, before[1])


@pytest.mark.slow
def test_the_running_means_of_a_batch_norm_stay():
    model = nn.Sequential(nn.Embedding(50, 8), nn.Flatten(), nn.BatchNorm1d(48), nn.Linear(48, 1),
                          nn.Flatten(0))  # fmt: skip
    batches = [(torch.randint(50, (8, 6)), torch.rand(8).round()) for _ in range(4)]
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    optimizer = torch.optim.Adam(model.parameters())
    assert examine(model, batches, nn.BCEWithLogitsLoss(), optimizer).ok
    assert same(before, dict(model.named_buffers()))


@pytest.mark.slow
def test_the_courses_loader_stands_where_it_stood():
    rows = [{"text": f"word{i % 7} and more {'good' if i % 2 else 'bad'}" * (i % 5 + 1),
             "label": 1 + i % 2} for i in range(64)]  # fmt: skip
    table = Dataset.from_list(rows)
    vocab = Vocabulary.build([row["text"].split() for row in rows])
    dataset = ReviewDataset(table, vocab)
    loader, twin = (make_loader(dataset, 8, shuffle=True, seed=5) for _ in range(2))
    model = SimpleRNN(len(vocab), 8, 8)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    examine(model, loader, nn.BCEWithLogitsLoss(), optimizer, run_epoch)
    for one, other in zip(loader, twin, strict=True):
        assert torch.equal(one.token_ids, other.token_ids)
