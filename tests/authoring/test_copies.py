"""What each of the three notebooks of a lesson has and has not, on three tiny lessons."""

import re

import nbformat
import pytest
from ipykernel.ipkernel import IPythonKernel
from tiny_course import LESSON_01, LESSON_02, LESSON_03, URL, read_text, read_tiny

from practicum_utils.authoring.copies import CHECKED, COPIES, FOLDERS, RAISES, SKIP, make_copy
from practicum_utils.authoring.execute import execute
from practicum_utils.authoring.student import EXPECT_BUGS
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return read_tiny(tmp_path_factory.mktemp("lessons"))


def make(kind, lessons, number):
    return make_copy(kind, lessons[number], lessons, URL)


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def everything(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells)


def tags(cell):
    return cell.metadata.get("tags", [])


def holds(cells, *words):
    """The index of the first cell that has all the words."""
    found = [n for n, text in enumerate(cells) if all(word in text for word in words)]
    assert found, f"no cell has {words}"
    return found[0]


# All copies


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("tiny_number", ["01", "02", "03"])
def test_every_copy_is_a_valid_notebook_without_a_trace_of_its_making(tiny, kind, tiny_number):
    notebook = make(kind, tiny, tiny_number)
    nbformat.validate(notebook)
    assert nbformat.reads(nbformat.writes(notebook), as_version=4) == notebook
    identifiers = [cell["id"] for cell in notebook.cells]
    assert len(set(identifiers)) == len(identifiers)
    assert all(name.startswith(f"lesson-{tiny_number}-") for name in identifiers)
    assert all(set(cell.metadata) <= KEPT[kind] for cell in notebook.cells)
    assert all(set(tags(cell)) <= {CHECKED, RAISES, SKIP} for cell in notebook.cells)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info == IPythonKernel.language_info
    text = everything(notebook)
    assert not re.search(r"# BUG|(BEGIN|END) SOLUTION", text)
    assert "Say it slowly." not in text  # the presenter's own


KEPT = {  # in the metadata of a cell
    "student": {"tags", "slideshow", "nbgrader", "practicum"},
    "solution": {"tags"},
    "walkthrough": {"tags", "jupyter", "cellView", "jp-MarkdownHeadingCollapsed"},
}


@pytest.mark.parametrize("kind", COPIES)
def test_the_same_source_makes_the_same_notebook(tiny, kind):
    assert make(kind, tiny, "03") == make(kind, tiny, "03")


@pytest.mark.parametrize("kind", COPIES)
def test_badge_and_installation_have_the_address(tiny, kind):
    notebook = make(kind, tiny, "03")
    path = f"{FOLDERS[kind]}/03_tiny_reader.ipynb"
    title, _, rest = notebook.cells[0].source.partition("\n")
    assert title == "# Lesson 3: A reader"
    page = f"https://colab.research.google.com/github/somebody/tiny-course/blob/main/{path}"
    assert f"]({page})" in rest
    assert ("Save a copy in Drive" in rest) == (kind == "student")
    setup = (
        "try:\n    import practicum_utils\nexcept ImportError:\n"
        f'    %pip install -q "practicum-utils @ git+{URL}"\n\nimport math'
    )
    bugs_ahead = f"\n\n{EXPECT_BUGS}" if kind == "student" else ""
    assert code(notebook)[0] == setup + bugs_ahead
    assert sum("%pip" in text for text in code(notebook)) == 1


# The student copy


@pytest.mark.parametrize("tiny_number", ["01", "02", "03"])
def test_the_student_copy_says_nothing_of_its_bugs_and_types_no_answer(tiny, tiny_number):
    notebook = make("student", tiny, tiny_number)
    text = everything(notebook)
    assert "BUG" not in text
    assert not [bug for bug in CATALOGUE if bug in text]
    typed = "\n".join(cell for cell in code(notebook) if cell.startswith("# Exercise"))
    for answer in ("shifted", "return total", "shares", "2 * hidden", "cannot be multiplied"):
        assert answer not in typed
    assert "This time" not in text and "```diff" not in text


def test_the_class_s_solution_is_folded_below_the_hints_with_its_bugs(tiny):
    cells = [cell.source for cell in make("student", tiny, "01").cells]
    stub = holds(cells, "# Exercise 1.1")
    typed = cells[holds(cells, "The solution as typed in class")]
    assert cells[stub + 1] == typed  # this exercise has no hint
    assert typed.startswith("<details>") and "    shifted = raw\n" in typed
    assert "raw - 1" not in "".join(cells)


def test_the_class_s_code_of_earlier_lessons_stands_in_the_student_copy(tiny):
    cells = code(make("student", tiny, "03"))
    order = [holds(cells, "def to_label"), holds(cells, "def train"), holds(cells, "def accuracy")]
    assert order == [1, 2, 3] and holds(cells, "class Reader") == 4
    assert "shifted = raw\n" in cells[1]  # shows in 03
    assert "# from course import to_label" in cells[1]
    assert "shares" not in cells[3] and "return total" in cells[3]  # shows in 02


def test_a_student_copy_begins_with_the_banner_and_ends_with_links(tiny):
    for number in ("01", "02", "03"):
        cells = [cell.source for cell in make("student", tiny, number).cells]
        assert "**wrong**, and on purpose" in cells[1]
        assert f"solutions/debugged/{tiny[number].name}.ipynb" in cells[-1]
        others = {n: f"/notebooks/{tiny[n].name}.ipynb" in cells[-1] for n in tiny}
        assert others == {n: abs(int(n) - int(number)) == 1 for n in tiny}


def test_a_solution_says_that_it_is_wrong_on_purpose_and_not_where(tiny):
    assert "wrong, and on purpose" in make("solution", tiny, "01").cells[1].source


DIAGNOSED = """
# %% [markdown] diagnose="3.D2" evidence="losses=losses"
# A loss below zero is impossible.
#
# - **What to look at:** the labels.
# - **What it should be:** 0 or 1.
# - **Where it is:** in `to_label`.

# %% [markdown] guess="loss"
# What will it be?

# %% [markdown] fold="And your guess?" only="student"
# Small.
"""


def test_a_diagnosis_becomes_a_table_a_cell_to_look_hints_an_answer_and_the_rule(tmp_path):
    lessons = {**read_tiny(tmp_path), "03": read_text(LESSON_03 + DIAGNOSED, tmp_path, "03_x")}
    made = [cell.source for cell in make("student", lessons, "03").cells]
    first = holds(made, "### Stop and diagnose", "A loss below zero")
    assert "| **B** |" in made[first] and "the labels" not in made[first].split("|")[0]
    look, hints, answer, check, rule = made[first + 1 : first + 6]
    assert look == "# Look for yourself" and hints.count("<details>") == 3
    assert answer == 'answer_2 = ""  # one of "A", "B", "C"'
    assert check == 'check("3.D2", answer_2, losses=losses)'
    assert CATALOGUE["labels-one-two"].in_general in rule and "Then mend it" in rule
    assert made[first + 7].startswith("my_guess = ...")
    assert made[first + 8].startswith("<details><summary><b>And your guess?</b></summary>")
    for kind in ("solution", "walkthrough"):
        text = everything(make(kind, lessons, "03"))
        assert "Stop and diagnose" not in text and "my_guess" not in text and "Small." not in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("3.D2", "3.D9", "no check knows the diagnosis '3.D9'"),
     ("# - **Where it is:** in `to_label`.\n", "", "has three hints, and this has 2"),
     ("# %% [markdown] diagnose", "# %% diagnose", "stands on a markdown cell"),
     ('evidence="losses=losses"', "evidence=3", "is a text in quotes")],
)  # fmt: skip
def test_a_diagnosis_that_is_not_whole_is_refused(tmp_path, old, new, words):
    assert old in DIAGNOSED
    with pytest.raises(LessonError, match=words):
        text = LESSON_03 + DIAGNOSED.replace(old, new)
        lessons = {**read_tiny(tmp_path), "03": read_text(text, tmp_path, "03_x")}
        make("student", lessons, "03")


def test_an_id_stays_when_cells_around_it_change(tmp_path, tiny):
    before = {cell["id"]: cell.source for cell in make("student", tiny, "01").cells}
    text = LESSON_01.replace('# %% name="ids"', '# %%\n1 + 1\n\n# %% name="ids"')
    lessons = {**read_tiny(tmp_path), "01": read_text(text, tmp_path, "01_tiny_words")}
    after = {cell["id"]: cell.source for cell in make("student", lessons, "01").cells}
    assert len(after) == len(before) + 1 and before.items() <= after.items()
    assert {"lesson-01-exercise-1-1", "lesson-01-class-1-1", "lesson-01-vocab"} <= set(after)


def test_the_student_copy_has_stubs_that_name_the_exercise(tiny):
    stub = code(make("student", tiny, "01"))
    stub = stub[holds(stub, "def to_label")]
    assert stub == (
        "# Exercise 1.1 (5 minutes)\n"
        "def to_label(raw):\n"
        '    """Return 0.0 or 1.0 for a raw label of 1 or 2."""\n'
        '    raise NotImplementedError("Exercise 1.1 is yours to write.")\n'
        "\n"
        "# Came late? Remove the # of the next line and run this cell again.\n"
        "# from course import to_label"
    )
    names = {}
    exec(stub, names)
    with pytest.raises(NotImplementedError, match=r"Exercise 1\.1 "):
        names["to_label"](1)


def test_each_region_of_a_class_is_blank(tiny):
    names = {}
    cells = code(make("student", tiny, "03"))
    exec(cells[holds(cells, "class Reader")], names)
    with pytest.raises(NotImplementedError, match=r"Exercise 3\.1 "):
        names["Reader"](3)
    with pytest.raises(NotImplementedError, match=r"Exercise 3\.1 "):
        names["Reader"].read(None, [1])


def test_the_student_copy_has_hints_checks_and_correct_code(tiny):
    notebook = make("student", tiny, "01")
    text = everything(notebook)
    assert "<details><summary>Hint</summary>The raw labels" in text
    assert "exercise 1.1 is checked here" in text
    assert "first = 0" in "".join(code(notebook))  # given code is the class's as well
    assert not [cell for cell in notebook.cells if RAISES in tags(cell) or SKIP in tags(cell)]


def test_nothing_in_the_student_copy_may_raise(tiny):
    notebook = make("student", tiny, "03")
    assert not [cell for cell in notebook.cells if {RAISES, SKIP} & set(tags(cell))]


# The solution


@pytest.mark.parametrize("tiny_number", ["01", "02", "03"])
def test_the_solution_reads_as_a_real_one(tiny, tiny_number):
    text = everything(make("solution", tiny, tiny_number))
    assert not re.search(r"\bbugs?\b|planted|NotImplementedError|Exercise \d|Came late", text, re.I)
    assert not [bug for bug in CATALOGUE if bug in text]
    assert "This time" not in text and "```diff" not in text and "Hint" not in text
    assert "is checked here" not in text


def test_the_solution_of_the_first_lesson_has_its_bugs_and_the_later_one(tiny):
    text = "\n".join(code(make("solution", tiny, "01")))
    assert "first = 0\nnumbered = enumerate(words, start=first)\n" in text + "\n"
    assert "start=1" not in text
    assert "    shifted = raw\n" in text and "raw - 1" not in text


def test_the_solution_of_the_second_lesson_has_its_bugs(tiny):
    text = "\n".join(code(make("solution", tiny, "02")))
    assert "    shares = [sum(batch) / len(batch) for batch in batches]\n" in text
    assert "    return sum(shares) / len(shares)" in text and "return total" not in text
    assert "for step in range(steps):\n        gradient += 1\n" in text


def test_a_recap_repeats_the_cells_in_order_with_the_bugs_that_show_here(tiny):
    cells = code(make("solution", tiny, "03"))
    order = [holds(cells, "def to_label"), holds(cells, "def train"), holds(cells, "def accuracy")]
    assert order == [1, 2, 3] and holds(cells, "class Reader") == 4
    assert "shifted = raw\n" in cells[1]  # shows in 03
    assert "\n        gradient = 0" not in cells[2]  # shows in 03
    assert "shares" not in cells[3] and "return total" in cells[3]  # shows in 02
    assert "Fraction" not in "".join(cells)
    assert "self.width = hidden\n" in cells[4]


def test_a_recap_begins_with_the_imports_that_it_needs(tmp_path):
    imports = "import math\nfrom statistics import mean, median as middle\n"
    text = LESSON_02.replace("import math\n", imports).replace(
        "losses, gradient = [], 0",
        "losses, gradient = [], math.floor(middle([0, accuracy([[0]])]))",
    )
    lessons = {**read_tiny(tmp_path), "02": read_text(text, tmp_path, "02_tiny_loop")}
    cells = code(make("solution", lessons, "03"))
    assert cells[1] == (
        "from course import accuracy\nfrom statistics import median as middle\nimport math"
    )
    assert holds(cells, "def to_label") == 2 and holds(cells, "def train") == 3


def test_the_solution_stops_at_the_exception(tiny):
    notebook = make("solution", tiny, "03")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stop = holds([cell.source for cell in cells], "reader.read([1] * 6)")
    assert tags(cells[stop]) == [CHECKED, RAISES]
    assert all(SKIP not in tags(cell) for cell in cells[:stop])
    assert all(tags(cell) == [SKIP] for cell in cells[stop + 1 :])
    assert not [cell for cell in notebook.cells if cell.cell_type == "markdown" and tags(cell)]


def test_a_solution_without_exception_is_checked_to_its_end(tiny):
    notebook = make("solution", tiny, "02")
    found = [tags(cell) for cell in notebook.cells if tags(cell)]
    assert found == [[CHECKED], [CHECKED]]  # the symptom and the verdict


# The walkthrough


def test_the_walkthrough_mends_one_bug_after_the_other(tiny):
    notebook = make("walkthrough", tiny, "03")
    cells = [cell.source.splitlines()[0] for cell in notebook.cells if cell.cell_type == "code"]
    assert cells[1:] == [
        "def to_label(raw):",
        "def train(steps):",
        "def accuracy(batches):",
        "class Reader:",
        "reader = Reader(3)",
        "reader.read([1] * 6)",  # symptom 1
        "class Reader:",
        "reader = Reader(3)",
        "reader.read([1] * 6)",
        "loss = 1 - to_label(2)",
        'print("symptom: the loss went below zero" if loss < 0 else '
        '"ok: the loss is not negative")',  # symptom 2
        "def to_label(raw):",
        "loss = 1 - to_label(2)",
        'print("symptom: the loss went below zero" if loss < 0 else '
        '"ok: the loss is not negative")',
        "losses = train(3)",
        'print("ok: the loss goes down" if losses[-1] < losses[0] else '
        '"symptom: the loss does not go down")',  # symptom 3
        "def train(steps):",
        "loss = 1 - to_label(2)",
        "losses = train(3)",
        'print("ok: the loss goes down" if losses[-1] < losses[0] else '
        '"symptom: the loss does not go down")',
        'print("ok: accuracy above 0.80" if losses == [10, 9, 8] else '
        '"symptom: the model did not learn")',
    ]


def test_a_bug_stays_planted_until_its_fix(tiny):
    cells = code(make("walkthrough", tiny, "03"))
    readers = [text for text in cells if text.startswith("class Reader")]
    assert ["self.width = hidden" in text for text in readers] == [True, False]
    assert ["self.width = 2 * hidden" in text for text in readers] == [False, True]
    loops = [text for text in cells if text.startswith("def train")]
    assert ["gradient = 0\n        " in text for text in loops] == [False, True]
    labels = [text for text in cells if text.startswith("def to_label")]
    assert ["raw - 1" in text for text in labels] == [False, True]
    assert cells.index(readers[1]) < cells.index(labels[1]) < cells.index(loops[1])


def test_a_cell_that_runs_again_keeps_the_bugs_that_are_not_mended_yet(tmp_path):
    both = LESSON_03.replace(
        "        # BUG linear-input-size: self.width = hidden\n",
        "        # BUG linear-input-size: self.width = hidden\n"
        "        self.label = 1\n"
        "        # BUG labels-one-two: self.label = 2\n",
    )
    lessons = {**read_tiny(tmp_path), "03": read_text(both, tmp_path, "03_tiny_reader")}
    readers = [
        text for text in code(make("walkthrough", lessons, "03")) if text.startswith("class Reader")
    ]
    assert ["width = hidden" in text for text in readers] == [True, False, False]
    assert ["label = 2" in text for text in readers] == [True, True, False]


def test_the_bug_of_a_later_lesson_stays_in_the_walkthrough(tiny):
    text = everything(make("walkthrough", tiny, "01"))
    assert "shifted = raw\n" in text and "raw - 1" not in text


# The lines that each bug of the tiny course removes from the code and adds to it.
CHANGED = {
    "pad-is-a-word": (
        ["first = 0", "numbered = enumerate(words, start=first)"],
        ["numbered = enumerate(words, start=1)"],
    ),
    "average-of-averages": (
        [
            "shares = [sum(batch) / len(batch) for batch in batches]",
            "return sum(shares) / len(shares)",
        ],
        ["return total / sum(len(batch) for batch in batches)"],
    ),
    "linear-input-size": (["self.width = hidden"], ["self.width = 2 * hidden"]),
    "labels-one-two": (["shifted = raw"], ["shifted = raw - 1"]),
    "missing-zero-grad": ([], ["gradient = 0"]),
}


def test_every_bug_of_the_tiny_course_is_expected(tiny):
    shown = {
        cell.marks["fix"]
        for lesson in tiny.values()
        for cell in lesson.cells
        if "fix" in cell.marks
    }
    assert shown == set(CHANGED)


@pytest.mark.parametrize("bug_id", CHANGED)
def test_each_fix_tells_the_rule_and_shows_the_line(tiny, bug_id):
    bug = CATALOGUE[bug_id]
    notebook = make("walkthrough", tiny, bug.lesson)
    told = [
        cell.source for cell in notebook.cells if f"**This time:** {bug.this_time}" in cell.source
    ]
    assert len(told) == 1 and f"- **In general:** {bug.in_general}" in told[0]
    assert told[0].count("```diff\n") == 1 and told[0].endswith("\n```")
    assert "@@" not in told[0]
    lines = told[0].partition("```diff\n")[2].splitlines()[:-1]
    removed = [line[1:].strip() for line in lines if line.startswith("-")]
    added = [line[1:].strip() for line in lines if line.startswith("+")]
    assert (removed, added) == CHANGED[bug.id]


def test_the_text_of_a_fix_stands_before_its_rule(tiny):
    notebook = make("walkthrough", tiny, "01")
    fix = next(cell.source for cell in notebook.cells if "This time" in cell.source)
    assert fix.startswith('### What hides the word?\n\nThe word "the" has the id 0.\n\n- **This')


def test_only_a_symptom_that_is_still_there_may_raise(tiny):
    notebook = make("walkthrough", tiny, "03")
    raising = [cell for cell in notebook.cells if cell.source.startswith("reader.read")]
    assert [tags(cell) for cell in raising] == [[CHECKED, RAISES], [CHECKED]]
    assert not [cell for cell in notebook.cells if SKIP in tags(cell)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rerun="make"', 'rerun="nothing"', "no cell before it is named 'nothing'"),
        ('symptom="linear-input-size" raises=true', "", "no symptom cell stands before it"),
        (
            "        # BUG linear-input-size: self.width = hidden\n",
            "",
            "no cell before it has that",
        ),
        ("01:labels", "01:nothing", r"01_tiny_words.py has no cell named 'nothing'"),
        ("01:labels", "07:labels", "there is no lesson 07"),
    ],
)
def test_a_story_that_cannot_be_told_is_refused(tmp_path, old, new, message):
    assert old in LESSON_03
    lesson = read_text(LESSON_03.replace(old, new), tmp_path, "03_tiny_reader")
    lessons = {**read_tiny(tmp_path), "03": lesson}
    with pytest.raises(LessonError, match=message):
        make("walkthrough", lessons, "03")


def test_a_fix_that_stands_twice_is_refused(tmp_path):
    fix = '# %% [markdown] fix="pad-is-a-word"\n# again\n\n'
    text = LESSON_01.replace(
        '# %% [markdown] only="student"', fix + '# %% [markdown] only="student"'
    )
    lessons = {"01": read_text(text, tmp_path, "01_tiny_words")}
    with pytest.raises(LessonError, match="no cell before it has that bug planted"):
        make("walkthrough", lessons, "01")


def first_lines(notebook, key):
    """The first lines of the cells with this key in their metadata."""
    return [cell.source.splitlines()[0] for cell in notebook.cells if key in cell.metadata]


def test_what_was_shown_before_is_folded_in_the_walkthrough(tiny):
    notebook = make("walkthrough", tiny, "03")
    assert first_lines(notebook, "jupyter") == [
        "try:",
        "def to_label(raw):",
        "def train(steps):",  # of earlier lessons
        "def accuracy(batches):",
        "class Reader:",  # mended, as its changed line stands above it
        "reader = Reader(3)",
        "reader.read([1] * 6)",
        "def to_label(raw):",
        "loss = 1 - to_label(2)",
        'print("symptom: the loss went below zero" if loss < 0 else '
        '"ok: the loss is not negative")',
        "def train(steps):",
        "loss = 1 - to_label(2)",
        "losses = train(3)",
        'print("ok: the loss goes down" if losses[-1] < losses[0] else '
        '"symptom: the loss does not go down")',
    ]


def test_sections_in_which_nothing_goes_wrong_are_closed_in_the_walkthrough(tmp_path):
    quiet = (
        "# %% [markdown]\n# Before it.\n#\n# ## Quiet\n#\n# Its text.\n\n# %%\nx = 1\n\n"
        "# %% [markdown]\n# ## Only text\n#\n# More.\n\n# %% [markdown]\n# ## Loud\n\n"
    )
    symptom = '# %% symptom="linear-input-size" raises=true'
    assert symptom in LESSON_03
    text = LESSON_03.replace(symptom, quiet + symptom)
    lessons = {**read_tiny(tmp_path), "03": read_text(text, tmp_path, "03_tiny_reader")}
    notebook = make("walkthrough", lessons, "03")
    assert first_lines(notebook, "jp-MarkdownHeadingCollapsed") == ["## Quiet"]
    texts = [cell.source for cell in notebook.cells]
    place = texts.index("## Quiet")
    assert texts[place - 1 : place + 3] == ["Before it.", "## Quiet", "Its text.", "x = 1"]
    assert "## Only text\n\nMore." not in texts and "## Quiet" not in [
        cell.source for cell in make("student", lessons, "03").cells
    ]


def test_the_walkthrough_says_what_it_folds(tiny):
    texts = [cell.source for cell in make("walkthrough", tiny, "03").cells]
    assert texts[1].startswith("> **This is the walkthrough:**")


# They run


@pytest.fixture(scope="module")
def executed(tiny, tmp_path_factory):
    """The solution and the walkthrough of lesson 03, as Run All leaves them."""
    made = {}
    for kind in ("solution", "walkthrough"):
        made[kind] = make(kind, tiny, "03")
        execute(made[kind], tmp_path_factory.mktemp("run"))
    return made


def heard(notebook):
    """What the checked cells of an executed notebook say, in order."""
    outputs = [cell.outputs for cell in notebook.cells if CHECKED in tags(cell)]
    assert all(len(output) == 1 for output in outputs)
    return [output[0].get("text", output[0].get("evalue")).strip() for output in outputs]


def test_the_tiny_solution_runs_to_its_exception(executed):
    assert heard(executed["solution"]) == ["shapes cannot be multiplied"]
    cells = [cell for cell in executed["solution"].cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in cells]
    assert counts == [1, 2, 3, 4, 5, 6, 7] + [None] * (len(cells) - 7)
    assert not any(cell.outputs for cell in cells[7:])
    nbformat.validate(executed["solution"])


def test_the_tiny_walkthrough_runs_to_its_result(executed):
    assert heard(executed["walkthrough"]) == [
        "shapes cannot be multiplied",
        "ok: the shapes fit",
        "symptom: the loss went below zero",
        "ok: the loss is not negative",
        "symptom: the loss does not go down",
        "ok: the loss goes down",
        "ok: accuracy above 0.80",
    ]
    cells = [cell for cell in executed["walkthrough"].cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert "widgets" not in executed["walkthrough"].metadata
    assert all(set(cell.metadata) <= KEPT["walkthrough"] for cell in executed["walkthrough"].cells)
    nbformat.validate(executed["walkthrough"])
