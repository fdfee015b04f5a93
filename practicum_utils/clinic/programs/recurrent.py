"""The columns that read with LSTMs, and their bugs.

``SimpleRNNReader`` and ``AttentionRNNReader`` are the package's models, parameter by parameter, but
for the pairs of words.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from practicum_utils.clinic.programs.readers import E, H, Reader, weigh
from practicum_utils.data import token_mask
from practicum_utils.models import last_vectors, reverse_states


def remembered(memory: tuple | None, rows: int) -> tuple | None:
    """The state of the last batch, cut to so many rows; None if there were fewer."""
    if memory is None or memory[0].shape[1] < rows:
        return None
    return tuple(part[:, :rows].detach().contiguous() for part in memory)


class TwoReaders(Reader):
    """Two LSTMs, one from each end; their states stand in the order in which they read."""

    width = 2 * H

    def make_encoder(self) -> None:
        super().make_encoder()
        self.memory = {}
        for name in ("forward_rnn", "backward_rnn"):
            self.add_module(name, nn.LSTM(E, H, batch_first="batch-first-lstm" not in self.bugs))

    def turn(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return x.flip(1) if "backward-reads-padding" in self.bugs else reverse_states(x, lengths)

    def read(self, name: str, x: torch.Tensor) -> torch.Tensor:
        memory = remembered(self.memory.get(name), len(x))
        states, last = getattr(self, name)(x, memory)  # (B, T, H)
        if "state-carried-over" in self.bugs:
            self.memory[name] = last
        return states

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.dropout(embedded)
        forward = self.read("forward_rnn", x)
        backward = self.read("backward_rnn", self.turn(x, lengths))
        return torch.cat([forward, backward], dim=2)  # (B, T, 2H)


class SimpleRNNReader(TwoReaders):
    """``SimpleRNN``: the last state of each direction decides."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        last = last_vectors(states, lengths)  # (B, 2H)
        if "last-step-is-padding" in self.bugs:
            last = states[:, -1]
        if "backward-reads-padding" in self.bugs:  # its last step is the first word, after the flip
            last = torch.cat([last[:, :H], states[:, -1, H:]], dim=1)
        if "view-not-transpose" in self.bugs:
            last = torch.stack(last.chunk(2, dim=1)).view(len(last), 2 * H)  # (2, B, H) -> (B, 2H)
        return last


class AttentionRNNReader(TwoReaders):
    """``AttentionRNN``: attention decides which states count."""

    def make_encoder(self) -> None:
        super().make_encoder()
        self.attention = nn.Linear(2 * H, H)
        self.score = nn.Linear(H, 1, bias=False)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        forward, backward = super().encode(embedded, lengths).chunk(2, dim=2)
        return torch.cat([forward, self.turn(backward, lengths)], dim=2)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        scores = self.score(torch.tanh(self.attention(states))).squeeze(2)  # (B, T)
        weights = weigh(scores, token_mask(lengths, states.shape[1]), self.bugs)
        return (weights.unsqueeze(1) @ states).squeeze(1)


class PackedLSTM(Reader):
    """One bidirectional LSTM on a packed batch, as tutorials write it; ``h_n`` decides."""

    width = 2 * H

    def make_encoder(self) -> None:
        super().make_encoder()
        self.memory = None
        self.rnn = nn.LSTM(E, H, batch_first=True, bidirectional=True)

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The vector (B, 2H) of each review: there is nothing left to pool."""
        x = self.dropout(embedded)
        if "backward-reads-padding" in self.bugs:
            states, _ = self.rnn(x)
            return torch.cat([last_vectors(states[..., :H], lengths), states[:, 0, H:]], dim=1)
        if "last-step-is-padding" not in self.bugs:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, last = self.rnn(x, remembered(self.memory, len(embedded)))
        if "state-carried-over" in self.bugs:
            self.memory = last
        if "short-rows-lost" in self.bugs:
            return pad_packed_sequence(states, batch_first=True)[0][:, -1]
        h_n = last[0]  # (2, B, H)
        if "view-not-transpose" in self.bugs:
            return h_n.view(len(embedded), 2 * H)
        return h_n.transpose(0, 1).reshape(len(embedded), 2 * H)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return states
