"""The student notebooks, and what a run of their cells has printed."""

import ast
from collections.abc import Iterable

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from practicum_utils.authoring.build import FOLDERS, find_root

STUDENT = sorted((find_root() / FOLDERS["student"]).glob("*.ipynb"))


def printed(cells: Iterable[NotebookNode]) -> str:
    """Everything that the cells printed."""
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


def definitions(source: str) -> str:
    """A cell's imports and definitions, without magics and without the lines that run something."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    tree = ast.parse(TransformerManager().transform_cell(source))
    return ast.unparse(ast.Module([node for node in tree.body if isinstance(node, kept)], []))
