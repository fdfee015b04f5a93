"""The card that diagrams are drawn on: its words, its size, and what it refuses."""

import base64
import io
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from practicum_utils.visualize.diagrams import canvas
from practicum_utils.visualize.diagrams.canvas import Diagram


@pytest.fixture(autouse=True)
def _no_window():
    matplotlib.use("Agg")
    yield
    plt.close("all")


@pytest.fixture
def diagram():
    figure, axis = canvas.blank(8, 3)
    draw = np.random.default_rng(0)
    for place in range(9):
        canvas.column(axis, 0.6 + 0.8 * place, 1, draw.normal(size=8), 2.0)
        canvas.write_word(axis, 0.6 + 0.8 * place, 0.7, "unforgettable")
    canvas.grid(axis, 0.2, 2.9, draw.normal(size=(2, 12)), 0.5)
    canvas.arrow(axis, (1, 2), (3, 2.5), 4)
    canvas.box(axis, 5, 2, 1, 0.4, "a box")
    return canvas.finish(figure, "What is seen.", 'An alt text with "quotes" & <tags>.')


def test_the_words_come_first_and_the_picture_has_them_too(diagram):
    html = diagram._repr_mimebundle_()["text/html"]
    assert html.startswith("<p>What is seen.</p><img ")
    assert 'alt="An alt text with &quot;quotes&quot; &amp; &lt;tags&gt;."' in html
    assert not re.search(r"<script|<style|<svg|\bid=|https?:", html)
    assert str(diagram).splitlines() == ["What is seen.", 'An alt text with "quotes" & <tags>.']


def test_a_full_card_is_a_small_white_picture_and_leaves_no_figure_open(diagram):
    html = diagram._repr_mimebundle_()["text/html"]
    (picture,) = re.findall(r"base64,([^\"]+)", html)
    assert len(picture) <= canvas.BYTES and base64.b64decode(picture) == diagram.png
    image = Image.open(io.BytesIO(diagram.png)).convert("RGB")
    assert image.size == (8 * canvas.PIXELS_PER_INCH, 3 * canvas.PIXELS_PER_INCH)
    assert min(image.getpixel((2, 2))) >= 250 and diagram.width == 8 * 96
    assert plt.get_fignums() == []


def test_numbers_takes_what_makes_a_tensor_and_refuses_a_batch():
    assert canvas.numbers([[1, 2]], dims=2, name="states").tolist() == [[1.0, 2.0]]
    grown = torch.ones(3, requires_grad=True)
    assert canvas.numbers(grown, dims=1, name="scores").tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"states must have 2 dimensions.*\(4, 5, 6\).*one of its"):
        canvas.numbers(torch.zeros(4, 5, 6), dims=2, name="states")


@pytest.mark.parametrize(("size", "shown"), [(3, [0, 1, 2]), (8, list(range(8))), (64, 8)])
def test_a_long_vector_is_drawn_by_some_of_its_numbers(size, shown):
    cells = canvas.chosen_cells(size).tolist()
    assert cells == shown if isinstance(shown, list) else len(cells) == shown
    assert cells[0] == 0 and cells[-1] == size - 1


def test_the_largest_finite_number_gets_the_full_colour():
    assert canvas.scale_of(np.array([1.0, -3.0]), np.array([-np.inf, 2.0])) == 3.0
    assert canvas.scale_of(np.zeros(2)) == 1.0
    red, blue = canvas.colour_of(-3.0, 3.0), canvas.colour_of(3.0, 3.0)
    assert red[0] > red[2] and blue[2] > blue[0]


@pytest.mark.parametrize(("ground", "ink"), [("#ffffff", "#000000"), ("#08306b", "#ffffff")])
def test_ink_can_be_read_on_its_ground(ground, ink):
    assert canvas.ink_on(ground) == ink


def test_a_figure_of_curves_is_a_picture_with_its_words_in_a_notebook(monkeypatch):
    shown = []
    monkeypatch.setattr(canvas, "is_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    figure, _ = plt.subplots()
    canvas.show_figure(figure, "A curve that falls.")
    (picture,) = shown
    assert isinstance(picture, Diagram) and picture.alt == "A curve that falls."
    assert picture._repr_mimebundle_()["text/html"].startswith("<img ")


def test_elsewhere_a_figure_is_shown_in_a_window(monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append("window"))
    canvas.show_figure(plt.figure(), "A curve.")
    assert shown == ["window"]
