"""The models of the course. Each is called as ``model(token_ids, lengths) -> logits (B,)``."""

import torch
from torch import nn

from practicum_utils.data import PAD


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
