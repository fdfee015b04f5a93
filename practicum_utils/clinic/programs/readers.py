"""What the columns share, and the smallest of them; a bug is one line beside the line it spoils.

All have the form of the package's models: embedding, encoder, pooled vector, hidden layer, output.
``bugs`` holds the ids to plant.
"""

import torch
from torch import nn
from torch.nn.functional import dropout

from practicum_utils.clinic.programs.reviews import VOCAB_SIZE
from practicum_utils.data import PAD, token_mask

E, H = 16, 16
ACTIVATIONS = {
    "double-sigmoid": torch.sigmoid,
    "relu-on-logit": torch.relu,
    "tanh-on-logit": torch.tanh,
}


def weigh(scores: torch.Tensor, mask: torch.Tensor, bugs: frozenset[str]) -> torch.Tensor:
    """Turn scores (B, ..., T) into attention weights, 0 where the mask is False."""
    if "no-pad-mask" in bugs:
        return scores.softmax(dim=-1)
    if "mask-after-softmax" in bugs:
        return scores.softmax(dim=-1) * mask
    if "mask-inverted" in bugs:
        mask = ~mask
    axis = 0 if "softmax-over-batch" in bugs else -1
    return scores.masked_fill(~mask, -1e9).softmax(dim=axis)


class Reader(nn.Module):
    """Called as ``model(token_ids, lengths) -> logits (B,)``.

    A column says how to ``make_encoder``, ``encode`` and ``pool``, and the ``width`` of the pooled
    vector; the mean over the real tokens is the pool of those that say nothing.
    """

    width = H

    def __init__(self, bugs: frozenset[str] = frozenset(), drop: float = 0.2):
        super().__init__()
        self.bugs = bugs
        self.make_encoder()
        if "padding-vector-not-zero" in bugs:
            nn.init.normal_(self.embedding.weight, std=0.5)  # row 0 as well
        self.dropout = nn.Dropout(drop)
        self.hidden = nn.Linear(H if "linear-input-size" in bugs else self.width, H)
        self.output = nn.Linear(H, 1)

    def make_encoder(self) -> None:
        self.embedding = nn.Embedding(VOCAB_SIZE, E, padding_idx=PAD)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if "last-token-lost" in self.bugs:
            lengths = (lengths - 1).clamp(min=1)
        if "lengths-of-another-row" in self.bugs:
            order = lengths.argsort(descending=True)
            logits = self.classify(token_ids[order], lengths)  # needs lengths[order]
            return logits[order.argsort()]
        return self.classify(token_ids, lengths)

    def classify(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(token_ids)  # (B, T, E)
        if "graph-cut-embedding" in self.bugs:
            embedded = embedded.detach()
        states = self.encode(embedded, lengths)
        if "graph-cut-encoder" in self.bugs:
            states = states.detach()
        return self.head(self.pool(states, lengths))

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if "mean-over-padding" in self.bugs:
            return states.mean(dim=1)
        mask = token_mask(lengths, states.shape[1]).unsqueeze(2)
        return (states * mask).sum(dim=1) / lengths.unsqueeze(1)

    def maximum(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Another pool: the largest of each number over the real tokens."""
        if "max-over-padding" in self.bugs:
            return states.amax(dim=1)
        mask = token_mask(lengths, states.shape[1]).unsqueeze(2)
        return states.masked_fill(~mask, -torch.inf).amax(dim=1)

    def head(self, pooled: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.hidden(pooled))
        always = "dropout-always-on" in self.bugs
        hidden = dropout(hidden, 0.5) if always else self.dropout(hidden)
        logits = self.output(hidden).squeeze(1)
        for bug in self.bugs & set(ACTIVATIONS):
            logits = ACTIVATIONS[bug](logits)
        return logits


class CNN(Reader):
    """Filters over three and five words, the maximum of each over the review; Kim 2014.

    Beyond the end of a review the filters see zeros, in a padded batch as in an unpadded one.
    """

    width = 2 * H

    def make_encoder(self) -> None:
        super().make_encoder()
        self.filters = nn.ModuleList(nn.Conv1d(E, H, size, padding="same") for size in (3, 5))

    def encode(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.dropout(embedded).transpose(1, 2)  # (B, E, T)
        return torch.cat([filters(x).relu() for filters in self.filters], dim=1).transpose(1, 2)

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return self.maximum(states, lengths)
