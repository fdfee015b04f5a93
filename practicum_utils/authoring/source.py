"""Read a lesson source (jupytext py:percent) and refuse malformed marks in one clear sentence.

Cell marks stand in the header, as in ``# %% name="rnn" exercise="3.1" minutes=10``:

=========  =======================================================================================
name       what ``rerun`` and ``recap`` call the cell by
exercise   the exercise's id; the cell holds one def or class with SOLUTION regions
minutes    how long the exercise takes (with ``exercise``); on a presenter cell, how long its
           section takes in class, exercises included
catch_up   the import that replaces the exercise for whoever falls behind (with ``exercise``)
only       the copies that get the cell: student, solution, walkthrough; "presenter", on a
           markdown cell, makes it a note for ``practicum notes`` and ``practicum slides``
verdict    true: the cell prints a verdict line that nbval compares
symptom    a bug id: the verdict cell in which that bug shows
raises     true: the symptom is an exception (with ``symptom``)
fix        a bug id, on a markdown cell: the walkthrough mends that bug here
rerun      names of the cells that the walkthrough runs again after the fix (with ``fix``)
recap      "NN:name,NN:name": the class's own code of earlier lessons is repeated here
diagnose   a number such as "3.D1", on a markdown cell: the student stops and diagnoses here. The
           cell has a text, then three hints as a list: ``- **What to look at:** ...``
evidence   arguments for the diagnosis's check, as "losses=losses" (with ``diagnose``)
guess      a name; on a markdown cell that asks for a prediction: the student gets a cell for it
fold       a title; the student and the walkthrough unfold this text; the solution has it open
tell       true: ``practicum run`` prints what the cell prints
setup      true: the builder puts the installation lines in front of this cell
check      an exercise's id: the cell checks it (student copy and walkthrough)
=========  =======================================================================================

Marks inside a cell are comments::

    ### BEGIN SOLUTION          the student copy has NotImplementedError instead of this region
    ### END SOLUTION
    # BUG some-id: wrong code   where the bug is planted, this replaces the one line above it;
                                more BUG lines of the same id add more lines, none deletes the line
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jupytext

from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import (
    BEGIN,
    BUG_LINE,
    END,
    LIKE_A_BUG_LINE,
    LessonError,
    bugs_in,
    plant,
    uncover,
)

# The marks whose value stands in quotes, and the others.
TEXTS = set(
    "name exercise catch_up only symptom fix rerun recap check diagnose evidence guess fold".split()
)
MARKS = TEXTS | set("minutes verdict raises setup tell".split())
NEEDS = {"catch_up": "exercise", "raises": "symptom", "rerun": "fix", "evidence": "diagnose"}
ON_TEXT = {"fix", "diagnose", "guess", "fold"}  # marks of markdown cells
AUDIENCES = {"student", "solution", "walkthrough", "presenter"}


def listed(value: str) -> list[str]:
    """The names of a comma-separated mark."""
    return [name.strip() for name in value.split(",") if name.strip()]


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson source: its kind ("code" or "markdown"), text and marks."""

    kind: str
    text: str
    marks: dict
    place: str  # "03_simple_rnn.py, cell 7", for messages
    metadata: dict = field(default_factory=dict)  # what programs find in a notebook's cell

    @property
    def for_presenter(self) -> bool:
        """Whether the cell is a note that only the instructor sees."""
        return "presenter" in listed(self.marks.get("only", ""))

    def bugs(self) -> list[str]:
        """The ids of the bugs that can be planted in this cell, in order of appearance."""
        return bugs_in(self.text)

    def with_bugs(self, planted: set[str]) -> "Cell":
        """The cell as the class types it: code with these bugs in it, and no marks inside."""
        if self.kind != "code":
            return self
        return replace(self, text=plant(uncover(self.text), planted))

    def with_metadata(self, **entries: dict) -> "Cell":
        """The cell with these entries added to its metadata."""
        return replace(self, metadata={**self.metadata, **entries})

    def without(self, mark: str) -> "Cell":
        """The cell without one of its marks, if it has it."""
        return replace(self, marks={key: self.marks[key] for key in self.marks if key != mark})


@dataclass(frozen=True)
class Lesson:
    """A parsed and validated lesson source."""

    name: str  # "03_simple_rnn"
    cells: tuple[Cell, ...]

    @property
    def number(self) -> str:
        return self.name[:2]

    def find(self, name: str) -> Cell:
        """Return the cell of that name; LessonError if there is none."""
        for cell in self.cells:
            if cell.marks.get("name") == name:
                return cell
        raise LessonError(f"{self.name}.py has no cell named {name!r}.")


def find_sources(folder: Path, numbers: list[str] | None = None) -> list[Path]:
    """Return the lesson sources, all or those of the given numbers ("3" and "03" both do)."""
    sources = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.py"))}
    wanted = [number.zfill(2) for number in numbers or sources]
    for number in wanted:
        if number not in sources:
            known = ", ".join(sources) or "none"
            raise LessonError(f"There is no lesson {number}; the lessons are: {known}.")
    return [sources[number] for number in wanted]


def read_lesson(path: Path) -> Lesson:
    """Parse a lesson source; LessonError for the first malformed mark."""
    notebook = jupytext.reads(path.read_text(), fmt="py:percent")
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        marks = {key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"}
        cells.append(Cell(cell.cell_type, cell.source, marks, f"{path.name}, cell {number}"))
    lesson = Lesson(path.stem, tuple(cells))
    for cell in cells:
        for rule in RULES:
            if objection := rule(cell, lesson):
                raise LessonError(f"{cell.place}: {objection}")
    return lesson


# The rules: each returns what is wrong with a cell of a lesson, in a sentence, or None.


def _marks_are_known(cell: Cell, lesson: Lesson) -> str | None:
    for mark in sorted(set(cell.marks) - MARKS):
        return f"unknown mark {mark!r}; the marks are {', '.join(sorted(MARKS))}."


def _marks_stand_together(cell: Cell, lesson: Lesson) -> str | None:
    for mark, needed in NEEDS.items():
        if mark in cell.marks and needed not in cell.marks:
            return f"the mark {mark!r} needs the mark {needed!r} beside it."


def _texts_are_quoted(cell: Cell, lesson: Lesson) -> str | None:
    for mark in sorted(TEXTS & set(cell.marks)):
        if not isinstance(cell.marks[mark], str):
            return f"the value of the mark {mark!r} is a text in quotes."


def _audiences_are_known(cell: Cell, lesson: Lesson) -> str | None:
    for audience in listed(cell.marks.get("only", "")):
        if audience not in AUDIENCES:
            known = ", ".join(sorted(AUDIENCES))
            return f"no copy is called {audience!r}; choose from {known}."


def _a_note_is_the_presenter_s_alone(cell: Cell, lesson: Lesson) -> str | None:
    if cell.for_presenter and (cell.kind != "markdown" or cell.marks["only"] != "presenter"):
        return "a presenter cell is markdown, and no other copy gets it."


def _minutes_have_a_home(cell: Cell, lesson: Lesson) -> str | None:
    if "minutes" in cell.marks and not ("exercise" in cell.marks or cell.for_presenter):
        return "the mark 'minutes' needs the mark 'exercise' or only=\"presenter\" beside it."


def _minutes_are_whole(cell: Cell, lesson: Lesson) -> str | None:
    minutes = cell.marks.get("minutes", 1)
    if type(minutes) is not int or minutes < 1:
        return "minutes are a whole number above 0, without quotes."


def _bugs_are_known(cell: Cell, lesson: Lesson) -> str | None:
    marked = [cell.marks[mark] for mark in ("symptom", "fix") if mark in cell.marks]
    for bug in [*cell.bugs(), *marked]:
        if bug not in CATALOGUE:
            known = ", ".join(CATALOGUE)
            return f"{bug!r} is not among the bugs of the catalogue: {known}."


def _what_is_told_is_text(cell: Cell, lesson: Lesson) -> str | None:
    for mark in sorted(ON_TEXT & set(cell.marks)):
        if cell.kind != "markdown":
            return f"a {mark} stands on a markdown cell."


def _a_bug_shows_in_its_lesson(cell: Cell, lesson: Lesson) -> str | None:
    for bug in (cell.marks[mark] for mark in ("fix", "symptom") if mark in cell.marks):
        if CATALOGUE[bug].lesson not in ("", lesson.number):
            return f"{bug!r} shows in lesson {CATALOGUE[bug].lesson}, says the catalogue."


def _bug_lines_are_whole(cell: Cell, lesson: Lesson) -> str | None:
    for line in cell.text.splitlines():
        if LIKE_A_BUG_LINE.search(line) and not (cell.kind == "code" and BUG_LINE.match(line)):
            return "write '# BUG some-id: wrong code' on a line of its own, in code."


def _bug_lines_replace_a_line(cell: Cell, lesson: Lesson) -> str | None:
    lines = cell.text.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        match, earlier = BUG_LINE.match(line), BUG_LINE.match(above)
        of_another = earlier and match and earlier["id"] != match["id"]
        if match and (of_another or above.strip() in ("", BEGIN, END)):
            return "a BUG line stands below the line it replaces."


def _regions_are_closed(cell: Cell, lesson: Lesson) -> str | None:
    inside = False
    for mark in (line.strip() for line in cell.text.splitlines()):
        if mark in (BEGIN, END) and (mark == BEGIN) == inside:
            return f"unbalanced {mark!r}."
        inside = {BEGIN: True, END: False}.get(mark, inside)
    if inside:
        return f"{BEGIN!r} is never closed by {END!r}."


def _regions_stand_in_exercises(cell: Cell, lesson: Lesson) -> str | None:
    if BEGIN in cell.text and "exercise" not in cell.marks:
        return "a SOLUTION region needs the mark 'exercise'."


def _an_exercise_is_python(cell: Cell, lesson: Lesson) -> str | None:
    try:
        ast.parse(cell.text if "exercise" in cell.marks else "")
    except SyntaxError as error:
        return f"the exercise is not valid Python: {error}."


def _an_exercise_has_a_stub(cell: Cell, lesson: Lesson) -> str | None:
    if "exercise" in cell.marks and not (definitions(cell) and f"    {BEGIN}" in cell.text):
        return (
            f"exercise {cell.marks['exercise']} has no stub: it needs a def or class "
            f"with a docstring and a {BEGIN!r} region inside."
        )


def _a_stub_has_a_docstring(cell: Cell, lesson: Lesson) -> str | None:
    if "exercise" in cell.marks and not all(map(ast.get_docstring, definitions(cell))):
        return f"the stub of exercise {cell.marks['exercise']} has no docstring."


def definitions(cell: Cell) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions and classes that a cell of code defines."""
    tree = ast.parse(cell.text)
    return [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _an_exercise_is_complete(cell: Cell, lesson: Lesson) -> str | None:
    for mark in ("minutes", "catch_up"):
        if "exercise" in cell.marks and mark not in cell.marks:
            return f"exercise {cell.marks['exercise']} has no {mark!r}."


def _names_stand_once(cell: Cell, lesson: Lesson) -> str | None:
    before = lesson.cells[: lesson.cells.index(cell)]
    for mark in ("name", "exercise", "check", "diagnose", "guess"):
        value = cell.marks.get(mark)
        if value is not None and value in [other.marks.get(mark) for other in before]:
            return f"the {mark} {value!r} stands twice."


def _a_check_has_its_exercise(cell: Cell, lesson: Lesson) -> str | None:
    exercises = [other.marks["exercise"] for other in lesson.cells if "exercise" in other.marks]
    if "check" in cell.marks and cell.marks["check"] not in exercises:
        known = ", ".join(exercises) or "none"
        return f"checks exercise {cell.marks['check']!r}; the lesson's are: {known}."


# In this order: a later rule may lean on an earlier one.
RULES: tuple[Callable[[Cell, Lesson], str | None], ...] = (
    _marks_are_known,
    _marks_stand_together,
    _texts_are_quoted,
    _audiences_are_known,
    _a_note_is_the_presenter_s_alone,
    _minutes_have_a_home,
    _minutes_are_whole,
    _bugs_are_known,
    _what_is_told_is_text,
    _a_bug_shows_in_its_lesson,
    _bug_lines_are_whole,
    _bug_lines_replace_a_line,
    _regions_are_closed,
    _regions_stand_in_exercises,
    _an_exercise_is_python,
    _an_exercise_has_a_stub,
    _a_stub_has_a_docstring,
    _an_exercise_is_complete,
    _names_stand_once,
    _a_check_has_its_exercise,
)
