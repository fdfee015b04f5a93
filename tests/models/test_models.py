"""What a model must not depend on: padding, the other rows of the batch, their order, its size.

The layers written out in the package are compared with PyTorch's own, with the same weights.
"""

import copy
import math
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from practicum_utils.data import PAD, token_mask
from practicum_utils.models import (
    AttentionRNN,
    BagOfNgrams,
    MeanEmbedding,
    MultiHeadAttention,
    PairEmbedding,
    SimpleRNN,
    TransformerBlock,
    TransformerClassifier,
    hash_ngrams,
    last_vectors,
    open_gates,
    reverse_reviews,
    reverse_states,
    small_vectors,
)

VOCAB_SIZE, EMBEDDING, HIDDEN = 50, 8, 6
LAYERS, HEADS = 2, 4
SIZES = {
    MeanEmbedding: {},
    SimpleRNN: {"hidden_size": HIDDEN},
    AttentionRNN: {"hidden_size": HIDDEN},
    TransformerClassifier: {"num_heads": HEADS, "layers": LAYERS, "inner_size": 10},
}
EVERY_MODEL = pytest.mark.parametrize("kind", list(SIZES))
ALL_BUT_THE_MEAN = pytest.mark.parametrize("kind", list(SIZES)[1:])
WITH_WEIGHTS = pytest.mark.parametrize("kind", [AttentionRNN, TransformerClassifier])
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2, 3])


def make_model(kind, seed=0):
    """A model in eval mode whose weights are as large as after training."""
    torch.manual_seed(seed)
    model = with_large_weights(kind(VOCAB_SIZE, EMBEDDING, **SIZES[kind]))
    with torch.no_grad():
        model.embedding.weight[PAD] = 0
    return model


def with_large_weights(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.7)
    return module.eval()


def make_batch(seed=0, lengths=(9, 1, 4, 12, 2, 7)):
    torch.manual_seed(seed)
    rows = [torch.randint(1, VOCAB_SIZE, (length,)) for length in lengths]
    return pad_sequence(rows, batch_first=True), torch.tensor(lengths)


def with_more_padding(token_ids, count):
    return nn.functional.pad(token_ids, (0, count), value=PAD)


def one_by_one(model, token_ids, lengths):
    """The logits of each review alone, without any padding."""
    rows = zip(token_ids, lengths, strict=True)
    return torch.cat([model(row[None, :length], length[None]) for row, length in rows])


def assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@EVERY_MODEL
def test_one_logit_per_review(kind):
    token_ids, lengths = make_batch()
    logits = make_model(kind)(token_ids, lengths)
    assert logits.shape == (6,) and logits.dtype == torch.float32
    assert logits.std() > 0.01


@EVERY_MODEL
def test_a_batch_of_one_is_still_a_batch(kind):
    token_ids, lengths = make_batch(lengths=(3,))
    assert make_model(kind)(token_ids, lengths).shape == (1,)


@EVERY_MODEL
def test_a_model_in_double_precision_gives_the_same_logits(kind):
    token_ids, lengths = make_batch()
    model = make_model(kind)
    expected = model(token_ids, lengths)
    precise = model.double()(token_ids, lengths)
    assert precise.dtype == torch.float64
    assert_close(precise.float(), expected)


@EVERY_MODEL
def test_the_batch_is_left_as_it_was(kind):
    token_ids, lengths = make_batch()
    before = token_ids.clone(), lengths.clone()
    make_model(kind).train()(token_ids, lengths)
    assert torch.equal(token_ids, before[0]) and torch.equal(lengths, before[1])


@EVERY_MODEL
@SEEDS
@pytest.mark.parametrize("count", [1, 30])
def test_more_padding_changes_no_logit(kind, seed, count):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    padded = model(with_more_padding(token_ids, count), lengths)
    assert_close(padded, model(token_ids, lengths))


@EVERY_MODEL
@SEEDS
def test_the_size_of_the_batch_changes_no_logit(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    assert_close(model(token_ids, lengths), one_by_one(model, token_ids, lengths))


@EVERY_MODEL
@SEEDS
def test_the_order_of_the_batch_changes_no_logit(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    order = torch.randperm(len(lengths))
    assert_close(model(token_ids[order], lengths[order]), model(token_ids, lengths)[order])


@ALL_BUT_THE_MEAN
@SEEDS
def test_what_stands_on_the_padding_changes_no_logit(kind, seed):
    """The mean needs zeros there; the others go by the lengths alone."""
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    noise = torch.randint_like(token_ids, 1, VOCAB_SIZE)
    noisy = token_ids.where(token_mask(lengths, token_ids.shape[1]), noise)
    assert not torch.equal(noisy, token_ids)
    assert_close(model(noisy, lengths), model(token_ids, lengths))


@pytest.mark.parametrize("reader", ["forward_rnn", "backward_rnn"])
def test_no_reader_sees_the_padding(reader):
    model, (token_ids, lengths) = make_model(SimpleRNN), make_batch()
    if reader == "backward_rnn":
        token_ids = reverse_reviews(token_ids, lengths)
    rnn = getattr(model, reader)
    vectors = model.read(rnn, token_ids, lengths)
    for row, length, vector in zip(token_ids, lengths, vectors, strict=True):
        _, (alone, _) = rnn(model.embedding(row[:length]))
        assert_close(vector, alone[0])


def test_the_backward_reader_ends_on_the_first_word():
    model, (token_ids, lengths) = make_model(SimpleRNN), make_batch(lengths=(5, 8))
    changed = token_ids.clone()
    changed[:, 0] = token_ids[:, 0] % (VOCAB_SIZE - 1) + 1
    before, after = (
        model.read(model.backward_rnn, reverse_reviews(ids, lengths), lengths)
        for ids in (token_ids, changed)
    )
    assert (before - after).abs().max() > 1e-3


def change_by_swapping_two_words(kind, seed=0):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed, lengths=(9, 9, 9))
    token_ids[:, [0, 8]] = torch.tensor([3, 8])
    swapped = token_ids[:, [8, *range(1, 8), 0]]
    return (model(swapped, lengths) - model(token_ids, lengths)).abs()


@ALL_BUT_THE_MEAN
@SEEDS
def test_the_order_of_the_words_counts(kind, seed):
    assert change_by_swapping_two_words(kind, seed).max() > 1e-4


def test_the_order_of_the_words_does_not_count_for_the_mean():
    assert change_by_swapping_two_words(MeanEmbedding).max() < 1e-5


# The two readers against nn.LSTM(bidirectional=True)


def bidirectional_twin(model):
    """PyTorch's own two-way LSTM with the weights of the model's two readers."""
    twin = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True).eval()
    weights = dict(model.forward_rnn.named_parameters())
    backward = model.backward_rnn.named_parameters()
    weights |= {f"{name}_reverse": parameter for name, parameter in backward}
    twin.load_state_dict(weights)
    return twin


@SEEDS
def test_both_states_of_every_word_equal_the_packed_bidirectional_lstm(seed):
    model, (token_ids, lengths) = make_model(AttentionRNN, seed), make_batch(seed)
    embedded = model.embedding(token_ids)
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(bidirectional_twin(model)(packed)[0], batch_first=True)
    mask = token_mask(lengths, token_ids.shape[1])
    found = model.read(token_ids, lengths)
    assert_close(found[..., : 2 * HIDDEN][mask], states[mask])
    assert_close(found[..., 2 * HIDDEN :][mask], model.pairs(token_ids)[mask])


def two_last_vectors(model, token_ids, lengths):
    """(B, 2H), what the model gives to its hidden layer."""
    seen = []
    hook = model.hidden.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(token_ids, lengths)
    hook.remove()
    return seen[0]


@SEEDS
def test_last_vectors_equal_the_bidirectional_lstm_without_padding(seed):
    model, (token_ids, lengths) = make_model(SimpleRNN, seed), make_batch(seed)
    twin = bidirectional_twin(model)
    for row, length in zip(token_ids, lengths, strict=True):
        alone = row[None, :length]
        _, (h_n, _) = twin(model.embedding(alone))
        assert_close(two_last_vectors(model, alone, length[None]), torch.cat([*h_n], dim=1))


@SEEDS
def test_last_vectors_equal_the_packed_bidirectional_lstm(seed):
    model, (token_ids, lengths) = make_model(SimpleRNN, seed), make_batch(seed)
    embedded = model.embedding(token_ids)
    packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
    _, (h_n, _) = bidirectional_twin(model)(packed)
    assert_close(two_last_vectors(model, token_ids, lengths), torch.cat([*h_n], dim=1))


def test_an_lstm_step_written_by_hand_equals_pytorch_s():
    torch.manual_seed(0)
    cell = nn.LSTMCell(EMBEDDING, HIDDEN)
    x, h, c = torch.randn(3, EMBEDDING), torch.randn(3, HIDDEN), torch.randn(3, HIDDEN)
    gates = x @ cell.weight_ih.T + cell.bias_ih + h @ cell.weight_hh.T + cell.bias_hh
    let_in, forget, new, show = gates.chunk(4, dim=1)
    next_c = forget.sigmoid() * c + let_in.sigmoid() * new.tanh()
    next_h = show.sigmoid() * next_c.tanh()
    expected_h, expected_c = cell(x, (h, c))
    assert_close(next_h, expected_h)
    assert_close(next_c, expected_c)


# The three helpers


def test_last_vectors_takes_each_row_s_own_last_state():
    states = torch.arange(2 * 3 * 2).reshape(2, 3, 2)
    assert last_vectors(states, torch.tensor([3, 1])).tolist() == [[4, 5], [6, 7]]


def test_reverse_reviews_leaves_the_padding_at_the_end():
    token_ids = torch.tensor([[5, 6, 7, 8], [5, 6, 0, 0], [9, 0, 0, 0]])
    reversed_ids = reverse_reviews(token_ids, torch.tensor([4, 2, 1]))
    assert reversed_ids.tolist() == [[8, 7, 6, 5], [6, 5, 0, 0], [9, 0, 0, 0]]


@SEEDS
def test_reversing_twice_gives_the_reviews_back(seed):
    token_ids, lengths = make_batch(seed)
    before = token_ids.clone()
    assert torch.equal(reverse_reviews(reverse_reviews(token_ids, lengths), lengths), before)
    assert torch.equal(token_ids, before)


@SEEDS
def test_reverse_states_reverses_each_row_s_real_vectors(seed):
    torch.manual_seed(seed)
    lengths = torch.tensor([4, 1, 7, 0, 6])
    states = torch.randn(5, 7, 3)
    reversed_states = reverse_states(states, lengths)
    for before, after, length in zip(states, reversed_states, lengths, strict=True):
        assert torch.equal(after[:length], before[:length].flip(0))
        assert torch.equal(after[length:], before[length:])


@SEEDS
def test_reversing_the_states_twice_gives_them_back(seed):
    torch.manual_seed(seed)
    states, lengths = torch.randn(5, 7, 3), torch.tensor([4, 1, 7, 3, 6])
    before = states.clone()
    assert torch.equal(reverse_states(reverse_states(states, lengths), lengths), before)
    assert torch.equal(states, before)


def test_reversed_vectors_are_the_vectors_of_the_reversed_reviews():
    model, (token_ids, lengths) = make_model(AttentionRNN), make_batch()
    expected = model.embedding(reverse_reviews(token_ids, lengths))
    assert torch.equal(reverse_states(model.embedding(token_ids), lengths), expected)


# Attention weights


def real_part(weights, length):
    """One review's weights without its padding, from (T,) or (layers, heads, T, T)."""
    weights = weights[..., :length]
    return weights if weights.dim() == 1 else weights[..., :length, :]


def assert_same_weights(actual, expected, lengths):
    assert len(actual) == len(expected) == len(lengths)
    for one, other, length in zip(actual, expected, lengths, strict=True):
        assert_close(real_part(one, length), real_part(other, length))


def weights_of(model, token_ids, lengths):
    return model(token_ids, lengths, return_weights=True)[1]


@WITH_WEIGHTS
def test_the_weights_have_the_promised_shape(kind):
    token_ids, lengths = make_batch()
    logits, weights = make_model(kind)(token_ids, lengths, return_weights=True)
    maps = (6, LAYERS, HEADS, 12, 12)
    assert logits.shape == (6,)
    assert weights.shape == ((6, 12) if kind is AttentionRNN else maps)


@WITH_WEIGHTS
@SEEDS
@pytest.mark.parametrize("mode", [True, False], ids=["train mode", "eval mode"])
def test_weights_sum_to_one_and_are_zero_on_the_padding(kind, seed, mode):
    model, (token_ids, lengths) = make_model(kind, seed).train(mode), make_batch(seed)
    weights = weights_of(model, token_ids, lengths)
    assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    assert (weights >= 0).all() and weights.std() > 0.01
    for row, length in zip(weights, lengths, strict=True):
        assert (row[..., length:] == 0.0).all()


@WITH_WEIGHTS
@SEEDS
@pytest.mark.parametrize("count", [1, 30])
def test_more_padding_changes_no_weight(kind, seed, count):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    padded = weights_of(model, with_more_padding(token_ids, count), lengths)
    assert_same_weights(padded, weights_of(model, token_ids, lengths), lengths)


@WITH_WEIGHTS
@SEEDS
def test_the_size_of_the_batch_changes_no_weight(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    rows = zip(token_ids, lengths, strict=True)
    alone = [weights_of(model, row[None, :length], length[None])[0] for row, length in rows]
    assert_same_weights(weights_of(model, token_ids, lengths), alone, lengths)


@WITH_WEIGHTS
@SEEDS
def test_the_order_of_the_batch_changes_no_weight(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    order = torch.randperm(len(lengths))
    shuffled = weights_of(model, token_ids[order], lengths[order])
    assert_same_weights(shuffled, weights_of(model, token_ids, lengths)[order], lengths[order])


@WITH_WEIGHTS
@SEEDS
@pytest.mark.parametrize("mode", [True, False], ids=["train mode", "eval mode"])
def test_asking_for_the_weights_changes_neither_logits_nor_gradients(kind, seed, mode):
    model, (token_ids, lengths) = make_model(kind, seed).train(mode), make_batch(seed)
    results = []
    for return_weights in (True, False):
        torch.manual_seed(seed)  # the same dropout
        answer = model(token_ids, lengths, return_weights=return_weights)
        logits = answer[0] if return_weights else answer
        gradients = torch.autograd.grad((logits**2).sum(), [*model.parameters()])
        results.append([logits, *gradients])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@WITH_WEIGHTS
def test_without_asking_there_are_only_logits(kind):
    assert isinstance(make_model(kind)(*make_batch()), torch.Tensor)


@WITH_WEIGHTS
@pytest.mark.parametrize("return_weights", [True, False])
def test_a_review_without_a_word_is_refused(kind, return_weights):
    token_ids, lengths = make_batch()
    token_ids[4], lengths[4] = PAD, 0
    with pytest.raises(ValueError, match="Row 4 of the batch has no real token"):
        make_model(kind)(token_ids, lengths, return_weights=return_weights)


@WITH_WEIGHTS
@pytest.mark.parametrize("padding", [0, 5])
def test_the_word_of_a_one_word_review_has_all_the_weight(kind, padding):
    token_ids, lengths = make_batch(lengths=(1, 1))
    model, padded = make_model(kind), with_more_padding(token_ids, padding)
    logits, weights = model(padded, lengths, return_weights=True)
    assert logits.isfinite().all() and (logits[0] - logits[1]).abs() > 1e-3
    assert torch.equal(weights[..., 0], torch.ones(weights.shape[:-1]))


# What the weights of the attention RNN do


@SEEDS
def test_a_score_is_v_times_the_tanh_of_w_state_plus_b(seed):
    model, (token_ids, lengths) = make_model(AttentionRNN, seed), make_batch(seed)
    W, b, v = model.attention.weight, model.attention.bias, model.score.weight[0]
    states, weights = model.read(token_ids, lengths), weights_of(model, token_ids, lengths)
    assert model.score.bias is None
    for row, length in enumerate(lengths):
        scores = torch.stack([v @ torch.tanh(W @ state + b) for state in states[row, :length]])
        assert_close(weights[row, :length], scores.exp() / scores.exp().sum())


@SEEDS
def test_the_returned_weights_make_the_vector_that_decides(seed):
    model, (token_ids, lengths) = make_model(AttentionRNN, seed), make_batch(seed)
    states, weights = model.read(token_ids, lengths), weights_of(model, token_ids, lengths)
    pooled = torch.stack([sum(map(torch.mul, *pair)) for pair in zip(weights, states, strict=True)])
    assert_close(two_last_vectors(model, token_ids, lengths), pooled)


# The transformer against PyTorch's own layers

EVERY_SIZE = pytest.mark.parametrize(
    ("size", "heads"), [(8, 1), (8, 2), (12, 3), (6, 6)], ids=lambda number: str(number)
)


def make_vectors(size, seed=0, lengths=(9, 1, 4, 7)):
    """(B, T, E) with its mask; the padding holds numbers too, as it does inside a model."""
    torch.manual_seed(seed)
    return torch.randn(len(lengths), max(lengths), size), token_mask(torch.tensor(lengths), 9)


def attention_weights(attention):
    """The parameters of our attention under the names of PyTorch's."""
    return {
        "in_proj_weight": attention.qkv.weight,
        "in_proj_bias": attention.qkv.bias,
        "out_proj.weight": attention.output.weight,
        "out_proj.bias": attention.output.bias,
    }


def attention_twin(attention, size, heads):
    twin = nn.MultiheadAttention(size, heads, batch_first=True).eval()
    twin.load_state_dict(attention_weights(attention))
    return twin


def block_twin(block, size, heads, inner_size):
    options = {"dropout": 0.0, "activation": "relu", "batch_first": True, "norm_first": True}
    twin = nn.TransformerEncoderLayer(size, heads, inner_size, **options).eval()
    inner, outer = (layer for layer in block.feed_forward if isinstance(layer, nn.Linear))
    pairs = {"norm1": block.attention_norm, "norm2": block.feed_forward_norm,
             "linear1": inner, "linear2": outer}  # fmt: skip
    weights = {
        f"self_attn.{name}": value for name, value in attention_weights(block.attention).items()
    }
    for name, layer in pairs.items():
        weights |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    twin.load_state_dict(weights)
    return twin


@SEEDS
@EVERY_SIZE
def test_our_heads_equal_pytorch_s(size, heads, seed):
    x, mask = make_vectors(size, seed)
    attention = with_large_weights(MultiHeadAttention(size, heads))
    expected, maps = attention_twin(attention, size, heads)(
        x, x, x, key_padding_mask=~mask, need_weights=True, average_attn_weights=False
    )
    mixed, weights = attention(x, mask, return_weights=True)
    assert weights.shape == maps.shape == (4, heads, 9, 9)
    assert_close(mixed, expected)
    assert_close(weights, maps)
    fused, nothing = attention(x, mask)
    assert_close(fused, expected)
    assert nothing is None


@SEEDS
@EVERY_SIZE
@pytest.mark.parametrize("return_weights", [True, False])
def test_our_block_equals_pytorch_s(size, heads, seed, return_weights):
    x, mask = make_vectors(size, seed)
    block = with_large_weights(TransformerBlock(size, heads, inner_size=10, dropout=0.3))
    twin = block_twin(block, size, heads, inner_size=10)
    mixed, weights = block(x, mask, return_weights)
    assert_close(mixed[mask], twin(x, src_key_padding_mask=~mask)[mask])
    normed = block.attention_norm(x)
    expected = block.attention(normed, mask, return_weights=True)[1]
    assert torch.equal(weights, expected) if return_weights else weights is None


@SEEDS
def test_the_gradients_of_our_block_equal_pytorch_s(seed):
    x, mask = make_vectors(12, seed)
    block = with_large_weights(TransformerBlock(12, 3, inner_size=10, dropout=0.3))
    twin = block_twin(block, 12, 3, inner_size=10)
    x.requires_grad_()
    mixed, _ = block(x, mask)
    (ours,) = torch.autograd.grad((mixed[mask] ** 2).sum(), x)
    (theirs,) = torch.autograd.grad((twin(x, src_key_padding_mask=~mask)[mask] ** 2).sum(), x)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_a_block_in_training_drops_both_of_its_additions():
    """With dropout 1 nothing is left but the input, and inside the network but the last bias."""
    x, mask = make_vectors(8)
    block = with_large_weights(TransformerBlock(8, 2, inner_size=10, dropout=1.0)).train()
    assert torch.equal(block(x, mask)[0], x)
    assert torch.equal(block.feed_forward(x), block.feed_forward[-1].bias.expand_as(x))


@pytest.mark.parametrize(("size", "heads"), [(8, 3), (6, 4), (4, 8)])
def test_a_size_that_the_heads_cannot_share_is_refused(size, heads):
    sentence = f"{size} numbers cannot be shared out evenly among {heads} heads"
    with pytest.raises(ValueError, match=sentence):
        MultiHeadAttention(size, heads)
    with pytest.raises(ValueError, match=sentence):
        TransformerClassifier(VOCAB_SIZE, size, num_heads=heads)


@SEEDS
@pytest.mark.parametrize("layers", [1, 3])
def test_the_maps_stand_in_the_order_of_the_blocks(seed, layers):
    torch.manual_seed(seed)
    model = with_large_weights(TransformerClassifier(VOCAB_SIZE, EMBEDDING, HEADS, layers))
    seen = []
    for block in model.blocks:
        block.register_forward_hook(lambda *parts: seen.append(parts[2][1]))
    weights = weights_of(model, *make_batch(seed))
    assert weights.shape[1] == len(seen) == layers
    assert all(torch.equal(weights[:, i], seen[i]) for i in range(layers))


def shuffled_words(token_ids, lengths):
    """Every review with its own words in another order."""
    shuffled = token_ids.clone()
    for row, length in zip(shuffled, lengths, strict=True):
        row[:length] = row[torch.randperm(length)]
    return shuffled


@pytest.fixture
def no_positions(monkeypatch):
    """A transformer that is not told where a word stands."""
    monkeypatch.setattr(
        "practicum_utils.models.transformer.positional_encoding",
        lambda length, size: torch.zeros(length, size),
    )


@SEEDS
def test_without_positions_the_order_of_the_words_does_not_count(no_positions, seed):
    model, (token_ids, lengths) = make_model(TransformerClassifier, seed), make_batch(seed)
    nn.init.zeros_(model.pairs.table.weight)  # pairs know a little of the order
    shuffled = shuffled_words(token_ids, lengths)
    assert not torch.equal(shuffled, token_ids)
    assert_close(model(shuffled, lengths), model(token_ids, lengths))


@ALL_BUT_THE_MEAN
@SEEDS
def test_shuffled_words_give_another_logit(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    difference = model(shuffled_words(token_ids, lengths), lengths) - model(token_ids, lengths)
    assert difference.abs().max() > 1e-3


@SEEDS
def test_without_positions_the_maps_move_with_the_words(no_positions, seed):
    model, (token_ids, lengths) = make_model(TransformerClassifier, seed), make_batch(seed)
    row, order = token_ids[:1], torch.randperm(9)
    before, after = (weights_of(model, ids, lengths[:1])[0] for ids in (row[:, :9], row[:, order]))
    assert_close(after, before[:, :, order][..., order])


# Gradients


def embedding_gradients(model, token_ids, lengths, row):
    """d logit[row] / d word vectors, one (B, T, E) tensor per reader."""
    outputs = []
    hook = model.embedding.register_forward_hook(lambda *parts: outputs.append(parts[2]))
    logits = model(token_ids, lengths)
    hook.remove()
    return torch.autograd.grad(logits[row], outputs)


@EVERY_MODEL
@pytest.mark.parametrize("row", [0, 3])
def test_no_gradient_crosses_from_one_review_to_another(kind, row):
    token_ids, lengths = make_batch()
    for gradient in embedding_gradients(make_model(kind), token_ids, lengths, row):
        others = torch.arange(len(lengths)) != row
        assert gradient[others].abs().max() == 0
        assert (gradient[row, : lengths[row]].abs().amax(dim=1) > 0).all()


@ALL_BUT_THE_MEAN
def test_no_gradient_reaches_the_padding(kind):
    token_ids, lengths = make_batch()
    for gradient in embedding_gradients(make_model(kind), token_ids, lengths, 0):
        assert gradient[0, lengths[0] :].abs().max() == 0


def test_queries_keys_and_values_all_learn():
    model, (token_ids, lengths) = make_model(TransformerClassifier), make_batch()
    model(token_ids, lengths).sum().backward()
    for block in model.blocks:
        for part in block.attention.qkv.weight.grad.chunk(3):
            assert part.isfinite().all() and (part.abs().amax(dim=1) > 0).all()


@EVERY_MODEL
def test_the_vector_of_the_padding_stays_zero(kind):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    model(token_ids, lengths).sum().backward()
    assert model.embedding.weight.grad[PAD].abs().max() == 0
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


# Copies and modes


@EVERY_MODEL
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_gives_the_same_logits_and_is_independent(kind, copied):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    expected = model(token_ids, lengths)
    twin = copied(model)
    nn.init.zeros_(model.output.bias)
    assert torch.equal(twin(token_ids, lengths), expected)


@EVERY_MODEL
def test_the_saved_parameters_are_the_whole_model(kind):
    model, other, (token_ids, lengths) = make_model(kind), make_model(kind, seed=1), make_batch()
    expected = model(token_ids, lengths)
    assert not torch.allclose(other(token_ids, lengths), expected)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(token_ids, lengths), expected)


@WITH_WEIGHTS
def test_a_copy_gives_the_same_weights(kind):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    twin = pickle.loads(pickle.dumps(model))
    assert torch.equal(weights_of(twin, token_ids, lengths), weights_of(model, token_ids, lengths))


@ALL_BUT_THE_MEAN
def test_dropout_works_in_training_only(kind):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    assert torch.equal(model(token_ids, lengths), model(token_ids, lengths))
    model.train()
    assert not torch.equal(model(token_ids, lengths), model(token_ids, lengths))


# Words and short runs of words


def runs_by_hand(row, longest):
    """For each place the runs of 2 to ``longest`` words that end there, as tuples."""
    padded = [PAD] * (longest - 1) + row
    ends = range(longest - 1, len(padded))
    return [[tuple(padded[end - n + 1 : end + 1]) for n in range(2, longest + 1)] for end in ends]


@pytest.mark.parametrize("longest", [2, 3, 5])
def test_equal_runs_share_a_number_and_different_ones_hardly_ever(longest):
    torch.manual_seed(longest)
    token_ids = torch.randint(1, 6, (20, 30))
    found = hash_ngrams(token_ids, longest, buckets=2**30)
    numbers = {}
    for row, hashed in zip(token_ids.tolist(), found.tolist(), strict=True):
        for runs, ids in zip(runs_by_hand(row, longest), hashed, strict=True):
            for run, number in zip(runs, ids, strict=True):
                assert numbers.setdefault(run, number) == number
    assert found.shape == (20, 30, longest - 1) and found.min() >= 0
    assert len(set(numbers.values())) > 0.99 * len(numbers) > 20


def test_the_numbers_of_pairs_spread_over_all_the_buckets():
    token_ids = torch.randint(4, 20_000, (200, 300))
    numbers = hash_ngrams(token_ids, 2, buckets=64).flatten()
    counts = numbers.bincount(minlength=64)
    assert len(counts) == 64 and counts.max() < 1.3 * counts.min()


def test_a_single_word_has_no_run():
    assert hash_ngrams(torch.ones(2, 3, dtype=torch.int64), 1, buckets=8).shape == (2, 3, 0)


@pytest.mark.parametrize("longest", [1, 2, 3])
@SEEDS
def test_a_bag_is_the_sum_over_the_root_of_the_count(longest, seed):
    model = with_large_weights(BagOfNgrams(VOCAB_SIZE, 3, longest, buckets=50))
    token_ids, lengths = make_batch(seed)
    table, expected = model.embedding.weight, []
    for row, length in zip(token_ids, lengths.tolist(), strict=True):
        runs = hash_ngrams(row[None, :length], longest, buckets=50)[0] + VOCAB_SIZE
        total = table[row[:length]].sum(0) + table[runs.flatten()].sum(0)
        expected.append(model.output(total / math.sqrt(longest * length)))
    assert_close(model(token_ids, lengths), torch.cat(expected))


@SEEDS
def test_a_bag_takes_one_row_of_ids_and_offsets_as_well(seed):
    model, (token_ids, lengths) = with_large_weights(BagOfNgrams(VOCAB_SIZE)), make_batch(seed)
    row = torch.cat([ids[:length] for ids, length in zip(token_ids, lengths, strict=True)])
    assert_close(model(row, lengths.cumsum(0) - lengths), model(token_ids, lengths))


def test_the_padding_of_a_bag_counts_nothing_and_has_no_gradient():
    model, (token_ids, lengths) = BagOfNgrams(VOCAB_SIZE, buckets=50).train(), make_batch()
    logits = model(with_more_padding(token_ids, 4), lengths)
    assert_close(logits, model(token_ids, lengths))
    logits.sum().backward()
    assert not model.embedding.weight.grad[PAD].any()


def test_a_bag_without_words_is_refused():
    with pytest.raises(ValueError, match="longest is 0; a run has 1 word or more"):
        BagOfNgrams(VOCAB_SIZE, longest=0)


@WITH_WEIGHTS
def test_a_model_without_pairs_has_no_numbers_for_them(kind):
    model, (token_ids, lengths) = kind(VOCAB_SIZE, EMBEDDING, pair_size=0), make_batch()
    assert model.pairs.table.weight.numel() == 0
    assert_close(one_by_one(model.eval(), token_ids, lengths), model(token_ids, lengths))


def test_pairs_are_the_word_and_the_one_before():
    pairs = PairEmbedding(size=5)
    token_ids = torch.tensor([[7, 8, 9, 7, 8]])
    found = pairs(token_ids)[0]
    assert found.shape == (5, 5)
    assert torch.equal(found[1], found[4]) and not torch.equal(found[0], found[3])


def test_the_readers_of_the_simple_rnn_forget_little_at_first():
    for rnn in (model := SimpleRNN(VOCAB_SIZE, EMBEDDING, HIDDEN)).forward_rnn, model.backward_rnn:
        assert (rnn.bias_ih_l0.chunk(4)[1] == 2).all()
        assert (rnn.bias_ih_l0.chunk(4)[0] != 2).all()


def plain_reader():
    """Other names, PyTorch's own beginning, both directions in one layer."""
    return nn.Sequential(nn.Embedding(30, 8), nn.LSTM(8, 4, bidirectional=True), nn.Linear(8, 1))


def test_a_beginning_is_small_and_open_whatever_the_layers_are_called():
    model = plain_reader()
    others = model[2].weight.clone(), model[1].weight_ih_l0.clone()
    assert open_gates(small_vectors(model)) is model
    assert model[0].weight.std().item() == pytest.approx(0.1)
    for name in ("bias_ih_l0", "bias_ih_l0_reverse"):
        gates = getattr(model[1], name).chunk(4)
        assert (gates[1] == 2).all() and not any((gates[n] == 2).any() for n in (0, 2, 3))
    assert torch.equal(model[2].weight, others[0])
    assert torch.equal(model[1].weight_ih_l0, others[1])


def test_a_second_beginning_and_smaller_tables_change_nothing():
    model, tiny = open_gates(small_vectors(plain_reader())), PairEmbedding(4, buckets=100)
    before, pairs = model[0].weight.clone(), tiny.table.weight.clone()
    small_vectors(open_gates(small_vectors(model)))
    small_vectors(tiny)
    assert torch.allclose(model[0].weight, before, rtol=1e-5)
    assert torch.equal(tiny.table.weight, pairs)


def test_the_networks_begin_with_small_vectors():
    for kind in (SimpleRNN, AttentionRNN, TransformerClassifier):
        assert kind(VOCAB_SIZE).embedding.weight.std().item() == pytest.approx(0.1, rel=1e-3)
