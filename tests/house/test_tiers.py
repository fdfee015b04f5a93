"""Which tests run when, seen on a small project with the plugin of ours."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

HELPERS = Path(__file__).parents[1] / "helpers"
TESTS = """
import pytest
from tiers import a_few

@pytest.mark.parametrize("number", a_few(range(5), every=2))
def test_number(number):
    pass

@pytest.mark.parametrize(("one", "other"), a_few([(1, 2), (3, 4)]))
def test_pair(one, other):
    assert one < other

@pytest.mark.slow_outside
def test_outside():
    pass
"""
CELLS = ["words = ['a', 'film']", "words.append('!')", "assert len(words) == 4", "print(words)"]


@pytest.fixture
def project(tmp_path):
    marks = "\n  ".join(["", "slow", "slow_outside"])
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --nbval-lax\nmarkers ={marks}\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tiers"]\n')
    (tmp_path / "test_some.py").write_text(TESTS)
    cells = [new_markdown_cell("Words"), *map(new_code_cell, CELLS)]
    nbformat.write(new_notebook(cells=cells), tmp_path / "words.ipynb")
    return tmp_path


def outcome(project, *arguments):
    """How many tests passed, failed and were left out."""
    path = os.pathsep.join(filter(None, [str(HELPERS), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "pytest", *arguments]
    own = {**os.environ, "PYTHONPATH": path}
    said = subprocess.run(command, cwd=project, env=own, capture_output=True, text=True).stdout
    counts = re.findall(r"(\d+) (passed|failed|deselected)", said.splitlines()[-1])
    kinds = {kind: int(number) for number, kind in counts}
    return tuple(kinds.get(kind, 0) for kind in ("passed", "failed", "deselected"))


@pytest.mark.slow
def test_the_loop_leaves_out_what_is_slow_and_plain_pytest_what_is_outside(project):
    assert outcome(project, "-m", "not slow") == (4, 0, 8)
    assert outcome(project, "test_some.py") == (7, 0, 1)
    assert outcome(project, "test_some.py", "-m", "slow") == (3, 0, 5)
    assert outcome(project, "-m", "slow_outside") == (1, 0, 11)


@pytest.mark.slow
def test_what_failed_runs_again_with_the_cells_above_it(project):
    assert outcome(project, "words.ipynb") == (3, 1, 0)
    assert outcome(project, "words.ipynb", "--lf")[:2] == (2, 1)
    assert outcome(project, "words.ipynb", "--lf")[:2] == (2, 1)  # and not one of them is forgotten
