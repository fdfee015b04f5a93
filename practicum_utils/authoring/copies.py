"""Turn one lesson source into its three notebooks: student copy, buggy solution, walkthrough.

Each transformation is an nbconvert preprocessor over notebook cells whose marks still stand in
``cell.metadata["marks"]``; ``finish`` removes the marks and sets the tags that nbval reads.
"""

import difflib
import re
import textwrap

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, v4

from practicum_utils.authoring.recap import RepeatEarlierCells
from practicum_utils.authoring.source import BEGIN, BUG_LINE, END, Cell, Lesson, LessonError
from practicum_utils.bugs import CATALOGUE

CHECKED, RAISES, SKIP = "nbval-check-output", "raises-exception", "nbval-skip"
TOLD = "-told"  # ends the id of a cell whose output `practicum run` prints
COPIES = ("student", "solution", "walkthrough")


def plant(text: str, planted: set[str]) -> str:
    """Return a cell's code with the bugs of ``planted`` in it and all BUG marks gone."""
    lines, replaced_by = [], None
    for line in text.splitlines():
        match = BUG_LINE.match(line)
        if not match:
            lines.append(line)
            replaced_by = None
        elif match["id"] in planted:
            if replaced_by != match["id"]:
                lines.pop()
                replaced_by = match["id"]
            if match["code"]:
                lines.append(match["indent"] + match["code"])
    return "\n".join(lines)


def blank(text: str, exercise: str) -> str:
    """Return a cell's code with each SOLUTION region replaced by ``raise NotImplementedError``."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(
                f'{indent}raise NotImplementedError("Exercise {exercise} is yours to write.")'
            )
        inside = {BEGIN: True, END: False}.get(line.strip(), inside)
        if not inside and line.strip() != END:
            lines.append(line)
    return "\n".join(lines)


def uncover(text: str) -> str:
    """Return a cell's code without the lines that mark SOLUTION regions."""
    return "\n".join(line for line in text.splitlines() if line.strip() not in (BEGIN, END))


def to_notebook(lesson: Lesson) -> NotebookNode:
    """Return the lesson as a notebook whose cells carry their marks in the metadata."""
    cells = [_to_node(cell) for cell in lesson.cells]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _to_node(cell: Cell, **more) -> NotebookNode:
    make = v4.new_code_cell if cell.kind == "code" else v4.new_markdown_cell
    return make(cell.text, metadata={"marks": {**cell.marks, **more}})


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
        only = [name.strip() for name in marks.get("only", self.copy).split(",")]
        return self.copy in only

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        nb.cells = [cell for cell in nb.cells if self._wanted(cell.metadata["marks"])]
        return nb, resources


class BlankExercises(Preprocessor):
    """The student's exercise cells: a stub, and the catch-up import as a comment."""

    def preprocess_cell(self, cell, resources, index):
        marks = cell.metadata["marks"]
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


class PlantBugs(Preprocessor):
    """Fill in the solutions and plant all bugs."""

    def __init__(self, planted: set[str]):
        super().__init__()
        self.planted = planted

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            cell.source = plant(uncover(cell.source), self.planted)
        return cell, resources


class TellTheStory(Preprocessor):
    """The walkthrough: a bug stays planted until its ``fix`` cell, which runs again."""

    def __init__(self, planted: set[str]):
        super().__init__()
        self.planted = set(planted)

    def _shown(self, cell: NotebookNode) -> NotebookNode:
        """The cell as it stands at this point of the story."""
        shown = v4.new_code_cell(cell.source, metadata={"marks": dict(cell.metadata["marks"])})
        shown.source = plant(uncover(cell.source), self.planted)
        if shown.metadata["marks"].get("symptom") not in self.planted:
            shown.metadata["marks"].pop("raises", None)
        return shown

    def _fixed(self, cell: NotebookNode, told: list[NotebookNode]) -> list[NotebookNode]:
        marks = cell.metadata["marks"]
        bug = CATALOGUE[marks["fix"]]
        homes = [node for node in told if _carries(node, bug.id)]
        if not homes or bug.id not in self.planted:
            raise LessonError(f"fix {bug.id!r}: no cell before it has that bug planted.")
        before = [self._shown(home).source for home in homes]
        self.planted.discard(bug.id)
        after = [self._shown(home) for home in homes]
        diff = "\n".join(_diff(old, new.source) for old, new in zip(before, after, strict=True))
        summary = f"- **This time:** {bug.this_time}\n- **In general:** {bug.in_general}"
        text = f"{cell.source}\n\n{summary}\n\n```diff\n{diff}\n```"
        return [
            v4.new_markdown_cell(text, metadata={"marks": {}}),
            *after,
            *self._again(marks, told),
        ]

    def _again(self, marks: dict, told: list[NotebookNode]) -> list[NotebookNode]:
        """The cells to run again: the named ones in order, the symptom cell last."""
        cells = []
        for name in [part.strip() for part in marks.get("rerun", "").split(",") if part.strip()]:
            match = [node for node in told if node.metadata["marks"].get("name") == name]
            if not match:
                raise LessonError(f"fix {marks['fix']!r}: no cell before it is named {name!r}.")
            cells.append(self._shown(match[0]))
        symptom = [node for node in told if node.metadata["marks"].get("symptom") == marks["fix"]]
        if not symptom:
            raise LessonError(f"fix {marks['fix']!r}: no symptom cell stands before it.")
        return [*cells, self._shown(symptom[0])]

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        cells, told = [], []
        for cell in nb.cells:
            if "fix" in cell.metadata["marks"]:
                cells += self._fixed(cell, told)
            elif cell.cell_type == "code":
                told.append(cell)
                cells.append(self._shown(cell))
            else:
                cells.append(cell)
        nb.cells = cells
        return nb, resources


def _carries(node: NotebookNode, bug_id: str) -> bool:
    return any(
        (match := BUG_LINE.match(line)) and match["id"] == bug_id
        for line in node.source.splitlines()
    )


def _diff(before: str, after: str) -> str:
    """The changed lines with one line around them, without headers and common indentation."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    changes = [line for line in list(lines)[2:] if not line.startswith("@@")]
    code = textwrap.dedent("\n".join(line[1:] for line in changes)).splitlines()
    return "\n".join(f"{line[0]} {rest}" for line, rest in zip(changes, code, strict=True))


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
        save = "\n\nIn Colab, first choose **File > Save a copy in Drive**, or your work is lost."
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
    """Return one copy of a lesson, not executed. ``copy`` is one of ``COPIES``."""
    own = {bug for cell in lesson.cells for bug in cell.bugs()}
    recapped = {bug for other in lessons.values() for cell in other.cells for bug in cell.bugs()}
    planted = own | {bug for bug in recapped if CATALOGUE[bug].lesson == lesson.number}
    recap = [] if copy == "student" else [RepeatEarlierCells(lesson.number, lessons)]
    fill = {
        "student": lambda: BlankExercises(),
        "solution": lambda: PlantBugs(planted),
        "walkthrough": lambda: TellTheStory(planted),
    }[copy]()
    steps = [
        SelectAudience(copy), *recap, fill, AddDoors(address, path, copy == "student"),
        SetTags(lesson, stop_at_exception=copy == "solution"),
    ]  # fmt: skip
    notebook = to_notebook(lesson)
    if copy == "student":  # the student's code is correct, so nothing in it must raise
        for cell in notebook.cells:
            cell.metadata["marks"].pop("raises", None)
    for step in steps:
        notebook, _ = step.preprocess(notebook, {})
    return notebook
