"""Self-attention drawn from tensors: what the caption says of right ones, and of wrong ones."""

import io
import math

import pytest
import torch
from PIL import Image

from practicum_utils.visualize.diagrams import draw_attention_product, draw_self_attention

WORDS = "not bad at all <pad>".split()
LONG = "unbelievably incomprehensible characterisations notwithstanding extraordinarily".split()
REAL = torch.tensor([word != "<pad>" for word in WORDS])


def simple(mask=REAL, count=5, size=6):
    """Vectors (T, D), weights (T, T) and new vectors (T, D) of self-attention without matrices."""
    torch.manual_seed(3)
    x = torch.randn(count, size)
    scores = x @ x.T
    weights = (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(dim=1)
    return x, weights, weights @ x


def real(mask=REAL, count=5, size=4, root=None, dim=1):
    """Queries, keys, values, weights and the result; ``root`` and ``dim`` as in a mistake."""
    torch.manual_seed(4)
    queries, keys, values = torch.randn(3, count, size)
    scores = queries @ keys.T / (math.sqrt(size) if root is None else root)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(dim=dim).nan_to_num()
    return queries, keys, values, weights, weights @ values


def demand_fit(diagram):
    """At most as wide as a notebook, small, and a picture with a description."""
    assert diagram.width <= 905 and len(diagram.png) * 4 / 3 <= 60_000
    assert Image.open(io.BytesIO(diagram.png)).width > diagram.width * 0.9
    assert diagram.alt and "\n" not in diagram.caption


# The new vector of a word


def test_the_largest_weights_of_the_word_are_said():
    x, weights, mixed = simple()
    diagram = draw_self_attention(WORDS, x, weights, mixed, 3)
    first = WORDS[int(weights[3].argmax())]
    assert f"The new vector of 'all' takes {weights[3].max():.2f} of '{first}'" in diagram.caption
    assert "sum to 1" in diagram.caption and "Padding gets exactly 0" in diagram.caption
    assert f"not {weights[3, 0]:.2f}" in diagram.alt and "<pad> 0.00" in diagram.alt
    demand_fit(diagram)


def test_one_words_row_alone_is_enough():
    x, weights, mixed = simple()
    whole = draw_self_attention(WORDS, x, weights, mixed, 1)
    assert draw_self_attention(WORDS, x, weights[1], mixed[1], 1).caption == whole.caption


def test_several_words_may_ask():
    caption = draw_self_attention(WORDS, *simple(), word=[0, 2]).caption
    assert "vector of 'not'" in caption and "vector of 'at'" in caption


def test_other_weights_are_another_picture():
    x, weights, mixed = simple()
    even = torch.full_like(weights, 0.2)
    pictures = [draw_self_attention(WORDS, x, w, w @ x).png for w in (weights, even)]
    assert pictures[0] != pictures[1]


def test_weight_on_padding_is_a_fault():
    x, weights, mixed = simple(mask=None)
    caption = draw_self_attention(WORDS, x, weights, mixed).caption
    assert caption.startswith(f"'not' gives {weights[0, 4]:.2f} of its weight to padding")
    assert "sum to 1" not in caption


def test_rows_that_do_not_sum_to_one_are_a_fault():
    x, _, _ = simple()
    weights = (x @ x.T).softmax(dim=0)
    caption = draw_self_attention(
        WORDS[:4], x[:4], weights[:4, :4], weights[:4, :4] @ x[:4]
    ).caption
    assert f"The weights of 'not' sum to {weights[0, :4].sum():.2f}, not to 1." in caption


def test_a_vector_that_is_not_the_weighted_sum_is_a_fault():
    x, weights, mixed = simple()
    caption = draw_self_attention(WORDS, x, weights, mixed + 0.5).caption
    assert "is not the sum of the weights times the vectors: it is off by up to 0.50" in caption


@pytest.mark.parametrize("places", [3, [1, 2]])
def test_twelve_long_words_fit(places):
    words = [*LONG, *LONG, "<pad>", "<pad>"]
    mask = torch.tensor([word != "<pad>" for word in words])
    demand_fit(draw_self_attention(words, *simple(mask, count=12, size=64), places))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": torch.ones(2, 5, 5)}, ValueError, "weights .* 2 dimensions"),
        ({"weights": torch.ones(4, 4)}, ValueError, r"weights must be \(5, 5\)"),
        ({"mixed": torch.ones(5, 7)}, ValueError, r"mixed must be \(5, 6\)"),
        ({"vectors": torch.ones(4, 6)}, ValueError, r"vectors must be \(5, 6\)"),
        ({"word": 5}, IndexError, "no place 5; there are 0 to 4"),
        ({"word": []}, ValueError, "0 words are asked for; 1 to 4"),
        ({"words": ["a"] * 13}, ValueError, "13 words were given, and 1 to 12"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(change, error, message):
    x, weights, mixed = simple()
    given = {"words": WORDS, "vectors": x, "weights": weights, "mixed": mixed, **change}
    with pytest.raises(error, match=message):
        draw_self_attention(**given)


# The product


def test_a_right_product_has_no_fault():
    queries, keys, values, weights, mixed = real()
    diagram = draw_attention_product(WORDS, queries, keys, values, weights, mixed)
    assert f"of its weight {weights[0].max():.2f} goes to" in diagram.caption
    assert "Each row of the weights sums to 1, and the result is weights times values." in str(
        diagram
    )
    assert "columns of padding are exactly 0" in diagram.caption
    assert "queries (5, 4) times the keys on their side (4, 5)" in diagram.alt
    demand_fit(diagram)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ({"root": 1}, "not divided by the root of D = 4"),
        ({"root": 4}, "divided by D = 4, and not by its root"),
        ({"dim": 0}, "The softmax ran over the columns of the table, not over its rows"),
        ({"dim": 0, "root": 1}, "The softmax ran over the columns of the table"),
        ({"mask": None}, "Padding gets weight, up to"),
        ({"mask": ~REAL}, "Padding gets weight, up to 1.00 of a word's: the mask is missing or"),
        ({"root": 0.3}, "The weights are not the softmax of these scores over each row"),
    ],
)
def test_a_mistake_is_told_from_the_numbers(mistake, sentence):
    diagram = draw_attention_product(WORDS, *real(**mistake))
    assert sentence in diagram.caption and "Each row of the weights" not in diagram.caption
    assert diagram.png != draw_attention_product(WORDS, *real()).png


def test_a_missing_softmax_is_told():
    queries, keys, values, *_ = real()
    scores = (queries @ keys.T / 2)[:4, :4]
    given = queries[:4], keys[:4], values[:4], scores, scores @ values[:4]
    assert "The softmax is missing" in draw_attention_product(WORDS[:4], *given).caption


def test_a_wrong_result_is_told():
    queries, keys, values, weights, mixed = real()
    for wrong, sentence in (
        (weights @ keys, "the weights met the keys"),
        (weights.T @ values, "lying on its side"),
        (mixed + 1, "off by up to 1.00"),
    ):
        caption = draw_attention_product(WORDS, queries, keys, values, weights, wrong).caption
        assert sentence in caption


def test_a_causal_mask_is_no_fault():
    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    caption = draw_attention_product(WORDS[:4], *real(mask, count=4)).caption
    assert "Each row of the weights sums to 1" in caption


@pytest.mark.parametrize(("count", "size"), [(1, 1), (5, 16), (8, 64)])
def test_long_words_and_vectors_fit(count, size):
    words = [*(LONG * 2)[: count - 1], "<pad>"]
    demand_fit(draw_attention_product(words, *real(None, count=count, size=size)))


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (2, 5, 4), "queries .* 2 dimensions"), (1, (5, 3), r"keys must be \(5, 4\)"),
        (2, (4, 4), r"values must be \(5, 4\)"), (3, (5, 4), r"weights must be \(5, 5\)"),
        (4, (5, 3), r"mixed must be \(5, 4\)"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_refused(place, shape, message):
    given = list(real())
    given[place] = torch.ones(shape)
    with pytest.raises(ValueError, match=message):
        draw_attention_product(WORDS, *given)


def test_too_many_words_are_refused():
    with pytest.raises(ValueError, match="9 words were given, and 1 to 8"):
        draw_attention_product(["a"] * 9, *real(None, count=9))
