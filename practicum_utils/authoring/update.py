"""Give a student notebook that somebody has begun the lesson's new text, and keep their code.

Each cell of a student copy remembers what the course had written in it, so that a cell which the
student has changed can be told from one that only the course has.
"""

import difflib
import re
from collections import defaultdict
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from practicum_utils.authoring.build import address, read_one
from practicum_utils.authoring.copies import FOLDERS, WRITTEN, digest, student_copy
from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import write_text_whole, write_whole

ID = re.compile(r"lesson-(\d\d)-")
OLD_ID = re.compile(r"lesson-\d\d-\d{3}(-told)?")  # the first courses counted their cells
BADGE = re.compile(rf"badge\.svg\)\]\(\S*/blob/main/({'|'.join(FOLDERS.values())})/(\d\d)_")
NAME = re.compile(r"(?:Copy of )?(\d\d)_")
BLANK = re.compile(r"lesson-\d\d-(look|guess)-")  # cells in which the course has only a remark
ALIKE = 0.5  # texts that have less in common are two cells, not one that has changed
BESIDE = """\
# The cell above is yours, and stays as it is. The course has changed it since you began, to what
# follows. To take it, remove the first # of each line (Ctrl + /), and delete the cell above."""


# A file


def read_begun(path: Path) -> tuple[NotebookNode, str]:
    """Return a begun student notebook and the number of its lesson.

    LessonError, in a sentence, for a file that is none.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        number = _number(path, notebook)
    except OSError as error:
        raise LessonError(f"{path} cannot be read: {error.strerror}.") from error
    except LessonError:
        raise
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise LessonError(f"{path} is not a notebook, or a broken one.") from error
    return notebook, number


def _number(path: Path, notebook: NotebookNode) -> str:
    """The lesson of a student notebook; LessonError for one that is none, or is called another."""
    badge = next(filter(None, (BADGE.search(cell.source) for cell in notebook.cells)), None)
    ids = [found[1] for name in map(_name, notebook.cells) if (found := ID.match(name))]
    number = max(ids, key=ids.count, default=badge[2] if badge else "")
    if not number:
        raise LessonError(f"{path} is not a student notebook of this course.")
    if badge and badge[1] != FOLDERS["student"]:
        raise LessonError(
            f"{path} is not a student notebook: it comes from {badge[1]}, where the new one is too."
        )
    said = NAME.match(path.name)
    if said and said[1] != number:
        raise LessonError(
            f"{path} holds lesson {number}, not {said[1]} as its name says; rename it."
        )
    if any(OLD_ID.fullmatch(_name(cell)) for cell in notebook.cells):
        raise LessonError(
            f"{path} was begun with an older course, so its cells cannot be told apart; open a new "
            "notebook of the lesson, and copy your code into it."
        )
    return number


def update_file(path: Path, course: Path) -> list[str]:
    """Update the begun notebook at ``path`` from the course in a folder; return what to say of it.

    The file as it was stands beside it afterwards. LessonError, in a sentence, for a file that is
    no begun student notebook, and for one that cannot be written, which is then as it was.
    """
    old, number = read_begun(path)
    lesson, lessons = read_one(course, number)
    new = student_copy(lesson, lessons, address(course))
    before = _sources(old)
    try:
        notebook = renew(old, new)
        if _sources(notebook) == before:
            return [f"{path.name} has the newest text already; nothing was changed."]
        backup = _free(path)
        whole = path.read_bytes()
        write_whole(backup, lambda file: file.write(whole))
        write_text_whole(path, nbformat.writes(notebook) + "\n")
    except OSError as error:
        raise LessonError(f"{path} could not be updated: {error.strerror}.") from error
    return [*_report(path.name, before, notebook, new), f"The file as it was is {backup.name}."]


def _sources(notebook: NotebookNode) -> list[str]:
    return [cell.source.strip() for cell in notebook.cells]


def _report(name: str, before: list[str], after: NotebookNode, new: NotebookNode) -> list[str]:
    """What has become of the cells of the notebook of that name, in a line or two."""
    now, course = _sources(after), _sources(new)
    both = sum(text.startswith(BESIDE) for text in now)
    renewed = sum(text in course and text not in before for text in now)
    kept = sum(text not in course for text in now) - both
    said = [f"{name}: {renewed} texts renewed, {kept} of your cells kept."]
    if both:
        said.append(f"{both} of them the course has changed as well; its version is below yours.")
    return said


def _free(path: Path) -> Path:
    """A name beside a notebook for the file as it was, which nothing has yet."""
    number, backup = 1, path.with_name(f"{path.stem}.before-update.ipynb")
    while backup.exists():
        number += 1
        backup = path.with_name(f"{path.stem}.before-update-{number}.ipynb")
    return backup


# Its cells


def renew(old: NotebookNode, new: NotebookNode) -> NotebookNode:
    """Return the begun notebook ``old`` with the text of the lesson's new student copy ``new``.

    Both lose their cells to it.
    """
    partners = _partners(old.cells, new.cells)
    begun = {there: old.cells[here] for here, there in partners.items()}
    after, last = defaultdict(list), -1  # place of a new cell -> the student's cells behind it
    for here, cell in enumerate(old.cells):
        last = partners.get(here, last)
        if here not in partners and not _is_untouched(cell):
            after[last].append(_own(cell))
    cells = after[-1]
    for place, cell in enumerate(new.cells):
        cells += _joined(begun[place], cell) if place in begun else [cell]
        cells += after[place]
    return _notebook(cells, old, new)


def _joined(mine: NotebookNode, new: NotebookNode) -> list[NotebookNode]:
    """What stands in the place of one cell of the course: the old one, the new one, or both."""
    same = mine.source.strip() == new.source.strip()
    if new.cell_type == "markdown":
        edited = WRITTEN in mine.metadata and not (same or _is_untouched(mine))
        return [new, _own(mine)] if edited else [new]
    if not same and _is_untouched(mine):
        return [new]
    by_course = mine.metadata.get(WRITTEN) != new.metadata.get(WRITTEN)
    mine.metadata, mine["id"] = NotebookNode({**mine.metadata, **new.metadata}), new["id"]
    if same or not by_course or _is_for_students(new):
        return [mine]
    code = "\n".join(f"# {line}".rstrip() for line in new.source.splitlines())
    return [mine, v4.new_code_cell(f"{BESIDE}\n#\n{code}")]


def _is_for_students(cell: NotebookNode) -> bool:
    """Whether a cell is there for the student's code: an exercise, an answer, a place to look."""
    return bool(cell.metadata.get("nbgrader", {}).get("solution") or BLANK.match(cell["id"]))


def _own(cell: NotebookNode) -> NotebookNode:
    """The cell as one of the student's, which the course knows nothing of."""
    cell.metadata.pop(WRITTEN, None)
    if ID.match(cell.get("id", "")):
        del cell["id"]
    return cell


def _is_untouched(cell: NotebookNode) -> bool:
    """Whether a cell says what the course had written in it."""
    return digest(cell.source) in (cell.metadata.get(WRITTEN), *_name(cell).split("-"))


def _name(cell: NotebookNode) -> str:
    """The cell's id as the course gave it; Colab keeps it in the metadata."""
    names = [str(name) for name in (cell.get("id"), cell.metadata.get("id")) if name]
    return next((name for name in names if ID.match(name)), names[0] if names else "")


def _notebook(cells: list, old: NotebookNode, new: NotebookNode) -> NotebookNode:
    """A whole notebook of these cells, each with an id of its own."""
    taken = set()
    for cell in cells:
        if not cell.get("id") or cell["id"] in taken:
            cell["id"] = v4.new_raw_cell()["id"]  # a random one
        taken.add(cell["id"])
    return v4.new_notebook(cells=cells, metadata={**new.metadata, **old.metadata})


# Which cell of the begun notebook is which of the new one


def _partners(old: list[NotebookNode], new: list[NotebookNode]) -> dict[int, int]:
    """Place in ``old`` -> place in ``new``, by id, by nbgrader's id, by text, by similar text."""
    found = {}
    for key in (_name, _grade_id, lambda cell: cell.source.strip()):
        free = defaultdict(list)
        for place, cell in enumerate(new):
            if place not in found.values():
                free[cell.cell_type, key(cell)].append(place)
        for place, cell in enumerate(old):
            places = free[cell.cell_type, key(cell)]
            if place not in found and key(cell) and places:
                found[place] = places.pop(0)
    for place, cell in enumerate(old):
        if place not in found and (WRITTEN in cell.metadata or ID.match(_name(cell))):
            near = _most_alike(cell, _between(place, found, len(new)), new)
            found |= {} if near is None else {place: near}
    return found


def _grade_id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _between(place: int, found: dict[int, int], count: int) -> list[int]:
    """The places in the new notebook that are free between the neighbours of an old cell."""
    low = max((there for here, there in found.items() if here < place), default=-1)
    high = min((there for here, there in found.items() if here > place), default=count)
    return [there for there in range(low + 1, high) if there not in found.values()]


def _most_alike(cell: NotebookNode, places: list[int], new: list[NotebookNode]) -> int | None:
    ratios = {
        difflib.SequenceMatcher(None, cell.source, new[place].source, autojunk=False).ratio(): place
        for place in places
        if new[place].cell_type == cell.cell_type
    }
    return ratios[max(ratios)] if ratios and max(ratios) > ALIKE else None
