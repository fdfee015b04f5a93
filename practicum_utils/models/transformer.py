"""Models in which all words look at each other at once."""

import torch
from torch import nn

from practicum_utils.data import PAD, token_mask
from practicum_utils.models.attention import positional_encoding, self_attention
from practicum_utils.models.averaging import PairEmbedding
from practicum_utils.models.beginnings import small_vectors


class MultiHeadAttention(nn.Module):
    """Self-attention in several heads, each on its own part of the vectors: (B, T, E) -> (B, T, E).

    Equal to ``nn.MultiheadAttention`` with the same weights. Vaswani et al. 2017.
    """

    def __init__(self, size: int, num_heads: int):
        super().__init__()
        if size % num_heads:
            raise ValueError(f"{size} numbers cannot be shared out evenly among {num_heads} heads.")
        self.num_heads = num_heads
        self.qkv = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        B, T, E = x.shape
        D = E // self.num_heads
        return x.reshape(B, T, self.num_heads, D).transpose(1, 2)  # (B, heads, T, D)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, return_weights: bool = False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        B, T, E = x.shape
        queries, keys, values = (self.split(part) for part in self.qkv(x).chunk(3, dim=2))
        mask = mask.reshape(B, 1, 1, T)  # the same keys are hidden from every head and query
        mixed, weights = self_attention(queries, keys, values, mask, return_weights)
        return self.output(mixed.transpose(1, 2).reshape(B, T, E)), weights


class TransformerBlock(nn.Module):
    """Attention mixes the positions, a feed-forward network works on each; both add to the input.

    Equal to ``nn.TransformerEncoderLayer(norm_first=True)`` with the same weights and without its
    dropout on the attention weights.
    """

    def __init__(self, size: int, num_heads: int, inner_size: int, dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(size, num_heads)
        self.attention_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, inner_size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner_size, size)
        )
        self.feed_forward_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, return_weights: bool = False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights


class TransformerClassifier(nn.Module):
    """Self-attention in place of the RNN: blocks mix all positions at once, the mean decides.

    ``return_weights=True`` also returns the attention maps (B, layers, heads, T, T): where each
    position looks, rows sum to 1, exactly 0 on padding. Vaswani et al. 2017, the encoder.
    Without ``positions`` the order of the words is lost.
    Raises ValueError for a row without a real token.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 64,
        num_heads: int = 4,
        layers: int = 1,
        inner_size: int = 128,
        dropout: float = 0.5,
        positions: bool = True,
        pair_size: int = 16,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.pairs = PairEmbedding(pair_size)
        self.positions = positions
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(embedding_size, num_heads, inner_size, dropout=0.1)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding_size)
        self.hidden = nn.Linear(embedding_size + pair_size, embedding_size)
        self.output = nn.Linear(embedding_size, 1)
        small_vectors(self)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor, return_weights: bool = False):
        B, T = token_ids.shape
        mask = token_mask(lengths, T)
        x = self.embedding(token_ids)  # (B, T, E)
        if self.positions:
            x = x + 0.1 * positional_encoding(T, x.shape[2]).to(x)  # as small as the embeddings
        x, maps = self.dropout(x), []
        for block in self.blocks:
            x, weights = block(x, mask, return_weights)  # (B, T, E), (B, heads, T, T)
            maps.append(weights)
        x = torch.cat([self.norm(x), self.pairs(token_ids)], dim=2)  # (B, T, S)
        mean = (x * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # (B, S)
        hidden = torch.relu(self.hidden(mean))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, torch.stack(maps, dim=1)) if return_weights else logits
