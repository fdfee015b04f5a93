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
recap      "NN:name,NN:name": solution and walkthrough repeat these cells of earlier lessons here
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
from dataclasses import dataclass
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
)

MARKS = {
    "name", "exercise", "minutes", "catch_up", "only", "verdict", "symptom", "raises", "fix",
    "rerun", "recap", "setup", "check", "tell",
}  # fmt: skip
NEEDS = {"catch_up": "exercise", "raises": "symptom", "rerun": "fix"}
TEXTS = MARKS - {
    "minutes",
    "verdict",
    "raises",
    "setup",
    "tell",
}  # marks whose value stands in quotes
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

    @property
    def for_presenter(self) -> bool:
        """Whether the cell is a note that only the instructor sees."""
        return "presenter" in listed(self.marks.get("only", ""))

    def bugs(self) -> list[str]:
        """The ids of the bugs that can be planted in this cell, in order of appearance."""
        return bugs_in(self.text)


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
        _validate(cell, lesson)
    _refuse_twins(cells)
    _refuse_strays(cells)
    return lesson


def _validate(cell: Cell, lesson: Lesson) -> None:
    unknown = set(cell.marks) - MARKS
    if unknown:
        known = ", ".join(sorted(MARKS))
        raise LessonError(
            f"{cell.place}: unknown mark {sorted(unknown)[0]!r}; the marks are {known}."
        )
    for mark, needed in NEEDS.items():
        if mark in cell.marks and needed not in cell.marks:
            raise LessonError(
                f"{cell.place}: the mark {mark!r} needs the mark {needed!r} beside it."
            )
    for mark in sorted(TEXTS & set(cell.marks)):
        if not isinstance(cell.marks[mark], str):
            raise LessonError(f"{cell.place}: the value of the mark {mark!r} is a text in quotes.")
    for audience in listed(cell.marks.get("only", "")):
        if audience not in AUDIENCES:
            known = ", ".join(sorted(AUDIENCES))
            raise LessonError(f"{cell.place}: no copy is called {audience!r}; choose from {known}.")
    _validate_presenter(cell)
    _validate_bugs(cell, lesson)
    _validate_regions(cell)
    if "exercise" in cell.marks:
        _validate_exercise(cell)


def _validate_presenter(cell: Cell) -> None:
    if cell.for_presenter and (cell.kind != "markdown" or cell.marks["only"] != "presenter"):
        raise LessonError(f"{cell.place}: a presenter cell is markdown, and no other copy gets it.")
    if "minutes" not in cell.marks:
        return
    if not ("exercise" in cell.marks or cell.for_presenter):
        raise LessonError(
            f"{cell.place}: the mark 'minutes' needs the mark 'exercise' or only=\"presenter\" "
            "beside it."
        )
    if type(cell.marks["minutes"]) is not int or cell.marks["minutes"] < 1:
        raise LessonError(f"{cell.place}: minutes are a whole number above 0, without quotes.")


def _validate_bugs(cell: Cell, lesson: Lesson) -> None:
    named = [*cell.bugs(), *(cell.marks[mark] for mark in ("symptom", "fix") if mark in cell.marks)]
    for bug_id in named:
        if bug_id not in CATALOGUE:
            known = ", ".join(CATALOGUE)
            raise LessonError(
                f"{cell.place}: {bug_id!r} is not among the bugs of the catalogue: {known}."
            )
    if "fix" in cell.marks and cell.kind != "markdown":
        raise LessonError(f"{cell.place}: a fix stands on a markdown cell.")
    for mark in ("fix", "symptom"):
        bug_id = cell.marks.get(mark)
        shows = CATALOGUE[bug_id].lesson if bug_id else ""
        if shows and shows != lesson.number:
            raise LessonError(
                f"{cell.place}: {bug_id!r} shows in lesson {shows}, says the catalogue."
            )
    lines = cell.text.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if LIKE_A_BUG_LINE.search(line) and not (cell.kind == "code" and BUG_LINE.match(line)):
            raise LessonError(
                f"{cell.place}: write '# BUG some-id: wrong code' on a line of its own, in code."
            )
        match, earlier = BUG_LINE.match(line), BUG_LINE.match(above)
        if match and (
            earlier["id"] != match["id"] if earlier else above.strip() in ("", BEGIN, END)
        ):
            raise LessonError(f"{cell.place}: a BUG line stands below the line it replaces.")


def _validate_regions(cell: Cell) -> None:
    inside = False
    for line in cell.text.splitlines():
        mark = line.strip()
        if mark in (BEGIN, END) and (mark == BEGIN) == inside:
            raise LessonError(f"{cell.place}: unbalanced {mark!r}.")
        inside = {BEGIN: True, END: False}.get(mark, inside)
    if inside:
        raise LessonError(f"{cell.place}: {BEGIN!r} is never closed by {END!r}.")
    if BEGIN in cell.text and "exercise" not in cell.marks:
        raise LessonError(f"{cell.place}: a SOLUTION region needs the mark 'exercise'.")


def _validate_exercise(cell: Cell) -> None:
    try:
        tree = ast.parse(cell.text).body
    except SyntaxError as error:
        raise LessonError(f"{cell.place}: the exercise is not valid Python: {error}.") from error
    definitions = [node for node in tree if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    indented = f"    {BEGIN}" in cell.text
    if not definitions or not indented:
        raise LessonError(
            f"{cell.place}: exercise {cell.marks['exercise']} has no stub: it needs a def or class "
            f"with a docstring and a {BEGIN!r} region inside."
        )
    if not all(ast.get_docstring(node) for node in definitions):
        raise LessonError(
            f"{cell.place}: the stub of exercise {cell.marks['exercise']} has no docstring."
        )
    for mark in ("minutes", "catch_up"):
        if mark not in cell.marks:
            raise LessonError(f"{cell.place}: exercise {cell.marks['exercise']} has no {mark!r}.")


def _refuse_twins(cells: list[Cell]) -> None:
    for mark in ("name", "exercise", "check"):
        seen = set()
        for cell in cells:
            value = cell.marks.get(mark)
            if value in seen:
                raise LessonError(f"{cell.place}: the {mark} {value!r} stands twice.")
            seen |= {value} - {None}


def _refuse_strays(cells: list[Cell]) -> None:
    exercises = [cell.marks["exercise"] for cell in cells if "exercise" in cell.marks]
    for cell in cells:
        if "check" in cell.marks and cell.marks["check"] not in exercises:
            known = ", ".join(exercises) or "none"
            raise LessonError(
                f"{cell.place}: checks exercise {cell.marks['check']!r}; the lesson's are: {known}."
            )
