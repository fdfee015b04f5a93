"""Synthetic reviews whose label can be learned, and the bugs of labels and data.

A review is filler words and two to four phrases: a good or a bad word, or "not" before one of the
opposite kind, so that the order matters a bit. Word ids follow the package: 0 padding, 1 unknown.
"""

import random
from collections.abc import Iterable

import torch
from torch.utils.data import DataLoader, Dataset

from practicum_utils.data import UNK, Batch, collate, make_loader

VOCAB_SIZE = 200
THE, NOT, GOOD, BAD = 4, 10, range(20, 26), range(26, 32)
FILLERS = [THE, *range(5, 10), *range(11, 20), *range(32, VOCAB_SIZE)]
WEIGHTS = [1 / rank for rank in range(1, len(FILLERS) + 1)]  # word frequencies as Zipf found them
BATCH_SIZE = 16


class Reviews(Dataset):
    """Rows of token ids and their labels: ``reviews[i] -> (token_ids (T,) int64, label ())``."""

    def __init__(self, rows: Iterable[torch.Tensor], labels: torch.Tensor):
        self.rows, self.labels = list(rows), labels
        self.lengths = torch.tensor([len(row) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.rows[index], self.labels[index]

    def each(self, change) -> "Reviews":
        """The same labels on changed rows."""
        return Reviews(map(change, self.rows), self.labels)

    def labelled(self, labels: torch.Tensor) -> "Reviews":
        """The same rows with other labels."""
        return Reviews(self.rows, labels)


def phrase(positive: bool, rng: random.Random) -> list[int]:
    if rng.random() < 0.25:
        return [NOT, rng.choice(BAD if positive else GOOD)]
    return [rng.choice(GOOD if positive else BAD)]


def one_review(positive: bool, rng: random.Random, longest: int) -> torch.Tensor:
    chunks = [[word] for word in rng.choices(FILLERS, WEIGHTS, k=rng.randint(0, longest - 8))]
    for _ in range(rng.randint(2, 4)):
        chunks.insert(rng.randint(0, len(chunks)), phrase(positive, rng))
    words = [UNK if rng.random() < 0.02 else word for chunk in chunks for word in chunk]
    return torch.tensor(words)


def make_reviews(seed: int = 0, count: int = 200, positive=0.5, longest: int = 24) -> Reviews:
    """Draw reviews of 2 to ``longest`` words; ``positive`` is the share of label 1."""
    rng = random.Random(seed)
    labels = [float(index < positive * count) for index in range(count)]
    rng.shuffle(labels)
    return Reviews((one_review(label == 1, rng, longest) for label in labels), torch.tensor(labels))


def spoil(reviews: Reviews, bugs: frozenset[str], seed: int) -> Reviews:
    """Plant the bugs of labels and data."""
    generator = torch.Generator().manual_seed(seed)
    labels = reviews.labels
    if "sorted-labels" in bugs:
        order = labels.argsort(stable=True)
        reviews = Reviews([reviews.rows[index] for index in order], labels[order])
    if "labels-shuffled" in bugs:
        reviews = reviews.labelled(labels[torch.randperm(len(labels), generator=generator)])
    if "labels-one-two" in bugs:
        reviews = reviews.labelled(reviews.labels + 1)
    if "one-label-only" in bugs:
        reviews = reviews.labelled(torch.zeros_like(labels))
    if "labels-shape" in bugs:
        reviews = reviews.labelled(reviews.labels.unsqueeze(1))
    if "pad-is-a-word" in bugs:
        reviews = reviews.each(lambda row: (row - THE) % VOCAB_SIZE)  # the commonest word becomes 0
    if "unk-flood" in bugs:
        reviews = reviews.each(
            lambda row: row.where(torch.rand(len(row), generator=generator) < 0.03, UNK)
        )
    if "reviews-cut-to-nothing" in bugs:
        reviews = reviews.each(lambda row: row[:2])
    if "wrong-end-kept" in bugs:
        reviews = reviews.each(lambda row: row[: (len(row) + 1) // 2])
    if "float-ids" in bugs:
        reviews = reviews.each(torch.Tensor.float)
    return reviews


def as_dict(batch: Batch) -> dict[str, torch.Tensor]:
    """The form of a batch that Hugging Face's models are called with."""
    return {
        "input_ids": batch.token_ids,
        "attention_mask": batch.mask.long(),
        "labels": batch.labels,
    }


def collate_dict(examples) -> dict[str, torch.Tensor]:
    return as_dict(collate(examples))


def load(reviews: Reviews, bugs: frozenset[str] = frozenset(), seed: int = 0) -> DataLoader:
    """Batches of 16, bucketed and shuffled, of the reviews with their bugs planted."""
    spoiled = spoil(reviews, bugs, seed)
    if "sorted-labels" in bugs:
        return make_loader(spoiled, BATCH_SIZE, shuffle=False, bucket=False)
    return make_loader(spoiled, BATCH_SIZE, shuffle=True, seed=seed)
