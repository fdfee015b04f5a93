"""Maps of attention whose answers are known: printed numbers, pictures, queries, odd words."""

import math
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.stats
import torch
from tiers import a_few

from practicum_utils.visualize import heads, show_heads

WORDS = ["the", "film", "was", "good", "the", "end"]
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])

# What could be read as a formula, as a tag, or is not in the font.
HOSTILE = [
    "$x$", "$", "\\(x\\)", "<b>", "<script>alert(1)</script>", "&amp;", "", "a\nb\tc", "\u202e",
    "\N{MAN}\u200d\N{WOMAN}", "\u96fb\u5f71", "\ud800", "x" * 2000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Draw on no screen; a list of pairs, each a figure and the diagram that was made of it."""
    matplotlib.use("Agg")
    pairs, finish = [], heads.finish

    def keep(figure, *words):
        pairs.append((figure, finish(figure, *words)))
        return pairs[-1][1]

    monkeypatch.setattr(heads, "finish", keep)
    yield pairs
    assert plt.get_fignums() == []


@pytest.fixture
def lines(capsys):
    """Draw, and return the lines printed."""

    def draw(*arguments):
        show_heads(*arguments)
        return capsys.readouterr().out.splitlines()

    return draw


def words(count):
    return [f"w{place}" for place in range(count)]


def random_maps(*sizes, seed=0):
    """Maps (..., T, T) with rows that sum to 1."""
    draw = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(sizes, generator=draw)).softmax(dim=-1)


def numbers(line):
    """What a line of a head says: itself, one back, one ahead, entropy, and the largest entropy."""
    pattern = r"itself (\S+), one back (\S+), one ahead (\S+), entropy (\S+) of (\S+) nats; "
    return [float(number) for number in re.search(pattern, line).groups()]


def named(text):
    """ "film 0.50, good 0.25" as pairs."""
    return [(word, float(share)) for word, share in re.findall(r"(\S+) (\d\.\d\d)(?:, |$)", text)]


# Maps whose answers are known


def looking(count, step):
    """Every position looks at the one ``step`` further, at the edge at itself."""
    places = torch.arange(count)
    return torch.eye(count)[(places + step).where((places + step) % count == places + step, places)]


@pytest.mark.parametrize("count", [2, 5, 12])
def test_known_maps_are_described_rightly(lines, count):
    one = 1 / count
    known = {
        "identity": (torch.eye(count), [1, 0, 0, 0]),
        "previous": (looking(count, -1), [one, 1, 0, 0]),
        "next": (looking(count, 1), [one, 0, 1, 0]),
        "uniform": (torch.full((count, count), one), [one, one, one, math.log(count)]),
    }
    found = lines(words(count), torch.stack([head for head, _ in known.values()]))
    for line, (_, expected) in zip(found[-4:], known.values(), strict=True):
        *shares, entropy, largest = numbers(line)
        assert shares == pytest.approx(expected[:3], abs=0.0051)
        assert [entropy, largest] == pytest.approx([expected[3], math.log(count)], abs=0.051)


def test_a_word_that_all_look_at_is_named_first(lines):
    maps = torch.zeros(1, 6, 6)
    maps[:, :, 3], maps[:, :, 1] = 0.7, 0.3
    looked_at = lines(WORDS, maps)[-1].split("most looked at: ")[1]
    assert named(looked_at)[:2] == [("good", 0.7), ("film", 0.3)]


@SEEDS
@pytest.mark.parametrize("count", a_few([6, 2, 40]))
def test_random_maps_are_described_as_a_count_by_hand_does(lines, seed, count):
    maps = random_maps(2, 3, count, count, seed=seed)
    found = lines(words(count), maps)[-6:]
    for line, head in zip(found, maps.flatten(0, 1).double().numpy(), strict=True):
        expected = [
            np.mean([head[t, t + step] for t in range(count) if 0 <= t + step < count])
            for step in (0, -1, 1)
        ]
        assert numbers(line)[:3] == pytest.approx(expected, abs=0.0051)
        entropy = np.mean([scipy.stats.entropy(row) for row in head])
        assert numbers(line)[3] == pytest.approx(entropy, abs=0.051)
        received = head.mean(axis=0)
        top = np.argsort(-received)[:3]
        pairs = named(line.split("most looked at: ")[1])
        assert [word for word, _ in pairs] == [f"w{place}" for place in top]
        assert [share for _, share in pairs] == pytest.approx(received[top], abs=0.0051)


def test_there_is_one_line_per_head_in_order(lines):
    found = lines(WORDS, random_maps(2, 3, 6, 6))
    names = [line.split(":")[0] for line in found if line.startswith("layer")]
    assert names == [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)]


def test_the_scale_is_printed(lines):
    maps = random_maps(1, 2, 4, 4)
    first, *_ = lines(words(4), maps)
    assert f"darkest blue is {maps.max():.2f}" in first and "even share would be 0.250" in first


def test_the_picture_is_described_for_whoever_does_not_see_it(lines, drawn):
    lines(words(4), random_maps(1, 2, 4, 4))
    lines(words(4), random_maps(1, 2, 4, 4), 3)
    maps, rows = (diagram.alt for _, diagram in drawn)
    assert "2 maps of 4 times 4 weights" in maps and "rows are the words that look" in maps
    assert "A row of 4 weights for each of 2 heads: where 'w3' looks" in rows


@pytest.mark.parametrize("count", [12, 32, 60])
def test_the_picture_fits_a_notebook_and_its_letters_can_be_read(lines, drawn, count):
    lines(["incomprehensibility"] * count, random_maps(1, 4, count, count))
    ((figure, diagram),) = drawn
    assert diagram.width <= 905 and len(diagram.png) * 4 / 3 <= 60_000
    ticks = [tick for axis in figure.axes for tick in axis.get_xticklabels() if tick.get_text()]
    assert ticks and min(tick.get_fontsize() for tick in ticks) * 96 / 72 >= 10  # pixels
    assert {tick.get_text() for tick in ticks} == {"incompreh…"} or count == 60
    lefts = {round(axis.get_position().x0, 3) for axis in figure.axes}
    assert len(lefts) == (3 if count == 60 else 2)


def test_of_a_single_word_there_are_no_neighbours(lines):
    found = lines(["film"], torch.ones(2, 1, 1))
    assert len(found) == 4  # what is seen, in two lines, and the heads
    assert all("itself 1.00, entropy 0.0 of 0.0 nats" in line for line in found[2:])


# What is accepted


@pytest.mark.parametrize("query", [None, "was"])
def test_the_maps_may_have_one_layer_less_or_a_batch_of_one(lines, query):
    maps = random_maps(3, 6, 6)
    expected = lines(WORDS, maps[None], query)
    forms = [maps, maps[None, None], maps[None].double(), maps.clone().requires_grad_(),
             maps.numpy()]  # fmt: skip
    assert [lines(WORDS, form, query) for form in forms] == [expected] * len(forms)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (6, (2, 5, 5)), (6, (2, 6, 5)), (6, (2, 5, 6)), (5, (1, 2, 6, 6)), (6, (6, 6)), (6, (6,)),
        (6, (2, 1, 2, 6, 6)), (0, (2, 0, 0)),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit_are_refused_and_named(count, sizes):
    with pytest.raises(ValueError, match=rf"For {count} tokens") as caught:
        show_heads(words(count), torch.ones(sizes))
    assert str(sizes) in str(caught.value)


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("zebra", ValueError, "'zebra' is not in this review"),
        ("The", ValueError, "'The' is not in this review"),
        (6, IndexError, "no place 6; there are 0 to 5"),
        (-1, IndexError, "no place -1; there are 0 to 5"),
    ],
)
def test_a_query_that_is_not_there_is_refused(query, error, message):
    with pytest.raises(error, match=message):
        show_heads(WORDS, random_maps(2, 6, 6), query)


# Queries


@SEEDS
@pytest.mark.parametrize("place", range(6))
def test_a_query_tells_where_one_place_looks(lines, seed, place):
    maps = random_maps(2, 2, 6, 6, seed=seed)
    tokens = words(6)
    first, _, *found = lines(tokens, maps, place)
    assert first.startswith(f"Where 'w{place}' (place {place}) looks.")
    assert found == [
        f"layer {layer + 1}, head {head + 1}: "
        + ", ".join(
            f"{word} {share:.2f}"
            for share, word in sorted(zip(row.tolist(), tokens, strict=True), reverse=True)[:3]
        )
        for layer in range(2)
        for head, row in enumerate(maps[layer, :, place])
    ]


@pytest.mark.parametrize(("word", "place"), [("the", 0), ("film", 1), ("end", 5)])
def test_a_word_stands_for_its_first_place(lines, word, place):
    maps = random_maps(2, 6, 6)
    assert lines(WORDS, maps, word) == lines(WORDS, maps, place)
    assert lines(WORDS, maps, 4) != lines(WORDS, maps, "the")


# Pictures


def labels(ticks):
    return [tick.get_text() for tick in ticks if tick.get_text()]


def test_each_head_is_a_picture_of_its_map_on_one_scale(drawn):
    maps = random_maps(2, 3, 6, 6)
    show_heads(WORDS, maps)
    ((figure, _),) = drawn
    axes = figure.axes
    images = [axis.images[0] for axis in axes]
    assert np.allclose([image.get_array() for image in images], maps.flatten(0, 1))
    assert [image.get_clim() for image in images] == [(0, pytest.approx(float(maps.max())))] * 6
    assert [axis.get_title() for axis in axes] == [
        f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)
    ]


@pytest.mark.parametrize(("count", "shown"), [(1, True), (6, True), (32, True), (33, False)])
def test_words_are_written_beside_the_map_where_there_is_room(drawn, count, shown):
    show_heads(words(count), random_maps(1, 1, count, count))
    (axis,) = drawn[0][0].axes
    for ticks in (axis.get_xticklabels(), axis.get_yticklabels()):
        assert (labels(ticks) == words(count)) == shown


@pytest.mark.parametrize("place", [0, 4])
def test_a_query_draws_its_row_of_each_head_and_marks_the_place(drawn, place):
    maps = random_maps(2, 3, 6, 6)
    show_heads(WORDS, maps, place)
    (axis,) = drawn[0][0].axes
    assert np.allclose(axis.images[0].get_array(), maps[:, :, place].flatten(0, 1))
    assert list(axis.lines[0].get_xdata()) == [place, place]
    assert labels(axis.get_xticklabels()) == WORDS
    assert labels(axis.get_yticklabels())[3] == "layer 2, head 1"


QUERIES = pytest.mark.parametrize("query", [None, 1], ids=["maps", "query"])


@QUERIES
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [2, 40, 80])
def test_drawing_raises_no_warning(query, count):
    show_heads(words(count), random_maps(2, 2, count, count), query)


@QUERIES
@pytest.mark.filterwarnings("error::UserWarning")  # such as those about missing letters
@pytest.mark.parametrize("word", a_few(HOSTILE), ids=lambda word: ascii(word[:30]))
def test_a_hostile_word_is_drawn_without_a_warning(query, word):
    show_heads(["film", word, "good"], random_maps(2, 2, 3, 3), query)


@pytest.mark.parametrize("word", ["$x$", "\\(x\\)", "<b>", "&amp;"])
def test_the_letters_of_a_hostile_word_are_all_there(word, lines, drawn):
    printed = lines(["film", word, "good"], random_maps(2, 3, 3))
    found = drawn[0][0].axes[0].get_xticklabels()
    assert labels(found)[1] == word and not any(label.get_parse_math() for label in found)
    assert word in printed[-1]
