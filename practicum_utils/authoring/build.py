"""Write a lesson's three notebooks, or check that the committed ones are what the source makes."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import practicum_utils
from practicum_utils.authoring.copies import COPIES, FOLDERS, make_copy, path_of
from practicum_utils.authoring.execute import execute
from practicum_utils.authoring.source import Lesson, definitions, find_sources, read_lesson
from practicum_utils.bugs.planting import LessonError, uncover
from practicum_utils.bugs.typed import TYPED
from practicum_utils.support import project
from practicum_utils.support.files import write_text_whole

ASSETS = Path("practicum_utils/assets")


def find_root() -> Path:
    """Return the repository's folder; LessonError if there is no checkout around."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(practicum_utils.__file__).parents[1]):
        if (folder / "solutions" / "lessons").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise LessonError("This needs the course's repository; run it inside a clone.")


def read_all(root: Path) -> dict[str, Lesson]:
    """Return all lessons of the repository by number."""
    sources = find_sources(root / "solutions" / "lessons")
    return {lesson.number: lesson for lesson in map(read_lesson, sources)}


def read_one(root: Path, number: str) -> tuple[Lesson, dict[str, Lesson]]:
    """Return the lesson of that number ("3" and "03" both do), and all lessons by number."""
    [source] = find_sources(root / "solutions" / "lessons", [number])
    lessons = read_all(root)
    return lessons[source.name[:2]], lessons


def address(root: Path) -> str:
    """Return the project's public address, which stands once, in pyproject.toml."""
    if not (root / "pyproject.toml").is_file():  # pip has read it
        return project.address()
    written = tomllib.loads((root / "pyproject.toml").read_text())
    return written["project"]["urls"]["Repository"]


def notebooks(root: Path, numbers: list[str]) -> dict[Path, NotebookNode]:
    """Make all copies of the given lessons (all if empty), not executed; paths as in ``root``."""
    lessons, url = read_all(root), address(root)
    sources = find_sources(root / "solutions" / "lessons", numbers)
    return {
        path_of(kind, lesson): make_copy(kind, lesson, lessons, url)
        for lesson in (lessons[source.name[:2]] for source in sources)
        for kind in COPIES
    }


def write(root: Path, numbers: list[str], execute_them: bool, say: Callable[[str], None]) -> None:
    """Write the lessons' notebooks; student copies stay without outputs.

    Without ``execute_them`` a notebook keeps its outputs as long as none of its code changed.
    """
    _write_typed(root)
    for path, notebook in notebooks(root, numbers).items():
        is_student = path.is_relative_to(FOLDERS["student"])
        if execute_them and not is_student:
            say(f"executing {path}")
            execute(notebook, root / path.parent)
        elif not is_student and not _keep_outputs(notebook, root / path):
            say(f"{path}: the code changed, so it has no outputs now; build with --execute")
        text = nbformat.writes(nbformat.from_dict(notebook)) + "\n"
        (root / path.parent).mkdir(parents=True, exist_ok=True)
        write_text_whole(root / path, text)
        say(f"wrote {path}")


def differences(root: Path, numbers: list[str]) -> list[str]:
    """Return one line per committed notebook that its source no longer makes, naming the cell.

    And one if what ``bugs.as_typed`` reads is not what the sources make.
    """
    path = root / ASSETS / TYPED
    stale = path.parent.is_dir() and (not path.is_file() or path.read_text("utf-8") != _typed(root))
    found = [f"{ASSETS / TYPED} is out of date; run practicum build"] if stale else []
    for path, made in notebooks(root, numbers).items():
        if not (root / path).is_file():
            found.append(f"{path} is missing; run practicum build")
            continue
        committed = nbformat.read(root / path, as_version=4)
        pairs = list(zip(map(_essence, made.cells), map(_essence, committed.cells), strict=False))
        unequal = [number for number, (new, old) in enumerate(pairs, start=1) if new != old]
        if unequal:
            found.append(f"{path}, cell {unequal[0]}: differs from what its source makes")
        elif len(made.cells) != len(committed.cells):
            found.append(
                f"{path}, cell {len(pairs) + 1}: the source makes {len(made.cells)} cells in all"
            )
    return found


def _write_typed(root: Path) -> None:
    if (root / ASSETS).is_dir():  # a course need not be the one of this package
        write_text_whole(root / ASSETS / TYPED, _typed(root))


def _typed(root: Path) -> str:
    """The exercises with planted bugs, all lessons', as ``bugs.as_typed`` reads them."""
    found = {
        cell.marks["exercise"]: {
            "lesson": lesson.number,
            "name": definitions(cell)[-1].name,
            "code": uncover(cell.text),
        }
        for lesson in read_all(root).values()
        for cell in lesson.cells
        if "exercise" in cell.marks and cell.bugs()
    }
    return json.dumps(found, indent=1) + "\n"


def _essence(cell: NotebookNode) -> tuple:
    return cell.cell_type, cell.source, cell["id"], dict(cell.metadata)


def _keep_outputs(notebook: NotebookNode, path: Path) -> bool:
    """Copy the outputs of the notebook at ``path``, if it runs the same code in the same order."""
    if not path.is_file():
        return False
    committed = nbformat.read(path, as_version=4)
    old = [cell for cell in committed.cells if cell.cell_type == "code"]
    new = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.source for cell in old] != [cell.source for cell in new]:
        return False
    for before, after in zip(old, new, strict=True):
        after.outputs, after.execution_count = before.outputs, before.execution_count
    return True
