"""A begun student notebook gets the lesson's new text; nothing that they wrote is lost."""

import json

import nbformat
import pytest
from nbformat import v4
from tiny_course import LESSON_01, LESSON_03, URL, write_course
from typer.testing import CliRunner

from practicum_utils.authoring import cli
from practicum_utils.authoring.build import read_one
from practicum_utils.authoring.copies import COPIES, WRITTEN, make_copy
from practicum_utils.authoring.update import BESIDE

MINE = "def to_label(raw):\n    return raw - 1.0  # mine"
GIVEN = {  # lesson 03, word by word -> what the course makes of it later
    "About 10 minutes.": "About 12 minutes, and a new sentence.",
    "reader = Reader(3)": "reader = Reader(hidden=3)",
    "loss = 1 - to_label(2)": "loss = 1.0 - to_label(2)",
    "## Takeaways": "## A part\n#\n# New.\n\n# %%\nnew = 'cell'\n\n# %% [markdown]\n# ## Takeaways",
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """The folder of a tiny course, in which the command is run."""
    monkeypatch.chdir(write_course(tmp_path / "course"))
    return tmp_path / "course"


@pytest.fixture
def begun(course, tmp_path):
    """Where a student has a copy of lesson 03."""
    return save(fresh(course), tmp_path / "03_tiny_reader.ipynb")


def fresh(course, number="03", copy="student"):
    return make_copy(copy, *read_one(course, number), URL)


def save(notebook, path):
    path.write_text(nbformat.writes(notebook))
    return path


def change_course(course, replacements=GIVEN, name="03_tiny_reader", text=LESSON_03):
    for old, new in replacements.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    (course / f"solutions/lessons/{name}.py").write_text(text)


def update(*paths):
    return CliRunner().invoke(cli.app, ["update", *map(str, paths)])


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def cell_with(notebook, words):
    cells = [cell for cell in notebook.cells if not cell.source.startswith("<details")]
    (cell,) = [cell for cell in cells if words in cell.source]
    return cell


def edit(path, change):
    """Let a student change the notebook at a path."""
    notebook = read(path)
    change(notebook)
    return save(notebook, path)


def replace(old, new):
    def change(notebook):
        cell = cell_with(notebook, old)
        cell.source = cell.source.replace(old, new)

    return change


def test_an_untouched_notebook_becomes_the_new_one(course, begun):
    change_course(course)
    before = begun.read_text()
    result = update(begun)
    assert result.exit_code == 0, result.output
    assert sources(read(begun)) == sources(fresh(course))
    assert [cell.id for cell in read(begun).cells] == [cell.id for cell in fresh(course).cells]
    assert result.stdout == (
        "03_tiny_reader.ipynb: 5 texts renewed, 0 of your cells kept.\n"
        "The file as it was is 03_tiny_reader.before-update.ipynb.\n"
    )
    assert (begun.parent / "03_tiny_reader.before-update.ipynb").read_text() == before


def test_nothing_is_written_where_there_is_nothing_new(course, begun):
    edit(begun, replace("reader = Reader(3)", "reader = Reader(4)"))
    before = begun.read_text()
    result = update(begun, begun)
    assert result.stdout == (
        "03_tiny_reader.ipynb has the newest text already; nothing was changed.\n" * 2
    )
    assert begun.read_text() == before
    assert [path.name for path in begun.parent.glob("*.ipynb")] == [begun.name]


def test_what_a_student_wrote_stays(course, begun):
    def work(notebook):
        cell_with(notebook, "# Exercise 3.1").source = "class Reader:\n    mine = True"
        cell_with(notebook, "def train").source += "\n# I read this"
        place = sources(notebook).index("loss = 1 - to_label(2)")
        notebook.cells.insert(place + 1, v4.new_code_cell("print(loss)  # added"))
        notebook.cells.insert(place + 1, v4.new_markdown_cell("My note."))
        notebook.cells.insert(0, v4.new_markdown_cell("My name."))

    edit(begun, work)
    change_course(course)
    result = update(begun)
    assert "5 texts renewed, 5 of your cells kept." in result.stdout
    now = sources(read(begun))
    assert now[0] == "My name."
    assert "class Reader:\n    mine = True" in now
    assert any(text.endswith("# I read this") for text in now)
    place = now.index("loss = 1.0 - to_label(2)")
    assert now[place + 1 : place + 3] == ["My note.", "print(loss)  # added"]
    assert [text for text in now if text in sources(fresh(course))] == [
        text for text in sources(fresh(course)) if text in now
    ]


def test_a_cell_that_both_have_changed_stands_beside_the_new_one_once(course, begun):
    edit(begun, replace("reader = Reader(3)", "reader = Reader(4)"))
    change_course(course)
    assert "1 of them the course has changed as well" in update(begun).stdout
    now = sources(read(begun))
    place = now.index("reader = Reader(4)")
    assert now[place + 1] == f"{BESIDE}\n#\n# reader = Reader(hidden=3)"
    assert "reader = Reader(hidden=3)" not in now
    assert "nothing was changed" in update(begun).stdout
    change_course(course, GIVEN | {"reader = Reader(3)": "reader = Reader(hidden=4)"})
    update(begun)
    assert f"{BESIDE}\n#\n# reader = Reader(hidden=4)" in sources(read(begun))


def test_an_exercise_that_both_have_changed_is_the_student_s(course, begun):
    edit(begun, lambda notebook: cell_with(notebook, "# Exercise 3.1").update(source="mine"))
    change_course(course, {'"""Return the sum of 2 * H numbers."""': '"""Return the sum."""'})
    assert update(begun).exit_code == 0
    now = sources(read(begun))
    assert "mine" in now
    assert not any(BESIDE in text or text.startswith("# Exercise 3.1") for text in now)


def test_a_text_that_the_student_wrote_in_stays_below_the_new_one(course, begun):
    edit(begun, replace("About 10 minutes.", "About 10 minutes. (It took me 20.)"))
    change_course(course)
    assert "1 of your cells kept" in update(begun).stdout
    assert "a new sentence" in read(begun).cells[0].source
    below = read(begun).cells[1]
    assert "(It took me 20.)" in below.source and WRITTEN not in below.metadata
    update(begun)
    assert read(begun).cells[1].source == below.source


def test_outputs_stay_with_the_cells_that_did_not_change(course, begun):
    def run(notebook):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [v4.new_output("stream", text="ran")], 7

    edit(begun, run)
    change_course(course)
    update(begun)
    code = [cell for cell in read(begun).cells if cell.cell_type == "code"]
    ran = {cell.source: bool(cell.outputs and cell.execution_count == 7) for cell in code}
    assert ran.pop("reader = Reader(hidden=3)") is False
    assert ran.pop("loss = 1.0 - to_label(2)") is False
    assert ran.pop("new = 'cell'") is False
    assert ran and all(ran.values())


def as_colab_saves(notebook, keep=("id",)):
    """Ids in the metadata, no others; keep: what else of the metadata survives."""
    for cell in notebook.cells:
        own = {"id": cell.pop("id"), **cell.metadata}
        cell.metadata = nbformat.NotebookNode({key: own[key] for key in keep if key in own})
    notebook.nbformat_minor = 0
    notebook.metadata = nbformat.NotebookNode({"colab": {"provenance": []}})


@pytest.mark.parametrize("keep", [("id", WRITTEN, "nbgrader"), ("id",), ()], ids=str)
def test_a_notebook_that_colab_has_saved(course, begun, keep):
    edit(begun, lambda notebook: cell_with(notebook, "# Exercise 3.1").update(source="mine"))
    notebook = read(begun)
    as_colab_saves(notebook, keep)
    begun = begun.rename(begun.with_name("Copy of 03_tiny_reader.ipynb"))
    begun.write_text(json.dumps(notebook))
    change_course(course)
    result = update(begun)
    assert result.exit_code == 0, result.output
    now, new = sources(read(begun)), sources(fresh(course))
    assert "mine" in now and read(begun).metadata.colab
    wanted = [text for text in new if not text.startswith("# Exercise 3.1")]
    if WRITTEN in keep:
        assert [text for text in now if text != "mine"] == wanted
    else:  # then nobody knows who changed it, so the old code stays beside the new one
        assert "loss = 1 - to_label(2)" in now
        assert any("loss = 1.0 - to_label(2)" in text for text in now)
    assert set(wanted) <= set(now) | {"loss = 1.0 - to_label(2)", "reader = Reader(hidden=3)"}


def test_a_cell_that_the_course_gave_up_goes_unless_it_was_changed(course, begun):
    gone = {"losses = train(3)": "losses = [10, 9, 8]", "loss = 1 - to_label(2)": "pass"}
    edit(begun, replace("loss = 1 - to_label(2)", "loss = 1 - to_label(2)  # mine"))
    change_course(course, gone)
    update(begun)
    now = sources(read(begun))
    assert "losses = train(3)" not in now and "loss = 1 - to_label(2)  # mine" in now


def demand_refused(path, *words):
    before = path.read_bytes() if path.is_file() else None
    result = update(path)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output
    assert all(word in result.stderr for word in words), result.stderr
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "{}", '{"nbformat": 4, "cells": 3}', "words", "\0"]
)
def test_what_is_no_notebook_is_said_to_be_none(course, tmp_path, text):
    (tmp_path / "03_x.ipynb").write_text(text)
    demand_refused(tmp_path / "03_x.ipynb", "03_x.ipynb is not a ")


def test_other_files_are_refused_in_a_sentence(course, tmp_path, begun):
    demand_refused(tmp_path / "nowhere.ipynb", "cannot be read")
    demand_refused(tmp_path, "cannot be read")
    stranger = v4.new_notebook(cells=[v4.new_code_cell("1 + 1")])
    demand_refused(save(stranger, tmp_path / "own.ipynb"), "not a student notebook of this course")
    for copy in set(COPIES) - {"student"}:
        path = save(fresh(course, copy=copy), tmp_path / "03_copy.ipynb")
        demand_refused(path, "not a student notebook", "comes from solutions")
    demand_refused(begun.rename(tmp_path / "01_mine.ipynb"), "holds lesson 03, not 01")
    (course / "solutions/lessons/03_tiny_reader.py").unlink()
    demand_refused((tmp_path / "01_mine.ipynb").rename(begun), "There is no lesson 03")


def test_a_notebook_of_the_first_courses_is_refused(course, begun):
    def number(notebook):
        for place, cell in enumerate(notebook.cells):
            cell["id"] = f"lesson-03-{place:03d}"

    demand_refused(edit(begun, number), "older course")


def test_one_bad_file_does_not_stop_the_others(course, tmp_path, begun):
    change_course(course)
    other = save(fresh(course, "01"), tmp_path / "01_tiny_words.ipynb")
    change_course(course, {"About 5 minutes.": "About 6 minutes."}, "01_tiny_words", LESSON_01)
    result = update(begun, tmp_path / "nowhere.ipynb", other)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert result.stdout.count("texts renewed") == 2


def test_a_file_that_cannot_be_written_stays(course, begun, monkeypatch):
    change_course(course)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("practicum_utils.authoring.update.write_text_whole", full)
    demand_refused(begun, "could not be updated: No space left on device")


def test_an_earlier_backup_stays(course, begun):
    first = begun.read_text()
    change_course(course)
    update(begun)
    change_course(course, GIVEN | {"About 10 minutes.": "About 99 minutes."})
    assert "before-update-2.ipynb" in update(begun).stdout
    assert (begun.parent / "03_tiny_reader.before-update.ipynb").read_text() == first
