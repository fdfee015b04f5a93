"""Correct programs of many kinds, on which a doctor must be silent.

``CLEAN`` maps a name to a function ``seed -> Program``. Each kind resembles a bug in some way, and
is right: the comment or the model's docstring says why.
"""

import random
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from practicum_utils.clinic.programs import control_models as models
from practicum_utils.clinic.programs.loops import CLIP, by_sign, make_run_epoch
from practicum_utils.clinic.programs.program import COLUMNS, OPTIMIZERS, Program, build, call
from practicum_utils.clinic.programs.readers import CNN, E, Reader
from practicum_utils.clinic.programs.recurrent import AttentionRNNReader, SimpleRNNReader
from practicum_utils.clinic.programs.reviews import (
    BAD,
    BATCH_SIZE,
    GOOD,
    THE,
    VOCAB_SIZE,
    Reviews,
    collate_dict,
    load,
    make_reviews,
    phrase,
)
from practicum_utils.data import UNK, Batch, collate, make_loader
from practicum_utils.doctor import Adapter
from practicum_utils.models import MeanEmbedding
from practicum_utils.support.environment import set_seed

CLEAN: dict[str, Callable[[int], Program]] = {}


def control(make: Callable[[int], Program]) -> Callable[[int], Program]:
    """Enter a builder in ``CLEAN``; it is seeded before it draws anything."""

    def seeded(seed: int = 0) -> Program:
        set_seed(seed)
        return make(seed)

    CLEAN[make.__name__] = seeded
    return seeded


def program(
    model: nn.Module,
    loader: DataLoader,
    loss_fn: Callable | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    read: Callable = call,
    adapter: Adapter | None = None,
    **loop,
) -> Program:
    """A program with the usual pieces where none are given; ``loop`` goes to ``make_run_epoch``."""
    return Program(
        model,
        loader,
        loss_fn or nn.BCEWithLogitsLoss(),
        optimizer or torch.optim.Adam(model.parameters(), 1e-2),
        make_run_epoch(read, **loop),
        adapter,
    )


def usual(seed: int) -> DataLoader:
    return load(make_reviews(seed), seed=seed)


# Models


def of_model(name: str, make: Callable[[], nn.Module]) -> None:
    """Enter a control that differs in its model alone."""

    def build_it(seed: int) -> Program:
        return program(make(), usual(seed))

    build_it.__name__ = name
    control(build_it)


of_model("bag_of_words", lambda: MeanEmbedding(VOCAB_SIZE, E))
of_model("attention_over_words", models.ScoredWords)
of_model("gru", models.Gru)
of_model("three_layers", models.ThreeLayers)
of_model("two_layers_packed", models.TwoLayersPacked)
of_model("max_of_states", models.MaxOfStates)
of_model("cosine", models.Cosine)
of_model("zero_head", models.ZeroHead)
of_model("word_dropout", models.WordDropout)
of_model("kims_cnn", models.KimsCNN)
of_model("batch_norm", models.BatchNormed)
of_model("tied_weights", models.TiedWeights)
of_model("cls_token", models.ClsToken)
of_model("deep_transformer", models.DeepClsToken)
of_model("fast_path", models.FastPath)
of_model("much_dropout", lambda: SimpleRNNReader(drop=0.6))
of_model("no_dropout", lambda: AttentionRNNReader(drop=0.0))


@control
def padding_vector_that_nothing_reads(seed):
    model = models.MeanOfWords()
    nn.init.normal_(model.embedding.weight)  # row 0 too, but the mean leaves the padding out
    return program(model, usual(seed))


@control
def half_precision(seed):
    model = models.MeanOfWords().bfloat16()
    return program(model, usual(seed), read=lambda model, batch: (
        model(batch.token_ids, batch.lengths).float(), batch.labels))  # fmt: skip


@control
def autocast(seed):
    def read(model, batch):
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch.token_ids, batch.lengths)
        return logits.float(), batch.labels

    return program(models.ClsToken(), usual(seed), read=read)


# Rows and padding


@control
def left_padding(seed):
    loader = usual(seed)

    def collate_left(examples):
        ids, lengths, labels = collate(examples)
        T = ids.shape[1]
        rows = [torch.roll(row, T - int(length)) for row, length in zip(ids, lengths, strict=True)]
        return Batch(torch.stack(rows), lengths, labels)

    loader.collate_fn = collate_left
    return program(models.LeftPadded(), loader)


@control
def no_padding(seed):
    reviews = make_reviews(seed)
    same = [row for row in reviews.rows if len(row) >= 8]
    labels = reviews.labels[reviews.lengths >= 8]
    return program(SimpleRNNReader(), load(Reviews([row[-8:] for row in same], labels), seed=seed))


@control
def one_row_at_a_time(seed):
    reviews = make_reviews(seed, count=60)
    return program(SimpleRNNReader(), make_loader(reviews, 1, shuffle=True, seed=seed))


@control
def some_of_one_word(seed):
    reviews = make_reviews(seed)
    rows = [row[-1:] if index % 5 == 0 else row for index, row in enumerate(reviews.rows)]
    return program(AttentionRNNReader(), load(Reviews(rows, reviews.labels), seed=seed))


def made_of(seed: int, words: Callable) -> DataLoader:
    """Reviews written by words(label, rng) -> ids, in place of the usual ones."""
    labels, rng = make_reviews(seed).labels, random.Random(seed)
    rows = (torch.tensor(words(label == 1, rng)) for label in labels.tolist())
    return load(Reviews(rows, labels), seed=seed)


@control
def single_words(seed):
    loader = made_of(seed, lambda positive, rng: [rng.choice(GOOD if positive else BAD)])
    return program(SimpleRNNReader(), loader)


@control
def short_phrases(seed):
    loader = made_of(seed, lambda positive, rng: [THE] * rng.randint(0, 1) + phrase(positive, rng))
    return program(AttentionRNNReader(), loader)


@control
def many_unknown_words(seed):
    reviews = make_reviews(seed).each(lambda row: row.where((row < 32) | (row % 3 > 0), UNK))
    return program(SimpleRNNReader(), load(reviews, seed=seed))


@control
def few_reviews(seed):
    return program(SimpleRNNReader(), load(make_reviews(seed, count=12), seed=seed))


@control
def order_fixed(seed):
    loader = make_loader(make_reviews(seed), BATCH_SIZE)  # as for testing: sorted by length
    return program(AttentionRNNReader(), loader)


@control
def unsorted_batches(seed):
    loader = make_loader(make_reviews(seed), BATCH_SIZE, shuffle=True, bucket=False, seed=seed)
    return program(CNN(), loader)


@control
def an_empty_review(seed):
    reviews = make_reviews(seed)
    rows = [row[:0] if index % 40 == 0 else row for index, row in enumerate(reviews.rows)]
    return program(models.EmptyRowsAllowed(), load(Reviews(rows, reviews.labels), seed=seed))


@control
def batches_as_dicts(seed):
    loader = usual(seed)
    loader.collate_fn = collate_dict

    def forward(model, token_ids, lengths):
        mask = torch.arange(token_ids.shape[1]) < lengths.unsqueeze(1)
        return model(input_ids=token_ids, attention_mask=mask.long()).logits.squeeze(1)

    def unpack(batch):
        return batch["input_ids"], batch["attention_mask"].sum(dim=1), batch["labels"]

    def read(model, batch):
        token_ids, lengths, labels = unpack(batch)
        return forward(model, token_ids, lengths), labels

    model = models.bert_classifier()
    return program(model, loader, read=read, adapter=Adapter(forward=forward, unpack=unpack))


@control
def called_with_ids_alone(seed):
    adapter = Adapter(forward=lambda model, token_ids, lengths: model(token_ids))
    model = models.IdsOnly(VOCAB_SIZE, E)
    return program(model, usual(seed), adapter=adapter, read=lambda model, batch: (
        model(batch.token_ids), batch.labels))  # fmt: skip


# Labels and losses


@control
def imbalance(seed):
    return program(SimpleRNNReader(), load(make_reviews(seed, positive=0.05), seed=seed))


@control
def weighted_loss(seed):
    loader = load(make_reviews(seed, positive=0.2), seed=seed)
    return program(AttentionRNNReader(), loader, nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0)))


@control
def soft_labels(seed):
    reviews = make_reviews(seed)
    soft = reviews.labels * 0.6 + 0.2 + 0.2 * torch.rand(len(reviews)) - 0.1
    return program(AttentionRNNReader(), load(reviews.labelled(soft), seed=seed))


@control
def label_smoothing(seed):
    def loss_fn(logits, labels):
        return nn.functional.binary_cross_entropy_with_logits(logits, 0.9 * labels + 0.05)

    return program(SimpleRNNReader(), usual(seed), loss_fn)


@control
def sigmoid_with_bce(seed):
    return program(models.Probabilities(), usual(seed), nn.BCELoss(),
                   are_right=lambda shares, labels: by_sign(shares - 0.5, labels))  # fmt: skip


@control
def two_logits(seed):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(reviews.labels.long()), seed=seed)
    return program(models.TwoLogits(), loader, nn.CrossEntropyLoss(),
                   are_right=lambda logits, labels: logits.argmax(dim=1) == labels)  # fmt: skip


@control
def three_classes(seed):
    reviews = make_reviews(seed)
    labels = reviews.labels.long() + (reviews.labels.long() * (reviews.lengths > 12))
    return program(models.ThreeLogits(), load(reviews.labelled(labels), seed=seed),
                   nn.CrossEntropyLoss(),
                   are_right=lambda logits, labels: logits.argmax(dim=1) == labels)  # fmt: skip


@control
def log_softmax_with_nll(seed):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(reviews.labels.long()), seed=seed)
    return program(models.LogShares(), loader, nn.NLLLoss(),
                   are_right=lambda logits, labels: logits.argmax(dim=1) == labels)  # fmt: skip


@control
def signs_as_labels(seed):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(2 * reviews.labels - 1), seed=seed)
    return program(SimpleRNNReader(), loader, nn.SoftMarginLoss())


@control
def labels_in_a_column(seed):
    reviews = make_reviews(seed)
    loader = load(reviews.labelled(reviews.labels.unsqueeze(1)), seed=seed)
    return program(models.Columns(), loader)


@control
def focal_loss(seed):
    def loss_fn(logits, labels):
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return ((1 - torch.exp(-losses)) ** 2 * losses).mean()

    return program(AttentionRNNReader(), usual(seed), loss_fn)


def rated(seed: int, slope: float, level: float) -> DataLoader:
    """Ratings around two levels, in place of labels."""
    reviews = make_reviews(seed)
    noise = 0.2 * torch.randn(len(reviews))
    return load(reviews.labelled(slope * reviews.labels + level + noise), seed=seed)


@control
def regression(seed):
    return program(SimpleRNNReader(), rated(seed, 2.0, -1.0), nn.MSELoss())


@control
def stars(seed):
    close = {"are_right": lambda stars, labels: (stars - labels).abs() < 0.5}
    return program(models.Count(), rated(seed, 3.0, 1.0), nn.MSELoss(), **close)


# Parameters and optimizers


@control
def frozen_embeddings(seed):
    model = build("simple_rnn", seed=seed).model
    model.embedding.weight.requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return program(model, usual(seed), optimizer=torch.optim.Adam(trained, 1e-2))


@control
def two_learning_rates(seed):
    model = AttentionRNNReader()
    rest = [value for name, value in model.named_parameters() if not name.startswith("embedding")]
    groups = [{"params": model.embedding.parameters(), "lr": 3e-3}, {"params": rest}]
    return program(model, usual(seed), optimizer=torch.optim.Adam(groups, 1e-2))


def with_optimizer(name: str, kind: type, **settings) -> None:
    """Enter a control that differs in its optimizer alone."""

    def build_it(seed: int) -> Program:
        model = SimpleRNNReader()
        return program(model, usual(seed), optimizer=kind(model.parameters(), **settings))

    build_it.__name__ = name
    control(build_it)


with_optimizer("amsgrad", torch.optim.Adam, lr=1e-2, amsgrad=True)
with_optimizer("nesterov", torch.optim.SGD, lr=0.2, momentum=0.9, nesterov=True)
with_optimizer("rmsprop", torch.optim.RMSprop, lr=5e-3)
with_optimizer("weight_decay", torch.optim.AdamW, lr=1e-2, weight_decay=0.1)
with_optimizer("fused_adam", torch.optim.Adam, lr=1e-2, fused=True)


def trained(seed: int, epochs: int, rate: float) -> Program:
    """A program whose model has already learned the task."""
    done = build("simple_rnn", seed=seed)
    done.train(epochs)
    done.optimizer = torch.optim.Adam(done.model.parameters(), rate)
    return done


@control
def already_trained(seed):
    return trained(seed, 15, 1e-2)


@control
def fine_tuning(seed):
    return trained(seed, 8, 2e-5)  # small by design: the model is good


# Loops


@control
def gradient_accumulation(seed):
    def update(model, loss, optimizer, step):
        (loss / 2).backward()
        if step % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()

    return program(SimpleRNNReader(), usual(seed), update=update)


@control
def clipping(seed):
    def update(model, loss, optimizer, step):
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()

    return program(SimpleRNNReader(), usual(seed), update=update)


@control
def cleared_after_the_step(seed):
    def update(model, loss, optimizer, step):
        loss.backward()
        optimizer.step()
        model.zero_grad()

    return program(AttentionRNNReader(), usual(seed), update=update)


@control
def learning_rate_schedule(seed):
    model = SimpleRNNReader()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    schedule = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))  # warm-up

    def update(model, loss, optimizer, step):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()

    return program(model, usual(seed), optimizer=optimizer, update=update)


@control
def monte_carlo_dropout(seed):
    """Evaluation leaves dropout on, and nothing else in training mode, to see how sure it is."""
    plain = make_run_epoch(call)

    def run_epoch(model, loader, loss_fn, optimizer=None, device=None):
        if optimizer is not None:
            return plain(model, loader, loss_fn, optimizer)
        return make_run_epoch(read_often)(model, loader, loss_fn)

    def read_often(model: Reader, batch):
        model.dropout.train()
        return torch.stack([call(model, batch)[0] for _ in range(5)]).mean(dim=0), batch.labels

    made = program(SimpleRNNReader(), usual(seed))
    made.run_epoch = run_epoch
    return made


# The columns themselves


def of_column(column: str, optimizer: str) -> None:
    CLEAN[f"{column}, {optimizer}"] = lambda seed=0: build(column, optimizer, seed)


for column in COLUMNS:
    for optimizer in OPTIMIZERS:
        of_column(column, optimizer)
