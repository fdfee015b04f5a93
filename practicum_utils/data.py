"""From reviews to batches: vocabulary, dataset, padding, bucketed loader.

``load_reviews`` and ``tokenize`` live in ``reviews`` and ``tokens`` and are offered here too, so
that a lesson needs one import line for its data.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler

from practicum_utils.reviews import NEGATIVE, POSITIVE, load_reviews
from practicum_utils.tokens import TokenTable, tokenize, tokenize_all

__all__ = [
    "Batch", "ReviewDataset", "Vocabulary", "collate", "load_reviews", "make_loader",
    "padding_share", "token_mask", "tokenize", "tokenize_all",
]  # fmt: skip

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<unk>", "<bos>", "<eos>")
BUCKET_BATCHES = 50  # sort by length inside pools of this many batches, shuffle outside


class Vocabulary:
    """A two-way table between tokens and ids: the commoner the word, the lower its id.

    ``vocab["<pad>"] == 0``, ``"<unk>" == 1``, ``"<bos>" == 2``, ``"<eos>" == 3``; then the words
    by falling frequency, ties in alphabetical order. An unknown word has the id of ``<unk>``.
    """

    def __init__(self, words: Iterable[str]):
        self.tokens = [*SPECIAL_TOKENS, *words]
        self._ids = {token: index for index, token in enumerate(self.tokens)}

    @classmethod
    def build(cls, token_lists: Iterable[list[str]], max_size: int = 20_000) -> "Vocabulary":
        """Make a vocabulary of at most ``max_size`` entries, the four special ones included.

        Fit it on training text only: a word seen only in the test set must stay unknown.
        """
        if max_size <= len(SPECIAL_TOKENS):
            raise ValueError(
                f"max_size is {max_size}; it must leave room for a word, so 5 or more."
            )
        counts = _count(token_lists)
        # Sorting keeps the alphabetical order among equal counts, in reverse as well.
        ranked = sorted(sorted(counts), key=counts.get, reverse=True)
        return cls(ranked[: max_size - len(SPECIAL_TOKENS)])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __getitem__(self, token: str) -> int:
        return self._ids.get(token, UNK)

    def encode(self, tokens: list[str]) -> list[int]:
        """Return the id of each token; raises TypeError for a text that is not yet tokenized."""
        if isinstance(tokens, str):
            raise TypeError("encode takes a list of tokens; call tokenize on the text first.")
        return [self[token] for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Return the token of each id; raises IndexError for an id that is not in the table."""
        ids = [int(index) for index in ids]
        for index in ids:
            if not 0 <= index < len(self):
                raise IndexError(
                    f"There is no id {index}; this vocabulary has 0 to {len(self) - 1}."
                )
        return [self.tokens[index] for index in ids]


def _count(token_lists: Iterable[list[str]]) -> dict[str, int]:
    if isinstance(token_lists, TokenTable):
        counts = token_lists.counts()
    else:
        counts = Counter()
        for tokens in token_lists:
            if isinstance(tokens, str):
                raise TypeError("build takes lists of tokens; call tokenize on each text first.")
            counts.update(tokens)
    return {token: count for token, count in counts.items() if token not in SPECIAL_TOKENS}


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
