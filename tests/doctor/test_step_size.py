"""The size of the steps: rates that are too small or too large, and those that only look so."""

import pytest
import torch
from tiers import a_few

from practicum_utils.clinic.programs import build
from practicum_utils.doctor import examine


def report(column="cnn", make=None, train=0):
    program = build(column)
    program.train(train)
    optimizer = make(program.model.parameters())
    return examine(program.model, program.loader, program.loss_fn, optimizer)


def named(**given):
    return [(f.bug_id, f.level) for f in report(**given).findings]


@pytest.mark.parametrize(("make", "bug"), a_few([
    (lambda p: torch.optim.Adam(p, 1e-6), "tiny-learning-rate"),
    (lambda p: torch.optim.SGD(p, 1e-6), "tiny-learning-rate"),
    (lambda p: torch.optim.Adam(p, 0.0), "tiny-learning-rate"),
    (lambda p: torch.optim.AdamW(p, 5.0), "huge-learning-rate"),
    (lambda p: torch.optim.SGD(p, 50.0), "huge-learning-rate"),
]))  # fmt: skip
def test_a_rate_that_cannot_work_is_an_error(make, bug):
    assert named(make=make) == [(bug, "error")]


@pytest.mark.parametrize("make", a_few([
    lambda p: torch.optim.Adam(p, 1e-4),
    lambda p: torch.optim.Adam(p, 3e-2),
    lambda p: torch.optim.SGD(p, 1e-2),
    lambda p: torch.optim.SGD(p, 0.5),
    lambda p: torch.optim.RMSprop(p, 1e-3),
    lambda p: torch.optim.Adagrad(p, 1e-1),
]))  # fmt: skip
def test_a_rate_that_works_is_left_in_peace(make):
    assert named(make=make) == []


@pytest.mark.slow
def test_small_steps_are_wise_for_a_model_that_knows_already():
    found = named(make=lambda p: torch.optim.Adam(p, 1e-5), train=12)
    assert [level for _, level in found if level != "info"] == []


@pytest.mark.slow
def test_a_schedule_that_begins_at_zero_is_no_learning_rate_of_zero():
    def make(parameters):
        optimizer = torch.optim.Adam(parameters, 1e-2)
        make.schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, step / 10))
        assert optimizer.param_groups[0]["lr"] == 0
        return optimizer

    assert named(make=make) == []


@pytest.mark.slow
def test_a_schedule_that_has_ended_is_one():
    def make(parameters):
        optimizer = torch.optim.Adam(parameters, 1e-2)
        make.schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: float(step < 1))
        optimizer.step()
        make.schedule.step()
        return optimizer

    assert named(make=make) == [("tiny-learning-rate", "error")]
