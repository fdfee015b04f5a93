"""Fixtures that several test files share; all tests use reduced sizes and a home of their own."""

import os
import signal

import hypothesis
import pytest
import torch

pytest_plugins = ["lesson_option", "tiers"]

# The same examples in every run, and no time limit on them: machines are shared and slow at times.
hypothesis.settings.register_profile(
    "course",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("course")

# Tiny tensors gain nothing from a second thread, and lose much where the cores are busy.
torch.set_num_threads(1)
# A shell's background jobs are started deaf to the stop key; the tests of interrupts press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The kernels that nbval starts inherit these two: less data, and a core for each of two workers.
os.environ.setdefault("PRACTICUM_FAST", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory):
    """Keep cache and results of the test run away from the user's own."""
    before = os.environ.get("PRACTICUM_HOME")
    os.environ["PRACTICUM_HOME"] = str(tmp_path_factory.mktemp("home"))
    yield
    if before is None:
        del os.environ["PRACTICUM_HOME"]
    else:
        os.environ["PRACTICUM_HOME"] = before


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A fresh, empty home for one test."""
    monkeypatch.setenv("PRACTICUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class Handle:
    """What ``display`` returns for an output that is to change; it appends to ``shown``."""

    def __init__(self, shown):
        self.shown = shown

    def update(self, view, raw=False):
        self.shown.append(view["text/plain"] if raw else view)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, in order, and what takes its place later."""
    found = []

    def display(view, **how):
        found.append(view)
        return Handle(found) if how.get("display_id") else None

    monkeypatch.setattr("IPython.display.display", display)
    return found
