"""A machine whose threads and clock are made up, so that no test depends on the real one's load."""

import time
from types import SimpleNamespace

import torch

from practicum_utils.support import threads

PORTION_SECONDS, PAUSE = 5e-5, 8e-3


class Machine:
    """``cores`` of which ``taken`` are another program's; ``cost``: seconds of a step by threads.

    number: of threads at first; the cores' if None.

    ``steps`` notes the number of threads of each timed step, ``looks`` that of each probe.
    """

    def __init__(self, cores=2, cost=None, taken=0, number=None):
        self.cores, self.taken, self.number, self.now = cores, taken, number or cores, 100.0
        self.cost = cost or {1: 0.15, 2: 0.11}
        self.steps, self.looks, self.prepared = [], [], 0

    def set_num_threads(self, number):
        self.number = number

    def tanh(self, portions, out):
        """A portion of work for each thread, as the probe does it."""
        hindered = self.number > self.cores - self.taken
        self.now += PAUSE if hindered else PORTION_SECONDS

    def prepare(self):
        self.prepared += 1
        return self.step

    def step(self):
        self.steps.append(self.number)
        self.now += self.cost[self.number]

    def choose(self, owner=None, steps=100, pause=10.0):
        """Let so many seconds pass, then choose; the line that is returned."""
        self.now += pause
        return threads.choose_threads(owner or self, self.prepare, steps)


def install(monkeypatch, **how):
    """Put a machine in the place of the real one, with a session in which nothing is known yet."""
    machine = Machine(**how)
    monkeypatch.setattr(torch, "set_num_threads", machine.set_num_threads)
    monkeypatch.setattr(torch, "get_num_threads", lambda: machine.number)
    clock = SimpleNamespace(perf_counter=lambda: machine.now, monotonic=lambda: machine.now)
    monkeypatch.setattr(threads, "time", clock)
    session = threads._Session()
    monkeypatch.setattr(threads, "_session", lambda: session)
    monkeypatch.delenv("PRACTICUM_THREADS", raising=False)
    probe = threads.free_threads

    def free_threads(most):
        machine.looks.append(most)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "tanh", machine.tanh)
            return probe(most)

    monkeypatch.setattr(threads, "free_threads", free_threads)
    assert time.perf_counter() != clock.perf_counter()  # only the module's clock is made up
    return machine
