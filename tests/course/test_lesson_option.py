"""``--lesson NN`` takes the tests of that lesson, all of them and no other, and says how many."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lesson_option
import pytest
from lesson_option import lessons_of

from practicum_utils.bugs import CATALOGUE

TESTS = """\
import pathlib
import pytest

@pytest.mark.parametrize("exercise", ["1.2", "3.1", "12.1", "13.1", "2.2 average"])
def test_check(exercise): pass

@pytest.mark.parametrize("path", [pathlib.Path("notebooks/12_a.ipynb"), pathlib.Path("02_b.ipynb")])
def test_copy(path): pass

@pytest.mark.lesson("03")
def test_marked(): pass

def test_of_no_lesson(): pass
"""


def item(file="test_x.py", marks=(), **params):
    """As much of pytest's item as the option looks at."""
    marked = [SimpleNamespace(args=(number,)) for number in marks]
    return SimpleNamespace(
        path=Path(file), callspec=SimpleNamespace(params=params), iter_markers=lambda name: marked
    )


@pytest.mark.parametrize(
    ("one", "lessons"),
    [
        (item(), set()),
        (item("solutions/debugged/12_language_model.ipynb"), {"12"}),
        (item(path=Path("solutions/03_simple_rnn.ipynb")), {"03"}),
        (item(number="03"), {"03"}),
        (item(number="12", bug=CATALOGUE["linear-input-size"]), {"03", "12"}),
        (item(exercise="3.1"), {"03"}),
        (item(exercise="13.1"), {"13"}),
        (item(exercise="2.2 average"), {"02"}),
        (item(marks=("06",)), {"06"}),
        (item(number=3, exercise=None, path="x", bug="y"), set()),
        (item(number="300", text="3.1"), set()),
    ],
)
def test_a_test_belongs_to_the_lessons_that_it_names(one, lessons):
    assert lessons_of(one) == lessons


def collected(folder, *options):
    """What pytest says of a folder with ``TESTS`` in it: its lines, and its exit code."""
    (folder / "test_tiny.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "lesson_option",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "-c",
        "/dev/null",
        "--collect-only",
        *options,
        str(folder),
    ]
    helpers = {**os.environ, "PYTHONPATH": str(Path(lesson_option.__file__).parent)}
    result = subprocess.run(command, capture_output=True, text=True, env=helpers)
    return result.stdout + result.stderr, result.returncode


@pytest.mark.slow
def test_the_tests_of_the_lessons_are_taken_and_counted(tmp_path):
    said, code = collected(tmp_path, "--lesson=3", "--lesson=12")
    assert code == 0 and "4/9 tests collected (5 deselected)" in said
    for name in ("test_check[3.1]", "test_check[12.1]", "test_copy[path0]", "test_marked"):
        assert name in said
    assert "lesson 03: 2 of test_tiny.py\nlesson 12: 2 of test_tiny.py\n" in said


@pytest.mark.slow
def test_a_file_with_nothing_for_a_lesson_is_named(tmp_path):
    (tmp_path / "test_other.py").write_text(TESTS.replace('"12.1", ', "").replace("12_a", "11_a"))
    said, _ = collected(tmp_path, "--lesson=12")
    assert "lesson 12: NOTHING of test_other.py\nlesson 12: 2 of test_tiny.py\n" in said


@pytest.mark.slow
def test_a_lesson_without_any_test_is_an_error(tmp_path):
    said, code = collected(tmp_path, "--lesson=03", "--lesson=09")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "None of these tests belongs to lesson 09." in said


@pytest.mark.slow
def test_without_the_option_every_test_is_taken(tmp_path):
    said, code = collected(tmp_path)
    assert code == 0 and "9 tests collected" in said and "lesson" not in said.partition("<")[0]
