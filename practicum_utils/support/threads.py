"""How many threads PyTorch computes with: as many as make a real step faster, just now.

Threads share each operation of a step and wait for each other after it. If another program takes
one of their cores, all wait until the system gives it back, thousands of times in a step: two
threads then take ten times as long as one. So before a trial of real steps a probe sees how many
threads run unhindered, in 40 ms, and the trial keeps to these.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch

VARIABLE = "PRACTICUM_THREADS"
# The probe: PyTorch gives a thread at least so many numbers; one portion takes it 20 to 100 µs, and
# a system that lets another program run meanwhile does so for 3 ms or more.
PORTION, PROBE_SECONDS, PAUSE_SECONDS, HINDERED = 32_768, 0.04, 1e-3, 0.2
FRESH_SECONDS = 2.0  # a look at the load is not repeated within them
# The trial: work of less than a second is not worth one. More threads must take at most 92 % of the
# time, since they are what goes wrong; a difference beyond the two others is seen at once.
SHORT_SECONDS, TIMING_SECONDS, ROUNDS = 1.0, 0.02, 3
WORTH_IT, CLEARLY_FASTER, CLEARLY_SLOWER = 0.92, 0.8, 2.0


class _Choice(NamedTuple):
    """The number for one model; steps: in how much work at most it holds, without a trial."""

    number: int
    room: int
    steps: float = math.inf


class _Session:
    """What is known of the threads of this process; ``number`` is what was set last."""

    def __init__(self):
        self.bound = self.number = torch.get_num_threads()
        self.room, self.looked = self.bound, -math.inf
        self.held, self.own, self.decided, self.said = 0, False, False, None
        self.choices: WeakKeyDictionary[object, _Choice] = WeakKeyDictionary()

    def choose(self, owner, prepare, steps: int) -> str:
        if self.is_decided():
            return ""
        self.look()
        known = self.choices.get(owner)
        if known is not None and known.room == self.room and steps <= known.steps:
            self.set(known.number)
            return ""
        self.choices[owner] = found = self.decide(prepare, steps)
        self.set(found.number)
        return self.in_words() if found.steps == math.inf else ""

    def settle(self) -> None:
        """Take as many as have room, without a trial."""
        if not self.is_decided():
            self.look()
            self.set(self.room)

    def is_decided(self) -> bool:
        """Whether there is nothing to choose; sets the number that the environment asks for."""
        if self.held:
            return True
        asked = _asked_for()
        if asked is not None:
            self.set(asked)
            return True
        self.own = self.own or torch.get_num_threads() != self.number
        return self.own or self.bound == 1

    def set(self, number: int) -> None:
        """Compute with so many threads from now on."""
        if torch.get_num_threads() != number:
            torch.set_num_threads(number)
        self.number = number

    def look(self) -> None:
        """See how many threads have room; a moment's work of another program is no change."""
        if time.monotonic() - self.looked < FRESH_SECONDS:
            return
        try:
            room = free_threads(self.bound)
            self.room = room if room == self.room else free_threads(self.bound)
        finally:
            torch.set_num_threads(self.number)
        self.looked = time.monotonic()

    def decide(self, prepare, steps: int) -> _Choice:
        """Time real steps, if there is anything to find out by it."""
        number: int | None = 1
        if self.room > 1:
            try:
                number = _fastest(prepare(), steps, _candidates(self.room))
            except Exception:  # it cannot be copied, or run; if it cannot run, the epoch says so
                return _Choice(min(self.number, self.room), self.room, steps)
            finally:
                torch.set_num_threads(self.number)
        if number is None:
            return _Choice(min(self.number, self.room) if self.decided else 1, self.room, steps)
        self.decided = True
        return _Choice(number, self.room)

    def in_words(self) -> str:
        """The line that says what was chosen, or nothing where it was said before."""
        if self.said == self.number:
            return ""
        self.said = self.number
        other = 1 if self.number == self.bound else self.bound
        busy = "as other programs use the processor" if self.room < self.bound else ""
        why = busy or "which is fastest here just now"
        numbers = f"{self.number} of {self.bound} threads"
        return f"computing with {numbers}, {why}; {VARIABLE}={other} would take {other}"


@cache
def _session() -> _Session:
    return _Session()


def choose_threads(owner: object, prepare: Callable[[], Callable[[], object]], steps: int) -> str:
    """Set the number of threads for work that begins now; call it between epochs only.

    owner: the model that works; the number stays with it until the machine's load changes.
    prepare: called if steps have to be timed; returns a function that does one without leaving a
        trace. If either raises an Exception, the number stays as it is.
    steps: how many the work has. If they take less than a second with one thread there is no trial.
    Returns a line to be printed, or "" where nothing new was chosen. The most that is chosen is the
    number that PyTorch came with, or was set to, at the first call. ``PRACTICUM_THREADS=n`` in the
    environment sets n, and a later ``torch.set_num_threads`` of the user's own ends the choosing.
    Raises ValueError for a PRACTICUM_THREADS that is no whole number from 1.
    """
    return _session().choose(owner, prepare, steps)


def settle_threads() -> None:
    """Set as many threads as other programs leave room for just now, without timing a step.

    For loops that the learner writes, which ask nobody; ``choose_threads`` says what overrides it.
    """
    _session().settle()


@contextmanager
def hold_threads() -> Iterator[None]:
    """Leave the number of threads as it is for a while, whatever ``choose_threads`` is asked."""
    session = _session()
    session.held += 1
    try:
        yield
    finally:
        session.held -= 1


def _asked_for() -> int | None:
    """The number that the environment asks for, if it does."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(
            f"{VARIABLE} is {text!r}; set it to a whole number from 1, or not at all to have the "
            "number of threads chosen."
        )
    return int(text)


def _candidates(most: int) -> list[int]:
    """1, 2, 4, ... and ``most`` itself."""
    doubled = [2**power for power in range(most.bit_length())]
    return [*doubled, *([] if doubled[-1] == most else [most])]


# The probe


def free_threads(most: int) -> int:
    """How many threads, at most ``most``, run just now without another program in their way.

    Every thread does the same small portion of work, many times. Leaves that number set.
    """
    for number in reversed(_candidates(most)[1:]):
        if not _is_hindered(number):
            return number
    return 1


def _is_hindered(number: int) -> bool:
    """Whether these threads spend more than a fifth of a moment waiting for a core."""
    torch.set_num_threads(number)
    portions = torch.zeros(number * PORTION, dtype=torch.float32, device="cpu")
    torch.tanh(portions, out=portions)  # the first time threads are started and memory is fetched
    spent = paused = 0.0
    while spent < PROBE_SECONDS and paused <= HINDERED * PROBE_SECONDS:
        started = time.perf_counter()
        torch.tanh(portions, out=portions)
        seconds = time.perf_counter() - started
        spent += seconds
        paused += seconds if seconds > PAUSE_SECONDS else 0.0
    return paused > HINDERED * PROBE_SECONDS


# The trial


def _fastest(step: Callable[[], object], steps: int, numbers: list[int]) -> int | None:
    """Which of the rising numbers of threads to take; None if the steps are not worth a trial."""
    best, *others = numbers
    torch.set_num_threads(best)
    step()  # the first one takes longer
    seconds = _seconds(step, best)
    if seconds * steps < SHORT_SECONDS:
        return None
    for number in others:
        few, many = _compare(step, best, seconds, number)
        if many > WORTH_IT * few:
            break
        best, seconds = number, many
    return best


def _compare(step, best: int, few: float, number: int) -> tuple[float, float]:
    """Seconds of a step with ``best`` and with ``number`` threads, taking turns; the least count.

    Ends at a clear difference: where another program came in between, a step takes ten times as
    long, and is not repeated.
    """
    many = math.inf
    for _ in range(ROUNDS):
        many = min(many, _seconds(step, number))
        if not CLEARLY_FASTER * few < many < CLEARLY_SLOWER * few:
            break
        few = min(few, _seconds(step, best))
    return few, many


def _seconds(step, number: int) -> float:
    """Seconds of a step with so many threads, the mean of a few if it is short."""
    torch.set_num_threads(number)
    done, started, spent = 0, time.perf_counter(), 0.0
    while spent < TIMING_SECONDS:
        step()
        done, spent = done + 1, time.perf_counter() - started
    return spent / done
