"""What CONTRIBUTING.md tells an author to do, done in a copy of the course, word by word."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from practicum_utils.authoring import cli, scaffold
from practicum_utils.authoring.source import read_lesson
from practicum_utils.bugs.planting import LessonError

ROOT = Path(__file__).parents[2]
COPIED = ("practicum_utils", "tests", "notebooks", "solutions", "pyproject.toml", "README.md")
GUARDS = (
    "pytest tests/test_notebooks.py tests/test_check*.py tests/test_catch_up.py -k '13 or lessons'"
)
NAME = "13_shouting"
# A block, and the paragraph before it, whose last sentence says what to do with the block.
BLOCK = re.compile(r"((?:.+\n)+)\n```(\w+)\n([\s\S]*?)```")


def steps():
    """(paragraph, language, block) of each block of the worked example, in order."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = text.split("\n## A worked example\n")[1].split("\n## ")[0]
    found = [(" ".join(m[1].split()), m[2], m[3]) for m in BLOCK.finditer(example)]
    assert len(found) == example.count("```") // 2 >= 10
    return found


def run(folder, *command):
    """Run a command in the copy, on the copy's own package; return what it printed."""
    own = {**os.environ, "PYTHONPATH": str(folder), "PRACTICUM_FAST": "1"}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_line(folder, line):
    """Run one line of a shell; return how many tests passed in it, 0 if it ran none."""
    words = [sorted(folder.glob(word)) if "*" in word else [word] for word in shlex.split(line)]
    program, *arguments = map(str, itertools.chain(*words))
    module = {"practicum": "practicum_utils.authoring.cli", "pytest": "pytest"}[program]
    said = run(folder, sys.executable, "-m", module, *arguments)
    return int((re.findall(r"(\d+) passed", said) or [0])[-1])


def edit(folder, paragraph, block):
    """Do to the file what the paragraph before the block says."""
    last = re.split(r"(?<=[.?]) (?=[A-Z*])", paragraph)[-1]
    path = folder / re.findall(r"`([\w./]+/[\w.]+)`", paragraph)[-1]
    if last.startswith("At the end of"):
        path.write_text(path.read_text() + block)
    elif "elow the first of these lines, add the second" in last:
        anchor, line = block.splitlines(keepends=True)
        assert path.read_text().count(anchor) == 1, f"{path.name} has not one {anchor!r}"
        path.write_text(path.read_text().replace(anchor, anchor + line))
    elif last.startswith("A new file"):
        assert not path.exists()
        path.write_text(block)
    else:
        assert path.exists() and last.endswith("becomes:"), last
        path.write_text(block)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy in which the example has been followed, and how many tests each line passed."""
    folder, passed = tmp_path_factory.mktemp("course"), []
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for paragraph, language, block in steps():
        if language != "bash":
            edit(folder, paragraph, block)
            continue
        passed += [run_line(folder, line) for line in block.splitlines()]
        passed += [run_line(folder, GUARDS)] if len(passed) == 2 else []  # on the scaffold
    return folder, passed


def read(course, folder):
    return nbformat.read(course[0] / folder / f"{NAME}.ipynb", as_version=4)


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


SYMPTOM = "symptom: half of the tokens shout, and the share is 0\n"


@pytest.mark.slow
def test_the_guards_pass_on_the_scaffold_and_on_the_lesson_of_the_example(course):
    _, _, on_the_scaffold, _, on_the_lesson = course[1]
    assert on_the_scaffold >= 20 and on_the_lesson >= 40


@pytest.mark.slow
def test_the_solution_shows_the_symptom_and_has_the_wrong_line(course):
    solution = read(course, "solutions")
    assert printed(solution) == SYMPTOM
    assert any('count("!") // max' in cell.source for cell in solution.cells)


@pytest.mark.slow
def test_the_walkthrough_shows_the_fix(course):
    walkthrough = read(course, "solutions/debugged")
    assert printed(walkthrough) == (
        f"{SYMPTOM}ok: half of the tokens shout\nok: exercise 13.1, exclamation_share\n"
    )
    told = "\n".join(cell.source for cell in walkthrough.cells)
    assert (
        '- return tokens.count("!") // max(1, len(tokens))\n+ return tokens.count("!") / ' in told
    )
    assert "**This time:** `//` rounds down" in told


@pytest.mark.slow
def test_the_student_copy_has_the_stub(course):
    code = [cell.source for cell in read(course, "notebooks").cells if cell.cell_type == "code"]
    assert any('raise NotImplementedError("Exercise 13.1 is yours to write.")' in c for c in code)
    assert not any("max(1" in source for source in code)


@pytest.mark.slow
def test_the_files_of_the_example_keep_the_house_rules(course):
    for command in (["check"], ["format", "--check"]):
        run(course[0], sys.executable, "-m", "ruff", *command, "--no-cache", ".")


# practicum new


def begin(root, *arguments, monkeypatch):
    monkeypatch.chdir(root)
    return CliRunner().invoke(cli.app, ["new", *arguments])


@pytest.fixture
def empty(tmp_path):
    """A course of one lesson."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "solutions/lessons").mkdir(parents=True)
    (tmp_path / "solutions/lessons/03_reader.py").write_text("# %% [markdown]\n# # Reader\n")
    return tmp_path


@pytest.mark.parametrize(("number", "name"), [("7", "07_word_vectors"), ("00", "00_word_vectors")])
def test_new_writes_a_source_and_says_what_to_do_next(empty, monkeypatch, number, name):
    result = begin(empty, number, "word_vectors", monkeypatch=monkeypatch)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"wrote solutions/lessons/{name}.py\n")
    assert f"practicum build {name[:2]} --execute" in result.stdout
    lesson = read_lesson(empty / f"solutions/lessons/{name}.py")
    assert lesson.cells[0].text.startswith(f"# Lesson {name[:2]}: Word vectors\n")
    assert [c.marks["exercise"] for c in lesson.cells if "exercise" in c.marks] == [
        f"{int(number)}.1"
    ]


def test_a_new_lesson_has_notes_for_its_teacher(empty, monkeypatch):
    begin(empty, "7", "word_vectors", monkeypatch=monkeypatch)
    result = CliRunner().invoke(cli.app, ["notes", "07"])
    assert result.exit_code == 0
    assert "15 minutes of class, 5 of them in 1 exercise." in result.stdout
    assert "**Plant `last-token-lost`:**" in result.stdout
    assert "**Symptom of `last-token-lost`:**" in result.stdout


@pytest.mark.parametrize(
    ("number", "name", "words"),
    [
        ("3", "words", "Lesson 03 is there already: 03_reader.py; take a free number.\n"),
        ("x", "words", "'x' is no lesson number; give one of 00 to 99.\n"),
        ("100", "words", "'100' is no lesson number"),
        ("7", "WordVectors", "'WordVectors' is no lesson name; write small letters"),
        ("7", "../words", "'../words' is no lesson name"),
        ("7", "7_words", "is no lesson name"),
        ("7", "words_", "is no lesson name"),
    ],
)
def test_new_refuses_in_one_sentence_and_writes_nothing(empty, monkeypatch, number, name, words):
    result = begin(empty, number, name, monkeypatch=monkeypatch)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr and result.stderr.count("\n") == 1
    assert [path.name for path in empty.rglob("*.py")] == ["03_reader.py"]


def test_new_leaves_nothing_half_written(empty, monkeypatch):
    def fail(path, write):
        raise LessonError("the disk is full")

    monkeypatch.setattr(scaffold, "write_text_whole", fail)
    assert begin(empty, "7", "words", monkeypatch=monkeypatch).exit_code == 1
    assert not list(empty.rglob("07_*"))
