"""Diagrams of pooling: what the caption says of right and of wrong weights, size, alt, shapes."""

import base64
import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from practicum_utils.visualize.diagrams import draw_pooling, draw_weights
from practicum_utils.visualize.diagrams.canvas import BYTES, FAULT

WORDS = "this was a very bad movie to me".split()
LONG = (
    "unforgettable misunderstandings were extraordinarily disappointing throughout the "
    "cinematography whatsoever notwithstanding everything else"
).split()


def tensors(places=8, size=6, real=None, seed=0, sharp=2.0):
    """States (T, H), masked scores (T,), weights (T,), pooled (H,) of a right model."""
    draw = torch.Generator().manual_seed(seed)
    states = torch.randn(places, size, generator=draw)
    scores = torch.randn(places, generator=draw) * sharp
    scores[places if real is None else real :] = -torch.inf
    weights = scores.softmax(dim=0)
    return states, scores, weights, weights @ states


def colours(diagram, opaque=1.0):
    """The share of pixels near the colour of faults, or near that colour on white."""
    pixels = np.asarray(Image.open(io.BytesIO(diagram.png)).convert("RGB")) / 255
    wanted = 1 - opaque * (1 - np.array(to_rgb(FAULT)))
    return float((abs(pixels - wanted).max(axis=2) < 0.08).mean())


def test_a_right_model_is_told_with_its_numbers():
    states, scores, weights, pooled = tensors()
    diagram = draw_pooling(WORDS, states, scores, weights, pooled)
    best = int(weights.argmax())
    assert f"“{WORDS[best]}” has the most weight, {weights[best]:.2f}" in diagram.caption
    assert "sum to 1" in diagram.caption and "Fault" not in diagram.caption
    assert all(
        f"{word} {weight:.2f}" in diagram.alt for word, weight in zip(WORDS, weights, strict=True)
    )
    assert colours(diagram) == 0


def test_padding_with_a_weight_of_0_is_told_and_no_fault():
    diagram = draw_pooling(WORDS[:3], *tensors(real=3))
    assert diagram.caption.startswith("Pooling 3 words")
    assert diagram.caption.endswith("The 5 places of padding have a weight of 0.")
    assert "Fault" not in diagram.caption and colours(diagram) == 0


def test_pad_among_the_words_is_padding():
    named = draw_pooling([*WORDS[:3], *["<pad>"] * 5], *tensors(real=3))
    assert named.caption == draw_pooling(WORDS[:3], *tensors(real=3)).caption


def test_weight_on_padding_is_a_fault_with_its_sum():
    states, scores, weights, pooled = tensors()
    diagram = draw_pooling(WORDS[:3], states, scores, weights, pooled)
    assert f"Fault: {weights[3:].sum():.2f} of the weight lies on padding" in diagram.caption
    assert "orange" in diagram.alt and colours(diagram) > 1e-3
    right = draw_pooling(WORDS, states, scores, weights, pooled)
    arrows = colours(diagram, opaque=0.5) - colours(right, opaque=0.5)
    assert arrows > 0.02 * weights[3:].sum()  # as wide as the weight


def test_little_weight_on_padding_is_not_told_as_none():
    states, scores, *_ = tensors()
    scores[3:] = -9.0
    weights = scores.softmax(dim=0)
    diagram = draw_pooling(WORDS[:3], states, scores, weights, weights @ states)
    assert "Fault: Less than 0.01 of the weight lies on padding" in diagram.caption


@pytest.mark.parametrize(
    "wrong", [lambda w, s: s[-1], lambda w, s: s.mean(0), lambda w, s: s.sum(0)]
)
def test_a_pooled_vector_that_is_not_the_weighted_sum_is_a_fault(wrong):
    states, scores, weights, pooled = tensors()
    diagram = draw_pooling(WORDS, states, scores, weights, wrong(weights, states))
    off = (wrong(weights, states) - pooled).abs().max()
    assert f"not the sum of the states by these weights: a number of it is off by {off:.2f}" in (
        diagram.caption
    )
    assert colours(diagram) > 1e-3


def test_weights_that_do_not_sum_to_1_are_a_fault():
    states, scores, weights, _ = tensors()
    weights = weights * (torch.arange(8) < 3)
    diagram = draw_pooling(WORDS[:3], states, scores, weights, weights @ states)
    assert f"Fault: The weights sum to {weights.sum():.2f}, and should sum to 1." in diagram.caption
    assert colours(diagram) > 1e-4


def test_a_weight_below_0_and_no_number_are_faults():
    states, scores, weights, _ = tensors()
    odd = weights.clone()
    odd[0], odd[1] = -0.5, odd[1] + 0.5 + odd[0]
    assert "A weight is below 0 (-0.50)." in (
        draw_pooling(WORDS, states, scores, odd, odd @ states).caption
    )
    none = torch.full((8,), torch.nan)
    assert "no numbers (nan)" in draw_pooling(WORDS, states, scores, none, none @ states).caption


def test_nearly_even_weights_are_told_as_such():
    _, _, weights, _ = numbers = tensors(sharp=0.1)
    caption = draw_pooling(WORDS, *numbers).caption
    assert f"nearly even, from {weights.min():.3f} to {weights.max():.3f}" in caption
    assert "an even share is 0.125" in caption


@pytest.mark.parametrize(
    "words, size", [(LONG, 144), (WORDS[:1], 1), (["<b>", "$x$", "", "\ud800"], 6)]
)
def test_it_is_small_and_has_words_for_whoever_does_not_see_it(words, size):
    diagram = draw_pooling(words, *tensors(len(words), size))
    assert len(base64.b64encode(diagram.png)) <= BYTES
    shown = diagram._repr_mimebundle_()
    assert "<script" not in shown["text/html"] and "alt=" in shown["text/html"]
    assert shown["text/plain"] == f"{diagram.caption}\n{diagram.alt}"


def test_shapes_that_do_not_fit_are_refused_in_one_sentence():
    states, scores, weights, pooled = tensors()
    with pytest.raises(ValueError, match=r"states must have 2 dimensions.*\(1, 8, 6\)"):
        draw_pooling(WORDS, states.unsqueeze(0), scores, weights, pooled)
    with pytest.raises(ValueError, match=r"there must be up to 8 words, 8 scores.* 8, 8, 7, 6"):
        draw_pooling(WORDS, states, scores, weights[:7], pooled)
    with pytest.raises(ValueError, match="there must be up to 8 words"):
        draw_pooling([*WORDS, "again"], states, scores, weights, pooled)
    with pytest.raises(ValueError, match="review of 20 places is too wide"):
        draw_pooling(WORDS, *tensors(20))


def test_ways_to_weight_stand_one_below_the_other():
    ways = {"last vector": torch.eye(8)[7], "mean": torch.full((8,), 1 / 8)}
    diagram = draw_weights(WORDS, ways)
    assert diagram.caption == (
        "2 ways to weight 8 words. last vector: “me” has 1. mean: every word has 0.125."
    )
    assert colours(diagram) == 0 and len(base64.b64encode(diagram.png)) <= BYTES


@pytest.mark.parametrize(
    "weights, words",
    [
        (torch.full((8,), 1.0), "sum to 8.00"),
        (torch.tensor([2.0, -1, 0, 0, 0, 0, 0, 0]), "go down to -1.00, below 0"),
        (torch.full((8,), torch.nan), "are no numbers"),
    ],
)
def test_ways_that_are_no_convex_combination_are_faults(weights, words):
    diagram = draw_weights(WORDS, {"mine": weights})
    assert f"Fault: The weights of mine {words}" in diagram.caption


def test_ways_of_another_length_are_refused():
    with pytest.raises(ValueError, match="mine has 7 weights for 8 words"):
        draw_weights(WORDS, {"mine": torch.full((7,), 1 / 7)})
    with pytest.raises(ValueError, match="Give 1 to 14 words"):
        draw_weights([], {"mine": torch.zeros(0)})
