"""The unrolled RNN: the last vector is found among the states, and a wrong one is named."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from practicum_utils.models import last_vectors
from practicum_utils.visualize import draw_rnn
from practicum_utils.visualize.diagrams.canvas import BYTES

WORDS = "this was a bad movie".split()
SHORT = "i loved it".split()
LONG = [
    "an", "extraordinarily", "disappointing", "unquestionably", "$x$", "<b>", "misunderstanding",
    "of", "everything", "beautiful", "incomprehensible", "\N{REPLACEMENT CHARACTER}",
]  # fmt: skip
LENGTHS = torch.tensor([5, 3])


@pytest.fixture
def batch():
    """States (2, 7, 6) of two reviews, of 5 and of 3 words."""
    torch.manual_seed(0)
    states, _ = nn.LSTM(3, 6, batch_first=True)(torch.randn(2, 7, 3))
    return states


def pixels(diagram):
    return np.asarray(Image.open(io.BytesIO(diagram.png)).convert("RGB")).astype(int)


def reddish(diagram):
    """How many pixels have the colour that faults are drawn in."""
    return int((np.abs(pixels(diagram) - (0xC2, 0x41, 0x0C)).sum(axis=2) < 30).sum())


def test_the_right_last_vectors_are_found_in_the_states(batch):
    diagram = draw_rnn([WORDS, SHORT], batch, last_vectors(batch, LENGTHS))
    assert "place 4 (“movie”)" in diagram.caption and "place 2 (“it”)" in diagram.caption
    assert "Fault" not in diagram.caption and "review 1 reads i loved it <pad>" in diagram.alt


def test_states_of_the_padding_are_named_as_a_fault_for_each_review(batch):
    diagram = draw_rnn([WORDS, SHORT], batch, batch[:, -1])
    assert diagram.caption.startswith("Fault: the last vector of review 0 is the state at place 6")
    assert diagram.caption.count("which is padding") == 2
    right = draw_rnn([WORDS, SHORT], batch, last_vectors(batch, LENGTHS))
    assert reddish(diagram) > 500 > 50 > reddish(right)


def test_the_right_edge_is_no_fault_where_a_review_fills_its_row(batch):
    caption = draw_rnn([WORDS, [*SHORT, *"so very much".split(), "!"]], batch, batch[:, -1]).caption
    assert "review 0" in caption and "review 1" not in caption


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (lambda states: states[0, 0], "the state at place 0; the last word that was read, “movie”"),
        (lambda states: states[0, 3], "the state at place 3"),
        (lambda states: states[0].mean(0), "equals none of its states"),
    ],
)
def test_other_vectors_than_the_last_real_one_are_faults(batch, take, said):
    caption = draw_rnn(WORDS, batch[0], take(batch)).caption
    assert caption.startswith("Fault: ") and said in caption


def test_states_of_padding_that_are_all_alike_are_not_taken_for_the_right_one(batch):
    states = batch[0].clone()
    states[5:] = states[4]  # a reader that stops at the end of the review keeps its state
    assert "Fault" not in draw_rnn(WORDS, states, states[-1]).caption


def test_without_a_last_vector_the_words_are_counted(batch):
    caption = draw_rnn(WORDS, batch[0]).caption
    assert "5 words" in caption and "2 places of padding" in caption
    assert "padding" not in draw_rnn(WORDS, batch[0, :5], embedded=torch.randn(5, 3)).caption


def test_padding_that_is_read_before_the_words_is_a_fault(batch):
    caption = draw_rnn(["<pad>", "<pad>", *WORDS[::-1]], batch[0]).caption
    assert caption == "Fault: 2 places of padding were read before the last word."


def test_both_readers_end_at_their_own_ends(batch):
    forward, backward = batch
    last = torch.cat([forward[4], backward[4]])
    diagram = draw_rnn(WORDS, forward, last, backward=backward)
    assert "forward the state at place 4 (“movie”)" in diagram.caption
    assert "backward the state at place 0 (“this”)" in diagram.caption
    assert "backward reads movie bad a was this <pad>" in diagram.alt


def test_both_readers_that_end_in_the_padding_are_both_named(batch):
    forward, backward = batch
    last = torch.cat([forward[-1], backward[-1]])
    caption = draw_rnn(WORDS, forward, last, backward=backward).caption
    assert "of the forward reader is the state at place 6, which is padding" in caption
    assert "of the backward reader is the state at place 6, which is padding" in caption
    swapped = torch.cat([backward[4], forward[4]])
    assert "none of its states" in draw_rnn(WORDS, forward, swapped, backward=backward).caption


def test_long_words_and_all_its_room_stay_small_and_described():
    states = torch.randn(12, 64)
    diagram = draw_rnn(LONG, states, states[-1], embedded=torch.randn(12, 32))
    html = diagram._repr_mimebundle_()["text/html"]
    assert len(base64.b64encode(diagram.png)) < BYTES and diagram.width <= 910
    assert re.search(r'alt="[^"]*incomprehensible', html) and "<b>" not in html
    edge = pixels(diagram)
    assert (edge[:, -1] == 255).all() and (edge[-1] == 255).all() and (edge[0] == 255).all()


def test_the_picture_follows_the_numbers(batch):
    first = draw_rnn(WORDS, batch[0]).png
    assert first == draw_rnn(WORDS, batch[0]).png != draw_rnn(WORDS, batch[1]).png


@pytest.mark.parametrize(
    ("arguments", "named", "said"),
    [
        ((WORDS, torch.zeros(5)), {}, "states must have 3 dimensions"),
        ((WORDS, torch.zeros(4, 2)), {}, "1 reviews of up to 5 words"),
        ((WORDS, torch.zeros(2, 5, 2)), {}, "words are of 1 reviews"),
        (([], torch.zeros(5, 2)), {}, "words are of 0 reviews"),
        ((["<pad>"], torch.zeros(5, 2)), {}, "without a word"),
        ((WORDS, torch.zeros(256, 2)), {}, "room for 4 reviews of 12 words"),
        ((WORDS, torch.zeros(5, 2), torch.zeros(4)), {}, "last has the shape (4,)"),
        ((WORDS, torch.zeros(5, 2)), {"embedded": torch.zeros(6, 2)}, "embedded has the shape"),
        ((WORDS, torch.zeros(5, 2)), {"backward": torch.zeros(6, 2)}, "backward has the shape"),
        (([WORDS] * 2, torch.zeros(2, 5, 2)), {"backward": torch.zeros(5, 2)}, "one review"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(arguments, named, said):
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        draw_rnn(*arguments, **named)
    assert "\n" not in str(refused.value)
