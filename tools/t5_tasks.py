"""The five tasks of the tiny T5, as pairs of texts in pieces: what it reads, what it should write.

``sst2 sentence:`` the label; ``source:`` where the text is from; ``topics:`` what it speaks of, by
its words; ``length:`` short, medium or long; and, without a prefix, gaps to fill in T5's own form:
``<extra_id_0>`` marks a gap in the text, and the answer names each gap with what was in it.
"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from practicum_utils.data import NEGATIVE, POSITIVE
from practicum_utils.prompting.generation import LABELS as ANSWERS

PREFIXES = {
    "sentiment": "sst2 sentence:",
    "source": "source:",
    "topics": "topics:",
    "length": "length:",
}
LABELS = dict(zip((NEGATIVE, POSITIVE), ANSWERS, strict=True))
SOURCES = ("imdb", "rotten tomatoes")
TOPICS = {
    "story": "story stories plot script writing",
    "acting": "actor actors actress acting performance performances cast",
    "music": "music musical song songs soundtrack",
    "comedy": "comedy comic funny humor laugh laughs",
}
NO_TOPIC = "none"
LENGTHS = (("short", 24), ("medium", 80), ("long", None))  # below this many pieces
LONGEST = 256  # pieces of a training prompt
SENTENCE = (8, 40)  # pieces of a short one
SHORT_OPINIONS, SHORT_OTHERS = 0.35, 0.7  # shares of prompts that are cut to a short one
GAPS, GAP_RATE = 3, 0.15
EOS = 1


@dataclass(frozen=True)
class Example:
    """Piece ids of a prompt and of its answer, both with the end mark, and the task's name."""

    task: str
    prompt: list[int]
    answer: list[int]


class Tasks:
    """Makes examples from pieces of a text.

    encode: turns a text into piece ids.  gap_ids: the marks, in order.
    begins: the pieces that begin a word and have at least one letter of it.
    """

    def __init__(
        self, encode: Callable[[str], list[int]], gap_ids: Sequence[int], begins: Set[int]
    ):
        self.prefixes = {task: encode(text) for task, text in PREFIXES.items()}
        self.labels = {label: encode(word) for label, word in LABELS.items()}
        self.sources = [encode(name) for name in SOURCES]
        self.lengths = {name: encode(name) for name, _ in LENGTHS}
        self.topics = {name: encode(name) for name in (*TOPICS, NO_TOPIC)}
        known = {name: [encode(word) for word in words.split()] for name, words in TOPICS.items()}
        self.topic_pieces = {
            name: {ids[0] for ids in words if len(ids) == 1} for name, words in known.items()
        }
        self.gap_ids, self.begins = gap_ids, begins

    def make(self, task: str, pieces: list[int], label: int, source: int, rng) -> Example:
        """Return one example of a task. label: 1 or 2.  source: place in ``SOURCES``."""
        if task == "gaps":
            text, answer = self.with_gaps(cut(pieces, int(rng.integers(*SENTENCE)), rng), rng)
        elif task == "sentiment":
            text, answer = _partly_short(pieces, SHORT_OPINIONS, rng), self.labels[label]
        else:
            text = _partly_short(pieces, SHORT_OTHERS, rng)
            answer = self.sources[source] if task == "source" else self._about(task, text)
        prompt = [*self.prefixes.get(task, []), *text, EOS]
        return Example(task, prompt, [*answer, EOS])

    def with_gaps(self, pieces: list[int], rng) -> tuple[list[int], list[int]]:
        """Hide a few whole words; return the text with marks, and marks each followed by its word.

        No two gaps touch. Only words of one piece are hidden: they are common enough to be learned.
        """
        text, answer, gaps = [], [], 0
        for piece, following in zip(pieces, [*pieces[1:], EOS], strict=True):
            whole = piece in self.begins and (following in self.begins or following == EOS)
            apart = text[-1:] != self.gap_ids[max(0, gaps - 1) : gaps]
            if whole and apart and gaps < GAPS and rng.random() < GAP_RATE:
                text.append(self.gap_ids[gaps])
                answer += [self.gap_ids[gaps], piece]
                gaps += 1
            else:
                text.append(piece)
        return text, [*answer, self.gap_ids[gaps]]

    def _about(self, task: str, pieces: list[int]) -> list[int]:
        """The topics named in a text, in the order of ``TOPICS``; or its length in a word."""
        if task == "length":
            return self.lengths[next(n for n, end in LENGTHS if end is None or len(pieces) < end)]
        here = set(pieces)
        found = [name for name, words in self.topic_pieces.items() if here & words]
        return [piece for name in found or [NO_TOPIC] for piece in self.topics[name]]


def _partly_short(pieces: list[int], share: float, rng) -> list[int]:
    """A part of a text, short in this share of cases, so that its length does not tell the source.

    Opinions are learned from short parts of reviews too: there are not enough sentences for that.
    """
    short = rng.random() < share
    return cut(pieces, int(rng.integers(*SENTENCE)) if short else LONGEST - 8, rng)


def cut(pieces: list[int], size: int, rng) -> list[int]:
    """A text of at most ``size`` pieces: the end in half of all cases, else a part at random."""
    if len(pieces) <= size:
        return list(pieces)
    last = len(pieces) - size
    start = last if rng.random() < 0.5 else int(rng.integers(0, last + 1))
    return list(pieces[start : start + size])


def hide_words(ids: np.ndarray, share: float, protected: np.ndarray, unk: int, rng) -> np.ndarray:
    """Replace a random share (of each row its own, ``share`` on average) of pieces by ``unk``."""
    rates = 2 * share * rng.random((len(ids), 1))
    return np.where((rng.random(ids.shape) < rates) & ~protected, unk, ids)
