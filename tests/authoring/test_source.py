"""A malformed lesson source is refused in one sentence that names the file and the cell."""

import jupytext
import pytest
from tiny_course import LESSON_01, TINY, read_text, read_tiny

from practicum_utils.authoring.source import find_sources, listed
from practicum_utils.bugs.planting import LessonError

TITLE = "# %% [markdown]\n# # A title\n\n"
STUB = '''\
# %% exercise="3.1" minutes=5 catch_up="from a import b"
def f(x):
    """Return x."""
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION
'''
WHOLE = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n"
MINUTES = 'minutes=5 catch_up="from a import b"'

# name: (the second cell of the lesson, words that the message must have)
MALFORMED = {
    "unknown mark": ('# %% nmae="f"\nx = 1\n', "unknown mark 'nmae'; the marks are"),
    "a cell title": ("# %% Train it\nx = 1\n", "unknown mark 'title'"),
    "value without quotes": ("# %% name=f\nx = 1\n", "unknown mark"),
    "number for a text": ("# %% only=1\nx = 1\n", "'only' is a text in quotes"),
    "exercise without quotes": (STUB.replace('"3.1"', "3.10"), "'exercise' is a text in quotes"),
    "minutes alone": ("# %% minutes=5\nx = 1\n", "'minutes' needs the mark 'exercise'"),
    "catch_up alone": ('# %% catch_up="x"\nx = 1\n', "'catch_up' needs the mark 'exercise'"),
    "raises alone": ("# %% raises=true\nx = 1\n", "'raises' needs the mark 'symptom'"),
    "rerun alone": ('# %% [markdown] rerun="f"\n# x\n', "'rerun' needs the mark 'fix'"),
    "unknown audience": ('# %% only="student, teacher"\nx = 1\n', "no copy is called 'teacher'"),
    "BEGIN without END": (
        STUB.replace("    ### END SOLUTION\n", ""),
        "'### BEGIN SOLUTION' is never closed",
    ),
    "END without BEGIN": (
        STUB.replace("    ### BEGIN SOLUTION\n", ""),
        "unbalanced '### END SOLUTION'",
    ),
    "BEGIN inside BEGIN": (
        STUB.replace("    return x\n", "    ### BEGIN SOLUTION\n    return x\n"),
        "unbalanced '### BEGIN SOLUTION'",
    ),
    "region outside an exercise": (f"# %%\n{WHOLE}", "a SOLUTION region needs the mark 'exercise'"),
    "exercise without a def": (
        f'# %% exercise="3.1" {MINUTES}\nx = 1\n',
        "exercise 3.1 has no stub",
    ),
    "exercise without a region": (
        f'# %% exercise="3.1" {MINUTES}\ndef f(x):\n    """Return x."""\n    return x\n',
        "exercise 3.1 has no stub",
    ),
    "region around the whole def": (
        f'# %% exercise="3.1" {MINUTES}\n### BEGIN SOLUTION\ndef f(x):\n    """x."""\n'
        "### END SOLUTION\n",
        "exercise 3.1 has no stub",
    ),
    "exercise without a docstring": (
        f'# %% exercise="3.1" {MINUTES}\n{WHOLE}',
        "the stub of exercise 3.1 has no docstring",
    ),
    "exercise with a second def without a docstring": (
        f"{STUB}\ndef g(x):\n    return x\n",
        "the stub of exercise 3.1 has no docstring",
    ),
    "exercise that is not Python": (STUB.replace("def f(x):", "def f(x:"), "is not valid Python"),
    "exercise without minutes": (STUB.replace("minutes=5 ", ""), "exercise 3.1 has no 'minutes'"),
    "exercise without catch_up": (
        STUB.replace(' catch_up="from a import b"', ""),
        "exercise 3.1 has no 'catch_up'",
    ),
    "BUG of no known id": (
        "# %%\nx = 1\n# BUG no-such-bug: x = 2\n",
        "'no-such-bug' is not among the bugs",
    ),
    "symptom of no known id": (
        '# %% symptom="no-such-bug"\nx = 1\n',
        "'no-such-bug' is not among the bugs",
    ),
    "fix of no known id": (
        '# %% [markdown] fix="no-such-bug"\n# x\n',
        "'no-such-bug' is not among the bugs",
    ),
    "BUG first in its cell": (
        "# %%\n# BUG labels-one-two: x = 2\nx = 1\n",
        "a BUG line stands below the line",
    ),
    "BUG below a BEGIN": (
        STUB.replace("    return x", "    # BUG labels-one-two: return 2\n    return x"),
        "a BUG line stands below the line",
    ),
    "BUG below another BUG": (
        "# %%\nx = 1\n# BUG labels-one-two: x = 2\n# BUG linear-input-size: x = 3\n",
        "a BUG line stands below the line",
    ),
    "BUG without a colon": ("# %%\nx = 1\n# BUG labels-one-two x = 2\n", "write '# BUG some-id:"),
    "BUG without an id": ("# %%\nx = 1\n# BUG: x = 2\n", "write '# BUG some-id:"),
    "BUG behind code": ("# %%\nx = 1  # BUG labels-one-two: x = 2\n", "write '# BUG some-id:"),
    "BUG without a blank": ("# %%\nx = 1\n#BUG labels-one-two: x = 2\n", "write '# BUG some-id:"),
    "BUG in a text": ("# %% [markdown]\n# # BUG labels-one-two: x\n", "write '# BUG some-id:"),
    "fix on a code cell": ('# %% fix="labels-one-two"\nx = 1\n', "a fix stands on a markdown cell"),
    "check of no exercise": (
        '# %% check="9.9"\nx = 1\n',
        "checks exercise '9.9'; the lesson's are: none",
    ),
    "fix of another lesson": (
        '# %% [markdown] fix="pad-is-a-word"\n# x\n',
        "'pad-is-a-word' shows in lesson 01",
    ),
    "symptom of another lesson": (
        '# %% symptom="average-of-averages"\nx = 1\n',
        "'average-of-averages' shows in lesson 02",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_mark_is_refused_by_name(name, tmp_path):
    text, words = MALFORMED[name]
    with pytest.raises(LessonError) as refusal:
        read_text(TITLE + text, tmp_path)
    message = str(refusal.value)
    assert message.startswith("03_tiny.py, cell 2: ")
    assert words in message
    assert message.count("\n") == 0 and message.endswith(".")


def test_a_name_that_stands_twice_is_refused(tmp_path):
    cell = '# %% name="twin"\nx = 1\n\n'
    with pytest.raises(LessonError, match=r"03_tiny.py, cell 3: the name 'twin' stands twice"):
        read_text(TITLE + cell + cell, tmp_path)


def test_an_exercise_id_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(LessonError, match=r"cell 3: the exercise '3.1' stands twice"):
        read_text(TITLE + STUB + "\n" + STUB, tmp_path)


def test_an_unknown_lesson_number_is_answered_with_the_known_ones(tmp_path):
    read_tiny(tmp_path)
    with pytest.raises(LessonError, match=r"no lesson 09; the lessons are: 01, 02, 03\."):
        find_sources(tmp_path, ["09"])


def test_an_unknown_lesson_number_in_an_empty_folder(tmp_path):
    with pytest.raises(LessonError, match=r"no lesson 01; the lessons are: none\."):
        find_sources(tmp_path, ["01"])


def test_lessons_are_found_by_number_with_or_without_the_zero(tmp_path):
    read_tiny(tmp_path)
    (tmp_path / "notes.py").write_text("x = 1\n")
    assert [path.stem for path in find_sources(tmp_path, ["3", "01"])] == [
        "03_tiny_reader",
        "01_tiny_words",
    ]
    assert [path.stem for path in find_sources(tmp_path)] == list(TINY)


def test_a_good_source_is_read(tmp_path):
    lesson = read_text(LESSON_01, tmp_path, "01_tiny_words")
    assert (lesson.name, lesson.number) == ("01_tiny_words", "01")
    assert lesson.cells[0].kind == "markdown" and lesson.cells[0].text.startswith("# Lesson 1")
    exercise = lesson.find("labels")
    assert exercise.marks["exercise"] == "1.1" and exercise.marks["minutes"] == 5
    assert exercise.bugs() == ["labels-one-two"]
    assert lesson.find("ids").bugs() == ["pad-is-a-word"]


def test_a_mark_lists_names_between_commas():
    assert listed(" loss, train ,") == ["loss", "train"]
    assert listed("") == []


def test_a_cell_that_is_not_there_is_answered_with_the_file(tmp_path):
    lesson = read_text(LESSON_01, tmp_path, "01_tiny_words")
    with pytest.raises(LessonError, match=r"01_tiny_words\.py has no cell named 'loop'"):
        lesson.find("loop")


@pytest.mark.parametrize("name", TINY)
def test_code_survives_the_round_trip_through_py_percent(name, tmp_path):
    lesson = read_text(TINY[name], tmp_path, name)
    for cell in lesson.cells:
        if cell.kind == "code":
            assert f"\n{cell.text}\n" in TINY[name], cell.place
    notebook = jupytext.reads(TINY[name], fmt="py:percent")
    again = jupytext.reads(jupytext.writes(notebook, fmt="py:percent"), fmt="py:percent")
    assert [cell.source for cell in again.cells] == [cell.text for cell in lesson.cells]


def test_lines_that_look_like_magics_or_cells_survive_too(tmp_path):
    code = 'import math\n\n\nx = """\n%time\n"""\ny = math.pi % 2'
    lesson = read_text(f"{TITLE}# %%\n{code}\n", tmp_path)
    assert [cell.text for cell in lesson.cells if cell.kind == "code"] == [code]
