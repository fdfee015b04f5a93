"""Find reviews that repeat each other, and write the list that the train/test split uses.

Run ``python tools/near_duplicates.py`` when the data package changes. Two reviews
are near-duplicates if at least 8 % of the shorter one's five-word sequences stand in the other one
too (Broder 1997 calls this containment).
"""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np

from practicum_utils.data import TokenTable, tokenize_all
from practicum_utils.data.reviews import HUB_NAMES, read_packaged
from practicum_utils.support.files import write_text_whole

ASSET = Path(__file__).parents[1] / "practicum_utils" / "assets" / "near_duplicates.json"
WORDS = 5
CONTAINMENT = 0.08  # low on purpose: it also finds one author's template used for two films
COMMON = 30  # a sequence found in more reviews than this is a figure of speech, not a copy


def find_near_duplicates(table: TokenTable) -> list[int]:
    """Return the sorted numbers of the texts that have a near-duplicate among the others."""
    sequences = [_sequences(table, index) for index in range(len(table))]
    owners = np.repeat(np.arange(len(table)), [len(found) for found in sequences])
    values = np.concatenate(sequences)
    order = np.argsort(values, kind="stable")
    groups = np.split(owners[order], np.flatnonzero(np.diff(values[order])) + 1)
    shared = Counter()
    for group in groups:
        if 2 <= len(group) <= COMMON:
            shared.update(combinations(group.tolist(), 2))
    repeated = set()
    for (first, second), count in shared.items():
        if count >= CONTAINMENT * min(len(sequences[first]), len(sequences[second])):
            repeated.update((first, second))
    return sorted(repeated)


def _sequences(table: TokenTable, index: int) -> np.ndarray:
    """Hashes of the different five-word sequences of one text; a shorter text is one sequence."""
    ids = table.ids[table.offsets[index] : table.offsets[index + 1]].astype(np.uint64)
    width = max(1, min(WORDS, len(ids)))
    if not len(ids):
        return np.empty(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(ids, width)
    hashes = np.zeros(len(windows), np.uint64)
    for column in range(width):  # wraps around at 2**64, which is what a hash wants
        hashes = hashes * np.uint64(6364136223846793005) + windows[:, column] + np.uint64(1)
    return np.unique(hashes)


def main() -> None:
    """Write the row numbers of all near-duplicates, one list per dataset of the package."""
    found = {}
    for name in HUB_NAMES:
        found[name] = find_near_duplicates(tokenize_all(read_packaged(name)["text"].to_pylist()))
        print(f"{name}: {len(found[name])} reviews have a near-duplicate")
    write_text_whole(ASSET, json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
