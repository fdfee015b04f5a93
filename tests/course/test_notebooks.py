"""Guards over the committed notebooks: what nbval does not see, and what each copy promises.

nbval passes in silence when a checked cell was never run, when its tag is misspelt, when it no
longer raises, when its outputs were stripped. Each guard here is a plain function that returns one
line per complaint; the second half of the file shows that each of them can complain.
"""

import ast
import inspect
import itertools
import json
import re
import statistics
from pathlib import Path
from unittest.mock import MagicMock

import nbformat
import pytest
import torch
from IPython.core.inputtransformer2 import TransformerManager

from practicum_utils.authoring import build
from practicum_utils.authoring.copies import CHECKED, RAISES, SKIP
from practicum_utils.bugs import CATALOGUE, PLANTED
from practicum_utils.bugs.planting import BUG_LINE, plant, uncover
from practicum_utils.checks import diagnoses

ROOT = Path(__file__).parents[2]
LESSONS = build.read_all(ROOT)
STUDENT = sorted((ROOT / build.FOLDERS["student"]).glob("*.ipynb"))
SOLUTION = sorted((ROOT / build.FOLDERS["solution"]).glob("*.ipynb"))
WALKTHROUGH = sorted((ROOT / build.FOLDERS["walkthrough"]).glob("*.ipynb"))
OUTPUT_BYTES, NOTEBOOK_BYTES = 100_000, 800_000
CELL_LINES, MEDIAN_LINES = 40, 5


def each(*groups):
    """Parametrize a test by notebook file; the id is the path in the repository."""
    paths = sorted(itertools.chain(*groups))
    return pytest.mark.parametrize("path", paths, ids=[str(p.relative_to(ROOT)) for p in paths])


def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(notebook):
    """Pairs of the cell's number, as shown by ``practicum build --check``, and the code cell."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def printed(cell):
    """All that a cell printed to stdout."""
    outputs = [output for output in cell.outputs if output.output_type == "stream"]
    return "".join(output.text for output in outputs if output.name == "stdout")


def raised(cell):
    """The message of the exception that stopped a cell; None if none did."""
    return next((out.evalue for out in cell.outputs if out.output_type == "error"), None)


def python(source):
    """A cell's code without its magics."""
    return TransformerManager().transform_cell(source)


# The guards: each returns one line per complaint


def bad_tags(notebook):
    found = []
    for number, cell in enumerate(notebook.cells, 1):
        unknown = set(tags(cell)) - {CHECKED, RAISES, SKIP}
        found += [f"cell {number}: unknown tag {tag!r}" for tag in sorted(unknown)]
        if RAISES in tags(cell) and CHECKED not in tags(cell):
            found.append(f"cell {number}: {RAISES} without {CHECKED}, so any exception passes")
        if tags(cell) and cell.cell_type != "code":
            found.append(f"cell {number}: tags on a text cell")
    return found


def bad_verdicts(notebook):
    """Each checked cell was run, and says one verdict or raises; it may draw a picture beside."""
    found = []
    for number, cell in code_cells(notebook):
        if CHECKED not in tags(cell):
            continue
        if cell.execution_count is None:
            found.append(f"cell {number}: checked but never run")
        if not cell.outputs:
            found.append(f"cell {number}: checked but has no output")
        for output in cell.outputs:
            if _is_picture(output):  # which nbval does not compare
                continue
            if output.output_type not in ("stream", "error") or output.get("name") == "stderr":
                found.append(f"cell {number}: checks an output of type {output.output_type}")
        if (raised(cell) is not None) != (RAISES in tags(cell)):
            found.append(f"cell {number}: the tag {RAISES} and the stored outputs disagree")
        if raised(cell) is None and not re.fullmatch(r"(symptom|ok): .+\n?", printed(cell)):
            found.append(f"cell {number}: {printed(cell)!r} is not one verdict line")
    return found


def _is_picture(output):
    return output.output_type == "display_data" and set(output.data) <= {"image/png", "text/plain"}


def bad_run_order(notebook, may_stop):
    """Run All gives 1..n, up to a stopping symptom; what comes after it is skipped and not run."""
    found, expected, stopped = [], 1, False
    for number, cell in code_cells(notebook):
        if stopped:
            if cell.execution_count is not None or cell.outputs:
                found.append(f"cell {number}: was run after the exception that stops the notebook")
            if SKIP not in tags(cell):
                found.append(f"cell {number}: stands after the exception without the tag {SKIP}")
            continue
        if SKIP in tags(cell):
            found.append(f"cell {number}: skipped, but nothing before it stops the notebook")
        if cell.execution_count != expected:
            found.append(f"cell {number}: has count {cell.execution_count} instead of {expected}")
        expected += 1
        stopped = may_stop and RAISES in tags(cell)
    return found


def bad_outputs(notebook):
    """What must not be stored: stderr, widgets, large outputs, reduced sizes, this computer."""
    found = ["metadata.widgets is stored"] if "widgets" in notebook.metadata else []
    for number, cell in code_cells(notebook):
        for output in cell.outputs:
            text = json.dumps(output, ensure_ascii=False)
            if output.get("name") == "stderr":
                found.append(f"cell {number}: stderr")
            if len(text.encode()) > OUTPUT_BYTES:
                found.append(f"cell {number}: an output of {len(text.encode()):,} bytes")
            if "widget-view" in text:
                found.append(f"cell {number}: a widget, which is empty in a stored notebook")
            if "PRACTICUM_FAST" in text:
                found.append(f"cell {number}: made at reduced size")
            plain = re.sub(r"\x1b\[[\d;]*m|\\u001b\[[\d;]*m", "", _without_pictures(output))
            for place in re.findall(
                r"/tmp/|/root\b|/home/|/Users/|site-packages|\bFile [~/]", plain
            ):
                found.append(f"cell {number}: the path of a computer ({place})")
    return found


def _without_pictures(output):
    data = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")}
    return json.dumps({**output, "data": data}, ensure_ascii=False)


def traces_of_making(notebook):
    """Marks of the lesson source, which belong in no notebook."""
    return [
        f"cell {number}: has {match[0]!r}"
        for number, cell in enumerate(notebook.cells, 1)
        for match in [re.search(r"# ?BUG\b|### ?(BEGIN|END)", cell.source)]
        if match
    ]


def given_away(notebook, words):
    """Bug ids, and whatever matches ``words``, in text, code or outputs."""
    pattern = re.compile("|".join([*CATALOGUE, words]))
    return [
        f"cell {number}: says {match[0]!r}"
        for number, cell in enumerate(notebook.cells, 1)
        for part in (cell.source, *map(_without_pictures, cell.get("outputs", [])))
        for match in [pattern.search(part.replace("\\n", " "))]
        if match
    ]


def bad_student_copy(notebook):
    found = bad_tags(notebook)
    for number, cell in code_cells(notebook):
        if cell.outputs or cell.execution_count is not None:
            found.append(f"cell {number}: a student copy has no outputs")
        if {RAISES, SKIP} & set(tags(cell)):
            found.append(f"cell {number}: a student's code is correct; nothing is to raise")
    if not re.search(r"\bminutes\b", notebook.cells[0].source):
        found.append("cell 1: does not say how many minutes the lesson takes")
    for heading in ("Takeaways", "Questions"):
        if not re.search(rf"^## {heading}", "\n".join(_last_texts(notebook)), re.MULTILINE):
            found.append(f"the end has no heading {heading!r}")
    return found


def _last_texts(notebook):
    cells = reversed(notebook.cells)
    return [cell.source for cell in itertools.takewhile(lambda c: c.cell_type != "code", cells)]


def missing_exercises(notebook, lesson):
    """Each exercise of the source has a cell that names it and raises NotImplementedError."""
    found = []
    for cell in lesson.cells:
        exercise = cell.marks.get("exercise")
        raising = f'raise NotImplementedError("Exercise {exercise} is yours to write.")'
        cells = [c.source for _, c in code_cells(notebook)]
        stubs = [c for c in cells if c.startswith(f"# Exercise {exercise} (") and raising in c]
        if exercise and len(stubs) != 1:
            found.append(f"exercise {exercise} has {len(stubs)} stubs")
    return found


def long_cells(notebook):
    sizes = {
        n: sum(bool(line.strip()) for line in cell.source.splitlines())
        for n, cell in code_cells(notebook)
    }
    found = [f"cell {n}: {size} lines of code" for n, size in sizes.items() if size > CELL_LINES]
    if statistics.median(sizes.values()) > MEDIAN_LINES:
        found.append(f"half of the code cells are longer than {MEDIAN_LINES} lines")
    return found


def showing(bug, cell_text, notebook):
    """Numbers of the checked cells of that source whose stored output shows the bug's symptom."""
    return [
        number
        for number, cell in code_cells(notebook)
        if CHECKED in tags(cell)
        and cell.source in _variants(cell_text)
        and (
            bug.symptom in (raised(cell) or "")
            or printed(cell).strip() == f"symptom: {bug.symptom}"
        )
    ]


def mending(cell_text, notebook):
    """Numbers of the checked cells of that source whose stored output says ``ok: ...``."""
    return [
        number
        for number, cell in code_cells(notebook)
        if CHECKED in tags(cell)
        and cell.source in _variants(cell_text)
        and raised(cell) is None
        and printed(cell).startswith("ok: ")
    ]


def _variants(text):
    """A source cell as it can stand in a notebook, with any of its bugs planted."""
    found = [BUG_LINE.match(line) for line in text.splitlines()]
    bugs = {match["id"] for match in found if match}
    subsets = [itertools.combinations(bugs, size) for size in range(len(bugs) + 1)]
    return {plant(uncover(text), set(some)) for some in itertools.chain(*subsets)}


def untold(bug, cell_text, solution, walkthrough):
    """The two-sided contract on stored outputs: the symptom shows, and is gone after the fix."""
    seen = showing(bug, cell_text, walkthrough)
    if not seen and not showing(bug, cell_text, solution):
        return [f"{bug.id}: no checked cell shows 'symptom: {bug.symptom}'"]
    if not seen:
        return [f"{bug.id}: the walkthrough does not show the symptom"]
    if not [number for number in mending(cell_text, walkthrough) if number > seen[-1]]:
        return [f"{bug.id}: the walkthrough never shows that the symptom is gone"]
    return []


def unheard(bug, notebook):
    """The doctor names the bug in a checked cell of the walkthrough, and later finds no error."""
    said = [printed(cell).strip() for _, cell in code_cells(notebook) if CHECKED in tags(cell)]
    named = f"symptom: the doctor names {bug.id}"
    if named not in said:
        return [f"{bug.id}: no checked cell says {named!r}"]
    if "ok: the doctor finds no error" not in said[said.index(named) :]:
        return [f"{bug.id}: the doctor is never satisfied with the fix"]
    return []


def broken_stubs(notebook):
    """Call whatever is blank; only NotImplementedError, naming the exercise, may come of it."""
    found, names = [], {}
    for number, cell in code_cells(notebook):
        nodes = ast.parse(python(cell.source)).body
        kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        nodes = [node for node in nodes if isinstance(node, kept)]
        exec(compile(ast.Module(nodes, []), f"cell {number}", "exec"), names)
        match = re.match(r"# Exercise (\S+) ", cell.source)
        if not match:
            continue
        blanks = list(_blanks(nodes, names))
        if not blanks:
            found.append(f"cell {number}: exercise {match[1]} leaves nothing to write")
        for where, function, subject in blanks:
            outcome = _call(function, subject)
            if f"Exercise {match[1]} " not in outcome:
                found.append(f"cell {number}: {where} gives {outcome}")
    return found


def _blanks(nodes, names):
    """Each function or method with a blank: its name, the function, and what to give as self."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and _is_blank(node):
            yield node.name, names[node.name], []
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, ast.FunctionDef) and _is_blank(method):
                cls = names[node.name]
                function = inspect.unwrap(vars(cls)[method.name])
                function = getattr(function, "__func__", getattr(function, "fget", function))
                subject = cls.__new__(cls) if method.name == "__init__" else MagicMock()
                yield f"{node.name}.{method.name}", function, [subject]


def _is_blank(node):
    return "NotImplementedError" in ast.unparse(node)


def _call(function, subject):
    """What comes of a call with dummy arguments: the message of a NotImplementedError, or else."""
    wanted = list(inspect.signature(function).parameters.values())[len(subject) :]
    needed = [
        parameter
        for parameter in wanted
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    outcomes = []
    for dummy in (2, MagicMock(), torch.ones(2, 3, dtype=torch.long)):
        try:
            outcomes.append(f"the value {function(*subject, *[dummy] * len(needed))!r}")
        except NotImplementedError as error:
            return str(error)
        except Exception as error:  # the dummy may be of the wrong type for a line above the blank
            outcomes.append(repr(error))
    return "; ".join(outcomes)


# The committed notebooks


@pytest.mark.parametrize("number", sorted({bug.lesson for bug in PLANTED.values()}))
def test_every_lesson_of_the_catalogue_has_a_source(number):
    assert number in LESSONS


@pytest.mark.parametrize("number", LESSONS)
def test_the_committed_notebooks_are_what_the_sources_make(number):
    assert build.differences(ROOT, [number]) == []


@each(STUDENT, SOLUTION, WALKTHROUGH)
def test_every_notebook_has_a_source(path):
    assert path.stem in {lesson.name for lesson in LESSONS.values()}


@each(STUDENT, SOLUTION, WALKTHROUGH)
def test_every_notebook_is_valid_and_small(path):
    nbformat.validate(json.loads(path.read_text()))
    assert path.stat().st_size <= NOTEBOOK_BYTES
    assert traces_of_making(read(path)) == []


@each(SOLUTION, WALKTHROUGH)
def test_tags_are_known_and_paired(path):
    assert bad_tags(read(path)) == []


@each(SOLUTION, WALKTHROUGH)
def test_every_checked_cell_was_run_and_says_a_verdict(path):
    assert bad_verdicts(read(path)) == []


@each(SOLUTION, WALKTHROUGH)
def test_cells_were_run_in_order(path):
    assert bad_run_order(read(path), may_stop=path in SOLUTION) == []


@each(SOLUTION, WALKTHROUGH)
def test_stored_outputs_are_clean(path):
    assert bad_outputs(read(path)) == []


@each(SOLUTION)
def test_a_solution_does_not_say_that_something_is_wrong_with_it(path):
    assert given_away(read(path), r"(?i:\bbugs?\b|\bbuggy\b|\bplanted\b)|NotImplementedError") == []
    assert "wrong, and on purpose" in read(path).cells[1].source


@each(SOLUTION)
def test_a_solution_shows_a_symptom(path):
    symptoms = [
        cell
        for _, cell in code_cells(read(path))
        if CHECKED in tags(cell) and (raised(cell) or printed(cell).startswith("symptom: "))
    ]
    assert symptoms


@each(SOLUTION)
def test_code_cells_are_short(path):
    assert long_cells(read(path)) == []


@each(STUDENT)
def test_a_student_copy_gives_nothing_away(path):
    assert given_away(read(path), r"\bBUG\b|```diff") == []
    assert told_too_early(read(path)) == []


def told_too_early(notebook):
    """Words of a bug's rule that stand above the cell in which its symptom shows."""
    texts, found = [cell.source for cell in notebook.cells], []
    for entry in diagnoses().values():
        shown = [n for n, text in enumerate(texts) if f'verdict("{entry.number}"' in text]
        bug = CATALOGUE[entry.bug]
        for number, text in enumerate(texts[: shown[0]] if shown else [], 1):
            words = [bug.this_time, bug.title, *(name for name, _ in entry.causes.values())]
            found += [f"cell {number}: says {word!r}" for word in words if word in text]
    return found


@each(STUDENT)
def test_a_student_copy_is_empty_framed_and_correct(path):
    assert bad_student_copy(read(path)) == []


@each(STUDENT)
def test_every_exercise_is_in_the_student_copy(path):
    assert missing_exercises(read(path), LESSONS[path.stem[:2]]) == []


@each(STUDENT)
def test_a_stub_raises_only_that_it_is_not_written(path):
    assert broken_stubs(read(path)) == []


def bugs_and_lessons():
    """(bug, number of the lesson in which it shows) for all of the catalogue and the sources."""
    met = {(bug.id, bug.lesson) for bug in PLANTED.values()}
    for lesson in LESSONS.values():
        found = {bug for cell in lesson.cells for bug in cell.bugs()}
        met |= {(bug, CATALOGUE[bug].lesson or lesson.number) for bug in found}
    return [
        pytest.param(CATALOGUE[bug], number, id=f"{number}-{bug}") for bug, number in sorted(met)
    ]


def lesson_of(bug, number):
    assert number in LESSONS, f"lesson {number}, in which {bug.id} shows, has no source"
    return LESSONS[number]


@pytest.mark.parametrize(("bug", "number"), bugs_and_lessons())
def test_a_bug_shows_its_symptom_until_it_is_mended(bug, number):
    lesson = lesson_of(bug, number)
    symptoms = [cell for cell in lesson.cells if cell.marks.get("symptom") == bug.id]
    assert len(symptoms) == 1, f"{lesson.name} has {len(symptoms)} symptom cells for {bug.id}"
    paths = [
        ROOT / build.FOLDERS[kind] / f"{lesson.name}.ipynb" for kind in ("solution", "walkthrough")
    ]
    assert not [f"{path} is missing" for path in paths if not path.is_file()]
    assert untold(bug, symptoms[0].text, *map(read, paths)) == []


# Lessons up to 02 come before the doctor.
EXAMINED = [bug for bug in PLANTED.values() if bug.detectable and bug.lesson > "02"]


@pytest.mark.parametrize("bug", EXAMINED, ids=lambda bug: bug.id)
def test_the_doctor_names_a_bug_until_it_is_mended(bug):
    path = ROOT / build.FOLDERS["walkthrough"] / f"{lesson_of(bug, bug.lesson).name}.ipynb"
    assert unheard(bug, read(path)) == []


@pytest.mark.parametrize(("bug", "number"), bugs_and_lessons())
def test_a_bug_and_its_fix_both_stand_in_the_source(bug, number):
    homes = [cell for lesson in LESSONS.values() for cell in lesson.cells if bug.id in cell.bugs()]
    assert homes, f"no lesson has a BUG line for {bug.id}"
    for home in homes:
        code = uncover(home.text)
        wrong, right = plant(code, {bug.id}), plant(code, set())
        assert wrong != right, home.place
        assert right.splitlines() == [line for line in code.splitlines() if "# BUG" not in line]
        for line in code.splitlines():
            match = BUG_LINE.match(line)
            if match and match["id"] == bug.id and match["code"]:
                assert match["indent"] + match["code"] in wrong.splitlines(), home.place
        for text in (wrong, right):
            compile(python(text), home.place, "exec")
    lesson = lesson_of(bug, number)
    fixes = [cell for cell in lesson.cells if cell.marks.get("fix") == bug.id]
    assert len(fixes) == 1, f"{lesson.name} has {len(fixes)} fixes of {bug.id}"


# Each guard can complain

VERDICT = 'print("symptom: the loss went below zero" if loss < 0 else "ok: the loss is fine")'
STUB = '''\
# Exercise 3.1 (5 minutes)
class Reader(torch.nn.Module):
    """Reads."""

    def __init__(self, width):
        """width: numbers per word."""
        super().__init__()
        raise NotImplementedError("Exercise 3.1 is yours to write.")

    @staticmethod
    def size(text):
        """How long it is."""
        raise NotImplementedError("Exercise 3.1 is yours to write.")

    @property
    def rows(self):
        """How many rows."""
        raise NotImplementedError("Exercise 3.1 is yours to write.")

    def forward(self, token_ids):
        """token_ids: (B, T)"""
        B, T = token_ids.shape
        raise NotImplementedError("Exercise 3.1 is yours to write.")
'''


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=name)


def error(message, traceback="Cell In[1], line 1"):
    return nbformat.v4.new_output(
        "error", ename="RuntimeError", evalue=message, traceback=[traceback]
    )


def code(source, count=None, outputs=(), tagged=()):
    metadata = {"tags": list(tagged)} if tagged else {}
    return nbformat.v4.new_code_cell(
        source, execution_count=count, outputs=list(outputs), metadata=metadata
    )


def book(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def text(source, **more):
    return nbformat.v4.new_markdown_cell(source, **more)


def a_solution():
    """A small solution as it should be: a silent symptom, an exception, a cell after it."""
    return book(
        text("# Title"),
        code("loss = -1", 1),
        code(VERDICT, 2, [stream("symptom: the loss went below zero\n")], [CHECKED]),
        code("reader(3)", 3, [error("shapes cannot be multiplied")], [CHECKED, RAISES]),
        code("1 + 1", tagged=[SKIP]),
    )


def a_walkthrough():
    return book(
        text("# Title"),
        code("loss = -1", 1),
        code(VERDICT, 2, [stream("symptom: the loss went below zero\n")], [CHECKED]),
        code("loss = 1", 3),
        code(VERDICT, 4, [stream("ok: the loss is fine\n")], [CHECKED]),
    )


def a_student_copy():
    return book(
        text("# Title\n\n40 minutes"),
        code("import torch"),
        code(STUB),
        code(VERDICT, tagged=[CHECKED]),
        text("## Takeaways\n\n1. Look.\n\n## Questions\n\n1. Why?"),
    )


def test_good_notebooks_pass_all_guards():
    for notebook in (a_solution(), a_walkthrough()):
        assert bad_tags(notebook) == bad_verdicts(notebook) == bad_outputs(notebook) == []
        assert traces_of_making(notebook) == long_cells(notebook) == []
        assert given_away(notebook, r"\bbug\b") == []
    assert bad_run_order(a_solution(), may_stop=True) == []
    assert bad_run_order(a_walkthrough(), may_stop=False) == []
    assert untold(CATALOGUE["labels-one-two"], VERDICT, a_solution(), a_walkthrough()) == []
    assert bad_student_copy(a_student_copy()) == broken_stubs(a_student_copy()) == []


def spoil(notebook, number, **changes):
    """Change fields of a cell (its number counts from 1, as in the complaints)."""
    cell = notebook.cells[number - 1]
    for field, value in changes.items():
        if field == "tags":
            cell.metadata["tags"] = value
        else:
            cell[field] = value
    return notebook


PICTURE = nbformat.v4.new_output("display_data", data={"image/png": "A" * 120_000})
TABLE = nbformat.v4.new_output("display_data", data={"text/html": "<table></table>"})
WIDGET = nbformat.v4.new_output(
    "display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
)

# name: (guard, changes to cells of a good solution, words of the complaint)
SPOILT = {
    "a misspelt tag": (
        bad_tags, {3: {"tags": ["nbval-check-outputs"]}}, "unknown tag 'nbval-check-outputs'",
    ),
    "an exception that is not compared": (
        bad_tags, {4: {"tags": [RAISES]}}, "so any exception passes",
    ),
    "a tag on a text cell": (bad_tags, {1: {"tags": [CHECKED]}}, "tags on a text cell"),
    "a stripped output": (bad_verdicts, {3: {"outputs": []}}, "cell 3: checked but has no output"),
    "a cell that was never run": (
        bad_verdicts, {3: {"execution_count": None}}, "cell 3: checked but never run",
    ),
    "a cell that no longer raises": (
        bad_verdicts, {4: {"outputs": [stream("ok: the shapes fit\n")]}}, "outputs disagree",
    ),
    "a cell that raises without its tag": (bad_verdicts, {4: {"tags": [CHECKED]}}, "disagree"),
    "a number instead of a verdict": (
        bad_verdicts, {3: {"outputs": [stream("-0.31\n")]}}, "'-0.31\\n' is not one verdict line",
    ),
    "two verdicts": (
        bad_verdicts, {3: {"outputs": [stream("ok: a\nok: b\n")]}}, "is not one verdict line",
    ),
    "a picture without a verdict": (
        bad_verdicts, {3: {"outputs": [PICTURE]}}, "is not one verdict line",
    ),
    "a table in a checked cell": (bad_verdicts, {3: {"outputs": [TABLE]}}, "type display_data"),
    "a warning in a checked cell": (
        bad_verdicts, {3: {"outputs": [stream("ok: a\n"), stream("b", "stderr")]}}, "type stream",
    ),
    "cells run out of order": (
        bad_run_order, {2: {"execution_count": 7}}, "cell 2: has count 7 instead of 1",
    ),
    "a cell left out": (
        bad_run_order, {2: {"execution_count": None}}, "cell 2: has count None instead of 1",
    ),
    "a cell run after the exception": (
        bad_run_order, {5: {"execution_count": 4}}, "cell 5: was run after the exception",
    ),
    "an unmarked cell after the exception": (
        bad_run_order, {5: {"tags": []}}, f"after the exception without the tag {SKIP}",
    ),
    "a skipped cell before the exception": (
        bad_run_order, {2: {"tags": [SKIP]}}, "cell 2: skipped, but nothing before it stops",
    ),
    "stderr": (bad_outputs, {2: {"outputs": [stream("a", "stderr")]}}, "cell 2: stderr"),
    "a large output": (bad_outputs, {2: {"outputs": [PICTURE]}}, "cell 2: an output of 120,"),
    "a widget": (bad_outputs, {2: {"outputs": [WIDGET]}}, "cell 2: a widget"),
    "a reduced size": (
        bad_outputs, {2: {"outputs": [stream("PRACTICUM_FAST=1: 5 here")]}}, "made at reduced size",
    ),
    "a folder in a print": (
        bad_outputs, {2: {"outputs": [stream("saved in /home/ann/x")]}}, "a computer (/home/)",
    ),
    "a folder in a traceback": (
        bad_outputs,
        {4: {"outputs": [error("a", "\x1b[36mFile \x1b[39m\x1b[32m~/lib/torch/x.py:1\x1b[39m")]}},
        "a computer (File ~)",
    ),
    "a BUG line": (
        traces_of_making, {2: {"source": "x = 1\n# BUG labels-one-two: x = 2"}}, "has '# BUG'",
    ),
    "a solution mark": (traces_of_making, {2: {"source": "### END SOLUTION"}}, "has '### END'"),
    "a bug id in code": (
        given_away, {2: {"source": "check('labels-one-two')"}}, "says 'labels-one-two'",
    ),
    "a bug id in an output": (
        given_away, {2: {"outputs": [stream("missing-zero-grad")]}}, "says 'missing-zero-grad'",
    ),
    "a word in a text": (given_away, {1: {"source": "There is a bug."}}, "cell 1: says 'bug'"),
    "a long cell": (long_cells, {2: {"source": "x = 1\n" * 41}}, "cell 2: 41 lines of code"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_solution_is_refused(name):
    guard, changes, words = SPOILT[name]
    notebook = a_solution()
    more = {bad_run_order: [True], given_away: [r"\bbug\b"]}.get(guard, [])
    for number, fields in changes.items():
        spoil(notebook, number, **fields)
    assert words in "\n".join(guard(notebook, *more))


def test_an_exception_does_not_stop_a_walkthrough():
    complaints = "\n".join(bad_run_order(a_solution(), may_stop=False))
    assert "cell 5: skipped, but nothing before it stops the notebook" in complaints


def test_stored_widget_states_are_refused():
    notebook = a_solution()
    notebook.metadata["widgets"] = {}
    assert bad_outputs(notebook) == ["metadata.widgets is stored"]


def test_long_cells_all_over_are_refused():
    notebook = book(*(code("x = 1\n" * 6) for _ in range(3)))
    assert long_cells(notebook) == ["half of the code cells are longer than 5 lines"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {3: {"outputs": [stream("ok: the loss is fine\n")]}},
            "no checked cell shows 'symptom: the",
        ),
        ({3: {"outputs": []}}, "no checked cell shows"),
        ({3: {"tags": []}}, "no checked cell shows"),
        ({3: {"source": "print('symptom: ...')"}}, "no checked cell shows"),
        ({5: {"outputs": [stream("symptom: the loss went below zero\n")]}}, "never shows that the"),
        ({5: {"outputs": []}}, "never shows that the symptom is gone"),
        ({5: {"source": "print('ok: another cell')"}}, "never shows that the symptom is gone"),
    ],
)
def test_a_bug_that_is_not_told_is_refused(changes, words):
    notebook = a_walkthrough()
    for number, fields in changes.items():
        spoil(notebook, number, **fields)
    (complaint,) = untold(CATALOGUE["labels-one-two"], VERDICT, notebook, notebook)
    assert complaint.startswith("labels-one-two: ") and words in complaint


NAMED, SATISFIED = "symptom: the doctor names double-sigmoid\n", "ok: the doctor finds no error\n"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ((NAMED, SATISFIED), ""),
        ((SATISFIED, NAMED), "never satisfied"),
        ((NAMED,), "never satisfied"),
        ((NAMED.replace("double", "another"), SATISFIED), "no checked cell says"),
    ],
)
def test_a_bug_that_the_doctor_does_not_name_is_refused(said, words):
    cells = [
        code("print(report.verdict)", tagged=[CHECKED], outputs=[stream(line)]) for line in said
    ]
    complaints = unheard(CATALOGUE["double-sigmoid"], book(*cells))
    assert len(complaints) == bool(words) and words in "".join(complaints)


def test_a_symptom_that_only_the_solution_shows_is_refused():
    notebook = spoil(a_walkthrough(), 3, outputs=[stream("ok: the loss is fine\n")])
    (complaint,) = untold(CATALOGUE["labels-one-two"], VERDICT, a_solution(), notebook)
    assert "the walkthrough does not show the symptom" in complaint


def test_an_exception_with_another_message_is_no_symptom():
    bug = CATALOGUE["linear-input-size"]
    assert showing(bug, "reader(3)", a_solution()) == [4]
    notebook = spoil(a_solution(), 4, outputs=[error("name 'reader' is not defined")])
    assert showing(bug, "reader(3)", notebook) == []


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (1, {"source": "# Title"}, "how many minutes"),
        (2, {"outputs": [stream("1")]}, "cell 2: a student copy has no outputs"),
        (2, {"execution_count": 1}, "cell 2: a student copy has no outputs"),
        (4, {"tags": [CHECKED, RAISES]}, "nothing is to raise"),
        (4, {"tags": ["nbval-check"]}, "unknown tag"),
        (5, {"source": "## Takeaways"}, "no heading 'Questions'"),
        (5, {"source": "## Questions"}, "no heading 'Takeaways'"),
    ],
)
def test_a_spoilt_student_copy_is_refused(number, changes, words):
    complaints = bad_student_copy(spoil(a_student_copy(), number, **changes))
    assert len(complaints) == 1 and words in complaints[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("3.1 is", "3.2 is", "Reader.__init__ gives Exercise 3.2"),
        (
            '"""How long it is."""\n        raise NotImplementedError',
            '"""How long it is."""\n        text += tail\n        raise NotImplementedError',
            "Reader.size gives",
        ),
        ("raise NotImplementedError(", "print(", "leaves nothing to write"),
        ("(B, T)\"\"\"\n", '(B, T)"""\n        return 3\n', "Reader.forward gives the value 3"),
    ],
)  # fmt: skip
def test_a_broken_stub_is_refused(old, new, words):
    assert old in STUB
    complaints = broken_stubs(spoil(a_student_copy(), 3, source=STUB.replace(old, new)))
    assert complaints and words in complaints[0]
