"""What only the student's copy has: the class's solutions, and the way to find out what is wrong.

The author marks what the reader meets (``exercise``, ``diagnose``, ``guess``, ``fold``, ``recap``);
here each of these becomes the cells of the notebook.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from practicum_utils.authoring.source import Cell
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError, blank, plant
from practicum_utils.checks import Diagnosis
from practicum_utils.checks.exercises import find

HINT = "<details"
NOTES = "notes"  # the mark, and the slide type, of a cell that only the speaker sees
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)
STEP = re.compile(r"^- \*\*(?P<title>[^*]+?):?\*\* ", re.MULTILINE)  # a hint of a diagnosis
BANNER = """\
> **Before you begin.** Try each exercise yourself first. Below it stand hints, and a solution as we
> type it in class, for when you are stuck. Be careful with those: we type like everybody else, so
> some of these solutions are **wrong**, and on purpose. When a line below a cell says
> `symptom: ...`, or a cell stops, do not read on. Stop, and find out why: that is the real
> exercise. A check says `ok so far` when it has found nothing wrong, and has not looked for what a
> symptom will show you later."""
EXPECT_BUGS = """\
from practicum_utils.checks import expect_bugs

expect_bugs()  # a check says `ok so far` until the bugs of a lesson have been met and mended"""
MEND = """\
**Then mend it.** Change the line that is to blame, run its cell again, and then the cell with the
symptom, until it says `ok: ...`. Run the check of your answer again as well: it tells you what your
numbers say now.

*Yours said `ok` at once? Well done. To meet the symptom all the same, copy the code as typed in
class, which is folded below its cell, into that cell, and run everything from there again.*"""


def folded(title: str, text: str) -> str:
    """A piece of Markdown that opens with a click."""
    return f"<details><summary><b>{title}</b></summary>\n\n{text}\n\n</details>"


def meet_the_bugs(cells: Iterable[Cell], planted: set[str]) -> list[Cell]:
    """The student's cells: stubs, each with the class's solution below its hints, and diagnoses.

    planted: ids of the bugs that the class's solutions have.
    """
    found, waiting = [], []  # waiting: what comes after the hints
    for cell in cells:
        if waiting and not (cell.text.startswith(HINT) or cell.marks.get(NOTES)):
            found, waiting = [*found, *waiting], []
        made = _made(cell, planted)
        found.append(made[0])
        waiting += made[1:]
    return [*found, *waiting]


def _made(cell: Cell, planted: set[str]) -> list[Cell]:
    """What becomes of one cell; the first one stands in its place, the others after its hints."""
    marks, bare = cell.marks, cell.without("raises")  # mended code raises nothing
    if "exercise" in marks:
        return [_stub(bare, planted), _class_solution(cell, planted)]
    if "of_class" in marks:
        return [_given(bare, planted), _class_code(cell, planted)]
    if cell.kind == "code":
        return [_given(bare, planted)]
    if "diagnose" in marks:
        return _diagnosis(cell)
    if "fold" in marks:
        return [replace(cell, text=folded(marks["fold"], cell.text))]
    if "guess" in marks:
        blank_guess = "my_guess = ...  # write it here, and run this cell before you go on"
        return [cell, _new("code", blank_guess, f"guess-{marks['guess']}", cell)]
    return [cell]


def _new(kind: str, text: str, name: str, beside: Cell, **marks: object) -> Cell:
    return Cell(kind, text, {"name": name, **marks}, beside.place)


def _stub(cell: Cell, planted: set[str]) -> Cell:
    """An exercise as the student gets it, with the catch-up import as a comment."""
    marks = cell.marks
    text = (
        f"# Exercise {marks['exercise']} ({marks['minutes']} minutes)\n"
        f"{blank(cell.text, marks['exercise'])}"
    )
    return replace(cell, text=_with_catch_up(plant(text, planted), marks["catch_up"]))


def _with_catch_up(code: str, line: str) -> str:
    """Code with the import that replaces it, as a comment."""
    return (
        f"{code}\n\n# Came late? Remove the # of the next line and run this cell again.\n# {line}"
    )


def _class_solution(cell: Cell, planted: set[str]) -> Cell:
    """The exercise as typed in class, to copy: with the lesson's bugs, and no word on where."""
    code = cell.with_bugs(planted).text
    text = (
        f"```\n{code}\n```\n\nCame late, or in a hurry? The last line of the exercise's cell "
        "fetches a finished version instead."
    )
    name = f"class-{cell.marks['exercise']}"
    return _new("markdown", folded("The solution as typed in class", text), name, cell)


def _given(cell: Cell, planted: set[str]) -> Cell:
    """Code that the student is given; the class's own of earlier lessons, with its bugs.

    The first of it says that bugs lie ahead.
    """
    cell = cell.with_bugs(planted)
    if cell.marks.get("setup"):
        return replace(cell, text=f"{cell.text}\n\n{EXPECT_BUGS}")
    if "of_class" not in cell.marks:
        return cell
    return replace(cell, text=_with_catch_up(cell.text, cell.marks["of_class"]))


def _class_code(cell: Cell, planted: set[str]) -> Cell:
    """The same code once more, folded, for whoever has changed it and wants it back."""
    text = (
        f"```\n{cell.with_bugs(planted).text}\n```\n\n"
        "If you have put other code in its cell and want the class's back, copy this."
    )
    name = f"{cell.marks['name']}-as-typed"
    return _new("markdown", folded("The same code as typed in class", text), name, cell)


def _diagnosis(cell: Cell) -> list[Cell]:
    """Stop and diagnose: causes, a cell to look in, hints, the answer and its check, the rule."""
    number, entry = cell.marks["diagnose"], find(cell.marks["diagnose"])
    if not isinstance(entry, Diagnosis):
        raise LessonError(f"{cell.place}: no check knows the diagnosis {number!r}.")
    parts = STEP.split(cell.text)
    intro, steps = parts[0].strip(), list(zip(parts[1::2], parts[2::2], strict=True))
    if len(steps) != 3:
        raise LessonError(f"{cell.place}: a diagnosis has three hints, and this has {len(steps)}.")
    answer = f"answer_{number.partition('.D')[2]}"
    letters = ", ".join(f'"{letter}"' for letter in entry.causes)
    evidence = cell.marks.get("evidence", "")
    call = f'check("{number}", {answer}{", " + evidence if evidence else ""})'
    hints = "\n\n".join(folded(title, " ".join(text.split())) for title, text in steps)
    return [
        replace(cell, text=f"### Stop and diagnose\n\n{intro}\n\n{_table(entry)}", marks={}),
        _new("code", "# Look for yourself", f"look-{number}", cell),
        _new("markdown", hints, f"hints-{number}", cell),
        _new("code", f'{answer} = ""  # one of {letters}', f"answer-{number}", cell, answer=number),
        _new("code", call, f"check-{number}", cell, check=number),
        _new(
            "markdown", f"{folded('The rule', _rule(entry.bug))}\n\n{MEND}", f"rule-{number}", cell
        ),
    ]


def _table(entry: Diagnosis) -> str:
    rows = [f"| **{key}** | {cause} | {seen} |" for key, (cause, seen) in entry.causes.items()]
    return "\n".join(["| | if it were … | you would see … |", "|---|---|---|", *rows])


def _rule(bug: str) -> str:
    return f"*This time:* {CATALOGUE[bug].this_time}\n\n*In general:* {CATALOGUE[bug].in_general}"
