"""Turn one lesson source into its three notebooks: student copy, buggy solution, walkthrough.

A copy is made by plain functions from cells to cells, one after the other; ``to_notebook`` then
replaces what is left of the marks by the ids and tags of a published notebook.
"""

import hashlib
import platform
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode, v4

from practicum_utils.authoring.grading import with_points
from practicum_utils.authoring.recap import repeat_earlier_cells
from practicum_utils.authoring.slideshow import cut_into_slides
from practicum_utils.authoring.source import Cell, Lesson, listed
from practicum_utils.authoring.student import BANNER, CATCH_UP, folded, meet_the_bugs
from practicum_utils.authoring.walkthrough import ADVICE, tell_the_story
from practicum_utils.bugs import CATALOGUE

CHECKED, RAISES, SKIP = "nbval-check-output", "raises-exception", "nbval-skip"
WRITTEN = "practicum"  # in a cell's metadata, the digest of what the course wrote in it
TOLD = "-told"  # ends the id of a cell whose output `practicum run` prints
FOLDERS = {"student": "notebooks", "solution": "solutions", "walkthrough": "solutions/debugged"}
COPIES = tuple(FOLDERS)
# JupyterLab writes both when the kernel has started; a notebook that had others is then modified.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": platform.python_version(),
}
WRONG_ON_PURPOSE = """\
> **This solution is wrong, and on purpose.** It is what the class has at the end of the lesson:
> everything filled in as it was typed, mistakes included, and run from top to bottom. Where a line
> says `symptom: ...`, or a cell stops, something above it is to be found and mended. Nothing here
> says where; the walkthrough in `debugged/` does, step by step."""
SAVE_FIRST = (
    "\n\nIn Colab, first choose **File > Save a copy in Drive**, or your work is lost. "
    "Where a cell says that a name is not defined, run the cells above it first."
)
SAVE_LAST = """

In Colab, the results that your notebooks remember are gone with the machine. To keep them, run
`from practicum_utils.training import save_work; save_work()` in a new cell: it puts them on your
Google Drive, or among your downloads. Next time, after the first cell of a lesson, the line
`from practicum_utils.training import restore_work; restore_work()` brings them back."""


def make_copy(copy: str, lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return one copy of a lesson, not executed.

    copy: one of ``COPIES``.  lessons: all lessons by number, for what this one repeats of them.
    address: the project's public address.
    """
    make = {
        "student": student_copy,
        "solution": solution_copy,
        "walkthrough": walkthrough_copy,
    }[copy]
    return make(lesson, lessons, address)


def path_of(copy: str, lesson: Lesson) -> Path:
    """Where a copy of a lesson stands in the repository."""
    return Path(FOLDERS[copy]) / f"{lesson.name}.ipynb"


def student_copy(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return the notebook that a student works in: stubs, and solutions with the class's bugs."""
    cells = for_audience(lesson.cells, "student")
    cells = repeat_earlier_cells(cells, lessons)
    cells = meet_the_bugs(cells, bugs_of(lesson, lessons))
    cells = with_points(cells, lesson)
    cells = with_banner(cells, BANNER)
    cells = [*cells, links(lesson, lessons, address)]
    cells = cut_into_slides(cells)
    cells = with_doors(cells, address, path_of("student", lesson), SAVE_FIRST)
    return remember_text(to_notebook(cells, lesson))


def solution_copy(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return the notebook with everything filled in and all bugs of the lesson planted."""
    cells = for_audience(lesson.cells, "solution")
    cells = repeat_earlier_cells(cells, lessons)
    planted = bugs_of(lesson, lessons)
    cells = [titled(cell).with_bugs(planted) for cell in cells]
    cells = with_banner(cells, WRONG_ON_PURPOSE)
    cells = with_doors(cells, address, path_of("solution", lesson))
    return to_notebook(cells, lesson, stop_at_exception=True)


def walkthrough_copy(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> NotebookNode:
    """Return the notebook that mends the lesson's bugs one after the other."""
    cells = for_audience(lesson.cells, "walkthrough")
    cells = repeat_earlier_cells(cells, lessons)
    cells = tell_the_story([closed(cell) for cell in cells], bugs_of(lesson, lessons))
    cells = with_banner(cells, ADVICE)
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
        if "diagnose" in marks or "guess" in marks:
            return copy == "student"
        if "check" in marks and copy == "solution":
            return False
        return copy in listed(marks.get("only", copy))

    return [cell for cell in cells if wanted(cell.marks)]


def titled(cell: Cell) -> Cell:
    """What the student unfolds stands open in the solution, under a heading."""
    if "fold" not in cell.marks:
        return cell
    return replace(cell, text=f"## {cell.marks['fold']}\n\n{cell.text}").without("fold")


def closed(cell: Cell) -> Cell:
    """What the student unfolds is folded in the walkthrough as well."""
    if "fold" not in cell.marks:
        return cell
    return replace(cell, text=folded(cell.marks["fold"], cell.text)).without("fold")


def with_banner(cells: list[Cell], text: str) -> list[Cell]:
    """The cells with a word to the reader below the title."""
    return [cells[0], Cell("markdown", text, {"name": "banner"}, cells[0].place), *cells[1:]]


def links(lesson: Lesson, lessons: dict[str, Lesson], address: str) -> Cell:
    """The last cell of a student copy: where the walkthrough and the neighbouring lessons are."""
    numbers = sorted(lessons)
    place = numbers.index(lesson.number)
    ways = [("The walkthrough of this lesson, which mends everything", "walkthrough", lesson)]
    if place > 0:
        ways.append(("The lesson before", "student", lessons[numbers[place - 1]]))
    if place + 1 < len(numbers):
        ways.append(("The next lesson", "student", lessons[numbers[place + 1]]))
    lines = [
        f"- {words}: [{one.name}]({in_colab(address, path_of(copy, one))})"
        for words, copy, one in ways
    ]
    text = "**Where to go from here**\n\n" + "\n".join(lines) + SAVE_LAST
    return Cell("markdown", text, {"name": "links"}, lesson.cells[-1].place)


def in_colab(address: str, path: Path) -> str:
    """The address that opens a notebook of the project in Colab."""
    repository = address.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{repository}/blob/main/{path.as_posix()}"


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
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"({in_colab(address, path)})"
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
    nodes, stopped, names = [], False, identifiers(cells, lesson.number)
    for cell, name in zip(cells, names, strict=True):
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
                id=f"{name}{TOLD if marks.get('tell') else ''}",
                metadata={**cell.metadata, **({"tags": tags} if tags else {})},
            )
        )
    return v4.new_notebook(cells=nodes, metadata={"kernelspec": KERNEL, "language_info": LANGUAGE})


def identifiers(cells: list[Cell], number: str) -> list[str]:
    """An id for each cell, the same after cells around it have changed.

    It comes from what the author named, or else from the text, so that a notebook that somebody has
    begun can be matched with a newer one, and an untouched cell be told from a changed one.
    """
    found, often = [], {}
    for cell in cells:
        marks = cell.marks
        named = [f"{mark}-{marks[mark]}" for mark in ("exercise", "check") if mark in marks]
        name = named[0] if named else marks.get("name", digest(cell.text))
        name = re.sub(r"[^\w-]+", "-", f"lesson-{number}-{name}")[:48]
        often[name] = often.get(name, 0) + 1
        found.append(name if often[name] == 1 else f"{name}-{often[name]}")
    return found


def digest(text: str) -> str:
    """A short name for a text; blank space around it does not count."""
    return hashlib.sha1(text.strip().encode()).hexdigest()[:8]


def remember_text(notebook: NotebookNode) -> NotebookNode:
    """Let each cell of a new notebook remember its text, for ``practicum update``; return it."""
    for cell in notebook.cells:
        cell.metadata[WRITTEN] = digest(cell.source)
    return notebook
