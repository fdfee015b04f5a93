"""What a model must not depend on: padding, the other rows of the batch, their order, its size."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from practicum_utils.data import PAD
from practicum_utils.models import MeanEmbedding, SimpleRNN, last_vectors, reverse_reviews

VOCAB_SIZE, EMBEDDING, HIDDEN = 50, 8, 6
BOTH_MODELS = pytest.mark.parametrize("kind", [SimpleRNN, MeanEmbedding])
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2, 3])


def make_model(kind, seed=0):
    """A model in eval mode whose weights are as large as after training."""
    torch.manual_seed(seed)
    sizes = (VOCAB_SIZE, EMBEDDING, HIDDEN) if kind is SimpleRNN else (VOCAB_SIZE, EMBEDDING)
    model = kind(*sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
        model.embedding.weight[PAD] = 0
    return model


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


@BOTH_MODELS
def test_one_logit_per_review(kind):
    token_ids, lengths = make_batch()
    logits = make_model(kind)(token_ids, lengths)
    assert logits.shape == (6,) and logits.dtype == torch.float32
    assert logits.std() > 0.01


@BOTH_MODELS
def test_a_batch_of_one_is_still_a_batch(kind):
    token_ids, lengths = make_batch(lengths=(3,))
    assert make_model(kind)(token_ids, lengths).shape == (1,)


@BOTH_MODELS
@SEEDS
@pytest.mark.parametrize("count", [1, 30])
def test_more_padding_changes_no_logit(kind, seed, count):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    padded = model(with_more_padding(token_ids, count), lengths)
    assert_close(padded, model(token_ids, lengths))


@BOTH_MODELS
@SEEDS
def test_the_size_of_the_batch_changes_no_logit(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    assert_close(model(token_ids, lengths), one_by_one(model, token_ids, lengths))


@BOTH_MODELS
@SEEDS
def test_the_order_of_the_batch_changes_no_logit(kind, seed):
    model, (token_ids, lengths) = make_model(kind, seed), make_batch(seed)
    order = torch.randperm(len(lengths))
    assert_close(model(token_ids[order], lengths[order]), model(token_ids, lengths)[order])


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


def test_the_order_of_the_words_counts_for_the_rnn_only():
    token_ids, lengths = make_batch(lengths=(9, 9))
    swapped = token_ids[:, torch.tensor([1, 0, *range(2, 9)])]
    mean, rnn = make_model(MeanEmbedding), make_model(SimpleRNN)
    assert_close(mean(swapped, lengths), mean(token_ids, lengths))
    assert (rnn(swapped, lengths) - rnn(token_ids, lengths)).abs().min() > 1e-4


# The two readers against nn.LSTM(bidirectional=True)


def bidirectional_twin(model):
    """PyTorch's own two-way LSTM with the weights of the model's two readers."""
    twin = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True, bidirectional=True).eval()
    weights = dict(model.forward_rnn.named_parameters())
    backward = model.backward_rnn.named_parameters()
    weights |= {f"{name}_reverse": parameter for name, parameter in backward}
    twin.load_state_dict(weights)
    return twin


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


# The two helpers


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


# Gradients


def embedding_gradients(model, token_ids, lengths, row):
    """d logit[row] / d word vectors, one (B, T, E) tensor per reader."""
    outputs = []
    hook = model.embedding.register_forward_hook(lambda *parts: outputs.append(parts[2]))
    logits = model(token_ids, lengths)
    hook.remove()
    return torch.autograd.grad(logits[row], outputs)


@BOTH_MODELS
@pytest.mark.parametrize("row", [0, 3])
def test_no_gradient_crosses_from_one_review_to_another(kind, row):
    token_ids, lengths = make_batch()
    for gradient in embedding_gradients(make_model(kind), token_ids, lengths, row):
        others = torch.arange(len(lengths)) != row
        assert gradient[others].abs().max() == 0
        assert (gradient[row, : lengths[row]].abs().amax(dim=1) > 0).all()


def test_no_gradient_reaches_the_padding():
    token_ids, lengths = make_batch()
    for gradient in embedding_gradients(make_model(SimpleRNN), token_ids, lengths, 0):
        assert gradient[0, lengths[0] :].abs().max() == 0


@BOTH_MODELS
def test_the_vector_of_the_padding_stays_zero(kind):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    model(token_ids, lengths).sum().backward()
    assert model.embedding.weight.grad[PAD].abs().max() == 0
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


# Copies and modes


@BOTH_MODELS
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_gives_the_same_logits_and_is_independent(kind, copied):
    model, (token_ids, lengths) = make_model(kind), make_batch()
    expected = model(token_ids, lengths)
    twin = copied(model)
    nn.init.zeros_(model.output.bias)
    assert torch.equal(twin(token_ids, lengths), expected)


def test_dropout_works_in_training_only():
    model, (token_ids, lengths) = make_model(SimpleRNN), make_batch()
    assert torch.equal(model(token_ids, lengths), model(token_ids, lengths))
    model.train()
    assert not torch.equal(model(token_ids, lengths), model(token_ids, lengths))
