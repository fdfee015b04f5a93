"""What a lesson runs in: seed, device, threads, reduced size, the mode of a model for a while."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import numpy as np
import torch
from torch import nn

from practicum_utils.support.threads import choose_threads as choose_threads
from practicum_utils.support.threads import hold_threads as hold_threads
from practicum_utils.support.threads import settle_threads

_asked = None  # the device that pick_device was asked for last


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's random numbers."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device(prefer: str | torch.device | None = None) -> torch.device:
    """Return the device to compute on: "cuda" where there is one, else "cpu".

    prefer: this one instead, such as "cpu", "cuda:1" or "mps". Later calls without it give the same
        device, so that the checks compute where the lesson does. Apple's "mps" is taken only if
        asked for, because it gave learners wrong losses (LLMs-from-scratch#635, pytorch#92615).
    On a CPU the number of threads becomes what other programs leave room for: a loop of the
    learner's own asks for none.
    Raises ValueError for a device that is not there, naming those that are.
    """
    device = _picked(prefer)
    if device.type == "cpu":
        settle_threads()
    return device


def _picked(prefer: str | torch.device | None) -> torch.device:
    global _asked
    here = _devices()
    if prefer is not None and str(prefer) not in here:
        raise ValueError(f"There is no device {str(prefer)!r} here; choose of {', '.join(here)}.")
    if prefer is not None:
        _asked = str(prefer)
    if _asked in here:
        return torch.device(_asked)
    if "mps" in here:
        _mention_mps()
    return torch.device("cuda" if "cuda" in here else "cpu")


def _devices() -> list[str]:
    """The names of this machine's devices."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


@cache  # once is enough
def _mention_mps() -> None:
    print(
        'computing on the CPU: Apple\'s GPU ("mps") has given learners wrong losses; '
        'pick_device("mps") takes it all the same'
    )


def is_fast() -> bool:
    """True if the environment says ``PRACTICUM_FAST=1``: same code, less data, fewer epochs."""
    return os.environ.get("PRACTICUM_FAST", "0") not in ("", "0")


def full_or_fast(full: int | None, fast: int) -> int | None:
    """Return a lesson's size: ``full``, or ``fast`` (said in a line) under ``PRACTICUM_FAST=1``."""
    if not is_fast():
        return full
    print(f"PRACTICUM_FAST=1: {fast:,} here instead of {'all' if full is None else f'{full:,}'}")
    return fast


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Call ``model.train(training)`` for a while; then every part has the mode it had before.

    So a part that was in evaluation mode alone (a frozen encoder) is in it again afterwards, after
    an error or an interrupt too.
    """
    before = [(part, part.training) for part in model.modules()]
    try:
        model.train(training)
        yield
    finally:
        for part, was_training in before:
            part.training = was_training


def evaluating(model: nn.Module) -> AbstractContextManager[None]:
    """Switch dropout off for a while; every part of the model returns to the mode it was in."""
    return mode(model, False)


def keep_random_numbers() -> Callable[[], None]:
    """Note where the random numbers of Python, NumPy and PyTorch, on every device, stand.

    Returns a function that puts them back there, as often as it is called.
    """
    # (put back, state) of each; asking CUDA starts it, or what is seeded now would reach it later.
    states = [
        (random.setstate, random.getstate()),
        (np.random.set_state, np.random.get_state()),
        (torch.set_rng_state, torch.get_rng_state()),
    ]
    if torch.cuda.is_available():
        states.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if torch.backends.mps.is_available():
        states.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))

    def put_back() -> None:
        for put, state in states:
            put(state)

    return put_back
