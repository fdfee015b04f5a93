"""Vectors of words and of short runs of words, and the models that only add them up."""

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


def hash_ngrams(token_ids: torch.Tensor, longest: int, buckets: int) -> torch.Tensor:
    """Number the runs of 2 to ``longest`` words that end at each word: (B, T) -> (B, T, longest-1).

    The numbers go from 0 to ``buckets - 1``. There are far more runs than buckets, so some share
    one: the hashing trick, Weinberger et al. 2009. Before the first word of a text stand as many
    ``<pad>`` as are wanted.
    """
    padded = functional.pad(token_ids, (longest - 1, 0), value=PAD) + 1
    columns, hashed = [], padded
    for size in range(2, longest + 1):
        hashed = hashed[:, :-1] * 1_000_003 + padded[:, size - 1 :]
        runs = hashed[:, longest - size :]  # (B, T), those that end at a word
        columns.append((runs ^ (runs >> 15)) % buckets)  # the shift brings in the high bits
    return torch.stack(columns, dim=2) if columns else token_ids.new_empty(*token_ids.shape, 0)


class PairEmbedding(nn.Module):
    """A vector for each word together with the word before it: (B, T) -> (B, T, size).

    *Not good* has a vector of its own, whatever *not* and *good* mean alone. Pairs find their rows
    by ``hash_ngrams``; a size of 0 leaves them out.
    """

    def __init__(self, size: int = 16, buckets: int = 2**18):
        super().__init__()
        self.table = nn.Embedding(buckets, size)
        self.table.weight.data *= 0.01  # a pair that training never met should say nothing

    def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
        pairs = hash_ngrams(token_ids, longest=2, buckets=self.table.num_embeddings)
        return self.table(pairs.squeeze(2))


class BagOfNgrams(nn.Module):
    """Add up the vectors of a review's words and of its runs of words; one linear layer on top.

    longest: words in a run, at most; 1 leaves the words alone. buckets: rows for all the runs.
    The sum is divided by the root of how many there are: a mean would be so small that it learns
    slowly, a sum is larger for longer reviews. fastText, Joulin et al. 2017.
    """

    def __init__(
        self, vocab_size: int, embedding_size: int = 16, longest: int = 2, buckets: int = 2**20
    ):
        super().__init__()
        if longest < 1:
            raise ValueError(f"longest is {longest}; a run has 1 word or more.")
        self.vocab_size, self.longest, self.buckets = vocab_size, longest, buckets
        rows = vocab_size + buckets * (longest > 1)
        self.embedding = nn.EmbeddingBag(rows, embedding_size, mode="sum", padding_idx=PAD)
        self.embedding.weight.data *= 0.01  # a run that training never met should say nothing
        self.output = nn.Linear(embedding_size, 1)

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, T), (B,) -> logits (B,); or all token ids in one row (N,), and offsets (B,)."""
        if token_ids.dim() == 1:
            token_ids, lengths = _padded(token_ids, offsets=lengths)
        mask = token_mask(lengths, token_ids.shape[1]).unsqueeze(2)
        runs = self.vocab_size + hash_ngrams(token_ids, self.longest, self.buckets)
        rows = torch.cat([token_ids.unsqueeze(2), runs], dim=2)  # (B, T, longest)
        total = self.embedding(torch.where(mask, rows, PAD).flatten(1))  # (B, E)
        return self.output(total / (self.longest * lengths.unsqueeze(1)).sqrt()).squeeze(1)


def _padded(token_ids: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """From token ids (N,) and offsets (B,), where each text begins, to (B, T) and lengths (B,)."""
    texts = token_ids.tensor_split(offsets[1:].cpu())
    lengths = torch.diff(offsets, append=offsets.new_tensor([len(token_ids)]))
    return nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=PAD), lengths
