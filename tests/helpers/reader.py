"""A student at a notebook: types, runs a cell, reads what it says, goes back and mends."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbclient import NotebookClient
from nbformat import NotebookNode

from practicum_utils.authoring.execute import CELL_SECONDS

TYPED = re.compile(r"```\n(.*?)\n```", re.DOTALL)


class Reader:
    """One kernel and one notebook; cells are found by the end of their id."""

    def __init__(self, notebook: NotebookNode, client: NotebookClient):
        self.notebook, self._client = notebook, client

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    def find(self, ending: str) -> NotebookNode:
        """The cell whose id ends like this, with or without the sign of a told cell."""
        found = [
            cell for cell in self.notebook.cells
            if cell["id"].removesuffix("-told").endswith(f"-{ending}")
        ]  # fmt: skip
        assert len(found) == 1, f"{len(found)} cells end in {ending!r}"
        return found[0]

    def run(self, cell: NotebookNode) -> str:
        """Run a cell and return what it said: what it printed, and the end of an exception."""
        if not cell.source.strip():
            return ""
        self._client.execute_cell(cell, self.notebook.cells.index(cell))
        said = []
        for output in cell.outputs:
            if output.output_type == "error":
                said.append(f"{output.ename}: {output.evalue}")
            said.append(output.get("text", ""))
        return "\n".join(said)

    def type(self, cell: NotebookNode, code: str) -> str:
        """Put this code in the cell's place and run it."""
        cell.source = code
        return self.run(cell)


def typed_in_class(notebook: NotebookNode, exercise: str) -> str:
    """The code of the fold "The solution as typed in class" of an exercise."""
    ending = f"-class-{exercise.replace('.', '-')}"
    [cell] = [cell for cell in notebook.cells if cell["id"].endswith(ending)]
    return TYPED.search(cell.source)[1]


@contextmanager
def reading(notebook: NotebookNode, folder: Path, **environment: str) -> Iterator[Reader]:
    """Open a notebook in a kernel of its own that works in ``folder``."""
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        startup_timeout=CELL_SECONDS,
        allow_errors=True,
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    with client.setup_kernel(env={**os.environ, **environment}):
        yield Reader(notebook, client)
