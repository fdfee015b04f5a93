"""The models of the course. Each is called as ``model(token_ids, lengths) -> logits (B,)``.

With ``return_weights=True`` the last two return ``(logits, weights)``, from the same forward pass.
"""

import torch
from torch import nn

from practicum_utils.attention import attention_pool, positional_encoding, self_attention
from practicum_utils.data import PAD, token_mask


class MeanEmbedding(nn.Module):
    """The baseline: average the word vectors of a review, one linear layer on top.

    It cannot know the order of the words. Also called a neural bag of words; Iyyer et al. 2015.
    """

    def __init__(self, vocab_size: int, embedding_size: int = 32):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.output = nn.Linear(embedding_size, 1)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(token_ids)  # (B, T, E), all zeros on the padding
        mean = embedded.sum(dim=1) / lengths.unsqueeze(1)  # (B, E)
        return self.output(mean).squeeze(1)


def last_vectors(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return each row's state at its own last real token: (B, T, H), (B,) -> (B, H)."""
    B, T, H = states.shape
    return states[torch.arange(B, device=states.device), lengths - 1]


def reverse_reviews(token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Reverse each row's real tokens and leave its padding at the end: (B, T), (B,) -> (B, T)."""
    B, T = token_ids.shape
    positions = torch.arange(T, device=token_ids.device)
    source = lengths.unsqueeze(1) - 1 - positions  # L-1, L-2, ... 0, then negative on the padding
    return token_ids.gather(1, source.clamp(min=0)).where(source >= 0, token_ids)


def reverse_states(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Reverse each row's real vectors, the padding stays: (B, T, H), (B,) -> (B, T, H)."""
    B, T, H = states.shape
    places = torch.arange(B * T, device=states.device).reshape(B, T)
    order = reverse_reviews(places, lengths).flatten()
    return states.flatten(0, 1).index_select(0, order).reshape(B, T, H)


class SimpleRNN(nn.Module):
    """Two LSTMs read the review, one from each end; their last vectors decide.

    The second one reads the review reversed. ``nn.LSTM(bidirectional=True)`` would start it on the
    padding, so that the padding changes the answer, unless the batch is packed, which is several
    times slower on a CPU. Hochreiter & Schmidhuber 1997; Schuster & Paliwal 1997.
    """

    def __init__(
        self, vocab_size: int, embedding_size: int = 64, hidden_size: int = 64, dropout: float = 0.5
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight *= 0.1  # small first vectors: less noise for the LSTM to unlearn
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)

    def read(self, rnn: nn.LSTM, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        states, _ = rnn(embedded)  # (B, T, H)
        return last_vectors(states, lengths)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        forward_last = self.read(self.forward_rnn, token_ids, lengths)
        backward_last = self.read(self.backward_rnn, reverse_reviews(token_ids, lengths), lengths)
        last = torch.cat([forward_last, backward_last], dim=1)  # (B, 2H)
        hidden = torch.relu(self.hidden(last))
        return self.output(self.dropout(hidden)).squeeze(1)


class AttentionRNN(nn.Module):
    """Two LSTMs read the review, one from each end; attention decides which vectors count.

    The score of a state is ``v . tanh(W state + b)``, additive attention after Bahdanau et al. 2015
    with a learned query. ``return_weights=True`` also returns the weights (B, T): rows sum to 1,
    exactly 0 on padding. Raises ValueError for a row without a real token.
    """

    def __init__(
        self, vocab_size: int, embedding_size: int = 64, hidden_size: int = 64, dropout: float = 0.5
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight *= 0.1
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(2 * hidden_size, hidden_size)  # New: W and b of the score
        self.score = nn.Linear(hidden_size, 1, bias=False)  # New: v
        self.hidden = nn.Linear(2 * hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)

    def read(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        forward_states, _ = self.forward_rnn(embedded)  # (B, T, H)
        backward_states, _ = self.backward_rnn(reverse_states(embedded, lengths))
        # New: all states are kept, each beside the one of the same word
        return torch.cat([forward_states, reverse_states(backward_states, lengths)], dim=2)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor, return_weights: bool = False):
        B, T = token_ids.shape
        states = self.read(token_ids, lengths)  # (B, T, 2H)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)  # New: (B, T)
        pooled, weights = attention_pool(states, scores, token_mask(lengths, T))  # New: (B, 2H)
        hidden = torch.relu(self.hidden(pooled))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, weights) if return_weights else logits


class MultiHeadAttention(nn.Module):
    """Self-attention in several heads, each on its own part of the vectors: (B, T, E) -> (B, T, E).

    Equal to ``nn.MultiheadAttention`` with the same weights. Vaswani et al. 2017.
    """

    def __init__(self, size: int, heads: int):
        super().__init__()
        if size % heads:
            raise ValueError(f"{size} numbers cannot be shared out evenly among {heads} heads.")
        self.heads = heads
        self.queries_keys_values = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        B, T, E = x.shape
        return x.reshape(B, T, self.heads, E // self.heads).transpose(1, 2)  # (B, heads, T, D)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, return_weights: bool = False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        B, T, E = x.shape
        queries, keys, values = map(self.split, self.queries_keys_values(x).chunk(3, dim=2))
        mask = mask.reshape(B, 1, 1, T)  # the same keys are hidden from every head and query
        mixed, weights = self_attention(queries, keys, values, mask, return_weights)
        return self.output(mixed.transpose(1, 2).reshape(B, T, E)), weights


class TransformerBlock(nn.Module):
    """Attention mixes the positions, a small network works on each; both are added to the input.

    Equal to ``nn.TransformerEncoderLayer(norm_first=True)`` with the same weights and without its
    dropout on the attention weights.
    """

    def __init__(self, size: int, heads: int, inner_size: int, dropout: float):
        super().__init__()
        self.attention = MultiHeadAttention(size, heads)
        self.attention_norm = nn.LayerNorm(size)
        self.network = nn.Sequential(
            nn.Linear(size, inner_size), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner_size, size)
        )
        self.network_norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, return_weights: bool = False):
        """(B, T, E), mask (B, T) -> (B, T, E), and the weights (B, heads, T, T) if asked for."""
        mixed, weights = self.attention(self.attention_norm(x), mask, return_weights)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.network(self.network_norm(x))), weights


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
        heads: int = 4,
        layers: int = 1,
        inner_size: int = 128,
        dropout: float = 0.5,
        positions: bool = True,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight *= 0.1
        self.positions = positions
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(embedding_size, heads, inner_size, dropout=0.1) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding_size)
        self.hidden = nn.Linear(embedding_size, embedding_size)
        self.output = nn.Linear(embedding_size, 1)

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
        mean = (self.norm(x) * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)  # (B, E)
        hidden = torch.relu(self.hidden(mean))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, torch.stack(maps, dim=1)) if return_weights else logits
