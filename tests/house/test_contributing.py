"""What CONTRIBUTING.md tells an author to do, done in a copy of the course, word by word."""

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
from practicum_utils.authoring.build import FOLDERS
from practicum_utils.authoring.source import read_lesson

ROOT = Path(__file__).parents[2]
COPIED = ("practicum_utils", "tests", "notebooks", "solutions", "pyproject.toml", "README.md")
NAME = "13_shouting"
SOURCE, CHECKS = f"solutions/lessons/{NAME}.py", "practicum_utils/checks/lesson_13.py"
MADE = {f"{folder}/{NAME}.ipynb" for folder in FOLDERS.values()}  # by the builder, of the source
# A block, and the paragraph before it, whose last sentence says what to do with the block.
BLOCK = re.compile(r"((?:.+\n)+)\n```(\w+)\n([\s\S]*?)```")


def steps():
    """(paragraph, language, block) of each block of the worked example, in order."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = text.split("\n## A worked example\n")[1].split("\n## ")[0]
    found = [(" ".join(m[1].split()), m[2], m[3]) for m in BLOCK.finditer(example)]
    assert len(found) == example.count("```") // 2 >= 5
    return found


def run(folder, *command):
    """Run a command in the copy, on the copy's own package; return what it printed."""
    own = {**os.environ, "PYTHONPATH": str(folder), "PRACTICUM_FAST": "1"}
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_line(folder, line):
    """Run one line of a shell; return how many tests passed in it, 0 if it ran none."""
    program, *arguments = shlex.split(line)
    module = {"practicum": "practicum_utils.authoring.cli", "pytest": "pytest"}[program]
    said = run(folder, sys.executable, "-m", module, *arguments)
    return int((re.findall(r"(\d+) passed", said) or [0])[-1])


def edit(folder, paragraph, block):
    """Do to the file what the paragraph before the block says."""
    last = re.split(r"(?<=[.?]) (?=[A-Z*])", paragraph)[-1]
    path = folder / re.findall(r"`([\w./]+/[\w.]+)`", last)[-1]
    assert path.is_file() and last.startswith(("At the end of", "The file")), last
    before = path.read_text() if last.startswith("At the end of") else ""
    path.write_text(before + block)


def contents(folder):
    """What every file holds, but for those that Python and pytest keep for themselves."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    shown = {path.relative_to(folder): path for path in files if path.suffix != ".pyc"}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in shown.items()
        if not any(part.startswith(".") for part in name.parts)
    }


def keeps_the_rules(folder):
    """Ruff has no objection to the files of the copy."""
    for command in (["check"], ["format", "--check"]):
        run(folder, sys.executable, "-m", "ruff", *command, "--no-cache", ".")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy in which the example was followed, what it held before, and the tests that passed."""
    folder, passed = tmp_path_factory.mktemp("course"), []
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    before, told = contents(folder), steps()
    guards = told[-1][2].splitlines()[-1]
    for number, (paragraph, language, block) in enumerate(told):
        if language != "bash":
            edit(folder, paragraph, block)
            continue
        passed += [run_line(folder, line) for line in block.splitlines()]
        if number == 0:  # the lesson as `practicum new` has written it
            passed.append(run_line(folder, guards))
            keeps_the_rules(folder)
    return folder, before, passed


def read(course, folder):
    return nbformat.read(course[0] / folder / f"{NAME}.ipynb", as_version=4)


def printed(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


SYMPTOM = "symptom: half of the tokens shout, and the share is 0\n"


@pytest.mark.slow
def test_the_guards_pass_on_the_scaffold_and_on_the_lesson_of_the_example(course):
    _, _, on_the_scaffold, _, on_the_lesson = course[2]
    assert on_the_scaffold >= 40 and on_the_lesson >= 40


@pytest.mark.slow
def test_a_lesson_is_two_files_and_its_bug_an_entry_of_the_catalogue(course):
    folder, before, _ = course
    after = contents(folder)
    assert after.keys() - before.keys() == {SOURCE, CHECKS} | MADE
    changed = {name for name in before if before[name] != after.get(name)}
    made = "practicum_utils/assets/as_typed.json"  # written by build, as the notebooks are
    assert changed == {"practicum_utils/assets/bugs.toml", made}


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
    keeps_the_rules(course[0])


# practicum new


def begin(root, *arguments, monkeypatch):
    monkeypatch.chdir(root)
    return CliRunner().invoke(cli.app, ["new", *arguments])


@pytest.fixture
def empty(tmp_path):
    """A course of one lesson."""
    (tmp_path / "pyproject.toml").touch()
    for folder in ("solutions/lessons", "practicum_utils/checks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "solutions/lessons/03_reader.py").write_text("# %% [markdown]\n# # Reader\n")
    (tmp_path / "practicum_utils/checks/lesson_05.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("number", "name"),
    [("7", "07_word_vectors"), ("00", "00_word_vectors"), ("12", "12_word_vectors")],
)
def test_new_writes_two_files_and_says_what_to_do_next(empty, monkeypatch, number, name):
    result = begin(empty, number, "word_vectors", monkeypatch=monkeypatch)
    assert result.exit_code == 0
    checks = f"practicum_utils/checks/lesson_{name[:2]}.py"
    assert result.stdout.startswith(f"wrote solutions/lessons/{name}.py\nwrote {checks}\n")
    assert f"practicum build {name[:2]} --execute" in result.stdout
    lesson = read_lesson(empty / f"solutions/lessons/{name}.py")
    assert lesson.cells[0].text.startswith(f"# Lesson {name[:2]}: Word vectors\n")
    exercise = f"{int(number)}.1"
    assert [c.marks["exercise"] for c in lesson.cells if "exercise" in c.marks] == [exercise]
    assert f'\n@exercise("{exercise}", "last_states", ' in (empty / checks).read_text()


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
        ("5", "words", "Lesson 05 is there already: lesson_05.py; take a free number.\n"),
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
    assert sorted(path.name for path in empty.rglob("*.py")) == ["03_reader.py", "lesson_05.py"]


@pytest.mark.parametrize("written", [0, 1])
def test_new_leaves_nothing_half_written(empty, monkeypatch, written):
    write, paths = scaffold.write_text_whole, []

    def fill_the_disk(path, text):
        paths.append(path)
        if len(paths) > written:
            raise OSError("the disk is full")
        write(path, text)

    monkeypatch.setattr(scaffold, "write_text_whole", fill_the_disk)
    before = sorted(empty.rglob("*"))
    assert begin(empty, "7", "words", monkeypatch=monkeypatch).exit_code == 1
    assert len(paths) == written + 1 and sorted(empty.rglob("*")) == before
