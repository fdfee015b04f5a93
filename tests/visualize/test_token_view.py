"""A review as coloured words: HTML, text and PNG tell the same numbers, whatever the words are."""

import io
import random
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.stats
import torch
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from practicum_utils.visualize import show_attention
from practicum_utils.visualize.faithfulness import Faithfulness
from practicum_utils.visualize.token_colours import INK, NEGATIVE, POSITIVE, WEIGHTS, Step, step_of

OUTPUT_BYTES = 100_000
RAMPS = pytest.mark.parametrize(
    "ramp", [WEIGHTS, POSITIVE, NEGATIVE], ids=["WEIGHTS", "POSITIVE", "NEGATIVE"]
)
PAGES = pytest.mark.parametrize("page", ["#ffffff", "#111111", "#383838"])
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])
EFFECTS = pytest.mark.parametrize("effects", [False, True], ids=["weights", "weights and effects"])
STRICT = pytest.mark.filterwarnings("error")

# Words that could be taken for something else, and what has to be seen of each.
HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "$x$ $y$": "$x$ $y$",
    "\\(x\\)": "\\(x\\)",
    "&amp;": "&amp;",
    "&": "&",
    "<br />": "<br />",
    "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}": "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}",
    "a\nb\tc": "a\ufffdb\ufffdc",
    "\ud800": "\ufffd",
    "": "(empty)",
    "\u202e": "\ufffd",
    "x" * 2000: "x" * 20,
}


def ordinary(count, seed=0):
    """Words as long as those of the reviews, 4.3 letters on average."""
    draw = random.Random(seed)
    sizes = draw.choices((1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 8, 9), k=count)
    return ["".join(draw.choices("etaoinshrdlucmfwygpb", k=size)) for size in sizes]


def faithfulness(count, seed=0, taus=(0.12, 0.34, 0.56)):
    draw = torch.Generator().manual_seed(seed)
    effects = torch.randn(count, generator=draw) / 10
    return Faithfulness(effects, torch.rand(count, generator=draw), *taus)


def make_weights(count, seed=0):
    """(count,), few large ones among many small ones, as attention has them."""
    weights = torch.rand(count, generator=torch.Generator().manual_seed(seed)) ** 6 + 1e-3
    return weights / weights.sum()


def make_view(words, effects=False, seed=0):
    count = len(words)
    return show_attention(
        words, make_weights(count, seed), faithfulness(count, seed) if effects else None
    )


VIEWS = {
    "ordinary words": lambda: make_view(ordinary(40)),
    "with effects": lambda: make_view(ordinary(40), effects=True),
    "an even spread": lambda: show_attention(ordinary(9), [1 / 9] * 9),
    "one word": lambda: show_attention(["film"], [1.0]),
    "hostile words": lambda: make_view(list(HOSTILE), effects=True),
    "hostile facts": lambda: show_attention(["a", "b"], [0.4, 0.6], facts=list(HOSTILE)[:6]),
    "512 words": lambda: make_view(ordinary(512), effects=True),
    "1,000 words": lambda: make_view(ordinary(1000)),
}
ALL_VIEWS = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)


# The HTML, read as JupyterLab reads it in a notebook that is not trusted

TAGS = set(
    "a abbr b blockquote br code dd details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li mark "
    "meter ol p pre s section small span strong sub summary sup table tbody td tfoot th thead tr u "
    "ul".split()
)
VOID = {"br", "hr", "img"}
ATTRIBUTES, CELL_ATTRIBUTES = {"class", "dir", "style", "title", "lang"}, {
    "scope", "colspan", "rowspan",
}  # fmt: skip
COLOUR = r"(#[0-9a-f]{3}|#[0-9a-f]{6}|rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\))"
LENGTH = r"(0|\d*\.?\d+(px|em|rem|%))"
LENGTHS = rf"({LENGTH}\s*){{1,4}}"
BORDER = rf"(({LENGTH}|none|solid|dotted|dashed|double|{COLOUR})\s*){{1,3}}"
STYLES = {
    r"(background-)?color": COLOUR,
    r"border(-top|-right|-bottom|-left)?": BORDER,
    r"border-radius|(padding|margin)(-top|-right|-bottom|-left)?": LENGTHS,
    r"(min-|max-)?width|font-size": LENGTH,
    r"line-height": rf"\d*\.?\d+|{LENGTH}",
    r"font-weight": r"normal|bold|[1-9]00",
    r"font-style": r"normal|italic",
    r"text-align": r"left|right|center",
    r"white-space": r"normal|nowrap|pre-wrap",
}


def style_passes(declaration):
    name, _, value = declaration.partition(":")
    return any(
        re.fullmatch(names, name.strip()) and re.fullmatch(values, value.strip(), re.IGNORECASE)
        for names, values in STYLES.items()
    )


@dataclass
class Element:
    """A tag with what stands in it, in order: pieces of text and other elements."""

    tag: str
    attributes: dict = field(default_factory=dict)
    parts: list = field(default_factory=list)

    @property
    def text(self):
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    @property
    def children(self):
        return [part for part in self.parts if isinstance(part, Element)]

    def all(self, tag):
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)

    def texts(self):
        for part in self.parts:
            yield from [part] if isinstance(part, str) else part.texts()

    def style(self):
        declarations = filter(None, self.attributes.get("style", "").split(";"))
        return dict(declaration.split(":") for declaration in declarations)


class Page(HTMLParser):
    """The tree of a piece of HTML. dropped: what the sanitizer takes out, and what is unbalanced.

    After ``packages/apputils/src/sanitizer.ts`` of JupyterLab 4.6, on a part of its tags.
    """

    def __init__(self, text):
        super().__init__()
        self.root, self.dropped = Element(""), []
        self.open = [self.root]
        self.feed(text)
        self.close()
        self.dropped += [f"<{element.tag}> stays open" for element in self.open[1:]]

    def handle_starttag(self, tag, attrs):
        if tag not in TAGS:
            self.dropped.append(f"<{tag}>")
        for name, value in attrs:
            cell = tag in ("th", "td") and name in CELL_ATTRIBUTES
            if name not in ATTRIBUTES and not cell:
                self.dropped.append(f"{name}={value}")
            if name == "style":
                parts = filter(None, value.split(";"))
                self.dropped += [part for part in parts if not style_passes(part)]
        element = Element(tag, dict(attrs))
        self.open[-1].parts.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if self.open[-1].tag == tag:
            self.open.pop()
        else:
            self.dropped.append(f"</{tag}> in <{self.open[-1].tag}>")

    def handle_data(self, data):
        self.open[-1].parts.append(data)

    def handle_comment(self, data):
        self.dropped.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(html):
    """The tree of HTML from which nothing is dropped."""
    page = Page(html)
    assert page.dropped == []
    return page.root


@pytest.mark.parametrize(
    "html",
    [
        "<script>1</script>", "<style>p{}</style>", "<svg></svg>", "<input>", '<b id="a">x</b>',
        '<b role="img">x</b>', '<b aria-label="a">x</b>', '<p scope="col">x</p>',
        '<b onclick="f()">x</b>', '<b style="color:hsl(1,2%,3%)">x</b>', "<!-- x -->",
        '<b style="color:var(--a)">x</b>', '<b style="background-color:url(a)">x</b>',
        '<b style="border:1px solid var(--a)">x</b>', '<b style="position:fixed">x</b>',
        "<p>x", "x</p>", "<b><i>x</b></i>",
    ],
)  # fmt: skip
def test_the_reader_of_html_sees_what_would_be_dropped(html):
    assert Page("<p>before</p>").dropped == []
    assert Page(f"<p>before</p>{html}").dropped


@pytest.mark.slow
@ALL_VIEWS
def test_nothing_is_taken_out_of_an_untrusted_notebook(make):
    assert Page(make().html()).dropped == []


@ALL_VIEWS
def test_no_text_can_be_typeset_as_a_formula(make):
    for text in read(make().html()).texts():
        assert text.count("$") < 2 and not re.search(r"\\[()\[\]]|\\begin", text)


# The parts of a view


def paragraphs(view):
    return list(read(view.html()).all("p"))


def weight_chips(view):
    """The spans of the words coloured by weight."""
    return paragraphs(view)[1].children


def effect_chips(view):
    found = paragraphs(view)
    assert "logit loses without the word" in found[3].text
    return found[4].children


def legend_chips(view, place=2, about="even share"):
    chips = paragraphs(view)[place].children
    assert about in chips[0].text
    return [chip for chip in chips if mark(chip)]


def mark(chip):
    """What marks a chip in the HTML, as a step of a ramp whose start is not told; None: nothing."""
    style = chip.style()
    sides = [side for side in ("top", "bottom") if f"border-{side}" in style]
    if not sides:
        assert set(style) <= {"white-space"}  # no ground, no ink: the page's own
        return None
    (side,) = sides
    bar, solid, colour = style[f"border-{side}"].split()
    assert solid == "solid"
    ground = style.get("background-color", "")
    assert style.get("color", "") == (INK if ground else "")
    return Step(0, int(bar.removesuffix("px")), colour, ground, side == "top")


def marks(ramp):
    """The marks of a ramp's steps, after that of no step."""
    return [None, *(step._replace(start=0) for step in ramp)]


def flat(text):
    """A text without its line ends."""
    return " ".join(str(text).split())


def table(view):
    """The rows of the table, as lists of text."""
    (body,) = read(view.html()).all("table")
    return [[cell.text for cell in row.children] for row in body.all("tr")]


@ALL_VIEWS
def test_the_first_line_is_a_sentence(make):
    first = paragraphs(make())[0]
    assert first.parts[0].text == "Where the model pooled."
    assert first.text.count(".") >= 3


@EFFECTS
@pytest.mark.parametrize("words", [ordinary(40), ordinary(300), ["film"]], ids=len)
def test_without_styles_all_is_still_told(words, effects):
    view = make_view(words, effects)
    bare = re.sub(r' style="[^"]*"', "", view.html())
    assert "style" not in bare
    _, chips, *_ = read(bare).all("p")
    top = np.argsort(-view.weights.numpy(), kind="stable")[:5]
    assert [chip.text.split()[0] for chip in chips.children] == words
    notes = {place: chip.text.split()[1] for place, chip in enumerate(chips.children)
             if " " in chip.text}  # fmt: skip
    digits = 2 if view.weights.max() >= 0.095 else 3
    assert notes == {place: f"{view.weights[place]:.{digits}f}".removeprefix("0") for place in top}
    assert all(chips.children[place].children[0].tag == "b" for place in top)


@EFFECTS
def test_the_table_has_all_numbers_by_falling_weight(effects):
    view = make_view(ordinary(40), effects)
    head, *rows = table(view)
    more = ["leave-one-out (logit)", "gradient (logit)"] if effects else []
    assert head == ["word", "place", "weight", *more]
    places = [int(row[1]) - 1 for row in rows]
    assert sorted(places) == list(range(40))
    assert places == sorted(places, key=lambda place: -view.weights[place])
    columns = [view.weights, *([view.effects, view.gradients] if effects else [])]
    for place, row in zip(places, rows, strict=True):
        assert row[0] == view.tokens[place]
        expected = [float(column[place]) for column in columns]
        assert [float(cell) for cell in row[2:]] == pytest.approx(expected, abs=6e-5)


@pytest.mark.parametrize("size", [1.2e-4, 0.02, 1.0, 40.0, 3e3])
def test_the_numbers_of_effects_have_the_digits_that_count(size):
    """Four of the largest in the table, three in the text, two on the chips, whatever its size."""
    view = view_of_effects([size, -size / 2, size / 7])
    cells = [row[3] for row in table(view)[1:]]
    told = re.findall(r"\(([+-][\d.]+)\)", str(view))
    notes = [re.search(r"[+-][\d.]+$", chip.text)[0] for chip in effect_chips(view)]
    for numbers, digits in ((cells, 4), (told, 3), (notes, 2)):
        largest = max(numbers, key=lambda number: abs(float(number)))
        written = largest.lstrip("+-").replace(".", "").lstrip("0")
        assert len(written) == max(digits, len(str(int(size))) if size >= 1 else 0)
        assert abs(float(largest)) == pytest.approx(size, rel=10.0 ** (1 - digits))
        assert len({len(number.partition(".")[2]) for number in numbers}) == 1


def test_the_heads_of_the_columns_are_marked_as_such():
    heads = list(read(make_view(ordinary(5)).html()).all("th"))
    assert heads and all(head.attributes == {"scope": "col"} for head in heads)


# Colours


def contrast(one, other):
    """The ratio of two colours by WCAG 2.1, 1 to 21."""

    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@RAMPS
def test_the_ink_on_every_fill_can_be_read(ramp):
    assert all(contrast(step.ground, INK) >= 4.5 for step in ramp if step.ground)
    assert ramp[-1].ground and not ramp[0].ground


LETTERS = 20  # the height of a filled word beside its bar, in pixels


def salience(step, page):
    """How much of a word of unit width stands out from the page, and how far."""
    fill = (contrast(step.ground, page) - 1) * LETTERS if step.ground else 0
    return fill + (contrast(step.colour, page) - 1) * step.bar


@PAGES
@RAMPS
def test_more_never_looks_weaker_on_any_ground(ramp, page):
    starts, found = zip(*((step.start, salience(step, page)) for step in ramp), strict=True)
    assert sorted(set(starts)) == list(starts)
    assert sorted(set(found)) == list(found)
    assert found[0] > 1 and found[-1] > 4 * found[0]


def test_the_measure_sees_that_white_to_blue_grows_pale_on_dark_ground():
    pale_to_dark = [Step(i, 1 + i, "#08306b", ground) for i, ground in
                    enumerate(["#eaf3fa", "#bcd9ee", "#7fb6de", "#2b75aa", "#08519c"])]  # fmt: skip
    for page, rises in (("#ffffff", True), ("#111111", False), ("#383838", False)):
        found = [salience(step, page) for step in pale_to_dark]
        assert (sorted(found) == found) == rises


@RAMPS
def test_a_mark_is_as_far_from_white_as_from_a_dark_page(ramp):
    """And all are as bright as each other, so no fill is paler than a weaker one."""
    for colour in {colour for step in ramp for colour in (step.colour, step.ground) if colour}:
        assert contrast(colour, "#ffffff") == pytest.approx(contrast(colour, "#111111"), rel=0.04)
        assert contrast(colour, "#ffffff") > 4.1 and contrast(colour, "#383838") > 2.6


def linear(colour):
    """The parts of red, green, blue in light."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light):
    """CIELAB, white of D65, of parts of red, green, blue in light."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ np.clip(light, 0, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


# What a colour-blind reader sees, in light: Machado, Oliveira and Fernandes 2009, severity 1.
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip


def distance(one, other, eyes):
    """The difference of two colours as these eyes see them, in CIELAB; 2 can just be seen."""
    return float(np.linalg.norm(lab(eyes @ linear(one)) - lab(eyes @ linear(other))))


@pytest.mark.parametrize("eyes", EYES.values(), ids=EYES)
def test_weight_and_both_signs_of_effects_have_colours_of_their_own(eyes):
    (blue, dull_blue), (teal, dull_teal), (orange, dull_orange) = (
        (ramp[-1].colour, ramp[3 if ramp is WEIGHTS else -1].ground)
        for ramp in (WEIGHTS, POSITIVE, NEGATIVE)
    )
    for one, other in ((blue, teal), (blue, orange), (teal, orange)):
        assert distance(one, other, eyes) > 35
    assert distance(dull_teal, dull_orange, eyes) > 15
    assert distance(dull_blue, blue, eyes) > 15


def test_a_colour_blind_reader_would_not_tell_red_from_green():
    eyes = EYES["deuteranopia"]
    assert distance("#c62828", "#6a8a00", eyes) < 0.4 * distance("#c62828", "#6a8a00", np.eye(3))


def test_the_sign_of_an_effect_shows_in_the_place_of_the_bar_too():
    assert all(step.above for step in POSITIVE) and not any(step.above for step in NEGATIVE)


@ALL_VIEWS
def test_every_filled_chip_has_its_own_ink(make):
    spans = [span for span in read(make().html()).all("span") if mark(span)]
    assert spans  # the legend's at least; ``mark`` looks at ground and ink
    assert any(mark(span).ground for span in spans)


def test_each_level_has_a_thickness_of_its_own():
    chips = legend_chips(make_view(ordinary(9)))
    assert [mark(chip) for chip in chips] == marks(WEIGHTS)[1:]
    sizes = [mark(chip).bar for chip in chips]
    assert sorted(set(sizes)) == sizes


def test_the_legend_of_the_effects_shows_both_signs():
    view = make_view(ordinary(9), effects=True)
    chips = legend_chips(view, 5, "largest effect")
    assert [mark(chip) for chip in chips] == marks(POSITIVE)[1:] + marks(NEGATIVE)[1:]
    said = [f"{sign}{step.start:.0%}" for sign, ramp in (("+", POSITIVE), ("-", NEGATIVE))
            for step in ramp]  # fmt: skip
    assert [chip.text for chip in chips] == said


# 64 words, ten of them close below and above the steps; the others share what is left of 64.
TIMES = [1.2, 1.3, 1.55, 1.65, 1.95, 2.05, 2.45, 2.55, 3.95, 4.05]
LEVELS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]


def view_at_the_steps():
    times = [*TIMES, *[(64 - sum(TIMES)) / 54] * 54]
    return show_attention(ordinary(64), [time / 64 for time in times])


def test_the_levels_are_steps_of_an_even_share():
    found = [mark(chip) for chip in weight_chips(view_at_the_steps())]
    assert found == [marks(WEIGHTS)[level] for level in LEVELS] + [None] * 54


def test_the_legend_shows_the_mark_of_each_step():
    view = view_at_the_steps()
    found = dict(zip(TIMES, map(mark, weight_chips(view)), strict=False))
    for chip in legend_chips(view):
        step = float(re.search(r"[\d.]+", chip.text)[0])
        assert found[round(step + 0.05, 2)] == mark(chip)


@pytest.mark.parametrize("step", WEIGHTS)
def test_a_word_on_a_step_is_not_over_it(step):
    """The legend says "more than"."""
    rest = (1 - step.start / 64) / 63
    view = show_attention(ordinary(64), [step.start / 64, *[rest] * 63])
    assert mark(weight_chips(view)[0]) != step._replace(start=0)
    assert paragraphs(view)[2].text.startswith("More than ")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 49, 100, 512])
def test_uniform_weights_mark_nothing(count):
    for weights in ([1 / count] * count, torch.ones(count).softmax(0), np.full(count, 3)):
        assert not any(map(mark, weight_chips(show_attention(["a"] * count, weights))))


# Weights of trained models as multiples of the even share, largest first: the AttentionRNN of
# lesson 04 (entropies 4.75 of 4.82 and 1.97 of 2.08 nats), the Transformer of lesson 05 (4.38 of
# 4.82), and a softmax of about the entropy 4.6 of 5.55.
def spread(count, entropy):
    """Weights (count,), a softmax of normal scores, with about this entropy."""
    scores = torch.randn(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sharp = np.linspace(0, 5, 501)
    found = [float(torch.special.entr((s * scores).softmax(0)).sum()) for s in sharp]
    return (sharp[int(np.argmin(np.abs(np.array(found) - entropy)))] * scores).softmax(0)


@pytest.mark.parametrize(
    ("count", "entropy", "filled"), [(124, 4.75, (1, 12)), (124, 4.38, (4, 25)),
                                     (256, 4.6, (10, 50)), (8, 1.6, (1, 2))]
)  # fmt: skip
def test_the_strongest_steps_occur_in_real_pictures_and_stay_few(count, entropy, filled):
    weights = spread(count, entropy)
    found = [step_of(weight * count, WEIGHTS) for weight in weights.tolist()]
    number = sum(step is not None and bool(step.ground) for step in found)
    assert filled[0] <= number <= filled[1]
    assert len(set(found)) >= min(4, count // 2 - 1)


# Words that no line breaks


@EFFECTS
def test_no_line_breaks_a_word_or_parts_it_from_its_number(effects):
    words = ["well-made", "don't", "9/10", "film", "naïve", "a/b", "x" * 2000, "good"]
    for row in [weight_chips, effect_chips] if effects else [weight_chips]:
        for chip in row(make_view(words, effects)):
            whole = chip.style().get("white-space") == "nowrap"
            assert whole or re.fullmatch(r"[A-Za-z']+", chip.text)


def test_a_word_that_cannot_break_has_no_style_for_it():
    """512 of them would fill the room of the output."""
    chips = weight_chips(show_attention(["w"] * 40, [0.5, *[0.5 / 39] * 39]))
    assert [chip.style() for chip in chips[5:]] == [{}] * 35


@EFFECTS
def test_no_line_of_the_text_breaks_a_word(effects):
    words = ordinary(30) + ["a-long-word-with-hyphens"] * 9
    facts = ["The word " + "over-long " * 20]
    found = faithfulness(39) if effects else None
    text = str(show_attention(words, make_weights(39), found, facts=facts))
    assert max(map(len, text.splitlines())) <= 96
    assert text.count("a-long-word-with-hyphens ") >= 9
    assert not [line for line in text.splitlines() if line.endswith("-") or line.startswith("-")]


# Numbers


def said(view, pattern):
    """The groups of a pattern that both forms say."""
    found = re.search(pattern, flat(view))
    assert found and re.search(pattern, paragraphs(view)[0].text)
    return found.groups()


@SEEDS
@pytest.mark.parametrize("count", [1, 3, 5, 40, 300])
def test_the_highest_weights_are_named(seed, count):
    view = make_view(ordinary(count, seed), seed=seed)
    weights = view.weights.tolist()
    order = sorted(range(count), key=lambda place: -weights[place])[:5]
    digits = 2 if max(weights) >= 0.095 else 3
    expected = ", ".join(f"{view.tokens[place]} {weights[place]:.{digits}f}" for place in order)
    assert said(view, r"Highest weights: (.+?)\. ?The")[0] == expected


@SEEDS
@pytest.mark.parametrize("count", [2, 3, 5, 40, 300])
def test_the_share_of_the_top_and_the_entropy_are_right(seed, count):
    view = make_view(ordinary(count, seed), seed=seed)
    pattern = r"The (\d+) highest of (\d+) weights carry (\d+)% of the whole; evenly spread, they "
    found = said(view, pattern + r"would carry (\d+)%")
    pattern = r"spread: ([\d.]+) nats, as if (\d+) of the (\d+) words had equal weights and the "
    found += said(view, pattern + r"others none \(0\.00: one word has all; ([\d.]+): all have")
    top, weights = min(5, count), view.weights.numpy()
    entropy = scipy.stats.entropy(weights)
    expected = [
        top, count, 100 * np.sort(weights)[-top:].sum(), 100 * top / count,
        entropy, np.exp(entropy), count, np.log(count),
    ]  # fmt: skip
    allowed = [0, 0, 0.51, 0.51, 0.0051, 0.51, 0, 0.0051]
    for number, value, tolerance in zip(found, expected, allowed, strict=True):
        assert float(number) == pytest.approx(value, abs=tolerance)


def test_one_word_has_all_of_the_weight_and_no_entropy_to_speak_of():
    text = flat(show_attention(["film"], [1.0]))
    assert "There is one word, so it has all of the weight." in text
    assert "ntropy" not in text and "1 words" not in text and "highest of" not in text


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_what_is_counted_has_its_plural(count):
    view = make_view(ordinary(count), effects=count > 1)
    text = flat(view) + read(view.html()).text
    assert not re.search(r"\b1 (words|weights|places|tokens)\b|\b[02-9] (word|weight)\b", text)


def test_a_gap_of_one_word_is_one_word():
    view = make_view(ordinary(600))
    assert not re.search(r"\[… 1 words …\]", view.html())
    with pytest.raises(ValueError, match=r"1 token and 2 weights"):
        show_attention(["a"], [0.5, 0.5])


def test_a_weight_of_zero_spoils_no_number():
    view = show_attention(["a", "b", "c"], [0, 1, 0])
    assert "spread: 0.00 nats, as if 1 of the 3 words" in flat(view)
    assert "nan" not in str(view) + view.html()


@EFFECTS
@pytest.mark.parametrize("count", [1, 7, 300, 1000])
def test_the_text_has_every_word_with_its_numbers_in_order(count, effects):
    view = make_view(ordinary(count), effects)
    _, lines = re.split(r"Each word's weight.*:\n", str(view))
    effect = r" \(([+-]\d\.\d{2,4})\)" if effects else ""
    found = re.findall(rf"(\S+) (\d\.\d{{3}}){effect}(?:  |\n|$)", lines)
    assert [word for word, *_ in found] == view.tokens
    columns = [view.weights.tolist(), *([view.effects.tolist()] if effects else [])]
    for numbers, column in zip(list(zip(*found, strict=True))[1:], columns, strict=True):
        assert [float(number) for number in numbers] == pytest.approx(column, abs=5.1e-3)


@EFFECTS
def test_no_line_of_the_text_is_long_or_parts_a_word_from_its_numbers(effects):
    view = make_view(ordinary(300), effects)
    lines = re.split(r"Each word's weight.*:\n", str(view))[1].splitlines()
    assert len(lines) > 10
    numbers = r"\d\.\d{3}" + (r" \([+-]\d\.\d{2,4}\)" if effects else "")
    for line in lines:
        assert len(line) <= 100 and re.fullmatch(rf"(\S+ {numbers}(  |$))+", line)


# Effects

SIZES = [1.0, 0.61, 0.59, 0.41, 0.39, 0.21, 0.19, 0.0]
STEPS = [3, 3, 2, 2, 1, 1, 0, 0]


def view_of_effects(effects):
    count = len(effects)
    found = faithfulness(count)._replace(leave_one_out=torch.tensor(effects))
    return show_attention(ordinary(count), make_weights(count), found)


@pytest.mark.parametrize("largest", [0.7, -0.7, 1e-4])
def test_effects_are_coloured_by_sign_and_by_their_share_of_the_largest(largest):
    effects = [largest * size for size in SIZES] + [-largest * size for size in SIZES[1:]]
    found = [mark(chip) for chip in effect_chips(view_of_effects(effects))]
    ramps = [POSITIVE if effect > 0 else NEGATIVE for effect in effects]
    levels = STEPS + STEPS[1:]
    assert found == [marks(ramp)[level] for ramp, level in zip(ramps, levels, strict=True)]


def test_every_fill_says_its_sign():
    """The bar of a filled word is hard to tell from its fill; the number is not."""
    effects = [1.0] * 9 + [-0.9] * 9 + [0.05]
    chips = effect_chips(view_of_effects(effects))
    for chip, effect in zip(chips, effects, strict=True):
        assert bool(mark(chip)) == (abs(effect) > 0.2)
        if mark(chip):
            assert mark(chip).ground and re.search(rf" \{'+-'[effect < 0]}[\d.]+$", chip.text)


def test_the_five_largest_effects_stand_out_with_their_sign():
    effects = [0.01, -0.6, 0.2, 0.02, -0.03, 0.4, -0.05, 0.0]
    notes = [re.findall(r" ([+-][\d.]+)$", chip.text) for chip in effect_chips(
        view_of_effects(effects))]  # fmt: skip
    assert notes == [[], ["-0.60"], ["+0.20"], [], ["-0.03"], ["+0.40"], ["-0.05"], []]


@pytest.mark.parametrize(("largest", "told"), [(-22.2, "-22"), (0.00015, "+0.00015")])
def test_the_largest_effect_is_told_over_the_row(largest, told):
    """The marks are shares of it, and those of a model that knows nothing are as bright."""
    view = view_of_effects([largest, -largest / 2, 0.0])
    assert f"The largest effect is {told}:" in paragraphs(view)[3].text


def test_effects_of_zero_colour_nothing():
    view = view_of_effects([0.0] * 6)
    assert not any(map(mark, effect_chips(view)))
    assert "nan" not in view.html() + str(view)


# Hostile words

EACH_WORD = pytest.mark.parametrize(("word", "seen"), HOSTILE.items(), ids=ascii)


@EACH_WORD
@EFFECTS
def test_a_hostile_word_is_shown_and_never_a_tag(word, seen, effects):
    view = make_view(["film", word, "good"], effects)
    chips = [weight_chips(view)] + ([effect_chips(view)] if effects else [])
    cells = [row[0] for row in table(view)]
    for texts in ([chip.text for chip in row] for row in chips):
        assert len(texts) == 3 and texts[1].startswith(seen)
    assert any(cell.startswith(seen) for cell in cells) and len(cells) == 4
    assert seen in paragraphs(view)[0].text and seen in str(view)
    assert not set("\t\r\u202e") & set(view.html() + str(view))


@EACH_WORD
def test_both_forms_of_a_hostile_word_can_be_stored(word, seen):
    view = make_view(["film", word, "good"], effects=True)
    assert view.html().encode() and str(view).encode()
    assert max(map(len, str(view).split())) < 100


def test_hostile_facts_and_headings_are_shown_and_never_tags():
    fact = "<b>$a$ and $b$</b> \\(c\\) &amp;"
    view = show_attention(["a"], [1.0], facts=[fact], heading="<i>heading</i>")
    text = read(view.html()).text
    assert fact in text and "<i>heading</i>" in text
    assert fact in str(view) and "<i>heading</i>" in str(view)


# Sizes


def stored_bytes(view):
    """The size of an output that holds both forms."""
    return len(view.html().encode()) + len(str(view).encode())


LONG = {"ordinary": ordinary, "marks": lambda count: ["<&$\\" * 50] * count}


@EFFECTS
@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("count", [256, 512, 1000])
def test_an_output_is_not_large(count, kind, effects):
    size = stored_bytes(make_view(LONG[kind](count), effects))
    assert size <= OUTPUT_BYTES


def test_words_of_emoji_make_no_large_output():
    size = stored_bytes(make_view(["\N{MAN}\u200d\N{WOMAN}" * 20] * 512, effects=True))
    assert size <= OUTPUT_BYTES


@EFFECTS
def test_5000_words_make_no_large_html(effects):
    assert len(make_view(ordinary(5000), effects).html().encode()) <= OUTPUT_BYTES


def walk(chips, words):
    """The places of the words shown; each must be the word that stands there, gaps counted."""
    place, shown = 0, []
    for chip in chips:
        gap = re.fullmatch(r"\[… (\d+) words? …\]", chip.text)
        if gap:
            place += int(gap[1])
            continue
        assert chip.text.split()[0] == words[place]
        shown.append(place)
        place += 1
    assert place == len(words)
    return shown


@EFFECTS
@pytest.mark.parametrize("count", [513, 1000, 3000])
def test_of_many_words_those_around_the_highest_weights_are_shown(count, effects):
    words = ordinary(count)
    view = make_view(words, effects)
    rows = [weight_chips(view)] + ([effect_chips(view)] if effects else [])
    near = {place + step for place in view.weights.argsort()[-5:].tolist() for step in (-1, 0, 1)}
    for shown in (walk(row, words) for row in rows):
        assert near & set(range(count)) <= set(shown)
        assert 30 < len(shown) <= 512


def test_up_to_512_ordinary_words_are_all_shown():
    assert walk(weight_chips(make_view(ordinary(512))), ordinary(512)) == list(range(512))


@pytest.mark.parametrize("count", [100, 1000])
def test_the_table_says_how_many_rows_it_has(count):
    view = make_view(ordinary(count))
    (summary,) = (element.text for element in read(view.html()).all("summary"))
    rows = len(table(view)) - 1
    assert ("all words" in summary) == (rows == count)
    assert rows == count or f"the {rows} highest of {count} words" in summary


# PNG


def open_png(view):
    """The pixels (height, width, 3) of the picture."""
    picture = Image.open(io.BytesIO(view.png()))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB")).astype(int)


def has_colour(pixels, colour):
    """True where some letters' worth of pixels have about this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((abs(pixels - wanted).max(axis=2) <= 32).sum() > 40)


@STRICT
@pytest.mark.parametrize("name", ["hostile words", "hostile facts", "with effects"])
def test_the_png_is_drawn_without_a_warning_and_not_over_the_edge(name):
    pixels = open_png(VIEWS[name]())
    edges = [pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]]
    assert pixels.std() > 10 and all((edge == 255).all() for edge in edges)


@pytest.mark.parametrize("word", ["$letters$", "\\(letters)"])
def test_no_letter_of_a_word_is_lost_in_the_png(word):
    """All letters are equally wide, so a word of as many others ends at the same place."""
    ends = []
    for shown in (word, "w" * len(word)):
        last_line = open_png(show_attention([shown], [1.0]))[-30:]
        ends.append(np.flatnonzero((last_line < 128).all(axis=2).any(axis=0)).max())
    assert abs(ends[0] - ends[1]) <= 2


def amount(pixels, colour):
    """How many pixels have about this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((abs(pixels - wanted).max(axis=2) <= 16).sum())


def test_more_weight_has_more_colour_in_the_png():
    """The legend is the same in both; the words are marked in one alone."""
    peaked = show_attention(["word"] * 30, [0.9, *[0.1 / 29] * 29])
    even = show_attention(["word"] * 30, [1 / 30] * 30)
    filled, plain = (amount(open_png(view), WEIGHTS[-1].colour) for view in (peaked, even))
    assert filled > plain + 400 and plain > 100


@pytest.mark.parametrize("sign", [1, -1], ids=["positive", "negative"])
def test_the_png_keeps_the_colours_of_the_effects(sign):
    effects = [sign * size for size in (1.0, 0.9, 0.5, 0.5, 0.3, 0.3, 0.0)]
    weights = [1 / 7] * 7
    found = faithfulness(7)._replace(leave_one_out=torch.tensor(effects))
    pixels = open_png(show_attention(["words"] * 7, weights, found))
    same, other = (POSITIVE, NEGATIVE) if sign > 0 else (NEGATIVE, POSITIVE)
    for part in (same[-1].colour, same[-1].ground):
        assert has_colour(pixels, part)
    assert amount(pixels, same[-1].ground) > amount(pixels, other[-1].ground) + 400


def test_the_png_keeps_all_colours_where_there_are_many():
    pixels = open_png(make_view(ordinary(60), effects=True))
    colours = {part for step in (*WEIGHTS, *POSITIVE, *NEGATIVE)
               for part in (step.colour, step.ground) if part}  # fmt: skip
    assert len(colours) == 6
    assert [colour for colour in sorted(colours) if not amount(pixels, colour)] == []


@pytest.mark.slow
@pytest.mark.parametrize(("count", "effects"), [(256, False), (256, True), (3000, True)])
def test_the_png_of_many_words_is_not_large(count, effects):
    size = len(make_view(ordinary(count), effects).png())
    assert size <= OUTPUT_BYTES * 3 / 4  # stored in base64


# In a notebook


@EFFECTS
def test_a_notebook_gets_text_and_html_and_nothing_else(effects):
    view = make_view(ordinary(9), effects)
    data, metadata = DisplayFormatter().format(view)
    assert data == {"text/plain": str(view), "text/html": view.html()} and metadata == {}
    assert not re.match(r"<|TokenView\(", data["text/plain"])


# show_attention


@pytest.mark.parametrize(
    "convert",
    [
        list, tuple, np.array, torch.tensor, lambda row: np.array([row], dtype=np.float32),
        lambda row: torch.tensor([row]), lambda row: torch.tensor(row, requires_grad=True),
        lambda row: torch.tensor(row, dtype=torch.float16),
    ],
    ids=["list", "tuple", "numpy", "tensor", "(1, T) numpy", "(1, T) tensor", "with gradient",
         "half"],
)  # fmt: skip
def test_weights_of_any_kind_make_the_same_view(convert):
    view = show_attention(["a", "b", "c"], convert([0.5, 0.125, 0.375]))
    assert view.weights.tolist() == [0.5, 0.125, 0.375]
    assert str(view) == str(show_attention(["a", "b", "c"], [0.5, 0.125, 0.375]))


def test_a_text_is_tokenized():
    view = show_attention("A <br /> fine Film, isn't it?", [1 / 6] * 6)
    assert view.tokens == ["a", "fine", "film", "isn't", "it", "?"]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("tokens", "weights", "hint"),
    [
        (["a", "b"], [1.0], r"2 tokens and 1 weight; .*without padding"),
        (["a"], [0.5, 0.5], r"1 token and 2 weights.*without padding"),
        ("a film", [[0.2, 0.3, 0.5]], "without padding"),
        ([], [], "no tokens"),
        ("...", [], "no tokens"),
        ([], [0.5], "no tokens"),
        (["a", "b"], [1.5, -0.5], "before the softmax"),
        (["a", "b"], [1.0, NAN], "before the softmax"),
        (["a", "b"], [1.0, INF], "before the softmax"),
        (["a", "b"], [0.0, 0.0], "before the softmax"),
        (["a", "b"], torch.ones(1, 2, 2, 2), r"\(1, 2, 2, 2\).*show_heads"),
        (["a", "b"], torch.ones(2, 2), r"\(2, 2\).*show_heads"),
        (["a"], torch.tensor(1.0), r"\(T,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_a_hint(tokens, weights, hint):
    with pytest.raises(ValueError, match=hint):
        show_attention(tokens, weights)


@pytest.mark.parametrize("total", [0.5, 0.99, 1.01, 12])
def test_weights_of_another_sum_are_shown_as_shares_and_it_is_said(total):
    view = show_attention(["a", "b"], [0.25 * total, 0.75 * total])
    assert view.weights.tolist() == pytest.approx([0.25, 0.75])
    assert said(view, r"sum to ([\d.]+), not to 1.*their shares") == (f"{total:g}",)


def test_nothing_is_said_about_weights_that_sum_to_one():
    thirds = torch.full((3,), 1 / 3, dtype=torch.float32)
    assert "sum to" not in str(show_attention(["a", "b", "c"], thirds))


def test_without_a_measurement_the_view_says_so():
    view = show_attention(["a", "b"], [0.25, 0.75])
    assert "not measured" in str(view) and "not measured" in paragraphs(view)[0].text


@pytest.mark.parametrize("taus", [(0.12, 0.34, 0.56), (-0.98, 0.0, 1.0)])
def test_all_three_agreements_stand_beside_the_picture(taus):
    view = show_attention(["a", "b"], [0.25, 0.75], faithfulness(2, taus=taus))
    pattern = (
        r"tau is (\S+) with leave-one-out, and (\S+) with gradients .*"
        r"agree with each other by (-?\d\.\d\d)[.,]"
    )
    assert said(view, pattern) == tuple(f"{tau:.2f}" for tau in taus)
    assert "not measured" not in str(view)


@pytest.mark.parametrize(("between", "doubtful"), [(-0.2, 1), (0.0, 1), (0.29, 1), (0.31, 0)])
def test_two_measures_that_hardly_agree_are_called_no_firm_yardstick(between, doubtful):
    view = show_attention(["a", "b"], [0.25, 0.75], faithfulness(2, taus=(0.1, 0.1, between)))
    assert ("firm yardstick" in flat(view)) == bool(doubtful)


def test_what_tau_is_stands_before_its_number():
    text = flat(show_attention(["a", "b"], [0.25, 0.75], faithfulness(2)))
    assert text.index("1 if always, -1 if never, about 0 for random") < text.index("tau is 0.12")


def test_facts_stand_above_the_picture_in_order():
    view = show_attention(["a"], [1.0], facts=["One.", "Two."], heading="Zero.")
    assert str(view).startswith("Zero.\nOne.\nTwo.\n")
    assert paragraphs(view)[0].text.startswith("Zero.One.Two.")


def test_the_faithfulness_of_another_review_is_refused():
    with pytest.raises(ValueError, match="of 3 words, and this one has 4 tokens; measure"):
        show_attention(ordinary(4), [0.25] * 4, faithfulness(3))
