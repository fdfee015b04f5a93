"""Seconds that the doctor takes for the models of the lessons, at their full size.

Run: python benchmarks/doctor_seconds.py
Each model is examined with all arguments, so that every check runs; the smallest of three times,
beside the seconds of one training epoch over the same reviews in the same run.
"""

import io
import time
from contextlib import redirect_stdout

import torch
from torch import nn

from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
from practicum_utils.doctor import examine
from practicum_utils.models import AttentionRNN, MeanEmbedding, SimpleRNN, TransformerClassifier
from practicum_utils.training import run_epoch, set_seed

MODELS = {MeanEmbedding: 2e-2, SimpleRNN: 3e-3, AttentionRNN: 5e-3, TransformerClassifier: 3e-3}
REVIEWS, TIMES = 2_000, 3


def seconds(work) -> float:
    """Seconds of a call, without what it prints."""
    started = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - started


def make_program(kind: type[nn.Module], vocab_size: int, loader) -> tuple:
    """A new model with all that it is trained with, as ``examine`` takes it."""
    set_seed(0)
    model = kind(vocab_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=MODELS[kind])
    return model, loader, nn.BCEWithLogitsLoss(), optimizer, run_epoch


def main() -> None:
    """Print a line for each model."""
    reviews = load_reviews(max_test=2)["train"]
    vocab = Vocabulary.build(tokenize_all(reviews["text"]))
    dataset = ReviewDataset(reviews.select(range(REVIEWS)), vocab, max_length=256)
    loader = make_loader(dataset, batch_size=64, shuffle=True)
    print(f"{len(vocab):,} words, {REVIEWS:,} reviews")
    for kind in MODELS:
        program = make_program(kind, len(vocab), loader)
        epoch = seconds(lambda p=program: run_epoch(*p[:4]))  # chooses the number of threads
        program = make_program(kind, len(vocab), loader)
        report = examine(*program)
        best = min(seconds(lambda p=program: examine(*p)) for _ in range(TIMES))
        times = f"{best:.1f} s, an epoch {epoch:.1f} s, threads: {torch.get_num_threads()}"
        print(f"{kind.__name__}: {times}; {report.verdict}")


if __name__ == "__main__":
    main()
