"""Reviews as numbers, and padded batches of them: dataset, padding, bucketed loader."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from practicum_utils.data.reviews import NEGATIVE, POSITIVE
from practicum_utils.data.tokens import TokenTable, tokenize_all
from practicum_utils.data.vocabulary import PAD, Vocabulary

BUCKET_BATCHES = 50  # sort by length inside pools of this many batches, shuffle outside


class ReviewDataset(Dataset):
    """Reviews as numbers: ``dataset[i] -> (token_ids (T,) int64, label () float32 in {0., 1.})``.

    reviews: columns "text" and "label" (1 negative, 2 positive), as ``load_reviews`` returns.
    max_length: longer reviews are cut to that many tokens; ``keep="end"`` keeps their last ones,
        ``keep="beginning"`` their first ones. How many were cut is printed and kept in ``cut``.
    lengths: (N,) int64, the number of tokens of each review after the cut.
    full_lengths: (N,) int64, the same before the cut.
    Raises ValueError for a raw label that is not 1 or 2 and for a review without a word.
    """

    def __init__(self, reviews, vocab: Vocabulary, max_length: int = 256, keep: str = "end"):
        if keep not in ("end", "beginning"):
            raise ValueError(f'keep is {keep!r}; choose "end" or "beginning".')
        if max_length < 1:
            raise ValueError(f"max_length is {max_length}; a review needs at least 1 token.")
        columns = reviews[:]
        self.labels = torch.tensor(_to_zero_one(columns["label"]), dtype=torch.float32)
        table = tokenize_all(columns["text"])
        self._ids = torch.from_numpy(_vocabulary_ids(table, vocab))
        self._table, self._keep = table, keep
        full = np.diff(table.offsets)
        _refuse_empty(full)
        self.full_lengths = torch.from_numpy(full)
        self.lengths = self.full_lengths.clamp(max=max_length)
        self._starts = table.offsets[1:] - self.lengths.numpy() if keep == "end" else table.offsets
        self.cut = int((full > max_length).sum())
        place = "last" if keep == "end" else "first"
        print(f"{self.cut:,} of {len(self):,} reviews cut to their {place} {max_length} tokens")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = range(len(self))[index]
        start = int(self._starts[index])
        return self._ids[start : start + int(self.lengths[index])], self.labels[index]

    def tokens(self, index: int) -> list[str]:
        """Return the words of a review as they stand in it, after the cut; unknown ones too."""
        index = range(len(self))[index]
        words, length = self._table[index], int(self.lengths[index])
        return words[-length:] if self._keep == "end" else words[:length]


def _to_zero_one(raw_labels: list[int]) -> list[float]:
    for index, label in enumerate(raw_labels):
        if label not in (NEGATIVE, POSITIVE):
            raise ValueError(
                f"Review {index} has the label {label!r}; raw labels are {NEGATIVE} (negative) "
                f"or {POSITIVE} (positive), as load_reviews returns them."
            )
    return [float(label - NEGATIVE) for label in raw_labels]


def _vocabulary_ids(table: TokenTable, vocab: Vocabulary) -> np.ndarray:
    lookup = np.array(vocab.encode(table.words), dtype=np.int64)
    return lookup[table.ids]


def _refuse_empty(lengths: np.ndarray) -> None:
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise ValueError(
            f"Review {empty[0]} has no words, so there is nothing to read; remove it first "
            f"({len(empty)} such reviews in all)."
        )


class Batch(NamedTuple):
    """One padded batch.

    token_ids: (B, T) int64, padded on the right with 0.  lengths: (B,) int64, real tokens per row.
    labels: (B,) float32 in {0., 1.}.
    """

    token_ids: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor

    @property
    def mask(self) -> torch.Tensor:
        """(B, T) bool, True on real tokens."""
        return token_mask(self.lengths, self.token_ids.shape[1])


def token_mask(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """Return a mask (B, size) that is True on the first ``lengths`` (B,) places of each row."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def collate(examples: list[tuple[torch.Tensor, torch.Tensor]]) -> Batch:
    """Stack (token_ids (T,), label ()) pairs of different T into one padded ``Batch``."""
    rows, labels = zip(*examples, strict=True)
    lengths = torch.tensor([len(row) for row in rows])
    token_ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    return Batch(token_ids, lengths, torch.stack(labels))


class BucketSampler(Sampler[list[int]]):
    """Batches of reviews of similar length, so that little padding is needed.

    With ``generator`` the order is new in every epoch: rows are shuffled, sorted by length inside
    pools of 50 batches, and the batches are shuffled. Without it all rows are sorted by length.
    """

    def __init__(self, lengths: torch.Tensor, batch_size: int, generator: torch.Generator | None):
        self.lengths, self.batch_size, self.generator = lengths, batch_size, generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if self.generator is None:
            order = torch.argsort(self.lengths, stable=True)
            yield from BatchSampler(order.tolist(), self.batch_size, drop_last=False)
            return
        order = torch.randperm(len(self.lengths), generator=self.generator)
        batches = []
        for pool in order.split(BUCKET_BATCHES * self.batch_size):
            pool = pool[torch.argsort(self.lengths[pool], stable=True)]
            batches.extend(pool.split(self.batch_size))
        for index in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[index].tolist()


def make_loader(
    dataset: Dataset,
    batch_size: int = 64,
    shuffle: bool = False,
    bucket: bool = True,
    seed: int = 0,
) -> DataLoader:
    """Return a DataLoader of ``Batch``.

    bucket: put reviews of similar length into one batch. The batches then do not follow the
        dataset's order; pass ``bucket=False, shuffle=False`` where the order matters.
    shuffle: a new order in every epoch, the same sequence of orders for the same ``seed``.
    """
    if len(dataset) == 0:
        raise ValueError("The dataset is empty; load at least two reviews.")
    generator = torch.Generator().manual_seed(seed)
    if not bucket:
        return DataLoader(dataset, batch_size, shuffle, collate_fn=collate, generator=generator)
    sampler = BucketSampler(_lengths(dataset), batch_size, generator if shuffle else None)
    # A generator of its own keeps the loader from drawing on the global one that dropout uses.
    own = torch.Generator().manual_seed(seed)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, generator=own)


def _lengths(dataset: Dataset) -> torch.Tensor:
    if hasattr(dataset, "lengths"):
        return dataset.lengths
    return torch.tensor([len(dataset[index][0]) for index in range(len(dataset))])


def padding_share(loader: DataLoader) -> float:
    """Read the loader once and return the share of its token slots that are padding, 0 to 1."""
    slots = real = 0
    for batch in loader:
        slots += batch.token_ids.numel()
        real += int(batch.lengths.sum())
    return 1 - real / slots
