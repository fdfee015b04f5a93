"""The columns that attend, and their bugs.

``TransformerReader`` is the package's ``TransformerClassifier``, parameter by parameter, but for
the pairs of words.
"""

import math

import torch
from torch import nn
from transformers import BertConfig, BertModel

from practicum_utils.clinic.programs.readers import E, Reader, weigh
from practicum_utils.clinic.programs.reviews import VOCAB_SIZE
from practicum_utils.data import token_mask
from practicum_utils.models import MultiHeadAttention, TransformerBlock, positional_encoding

HEADS = 2


class SelfAttention(MultiHeadAttention):
    """The package's layer with its weights written out."""

    def __init__(self, bugs: frozenset[str]):
        super().__init__(E, HEADS)
        self.bugs = bugs

    def forward(self, x: torch.Tensor, mask: torch.Tensor, return_weights: bool = False):
        if "batch-first-attention" in self.bugs:
            return self.attend(x.transpose(0, 1), mask.T).transpose(0, 1), None
        return self.attend(x, mask), None

    def attend(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        B, T, _ = x.shape
        queries, keys, values = map(self.split, self.qkv(x).chunk(3, dim=2))
        scale = 1 if "no-score-scale" in self.bugs else math.sqrt(E // HEADS)
        scores = queries @ keys.transpose(2, 3) / scale  # (B, heads, T, T)
        weights = weigh(scores, mask.reshape(B, 1, 1, T), self.bugs)
        return self.output((weights @ values).transpose(1, 2).reshape(B, T, E))


class Positioned(Reader):
    """Sines and cosines tell the places, as large as the embeddings are."""

    scale = 1.0

    def place(self, x: torch.Tensor) -> torch.Tensor:
        B, T, _ = x.shape
        if "positions-over-batch" in self.bugs:
            x = x + self.scale * positional_encoding(B, E).unsqueeze(1)  # (B, 1, E)
        elif "no-positions" not in self.bugs:
            x = x + self.scale * positional_encoding(T, E)  # (T, E)
        return self.dropout(x)


class TransformerReader(Positioned):
    """``TransformerClassifier`` with one block."""

    scale = 0.1

    def make_encoder(self) -> None:
        super().make_encoder()
        with torch.no_grad():
            self.embedding.weight *= self.scale
        block = TransformerBlock(E, HEADS, 2 * E, dropout=0.1)
        block.attention = SelfAttention(self.bugs)
        self.blocks = nn.ModuleList([block])
        self.norm = nn.LayerNorm(E)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.place(embedded)
        return self.norm(self.blocks[0](x, token_mask(lengths, x.shape[1]))[0])


class TorchEncoder(Positioned):
    """PyTorch's ``nn.TransformerEncoder``, the maximum of its vectors over the review."""

    def make_encoder(self) -> None:
        super().make_encoder()
        first = not self.bugs & {"batch-first-attention", "view-not-transpose"}
        layer = nn.TransformerEncoderLayer(E, HEADS, 2 * E, dropout=0.1, batch_first=first)
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.place(embedded)
        B, T, _ = x.shape
        hidden = ~token_mask(lengths, T)  # PyTorch's mask is True on the padding
        if "no-pad-mask" in self.bugs:
            hidden = None
        if "mask-inverted" in self.bugs:
            hidden = ~hidden
        if "batch-first-attention" in self.bugs:
            hidden = hidden.T  # the error about its shape went away
        if "view-not-transpose" in self.bugs:
            return self.encoder(x.view(T, B, E), src_key_padding_mask=hidden).view(B, T, E)
        return self.encoder(x, src_key_padding_mask=hidden)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.maximum(states, lengths)


class HfEncoder(Reader):
    """A BERT of Hugging Face's, from random weights, with our pool and layers on top.

    Called in its way: ``model(input_ids=..., attention_mask=...) -> logits (B,)``.
    """

    def make_encoder(self) -> None:
        config = BertConfig(
            vocab_size=VOCAB_SIZE,
            hidden_size=E,
            num_hidden_layers=1,
            num_attention_heads=HEADS,
            intermediate_size=2 * E,
            max_position_embeddings=64,
            initializer_range=0.14,  # 0.02 is for vectors of 768: as large a sum over 16
        )
        self.bert = BertModel(config, add_pooling_layer=False)

    @property
    def embedding(self) -> nn.Embedding:
        return self.bert.embeddings.word_embeddings

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return super().forward(input_ids, attention_mask.sum(dim=1))

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        B, T, _ = embedded.shape
        mask = token_mask(lengths, T)
        if "no-pad-mask" in self.bugs:
            mask = None
        if "mask-inverted" in self.bugs:
            mask = ~mask
        places = torch.arange(T).unsqueeze(0)  # (1, T)
        if "positions-over-batch" in self.bugs:
            places = torch.arange(B).unsqueeze(1).expand(B, T)
        output = self.bert(inputs_embeds=embedded, attention_mask=mask, position_ids=places)
        return output.last_hidden_state
