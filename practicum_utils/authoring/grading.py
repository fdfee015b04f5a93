"""What nbgrader reads in a student notebook: which cells are the student's, which give points."""

import re

from practicum_utils.authoring.source import Cell, Lesson

SCHEMA = 3  # of nbgrader's cell metadata
FOR_A_DIAGNOSIS = 2  # points
NEVER_IN_AN_ID = re.compile(r"[^\w-]+")


def with_points(cells: list[Cell], lesson: Lesson) -> list[Cell]:
    """Mark exercises and answers as the student's, and the checks as worth points.

    That of an exercise is worth its minutes.

    The check is locked: nbgrader puts the source's own version back before it runs one, so that
    nobody earns points by editing it. JupyterLab shows nothing of this, and the checks themselves
    do without it.
    """
    minutes = {cell.marks.get("exercise"): cell.marks.get("minutes") for cell in lesson.cells}

    def graded(cell: Cell) -> Cell:
        if cell.kind == "code" and "exercise" in cell.marks:
            return cell.with_metadata(nbgrader=_entry("exercise", cell.marks["exercise"]))
        if cell.kind == "code" and "answer" in cell.marks:
            return cell.with_metadata(nbgrader=_entry("answer", cell.marks["answer"]))
        if cell.kind == "code" and "check" in cell.marks:
            checked = cell.marks["check"]
            points = minutes.get(checked, FOR_A_DIAGNOSIS)
            return cell.with_metadata(nbgrader=_entry("check", checked, points))
        return cell

    return [graded(cell) for cell in cells]


def _entry(kind: str, exercise: str, points: int | None = None) -> dict:
    """A cell's entry; with points it is a locked test, without them the student's own."""
    is_test = points is not None
    entry = {
        "schema_version": SCHEMA,
        "grade_id": f"{kind}-{NEVER_IN_AN_ID.sub('-', exercise)}",
        "cell_type": "code",
        "grade": is_test,
        "solution": not is_test,
        "locked": is_test,
        "task": False,
    }
    return {**entry, "points": points} if is_test else entry
