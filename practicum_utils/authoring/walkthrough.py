"""Turn a lesson into a story: meet a symptom, read the rule, mend one line, run again."""

import difflib
import textwrap

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, v4

from practicum_utils.authoring.source import listed
from practicum_utils.bugs import CATALOGUE
from practicum_utils.bugs.planting import LessonError, bugs_in, plant, uncover


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
        homes = [node for node in told if bug.id in bugs_in(node.source)]
        if not homes or bug.id not in self.planted:
            raise LessonError(f"fix {bug.id!r}: no cell before it has that bug planted.")
        before = [self._shown(home).source for home in homes]
        self.planted.discard(bug.id)
        after = [self._shown(home) for home in homes]
        diff = "\n".join(
            changed_lines(old, new.source) for old, new in zip(before, after, strict=True)
        )
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
        for name in listed(marks.get("rerun", "")):
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


def changed_lines(before: str, after: str) -> str:
    """The changed lines with one line around them, without headers and common indentation."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    changes = [line for line in list(lines)[2:] if not line.startswith("@@")]
    code = textwrap.dedent("\n".join(line[1:] for line in changes)).split("\n")
    return "\n".join(f"{line[0]} {rest}" for line, rest in zip(changes, code, strict=True))
