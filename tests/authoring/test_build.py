"""Building, checking and running a course of tiny lessons in a folder of its own."""

import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from tiny_course import URL, write_course
from typer.testing import CliRunner

import practicum_utils
from practicum_utils.authoring import build, cli
from practicum_utils.authoring.execute import execute
from practicum_utils.bugs.planting import LessonError

THREE = [
    "notebooks/01_tiny_words.ipynb",
    "solutions/01_tiny_words.ipynb",
    "solutions/debugged/01_tiny_words.ipynb",
]
SOLUTION = THREE[1]


def read(path):
    return nbformat.read(path, as_version=4)


def outputs(path):
    return [cell.outputs for cell in read(path).cells if cell.cell_type == "code"]


def edit_source(root, old, new):
    path = root / "solutions" / "lessons" / "01_tiny_words.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def edit_notebook(path, change):
    notebook = read(path)
    change(notebook)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course of lesson 01, built with outputs; and what the builder said."""
    root = write_course(tmp_path_factory.mktemp("course"), "01_tiny_words")
    said = []
    build.write(root, [], True, said.append)
    return root, said


@pytest.fixture
def course(built, tmp_path):
    """A copy of the built course that a test may spoil."""
    return shutil.copytree(built[0], tmp_path / "course")


def practicum(*arguments, inside=None, monkeypatch=None):
    if inside:
        monkeypatch.chdir(inside)
    return CliRunner().invoke(cli.app, list(arguments))


# Writing


def test_build_writes_three_notebooks(built):
    root, said = built
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*.ipynb")) == sorted(THREE)
    assert [line for line in said if line.startswith("wrote")] == [
        f"wrote {path}" for path in THREE
    ]
    assert [line for line in said if line.startswith("executing")] == [
        f"executing {path}" for path in THREE[1:]
    ]
    assert URL.removeprefix("https://github.com/") in read(root / THREE[0]).cells[0].source


def test_only_the_solutions_have_outputs(built):
    root, _ = built
    assert not any(outputs(root / THREE[0]))
    for path in THREE[1:]:
        assert any(outputs(root / path))
        nbformat.validate(read(root / path))
        assert all(cell.execution_count for cell in read(root / path).cells if "outputs" in cell)


@pytest.mark.slow
def test_printed_lines_stay_in_one_piece_and_pictures_between_them(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "import time\nfrom IPython.display import HTML, display\n"
        "for i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)\n"
        "display(HTML('<b>x</b>'))\nprint('after')"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    execute(notebook, tmp_path)
    assert [output.get("text") for output in cell.outputs] == ["0\n1\n2\n", None, "after\n"]


@pytest.mark.slow
def test_a_stored_traceback_names_no_folder_of_this_computer(tmp_path):
    sources = ["import json\njson.loads('{')", "import nbformat\nnbformat.reads('{', 4)"]
    sources.append("from practicum_utils.data import make_loader\nmake_loader([])")
    cells = [
        nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"]})
        for source in sources
    ]
    execute(nbformat.v4.new_notebook(cells=cells), tmp_path)
    places = [re.sub(r"\x1b\[[\d;]*m", "", "\n".join(cell.outputs[0].traceback)) for cell in cells]
    files = ("json/decoder", "nbformat/reader", "practicum_utils/data/batches")
    for place, file in zip(places, files, strict=True):
        assert re.search(rf"^(File )?{file}\.py", place, re.MULTILINE)  # no File in IPython 7
        assert not re.search(rf"[~/]\S*{file}\.py", place)


@pytest.mark.slow
def test_a_stored_traceback_keeps_one_line_of_a_library(tmp_path):
    cell = nbformat.v4.new_code_cell("import json\njson.loads('{')")
    cell.metadata["tags"] = ["raises-exception"]
    execute(nbformat.v4.new_notebook(cells=[cell]), tmp_path)
    lines = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(cell.outputs[0].traceback)).splitlines()
    assert "----> 2 json.loads('{')" in lines and lines[-1].startswith("JSONDecodeError")
    (place,) = [line for line in lines if line.startswith("File json/decoder.py")]
    assert lines[lines.index(place) + 1].startswith("--> ")  # the last of three frames
    assert lines[lines.index(place) + 2 :] == ["", lines[-1]]


def test_what_was_built_is_what_the_source_makes(built):
    assert build.differences(built[0], []) == []


@pytest.mark.slow
def test_a_widget_is_not_stored_but_what_it_shows_is(tmp_path):
    source = (
        "import ipywidgets\nfrom IPython.display import display\n"
        "display(ipywidgets.Dropdown(options=['a']))\ndisplay('the view')"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    execute(notebook, tmp_path)
    assert [output.data["text/plain"] for output in notebook.cells[0].outputs] == ["'the view'"]
    assert "widgets" not in notebook.metadata


def test_build_without_execute_keeps_the_outputs_when_only_prose_changed(course):
    before = outputs(course / SOLUTION)
    edit_source(course, "# Ids are numbers.", "# Ids are whole numbers.")
    said = []
    build.write(course, ["1"], False, said.append)
    assert outputs(course / SOLUTION) == before and any(before)
    assert "whole numbers" in read(course / SOLUTION).cells[-1].source
    assert said == [f"wrote {path}" for path in THREE]
    assert build.differences(course, []) == []


def test_build_without_execute_changes_nothing_when_nothing_changed(course):
    before = {path: (course / path).read_bytes() for path in THREE}
    build.write(course, [], False, lambda line: None)
    assert {path: (course / path).read_bytes() for path in THREE} == before


def test_build_without_execute_drops_the_outputs_and_says_so_when_code_changed(course):
    edit_source(course, '["the", "film"]', '["the", "movie"]')
    said = []
    build.write(course, [], False, said.append)
    assert not any(outputs(course / SOLUTION))
    for path in THREE[1:]:
        assert f"{path}: the code changed, so it has no outputs now; build with --execute" in said


@pytest.mark.slow
def test_a_failed_execution_leaves_the_old_notebook_whole(course):
    before = {path: (course / path).read_bytes() for path in THREE[1:]}
    edit_source(course, '["the", "film"]', "the_film")
    with pytest.raises(CellExecutionError, match="the_film"):
        build.write(course, [], True, lambda line: None)
    assert {path: (course / path).read_bytes() for path in THREE[1:]} == before
    assert not list(course.rglob("*.part"))


def test_an_interrupt_leaves_the_old_notebook_whole(course, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    before = {path: (course / path).read_bytes() for path in THREE[1:]}
    monkeypatch.setattr(build, "execute", interrupted)
    edit_source(course, '["the", "film"]', '["the", "movie"]')
    with pytest.raises(KeyboardInterrupt):
        build.write(course, [], True, lambda line: None)
    assert {path: (course / path).read_bytes() for path in THREE[1:]} == before


def test_a_lesson_with_a_malformed_mark_writes_nothing(course):
    before = {path: (course / path).read_bytes() for path in THREE}
    edit_source(course, 'symptom="pad-is-a-word"', 'symptom="pad-is-word"')
    with pytest.raises(LessonError, match=r"01_tiny_words\.py, cell 6: 'pad-is-word'"):
        build.write(course, [], True, lambda line: None)
    assert {path: (course / path).read_bytes() for path in THREE} == before


# Checking


def test_a_changed_word_in_the_source_is_found_in_each_notebook(course):
    edit_source(course, "# Ids are numbers.", "# Ids are counted.")
    last = {path: len(read(course / path).cells) for path in THREE}
    last[THREE[0]] -= 1  # the links stand at the end of a student copy
    assert build.differences(course, []) == [
        f"{path}, cell {last[path]}: differs from what its source makes" for path in THREE
    ]


def test_a_changed_word_in_a_notebook_is_found(course):
    def change(notebook):
        notebook.cells[3].source += "\n# and more"

    edit_notebook(course / SOLUTION, change)
    assert build.differences(course, []) == [
        f"{SOLUTION}, cell 4: differs from what its source makes"
    ]


def test_a_changed_tag_is_found(course):
    def change(notebook):
        checked = [cell for cell in notebook.cells if "tags" in cell.metadata]
        checked[0].metadata["tags"] = ["nbval-check-outputs"]

    edit_notebook(course / SOLUTION, change)
    assert build.differences(course, []) == [
        f"{SOLUTION}, cell 7: differs from what its source makes"
    ]


def test_a_removed_notebook_is_named(course):
    (course / THREE[2]).unlink()
    assert build.differences(course, []) == [f"{THREE[2]} is missing; run practicum build"]


def test_a_removed_cell_is_named(course):
    count = len(read(course / SOLUTION).cells)
    edit_notebook(course / SOLUTION, lambda notebook: notebook.cells.pop())
    assert build.differences(course, []) == [
        f"{SOLUTION}, cell {count}: the source makes {count} cells in all"
    ]


def test_an_added_cell_is_named(course):
    def change(notebook):
        notebook.cells.append(nbformat.v4.new_code_cell("1 + 1"))

    count = len(read(course / SOLUTION).cells)
    edit_notebook(course / SOLUTION, change)
    assert build.differences(course, []) == [
        f"{SOLUTION}, cell {count + 1}: the source makes {count} cells in all"
    ]


def test_outputs_do_not_matter_to_the_check(course):
    def change(notebook):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None

    edit_notebook(course / SOLUTION, change)
    assert build.differences(course, []) == []


def test_only_the_named_lessons_are_checked(tmp_path):
    root = write_course(tmp_path)
    build.write(root, ["02"], False, lambda line: None)
    assert build.differences(root, ["02"]) == []
    assert [line.split()[0] for line in build.differences(root, [])] == [
        f"{folder}/{name}.ipynb"
        for name in ("01_tiny_words", "03_tiny_reader")
        for folder in ("notebooks", "solutions", "solutions/debugged")
    ]


# The command


def test_build_and_check_on_the_command_line(tmp_path, monkeypatch):
    root = write_course(tmp_path, "01_tiny_words")
    (root / "notebooks").mkdir()
    result = practicum("build", "1", inside=root / "notebooks", monkeypatch=monkeypatch)
    assert result.exit_code == 0 and f"wrote {THREE[0]}" in result.stdout
    result = practicum("build", "--check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "every notebook is what its source makes\n"
    (root / SOLUTION).unlink()
    result = practicum("build", "--check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{SOLUTION} is missing; run practicum build\n"
    assert not (root / SOLUTION).exists()


@pytest.mark.parametrize(
    "arguments", [["build", "9"], ["build", "--check", "9"], ["check", "9"], ["run", "9"]]
)
def test_a_wrong_lesson_is_one_sentence(tmp_path, monkeypatch, arguments):
    result = practicum(*arguments, inside=write_course(tmp_path), monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert result.stderr == "There is no lesson 09; the lessons are: 01, 02, 03.\n"


@pytest.mark.parametrize(
    "arguments", [["build"], ["check"], ["new", "7", "words"], ["run", "1"], ["lab"]]
)
def test_outside_a_clone_the_command_says_so(tmp_path, monkeypatch, arguments):
    monkeypatch.setattr(practicum_utils, "__file__", str(tmp_path / "package" / "__init__.py"))
    result = practicum(*arguments, inside=tmp_path, monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert result.stderr == "This needs the course's repository; run it inside a clone.\n"


def test_a_malformed_lesson_is_one_sentence(tmp_path, monkeypatch):
    root = write_course(tmp_path, "01_tiny_words")
    edit_source(root, 'name="ids"', 'nmae="ids"')
    result = practicum("build", inside=root, monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert result.stderr.startswith("01_tiny_words.py, cell 4: unknown mark 'nmae'")
    assert not (root / "notebooks").exists()


def checked(root, monkeypatch, *numbers):
    """The command that ``practicum check`` runs, and its exit code, which is pytest's own."""
    called = {}

    def run(command, **options):
        called.update(options, command=command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.delenv("PRACTICUM_FAST", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    assert practicum("check", *numbers, inside=root, monkeypatch=monkeypatch).exit_code == 3
    assert called["cwd"] == root and called["env"]["PRACTICUM_FAST"] == "1"
    assert called["command"][:3] == [sys.executable, "-m", "pytest"]
    return called["command"][3:]


def test_check_runs_the_tests_of_the_lessons_and_their_notebooks(tmp_path, monkeypatch):
    assert checked(write_course(tmp_path), monkeypatch, "1", "03") == [
        *("-m", "not colab and not slow_outside", "--lesson=01", "--lesson=03", *cli.TESTS),
        *("solutions/01_tiny_words.ipynb", "solutions/debugged/01_tiny_words.ipynb"),
        *("solutions/03_tiny_reader.ipynb", "solutions/debugged/03_tiny_reader.ipynb"),
    ]


def test_check_without_numbers_takes_all_lessons(tmp_path, monkeypatch):
    arguments = checked(write_course(tmp_path), monkeypatch)
    assert [part for part in arguments if part.startswith("--lesson")] == [
        f"--lesson={number}" for number in ("01", "02", "03")
    ]
    assert len([part for part in arguments if part.endswith(".ipynb")]) == 6


def test_check_looks_where_tests_stand():
    assert all((build.find_root() / folder).is_dir() for folder in cli.TESTS)


def test_lab_opens_the_student_notebooks(tmp_path, monkeypatch):
    commands = []

    def run(command, **options):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    root = write_course(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    assert practicum("lab", inside=root, monkeypatch=monkeypatch).exit_code == 0
    assert [each[:4] for each in commands] == [
        [sys.executable, "-m", "jupyterlab", str(root / "notebooks")]
    ]


def test_without_a_command_it_shows_its_help():
    result = practicum()
    assert all(name in result.output for name in ("build", "check", "run", "lab"))


def test_run_tells_the_story_in_order(tmp_path, monkeypatch, home):
    root = write_course(tmp_path / "course", "01_tiny_words")
    result = practicum("run", "1", inside=root, monkeypatch=monkeypatch)
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].startswith("Running 01_tiny_words.ipynb") and lines[-1].startswith("Done in")
    assert lines[1:-1] == [
        "Lesson 1: Words to numbers",
        "The ids",
        "symptom: real words look like padding",
        "What hides the word?",
        "This time: the word ids started at 0, so the commonest word got the id of `<pad>`.",
        "In general: reserve the special ids first, and check that no word maps to one.",
        "- first = 0",
        "- numbered = enumerate(words, start=first)",
        "+ numbered = enumerate(words, start=1)",
        "ok: no word looks like padding",
    ]  # and no heading below which nothing runs
    assert not list(root.rglob("*.ipynb"))  # it writes no notebook


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "who"), [(["build", "1", "--execute"], "a lesson"), (["run", "1"], "lesson 1")]
)
def test_a_lesson_that_fails_is_one_sentence(tmp_path, monkeypatch, home, arguments, who):
    root = write_course(tmp_path / "course", "01_tiny_words")
    edit_source(root, '["the", "film"]', "the_film")
    result = practicum(*arguments, inside=root, monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert result.stderr == f"{who} stopped with NameError: name 'the_film' is not defined\n"


@pytest.mark.slow
def test_run_tells_an_exception_and_the_result(tmp_path, monkeypatch, home):
    root = write_course(tmp_path / "course")
    result = practicum("run", "03", inside=root, monkeypatch=monkeypatch)
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    told = [line for line in lines if line.startswith(("RuntimeError", "symptom", "ok", "This"))]
    assert [line.split(":")[0] for line in told] == [
        "RuntimeError",
        "This time",
        "ok",
        "symptom",
        "This time",
        "ok",
        "symptom",
        "This time",
        "ok",
        "ok",
    ]
    assert "RuntimeError: shapes cannot be multiplied" in lines
    assert lines.index("The result") < lines.index("ok: accuracy above 0.80")
