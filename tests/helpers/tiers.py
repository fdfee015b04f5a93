"""Which tests run when.

``pytest -m "not slow"`` is the developer's loop, a minute and a half at most; it meets every room.
Plain ``pytest`` runs all but ``slow_outside``, which ``pytest -m slow_outside`` runs. The cells of
notebooks are slow, and so is whatever is ``slow_outside``. ``timing`` marks what measures time; it
counts the processor's, so that busy neighbours change no verdict.
"""

from collections.abc import Iterable

import pytest
from nbval.plugin import IPyNbCell

HANGS = 1200  # seconds after which something hangs; a busy machine is slow, not broken


def a_few(values: Iterable, every: int = 16) -> list:
    """The parameters of a test, of which only every 16th, say, stays in the developer's loop."""
    return [
        value if place % every == 0
        else pytest.param(*value if isinstance(value, tuple) else (value,), marks=pytest.mark.slow)
        for place, value in enumerate(values)
    ]  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before pytest looks for the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is slow by its kind; leave out what is slow_outside, unless ``-m`` names it."""
    for item in items:
        if isinstance(item, IPyNbCell):
            item.output_timeout = HANGS
        if isinstance(item, IPyNbCell) or item.get_closest_marker("slow_outside"):
            item.add_marker("slow")
    if "slow_outside" not in config.option.markexpr:
        outside = [item for item in items if item.get_closest_marker("slow_outside")]
        config.hook.pytest_deselected(items=outside)
        items[:] = [item for item in items if item not in outside]


@pytest.hookimpl(trylast=True)  # after pytest has noted what failed
def pytest_sessionfinish(session: pytest.Session) -> None:
    """For ``--lf``: a failed cell of a notebook needs all cells above it to run again."""
    cache = getattr(session.config, "cache", None)
    if cache is None or hasattr(session.config, "workerinput"):
        return
    failed = cache.get("cache/lastfailed", {})
    for name in list(failed):
        notebook, _, number = name.rpartition(".ipynb::Cell ")
        if notebook:
            above = (f"{notebook}.ipynb::Cell {place}" for place in range(int(number)))
            failed |= dict.fromkeys(above, True)
    cache.set("cache/lastfailed", failed)
