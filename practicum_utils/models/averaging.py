"""A model that averages the vectors of words, and cannot know their order."""

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
