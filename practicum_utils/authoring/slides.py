"""Make a lesson's slides from the student notebook, with the instructor's notes in them."""

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode

from practicum_utils.authoring.build import address, read_one
from practicum_utils.authoring.copies import student_copy
from practicum_utils.authoring.notes import class_time, clock, sections, title, with_cues
from practicum_utils.authoring.source import Cell, Lesson
from practicum_utils.authoring.student import NOTES
from practicum_utils.bugs.planting import LessonError
from practicum_utils.support.files import write_text_whole

BADGE = re.compile(r"\[!\[(.*?)\]\(\S+\)\]\((\S+)\)")
PARTS = ("dist/reveal.js", "dist/reveal.css", "dist/theme/white.css", "plugin/notes/notes.js")
BESIDE = "reveal.js"  # the folder beside the slides that a copy of reveal.js goes to


def write(root: Path, number: str, folder: Path, reveal: str, say: Callable[[str], None]) -> None:
    """Write a lesson's slides to ``folder`` as one HTML file; say where, and what they need.

    reveal: "" for the address that nbconvert has, another address, or a folder with reveal.js,
    which is then copied beside the slides.  LessonError if it is neither, or for a bad folder.
    """
    lesson, lessons = read_one(root, number)
    made = presented(lesson, lessons, address(root))
    is_folder = bool(reveal) and "://" not in reveal
    if is_folder:
        _check_reveal(Path(reveal))
    if folder.exists() and not folder.is_dir():
        raise LessonError(f"{folder} is a file; name a folder for the slides with -o.")
    page, prefix = to_html(made, BESIDE if is_folder else reveal.rstrip("/"))
    path = folder / f"{lesson.name}.slides.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_folder:
            _copy_reveal(Path(reveal), folder / BESIDE)
        write_text_whole(path, page)
    except OSError as error:
        message = f"The slides could not be written to {folder}: {error.strerror}."
        raise LessonError(message) from error
    say(f"wrote {path}: open it in a browser, press s for the speaker notes and f for full screen")
    say(
        f"They need no network; keep {folder / BESIDE} beside them."
        if is_folder
        else f"They load reveal.js from {prefix}; for a room without network, run "
        "'npm pack reveal.js@5', unpack it, and give its folder: --reveal package."
    )


def presented(lesson: Lesson, lessons: dict[str, Lesson], url: str) -> NotebookNode:
    """Return the student notebook with one cell of speaker notes at the end of a slide.

    Its other cells are those of the student copy.  LessonError if the minutes do not add up.
    """
    class_time(lesson)
    cells = [
        _for_speaker(cell, f"{clock(section.start)} to {clock(section.end)}, {section.title}")
        for section in sections(with_cues(lesson, lessons))
        for cell in section.cells
    ]
    made = student_copy(replace(lesson, cells=tuple(cells)), lessons, url)
    made.cells = [cell for slide in _slides(made.cells) for cell in _notes_last(slide)]
    made.metadata["title"] = title(lesson)
    return made


def _for_speaker(cell: Cell, when: str) -> Cell:
    if not cell.for_presenter:
        return cell
    head = f"**{when}**\n\n" if "minutes" in cell.marks else ""
    return replace(cell, text=head + cell.text, marks={NOTES: True})


def _kind(cell: NotebookNode) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def _slides(cells: list[NotebookNode]) -> list[list[NotebookNode]]:
    found = []
    for cell in cells:
        if _kind(cell) in ("slide", "subslide"):
            found.append([])
        found[-1].append(cell)
    return found


def _notes_last(slide: list[NotebookNode]) -> list[NotebookNode]:
    """The cells of one slide, its notes joined: older reveal.js shows the first ones only."""
    notes = [cell for cell in slide if _kind(cell) == NOTES]
    for cell in notes[1:]:
        notes[0].source += f"\n\n{cell.source}"
    return [cell for cell in slide if _kind(cell) != NOTES] + notes[:1]


def to_html(notebook: NotebookNode, reveal: str = "") -> tuple[str, str]:
    """Return the notebook as a page of slides, and the address that it loads reveal.js from."""
    notebook.cells[0].source = BADGE.sub(r"[\1](\2)", notebook.cells[0].source)  # no picture
    with resources.as_file(resources.files("practicum_utils") / "assets") as assets:
        exporter = SlidesExporter(
            extra_template_basedirs=[str(assets)],
            template_name="slides",
            reveal_theme="white",
            reveal_transition="none",
            reveal_number="c/t",
            reveal_width="1280",
            reveal_height="720",
            exclude_input_prompt=True,
            **({"reveal_url_prefix": reveal} if reveal else {}),
        )
        page, _ = exporter.from_notebook_node(notebook)
    return page, exporter.reveal_url_prefix


def _check_reveal(folder: Path) -> None:
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise LessonError(
            f"{folder} is not a copy of reveal.js 4 or 5: it has no {missing[0]}; "
            "'npm pack reveal.js@5' fetches one."
        )


def _copy_reveal(source: Path, target: Path) -> None:
    """Copy what the slides load of reveal.js, whole or not at all."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".reveal") as space:
        fresh = Path(space) / "fresh"
        for part in ("dist", "plugin/notes"):
            shutil.copytree(source / part, fresh / part)
        if target.exists():
            target.rename(Path(space) / "old")
        fresh.rename(target)
