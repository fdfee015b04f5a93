"""Models that average the vectors of words, or of short runs of words, and know no other order."""

import torch
from torch import nn
from torch.nn import functional

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


def hash_ngrams(
    token_ids: torch.Tensor, starts: torch.Tensor, longest: int, buckets: int
) -> torch.Tensor:
    """Number the runs of 2 to ``longest`` words that end at each word: (N,) -> (N, longest - 1).

    token_ids: (N,) int64, the words of all texts, one text after the other.
    starts: (N,) bool, True on the first word of each text.
    Returns numbers from 0 to ``buckets - 1``, and -1 where the run would reach into the text
    before. There are far more runs than buckets, so some share one: the hashing trick, Weinberger
    et al. 2009.
    """
    columns, hashed, too_early = [], token_ids, starts
    for _ in range(2, longest + 1):
        hashed = functional.pad(hashed, (1, 0))[:-1] * 1_000_003 + token_ids
        columns.append(torch.where(too_early, -1, (hashed ^ (hashed >> 15)) % buckets))
        too_early = too_early | functional.pad(too_early, (1, 0))[:-1]
    return torch.stack(columns, dim=1) if columns else token_ids.new_empty(len(token_ids), 0)


class BagOfNgrams(nn.Module):
    """Add up the vectors of a review's words and of its runs of words; one linear layer on top.

    longest: words in a run, at most; 1 leaves the words alone. buckets: rows for all the runs.
    The sum is divided by the root of how many there are: a mean would be so small that it learns
    slowly, a sum is larger for longer reviews. fastText, Joulin et al. 2017.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 16,
        longest: int = 2,
        buckets: int = 2**20,
    ):
        super().__init__()
        self.vocab_size, self.longest, self.buckets = vocab_size, longest, buckets
        rows = vocab_size + buckets * (longest > 1)
        self.embedding = nn.EmbeddingBag(rows, embedding_size, mode="sum", padding_idx=PAD)
        with torch.no_grad():
            self.embedding.weight *= 0.01  # a run that training never met should say nothing
        self.output = nn.Linear(embedding_size, 1)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, T), (B,) -> logits (B,); or flat (N,) token ids and (B,) offsets, as EmbeddingBag."""
        if token_ids.dim() == 1:
            return self.score(token_ids, lengths)
        mask = token_mask(lengths, token_ids.shape[1])
        return self.score(token_ids[mask], lengths.cumsum(dim=0) - lengths)

    def score(self, token_ids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """(N,) the words of all reviews, (B,) where each review begins -> logits (B,)."""
        starts = torch.zeros_like(token_ids, dtype=torch.bool).index_fill(0, offsets, True)
        runs = hash_ngrams(token_ids, starts, self.longest, self.buckets)
        runs = torch.where(runs < 0, PAD, self.vocab_size + runs)
        rows = torch.cat([token_ids.unsqueeze(1), runs], dim=1)  # (N, longest)
        total = self.embedding(rows.flatten(), offsets * self.longest)  # (B, E)
        counts = torch.diff(offsets, append=offsets.new_tensor([len(token_ids)]))
        return self.output(total / (self.longest * counts.unsqueeze(1)).sqrt()).squeeze(1)
