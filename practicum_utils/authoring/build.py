"""Write a lesson's three notebooks, or check that the committed ones are what the source makes."""

import copy
import os
import re
import tempfile
import tomllib
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

import practicum_utils
from practicum_utils.authoring.copies import COPIES, SKIP, make_copy
from practicum_utils.authoring.source import Lesson, find_sources, read_lesson
from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import write_text_whole

FOLDERS = {"student": "notebooks", "solution": "solutions", "walkthrough": "solutions/debugged"}
# The part of a path in a traceback that belongs to this computer.
MACHINE = re.compile(r"[~/][^\s:\x1b]*/(?:(?:site-packages|python3\.\d+)/|(?=practicum_utils/))")
CELL_SECONDS = 1200  # a cell that runs longer than this is stopped


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
        urls = metadata("practicum-utils").get_all("Project-URL")
        return dict(url.split(", ") for url in urls)["Repository"]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return project["urls"]["Repository"]


def notebooks(root: Path, numbers: list[str]) -> dict[Path, NotebookNode]:
    """Make all copies of the given lessons (all if empty), not executed; paths as in ``root``."""
    lessons, url, made = read_all(root), address(root), {}
    for source in find_sources(root / "solutions" / "lessons", numbers or None):
        lesson = lessons[source.name[:2]]
        for kind in COPIES:
            path = f"{FOLDERS[kind]}/{lesson.name}.ipynb"
            made[Path(path)] = make_copy(kind, lesson, lessons, url, path)
    return made


def write(root: Path, numbers: list[str], execute_them: bool, say: Callable[[str], None]) -> None:
    """Write the lessons' notebooks; student copies stay without outputs.

    Without ``execute_them`` a notebook keeps its outputs as long as none of its code changed.
    """
    for path, notebook in notebooks(root, numbers).items():
        is_student = path.parent.name == "notebooks"
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
    """Return one line per committed notebook that its source no longer makes, naming the cell."""
    found = []
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


def execute(
    notebook: NotebookNode, folder: Path, keep_results: bool = False, **hooks: Callable
) -> None:
    """Run a notebook as Run All would, up to its first cell tagged nbval-skip; fill its outputs.

    Results that the lesson remembers go to a temporary folder unless ``keep_results``. ``hooks``
    are nbclient's, such as ``on_cell_executed``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    skipped = [
        index for index, cell in enumerate(notebook.cells) if SKIP in cell.metadata.get("tags", [])
    ]
    running = copy.copy(notebook)
    running.cells = notebook.cells[: skipped[0] if skipped else None]
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            running, timeout=CELL_SECONDS, record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            extra_arguments=["--log-level=ERROR"],  # no remarks of the kernel in the terminal
            **hooks,
        )  # fmt: skip
        client.execute(env={**os.environ, **({} if keep_results else {"PRACTICUM_HOME": home})})
    CoalesceStreamsPreprocessor().preprocess(running, {})  # prints arrive in pieces, by chance
    for cell in running.cells:
        if cell.cell_type == "code":
            cell.outputs = [_stored(output) for output in cell.outputs if not _is_widget(output)]
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)


def _is_widget(output: NotebookNode) -> bool:
    """A widget lives as long as its kernel; stored, it would be an error message."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def _stored(output: NotebookNode) -> NotebookNode:
    if output.output_type == "error":
        output.traceback = [MACHINE.sub("", part) for part in output.traceback]
    return output


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
    if "language_info" in committed.metadata:  # which the execution has written
        notebook.metadata["language_info"] = committed.metadata.language_info
    return True
