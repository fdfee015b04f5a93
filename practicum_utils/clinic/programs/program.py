"""Whole programs: a model, its reviews, a loss, an optimizer and a loop, with any bugs planted."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader

from practicum_utils.bugs import CATALOGUE
from practicum_utils.clinic.programs.attending import HfEncoder, TorchEncoder, TransformerReader
from practicum_utils.clinic.programs.loops import make_run_epoch
from practicum_utils.clinic.programs.readers import CNN
from practicum_utils.clinic.programs.recurrent import (
    AttentionRNNReader,
    PackedLSTM,
    SimpleRNNReader,
)
from practicum_utils.clinic.programs.reviews import collate_dict, load, make_reviews
from practicum_utils.data import token_mask
from practicum_utils.doctor import Adapter
from practicum_utils.support.environment import set_seed
from practicum_utils.training import Metrics

MODELS = {
    "simple_rnn": SimpleRNNReader,
    "attention_rnn": AttentionRNNReader,
    "transformer": TransformerReader,
    "packed_lstm": PackedLSTM,
    "cnn": CNN,
    "torch_encoder": TorchEncoder,
    "hf_encoder": HfEncoder,
}
COLUMNS = tuple(MODELS)
OPTIMIZERS = ("adam", "adamw", "sgd")
TINY, HUGE = 1e-5, 300  # a learning rate, and a multiple of the one that works
SGD_RATES = {"simple_rnn": 0.2, "attention_rnn": 0.2, "packed_lstm": 0.2, "hf_encoder": 0.02}

# Where a bug of the model can exist; the other detectable ones are planted around any model.
WHERE = {
    "linear-input-size": "simple_rnn attention_rnn packed_lstm cnn",
    "batch-first-lstm": "simple_rnn attention_rnn",
    "batch-first-attention": "transformer torch_encoder",
    "view-not-transpose": "simple_rnn packed_lstm torch_encoder",
    "softmax-over-batch": "attention_rnn transformer",
    "positions-over-batch": "transformer torch_encoder hf_encoder",
    "lengths-of-another-row": "simple_rnn attention_rnn transformer packed_lstm cnn torch_encoder",
    "state-carried-over": "simple_rnn attention_rnn packed_lstm",
    "last-step-is-padding": "simple_rnn packed_lstm",
    "mean-over-padding": "transformer hf_encoder",
    "max-over-padding": "torch_encoder",  # in a CNN with padding of zeros many do it on purpose
    "no-pad-mask": "attention_rnn transformer torch_encoder hf_encoder",
    "mask-after-softmax": "attention_rnn transformer",
    "padding-vector-not-zero": "cnn",
    "backward-reads-padding": "simple_rnn attention_rnn packed_lstm",
    "mask-inverted": "attention_rnn transformer torch_encoder hf_encoder",
    "last-token-lost": "simple_rnn attention_rnn transformer packed_lstm torch_encoder hf_encoder",
    "short-rows-lost": "packed_lstm",
    "no-positions": "transformer torch_encoder",
    "no-score-scale": "transformer",
    "wrong-end-kept": " ".join(COLUMNS),
}
# What no run can show is planted where WHERE says so, and else is no bug of these programs: one of
# decoding, say, or of a test set.
NOT_PLANTED = {bug.id for bug in CATALOGUE.values() if not bug.detectable} - WHERE.keys()


def applies(bug: str, column: str) -> bool:
    """Whether the bug can exist in that column's program; KeyError for an unknown bug."""
    CATALOGUE[bug]
    return bug not in NOT_PLANTED and column in WHERE.get(bug, " ".join(COLUMNS)).split()


@dataclass
class Program:
    """All that a learner has in the notebook, and that ``examine`` takes."""

    model: nn.Module
    loader: DataLoader
    loss_fn: Callable
    optimizer: torch.optim.Optimizer
    run_epoch: Callable[..., Metrics]
    adapter: Adapter | None = None

    def train(self, epochs: int) -> list[Metrics]:
        """Run so many epochs of the program's own loop."""
        pieces = self.model, self.loader, self.loss_fn, self.optimizer
        return [self.run_epoch(*pieces) for _ in range(epochs)]


def call(model: nn.Module, batch) -> tuple[torch.Tensor, torch.Tensor]:
    """The line of the loop that calls the course's models."""
    return model(batch.token_ids, batch.lengths), batch.labels


def call_by_name(model: nn.Module, batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """The same line for a model of Hugging Face's."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    return logits, batch["labels"]


HF_ADAPTER = Adapter(
    forward=lambda model, token_ids, lengths: model(
        input_ids=token_ids, attention_mask=token_mask(lengths, token_ids.shape[1]).long()
    ),
    unpack=lambda batch: (batch["input_ids"], batch["attention_mask"].sum(dim=1), batch["labels"]),
)


def build(
    column: str, optimizer: str = "adam", seed: int = 0, bug: str | Iterable[str] | None = None
) -> Program:
    """Return the program of a column with one bug, several, or none planted.

    Raises ValueError for a bug that cannot exist in that column.
    """
    bugs = frozenset([bug] if isinstance(bug, str) else bug or ())
    for planted in sorted(bugs):
        if not applies(planted, column):
            raise ValueError(f"{planted} cannot be planted in {column}")
    loader = load(make_reviews(seed), bugs, seed)
    set_seed(100 * seed + COLUMNS.index(column))  # no two columns begin with the same numbers
    model = MODELS[column](bugs)
    if "frozen-layers" in bugs:
        model.requires_grad_(False).output.requires_grad_(True)
    read, adapter = call, None
    if column == "hf_encoder":
        loader.collate_fn, read, adapter = collate_dict, call_by_name, HF_ADAPTER
    return Program(
        model,
        loader,
        make_loss(bugs),
        make_optimizer(optimizer, model, bugs, SGD_RATES.get(column, 0.05)),
        make_run_epoch(read, bugs),
        adapter,
    )


def make_loss(bugs: frozenset[str]) -> Callable:
    loss_fn = nn.BCEWithLogitsLoss(reduction="sum" if "sum-reduction" in bugs else "mean")
    if "loss-sign-flipped" in bugs:
        return lambda logits, labels: -loss_fn(logits, labels)
    return loss_fn


def make_optimizer(
    name: str, model: nn.Module, bugs: frozenset[str], sgd_rate: float
) -> torch.optim.Optimizer:
    parameters = list(model.parameters())
    if "optimizer-on-a-copy" in bugs:
        parameters = list(copy.deepcopy(model).parameters())
    if "optimizer-misses-layers" in bugs:
        parameters = list(model.output.parameters())
    rate = sgd_rate if name == "sgd" else 1e-2
    if "huge-learning-rate" in bugs:
        rate *= HUGE
    if "tiny-learning-rate" in bugs:
        rate = TINY
    if name == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=0.9)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](parameters, rate)
