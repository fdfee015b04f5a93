"""Presenters switch a planted bug on and off in one line, among the names of their notebook."""

import json
import traceback

import pytest

from practicum_utils.authoring import build
from practicum_utils.bugs import CATALOGUE, as_typed
from practicum_utils.bugs.planting import bugs_in
from practicum_utils.bugs.typed import TYPED
from practicum_utils.checks import CheckError, check
from practicum_utils.support.files import read_asset

ENTRIES = json.loads(read_asset(TYPED))
NOTEBOOK = """
import re
import torch
import torch.nn.functional as F
from collections import Counter
from torch import nn
from torch.utils.data import Dataset
from practicum_utils.bugs import as_typed
from practicum_utils.data import *
from practicum_utils.models import *
from practicum_utils.training import Metrics
"""


@pytest.fixture
def run():
    """Runs lines in one notebook, and returns its names."""
    names = {"__name__": "__main__"}
    exec(NOTEBOOK, names)

    def run(line):
        exec(line, names)
        return names

    return run


@pytest.mark.parametrize("exercise", ENTRIES)
def test_a_bug_is_planted_and_mended(exercise, run, capsys):
    name, strict = ENTRIES[exercise]["name"], {"strict": True}
    wrong = run(f'{name} = as_typed("{exercise}", bug=True)')[name]
    assert capsys.readouterr().out == f"{name}: as typed in class\n"
    with pytest.raises(CheckError):
        check(exercise, wrong, **strict)
    right = run(f'{name} = as_typed("{exercise}", bug=False)')[name]
    said = capsys.readouterr().out
    assert said.startswith(f"{name}: mended\n") and ("\n- " in said or "\n+ " in said)
    check(exercise, right, **strict)


def test_the_planted_line_is_shown_only_if_wanted(run, capsys):
    run('as_typed("3.3", show=True)')
    assert "+ self.hidden = nn.Linear(hidden_size, hidden_size)" in capsys.readouterr().out
    run('as_typed("3.3", bug=False, show=False)')
    assert capsys.readouterr().out == "SimpleRNN: mended\n"


def test_another_lesson_gets_the_bug_that_shows_there(run):
    code = {lesson: run(f'as_typed("2.2", lesson="{lesson}")')["run_epoch"].__code__.co_names
            for lesson in ("2", "03")}  # fmt: skip
    assert "zero_grad" not in code["2"] and "zero_grad" not in code["03"]
    assert "float" in code["2"] and "float" not in code["03"]


def test_the_code_calls_the_helpers_of_the_notebook(run):
    run('SimpleRNN = as_typed("3.3", bug=False)')
    run("def last_vectors(states, lengths):\n    raise RuntimeError('my own helper')")
    with pytest.raises(RuntimeError, match="my own helper") as caught:
        run("SimpleRNN(9)(torch.ones(2, 3, dtype=torch.long), torch.tensor([3, 3]))")
    shown = "".join(traceback.format_exception(caught.value))
    assert 'File "<exercise 3.3 as typed>"' in shown
    assert "return last_vectors(states, lengths)" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("3.1",), r"No bug is planted in exercise '3.1'; there is one in 1.2, "),
        (("2.2", True, "04"), r"The bug of exercise 2.2 does not show in lesson 04\."),
    ],
)
def test_what_has_no_bug_is_refused_in_a_sentence(arguments, said):
    with pytest.raises(ValueError, match=said):
        as_typed(*arguments)


def test_the_file_is_what_the_sources_make_and_has_every_planted_bug():
    root = build.find_root()
    assert not [line for line in build.differences(root, ["01"]) if TYPED in line]
    planted = {bug for entry in ENTRIES.values() for bug in bugs_in(entry["code"])}
    known = {bug for lesson in build.read_all(root).values() for cell in lesson.cells
             for bug in cell.bugs()}  # fmt: skip
    assert planted == known and planted <= CATALOGUE.keys()


def test_a_file_that_is_out_of_date_is_found(tmp_path, monkeypatch):
    root, made = build.find_root(), build.ASSETS / TYPED
    (tmp_path / made).parent.mkdir(parents=True)
    (tmp_path / "solutions").symlink_to(root / "solutions")
    (tmp_path / "pyproject.toml").symlink_to(root / "pyproject.toml")
    for text in (None, "{}\n"):
        if text:
            (tmp_path / made).write_text(text)
        assert f"{made} is out of date" in build.differences(tmp_path, ["01"])[0]
    build._write_typed(tmp_path)
    assert json.loads((tmp_path / made).read_text()) == ENTRIES
