"""Repeat what the class wrote in earlier lessons, with the bugs that show only now."""

import ast

from practicum_utils.authoring.source import Cell, Lesson, listed
from practicum_utils.bugs.planting import LessonError


def repeat_earlier_cells(cells: list[Cell], lessons: dict[str, Lesson]) -> list[Cell]:
    """Replace a recap cell by the imports it needs and the cells it names.

    Which of their bugs are planted here is decided where all bugs are planted, in ``copies``.
    """
    return [
        new
        for cell in cells
        for new in (_repeated(cell, lessons) if "recap" in cell.marks else [cell])
    ]


def _repeated(recap: Cell, lessons: dict[str, Lesson]) -> list[Cell]:
    imports, repeated = set(), []
    for reference in listed(recap.marks["recap"]):
        lesson, cell = find_cell(reference, lessons)
        imports |= _imports(cell.text, lesson)
        marks = {"name": cell.marks["name"], "of_class": cell.marks.get("catch_up", "")}
        repeated.append(Cell("code", cell.text, marks, recap.place))
    head = Cell("code", "\n".join(sorted(imports)), {}, recap.place)
    return [head, *repeated] if imports else repeated


def find_cell(reference: str, lessons: dict[str, Lesson]) -> tuple[Lesson, Cell]:
    """Return the lesson and the cell that "NN:name" means; LessonError if there is none."""
    number, _, name = reference.partition(":")
    if number not in lessons:
        raise LessonError(f"recap {reference!r}: there is no lesson {number}.")
    return lessons[number], lessons[number].find(name)


def _imports(code: str, lesson: Lesson) -> set[str]:
    """The import lines that this code of the lesson needs.

    A name that an exercise of the lesson defines comes from the exercise's catch-up line.
    """
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    lines = set()
    for cell in lesson.cells:
        text = cell.marks.get("catch_up", cell.text if cell.kind == "code" else "")
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                lines |= {_one_name(node, alias) for alias in node.names if _name(alias) in used}
    return lines


def _name(alias: ast.alias) -> str:
    return alias.asname or alias.name


def _one_name(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import([alias]))
    return ast.unparse(ast.ImportFrom(node.module, [alias], node.level))
