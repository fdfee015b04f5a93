"""Turn one lesson source into its three notebooks: student copy, buggy solution, walkthrough.

A copy is made by plain functions from cells to cells, one after the other; ``to_notebook`` then
replaces what is left of the marks by the ids and tags of a published notebook.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode, v4

from practicum_utils.authoring.grading import with_points
from practicum_utils.authoring.recap import repeat_earlier_cells
from practicum_utils.authoring.slideshow import cut_into_slides
from practicum_utils.authoring.source import Cell, Lesson, listed
from practicum_utils.authoring.walkthrough import tell_the_story
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import blank, plant

CHECKED, RAISES, SKIP = "nbval-check-output", "raises-exception", "nbval-skip"
TOLD = "-told"  # ends the id of a cell whose output `practicum run` prints
FOLDERS = {"student": "notebooks", "solution": "solutions", "walkthrough": "solutions/debugged"}
COPIES = tuple(FOLDERS)
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)
SAVE_FIRST = (
    "\n\nIn Colab, first choose **File > Save a copy in Drive**, or your work is lost. "
    "Where a cell says that a name is not defined, run the cells above it first."
)


def make_copy(copy: str, lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return one copy of a lesson, not executed.

    copy: one of ``COPIES``.  lessons: all lessons by number, for what this one repeats of them.
    address: the project's public address.
    """
    if copy == "student":
        return student_copy(lesson, address)
    make = {"solution": solution_copy, "walkthrough": walkthrough_copy}[copy]
    return make(lesson, lessons, address)


def path_of(copy: str, lesson: Lesson) -> Path:
    """Where a copy of a lesson stands in the repository."""
    return Path(FOLDERS[copy]) / f"{lesson.name}.ipynb"


def student_copy(lesson: Lesson, address: str) -> NotebookNode:
    """Return the notebook that a student works in: correct code, with blanks to fill."""
    cells = for_audience(lesson.cells, "student")
    cells = with_points(cells, lesson)
    cells = [blanked(cell) for cell in cells]
    cells = cut_into_slides(cells)
    cells = with_doors(cells, address, path_of("student", lesson), SAVE_FIRST)
    return to_notebook(cells, lesson)


def solution_copy(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return the notebook with everything filled in and all bugs of the lesson planted."""
    cells = for_audience(lesson.cells, "solution")
    cells = repeat_earlier_cells(cells, lessons)
    planted = bugs_of(lesson, lessons)
    cells = [cell.with_bugs(planted) for cell in cells]
    cells = with_doors(cells, address, path_of("solution", lesson))
    return to_notebook(cells, lesson, stop_at_exception=True)


def walkthrough_copy(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return the notebook that mends the lesson's bugs one after the other."""
    cells = for_audience(lesson.cells, "walkthrough")
    cells = repeat_earlier_cells(cells, lessons)
    cells = tell_the_story(cells, bugs_of(lesson, lessons))
    cells = with_doors(cells, address, path_of("walkthrough", lesson))
    return to_notebook(cells, lesson)


def bugs_of(lesson: Lesson, lessons: dict[str, Lesson]) -> set[str]:
    """The bugs that are planted in a lesson: its own, and those of others that show here.

    The class has mended the other bugs of earlier lessons where they showed.
    """
    own = {bug for cell in lesson.cells for bug in cell.bugs()}
    known = {bug for other in lessons.values() for cell in other.cells for bug in cell.bugs()}
    return own | {bug for bug in known if CATALOGUE[bug].lesson == lesson.number}


def for_audience(cells: Iterable[Cell], copy: str) -> list[Cell]:
    """The cells that are meant for one copy."""

    def wanted(marks: dict) -> bool:
        if "fix" in marks:
            return copy == "walkthrough"
        if "check" in marks and copy == "solution":
            return False
        return copy in listed(marks.get("only", copy))

    return [cell for cell in cells if wanted(cell.marks)]


def blanked(cell: Cell) -> Cell:
    """A cell of the student's: an exercise is a stub, with the catch-up import as a comment."""
    cell = cell.without("raises")  # the student's code is correct, so no cell of it must raise
    if cell.kind != "code":
        return cell
    text, marks = cell.text, cell.marks
    if "exercise" in marks:
        text = (
            f"# Exercise {marks['exercise']} ({marks['minutes']} minutes)\n"
            f"{blank(text, marks['exercise'])}\n\n"
            f"# Fell behind? Remove the # of the next line and run this cell again.\n"
            f"# {marks['catch_up']}"
        )
    return replace(cell, text=plant(text, set()))


def take_catch_up(notebook: NotebookNode) -> int:
    """Take every catch-up line of a student copy, as a student who fell behind; their number."""
    taken = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = CATCH_UP.subn(r"\1", cell.source)
            taken += count
    return taken


def with_doors(cells: list[Cell], address: str, path: Path, advice: str = "") -> list[Cell]:
    """The ways in: a Colab badge below the title, and the installation in the setup cell.

    address: the project's.  path: the notebook's, in the repository.  advice: follows the badge.
    """
    title, _, rest = cells[0].text.partition("\n")
    repository = address.removeprefix("https://github.com/")
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{repository}/blob/main/{path.as_posix()})"
    )
    install = (
        "try:\n    import practicum_utils\nexcept ImportError:\n"
        f'    %pip install -q "practicum-utils @ git+{address}"'
    )
    first = replace(cells[0], text=f"{title}\n\n{badge}{advice}\n{rest}")
    return [
        replace(cell, text=f"{install}\n\n{cell.text}") if cell.marks.get("setup") else cell
        for cell in (first, *cells[1:])
    ]


def to_notebook(cells: list[Cell], lesson: Lesson, stop_at_exception: bool = False) -> NotebookNode:
    """Return the cells as a notebook, with ids, and with the tags that nbval reads.

    stop_at_exception: no code runs after the first cell that raises.
    """
    nodes, stopped = [], False
    for index, cell in enumerate(cells):
        marks, is_code = cell.marks, cell.kind == "code"
        tags = [CHECKED] if marks.get("verdict") or marks.get("symptom") else []
        tags += [RAISES] if marks.get("raises") else []
        if stopped and is_code:
            tags = [SKIP]
        stopped = stopped or (stop_at_exception and bool(marks.get("raises")))
        make = v4.new_code_cell if is_code else v4.new_markdown_cell
        nodes.append(
            make(
                re.sub(r"\n{4,}", "\n\n\n", cell.text).strip("\n"),
                id=f"lesson-{lesson.number}-{index:03d}{TOLD if marks.get('tell') else ''}",
                metadata={**cell.metadata, **({"tags": tags} if tags else {})},
            )
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=nodes, metadata={"kernelspec": kernel})
