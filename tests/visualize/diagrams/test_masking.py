"""Diagrams of masking: a missing, inverted or multiplied mask shows, and is named."""

import base64

import pytest
import torch

from practicum_utils.models import masked_softmax
from practicum_utils.visualize.diagrams import draw_masking
from practicum_utils.visualize.diagrams.canvas import BYTES

WORDS = [["this", "was", "a", "very", "bad", "movie", "to", "me"], ["this", "was", "a"]]
MASK = torch.arange(8) < torch.tensor([[8], [3]])


@pytest.fixture
def scores():
    return torch.randn(2, 8, generator=torch.Generator().manual_seed(7)) * 2


def test_a_right_masking_has_no_fault(scores):
    hidden = scores.masked_fill(~MASK, -torch.inf)
    diagram = draw_masking(scores, MASK, masked_softmax(scores, MASK), hidden, WORDS)
    assert "2 reviews with 5 places of padding" in diagram.caption
    assert "Every row of weights sums to 1" in diagram.caption and "Fault" not in diagram.caption
    assert "words, scores, mask: True = real token, what the softmax gets, weights" in diagram.alt


WRONG = {
    "no mask": lambda scores: scores,
    "scores * mask": lambda scores: scores * MASK,
    "inverted": lambda scores: scores.masked_fill(MASK, -torch.inf),
}


@pytest.mark.parametrize("way", WRONG)
def test_weight_on_padding_is_a_fault_with_its_share(scores, way):
    masked = WRONG[way](scores)
    weights = masked.softmax(dim=1)
    diagram = draw_masking(scores, MASK, weights, masked, WORDS)
    assert f"{weights[1, 3:].sum():.2f} of row 1's weight lies on padding" in diagram.caption
    assert diagram.caption.index("Fault:") and "orange" in diagram.alt
    assert ("Row 0 has weights that are no numbers" in diagram.caption) == (way == "inverted")
    right = draw_masking(scores, MASK, masked_softmax(scores, MASK), masked, WORDS)
    assert right.png != diagram.png


def test_a_mask_that_is_itself_inverted_is_named(scores):
    inverted = ~MASK
    diagram = draw_masking(scores, inverted, scores.masked_fill(MASK, -torch.inf).softmax(dim=1))
    assert "Row 0 has no real token." in diagram.caption
    assert "The mask of row 1 has padding before words: is it inverted?" in diagram.caption


def test_weights_masked_after_the_softmax_do_not_sum_to_1(scores):
    weights = scores.softmax(dim=1) * MASK
    diagram = draw_masking(scores, MASK, weights)
    assert f"Row 1 sums to {weights[1].sum():.2f}, and should sum to 1." in diagram.caption
    assert "what the softmax gets" not in diagram.alt


@pytest.mark.parametrize("size", [(1, 1), (3, 8)])
def test_it_is_small(size):
    scores, mask = torch.randn(size), torch.ones(size, dtype=torch.bool)
    words = [["disappointing", "was", "extraordinarily", "a"] * 2] * size[0]
    words = [row[: size[1]] for row in words]
    diagram = draw_masking(scores, mask, scores.softmax(dim=1), scores, words)
    assert len(base64.b64encode(diagram.png)) <= BYTES
    assert "Fault" not in diagram.caption


def test_shapes_that_do_not_fit_are_refused_in_one_sentence(scores):
    weights = scores.softmax(dim=1)
    with pytest.raises(ValueError, match=r"same shape \(B, T\).*weights \(2, 7\)"):
        draw_masking(scores, MASK, weights[:, :7])
    with pytest.raises(ValueError, match="scores must have 2 dimensions"):
        draw_masking(scores[0], MASK, weights)
    with pytest.raises(ValueError, match="Tables of 2 rows and 9 columns cannot be read"):
        draw_masking(*(torch.ones(2, 9),) * 3)
    with pytest.raises(ValueError, match="Tables of 4 rows and 8 columns cannot be read"):
        draw_masking(*(torch.ones(4, 8),) * 3)
    with pytest.raises(ValueError, match="2 rows of words"):
        draw_masking(scores, MASK, weights, words=WORDS[:1])
