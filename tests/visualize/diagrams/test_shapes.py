"""The flow of shapes through models of all kinds: what comes, what goes, where it stops."""

import copy
import random
import re
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from practicum_utils.data import Batch
from practicum_utils.models import AttentionRNN, SimpleRNN, TransformerClassifier
from practicum_utils.visualize import show_shapes

B, T, VOCAB = 8, 30, 100
IDS = torch.randint(4, VOCAB, (B, T), generator=torch.Generator().manual_seed(0))
LENGTHS = torch.arange(T - B + 1, T + 1)


class Packed(nn.Module):
    """A packed sequence, and a cell that is called for each of its words."""

    def __init__(self, steps=5):
        super().__init__()
        self.steps = steps
        self.reader = nn.GRU(3, 4, batch_first=True)
        self.cell = nn.LSTMCell(4, 4)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.reader(packed)[0], batch_first=True)
        state = None
        for place in range(self.steps):
            state = self.cell(states[:, place % states.shape[1]], state)
        return state


class WithDict(nn.Module):
    """Called with names, answers with names; dropout, and a layer with running means."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)
        self.drop = nn.Dropout()

    def forward(self, x, switch=None):
        logits = self.norm(self.drop(self.layer(x)))
        torch.rand(3)
        self.norm.running_mean.add_(1)  # against all good manners
        return {"logits": logits, "more": (logits, None)}


class OwnFault(WithDict):
    """Refuses in its own code, between two layers."""

    def forward(self, x):
        return self.norm(self.layer(x) @ torch.ones(7, 3))


def broken():
    model = SimpleRNN(VOCAB)
    model.hidden = nn.Linear(64, 64)
    return model


def row(flow, name, place=0):
    return [texts for texts in flow.rows if texts[1] == name][place]


def test_the_simple_rnn_in_the_order_of_its_calls():
    flow = show_shapes(SimpleRNN(VOCAB), IDS, LENGTHS)
    names = [texts[1] for texts in flow.rows]
    assert names == [
        "embedding", "dropout", "forward_rnn", "embedding", "dropout", "backward_rnn", "hidden",
        "dropout", "output",
    ]  # fmt: skip
    assert row(flow, "hidden")[2:] == ("Linear", "(B=8, 128)", "(B=8, 64)", "8,256")
    assert row(flow, "forward_rnn")[4] == "(B=8, T=30, 64), ((1, B=8, 64), (1, B=8, 64))"
    assert row(flow, "embedding")[5] == "6,400" and row(flow, "embedding", 1)[5] == "as before"
    assert not flow.refused
    assert flow.caption.startswith("SimpleRNN turns (B=8, T=30), (B=8,) into (B=8,), with 81,281")


@pytest.mark.parametrize("model", [AttentionRNN(VOCAB), TransformerClassifier(VOCAB)])
def test_the_other_models_of_the_course(model):
    flow = show_shapes(model, IDS, LENGTHS, return_weights=True)
    assert not flow.refused and flow.rows[-1][1] == "output"
    assert "into (B=8,), (B=8, " in flow.caption
    total = sum(part.numel() for part in model.parameters())
    shown = [int(texts[5].replace(",", "")) for texts in flow.rows if texts[5] != "as before"]
    assert sum(shown) == total and f"{total:,}" in flow.caption


def test_a_batch_of_the_course_is_taken_apart():
    batch = Batch(IDS, LENGTHS, torch.zeros(B))
    assert str(show_shapes(SimpleRNN(VOCAB), batch)) == str(
        show_shapes(SimpleRNN(VOCAB), IDS, LENGTHS)
    )


def test_the_layer_that_refuses_is_named_with_what_came_and_what_it_takes():
    flow = show_shapes(broken(), IDS, LENGTHS)
    assert flow.refused and flow.rows[-1][1] == "hidden"
    assert flow.rows[-1][3:5] == ("(B=8, 128)", "refused: it takes (..., 64)")
    assert flow.caption == (
        "hidden (Linear) got (B=8, 128) and stopped. RuntimeError: mat1 and mat2 shapes cannot be "
        "multiplied (8x128 and 64x64)"
    )
    html = flow._repr_mimebundle_()["text/html"]
    assert html.count("background-color:") == 6  # one row, its ground and its ink
    healthy = show_shapes(SimpleRNN(VOCAB), IDS, LENGTHS)._repr_mimebundle_()
    assert "background-color" not in healthy["text/html"]


def test_ids_that_an_embedding_does_not_have_are_told():
    flow = show_shapes(SimpleRNN(50), IDS, LENGTHS)
    said = f"refused: it takes ids from 0 to 49, and {IDS.min()} to {IDS.max()} came"
    assert len(flow.rows) == 1 and flow.rows[0][4] == said


def test_a_model_that_refuses_in_its_own_code_is_named_itself():
    flow = show_shapes(OwnFault(), torch.randn(2, 3))
    assert flow.rows[-1][1:3] == ("(the model)", "OwnFault")
    assert flow.rows[-1][4] == "stopped in its own code, after layer"
    assert show_shapes(OwnFault()).caption.startswith("OwnFault got nothing and stopped. TypeError")


def test_dicts_go_in_and_come_out():
    flow = show_shapes(WithDict(), {"x": torch.randn(2, 3)})
    assert "x=(B=2, 3) into {logits: (B=2, 3), more: ((B=2, 3), None)}" in flow.caption


def test_packed_sequences_and_a_module_called_often():
    given = torch.randn(2, 9, 3), torch.tensor([9, 4])
    flow = show_shapes(Packed(), *given)
    assert row(flow, "reader")[3] == "packed (13, 3)"
    assert [texts[1] for texts in flow.rows] == ["reader", *["cell"] * 5]
    merged = show_shapes(Packed(500), *given).rows
    assert [texts[1] for texts in merged] == ["reader", "cell", "cell (499 times)"]


def test_pytorch_s_own_transformers_without_their_short_cuts():
    model = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
    flow = show_shapes(model, torch.randn(2, 5, 16), torch.randn(2, 4, 16))
    assert row(flow, "decoder.layers.0.multihead_attn")[3] == "(2, 4, 16), (2, 5, 16), (2, 5, 16)"
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = nn.TransformerEncoder(layer, 2)
        flow = show_shapes(encoder, torch.randn(2, 5, 16), src_key_padding_mask=padding)
    assert row(flow, "layers.1.linear2")[3:5] == ("(2, 5, 32)", "(2, 5, 16)")
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_sequence_of_layers_and_one_alone():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))
    flow = show_shapes(model, torch.randn(3, 4))
    assert [texts[3] for texts in flow.rows] == ["(B=3, 4)", "(B=3, 5)", "(B=3, 5)"]
    assert show_shapes(nn.Linear(2, 2), torch.randn(3, 2)).rows[0][1] == "(the model)"


def test_t_is_not_named_where_a_layer_has_the_same_size():
    ids = IDS.repeat(1, 3)[:, :64]
    flow = show_shapes(SimpleRNN(VOCAB), ids, LENGTHS)
    assert row(flow, "hidden")[4] == "(B=8, 64)" and "T=" not in str(flow)
    four_gates = show_shapes(SimpleRNN(VOCAB), ids.repeat(1, 4), LENGTHS)  # 4 * H, inside an LSTM
    assert row(four_gates, "embedding")[4] == "(B=8, T=256, 64)"


@pytest.mark.parametrize("make", [WithDict, OwnFault])
@pytest.mark.parametrize("training", [True, False])
def test_everything_is_left_as_it_was(make, training):
    model = make().train(training)
    model.drop.train(not training)
    model.layer.register_forward_hook(noted := lambda *_: None)
    model.layer.weight.grad = torch.ones(3, 3)
    before, random_numbers = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    others = random.getstate(), np.random.get_state()[1].tolist()
    show_shapes(model, torch.randn(2, 3, generator=torch.Generator()))
    assert torch.equal(random_numbers, torch.get_rng_state())
    assert others == (random.getstate(), np.random.get_state()[1].tolist())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [part.training for part in model.modules()] == [training] * 3 + [not training]
    assert list(model.layer._forward_hooks.values()) == [noted]
    assert not any(part._forward_pre_hooks for part in model.modules())
    assert torch.equal(model.layer.weight.grad, torch.ones(3, 3))


def test_layers_whose_sizes_are_open_stay_open():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU())
    assert "(B=2, 3)" in show_shapes(model, torch.randn(2, 5)).caption
    assert isinstance(model[0], nn.LazyLinear) and model[0].has_uninitialized_params()


def test_a_deep_model_stays_within_a_notebook_s_output():
    deep = nn.Sequential(*[nn.Linear(n, n + 1) for n in range(3, 303)])
    flow = show_shapes(deep, torch.randn(2, 3))
    html = flow._repr_mimebundle_()["text/html"]
    assert len(html) < 100_000 and "240 more" in html and "(B=2, 303)" in flow.caption


def test_what_could_be_read_as_a_tag_is_shown():
    model = nn.ModuleDict({"<script>$x$": nn.Linear(2, 2)})
    model.forward = lambda x: model["<script>$x$"](x)
    html = show_shapes(model, torch.randn(1, 2))._repr_mimebundle_()["text/html"]
    assert "<script>" not in html and not re.search(r"(?<!<span>)\$", html)


def test_no_module_is_refused_in_a_sentence():
    with pytest.raises(TypeError, match=r"takes an nn\.Module, and this is a function"):
        show_shapes(broken, IDS)
