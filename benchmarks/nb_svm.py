"""The yardstick: a linear model on words and short runs of them, weighted as naive Bayes would.

Run: python benchmarks/nb_svm.py [--seeds 3] [--longest 3]
NB-SVM, Wang and Manning, "Baselines and Bigrams", ACL 2012, with logistic regression in place of
the SVM. It reads the same reviews as lessons 02 to 05, whole, through the lessons' own tokenizer;
settings are those of the literature, none was chosen on our test reviews. Seconds run from raw text
to the trained model, on one core. Seeds change which reviews are in the test set, here; in
``benchmarks/records.py``, which trains it beside the networks, the test set stays.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from practicum_utils.data import POSITIVE, load_reviews, tokenize

LONGEST = 3  # words, pairs of words, and three in a row


def log_count_ratio(counts: sparse.csr_matrix, positive: np.ndarray) -> np.ndarray:
    """How much likelier each feature is in positive than in negative texts, as a logarithm."""
    shares = []
    for rows in (positive, ~positive):
        smoothed = counts[rows].sum(axis=0) + 1.0
        shares.append(smoothed / smoothed.sum())
    return np.log(np.asarray(shares[0] / shares[1])).ravel()


def train(
    texts: Sequence[str], positive: np.ndarray, longest: int = LONGEST, seed: int = 0
) -> Callable[[Sequence[str]], np.ndarray]:
    """Learn from texts (N), positive (N,) bool; return how to ask: texts -> P(positive) of each.

    longest: words in a row that are counted as one feature, at most.  seed: order of the updates.
    """
    words = CountVectorizer(
        tokenizer=tokenize,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, longest),
        binary=True,
    )
    counts = words.fit_transform(texts)
    scale = sparse.diags(log_count_ratio(counts, positive))
    model = LogisticRegression(solver="liblinear", dual=True, C=1.0, random_state=seed)
    model.fit(counts @ scale, positive)
    return lambda asked: model.predict_proba(words.transform(asked) @ scale)[:, 1]


def are_positive(reviews) -> np.ndarray:
    """The labels of reviews, as ``load_reviews`` returns them: (N,) bool."""
    return np.array(reviews["label"][:]) == POSITIVE


def score(seed: int, longest: int) -> tuple[float, float, float]:
    """Train on one split: test accuracy, seconds of training, seconds of testing."""
    reviews = load_reviews(seed=seed)
    texts = {name: split["text"][:] for name, split in reviews.items()}
    started = time.perf_counter()
    ask = train(texts["train"], are_positive(reviews["train"]), longest)
    trained = time.perf_counter()
    right = (ask(texts["test"]) > 0.5) == are_positive(reviews["test"])
    return right.mean(), trained - started, time.perf_counter() - trained


def main() -> None:
    """Print a line for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--longest", type=int, default=LONGEST, help="words in a row, at most")
    options = parser.parse_args()
    for seed in range(options.seeds):
        accuracy, training, testing = score(seed, options.longest)
        print(f"NB-SVM seed {seed}: {accuracy:.4f}, {training:.0f} s, test {testing:.1f} s")


if __name__ == "__main__":
    main()
