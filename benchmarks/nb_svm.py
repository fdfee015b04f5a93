"""The yardstick: a linear model on words and short runs of them, weighted as naive Bayes would.

Run: python benchmarks/nb_svm.py [--seeds 3] [--longest 3]
``metrics.train_nb_svm`` on the same reviews as lessons 02 to 05, whole, through the lessons' own
tokenizer; settings are those of the literature, none was chosen on our test reviews. Seconds run
from raw text to the trained model, on one core. Seeds change which reviews are in the test set,
here; in ``benchmarks/records.py``, which trains it beside the networks, the test set stays.
"""

import argparse
import time

import numpy as np

from practicum_utils.data import POSITIVE, load_reviews
from practicum_utils.metrics import train_nb_svm
from practicum_utils.metrics.yardstick import LONGEST


def are_positive(reviews) -> np.ndarray:
    """The labels of reviews, as ``load_reviews`` returns them: (N,) bool."""
    return np.array(reviews["label"][:]) == POSITIVE


def score(seed: int, longest: int) -> tuple[float, float, float]:
    """Train on one split: test accuracy, seconds of training, seconds of testing."""
    reviews = load_reviews(seed=seed)
    texts = {name: split["text"][:] for name, split in reviews.items()}
    started = time.perf_counter()
    ask = train_nb_svm(texts["train"], are_positive(reviews["train"]), longest)
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
