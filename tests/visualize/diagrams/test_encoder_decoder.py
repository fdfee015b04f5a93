"""The encoder and the decoder that writes: what the caption says, and each fault by its name."""

import base64

import numpy as np
import pytest
import torch
from PIL import Image

from practicum_utils.visualize import draw_encoder_decoder
from practicum_utils.visualize.diagrams.canvas import BYTES, FAULT

SOURCE = ["sst2", "sentence", ":", "a", "fine", "film", "</s>"]
WRITTEN = ["positive", "</s>"]
WEIGHTS = torch.tensor([[0, 0, 0.1, 0, 0.7, 0.2, 0], [0.25, 0.25, 0, 0, 0, 0, 0.5]])


def draw(weights=WEIGHTS, source=SOURCE, written=WRITTEN, **options):
    return draw_encoder_decoder(source, written, weights, **options)


def share_of_fault_colour(diagram, tmp_path):
    """How many of the picture's points have (nearly) the colour of faults."""
    path = tmp_path / "diagram.png"
    path.write_bytes(diagram.png)
    points = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(FAULT[place : place + 2], 16) for place in (1, 3, 5)]
    return (np.abs(points - wanted).sum(axis=2) < 40).mean()


def test_the_caption_has_the_blocks_the_steps_and_the_largest_weight():
    caption = draw(layers=(2, 1)).caption
    assert "encoder (2 blocks) reads 7 pieces" in caption
    assert "decoder (1 block)" in caption and "2 here" in caption
    assert "“positive”, the largest weight was that of “fine”, 0.70" in caption
    assert "wrong" not in caption


def test_the_words_for_the_blind_tell_each_step():
    alt = draw(start="<pad>").alt
    assert "Step 1 gets <pad> and writes positive; its largest weights: fine .70" in alt
    assert "Step 2 gets positive and writes </s>; its largest weights: </s> .50" in alt


def test_a_right_table_has_nothing_in_the_colour_of_faults(tmp_path):
    assert share_of_fault_colour(draw(), tmp_path) == 0


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda table: table[0].mul_(0.5), "sum to 0.50 and not to 1"),
        (lambda table: table[0].zero_(), "looks at nothing"),
        (lambda table: table[0].fill_(torch.nan), "no numbers"),
        (lambda table: table[0, :2].copy_(torch.tensor([-0.3, 0.3])), "below 0, -0.30"),
    ],
    ids=["sum", "nothing", "nan", "negative"],
)
def test_a_fault_of_a_step_is_named_and_drawn(change, wanted, tmp_path):
    table = WEIGHTS.clone()
    change(table)
    diagram = draw(table)
    assert "step 1 (“positive”)" in diagram.caption and wanted in diagram.caption
    assert "step 2" not in diagram.caption
    assert share_of_fault_colour(diagram, tmp_path) > 0.0005


def test_weight_on_padding_is_named_and_drawn(tmp_path):
    source = [*SOURCE[:-1], "<pad>"]
    diagram = draw(source=source)
    assert "step 2 (“</s>”) looks at padding, with 0.5 of its weight" in diagram.caption
    assert share_of_fault_colour(diagram, tmp_path) > 0.0005


def test_a_little_weight_on_padding_is_no_zero():
    table = WEIGHTS.clone()
    table[1, -1], table[1, 0] = 2e-5, 0.75
    caption = draw(table, [*SOURCE[:-1], "<pad>"]).caption
    assert "looks at padding, with 2e-05 of its weight" in caption


def test_a_mistake_in_every_step_is_told_of_three():
    caption = draw(torch.zeros(5, 7), written=list("abcde")).caption
    assert caption.count("looks at nothing") == 3 and "2 more steps" in caption


def test_a_long_prompt_keeps_its_largest_weights_and_counts_the_others():
    source = [f"word{place}" for place in range(300)]
    table = torch.full((1, 300), 0.5 / 298)
    table[0, 7], table[0, 200] = 0.3, 0.2
    diagram = draw(table, source, ["positive"], most=10)
    assert "the 10 pieces with the largest weights are drawn; the 290 others" in diagram.caption
    assert "at most 0.49 together" in diagram.caption
    assert "word7 .30, word200 .20" in diagram.alt
    assert "wrong" not in diagram.caption


def test_a_long_answer_says_how_many_steps_are_drawn():
    table = torch.full((20, 7), 1 / 7)
    diagram = draw(table, written=[f"w{step}" for step in range(20)])
    assert "Of its 20 steps, the first 8 are drawn" in diagram.caption
    assert "Step 8" in diagram.alt and "Step 9" not in diagram.alt


@pytest.mark.parametrize("steps", [1, 8])
def test_any_picture_is_small(steps):
    torch.manual_seed(0)
    words = ["antidisestablishmentarianism", "extraordinarily", "was", "<extra_id_0>"]
    table = torch.rand(steps, 40).softmax(dim=1)
    states = torch.randn(40, 64)
    diagram = draw(table, words * 10, (words * 2)[:steps], states=states, layers=(6, 6))
    assert len(base64.b64encode(diagram.png)) <= BYTES


def test_words_of_a_review_are_never_read_as_markup():
    diagram = draw(source=["$x$", "<b>", *SOURCE[2:]])
    html = diagram._repr_mimebundle_()["text/html"]
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [
        (WEIGHTS.T, r"\(2, 7\) here and at least \(1, 1\); their shape is \(7, 2\)"),
        (WEIGHTS[None], "2 dimensions"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(weights, wanted):
    with pytest.raises(ValueError, match=wanted):
        draw(weights)


def test_states_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a row for each of the 7 tokens"):
        draw(states=torch.zeros(3, 8))
