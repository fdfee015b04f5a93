"""Random numbers go on where they stood: Python's, NumPy's, PyTorch's, and those of its devices."""

import random

import numpy as np
import pytest
import torch

from practicum_utils.checks.session import undisturbed
from practicum_utils.doctor.snapshot import kept
from practicum_utils.support.environment import keep_random_numbers, set_seed


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_they_are_put_back_as_often_as_asked():
    set_seed(3)
    put_back = keep_random_numbers()
    first = draw()
    for _ in range(2):
        put_back()
        assert draw() == first


class FakeDevices:
    """The random states of a GPU and of Apple's, on a machine that may have neither."""

    def __init__(self, monkeypatch):
        self.states = {"cuda": 1, "mps": 1}
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        for name, end in (("cuda", "_all"), ("mps", "")):
            owner = getattr(torch, name)
            monkeypatch.setattr(owner, f"get_rng_state{end}", lambda name=name: self.states[name])
            monkeypatch.setattr(
                owner, f"set_rng_state{end}", lambda state, name=name: self.set(name, state)
            )

    def set(self, name, state):
        self.states[name] = state


@pytest.mark.parametrize("quiet_room", [undisturbed, lambda: kept(torch.nn.Linear(1, 1))])
def test_a_check_and_an_examination_leave_no_trace_on_any_device(quiet_room, monkeypatch):
    devices = FakeDevices(monkeypatch)
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)  # it would ask for real devices
    with quiet_room():
        devices.states.update(cuda=2, mps=2)
    assert devices.states == {"cuda": 1, "mps": 1}
