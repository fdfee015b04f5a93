"""Where the decoder of a text-to-text model looks while it writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from practicum_utils.models import greedy
from practicum_utils.models.decoding import MAX_TOKENS
from practicum_utils.prompting.t5 import T5


@dataclass(frozen=True)
class CrossAttention:
    """A prompt, its answer, and how much each piece of the prompt counted in each step.

    source: S pieces that are read, the end mark too.  written: T pieces that are written.
    start: the piece that the decoder is given in its first step.
    weights: (T, S) float32, rows sum to 1.  states: (S, D), the encoder's vectors.
    """

    source: list[str]
    start: str
    written: list[str]
    weights: torch.Tensor
    states: torch.Tensor


@torch.no_grad()
def cross_attention(t5: T5, prompt: str, max_new_tokens: int = 20) -> CrossAttention:
    """Let the model write its answer, always the likeliest piece, and keep its cross-attention.

    The weights are the mean over the heads of all blocks of the decoder, from one forward pass over
    the prompt and the whole answer. A prompt of more than 512 pieces is cut at its end.
    Raises RuntimeError where the model gives no weights.
    """
    answer = greedy(t5, prompt, max_new_tokens)
    read = t5.tokenizer(prompt, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    ids = {"input_ids": [read], "decoder_input_ids": [answer[:-1]]}
    tensors = {name: torch.tensor(rows, device=t5.device) for name, rows in ids.items()}
    with _spelled_out(t5.model):
        output = t5.model(**tensors, output_attentions=True)
    layers = [layer for layer in output.cross_attentions or () if layer is not None]
    if not layers:
        raise RuntimeError(
            f"{t5.name} returned no attention weights; it needs an attention that is computed step "
            'by step, attn_implementation="eager".'
        )
    weights = torch.stack(layers).float().mean(dim=(0, 2))[0].cpu()  # (blocks, 1, heads, T, S)
    start, *written = t5.tokenizer.convert_ids_to_tokens(answer)
    source = t5.tokenizer.convert_ids_to_tokens(read)
    states = output.encoder_last_hidden_state[0].float().cpu()
    return CrossAttention(source, start, written, weights, states)


@contextmanager
def _spelled_out(model) -> Iterator[None]:
    """Attention in plain steps meanwhile: the fast way has no weights to return."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
