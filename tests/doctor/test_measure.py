"""The doctor's measurements, one by one: where an examination errs, these say in which it is."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from practicum_utils.doctor.measure.losses import hard, loss_value, right_answers, training_loss
from practicum_utils.doctor.measure.mending import (
    mended_backward_readers,
    watching_dropout,
    without_dropout,
    zero_padding_vector,
)
from practicum_utils.doctor.measure.trace import head_of, traced
from practicum_utils.doctor.measure.weights import looks_fresh, norms_moved, trained_before

bce = functional.binary_cross_entropy_with_logits


def a_case(model=None, loss_fn=bce):
    adapter = SimpleNamespace(forward=lambda model, token_ids, lengths: model(token_ids))
    return SimpleNamespace(model=model, loss_fn=loss_fn, adapter=adapter)


# trace


def test_a_softmax_by_hand_is_seen_with_its_axis_and_its_weights():
    with traced() as trace:
        weights = torch.randn(2, 5, 3).softmax(dim=-2)
    (seen,) = trace.softmaxes
    assert seen.dims == (1,) and torch.equal(seen.out, weights)


def test_the_weights_of_the_fused_attention_are_worked_out():
    q, k, v = torch.randn(3, 2, 4, 8)
    mask = torch.tensor([True, True, False, True])
    with traced() as trace:
        out = functional.scaled_dot_product_attention(q, k, v, mask)
    weights = trace.softmaxes[0].out
    assert torch.allclose(weights @ v, out, atol=1e-6)
    assert not weights[..., 2].any()


def test_reductions_over_time_are_seen_with_their_kind_and_axes():
    x = torch.randn(2, 5, 3)
    with traced() as trace:
        x.mean(dim=1), x.sum(dim=(0, -1)), x.amax(dim=-2), x[:, -1], x[:, 4], x[:, 1]
    seen = [(call.kind, call.dims) for call in trace.reductions if call.x.shape == x.shape]
    assert seen == [("mean", (1,)), ("sum", (0, 2)), ("max", (1,)), *[("last", (1,))] * 2]


def test_the_head_is_the_last_linear_layer_with_as_many_numbers_as_logits():
    first, head, other = nn.Linear(4, 1), nn.Linear(4, 1), nn.Linear(1, 7)
    x = torch.randn(3, 4)
    with traced() as trace:
        logits = first(x) + head(x)
        other(logits)
    assert head_of(trace.linears, logits).weight is head.weight
    assert head_of(trace.linears, torch.zeros(3, 2)) is None


def test_a_trace_ends_with_its_block_even_by_an_exception():
    plain = functional.linear
    torch.backends.mha.set_fastpath_enabled(True)
    with pytest.raises(ZeroDivisionError), traced() as trace:
        raise ZeroDivisionError
    nn.Linear(2, 2)(torch.zeros(1, 2))
    assert functional.linear is plain and trace.linears == []
    assert torch.backends.mha.get_fastpath_enabled()


# losses


@pytest.mark.parametrize(("labels", "hardened"), [
    (torch.tensor([0.2, 0.9]), [0.0, 1.0]),
    (torch.tensor([[0.0], [1.0]]), [[0.0], [1.0]]),
    (torch.tensor([3, 0]), [3, 0]),
    (torch.tensor([1.0, 2.0]), None),  # not between 0 and 1
    (torch.eye(2), None),  # a vector for each row
])  # fmt: skip
def test_labels_are_hardened_where_they_are_answers(labels, hardened):
    found = hard(labels)
    assert (found if hardened is None else found.tolist()) == hardened


def test_right_answers_have_the_form_of_the_logits():
    assert right_answers(torch.zeros(2, 1), torch.tensor([0.0, 1.0]), 5).tolist() == [[-5], [5]]
    classes = right_answers(torch.zeros(2, 3), torch.tensor([2, 0]), 5)
    assert classes.argmax(dim=1).tolist() == [2, 0] and classes.abs().unique().tolist() == [5]
    assert right_answers(torch.zeros(2, 3), torch.tensor([3, 0]), 5) is None


def test_a_loss_that_raises_or_is_no_number_has_no_value():
    ask = torch.zeros(2), torch.tensor([0.0, 1.0])
    assert loss_value(a_case(), *ask) == pytest.approx(0.693, abs=1e-3)
    assert loss_value(a_case(loss_fn=nn.BCEWithLogitsLoss(reduction="none")), *ask) > 0.69
    assert loss_value(a_case(loss_fn=nn.NLLLoss()), torch.zeros(3), ask[1]) is None
    assert loss_value(a_case(loss_fn=lambda logits, labels: logits.sum() / 0), *ask) is None


def test_the_training_loss_is_that_of_training_mode_with_the_same_noise_each_time():
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0)).eval()
    rows = SimpleNamespace(token_ids=torch.ones(4, 8), lengths=None, labels=torch.ones(4))
    first, again = (training_loss(a_case(model), rows)[0] for _ in range(2))
    assert model.training and first.requires_grad and first == again
    assert first != training_loss(a_case(model), rows, seed=1)[0]
    assert training_loss(a_case(nn.Linear(3, 1)), rows) == (None, None)


# weights


def test_weights_look_fresh_until_they_have_been_trained():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 32), nn.Embedding(50, 16))
    assert looks_fresh(model, "0.weight") and looks_fresh(model, "0.bias")
    assert looks_fresh(model, "1.weight")
    model[0].weight.data += 0.05 * torch.randn(32, 32)
    assert not looks_fresh(model, "0.weight") and not looks_fresh(model, "0.bias")


def test_a_moved_norm_says_that_a_model_was_trained():
    model = nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32))
    assert not norms_moved(model) and not trained_before(a_case(model))
    model[1].weight.data[3] = 1.1
    assert norms_moved(model) and trained_before(a_case(model))


# mending


def test_dropout_is_told_apart_by_who_asked_for_it():
    x, seen = torch.ones(2, 4, 8), []
    with watching_dropout(seen.append):
        functional.dropout2d(x.unsqueeze(1))
        functional.dropout(x, 0.5, True)
        functional.dropout(x, training=False)
        nn.Dropout(0.5)(x)
        nn.Dropout(0.5).eval()(x)
        nn.MultiheadAttention(8, 2, dropout=0.5)(x, x, x)
        functional.scaled_dot_product_attention(x, x, x, dropout_p=0.5)
    assert seen == ["default", "asked", "layer", "layer", "attention"]


def test_without_dropout_nothing_is_dropped_in_training_mode():
    x = torch.randn(3, 4, 8)
    with without_dropout():
        for drop in (nn.Dropout(0.5), nn.Dropout1d(0.5), nn.AlphaDropout(0.5), functional.dropout):
            assert torch.equal(drop(x), x)
        exact = functional.scaled_dot_product_attention(x, x, x, dropout_p=0.9)
    assert torch.equal(exact, functional.scaled_dot_product_attention(x, x, x))
    assert not torch.equal(functional.dropout(x), x)


def test_the_padding_gets_its_vector_back():
    table = nn.Embedding(4, 2).weight
    before = table.detach().clone()
    with pytest.raises(ZeroDivisionError), zero_padding_vector([table], 1):
        assert not table[1].any() and torch.equal(table[2], before[2])
        raise ZeroDivisionError
    assert torch.equal(table, before)


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_mended_backward_reader_reads_as_if_it_were_packed(batch_first):
    rnn, lengths = nn.GRU(3, 4, bidirectional=True, batch_first=batch_first), torch.tensor([5, 2])
    x, filler = torch.randn(2, 5, 3), torch.full((3,), 7.0)
    x[1, 2:] = filler
    x = x if batch_first else x.transpose(0, 1)
    with mended_backward_readers({rnn: filler}):
        states = rnn(x)[0]
    packed = rnn(pack_padded_sequence(x, lengths, batch_first))[0]
    wanted = pad_packed_sequence(packed, batch_first)[0]
    short = (1, 0) if batch_first else (0, 1)  # the short row's first step
    assert torch.allclose(states[short], wanted[short], atol=1e-6)
    assert not torch.allclose(rnn(x)[0][short], wanted[short], atol=1e-3)
