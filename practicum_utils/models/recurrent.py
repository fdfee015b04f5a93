"""Models that read a review word by word, from both of its ends."""

import torch
from torch import nn

from practicum_utils.data import PAD, token_mask
from practicum_utils.models.attention import attention_pool
from practicum_utils.models.averaging import PairEmbedding
from practicum_utils.models.beginnings import open_gates, small_vectors


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
        self, vocab_size: int, embedding_size: int = 64, hidden_size: int = 64, dropout: float = 0.3
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        open_gates(small_vectors(self))

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
        self,
        vocab_size: int,
        embedding_size: int = 64,
        hidden_size: int = 64,
        dropout: float = 0.5,
        pair_size: int = 16,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.pairs = PairEmbedding(pair_size)  # New: each word with the one before it
        state_size = 2 * hidden_size + pair_size  # New: S, what stands at a word
        self.forward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.backward_rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.attention = nn.Linear(state_size, hidden_size)  # New: W and b of the score
        self.score = nn.Linear(hidden_size, 1, bias=False)  # New: v
        self.hidden = nn.Linear(state_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        small_vectors(self)

    def read(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.dropout(self.embedding(token_ids))  # (B, T, E)
        forward_states, _ = self.forward_rnn(embedded)  # (B, T, H)
        backward_states, _ = self.backward_rnn(reverse_states(embedded, lengths))
        # New: all states are kept, those of the same word and its pair side by side
        backward_states = reverse_states(backward_states, lengths)
        return torch.cat([forward_states, backward_states, self.pairs(token_ids)], dim=2)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor, return_weights: bool = False):
        B, T = token_ids.shape
        states = self.read(token_ids, lengths)  # (B, T, S)
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)  # New: (B, T)
        pooled, weights = attention_pool(states, scores, token_mask(lengths, T))  # New: (B, S)
        hidden = torch.relu(self.hidden(pooled))
        logits = self.output(self.dropout(hidden)).squeeze(1)
        return (logits, weights) if return_weights else logits
