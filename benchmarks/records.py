"""Every model of the course, trained one after the other on this machine: the shipped records.

Run: python benchmarks/records.py [--seeds 3] [--only NAME ...] [--train N] [--official]
         [--together] [--save [FOLDER]]
Networks train by ``training.RECIPE`` but for the settings that the tables below change, on nine
tenths of the training reviews; the last tenth is for validation, looked at four times an epoch.
The test reviews are looked at once, at the end. Everything is computed with one thread, so that
the CPU seconds of a training are what it takes on one core with nothing else to do, whatever else
the machine does meanwhile. Prints for each seed the accuracy on the test reviews, the seconds of
training by the clock on the wall, the CPU seconds and the real tokens per CPU second; then medians.

--together:  the seeds at the same time, a process each.
--train:     so many training reviews, and a quarter as many test reviews, to try it out.
--official:  train on all 25,000 reviews and score the official test; needs the hub.
--save:      write what the package ships: ``records.json``, from which comparisons are drawn; the
             run of median accuracy of each network with its answers, which ``training.recall``
             and ``recall_answers`` fall back on; and NB-SVM's result as the yardstick. All of it,
             so that no two runs of this script are mixed.
"""

import argparse
import datetime
import json
import os
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import nb_svm
import numpy as np
import torch
from torch import nn

import practicum_utils
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    hold_out,
    load_reviews,
    make_loader,
    token_mask,
    tokenize_all,
)
from practicum_utils.metrics import Point, Record, Records, Run, train_nb_svm
from practicum_utils.metrics.yardstick import LONGEST
from practicum_utils.models import (
    AttentionRNN,
    BagOfNgrams,
    MeanEmbedding,
    SimpleRNN,
    TransformerClassifier,
    last_vectors,
)
from practicum_utils.support.files import write_text_whole
from practicum_utils.training import RECIPE, History, fit, full_or_fast, run_epoch, set_seed
from practicum_utils.training.answers import Answers, answer
from practicum_utils.training.runs import ANSWERS, HISTORY

ASSETS = Path(practicum_utils.__file__).parent / "assets"


# The ablation: the model of lesson 04, read and decided as there; only the pooling changes.


class OtherPooling(AttentionRNN):
    """The RNN with attention, another ``pool`` in place of it."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(B, T, S), (B,) -> (B, S)."""
        raise NotImplementedError

    def forward(self, token_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(self.read(token_ids, lengths), lengths)
        hidden = torch.relu(self.hidden(pooled))
        return self.output(self.dropout(hidden)).squeeze(1)


class LastPooling(OtherPooling):
    """Where each reader ends: the forward one at the last word, the backward one at the first."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        first, last = states[:, 0], last_vectors(states, lengths)
        H = self.backward_rnn.hidden_size
        return torch.cat([last[:, :H], first[:, H : 2 * H], last[:, 2 * H :]], dim=1)


class MaxPooling(OtherPooling):
    """Of each number its largest value at any word."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = token_mask(lengths, states.shape[1])
        return states.masked_fill(~mask.unsqueeze(2), -torch.inf).amax(dim=1)


class MeanPooling(OtherPooling):
    """The mean of what words have: attention with equal weights."""

    def pool(self, states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = token_mask(lengths, states.shape[1])
        return (states * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)


class WithoutPairs(AttentionRNN):
    """The RNN with attention, and words without their pairs."""

    def __init__(self, vocab_size: int):
        super().__init__(vocab_size, pair_size=0)


# The models


class Network(NamedTuple):
    """A row of the tables: ``make(vocab_size)``; settings are what it changes of the recipe."""

    name: str
    title: str
    make: Callable[[int], nn.Module]
    settings: dict[str, float]


LESSON_02 = {"epochs": 2, "learning_rate": 2e-2}  # the baseline has a recipe of its own there
WHOLE = {"max_length": 1_000}  # a bag reads so fast that it may have nearly all of a review
NETWORKS = [
    Network("mean_embedding", "mean of embeddings", MeanEmbedding, LESSON_02),
    Network("simple_rnn", "simple RNN", SimpleRNN, {}),
    Network("attention_rnn", "RNN with attention", AttentionRNN, {}),
    Network("transformer", "Transformer", TransformerClassifier, {}),
    Network("bag_of_ngrams", "bag of n-grams", BagOfNgrams, WHOLE),
]
POOLINGS = [  # attention is above
    Network("pooling_last", "last states", LastPooling, {}),
    Network("pooling_max", "maximum of the states", MaxPooling, {}),
    Network("pooling_mean", "mean of the states", MeanPooling, {}),
]
ABLATION = [*POOLINGS, Network("without_pairs", "attention, no pairs", WithoutPairs, {})]
NB_SVM = "nb_svm"
AVERAGES = {  # name: (title, weight of each model's probability)
    "average": ("NB-SVM and RNN, averaged", {NB_SVM: 0.7, "attention_rnn": 0.3}),
}
TITLES = {
    **{network.name: network.title for network in (*NETWORKS, *ABLATION)},
    NB_SVM: "NB-SVM, bag of words",
    **{name: title for name, (title, _) in AVERAGES.items()},
}
SETTINGS = {
    **{each.name: RECIPE._replace(**each.settings)._asdict() for each in (*NETWORKS, *ABLATION)},
    NB_SVM: {"longest": LONGEST},
    **{name: weights for name, (_, weights) in AVERAGES.items()},
}


# Training them


class Data(NamedTuple):
    """Reviews as ``load_reviews`` returns them, and the vocabulary of those to train on."""

    reviews: dict
    vocab: Vocabulary


class Outcome(NamedTuple):
    """What came of a training; positive: (N,) the probability that a test review is."""

    run: Run
    positive: np.ndarray
    history: History | None = None


def train_network(network: Network, data: Data, seed: int) -> Outcome:
    """Train one network from scratch and ask it about the test reviews, in their order."""
    recipe = RECIPE._replace(**network.settings)
    train_set, validation_set, test_set = (
        ReviewDataset(data.reviews[part], data.vocab, recipe.max_length)
        for part in ("train", "validation", "test")
    )
    train_loader = make_loader(train_set, recipe.batch_size, shuffle=True, seed=seed)
    set_seed(seed)
    model = network.make(len(data.vocab))
    loaders = train_loader, make_loader(validation_set)
    history = fit(model, *loaders, recipe.epochs, recipe.learning_rate, seed)
    if len(history) < recipe.epochs:  # fit ends at the stop key without an error
        raise KeyboardInterrupt
    history.test = run_epoch(model, make_loader(test_set), nn.BCEWithLogitsLoss())
    walls, cpus = history.train_seconds, history.train_cpu_seconds
    tokens = int(train_set.lengths.sum()) * len(history)
    run = rounded(seed, history.test.accuracy, walls, cpus, tokens, points(history))
    return Outcome(run, answer(model, test_set).positive.numpy(), history)


def points(history: History) -> list[Point]:
    """The curve of a run: at each look the mean training loss since the last, and what was seen."""
    losses, before, found = history.step_losses, 0, []
    for step, (loss, share) in history.looks:
        mean = sum(losses[before:step]) / (step - before)
        found.append(Point(*(round(one, 4) for one in (step / len(losses), mean, loss, share))))
        before = step
    return found


def rounded(
    seed: int,
    accuracy: float,
    walls: list[float],
    cpus: list[float],
    tokens: int | None = None,
    curve: Sequence[Point] = (),
) -> Run:
    """A run with no more digits than mean something; tokens: read in all its seconds."""
    walls, cpus = ([round(seconds, 3) for seconds in column] for column in (walls, cpus))
    speed = None if tokens is None else round(tokens / sum(cpus))
    return Run(seed, round(accuracy, 5), walls, cpus, speed, list(curve))


def train_yardstick(data: Data, seed: int) -> Outcome:
    """Train the yardstick, from raw text, and ask it."""
    texts = {part: split["text"][:] for part, split in data.reviews.items()}
    tokens = len(tokenize_all(texts["train"]).ids)
    started, worked = time.perf_counter(), time.process_time()
    ask = train_nb_svm(texts["train"], nb_svm.are_positive(data.reviews["train"]), seed=seed)
    wall, cpu = time.perf_counter() - started, time.process_time() - worked
    positive = ask(texts["test"])
    return Outcome(rounded(seed, accuracy(positive, data), [wall], [cpu], tokens), positive)


def average(weights: dict[str, float], done: dict[str, Outcome], data: Data, seed: int) -> Outcome:
    """Average the probabilities of models that are trained; their seconds add up."""
    positive = sum(weight * done[name].positive for name, weight in weights.items())
    runs = [done[name].run for name in weights]
    wall, cpu = sum(run.seconds for run in runs), sum(run.cpu_seconds for run in runs)
    return Outcome(rounded(seed, accuracy(positive, data), [wall], [cpu]), positive)


def accuracy(positive: np.ndarray, data: Data) -> float:
    """The share of test reviews on whose side of one half the probability is."""
    return float(((positive > 0.5) == nb_svm.are_positive(data.reviews["test"])).mean())


def measure(names: set[str], data: Data, seed: int) -> dict[str, Outcome]:
    """Train these models one after the other, printing a line for each."""
    done = {}
    for network in (*NETWORKS, *ABLATION):
        if network.name in names:
            done[network.name] = train_network(network, data, seed)
            report(network.name, done)
    if NB_SVM in names:
        done[NB_SVM] = train_yardstick(data, seed)
        report(NB_SVM, done)
    for name, (_, weights) in AVERAGES.items():
        if name in names:
            done[name] = average(weights, done, data, seed)
            report(name, done)
    return done


def measure_together(names: set[str], options: argparse.Namespace) -> list[dict[str, Outcome]]:
    """A round for each seed, at the same time, each in a process of its own."""
    work = [(names, options.train, options.official, seed) for seed in range(options.seeds)]
    with get_context("spawn").Pool(options.seeds) as pool:
        return pool.starmap(measure_alone, work)


def measure_alone(names: set[str], size: int | None, official: bool, seed: int):
    """The round of one seed, in a process that has to load the reviews first."""
    use_one_thread()
    return measure(names, load(size, official), seed)


def use_one_thread() -> None:
    """Compute with one thread from here on."""
    os.environ["PRACTICUM_THREADS"] = "1"
    torch.set_num_threads(1)


def report(name: str, done: dict[str, Outcome]) -> None:
    """Print what came of one training."""
    run = done[name].run
    speed = f", {run.tokens_per_second:,.0f} tokens/s" if run.tokens_per_second else ""
    seconds = f"{run.seconds:.1f} s, CPU {run.cpu_seconds:.1f} s"
    print(f"{name} seed {run.seed}: {run.accuracy:.4f}, {seconds}{speed}\n", flush=True)


# The command


def with_members(names: list[str]) -> set[str]:
    """The names, and those of the models that an average among them is of."""
    return {*names, *(one for name in names if name in AVERAGES for one in AVERAGES[name][1])}


def load(size: int | None, official: bool) -> Data:
    """The reviews, fewer if asked; a hub that is needed and silent ends it in a sentence."""
    sizes = {} if size is None else {"max_train": size, "max_test": max(2, size // 4)}
    try:
        reviews = load_reviews(source="hub" if official else "package", **sizes)
    except ConnectionError as error:
        raise SystemExit(str(error)) from error
    reviews = hold_out(reviews)
    return Data(reviews, Vocabulary.build(tokenize_all(reviews["train"]["text"])))


def gather(rounds: list[dict[str, Outcome]], data: Data) -> Records:
    """Put the rounds, one for each seed, together."""
    models = [
        Record(name, title, SETTINGS[name], [outcomes[name].run for outcomes in rounds])
        for name, title in TITLES.items()
        if name in rounds[0]
    ]
    sizes = [len(data.reviews[part]) for part in ("train", "validation", "test")]
    today = datetime.date.today().isoformat()
    machine = torch.get_num_threads(), os.cpu_count()
    return Records(today, torch.__version__, *machine, *sizes, models)


def save(
    records: Records, rounds: list[dict[str, Outcome]], labels: list[int], folder: Path
) -> None:
    """Write the records, the networks' runs of median accuracy, and the yardstick.

    labels: of the test reviews, which the runs' answers are to.
    """
    (folder / "reference_runs").mkdir(parents=True, exist_ok=True)
    records.save(folder)
    by_seed = {outcomes[NB_SVM].run.seed: outcomes for outcomes in rounds}
    for record in records.of([network.name for network in NETWORKS]):
        outcome = by_seed[record.median.seed][record.name]
        run = folder / "reference_runs" / record.name
        on_one_core(outcome.history).save(run.with_suffix(HISTORY))
        Answers.to(labels, outcome.positive).save(run.with_suffix(ANSWERS))
    (best,) = records.of([NB_SVM])
    found = {
        "name": best.title,
        "accuracy": best.median.accuracy,
        "seconds": best.median.cpu_seconds,
    }
    write_text_whole(folder / "yardstick.json", json.dumps(found, indent=1) + "\n")


def on_one_core(history: History) -> History:
    """The same history with the seconds of one core that has nothing else to do, which are CPU."""
    quiet = History([], history.step_losses, history.looks, history.test)
    for epoch in history:
        cpus = epoch.train_cpu_seconds, epoch.validation_cpu_seconds
        quiet.add(epoch.train, cpus[0], epoch.validation, cpus[1], *cpus)
    return quiet


def main() -> None:
    """Train, print, and save if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=TITLES, metavar="NAME")
    parser.add_argument("--train", type=int, metavar="N", help="training reviews, to try it out")
    parser.add_argument("--official", action="store_true", help="the official test, from the hub")
    parser.add_argument("--together", action="store_true", help="the seeds at the same time")
    parser.add_argument("--save", nargs="?", type=Path, const=ASSETS, metavar="FOLDER")
    options = parser.parse_args()
    if options.save and (options.only or options.official):
        parser.error("--save writes all models and the package's reviews, without the other two.")
    if options.train is None:
        options.train = full_or_fast(None, 400)
    data = load(options.train, options.official)
    names = with_members(options.only or list(TITLES))
    use_one_thread()
    if options.together:
        rounds = measure_together(names, options)
    else:
        rounds = [measure(names, data, seed) for seed in range(options.seeds)]
    records = gather(rounds, data)
    for record in records.models:
        seconds = f"{record.median.seconds:.0f} s, CPU {record.median.cpu_seconds:.0f} s"
        print(f"{record.name:<15} {record.in_words}, n = {len(record.runs)} seeds, {seconds}")
    print(f"{records.threads} threads, {records.cores} cores, torch {records.torch}")
    if options.save:
        save(records, rounds, data.reviews["test"]["label"][:], options.save)


if __name__ == "__main__":
    main()
