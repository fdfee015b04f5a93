"""Turn one lesson source into its three notebooks: student copy, buggy solution, walkthrough.

Each transformation is an nbconvert preprocessor over notebook cells whose marks still stand in
``cell.metadata["marks"]``; ``SetTags`` removes the marks and sets the tags that nbval reads.
"""

import re

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, v4

from practicum_utils.authoring.grading import AddGrading
from practicum_utils.authoring.recap import RepeatEarlierCells
from practicum_utils.authoring.slideshow import CutIntoSlides
from practicum_utils.authoring.source import Cell, Lesson, listed
from practicum_utils.authoring.walkthrough import TellTheStory
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import blank, plant, uncover

CHECKED, RAISES, SKIP = "nbval-check-output", "raises-exception", "nbval-skip"
TOLD = "-told"  # ends the id of a cell whose output `practicum run` prints
COPIES = ("student", "solution", "walkthrough")
CATCH_UP = re.compile(r"^# (from practicum_utils\S* import .*)$", re.MULTILINE)


def to_notebook(lesson: Lesson) -> NotebookNode:
    """Return the lesson as a notebook whose cells carry their marks in the metadata."""
    cells = [_to_node(cell) for cell in lesson.cells]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _to_node(cell: Cell) -> NotebookNode:
    make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
    return make(cell.text, metadata={"marks": dict(cell.marks)})


class SelectAudience(Preprocessor):
    """Keep the cells meant for one copy."""

    def __init__(self, copy: str):
        super().__init__()
        self.copy = copy

    def _wanted(self, marks: dict) -> bool:
        if "fix" in marks:
            return self.copy == "walkthrough"
        if "check" in marks and self.copy == "solution":
            return False
        return self.copy in listed(marks.get("only", self.copy))

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        nb.cells = [cell for cell in nb.cells if self._wanted(cell.metadata["marks"])]
        return nb, resources


class BlankExercises(Preprocessor):
    """The student's exercise cells: a stub, and the catch-up import as a comment."""

    def preprocess_cell(self, cell, resources, index):
        marks = cell.metadata["marks"]
        marks.pop("raises", None)  # the student's code is correct, so no cell of it must raise
        if cell.cell_type == "code" and "exercise" in marks:
            stub = blank(cell.source, marks["exercise"])
            cell.source = (
                f"# Exercise {marks['exercise']} ({marks['minutes']} minutes)\n{stub}\n\n"
                f"# Fell behind? Remove the # of the next line and run this cell again.\n"
                f"# {marks['catch_up']}"
            )
        if cell.cell_type == "code":
            cell.source = plant(cell.source, set())
        return cell, resources


def take_catch_up(notebook: NotebookNode) -> int:
    """Take every catch-up line of a student copy, as a student who fell behind; their number."""
    taken = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, count = CATCH_UP.subn(r"\1", cell.source)
            taken += count
    return taken


class PlantBugs(Preprocessor):
    """Fill in the solutions and plant all bugs."""

    def __init__(self, planted: set[str]):
        super().__init__()
        self.planted = planted

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            cell.source = plant(uncover(cell.source), self.planted)
        return cell, resources


class AddDoors(Preprocessor):
    """The ways in: a Colab badge below the title, and the installation in the setup cell."""

    def __init__(self, address: str, path: str, for_student: bool):
        super().__init__()
        self.address, self.path, self.for_student = address, path, for_student

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        repository = self.address.removeprefix("https://github.com/")
        badge = (
            "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
            f"(https://colab.research.google.com/github/{repository}/blob/main/{self.path})"
        )
        save = (
            "\n\nIn Colab, first choose **File > Save a copy in Drive**, or your work is lost. "
            "Where a cell says that a name is not defined, run the cells above it first."
        )
        title, _, rest = nb.cells[0].source.partition("\n")
        nb.cells[0].source = f"{title}\n\n{badge}{save if self.for_student else ''}\n{rest}"
        for cell in nb.cells:
            if cell.metadata["marks"].get("setup"):
                cell.source = f"{self._install()}\n\n{cell.source}"
        return nb, resources

    def _install(self) -> str:
        return (
            "try:\n    import practicum_utils\nexcept ImportError:\n"
            f'    %pip install -q "practicum-utils @ git+{self.address}"'
        )


class SetTags(Preprocessor):
    """Replace the marks by what a published notebook needs: ids, and the tags nbval reads."""

    def __init__(self, lesson: Lesson, stop_at_exception: bool):
        super().__init__()
        self.lesson, self.stop_at_exception = lesson, stop_at_exception

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        stopped = False
        for index, cell in enumerate(nb.cells):
            marks = cell.metadata.pop("marks")
            tags = [CHECKED] if marks.get("verdict") or marks.get("symptom") else []
            tags += [RAISES] if marks.get("raises") else []
            if stopped and cell.cell_type == "code":
                tags = [SKIP]
            if tags:
                cell.metadata["tags"] = tags
            told = TOLD if marks.get("tell") else ""
            cell["id"] = f"lesson-{self.lesson.number}-{index:03d}{told}"
            cell.source = re.sub(r"\n{4,}", "\n\n\n", cell.source).strip("\n")
            stopped = stopped or (self.stop_at_exception and bool(marks.get("raises")))
        return nb, resources


def make_copy(
    copy: str, lesson: Lesson, lessons: dict[str, Lesson], address: str, path: str
) -> NotebookNode:
    """Return one copy of a lesson, not executed.

    copy: one of ``COPIES``.  lessons: all lessons by number, for what this one repeats of them.
    address: the project's public address.  path: where the notebook stands in the repository.
    """
    # A bug of an earlier lesson is planted in a recap only if it shows here; the class has mended
    # the others where they showed.
    own = {bug for cell in lesson.cells for bug in cell.bugs()}
    recapped = {bug for other in lessons.values() for cell in other.cells for bug in cell.bugs()}
    planted = own | {bug for bug in recapped if CATALOGUE[bug].lesson == lesson.number}
    recap = [] if copy == "student" else [RepeatEarlierCells(lessons)]
    grading = [AddGrading(lesson)] if copy == "student" else []
    fill = {
        "student": BlankExercises(),
        "solution": PlantBugs(planted),
        "walkthrough": TellTheStory(planted),
    }[copy]
    slides = [CutIntoSlides()] if copy == "student" else []
    steps = [
        SelectAudience(copy), *recap, *grading, fill, *slides,
        AddDoors(address, path, copy == "student"),
        SetTags(lesson, stop_at_exception=copy == "solution"),
    ]  # fmt: skip
    notebook = to_notebook(lesson)
    for step in steps:
        notebook, _ = step.preprocess(notebook, {})
    return notebook
