"""``--lesson 03``: run what belongs to that lesson and nothing else; ``practicum check 03`` does.

A test belongs to a lesson if it is a cell of one of its notebooks; if a parameter of the test is
one of its notebooks (``path``), its number (``number="03"``), one of its exercises
(``exercise="3.1"``) or a bug that shows in it (``bug``); or by the mark ``lesson("03")``.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

# What comes before a point, an underscore or a blank: the lesson of "03", "3.1" and "03_rnn.ipynb".
NUMBER = re.compile(r"(\d{1,2})(?![^._ ])")
REPORT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lesson",
        action="append",
        default=[],
        metavar="NN",
        help="run only what belongs to this lesson; may be given several times",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "lesson(number): belongs to that lesson, as --lesson sees it"
    )


def lessons_of(item: pytest.Item) -> set[str]:
    """The numbers of the lessons that a test belongs to, as in {"03"}."""
    callspec = getattr(item, "callspec", None)
    values = dict(callspec.params) if callspec else {}
    named = [values.get("number"), values.get("exercise"), getattr(values.get("bug"), "lesson", "")]
    files = [path.name for path in (item.path, values.get("path")) if isinstance(path, Path)]
    marked = [mark.args[0] for mark in item.iter_markers("lesson")]
    found = [NUMBER.match(text) for text in (*named, *files, *marked) if isinstance(text, str)]
    return {match[1].zfill(2) for match in found if match}


@pytest.hookimpl(trylast=True)  # after pytest has looked at -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what belongs to no chosen lesson; a lesson to which nothing belongs is an error."""
    chosen = sorted(number.zfill(2) for number in config.getoption("lesson"))
    if not chosen:
        return
    counts: dict[str, Counter] = {}  # file -> lesson -> tests; only files that ask for lessons
    kept, left = [], []
    for item in items:
        lessons = lessons_of(item)
        (kept if lessons & set(chosen) else left).append(item)
        if lessons:
            counts.setdefault(item.nodeid.partition("::")[0], Counter()).update(lessons)
    for number in chosen:
        if not any(found[number] for found in counts.values()):
            raise pytest.UsageError(f"None of these tests belongs to lesson {number}.")
    config.hook.pytest_deselected(items=left)
    config.stash[REPORT] = [
        f"lesson {number}: {found[number] or 'NOTHING'} of {file}"
        for number in chosen
        for file, found in counts.items()
        if found[number] or not file.endswith(".ipynb")
    ]
    items[:] = kept


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say how much of each file belongs to each lesson, and where there is nothing."""
    return config.stash.get(REPORT, [])
