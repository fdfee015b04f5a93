"""Attention against loops written out here: weights, pooled vectors, self-attention, positions.

Also what attention needs of the data: masks, and the words of a review beside their weights.
"""

import math

import datasets
import pytest
import torch
from torch.nn import functional

from practicum_utils.data import ReviewDataset, Vocabulary, token_mask
from practicum_utils.models import (
    attention_pool,
    masked_softmax,
    positional_encoding,
    self_attention,
)

SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])
HIDDEN_SCORES = pytest.mark.parametrize("hidden", [1e30, -1e30, math.inf, -math.inf, math.nan])
WITH_OR_WITHOUT_WEIGHTS = pytest.mark.parametrize("return_weights", [True, False])


def random_mask(*shape):
    """True in random places, not only at the beginning, and at least once in every row."""
    mask = torch.rand(shape) < 0.6
    mask[..., 0] |= ~mask.any(dim=-1)
    return mask


def assert_close(actual, expected, tolerance=1e-6):
    torch.testing.assert_close(actual, expected, atol=tolerance, rtol=tolerance)


def assert_are_weights(weights, mask):
    assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    assert (weights >= 0).all()
    assert (weights.masked_select(~mask) == 0.0).all()


# token_mask


@pytest.mark.parametrize("size", [5, 8])
def test_a_mask_is_true_on_the_first_places_of_each_row(size):
    lengths = [3, 1, 0, 5]
    mask = token_mask(torch.tensor(lengths), size)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[place < length for place in range(size)] for length in lengths]


# masked_softmax


@SEEDS
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4])
def test_weights_equal_the_softmax_over_the_real_places(seed, scale):
    torch.manual_seed(seed)
    scores, mask = scale * torch.randn(6, 9), random_mask(6, 9)
    weights = masked_softmax(scores, mask)
    assert_are_weights(weights, mask)
    for row in range(6):
        expected = torch.softmax(scores[row, mask[row]], dim=0)
        assert_close(weights[row, mask[row]], expected)


@pytest.mark.parametrize(
    ("scores_shape", "mask_shape"),
    [((7,), (7,)), ((4, 7), (4, 7)), ((4, 7), (7,)), ((4, 7), (1, 7)), ((2, 3, 4, 7), (2, 1, 1, 7)),
     ((2, 3, 4, 7), (4, 7)), ((7,), (4, 7))],
)  # fmt: skip
def test_a_mask_is_broadcast_to_the_scores(scores_shape, mask_shape):
    torch.manual_seed(0)
    scores, mask = torch.randn(scores_shape), random_mask(*mask_shape)
    weights = masked_softmax(scores, mask)
    assert weights.shape == torch.broadcast_shapes(scores_shape, mask_shape)
    spread_scores, spread_mask = scores.expand(weights.shape), mask.expand(weights.shape)
    assert_are_weights(weights, spread_mask)
    assert torch.equal(weights, masked_softmax(spread_scores, spread_mask))


@HIDDEN_SCORES
def test_the_hidden_scores_change_no_weight(hidden):
    torch.manual_seed(0)
    scores, mask = torch.randn(6, 9), random_mask(6, 9)
    weights = masked_softmax(torch.where(mask, scores, hidden), mask)
    assert torch.equal(weights, masked_softmax(scores, mask))
    assert_are_weights(weights, mask)


def test_the_only_real_word_has_all_the_weight():
    mask = torch.eye(4, dtype=torch.bool)
    assert torch.equal(masked_softmax(-1e30 * torch.ones(4, 4), mask), torch.eye(4))


def test_a_shift_of_all_scores_changes_no_weight():
    torch.manual_seed(0)
    scores, mask = torch.randn(6, 9), random_mask(6, 9)
    assert_close(masked_softmax(scores + 100, mask), masked_softmax(scores, mask), 1e-5)


@pytest.mark.parametrize("row", [0, 2, 4])
def test_a_row_without_a_real_token_is_named(row):
    mask = torch.ones(5, 3, dtype=torch.bool)
    mask[row] = False
    for shape in [(5, 3), (5, 1, 3), (5, 1, 1, 3)]:
        with pytest.raises(ValueError, match=rf"Row {row} of the batch has no real token"):
            masked_softmax(torch.zeros(5, 2, 3, 3), mask.reshape(shape)[:, None])
    with pytest.raises(ValueError, match=rf"Row {row} of the batch"):
        attention_pool(torch.zeros(5, 3, 2), torch.zeros(5, 3), mask)


def test_of_several_empty_rows_the_first_is_named():
    mask = token_mask(torch.tensor([2, 0, 3, 0]), 3)
    with pytest.raises(ValueError, match="Row 1 "):
        masked_softmax(torch.zeros(4, 3), mask)


def test_an_empty_mask_of_one_dimension_is_refused():
    with pytest.raises(ValueError, match="Row 0 "):
        masked_softmax(torch.zeros(3), torch.zeros(3, dtype=torch.bool))


@HIDDEN_SCORES
def test_gradients_of_the_scores_are_finite_and_zero_where_hidden(hidden):
    torch.manual_seed(0)
    mask = random_mask(6, 9)
    scores = torch.where(mask, torch.randn(6, 9), hidden).requires_grad_()
    (masked_softmax(scores, mask) * torch.randn(6, 9)).sum().backward()
    assert scores.grad.isfinite().all() and scores.grad.abs().max() > 0
    assert (scores.grad[~mask] == 0).all()


def test_neither_scores_nor_mask_are_changed():
    torch.manual_seed(0)
    scores, mask = torch.randn(6, 9), random_mask(6, 9)
    before = scores.clone(), mask.clone()
    masked_softmax(scores, mask)
    assert torch.equal(scores, before[0]) and torch.equal(mask, before[1])


# attention_pool


def pool_by_hand(states, scores, mask):
    """One review: lists in, lists out, real places only."""
    places = [place for place, real in enumerate(mask) if real]
    highest = max(scores[place] for place in places)
    exponentials = {place: math.exp(scores[place] - highest) for place in places}
    total = sum(exponentials.values())
    weights = [exponentials.get(place, 0.0) / total for place in range(len(mask))]
    pooled = [0.0] * len(states[0])
    for weight, state in zip(weights, states, strict=True):
        for column, value in enumerate(state):
            pooled[column] += weight * value
    return pooled, weights


@SEEDS
@pytest.mark.parametrize("sizes", [(4, 7, 3), (1, 1, 1), (2, 5, 6), (6, 2, 2)])
def test_pooling_equals_a_loop(seed, sizes):
    torch.manual_seed(seed)
    B, T, H = sizes
    states, scores, mask = torch.randn(B, T, H), 3 * torch.randn(B, T), random_mask(B, T)
    pooled, weights = attention_pool(states, scores, mask)
    assert pooled.shape == (B, H) and weights.shape == (B, T)
    for row in range(B):
        expected = pool_by_hand(states[row].tolist(), scores[row].tolist(), mask[row].tolist())
        assert_close(pooled[row], torch.tensor(expected[0]))
        assert_close(weights[row], torch.tensor(expected[1]))


@SEEDS
@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_a_pooled_vector_lies_among_its_real_states(seed, scale):
    torch.manual_seed(seed)
    states, scores, mask = torch.randn(4, 7, 3), scale * torch.randn(4, 7), random_mask(4, 7)
    states[~mask] = 1e6  # one look at the padding would show
    pooled, _ = attention_pool(states, scores, mask)
    for row in range(4):
        real = states[row, mask[row]]
        assert (pooled[row] >= real.amin(dim=0) - 1e-6).all()
        assert (pooled[row] <= real.amax(dim=0) + 1e-6).all()


def test_equal_scores_give_the_mean_of_the_real_states():
    torch.manual_seed(0)
    states, mask = torch.randn(4, 7, 3), random_mask(4, 7)
    pooled, _ = attention_pool(states, torch.full((4, 7), 5.0), mask)
    means = [state[real].mean(dim=0) for state, real in zip(states, mask, strict=True)]
    assert_close(pooled, torch.stack(means))


def test_pooling_gives_finite_gradients_and_none_to_the_padding():
    torch.manual_seed(0)
    mask = random_mask(4, 7)
    states = torch.randn(4, 7, 3).requires_grad_()
    scores = torch.where(mask, torch.randn(4, 7), 1e30).requires_grad_()
    pooled, _ = attention_pool(states, scores, mask)
    (pooled**2).sum().backward()
    for gradient in (states.grad, scores.grad):
        assert gradient.isfinite().all() and (gradient[~mask] == 0).all()
        assert gradient.abs().max() > 0


# self_attention


def make_heads(seed, sizes=(2, 3, 6, 4)):
    torch.manual_seed(seed)
    return torch.randn(3, *sizes).unbind()


def attend_by_hand(queries, keys, values, mask):
    """One head of one review: each query's weighted mean of the values, (T, D) three times."""
    mixed, weights = torch.zeros_like(values), torch.zeros(len(queries), len(keys))
    for i, query in enumerate(queries):
        places = [j for j in range(len(keys)) if mask[i, j]]
        scores = torch.stack([(query * keys[j]).sum() / len(query) ** 0.5 for j in places])
        for j, score in zip(places, scores, strict=True):
            weights[i, j] = score.exp() / scores.exp().sum()
            mixed[i] += weights[i, j] * values[j]
    return mixed, weights


MASKS = {
    "no mask": lambda: None,
    "padding": lambda: token_mask(torch.tensor([6, 2]), 6).reshape(2, 1, 1, 6),
    "scattered": lambda: random_mask(2, 1, 1, 6),
    "one for all": lambda: random_mask(1, 6),
    "earlier words": lambda: torch.ones(6, 6, dtype=torch.bool).tril(),
    "everywhere another": lambda: random_mask(2, 3, 6, 6),
}
EVERY_MASK = pytest.mark.parametrize("mask_name", MASKS)


@SEEDS
@EVERY_MASK
@WITH_OR_WITHOUT_WEIGHTS
def test_self_attention_equals_a_loop(seed, mask_name, return_weights):
    heads, mask = make_heads(seed), MASKS[mask_name]()
    mixed, weights = self_attention(*heads, mask, return_weights)
    everywhere = torch.ones(2, 3, 6, 6, dtype=torch.bool)
    spread = everywhere if mask is None else everywhere & mask
    for b, h in [(0, 0), (1, 2)]:
        expected = attend_by_hand(*(part[b, h] for part in heads), spread[b, h])
        assert_close(mixed[b, h], expected[0], 1e-5)
        if return_weights:
            assert_close(weights[b, h], expected[1], 1e-5)


@SEEDS
@EVERY_MASK
def test_self_attention_equals_pytorch_s_with_and_without_weights(seed, mask_name):
    heads, mask = make_heads(seed), MASKS[mask_name]()
    spread = None if mask is None else mask.expand(2, 3, 6, 6)
    expected = functional.scaled_dot_product_attention(*heads, attn_mask=spread)
    fused, nothing = self_attention(*heads, mask)
    mixed, weights = self_attention(*heads, mask, return_weights=True)
    assert nothing is None and weights.shape == (2, 3, 6, 6)
    assert_close(fused, expected)
    assert_close(mixed, expected)
    assert_are_weights(weights, torch.tensor(True) if mask is None else mask)


@pytest.mark.parametrize("sizes", [(6, 4), (2, 6, 4), (2, 2, 3, 6, 4), (1, 1, 1, 1), (2, 1, 5, 9)])
def test_any_number_of_leading_dimensions_is_taken(sizes):
    heads = make_heads(0, sizes)
    mask = random_mask(1, sizes[-2])
    expected = functional.scaled_dot_product_attention(*heads, attn_mask=mask)
    assert_close(self_attention(*heads, mask)[0], expected)
    assert_close(self_attention(*heads, mask, return_weights=True)[0], expected)


@WITH_OR_WITHOUT_WEIGHTS
def test_a_mask_of_one_dimension_serves_all_queries(return_weights):
    heads, mask = make_heads(0), random_mask(6)
    mixed, _ = self_attention(*heads, mask, return_weights)
    assert_close(mixed, self_attention(*heads, mask.expand(6, 6), return_weights)[0])


@WITH_OR_WITHOUT_WEIGHTS
def test_hidden_keys_and_values_change_nothing(return_weights):
    queries, keys, values = make_heads(0)
    mask = MASKS["padding"]()
    shown = mask.transpose(2, 3)
    huge = torch.where(shown, keys, 1e30), torch.where(shown, values, 1e30)
    mixed, weights = self_attention(queries, *huge, mask, return_weights)
    expected, expected_weights = self_attention(queries, keys, values, mask, return_weights)
    assert torch.equal(mixed, expected)
    assert not return_weights or torch.equal(weights, expected_weights)


@WITH_OR_WITHOUT_WEIGHTS
def test_self_attention_refuses_a_row_in_which_no_key_is_real(return_weights):
    heads, mask = make_heads(0), token_mask(torch.tensor([6, 0]), 6).reshape(2, 1, 1, 6)
    with pytest.raises(ValueError, match="Row 1 of the batch has no real token"):
        self_attention(*heads, mask, return_weights)


def test_the_gradients_are_those_of_pytorch_s():
    heads, mask = make_heads(0), MASKS["padding"]()
    gradients = []
    for attend in [
        lambda *parts: functional.scaled_dot_product_attention(*parts, attn_mask=mask),
        lambda *parts: self_attention(*parts, mask)[0],
        lambda *parts: self_attention(*parts, mask, return_weights=True)[0],
    ]:
        leaves = [part.clone().requires_grad_() for part in heads]
        gradients.append(torch.autograd.grad((attend(*leaves) ** 2).sum(), leaves))
    assert all(gradient.isfinite().all() for gradient in gradients[2])
    for other in gradients[1:]:
        for actual, expected in zip(other, gradients[0], strict=True):
            assert_close(actual, expected, 1e-5)


# positional_encoding


@pytest.mark.parametrize(("length", "size"), [(1, 2), (7, 6), (40, 16), (300, 4), (3, 64)])
def test_positions_follow_the_formula_of_vaswani_et_al(length, size):
    positions = positional_encoding(length, size)
    assert positions.shape == (length, size) and positions.dtype == torch.float32
    expected = torch.zeros(length, size)
    for t in range(length):
        for k in range(size // 2):
            angle = t / 10_000 ** (2 * k / size)
            expected[t, 2 * k], expected[t, 2 * k + 1] = math.sin(angle), math.cos(angle)
    assert_close(positions, expected, 1e-4)


@pytest.mark.parametrize("size", [1, 7, 63])
def test_an_odd_size_is_refused(size):
    with pytest.raises(ValueError, match=f"size is {size}; .* must be even"):
        positional_encoding(10, size)


def test_no_two_positions_are_alike():
    positions = positional_encoding(512, 16)
    distances = torch.cdist(positions, positions) + 9 * torch.eye(512)
    assert distances.min() > 0.1


def test_a_longer_review_has_the_same_first_positions():
    assert torch.equal(positional_encoding(30, 8)[:10], positional_encoding(10, 8))


@pytest.mark.parametrize("shift", [1, 5, 20])
def test_a_step_to_the_right_is_the_same_rotation_everywhere(shift):
    """What lets a model look "three words back" by one linear map, wherever it stands."""
    sines, cosines = positional_encoding(60, 8).reshape(60, 4, 2).unbind(dim=2)
    hands = torch.complex(cosines, sines)  # like the hands of four clocks
    turns = hands[shift:] * hands[:-shift].conj()
    assert_close(turns, turns[:1].expand_as(turns), 1e-5)
    assert (turns.angle() != 0).any()


# ReviewDataset: the words beside the weights

TEXTS = ["The film was a zebra of a film!", "Don't.", "Was it? A film<br />It was QUAGGA; it was"]
WORDS = [
    ["the", "film", "was", "a", "zebra", "of", "a", "film", "!"],
    ["don't"],
    ["was", "it", "?", "a", "film", "it", "was", "quagga", "it", "was"],
]
EVERY_CUT = pytest.mark.parametrize("max_length", [1, 2, 4, 9, 256])
BOTH_ENDS = pytest.mark.parametrize("keep", ["end", "beginning"])


def make_dataset(max_length, keep):
    """Three reviews; the vocabulary lacks "zebra", "quagga" and the marks."""
    reviews = datasets.Dataset.from_dict({"text": TEXTS, "label": [1, 2, 1]})
    vocab = Vocabulary("the film was a of it don't".split())
    return ReviewDataset(reviews, vocab, max_length, keep), vocab


@EVERY_CUT
@BOTH_ENDS
def test_the_tokens_are_the_words_that_the_cut_left(max_length, keep):
    dataset, _ = make_dataset(max_length, keep)
    for index, words in enumerate(WORDS):
        left = (
            words[:max_length] if keep == "beginning" else words[max(0, len(words) - max_length) :]
        )
        assert dataset.tokens(index) == left


@EVERY_CUT
@BOTH_ENDS
def test_the_tokens_stand_beside_their_ids(max_length, keep):
    dataset, vocab = make_dataset(max_length, keep)
    for index in range(-3, 3):
        token_ids, tokens = dataset[index][0], dataset.tokens(index)
        assert isinstance(tokens, list) and len(tokens) == len(token_ids) == dataset.lengths[index]
        assert vocab.encode(tokens) == token_ids.tolist()


def test_an_unknown_word_keeps_its_letters():
    dataset, vocab = make_dataset(3, "end")
    assert dataset.tokens(2) == ["quagga", "it", "was"] and "quagga" not in vocab


@BOTH_ENDS
def test_a_negative_index_counts_from_the_end(keep):
    dataset, _ = make_dataset(4, keep)
    assert [dataset.tokens(i) for i in (-1, -2, -3)] == [dataset.tokens(i) for i in (2, 1, 0)]


@pytest.mark.parametrize("index", [3, -4, 100])
def test_an_index_outside_the_dataset_is_refused(index):
    dataset, _ = make_dataset(4, "end")
    with pytest.raises(IndexError):
        dataset.tokens(index)


@EVERY_CUT
@BOTH_ENDS
def test_the_full_lengths_are_those_before_the_cut(max_length, keep):
    dataset, _ = make_dataset(max_length, keep)
    full = [len(words) for words in WORDS]
    assert dataset.full_lengths.dtype == dataset.lengths.dtype == torch.int64
    assert dataset.full_lengths.tolist() == full
    assert dataset.lengths.tolist() == [min(length, max_length) for length in full]
    assert dataset.cut == sum(length > max_length for length in full)
