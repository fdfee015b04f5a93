"""The weights of a decoder that writes: right ones, from a model that is left as it was."""

from types import SimpleNamespace

import pytest
import torch

from practicum_utils.prompting import cross_attention, greedy, load_t5

PROMPT = "sst2 sentence: a great and moving film"


@pytest.fixture(scope="module")
def tiny():
    return load_t5("tiny")


def test_a_row_for_each_piece_that_is_written(tiny):
    seen = cross_attention(tiny, PROMPT)
    answer = tiny.tokenizer.convert_ids_to_tokens(greedy(tiny, PROMPT))
    assert [seen.start, *seen.written] == answer
    assert seen.source == tiny.tokenizer.convert_ids_to_tokens(tiny.tokenizer(PROMPT)["input_ids"])
    assert seen.weights.shape == (len(seen.written), len(seen.source))
    assert seen.states.shape == (len(seen.source), tiny.model.config.d_model)
    torch.testing.assert_close(seen.weights.sum(dim=1), torch.ones(len(seen.written)))


def test_the_weights_are_those_of_the_softmax(tiny):
    """Scores by hand, from the layer's own matrices: T5 does not scale them by the root of D."""
    layer = tiny.model.decoder.block[0].layer[1].EncDecAttention
    given = {}
    hook = layer.register_forward_pre_hook(
        lambda _, inputs, named: given.update(query=inputs[0], key=named["key_value_states"]),
        with_kwargs=True,
    )
    seen = cross_attention(tiny, PROMPT)
    hook.remove()
    heads = tiny.model.config.num_heads
    query, key = (
        matrix(given[name]).unflatten(-1, (heads, -1)).transpose(1, 2)
        for name, matrix in (("query", layer.q), ("key", layer.k))
    )
    by_hand = (query @ key.mT).softmax(dim=-1).mean(dim=1)[0]
    torch.testing.assert_close(seen.weights, by_hand.detach())


def test_the_model_attends_as_before_afterwards():
    tiny = load_t5("tiny")  # a new one: no other test has asked it
    parts = (tiny.model, tiny.model.encoder, tiny.model.decoder)
    before = [part.config._attn_implementation for part in parts]
    cross_attention(tiny, PROMPT)
    assert [part.config._attn_implementation for part in parts] == before


def test_the_model_attends_as_before_after_an_error(monkeypatch):
    tiny = load_t5("tiny")
    before = tiny.model.config._attn_implementation
    monkeypatch.setattr("practicum_utils.prompting.attention.greedy", lambda *_: [10**9, 0])
    with pytest.raises(IndexError):
        cross_attention(tiny, PROMPT)
    assert tiny.model.config._attn_implementation == before


def test_an_answer_that_is_stopped_has_as_many_rows(tiny):
    assert len(cross_attention(tiny, PROMPT, max_new_tokens=1).weights) == 1


def test_a_long_prompt_is_cut(tiny):
    assert len(cross_attention(tiny, "source: " + "a good film " * 400).source) == 512


def test_a_model_without_weights_is_named(tiny, monkeypatch):
    forward = tiny.model.forward

    def without(*inputs, **named):
        output = forward(*inputs, **named)
        return SimpleNamespace(logits=output.logits, cross_attentions=())

    monkeypatch.setattr(tiny.model, "forward", without)
    with pytest.raises(RuntimeError, match="tiny returned no attention weights"):
        cross_attention(tiny, PROMPT)
