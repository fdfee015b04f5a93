"""The yardstick that every network of the course is measured against: its result, and itself."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from practicum_utils.data import tokenize
from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import read_asset

if TYPE_CHECKING:  # scikit-learn takes a second to import, so it is imported where it is used
    from scipy import sparse

LONGEST = 3  # words, pairs of words, and three in a row


class Yardstick(NamedTuple):
    """A result to measure up to: its name, test accuracy (0 to 1), and seconds from raw text."""

    name: str
    accuracy: float
    seconds: float


def load_yardstick() -> Yardstick:
    """Return the best that we know without a network on the lessons' full data.

    It is a linear model on words and short runs of words, NB-SVM (Wang and Manning, 2012), measured
    on one core by ``benchmarks/records.py``, which trains it beside the networks; ``train_nb_svm``
    is how.
    """
    return Yardstick(**json.loads(read_asset("yardstick.json")))


def train_nb_svm(
    texts: Sequence[str], positive: Sequence[bool], longest: int = LONGEST, seed: int = 0
) -> Callable[[Sequence[str]], np.ndarray]:
    """Learn from texts (N), positive (N,) bool; return how to ask: texts -> P(positive) of each.

    A linear model on words and short runs of words, each weighted as naive Bayes would: NB-SVM,
    Wang and Manning, "Baselines and Bigrams", ACL 2012, with logistic regression in place of the
    SVM.
    20,000 reviews take about half a minute on one core.

    longest: words in a row that are counted as one feature, at most.  seed: order of the updates.
    Raises ValueError for texts without their labels, or labels of one kind only.
    """
    positive = np.asarray(positive, dtype=bool)
    if len(positive) != len(texts) or len(set(positive.tolist())) < 2:
        raise in_one_line(
            ValueError(
                f"NB-SVM learns from positive and negative texts, a label for each; it got "
                f"{len(texts):,} texts and {len(positive):,} labels, {positive.sum():,} positive."
            )
        )
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    words = CountVectorizer(
        tokenizer=tokenize,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, longest),
        binary=True,
    )
    counts = words.fit_transform(texts)
    scale = sparse.diags(_log_count_ratio(counts, positive))
    model = LogisticRegression(solver="liblinear", dual=True, C=1.0, random_state=seed)
    model.fit(counts @ scale, positive)
    return lambda asked: model.predict_proba(words.transform(asked) @ scale)[:, 1]


def _log_count_ratio(counts: "sparse.csr_matrix", positive: np.ndarray) -> np.ndarray:
    """How much likelier each feature is in positive than in negative texts, as a logarithm."""
    shares = []
    for rows in (positive, ~positive):
        smoothed = counts[rows].sum(axis=0) + 1.0
        shares.append(smoothed / smoothed.sum())
    return np.log(np.asarray(shares[0] / shares[1])).ravel()
