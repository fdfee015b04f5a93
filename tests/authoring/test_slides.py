"""Slides: the student notebook cut in pieces, the notes for the speaker alone, no other network."""

import re
from html.parser import HTMLParser

import pytest
from nbformat import NotebookNode
from test_notes import TIMED, demand_one_sentence, practicum, write_timed_course
from tiny_course import URL, read_text, read_tiny

from practicum_utils.authoring import slides
from practicum_utils.authoring.build import find_root, read_all
from practicum_utils.authoring.copies import make_copy
from practicum_utils.authoring.slideshow import ROOM, cut_into_slides
from practicum_utils.authoring.source import Cell

LESSONS = read_all(find_root())
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """What a page of slides loads, what the class reads, and what only the speaker does."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.shown, self.spoken, self.folded = [], "", [], []
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        place = {"script": "src", "link": "href", "img": "src", "iframe": "src"}.get(tag)
        self.loads += [attributes[place]] if attributes.get(place) else []
        self.folded += ["open" not in attributes] if tag == "details" else []
        self.spoken += [""] if tag == "aside" else []
        self._open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, text):
        if "aside" in self._open:
            self.spoken[-1] += text
        elif not {"script", "style", "head"} & set(self._open):
            self.shown += text


def cut(*cells):
    """The slide types of cells: "text", "code", or a text of its own."""

    def made(text):
        if text.startswith("code"):
            return Cell("code", "x = 1\n" * int(text[4:] or 1), {}, "")
        return Cell("markdown", text, {"notes": True} if text == "spoken" else {}, "")

    return [slide_of(cell) for cell in cut_into_slides([made(text) for text in cells])]


def slide_of(cell: Cell | NotebookNode) -> str:
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def without_notes(notebook):
    return [cell for cell in notebook.cells if slide_of(cell) != "notes"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["# Title", "code", "code"], ["slide", "subslide", "-"]),
        (
            ["# Title", "a", "## A", "code", "b", "code"],
            ["slide", "subslide", "slide", "-", "subslide", "-"],
        ),
        (["# Title", "so\n## A", "code90"], ["slide", "slide", "-"]),
        (["# Title", "a", "code90", "code"], ["slide", "subslide", "-", "subslide"]),
        (["# Title", "a", f"code{ROOM - 2}", "code"], ["slide", "subslide", "-", "-"]),
        (["# Title", "a", f"code{ROOM - 1}", "code"], ["slide", "subslide", "-", "subslide"]),
        (
            ["# Title", "a", "code90", "<details>h", "b"],
            ["slide", "subslide", "-", "-", "subslide"],
        ),
        (
            ["# Title", "spoken", "a", "spoken", "code", "spoken"],
            ["slide", "notes", "subslide", "notes", "-", "notes"],
        ),
    ],
)
def test_cells_share_a_slide(cells, expected):
    assert cut(*cells) == expected


@pytest.fixture
def tiny(tmp_path):
    return {**read_tiny(tmp_path), "01": read_text(TIMED, tmp_path, "01_tiny_words")}


def test_each_slide_has_its_notes_in_one_cell(tiny):
    made = slides.presented(tiny["01"], tiny, URL)
    kinds = [slide_of(cell) for cell in made.cells]
    spoken = [cell.source for cell in made.cells if slide_of(cell) == "notes"]
    assert spoken[0] == "**0:00 to 0:03, Opening**\n\nSay hello."
    assert "notes notes" not in " ".join(kinds)
    ids = next(text for text in spoken if text.startswith("**0:03 to 0:18, The ids**"))
    assert "**Plant `pad-is-a-word`:**" in ids and "+ first = 0" in ids
    for kind, after in zip(kinds, [*kinds[1:], "slide"], strict=True):
        assert kind != "notes" or after in ("slide", "subslide")


def test_the_page_hides_the_notes_and_folds_the_hints(tiny):
    html, _ = slides.to_html(slides.presented(tiny["01"], tiny, URL), "reveal.js")
    page = Page(html)
    assert "Say hello." in page.spoken[0] and "Say hello." not in page.shown
    assert any("pad-is-a-word" in notes for notes in page.spoken)
    assert "pad-is-a-word" not in page.shown
    assert "Exercise 1.1 is yours to write." in page.shown
    assert page.folded and all(page.folded)
    assert "<title>Lesson 1: Words to numbers slides</title>" in html


def test_the_page_loads_reveal_and_nothing_else(tiny):
    html, prefix = slides.to_html(slides.presented(tiny["01"], tiny, URL), "reveal.js")
    page = Page(html)
    assert prefix == "reveal.js"
    assert sorted(page.loads) == sorted(f"reveal.js/{part}" for part in slides.PARTS)
    assert not re.search(r"url\(\s*['\"]?https?:|@import", html)


def test_without_a_folder_the_page_loads_reveal_from_the_address_of_nbconvert(tiny):
    html, prefix = slides.to_html(slides.presented(tiny["01"], tiny, URL))
    assert prefix.startswith("https://")
    assert sorted(Page(html).loads) == sorted(f"{prefix}/{part}" for part in slides.PARTS)


@pytest.mark.parametrize("number", LESSONS)
def test_the_slides_are_the_student_notebook(number):
    lesson = LESSONS[number]
    made = slides.presented(lesson, LESSONS, URL)
    student = make_copy("student", lesson, LESSONS, URL)
    ours, theirs = without_notes(made), without_notes(student)
    assert [(cell.cell_type, cell.source, slide_of(cell)) for cell in ours] == [
        (cell.cell_type, cell.source, slide_of(cell)) for cell in theirs
    ]
    assert not any(cell.get("outputs") for cell in made.cells)
    spoken = "\n".join(cell.source for cell in made.cells if slide_of(cell) == "notes")
    for cell in lesson.cells:
        assert not cell.for_presenter or cell.text in spoken, cell.place


@pytest.mark.parametrize("number", LESSONS)
def test_the_student_notebook_is_cut_into_slides_without_notes(number):
    student = make_copy("student", LESSONS[number], LESSONS, URL)
    kinds = [slide_of(cell) for cell in student.cells]
    assert "notes" not in kinds
    headings = [
        cell
        for cell in student.cells
        if re.search(r"^##? ", cell.source, re.M) and cell.cell_type == "markdown"
    ]
    assert [cell.source for cell in student.cells if slide_of(cell) == "slide"] == [
        cell.source for cell in headings
    ]
    for kind in ("solution", "walkthrough"):
        made = make_copy(kind, LESSONS[number], LESSONS, URL)
        assert not any("slideshow" in cell.metadata for cell in made.cells)


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course, and beside it a folder that has the shape of reveal.js."""
    write_timed_course(tmp_path)
    for part in slides.PARTS:
        (tmp_path / "package" / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / part).write_text(part)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_one_page_and_says_what_it_needs(course):
    result = practicum("slides", "1")
    assert result.exit_code == 0
    assert [path.name for path in (course / "slides").iterdir()] == ["01_tiny_words.slides.html"]
    said = result.stdout.splitlines()
    assert said[0].startswith("wrote slides/01_tiny_words.slides.html: open it in a browser")
    assert said[1].startswith("They load reveal.js from https://") and "--reveal" in said[1]


def test_reveal_is_copied_beside_the_slides(course):
    (course / "out" / "reveal.js").mkdir(parents=True)
    (course / "out" / "reveal.js" / "stale").write_text("x")
    result = practicum("slides", "01", "-o", "out", "--reveal", "package")
    assert result.exit_code == 0 and "They need no network" in result.stdout
    assert sorted(path.name for path in (course / "out").iterdir()) == [
        "01_tiny_words.slides.html",
        "reveal.js",
    ]
    copied = [path for path in (course / "out" / "reveal.js").rglob("*") if path.is_file()]
    found = {path.relative_to(course / "out" / "reveal.js").as_posix() for path in copied}
    assert found == set(slides.PARTS)
    for place in Page((course / "out" / "01_tiny_words.slides.html").read_text()).loads:
        assert (course / "out" / place).is_file()


def test_another_address_of_reveal_is_taken(course):
    address = "https://example.org/reveal"
    assert practicum("slides", "01", "--reveal", address + "/").exit_code == 0
    page = Page((course / "slides" / "01_tiny_words.slides.html").read_text())
    assert set(page.loads) == {f"{address}/{part}" for part in slides.PARTS}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["09"], "There is no lesson 09; the lessons are: 01, 02, 03."),
        (["02"], "needs one presenter cell with minutes, and has 0."),
        (["01", "-o", "pyproject.toml"], "pyproject.toml is a file; name a folder"),
        (["01", "-o", "pyproject.toml/deck"], "could not be written to pyproject.toml/deck: Not a"),
        (
            ["01", "--reveal", "nowhere"],
            "nowhere is not a copy of reveal.js 4 or 5: it has no dist",
        ),
    ],
)
def test_wrong_use_is_answered_in_one_sentence(course, arguments, words):
    demand_one_sentence(course, "slides", *arguments, words=words)
