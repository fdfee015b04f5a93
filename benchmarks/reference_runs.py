"""Train the models of lessons 02 to 05 at the lessons' settings, with three seeds each.

Run: python benchmarks/reference_runs.py [--seeds 3] [--save] [--only NAME ...]
Prints accuracy on the 5,000 test reviews, seconds and tokens per second. With ``--save`` the run of
median accuracy becomes the reference run that ``practicum_utils.training.recall`` falls back on.
"""

import argparse
from pathlib import Path

import practicum_utils
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    load_reviews,
    make_loader,
    padding_share,
    tokenize_all,
)
from practicum_utils.models import AttentionRNN, MeanEmbedding, SimpleRNN, TransformerClassifier
from practicum_utils.training import History, fit, set_seed

SETTINGS = {
    "mean_embedding": (MeanEmbedding, {"max_length": 256}, {"epochs": 2, "learning_rate": 2e-2}),
    "simple_rnn": (SimpleRNN, {"max_length": 128}, {"epochs": 3, "learning_rate": 3e-3}),
    "attention_rnn": (AttentionRNN, {"max_length": 256}, {"epochs": 2, "learning_rate": 5e-3}),
    "transformer": (
        TransformerClassifier,
        {"max_length": 256},
        {"epochs": 2, "learning_rate": 3e-3},
    ),
}
ASSETS = Path(practicum_utils.__file__).parent / "assets" / "reference_runs"


def train(name: str, reviews, vocab: Vocabulary, seed: int) -> tuple[History, int]:
    """Train one model from scratch; return its history and the real tokens of an epoch."""
    make_model, cut, settings = SETTINGS[name]
    train_set = ReviewDataset(reviews["train"], vocab, **cut)
    test_set = ReviewDataset(reviews["test"], vocab, **cut)
    train_loader = make_loader(train_set, shuffle=True, seed=seed)
    print(f"padding: {padding_share(make_loader(train_set, shuffle=True)):.1%} of an epoch")
    set_seed(seed)
    history = fit(
        make_model(len(vocab)), train_loader, make_loader(test_set), seed=seed, **settings
    )
    return history, int(train_set.lengths.sum())


def main() -> None:
    """Print a line for each run and the median of each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    reviews = load_reviews()
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
    for name in options.only:
        runs = [train(name, reviews, vocab, seed) for seed in range(options.seeds)]
        for seed, (history, tokens) in enumerate(runs):
            seconds = sum(history.train_seconds)
            speed = tokens * len(history) / seconds
            accuracy = history.test_accuracy[-1]
            print(f"{name} seed {seed}: {accuracy:.4f}, {seconds:.0f} s, {speed:,.0f} tokens/s")
        ranked = sorted((history for history, _ in runs), key=lambda run: run.test_accuracy[-1])
        median = ranked[len(ranked) // 2]
        print(
            f"{name}: median accuracy {median.test_accuracy[-1]:.4f}, n = {options.seeds} seeds\n"
        )
        if options.save:
            median.save(ASSETS / f"{name}.json")


if __name__ == "__main__":
    main()
