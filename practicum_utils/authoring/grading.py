"""What nbgrader reads in a student notebook: which cells are the student's, which give points."""

import re

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from practicum_utils.authoring.source import Lesson

SCHEMA = 3  # of nbgrader's cell metadata
NEVER_IN_AN_ID = re.compile(r"[^\w-]+")


class AddGrading(Preprocessor):
    """Mark the exercise cells as the student's, and each exercise's check as worth its minutes.

    The check is locked: nbgrader puts the source's own version back before it runs one, so that
    nobody earns points by editing it. JupyterLab shows nothing of this, and the checks themselves
    do without it.
    """

    def __init__(self, lesson: Lesson):
        super().__init__()
        self.minutes = {
            cell.marks["exercise"]: cell.marks["minutes"]
            for cell in lesson.cells
            if "exercise" in cell.marks
        }

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int):
        marks = cell.metadata["marks"]
        if cell.cell_type == "code" and "exercise" in marks:
            cell.metadata["nbgrader"] = _metadata("exercise", marks["exercise"])
        elif cell.cell_type == "code" and "check" in marks:
            points = self.minutes[marks["check"]]
            cell.metadata["nbgrader"] = _metadata("check", marks["check"], points)
        return cell, resources


def _metadata(kind: str, exercise: str, points: int | None = None) -> dict:
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
