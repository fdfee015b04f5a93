"""The tiny T5's training texts as pieces, and the rounds of examples that are made of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from t5_tasks import Example, Tasks
from t5_tokenizer import PAD

SHARES = {"sentiment": 0.4, "source": 0.16, "topics": 0.14, "length": 0.08, "gaps": 0.22}
SENTENCE_TURNS = 2  # turns of a Rotten Tomatoes sentence for one turn of an IMDB review
ROUND = 1024  # texts between two places at which training can go on
BATCH_TOKENS, BATCH_ROWS = 2048, 16


@dataclass(frozen=True)
class Corpus:
    """Training texts as piece ids, each with its label (1 or 2) and its source (0 or 1)."""

    pieces: list[list[int]]
    labels: list[int]
    sources: list[int]

    def turns(self) -> np.ndarray:
        """The place of each text, as often as it has its turn in an epoch."""
        turns = [SENTENCE_TURNS if source else 1 for source in self.sources]
        return np.repeat(np.arange(len(self.pieces)), turns)


def read_corpus(splits, tokenizer) -> Corpus:
    """Encode the training splits of both sources."""
    tables = [split["train"] for split in splits]
    texts = [text for table in tables for text in table["text"]]
    labels = [label for table in tables for label in table["label"]]
    sources = [source for source, table in enumerate(tables) for _ in range(len(table))]
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    return Corpus(encoded, labels, sources)


def round_of(tasks: Tasks, corpus: Corpus, number: int, seed: int) -> list[list[Example]]:
    """The batches of a round, the same whenever it is asked for: similar lengths together."""
    order = corpus.turns()
    epoch, place = divmod(number * ROUND, len(order) // ROUND * ROUND)
    order = np.random.default_rng([seed, 1, epoch]).permutation(order)[place : place + ROUND]
    rng = np.random.default_rng([seed, 2, number])
    names = rng.choice(list(SHARES), size=len(order), p=list(SHARES.values()))
    examples = [
        tasks.make(str(name), corpus.pieces[i], corpus.labels[i], corpus.sources[i], rng)
        for name, i in zip(names, order, strict=True)
    ]
    batches = list(_batched(sorted(examples, key=lambda example: len(example.prompt))))
    return [batches[i] for i in rng.permutation(len(batches))]


def _batched(examples: list[Example]) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in examples:
        tokens = len(example.prompt) * (len(batch) + 1)
        if batch and (tokens > BATCH_TOKENS or len(batch) == BATCH_ROWS):
            yield batch
            batch = []
        batch.append(example)
    yield batch


def padded(rows: list[list[int]]) -> np.ndarray:
    """Rows of piece ids as one array (B, T), padded at their ends."""
    filled = np.full((len(rows), max(map(len, rows))), PAD)
    for line, row in zip(filled, rows, strict=True):
        line[: len(row)] = row
    return filled
