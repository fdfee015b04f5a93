"""A block drawn from one forward pass: sums and norms are found in the numbers, faults are said."""

import pytest
import torch
from torch import nn

from practicum_utils.models.transformer import TransformerBlock
from practicum_utils.visualize.diagrams import draw_block


class Other(TransformerBlock):
    """The lesson's block, with another forward."""

    def __init__(self, forward):
        super().__init__(16, 2, 32, 0.3)
        self.way = forward

    def forward(self, x, mask, return_weights=False):
        return self.way(self, x, mask), None


def attend(block, x, mask):
    return block.attention(x, mask)[0]


def network(block, x):
    return block.feed_forward(x)


def without_first(block, x, mask):
    x = attend(block, block.attention_norm(x), mask)
    return x + network(block, block.feed_forward_norm(x))


def without_second(block, x, mask):
    x = x + attend(block, block.attention_norm(x), mask)
    return network(block, block.feed_forward_norm(x))


def without_norms(block, x, mask):
    x = x + attend(block, x, mask)
    return x + network(block, x)


def post_norm(block, x, mask):
    x = block.attention_norm(x + attend(block, x, mask))
    return block.feed_forward_norm(x + network(block, x))


def from_the_input_again(block, x, mask):
    between = x + attend(block, block.attention_norm(x), mask)
    return x + network(block, block.feed_forward_norm(between))


def one_norm(block, x, mask):
    x = x + attend(block, block.attention_norm(x), mask)
    return x + network(block, x)


def vectors():
    torch.manual_seed(0)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    return torch.randn(2, 5, 16), mask


def drawn(block):
    torch.manual_seed(1)
    return draw_block(block, *vectors())


def test_the_lessons_block_is_pre_norm_with_both_sums():
    diagram = drawn(TransformerBlock(16, 2, 32, 0.3))
    assert diagram.caption.startswith(
        "Each layer's output is added to what came in, and each layer reads normalised vectors "
        "(pre-norm)."
    )
    x, mask = vectors()
    size = x[mask].std(dim=1, correction=0).mean()
    assert f"vector is {size:.2f} at the beginning" in diagram.caption
    assert diagram.alt.count("is added to what passes by") == 2
    assert diagram.width <= 905 and len(diagram.png) * 4 / 3 <= 60_000


@pytest.mark.parametrize(("first", "words"), [(True, "(pre-norm)"), (False, "(post-norm)")])
@pytest.mark.parametrize("mode", [True, False])
def test_pytorchs_layer_is_drawn_too(first, words, mode):
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=first).train(mode)
    diagram = drawn(layer)
    assert words in diagram.caption and diagram.alt.count("is added to") == 2
    assert diagram.width <= 905


@pytest.mark.parametrize(
    ("forward", "sentence"),
    [
        (without_first, "The output of the attention replaces what came in"),
        (without_second, "The output of the feed-forward network replaces what came in"),
        (without_norms, "nothing is normalised"),
        (post_norm, "each sum is normalised (post-norm)"),
        (from_the_input_again, "Behind the feed-forward network stands neither its output nor"),
        (one_norm, "vectors are normalised before the attention only"),
    ],
)
def test_what_is_different_is_found_in_the_numbers(forward, sentence):
    torch.manual_seed(1)
    diagram = drawn(Other(forward))
    assert sentence in diagram.caption
    assert ("Each layer's output is added" in diagram.caption) == (
        forward in (without_norms, post_norm, one_norm)
    )
    assert diagram.png != drawn(TransformerBlock(16, 2, 32, 0.3)).png


def test_padding_counts_for_nothing():
    block, (x, mask) = TransformerBlock(16, 2, 32, 0.3), vectors()
    other = x.masked_fill(~mask.unsqueeze(2), 9.0)
    assert draw_block(block, other, mask).caption == draw_block(block, x, mask).caption


def test_the_block_is_left_as_it_was():
    block, (x, mask) = TransformerBlock(16, 2, 32, 0.3).train(), vectors()
    block.feed_forward.eval()
    before = torch.get_rng_state()
    draw_block(block, x, mask)
    assert torch.equal(torch.get_rng_state(), before)
    assert block.training and block.attention.training and not block.feed_forward.training
    assert not any(part._forward_hooks for part in block.modules())
    assert all(weight.grad is None for weight in block.parameters())


def test_one_text_and_no_mask_will_do():
    x, _ = vectors()
    block = TransformerBlock(16, 2, 32, 0.3)
    assert draw_block(block, x[0]).caption == draw_block(block, x[:1]).caption


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (torch.ones(5), None, "x .* 3 dimensions"),
        (torch.ones(2, 5, 16), torch.ones(2, 4).bool(), r"must be \(2, 5\).*is \(2, 4\)"),
        (torch.ones(2, 5, 16), torch.ones(2, 5), "of True and False.*float32"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, mask, message):
    with pytest.raises(ValueError, match=message):
        draw_block(TransformerBlock(16, 2, 32, 0.3), x, mask)


def test_what_is_no_block_is_refused():
    with pytest.raises(ValueError, match="batch_first=True"):
        draw_block(nn.TransformerEncoderLayer(16, 2, 32), *vectors())
    with pytest.raises(ValueError, match="No feed-forward network was at work"):
        draw_block(Other(lambda block, x, mask: x + attend(block, x, mask)), *vectors())
