"""The machine and the session a lesson runs in: seed, device, reduced size, evaluation mode."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


def set_seed(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's random numbers."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device() -> torch.device:
    """Return the fastest device here: "cuda", else "mps", else "cpu"."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


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
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch dropout off for a while; every part of the model returns to the mode it was in."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


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
