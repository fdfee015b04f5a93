"""Seeds, devices, reduced sizes, and modes that come back."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from practicum_utils.support import environment
from practicum_utils.support.environment import (
    evaluating,
    full_or_fast,
    is_fast,
    mode,
    pick_device,
    set_seed,
)


def test_set_seed_fixes_all_three_generators():
    def draw():
        set_seed(7)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draw() == draw()


@pytest.fixture
def machine(monkeypatch):
    """A function that gives this machine other devices: so many cards, with or without mps."""
    monkeypatch.setattr(environment, "_asked", None)
    environment._mention_mps.cache_clear()

    def has(cards=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


def test_the_picked_device_can_be_used():
    assert torch.ones(2, device=pick_device()).sum().item() == 2


@pytest.mark.parametrize(("cards", "picked"), [(0, "cpu"), (1, "cuda"), (2, "cuda")])
def test_a_card_is_picked_in_silence_where_there_is_one(machine, cards, picked, capsys):
    machine(cards)
    assert pick_device() == torch.device(picked)
    assert capsys.readouterr().out == ""


def test_mps_is_not_picked_unasked_and_that_is_said_once(machine, capsys):
    machine(mps=True)
    assert pick_device() == pick_device() == torch.device("cpu")
    (line,) = capsys.readouterr().out.splitlines()
    assert "wrong losses" in line and 'pick_device("mps")' in line


def test_mps_is_picked_in_silence_if_asked_for(machine, capsys):
    machine(mps=True)
    assert pick_device("mps") == torch.device("mps")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("asked", ["cpu", "cuda:1", torch.device("cuda", 1)])
def test_what_was_asked_for_is_picked_later_too(machine, asked):
    machine(cards=2)
    assert pick_device(asked) == pick_device() == torch.device(asked)
    machine()
    assert pick_device() == torch.device("cpu")


@pytest.mark.parametrize("asked", ["mps", "cuda:1", "gpu", torch.device("cuda", 7)])
def test_a_device_that_is_not_there_is_refused(machine, asked):
    machine(cards=1)
    with pytest.raises(ValueError, match=r"no device '.*' here; choose of cpu, cuda, cuda:0\."):
        pick_device(asked)
    assert pick_device() == torch.device("cuda")


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


# Modes


@pytest.fixture
def model():
    """A model in train mode with one part that is in evaluation mode on purpose."""
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[1].eval()
    return model


def modes(model):
    return [part.training for part in model.modules()]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, None])
def test_each_part_gets_its_own_mode_back(model, training, error):
    before = modes(model)
    assert set(before) == {True, False}
    try:
        with mode(model, training):
            assert set(modes(model)) == {training}
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert modes(model) == before


def test_evaluating_is_evaluation_mode_for_a_while(model):
    before = modes(model)
    with evaluating(model):
        assert set(modes(model)) == {False}
    assert modes(model) == before
