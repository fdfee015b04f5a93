"""What a student sees: the notebooks in JupyterLab, in a real browser, untrusted, light and dark.

Skipped without playwright and Chromium, unless PRACTICUM_BROWSER is "required". Pictures of the
pages go to the folder that PRACTICUM_SCREENSHOTS names, if it does.
"""

import os
import re
import shutil

import lab
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from practicum_utils.authoring.build import FOLDERS, find_root
from practicum_utils.authoring.copies import KERNEL, take_catch_up

ROOT = find_root()
WITH_CARDS = {"03", "04", "05"}  # lessons whose walkthroughs show what the doctor says
COURSE = [
    path
    for kind, folder in FOLDERS.items()
    for path in sorted((ROOT / folder).glob("*.ipynb"))
    if kind != "walkthrough" or path.name[:2] in WITH_CARDS
]
LESSON_03, LESSON_04, LESSON_06 = (
    next((ROOT / "notebooks").glob(f"{number}_*.ipynb")) for number in ("03", "04", "06")
)
LEARNED, HEALTHY = "ok: far above the majority class", "The doctor found nothing wrong."
# A notebook with a fault of each kind, far below the first screen.
FAULTS = {
    "errors": "<p>Javascript Error: x is not defined</p>",
    "overflowing": "<pre style='white-space:pre'>" + "wide " * 60 + "</pre>",
    "unreadable": "<p><span style='color:#888888'>grey on both grounds</span></p>",
    "uncoloured": "<p><span style='background-color:#eaf3fa'>no ink of its own</span></p>",
    "unloaded": "<img src='data:image/png;base64,iVBORw0KGgo='>",
}

# What the cells with a widget need: a model that never learned is enough to look at.
UNTRAINED = """
from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, tokenize_all
from practicum_utils.visualize import explore_attention, predict_then_reveal
from practicum_utils.models import AttentionRNN

reviews = load_reviews(max_train=200, max_test=30)
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), 2_000)
test_set = ReviewDataset(reviews["test"], vocab, 64)
model = AttentionRNN(len(vocab))
"""
TINY_T5 = """
from practicum_utils.prompting import load_t5

t5 = load_t5("tiny")
"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="session")
def browser():
    reason = lab.missing()
    if reason and os.environ.get("PRACTICUM_BROWSER") == "required":
        pytest.fail(f"The browser tests are required here, and a part is missing: {reason}.")
    if reason:
        pytest.skip(reason)
    with lab.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A copy of the course's notebooks, which the browser may change."""
    folder = tmp_path_factory.mktemp("lab") / "course"
    for path in COURSE:
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return folder


@pytest.fixture(scope="session")
def window(browser, course):
    """What a student has open: a browser at the address of a JupyterLab of its own."""
    with lab.serve(course, course.parent / "home") as address:
        yield browser.new_context(viewport=lab.SIZE, base_url=address)


@pytest.fixture
def opened(window, course):
    """Opens a notebook of the course's copy, or one that is given, in a page of its own."""
    pages = []

    def open_notebook(path, notebook=None):
        if notebook is not None:
            notebook.metadata["kernelspec"] = KERNEL  # or JupyterLab asks which one is wanted
            nbformat.write(notebook, course / path)
        pages.append(lab.Lab(window.new_page(), course, path))
        return pages[-1]

    yield open_notebook
    for page in pages:
        page.close()


def contents(notebook):
    """What stands in a file: coloured grounds, pictures, and parts that fold."""
    outputs = [out.get("data", {}) for cell in notebook.cells for out in cell.get("outputs", [])]
    pages = "".join(output.get("text/html", "") for output in outputs)
    prose = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    plots = sum("image/png" in output and "text/html" not in output for output in outputs)
    return {
        "coloured": pages.count("background-color:"),
        "pictures": plots + pages.count("<img"),
        "folded": (pages + prose).count("<details"),
    }


def demand_readable(notebook, name):
    """Nothing is wrong with the page in either theme, and all that stands in the file is there."""
    expected = contents(notebook.read())
    for theme in lab.THEMES:
        notebook.use_theme(theme)
        notebook.picture(f"{name}_{theme}")
        notebook.open_sections()
        found = notebook.probe()
        counts, written = found.pop("counts"), found.pop("written")
        assert found == {kind: [] for kind in FAULTS}
        assert counts == expected
        assert written > 20  # pieces of text: the page is not empty


def demand_folding(details):
    """A click on its summary opens it, and another one closes it."""
    summary, inside = details.locator("summary"), details.locator(":scope > :not(summary)").first
    for visible in (False, True, False):
        assert inside.is_visible() == visible
        summary.click()


@pytest.mark.parametrize("path", COURSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_notebook_is_readable_untrusted_in_light_and_dark(path, opened):
    path = path.relative_to(ROOT)
    notebook = opened(path)
    assert not notebook.is_trusted()
    demand_readable(notebook, f"{path.parent.name}_{path.stem}")
    badge = notebook.page.get_by_role("link", name="Open in Colab")
    assert badge.get_attribute("href").endswith(f"/blob/main/{path}")
    for details in notebook.page.locator(".jp-Notebook details").all()[:2]:
        demand_folding(details)


@pytest.mark.lesson("03")
@pytest.mark.parametrize("copy", FOLDERS)
def test_a_notebook_is_not_modified_by_opening_it(copy, opened):
    (path,) = (ROOT / FOLDERS[copy]).glob("03_*.ipynb")
    lesson = nbformat.read(path, as_version=4)
    lesson.metadata["language_info"] = {"name": "python", "version": "3.10.1"}  # another Python
    notebook = opened(f"{copy}_only_opened.ipynb", lesson)
    before = notebook.file.read_bytes()
    notebook.wait_for_kernel()
    notebook.wait_for_language()
    assert not notebook.is_modified()
    assert notebook.file.read_bytes() == before
    # Of a walkthrough the setup's code is folded; this cell is not.
    notebook.append(
        "unique().tolist()" if copy == "walkthrough" else "except ImportError:", "  # more"
    )
    assert notebook.is_modified()


def test_the_probe_sees_every_fault(opened):
    cells = [new_markdown_cell("A long way down.\n\n" * 10) for _ in range(10)]
    for page in FAULTS.values():
        output = new_output("display_data", {"text/html": page, "text/plain": "a fault"})
        cells.append(new_code_cell("pass", outputs=[output]))
    notebook = opened("faults.ipynb", new_notebook(cells=cells))
    for theme in lab.THEMES:
        notebook.use_theme(theme)
        found = notebook.probe()
        assert {kind: len(found[kind]) for kind in FAULTS} == dict.fromkeys(FAULTS, 1)


def test_lesson_03_runs_with_its_catch_up_lines(opened):
    lesson = nbformat.read(LESSON_03, as_version=4)
    assert take_catch_up(lesson) == 5  # three exercises, and two of earlier lessons
    notebook = opened("notebooks/caught_up.ipynb", lesson)
    notebook.run_all()
    printed = notebook.printed()
    for line in (*(f"ok so far: exercise 3.{number}" for number in (1, 2, 3)), LEARNED, HEALTHY):
        assert line in printed
    assert "symptom: " not in printed and "Error" not in printed
    notebook.save()
    demand_readable(notebook, "caught_up")


@pytest.mark.lesson("03")
def test_a_stub_and_a_wrong_solution_get_one_clear_sentence(opened):
    notebook = opened("notebooks/wrong.ipynb", nbformat.read(LESSON_03, as_version=4))
    stub, check = "# Exercise 3.1", 'check("3.1"'
    notebook.run("from practicum_utils.checks import check")
    notebook.run(stub)
    notebook.run(check)
    (message,) = notebook.outputs(check).all_text_contents()
    assert message.strip() == "NotImplementedError: Exercise 3.1 is yours to write."
    notebook.replace_line(stub, "raise NotImplementedError", "return states[:, -1]")
    notebook.run(stub)
    notebook.run(check)
    (message,) = notebook.outputs(check).all_text_contents()
    notebook.picture("wrong")
    assert message.strip() == (
        "CheckError: exercise 3.1, last_vectors: this is the state at the right edge of the table, "
        "which for a short review is padding; the result came out as a tensor (4, 3) of float32."
    )


def lesson_cell(path, text):
    """The code of a lesson's only cell with this text."""
    (cell,) = [cell for cell in nbformat.read(path, as_version=4).cells if text in cell.source]
    return new_code_cell(cell.source)


@pytest.mark.lesson("04")
def test_another_review_of_the_list_changes_the_picture(opened):
    call, guess = "explore_attention(model, test_set)", "predict_then_reveal(model, test_set, 20)"
    cells = [new_code_cell(code) for code in (UNTRAINED, call, guess)]
    notebook = opened("notebooks/explorer.ipynb", new_notebook(cells=cells))
    notebook.run_all()
    choice, shown = notebook.cell(call).get_by_role("combobox"), notebook.outputs(call).last
    lab.see(shown, "Review 0, labelled ")
    choice.select_option(index=7)
    option = choice.locator("option").nth(7).text_content().replace("\N{NO-BREAK SPACE}", " ")
    side, words = re.fullmatch(r"7 \((\w+)\): (.*) \.\.\.", option).groups()
    lab.see(shown, f"Review 7, labelled {side}.")
    spans = shown.locator("p").nth(1).locator("span").all_text_contents()
    assert [re.sub(r" \.\d+$", "", span) for span in spans[:12]] == words.split()
    demand_saved(notebook, call, f"Review 7, labelled {side}.", "Review 0, labelled ")
    demand_guessing(notebook, guess)
    notebook.save()
    demand_readable(notebook, "explorer")


def demand_saved(notebook, text, kept, gone):
    """What the cell shows now is what the file keeps."""
    notebook.save()
    (cell,) = [cell for cell in notebook.read().cells if text in cell.source]
    saved = str(cell.outputs)
    assert kept in saved and gone not in saved


def demand_guessing(notebook, text):
    """A word typed into the box is scored below it; a word that is not there is refused."""
    box, shown = notebook.cell(text).get_by_role("textbox").last, notebook.outputs(text).last
    box.fill("xylophone")
    box.press("Enter")
    lab.see(shown, "None of these words is in the review; name words that stand in it.")
    review = notebook.outputs(text).first.text_content()  # its name, its words, a question
    word = review.splitlines()[1].split()[0]
    box.fill(word)
    box.press("Enter")
    lab.see(shown, f"Your words: {word} (")


@pytest.mark.lesson("06")
def test_the_prompt_box_answers(opened):
    call = "prompt_lab(t5)"
    cells = [new_code_cell(TINY_T5), lesson_cell(LESSON_06, call)]
    notebook = opened("notebooks/prompts.ipynb", new_notebook(cells=cells))
    notebook.run_all()
    box, shown = notebook.cell(call).get_by_role("textbox").last, notebook.outputs(call).last
    lab.see(shown, "(type a prompt)")
    box.fill("sst2 sentence: a wonderful film")
    box.press("Enter")
    lab.see(shown, "writes:  positive   (a label)")
    demand_saved(notebook, call, "(a label)", "(type a prompt)")
