"""The yardstick: a linear model on words and word pairs, weighted as naive Bayes would (NB-SVM).

Run: python benchmarks/nb_svm.py [--seeds 3] [--save]
Wang and Manning, "Baselines and Bigrams", ACL 2012, with logistic regression in place of the SVM.
It reads the same reviews as lessons 02 to 05, whole, through the lessons' own tokenizer; settings
are those of the literature, none was chosen on our test reviews. Seconds run from raw text to the
trained model, on one core. Seeds change which reviews are in the test set. With ``--save`` seed 0
becomes the yardstick of ``compare_histories``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import practicum_utils
from practicum_utils.data import POSITIVE, load_reviews, tokenize
from practicum_utils.support.files import write_text_whole

YARDSTICK = Path(practicum_utils.__file__).parent / "assets" / "yardstick.json"


def log_count_ratio(counts: sparse.csr_matrix, positive: np.ndarray) -> np.ndarray:
    """How much likelier each feature is in positive than in negative texts, as a logarithm."""
    shares = []
    for rows in (positive, ~positive):
        smoothed = counts[rows].sum(axis=0) + 1.0
        shares.append(smoothed / smoothed.sum())
    return np.log(np.asarray(shares[0] / shares[1])).ravel()


def score(seed: int) -> tuple[float, float, float]:
    """Train on one split: test accuracy, seconds of training, seconds of testing."""
    reviews = load_reviews(seed=seed)
    texts = {name: list(split["text"]) for name, split in reviews.items()}
    positive = {name: np.array(split["label"]) == POSITIVE for name, split in reviews.items()}
    started = time.perf_counter()
    words = CountVectorizer(
        tokenizer=tokenize, token_pattern=None, lowercase=False, ngram_range=(1, 2), binary=True
    )
    counts = words.fit_transform(texts["train"])
    scale = sparse.diags(log_count_ratio(counts, positive["train"]))
    model = LogisticRegression(solver="liblinear", dual=True, C=1.0, random_state=0)
    model.fit(counts @ scale, positive["train"])
    trained = time.perf_counter()
    accuracy = model.score(words.transform(texts["test"]) @ scale, positive["test"])
    return accuracy, trained - started, time.perf_counter() - trained


def main() -> None:
    """Print a line for each seed; save the first if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    for seed in range(options.seeds):
        accuracy, training, testing = score(seed)
        print(f"NB-SVM seed {seed}: {accuracy:.4f}, {training:.0f} s, test {testing:.1f} s")
        if options.save and seed == 0:
            found = {"name": "NB-SVM, bag of words", "accuracy": accuracy, "seconds": training}
            write_text_whole(YARDSTICK, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
