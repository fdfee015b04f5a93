"""Turn a lesson into a story: meet a symptom, read the rule, mend one line, run again."""

import re
from dataclasses import replace
from itertools import pairwise

from practicum_utils.authoring.source import Cell, listed
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError, changed_lines

HEADING = re.compile(r"^(## .*)$", re.MULTILINE)
# The code of such a cell is folded in JupyterLab and in Colab; what it prints is not.
CODE_FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}
SECTION_CLOSED = {"jp-MarkdownHeadingCollapsed": True}  # in JupyterLab, all cells below a heading
ADVICE = """\
> **This is the walkthrough:** the lesson with everything filled in, in which each bug is met,
> diagnosed, mended, and the same cell run again. In JupyterLab, sections in which nothing goes
> wrong are closed and open with the triangle beside their heading, and code that stood somewhere
> before opens with a click on its three dots."""


def tell_the_story(cells: list[Cell], planted: set[str]) -> list[Cell]:
    """The walkthrough: a bug stays planted until its ``fix`` cell, whose cells run again.

    Code that has been shown before is folded: the setup, that of earlier lessons, that of a mended
    cell, whose changed lines stand above it, and that of the cells that run again.
    """
    story, before = [], []  # before: the code cells so far, as they stand in the source
    for cell in cells:
        if "fix" in cell.marks:
            story += _mended(cell, before, planted)
            planted = planted - {cell.marks["fix"]}
        elif cell.kind == "code":
            before.append(cell)
            shown = _shown(cell, planted)
            known = "of_class" in cell.marks or "setup" in cell.marks
            story.append(_code_folded(shown) if known else shown)
        else:
            story.append(cell)
    return _quiet_sections_closed(story)


def _quiet_sections_closed(story: list[Cell]) -> list[Cell]:
    """Close the sections of code in which no bug shows and no result is judged."""
    pieces = [piece for cell in story for piece in _split_at_headings(cell)]
    starts = [place for place, cell in enumerate(pieces) if _is_heading(cell)]
    quiet = set()
    for start, end in pairwise([*starts, len(pieces)]):
        section = pieces[start:end]
        if any(cell.kind == "code" for cell in section) and not any(map(_is_loud, section)):
            quiet.add(start)
    return [
        cell.with_metadata(**SECTION_CLOSED) if place in quiet else cell
        for place, cell in enumerate(pieces)
    ]


def _split_at_headings(cell: Cell) -> list[Cell]:
    """A text with each heading of a section in a cell of its own, so that the rest can close."""
    if cell.kind != "markdown" or not HEADING.search(cell.text):
        return [cell]
    pieces = [piece.strip() for piece in HEADING.split(cell.text) if piece.strip()]
    first, *others = pieces
    marks = cell.marks if HEADING.match(first) else {}
    return [
        replace(cell, text=first, marks=marks),
        *(replace(cell, text=piece, marks={}) for piece in others),
    ]


def _is_heading(cell: Cell) -> bool:
    return cell.kind == "markdown" and HEADING.match(cell.text) is not None


def _is_loud(cell: Cell) -> bool:
    return "symptom" in cell.marks or ("verdict" in cell.marks and "check" not in cell.marks)


def _shown(cell: Cell, planted: set[str]) -> Cell:
    """A code cell as it stands at this point of the story."""
    raises = cell.marks.get("symptom") in planted
    return (cell if raises else cell.without("raises")).with_bugs(planted)


def _mended(fix: Cell, before: list[Cell], planted: set[str]) -> list[Cell]:
    """The rule with the changed lines, the mended cells, and the cells to run again."""
    bug, left = CATALOGUE[fix.marks["fix"]], planted - {fix.marks["fix"]}
    homes = [cell for cell in before if bug.id in cell.bugs()]
    if not homes or bug.id not in planted:
        raise LessonError(f"fix {bug.id!r}: no cell before it has that bug planted.")
    mended = [_shown(home, left) for home in homes]
    diff = "\n".join(
        changed_lines(_shown(home, planted).text, new.text)
        for home, new in zip(homes, mended, strict=True)
    )
    summary = f"- **This time:** {bug.this_time}\n- **In general:** {bug.in_general}"
    text = f"{fix.text}\n\n{summary}\n\n```diff\n{diff}\n```"
    again = [_shown(cell, left) for cell in _to_run_again(fix, before)]
    return [Cell("markdown", text, {}, fix.place), *map(_code_folded, [*mended, *again])]


def _code_folded(cell: Cell) -> Cell:
    return cell.with_metadata(**CODE_FOLDED)


def _to_run_again(fix: Cell, before: list[Cell]) -> list[Cell]:
    """The named cells in order, the symptom cell last."""
    bug, cells = fix.marks["fix"], []
    for name in listed(fix.marks.get("rerun", "")):
        match = [cell for cell in before if cell.marks.get("name") == name]
        if not match:
            raise LessonError(f"fix {bug!r}: no cell before it is named {name!r}.")
        cells.append(match[0])
    symptom = [cell for cell in before if cell.marks.get("symptom") == bug]
    if not symptom:
        raise LessonError(f"fix {bug!r}: no symptom cell stands before it.")
    return [*cells, symptom[0]]
