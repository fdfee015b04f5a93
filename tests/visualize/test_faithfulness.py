"""Weights beside effects: leave-one-out by a loop, gradients by differences, tau by its pairs."""

import copy
import itertools
import math
import random
import re
import warnings

import datasets
import numpy as np
import pytest
import torch
from scipy.stats import weightedtau
from torch import nn

from practicum_utils.data import PAD, UNK, ReviewDataset, Vocabulary, tokenize
from practicum_utils.models import AttentionRNN, MeanEmbedding, SimpleRNN, TransformerClassifier
from practicum_utils.visualize import agreement, kendall_tau, leave_one_out
from practicum_utils.visualize.faithfulness import (
    PUBLISHED,
    ROWS_AT_ONCE,
    Agreement,
    input_gradients,
    measure,
    read_review,
)

VOCAB_SIZE, EMBEDDING, HIDDEN = 30, 4, 6
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])
ALL_MODELS = pytest.mark.parametrize(
    "kind", [MeanEmbedding, SimpleRNN, AttentionRNN, TransformerClassifier]
)
WITH_WEIGHTS = pytest.mark.parametrize("kind", [AttentionRNN, TransformerClassifier])


def make_model(kind, seed=0):
    """A model in eval mode whose weights are as large as after training."""
    torch.manual_seed(seed)
    if kind is MeanEmbedding:
        model = kind(VOCAB_SIZE, EMBEDDING)
    elif kind is TransformerClassifier:
        model = kind(VOCAB_SIZE, EMBEDDING, num_heads=2, layers=2, inner_size=6)
    else:
        model = kind(VOCAB_SIZE, EMBEDDING, HIDDEN)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
        model.embedding.weight[PAD] = 0
        if hasattr(model, "hidden"):
            model.hidden.bias.abs_().add_(1)  # so few units could all be dead
    return model.eval()


def make_review(length, seed=0):
    """Words drawn with repetition, the last two of them different."""
    generator = torch.Generator().manual_seed(100 * length + seed)
    words = torch.randint(1, VOCAB_SIZE, (length,), generator=generator)
    words[-2:] = torch.randperm(VOCAB_SIZE - 1, generator=generator)[: min(length, 2)] + 1
    return words


def logit(model, token_ids):
    """Of one review alone, by the model as it stands."""
    with torch.no_grad():
        return model(token_ids.unsqueeze(0), torch.tensor([len(token_ids)])).item()


def assert_close(actual, expected, atol=2e-6):
    torch.testing.assert_close(actual, torch.as_tensor(expected).float(), atol=atol, rtol=1e-4)


# leave_one_out

SIZES = pytest.mark.parametrize(
    ("length", "seed"), [(2, 0), (2, 1), (3, 0), (9, 0), (9, 1), (9, 2), (70, 0)]
)


def deleted(token_ids, place):
    words = token_ids.tolist()
    del words[place]
    return torch.tensor(words)


def replaced(token_ids, place, replacement):
    words = token_ids.tolist()
    words[place] = replacement
    return torch.tensor(words)


@ALL_MODELS
@SIZES
def test_leave_one_out_equals_a_loop_of_deletions(kind, seed, length):
    model, review = make_model(kind, seed), make_review(length, seed)
    whole = logit(model, review)
    expected = [whole - logit(model, deleted(review, place)) for place in range(length)]
    assert_close(leave_one_out(model, review), expected)
    assert np.ptp(expected) > 1e-4  # else a wrong order of the words would not be seen


@ALL_MODELS
@SIZES
def test_leave_one_out_equals_a_loop_of_replacements(kind, seed, length):
    model, review = make_model(kind, seed), make_review(length, seed)
    whole = logit(model, review)
    expected = [whole - logit(model, replaced(review, i, UNK)) for i in range(length)]
    assert_close(leave_one_out(model, review, replacement=UNK), expected)
    assert np.ptp(expected) > 1e-4


@pytest.mark.parametrize("replacement", [None, UNK])
@pytest.mark.parametrize("length", [ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
def test_no_word_is_lost_where_a_batch_is_full(length, replacement):
    model, review = make_model(AttentionRNN), make_review(length)
    effects, whole = leave_one_out(model, review, replacement), logit(model, review)
    assert effects.shape == (length,)
    for place in {0, length // 2, length - 2, length - 1}:
        part = deleted(review, place) if replacement is None else replaced(review, place, UNK)
        assert effects[place].item() == pytest.approx(whole - logit(model, part), abs=2e-6)


def test_the_shortened_copies_come_in_batches_of_limited_size():
    sizes, model = [], make_model(MeanEmbedding)
    model.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    leave_one_out(model, make_review(2 * ROWS_AT_ONCE + 5))
    assert sorted(sizes) == [1, 5, ROWS_AT_ONCE, ROWS_AT_ONCE]


def opinionated():
    """A MeanEmbedding for which word 5 is positive, word 6 negative, and all others say nothing."""
    model = MeanEmbedding(VOCAB_SIZE, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.embedding.weight[5], model.embedding.weight[6] = 1, -1
        model.output.weight.fill_(1)
    return model


@pytest.mark.parametrize(("replacement", "rest"), [(None, 2), (UNK, 3)])
def test_a_positive_word_has_a_positive_effect(replacement, rest):
    """The whole review has mean 0; without a word the other one is divided by ``rest``."""
    effects = leave_one_out(opinionated(), torch.tensor([6, 7, 5]), replacement)
    assert effects.tolist() == pytest.approx([-1 / rest, 0, 1 / rest], abs=1e-6)


def sure(kind, seed=0, by=60.0):
    """A model so sure of itself that no word moves its probability, which is 1."""
    model = make_model(kind, seed)
    with torch.no_grad():
        model.output.bias += by
    return model


@ALL_MODELS
@SEEDS
def test_a_model_that_is_sure_shows_the_effects_that_it_would_show_unsure(kind, seed):
    """The sigmoid of its logits is 1.0 with and without each word; the logit moves all the same."""
    model, review = make_model(kind, seed), make_review(9, seed)
    certain = sure(kind, seed)
    parts = [logit(certain, deleted(review, place)) for place in range(9)]
    assert torch.tensor([logit(certain, review), *parts]).sigmoid().eq(1).all()
    found = leave_one_out(certain, review)
    assert_close(found, leave_one_out(model, review), atol=5e-5)
    assert found.abs().max() > 1e-2 and len(set(found.tolist())) > 4
    assert_close(input_gradients(certain, review), input_gradients(model, review))


@WITH_WEIGHTS
def test_the_trust_in_a_model_does_not_depend_on_how_sure_it_is(kind):
    found, expected = (measure(make(kind), make_review(9)) for make in (sure, make_model))
    assert found[2:] == pytest.approx(expected[2:], abs=0.06)  # one pair of 36 may be a near tie


@pytest.mark.parametrize("by", [60.0, -60.0])
def test_a_sure_model_s_reading_has_a_logit_beside_its_probability(by):
    reading = read_review(sure(AttentionRNN, by=by), make_review(9))
    assert reading.probability == pytest.approx(float(by > 0), abs=1e-12)
    assert reading.logit == pytest.approx(logit(make_model(AttentionRNN), make_review(9)) + by)


@ALL_MODELS
def test_the_only_word_cannot_be_left_out(kind):
    with pytest.raises(ValueError, match=r"one word.*longer review"):
        leave_one_out(make_model(kind), torch.tensor([5]))


@ALL_MODELS
@pytest.mark.parametrize("replacement", [PAD, UNK])  # the id 0 is a replacement as well
def test_the_only_word_can_be_replaced(kind, replacement):
    model = make_model(kind)
    expected = [logit(model, torch.tensor([word])) for word in (5, replacement)]
    effects = leave_one_out(model, torch.tensor([5]), replacement)
    assert_close(effects, [expected[0] - expected[1]])


# input_gradients


class Says(nn.Module):
    """Gives the same answer to everything."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, _):
        return self.answer


def by_differences(model, token_ids, step=1e-4):
    """Make one word's vector a little longer, then shorter; each place has a row of its own."""
    twin = copy.deepcopy(model).double().eval()
    if hasattr(twin, "pairs"):
        twin.pairs = Says(twin.pairs(token_ids.unsqueeze(0)))
    vectors = twin.embedding.weight.detach()
    places = torch.arange(len(token_ids)) + len(vectors)
    own = torch.cat([vectors, vectors[token_ids]])
    sizes = []
    for place in places:
        sides = []
        for factor in (1 + step, 1 - step):
            changed = own.clone()
            changed[place] *= factor
            twin.embedding = nn.Embedding.from_pretrained(changed, padding_idx=PAD)
            sides.append(logit(twin, places))
        sizes.append(abs(sides[0] - sides[1]) / (2 * step))
    return sizes


@ALL_MODELS
@SEEDS
@pytest.mark.parametrize("length", [1, 2, 9])
def test_input_gradients_equal_finite_differences(kind, seed, length):
    model, review = make_model(kind, seed), make_review(length, seed)
    expected = by_differences(model, review)
    assert_close(input_gradients(model, review), expected, atol=1e-6)
    assert max(expected) > 1e-4


@ALL_MODELS
def test_repeated_words_have_their_own_gradients(kind):
    model, review = make_model(kind), torch.tensor([5, 8, 5, 5, 8])
    found = input_gradients(model, review)
    assert_close(found, by_differences(model, review), atol=1e-6)
    if kind is not MeanEmbedding:  # for which a word counts the same in every place
        assert len(set(found.tolist())) == 5


@SEEDS
def test_the_gradients_of_the_mean_equal_the_formula(seed):
    model, review = make_model(MeanEmbedding, seed), make_review(11, seed)
    products = model.embedding.weight[review] @ model.output.weight[0]
    assert_close(input_gradients(model, review), products.detach().abs() / 11)


@ALL_MODELS
@pytest.mark.parametrize("frozen", ["embedding", ""], ids=["embedding", "all"])
def test_frozen_parameters_change_no_gradient(kind, frozen):
    model, review = make_model(kind), make_review(6)
    expected = input_gradients(model, review)
    model.get_submodule(frozen).requires_grad_(False)
    assert torch.equal(input_gradients(model, review), expected)
    assert not any(p.requires_grad for p in model.get_submodule(frozen).parameters())


@ALL_MODELS
def test_gradients_are_found_where_they_are_switched_off(kind):
    model, review = make_model(kind), make_review(6)
    expected = input_gradients(model, review)
    with torch.no_grad():
        assert torch.equal(input_gradients(model, review), expected)
        assert not torch.is_grad_enabled()


def test_a_model_without_word_vectors_has_no_input_gradients():
    class Wordless(nn.Module):
        def __init__(self):
            super().__init__()
            self.output = nn.Linear(1, 1)

        def forward(self, token_ids, lengths):
            return self.output(lengths.float().unsqueeze(1)).squeeze(1)

    with pytest.raises(TypeError, match=r"Wordless has no nn\.Embedding"):
        input_gradients(Wordless(), torch.tensor([5, 6]))


# kendall_tau


def tau_by_pairs(one, other):
    """Tau-b: agreeing minus disagreeing pairs, over the pairs that are no tie on each side."""
    balance = untied_one = untied_other = 0
    for i, j in itertools.combinations(range(len(one)), 2):
        first, second = np.sign(one[i] - one[j]), np.sign(other[i] - other[j])
        balance += first * second
        untied_one += first != 0
        untied_other += second != 0
    return balance / math.sqrt(untied_one * untied_other)


def scores(count, seed, values=None):
    """Two random scores; with few ``values`` there are many ties, and the first two differ."""
    draw = np.random.default_rng(1000 * count + seed)
    if values is None:
        return draw.normal(size=(2, count))
    pair = draw.integers(values, size=(2, count))
    pair[:, 0], pair[:, 1] = 0, 1
    return pair.astype(float)


COUNTS = pytest.mark.parametrize("count", [2, 3, 5, 12])
TIES = pytest.mark.parametrize("values", [2, 4, None], ids=["many ties", "ties", "no ties"])


@COUNTS
@SEEDS
@TIES
def test_tau_equals_a_count_of_the_pairs(count, seed, values):
    one, other = scores(count, seed, values)
    expected = tau_by_pairs(one, other)
    assert kendall_tau(one, other) == pytest.approx(expected)
    tensors = torch.tensor(one, dtype=torch.float32), torch.tensor(other, dtype=torch.float32)
    assert kendall_tau(*tensors) == pytest.approx(expected)


@SEEDS
@TIES
def test_tau_equals_scipy_s_weighted_tau_with_equal_weights(seed, values):
    one, other = scores(200, seed, values)
    expected = weightedtau(one, other, rank=None, weigher=lambda rank: 1).statistic
    assert kendall_tau(one, other) == pytest.approx(expected)


@COUNTS
@SEEDS
@TIES
def test_tau_is_symmetric_and_changes_its_sign_with_the_order(count, seed, values):
    one, other = scores(count, seed, values)
    tau = kendall_tau(one, other)
    assert kendall_tau(other, one) == pytest.approx(tau)
    assert kendall_tau(-one, other) == pytest.approx(-tau)
    assert -1 <= tau <= 1 and type(tau) is float


@COUNTS
@SEEDS
@TIES
def test_tau_is_one_for_the_same_order_and_minus_one_for_the_reverse(count, seed, values):
    one, _ = scores(count, seed, values)
    assert kendall_tau(one, np.exp(one)) == pytest.approx(1)
    assert kendall_tau(one, -(one**3)) == pytest.approx(-1)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_tau_with_equal_scores_is_zero_and_warns_of_nothing(count):
    level, rising = torch.full((count,), 1 / count), torch.arange(float(count))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [kendall_tau(level, rising), kendall_tau(rising, level), kendall_tau(level, level)]
    assert found == [0, 0, 0]


@pytest.mark.parametrize(("one", "other"), [(3, 4), (4, 3), (1, 2), (2, 0)])
def test_tau_of_unequal_lengths_is_refused(one, other):
    with pytest.raises(ValueError, match=f"{one} scores on one side and {other} on the other"):
        kendall_tau(torch.zeros(one), torch.arange(other))


# read_review


def looked_at(maps):
    """The mean of maps (layers, heads, T, T) over all but the last axis, number by number."""
    layers, heads, T, _ = maps.shape
    sums = [0.0] * T
    for layer, head, query, key in itertools.product(*map(range, maps.shape)):
        sums[key] += maps[layer, head, query, key].item()
    return [total / (layers * heads * T) for total in sums]


@WITH_WEIGHTS
@SEEDS
@pytest.mark.parametrize("length", [1, 2, 13])
def test_a_reading_is_what_the_model_returns_for_the_review_alone(kind, seed, length):
    model, review = make_model(kind, seed), make_review(length, seed)
    reading = read_review(model, review)
    with torch.no_grad():
        _, (weights,) = model(review[None], torch.tensor([length]), return_weights=True)
    assert reading.logit == pytest.approx(logit(model, review), abs=1e-5)
    assert reading.probability == pytest.approx(1 / (1 + math.exp(-reading.logit)), abs=1e-9)
    assert_close(reading.weights, looked_at(weights) if weights.dim() > 1 else weights)
    assert reading.weights.shape == (length,)
    assert reading.weights.sum().item() == pytest.approx(1, abs=1e-5)
    if length > 1:  # the mean over the wrong axis would be level
        assert reading.weights.max() - reading.weights.min() > 1e-3


NEEDS_WEIGHTS = pytest.mark.parametrize("function", [read_review, measure, agreement])


@NEEDS_WEIGHTS
@pytest.mark.parametrize("kind", [SimpleRNN, MeanEmbedding])
def test_a_model_without_weights_is_named_and_refused(function, kind):
    data = [] if function is agreement else make_review(5)  # refused before any review is read
    with pytest.raises(TypeError, match=f"{kind.__name__} gives no attention.*return_weights"):
        function(make_model(kind), data)


@pytest.mark.parametrize("function", [read_review, leave_one_out, input_gradients, measure])
@pytest.mark.parametrize("shape", [(2, 3), (1, 4), (0,), (), (1, 0)], ids=str)
def test_another_shape_than_one_review_is_refused(function, shape):
    token_ids = torch.ones(shape, dtype=torch.int64)
    with pytest.raises(ValueError, match=re.escape(f"shape {shape}")):
        function(make_model(AttentionRNN), token_ids)


# What is left behind: nothing


def random_states():
    state = np.random.get_state()
    return torch.get_rng_state().tolist(), random.getstate(), state[1].tolist(), state[2]


def traces(model):
    """All that looking at a model might change, as plain values that compare with ``==``."""
    parts = dict(model.named_modules())
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    parameters = dict(model.named_parameters())
    return {
        "modes": {name: part.training for name, part in parts.items()},
        "hooks": {name: [list(getattr(part, kind)) for kind in kinds]
                  for name, part in parts.items()},
        "parameters": {name: value.tolist() for name, value in parameters.items()},
        "frozen": {name: not value.requires_grad for name, value in parameters.items()},
        "gradients": {name: value.grad if value.grad is None else value.grad.tolist()
                      for name, value in parameters.items()},
        "random": random_states(),
        "grad enabled": torch.is_grad_enabled(),
    }  # fmt: skip


def one_review_agreement(model, review):
    return agreement(model, [(review, 1.0)], count=1)


LOOKS = pytest.mark.parametrize(
    "look", [read_review, leave_one_out, input_gradients, measure, one_review_agreement]
)
MODES = pytest.mark.parametrize(
    "training",
    [{""}, {"dropout"}, {"", "embedding"}, {"", "dropout", "output"}, set()],
    ids=lambda names: str(sorted(names)),
)


def set_modes(model, training):
    """Training mode for the parts with these names ("" is the model itself), eval for the rest."""
    for name, part in model.named_modules():
        part.training = name in training


@LOOKS
@WITH_WEIGHTS
@MODES
def test_looking_at_a_model_changes_nothing(look, kind, training):
    model, review = make_model(kind), make_review(7)
    set_modes(model, training)
    model.embedding.requires_grad_(False)
    model.output.weight.grad = torch.full_like(model.output.weight, 3)
    model.output.register_forward_hook(lambda *parts: None)  # a hook of the user's own stays
    before, words = traces(model), review.tolist()
    look(model, review)
    assert traces(model) == before
    assert review.tolist() == words


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=repr)
@LOOKS
@MODES
def test_a_model_that_breaks_is_left_as_it_was(look, training, error):
    def broken(*parts):
        raise error

    model = make_model(AttentionRNN)
    set_modes(model, training)
    model.output.register_forward_hook(broken)
    before = traces(model)
    with pytest.raises(type(error)):
        look(model, make_review(7))
    assert traces(model) == before


@pytest.mark.parametrize("look", [leave_one_out, input_gradients])
@ALL_MODELS
@MODES
def test_dropout_is_off_whatever_the_mode(look, kind, training):
    model, review = make_model(kind), make_review(7)
    expected = look(model, review)
    set_modes(model, training)
    assert torch.equal(look(model, review), expected)


@WITH_WEIGHTS
@MODES
def test_dropout_is_off_in_a_reading(kind, training):
    model, review = make_model(kind), make_review(7)
    expected = read_review(model, review)
    set_modes(model, training)
    found = read_review(model, review)
    assert found.logit == expected.logit
    assert torch.equal(found.weights, expected.weights)


@LOOKS
def test_only_the_gradients_are_computed_with_gradients(look):
    """The rest would only fill the memory: a long review makes hundreds of copies of itself."""
    enabled, model = [], make_model(AttentionRNN)
    model.register_forward_hook(lambda *parts: enabled.append(torch.is_grad_enabled()))
    look(model, make_review(7))
    assert sum(enabled) == (look not in (read_review, leave_one_out))
    assert len(enabled) == {read_review: 1, leave_one_out: 2, input_gradients: 2}.get(look, 5)


@WITH_WEIGHTS
def test_no_result_drags_the_model_s_graph_along(kind):
    model, review = make_model(kind), make_review(7)
    found = measure(model, review)
    for result in (read_review(model, review).weights, found.leave_one_out, found.gradients):
        assert not result.requires_grad and result.device.type == "cpu"
        assert result.shape == (7,) and result.dtype == torch.float32


# measure


@WITH_WEIGHTS
@SEEDS
def test_the_taus_compare_the_parts_that_they_name(kind, seed):
    model, review = make_model(kind, seed), make_review(9, seed)
    found, weights = measure(model, review), read_review(model, review).weights
    assert torch.equal(found.leave_one_out, leave_one_out(model, review))
    assert torch.equal(found.gradients, input_gradients(model, review))
    sizes = found.leave_one_out.abs()
    assert found.with_leave_one_out == kendall_tau(weights, sizes)
    assert found.with_gradients == kendall_tau(weights, found.gradients)
    assert found.between == kendall_tau(found.gradients, sizes)


def test_a_review_of_one_word_cannot_be_measured():
    with pytest.raises(ValueError, match="one word"):
        measure(make_model(AttentionRNN), torch.tensor([5]))


# A model whose weights are known to be right, level, or upside down

WORDS = 40


class Adding(nn.Module):
    """Each word adds its own small number to the logit, half of them negative.

    The weights rise with the size of these numbers (``slope`` above 0), fall, or are level (0).
    ``read`` holds the reviews that were asked for weights; ``stop_at`` is the call, counted from 1,
    that raises ``error``.
    """

    def __init__(self, slope=1.0, stop_at=None, error=KeyboardInterrupt):
        super().__init__()
        numbers = 0.001 * torch.arange(1.0, WORDS + 1)
        numbers[::2] *= -1
        self.embedding = nn.Embedding.from_pretrained(numbers.unsqueeze(1))
        self.slope, self.stop_at, self.error = slope, stop_at, error
        self.calls, self.read = 0, []

    def felt(self, numbers):
        return numbers

    def forward(self, token_ids, lengths, return_weights=False):
        self.calls += 1
        if self.calls == self.stop_at:
            raise self.error
        numbers = self.embedding(token_ids).squeeze(2)
        logits = self.felt(numbers).sum(dim=1)
        if not return_weights:
            return logits
        self.read.extend(tuple(row) for row in token_ids.tolist())
        return logits, torch.softmax(100 * self.slope * numbers.abs(), dim=1)


class Silent(Adding):
    """Every logit is 0, so no word has an effect, yet the gradients are those of ``Adding``."""

    def felt(self, numbers):
        return numbers - numbers.detach()


CALLS = 4  # of a short review: its weights, itself whole, its shortened copies, its gradients


def make_reviews(count, lengths=(30,), seed=0):
    """Reviews of different words each, so that there are no ties."""
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randperm(WORDS, generator=generator) for _ in range(count)]
    return [(row[: lengths[i % len(lengths)]], torch.tensor(1.0)) for i, row in enumerate(rows)]


def as_tuples(reviews):
    return [tuple(token_ids.tolist()) for token_ids, _ in reviews]


@pytest.mark.parametrize(("slope", "expected"), [(1, 1), (-1, -1), (0, 0)])
@SEEDS
def test_tau_tells_right_weights_from_reversed_and_from_level_ones(slope, expected, seed):
    ((review, _),) = make_reviews(1, seed=seed)
    found = measure(Adding(slope), review)
    assert found.leave_one_out.min() < 0 < found.leave_one_out.max()
    assert found.with_leave_one_out == pytest.approx(expected, abs=0.01)
    assert found.with_gradients == pytest.approx(expected, abs=0.01)
    assert found.between == pytest.approx(1, abs=0.01)


# agreement


@pytest.mark.parametrize(("slope", "expected"), [(1, 1), (-1, -1), (0, 0)])
def test_agreement_puts_each_tau_in_its_column(slope, expected):
    taus = agreement(Adding(slope), make_reviews(6)).taus
    assert taus.shape == (6, 5)
    assert taus[:, :2] == pytest.approx(np.full((6, 2), expected), abs=0.01)
    assert taus[:, 2] == pytest.approx(np.ones(6), abs=0.01)
    # Both effects have the same order here, so the same random weights agree with both equally.
    assert taus[:, 3] == pytest.approx(taus[:, 4], abs=0.01)


def test_random_weights_stand_beside_both_effects_in_the_same_order():
    taus = agreement(Silent(), make_reviews(6)).taus
    assert (taus[:, [0, 2, 3]] == 0).all()
    assert taus[:, 1] == pytest.approx(np.ones(6), abs=0.01)
    assert (taus[:, 4] != 0).any()


def test_random_weights_are_drawn_anew_for_each_review():
    taus = agreement(Adding(), make_reviews(1) * 8).taus
    assert len(set(taus[:, 0])) == 1 and len(set(taus[:, 3])) > 4


@WITH_WEIGHTS
def test_the_rows_are_the_measures_of_the_reviews_that_were_drawn(kind):
    model, reviews = make_model(kind), [(make_review(9, seed), 1.0) for seed in range(4)]
    found = [measure(model, review) for review, _ in reviews]
    expected = sorted((f.with_leave_one_out, f.with_gradients, f.between) for f in found)
    taus = agreement(model, reviews).taus
    assert sorted(map(tuple, taus[:, :3].tolist())) == expected


@pytest.mark.parametrize(("count", "number"), [(1, 1), (5, 5), (12, 12), (13, 12), (500, 12)])
def test_as_many_reviews_are_measured_as_asked_for_and_there(count, number, capsys):
    model, reviews = Adding(), make_reviews(12)
    assert agreement(model, reviews, count).taus.shape == (number, 5)
    assert len(set(model.read)) == len(model.read) == number
    assert set(model.read) <= set(as_tuples(reviews))
    assert capsys.readouterr().out == f"{number} of {number} reviews measured\n"


def test_two_hundred_reviews_are_measured_unless_asked_otherwise():
    assert len(agreement(Adding(), make_reviews(203, lengths=(3,))).taus) == 200


def drawn(seed, count=6):
    model = Adding()
    taus = agreement(model, make_reviews(40), count, seed).taus
    return model.read, taus.tolist()


@SEEDS
def test_the_seed_fixes_the_reviews_and_the_random_weights(seed):
    first = drawn(seed)
    torch.manual_seed(5)  # the generators of the notebook must not count
    np.random.seed(5)
    random.seed(5)
    assert drawn(seed) == first


def test_another_seed_draws_other_reviews_and_not_the_first_ones():
    reads = [drawn(seed)[0] for seed in range(3)]
    assert reads[0] != reads[1] != reads[2] != reads[0]
    assert set(as_tuples(make_reviews(40)[:6])) not in map(set, reads)


def test_more_reviews_begin_with_the_same_ones():
    (few, few_taus), (many, many_taus) = drawn(0, 3), drawn(0, 9)
    assert many[:3] == few and many_taus[:3] == few_taus


def test_reviews_of_one_word_are_skipped_and_made_up_for():
    model, reviews = Adding(), make_reviews(20, lengths=(1, 2, 1, 30))
    assert len(agreement(model, reviews, count=8).taus) == 8
    assert {len(words) for words in model.read} <= {2, 30}
    assert len(agreement(Adding(), reviews, count=20).taus) == 10


@pytest.mark.parametrize("reviews", [[], make_reviews(3, lengths=(1,))], ids=["none", "short"])
def test_without_a_review_of_two_words_there_is_nothing_to_compare(reviews):
    with pytest.raises(ValueError, match="no review of two words or more"):
        agreement(Adding(), reviews)


def test_agreement_reads_the_course_s_own_dataset():
    texts = ["a fine film", "dull", "not a fine film at all", "the cast is good, the end is not"]
    vocab = Vocabulary.build([tokenize(text) for text in texts])
    reviews = datasets.Dataset.from_dict({"text": texts, "label": [2, 1, 1, 2]})
    taus = agreement(make_model(AttentionRNN), ReviewDataset(reviews, vocab)).taus
    assert taus.shape == (3, 5) and np.abs(taus).max() <= 1


def test_random_weights_agree_with_nothing():
    taus = agreement(Adding(), make_reviews(60, lengths=(28, 30, 32))).taus[:, 3:]
    assert np.abs(np.median(taus, axis=0)).max() < 0.2
    # The standard deviation of tau between unrelated orders of 30 is 0.127; all 0 would be wrong.
    assert 0.08 < taus.std(axis=0).min() and taus.std(axis=0).max() < 0.2


@pytest.mark.parametrize("call", range(1, CALLS + 1))
def test_an_interrupt_returns_what_was_measured_and_says_how_much(call, capsys):
    reviews = make_reviews(5)
    whole = agreement(Adding(), reviews).taus
    model = Adding(stop_at=2 * CALLS + call)
    before = {name: part.training for name, part in model.named_modules()}
    capsys.readouterr()
    found = agreement(model, reviews)
    assert found.taus.tolist() == whole[:2].tolist()
    assert "median over 2 reviews" in str(found)
    assert capsys.readouterr().out == "2 of 5 reviews measured\n"
    assert {name: part.training for name, part in model.named_modules()} == before
    assert not model.embedding._forward_hooks


@pytest.mark.parametrize("call", range(1, CALLS + 1))
def test_an_interrupt_before_the_first_review_is_done_is_not_swallowed(call):
    with pytest.raises(KeyboardInterrupt):
        agreement(Adding(stop_at=call), make_reviews(5))


def test_another_error_is_not_swallowed():
    with pytest.raises(RuntimeError):
        agreement(Adding(stop_at=2 * CALLS + 1, error=RuntimeError), make_reviews(5))


# Agreement as text


def numbers_by_line(text):
    """{name: numbers with two decimals} for each line below the heading."""
    *rows, last = text.splitlines()[2:]
    assert last == "Effects are changes of the logit; the published ones are of the probability."
    lines = [re.split(r"\s{2,}", line, maxsplit=1) for line in rows]
    return {name: re.findall(r"-?\d+\.\d\d\b", rest) for name, rest in lines}


@pytest.fixture
def five_reviews():
    """Of five numbers the median is the third in order, the quartiles the second and fourth."""
    columns = [
        [0.31, 0.114, 0.27, 0.9, -0.2], [0.41, 0.7, 0.126, 0.5, 0.3], [0.55, 0.5, 0.61, -1.0, 1.0],
        [-0.11, 0.12, 0.3, 0.02, -0.4], [0.2, -0.25, -0.06, -0.31, 0.16],
    ]  # fmt: skip
    return Agreement(np.array(columns).T)


def test_the_medians_are_those_of_the_columns(five_reviews):
    assert five_reviews.medians() == pytest.approx([0.27, 0.41, 0.55, 0.02, -0.06])


def test_the_text_shows_medians_quartiles_and_published_values(five_reviews):
    text = str(five_reviews)
    assert "median over 5 reviews (middle half of them)" in text.splitlines()[0]
    assert text.splitlines()[1].split() == ["leave-one-out", "gradients"]
    assert numbers_by_line(text) == {
        "attention weights": ["0.27", "0.11", "0.31", "0.41", "0.30", "0.50"],
        "random weights": ["0.02", "-0.11", "0.12", "-0.06", "-0.25", "0.16"],
        "uniform weights (no order)": ["0.00", "0.00"],
        "gradients": ["0.55", "0.50", "0.61"],
        "published: attention": ["0.34", "0.44"],
        "published: gradients": ["0.52"],
    }


def test_the_numbers_of_the_text_stand_below_their_headings(five_reviews):
    _, heading, *lines, said = str(five_reviews).splitlines()
    for title in ("leave-one-out", "gradients"):
        start = heading.index(title)
        for line in lines:
            assert line[start - 1 : start] in ("", " ")  # no number runs into this column
            assert re.match(r"(-|\s)\d\.\d\d|\s*$", line[start : start + 5])
    assert max(map(len, [*lines, said])) <= 80


def test_the_published_values_are_those_of_the_paper():
    """Jain & Wallace 2019, their result files for IMDB; 0.52 is of gradients, not of attention."""
    assert PUBLISHED == {
        "leave-one-out": 0.34, "gradients": 0.44, "gradients with leave-one-out": 0.52,
    }  # fmt: skip


@pytest.mark.parametrize("tau", [-0.0, -0.001, -0.0049, 0.0, 0.0049])
def test_no_zero_of_the_text_has_a_sign(tau):
    text = str(Agreement(np.full((3, 5), tau)))
    assert "-0.00" not in text
    assert numbers_by_line(text)["attention weights"] == ["0.00"] * 6


def test_the_text_of_a_measurement_gives_its_number_of_reviews():
    found = agreement(Adding(), make_reviews(7))
    text = str(found)
    assert "median over 7 reviews" in text and "-0.00" not in text
    for middle in found.medians():
        assert f"{round(middle, 2) + 0.0:.2f} (" in text
