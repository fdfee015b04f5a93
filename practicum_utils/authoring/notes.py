"""What an instructor glances at while live-coding: a clock, cues and notes, from the lesson source.

A lesson's **section** begins with a cell that has a heading ``## ...`` (the first section, with the
title). One presenter cell of each section carries ``minutes``: how long the section takes in class,
its exercises and its bug hunt included. The sections add up to the class that the opening promises.

A **cue** is made from the marks: an exercise's minutes, the line that a planted bug changes, what
the class sees of it and which cells run again. So no line of code stands in a note.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from practicum_utils.authoring.recap import find_cell
from practicum_utils.authoring.source import Cell, Lesson, listed
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError, changed_lines
from practicum_utils.support.files import write_text_whole

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
SUBHEADING = re.compile(r"^### .+$", re.MULTILINE)
DEFINED = re.compile(r"^(?:class|def) (\w+)", re.MULTILINE)
PROMISE = re.compile(r"\*\*Time:\*\* (\d+) minutes of class, (\d+) of them in (\w+)")
WORDS = "no one two three four five six seven eight nine ten".split()


@dataclass(frozen=True)
class Section:
    """A section of a lesson with its place in the class; start and minutes in minutes."""

    title: str
    start: int
    minutes: int
    cells: tuple[Cell, ...]  # the student's and the presenter's

    @property
    def end(self) -> int:
        return self.start + self.minutes


@dataclass(frozen=True)
class ClassTime:
    """Minutes of a class, how many of them the students work on exercises, and on how many."""

    total: int
    exercises: int
    count: int


def clock(minutes: int) -> str:
    """Minutes since the class began as hours and minutes: 72 -> "1:12"."""
    return f"{minutes // 60}:{minutes % 60:02d}"


def title(lesson: Lesson) -> str:
    """The lesson's title, as its first cell has it."""
    return lesson.cells[0].text.partition("\n")[0].lstrip("# ")


def sections(lesson: Lesson) -> list[Section]:
    """The sections of what student and presenter get; LessonError if the minutes are amiss."""
    groups = []
    for cell in lesson.cells:
        if _unseen(cell):
            continue
        if not groups or _headings(cell):
            groups.append([])
        groups[-1].append(cell)
    found, now = [], 0
    for cells in groups:
        name = ", ".join(_headings(cells[0])) or "Opening"
        found.append(Section(name, now, _minutes(name, cells), tuple(cells)))
        now = found[-1].end
    return found


def _unseen(cell: Cell) -> bool:
    audience = listed(cell.marks.get("only", "student"))
    return "fix" in cell.marks or not (cell.for_presenter or "student" in audience)


def _headings(cell: Cell) -> list[str]:
    text = cell.kind == "markdown" and not cell.for_presenter
    return HEADING.findall(cell.text) if text else []


def _minutes(name: str, cells: list[Cell]) -> int:
    notes = [cell.marks for cell in cells if cell.for_presenter]
    timed = [marks["minutes"] for marks in notes if "minutes" in marks]
    if len(timed) != 1:
        raise LessonError(
            f"{cells[0].place}: the section {name!r} needs one presenter cell with minutes, "
            f"and has {len(timed)}."
        )
    work = sum(cell.marks["minutes"] for cell in cells if "exercise" in cell.marks)
    if work > timed[0]:
        raise LessonError(
            f"{cells[0].place}: the section {name!r} takes {timed[0]} minutes, and its exercises "
            f"alone take {work}."
        )
    return timed[0]


def class_time(lesson: Lesson) -> ClassTime:
    """Add up the lesson's minutes; LessonError if its opening promises others."""
    exercises = [cell.marks["minutes"] for cell in lesson.cells if "exercise" in cell.marks]
    found = ClassTime(sections(lesson)[-1].end, sum(exercises), len(exercises))
    said = f"**Time:** {found.total} minutes of class, {found.exercises} of them in "
    said += WORDS[found.count] if found.count < len(WORDS) else str(found.count)
    promise = PROMISE.search(lesson.cells[0].text)
    if not promise or promise[0] != said:
        raise LessonError(
            f"{lesson.cells[0].place}: the minutes of sections and exercises add up to "
            f"{said!r}, which the opening should say."
        )
    return found


def with_cues(lesson: Lesson, lessons: dict[str, Lesson]) -> Lesson:
    """Return the lesson with a presenter cell of cues behind each cell that needs some.

    lessons: all lessons by number, for the bugs in what this one repeats of them.
    """
    cells = []
    for cell in lesson.cells:
        cells.append(cell)
        cues = [] if _unseen(cell) else _cues(cell, lesson, lessons)
        if cues:
            cells.append(Cell("markdown", "\n\n".join(cues), {"only": "presenter"}, cell.place))
    return replace(lesson, cells=tuple(cells))


def _cues(cell: Cell, lesson: Lesson, lessons: dict[str, Lesson]) -> list[str]:
    marks, found = cell.marks, []
    if "exercise" in marks:
        found.append(
            f"**Exercise {marks['exercise']}, {marks['minutes']} minutes:** "
            f"`{_defined(cell)}`. Whoever falls behind: `{marks['catch_up']}`."
        )
    found += [_planting(bug, cell, lesson.number) for bug in cell.bugs()]
    if "recap" in marks:
        found += _recap(listed(marks["recap"]), lesson, lessons)
    if "symptom" in marks:
        found.append(_symptom(cell, lesson))
    return found


def _defined(cell: Cell) -> str:
    return DEFINED.findall(cell.text)[0]


def _change(bug: str, cell: Cell) -> str:
    """The lines that planting a bug changes, as a diff from right to wrong."""
    right, wrong = cell.with_bugs(set()), cell.with_bugs({bug})
    lines = changed_lines(right.text, wrong.text).splitlines()
    return "\n".join(["```diff", *(line for line in lines if line.strip()), "```"])


def _planting(bug: str, cell: Cell, number: str) -> str:
    if CATALOGUE[bug].lesson in (number, ""):  # a bug of no lesson shows where it is planted
        how = f"**Plant `{bug}`:** write the wrong line (+), not the right one (-)."
        how += _in_one_line(cell)
    else:
        how = (
            f"**Not yet, `{bug}`:** type it right (-). The solution has it wrong (+), and it shows "
            f"in lesson {CATALOGUE[bug].lesson}."
        )
    return f"{how}\n\n{_change(bug, cell)}"


def _recap(references: list[str], lesson: Lesson, lessons: dict[str, Lesson]) -> list[str]:
    found = []
    for reference in references:
        source, cell = find_cell(reference, lessons)
        for bug in cell.bugs():
            if CATALOGUE[bug].lesson == lesson.number:
                found.append(
                    f"**Plant `{bug}`:** `{_defined(cell)}` in the notebook is the class's own "
                    f"code of lesson {source.number}, with this wrong (+)."
                    f"{_in_one_line(cell, lesson.number)}\n\n{_change(bug, cell)}"
                )
    return found


def _in_one_line(cell: Cell, elsewhere: str = "") -> str:
    """The line that defines an exercise with its bug, and that mends it; in another lesson."""
    if "exercise" not in cell.marks:
        return ""
    lesson = f', lesson="{elsewhere}"' if elsewhere else ""
    call = f'{_defined(cell)} = as_typed("{cell.marks["exercise"]}"{lesson}'
    return f" In one line: `{call})`; to mend it before their eyes: `{call}, bug=False)`."


def _symptom(cell: Cell, lesson: Lesson) -> str:
    bug = CATALOGUE[cell.marks["symptom"]]
    seen = f"the cell stops, *{bug.symptom}*" if "raises" in cell.marks else f"*{bug.symptom}*"
    return (
        f"**Symptom of `{bug.id}`:** {seen}. Let the class search first.\n\n"
        f"- This time: {bug.this_time}\n- In general: {bug.in_general}\n"
        f"- {_mending(bug.id, lesson)}"
    )


def _mending(bug: str, lesson: Lesson) -> str:
    """Which cells run again once the line is mended: those of the walkthrough that are here."""
    fixes = [cell for cell in lesson.cells if cell.marks.get("fix") == bug]
    again = [lesson.find(name) for name in listed(fixes[0].marks.get("rerun", ""))]
    known = [f"`{_own_line(cell, lesson)}`" for cell in again if not _unseen(cell)]
    cells = f"the cells with {', '.join(known)}, and this one" if known else "this one"
    return f"Mend the line and run its cell again, then {cells}."


def _own_line(cell: Cell, lesson: Lesson) -> str:
    """The first line by which the instructor finds a cell: one that stands in no other cell."""
    others = {line for other in lesson.cells if other != cell for line in other.text.splitlines()}
    lines = cell.with_bugs(set()).text.splitlines()
    return next((line for line in lines if line not in others), lines[0]).strip()


def page(lesson: Lesson, lessons: dict[str, Lesson]) -> str:
    """The instructor's page of a lesson, in Markdown; LessonError if the minutes do not add up."""
    time = class_time(lesson)
    told = sections(with_cues(lesson, lessons))
    parts = [
        f"# {title(lesson)}: notes for the instructor",
        f"{time.total} minutes of class, {time.exercises} of them in "
        f"{time.count} exercise{'s' * (time.count != 1)}. "
        "The clock shows hours and minutes since the class began.",
        *_bug_table(lesson, lessons),
    ]
    for section in told:
        parts.append(f"## {clock(section.start)} {section.title} ({section.minutes} min)")
        for cell in section.cells:
            is_text = cell.kind == "markdown" and not cell.for_presenter
            parts += [cell.text] if cell.for_presenter else []
            parts += SUBHEADING.findall(cell.text) if is_text else []
    return "\n\n".join([*parts, f"**{clock(time.total)} The class is over.**"]) + "\n"


def _bug_table(lesson: Lesson, lessons: dict[str, Lesson]) -> list[str]:
    """When the instructor plants each bug of the lesson, and when the class meets it."""
    planted, met = {}, {}
    for section in sections(lesson):
        for cell in section.cells:
            recap = [find_cell(name, lessons)[1] for name in listed(cell.marks.get("recap", ""))]
            planted |= {bug: section.start for home in (cell, *recap) for bug in home.bugs()}
            met |= {cell.marks["symptom"]: section.start} if "symptom" in cell.marks else {}
    rows = [f"| `{bug}` | {clock(planted[bug])} | {clock(when)} |" for bug, when in met.items()]
    head = "| bug | you plant it in the section at | the class meets it at |\n|---|---|---|"
    return ["\n".join([head, *rows])] if rows else []


def write(text: str, path: Path) -> None:
    """Write a page to a file, whole or not at all; LessonError if it cannot stand there."""
    if path.is_dir():
        raise LessonError(f"{path} is a folder; name a file for the notes with -o.")
    try:
        write_text_whole(path, text)
    except OSError as error:
        raise LessonError(f"The notes could not be written to {path}: {error.strerror}.") from error
