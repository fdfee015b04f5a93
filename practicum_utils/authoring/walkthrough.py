"""Turn a lesson into a story: meet a symptom, read the rule, mend one line, run again."""

from dataclasses import replace

from practicum_utils.authoring.source import Cell, listed
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError, changed_lines

# The code of such a cell is folded in JupyterLab and in Colab; what it prints is not.
CODE_FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}


def tell_the_story(cells: list[Cell], planted: set[str]) -> list[Cell]:
    """The walkthrough: a bug stays planted until its ``fix`` cell, whose cells run again.

    Code that has been shown before is folded: that of earlier lessons, and that of a mended cell,
    whose changed lines stand above it.
    """
    story, before = [], []  # before: the code cells so far, as they stand in the source
    for cell in cells:
        if "fix" in cell.marks:
            story += _mended(cell, before, planted)
            planted = planted - {cell.marks["fix"]}
        elif cell.kind == "code":
            before.append(cell)
            shown = _shown(cell, planted)
            story.append(_code_folded(shown) if "of_class" in cell.marks else shown)
        else:
            story.append(cell)
    return story


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
    return [Cell("markdown", text, {}, fix.place), *map(_code_folded, mended), *again]


def _code_folded(cell: Cell) -> Cell:
    return replace(cell, metadata={**cell.metadata, **CODE_FOLDED})


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
