"""What a model answered on the test reviews, in a small file beside the history of its run."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from practicum_utils.data import make_loader
from practicum_utils.support.environment import evaluating, keep_random_numbers
from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import write_text_whole

ONE = 10_000  # a probability is written with 4 decimals, as so many ten-thousandths


class Answers(NamedTuple):
    """Probabilities of "positive", positive (N,) float32, and a digest of the reviews' labels."""

    digest: str
    positive: torch.Tensor

    @classmethod
    def to(cls, labels, positive) -> "Answers":
        """Put probabilities (N,) together with the labels (N,) of the reviews they are for."""
        return cls(digest_of(labels), torch.as_tensor(positive, dtype=torch.float32))

    def accuracy(self, labels) -> float:
        """The share of right answers; labels (N,): those that ``digest`` belongs to."""
        return float(
            (self.positive > 0.5).eq(torch.from_numpy(_are_positive(labels))).double().mean()
        )

    def save(self, path: str | Path) -> None:
        """Write them as JSON, whole or not at all, to 4 decimals; 5,000 take 25 KB."""
        numbers = (self.positive * ONE).round().int().tolist()
        parts = {"digest": self.digest, "ten_thousandths": numbers}
        write_text_whole(Path(path), json.dumps(parts, separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Answers":
        """Read what ``save`` wrote; ValueError if the file holds anything else."""
        try:
            parts = json.loads(Path(path).read_text())
            digest, numbers = parts["digest"], parts["ten_thousandths"]
            if not all(type(number) is int and 0 <= number <= ONE for number in numbers):
                raise ValueError("a probability is between 0 and 1")
            return cls(digest, torch.tensor(numbers, dtype=torch.float32) / ONE)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} does not hold a model's answers; delete it and train again."
            ) from error


def digest_of(labels) -> str:
    """Tell sets of reviews apart by their labels (N,), in their order: a short text.

    Labels may be a tensor or a list, of 0 and 1 as in a batch, or of 1 and 2 as in the raw reviews.
    """
    positive = _are_positive(labels)
    return f"{len(positive)}-{hashlib.sha256(np.packbits(positive).tobytes()).hexdigest()[:16]}"


def _are_positive(labels) -> np.ndarray:
    labels = np.asarray(labels.tolist() if isinstance(labels, torch.Tensor) else list(labels))
    return labels == labels.max(initial=0)


def answer(model: nn.Module, dataset: Dataset) -> Answers:
    """Ask ``model`` about every review of ``dataset``, in the dataset's order.

    Dropout is off, nothing is learned, and the random numbers go on as if nobody had asked.
    model: called as ``model(token_ids, lengths)``; returns logits (B,), or (B, 2) for two classes.
    Raises ValueError for a model that answers anything else.
    """
    device, logits, labels = next(model.parameters()).device, [], []
    put_back = keep_random_numbers()
    try:
        with evaluating(model), torch.no_grad():
            for batch in make_loader(dataset, bucket=False):
                logits.append(model(batch.token_ids.to(device), batch.lengths.to(device)).cpu())
                labels.append(batch.labels)
    finally:
        put_back()
    return Answers.to(torch.cat(labels), _probabilities(torch.cat(logits)))


def _probabilities(logits: torch.Tensor) -> torch.Tensor:
    if logits.ndim == 1:
        return logits.sigmoid()
    if logits.ndim == 2 and logits.shape[1] == 2:
        return logits.softmax(dim=1)[:, 1]
    raise in_one_line(
        ValueError(
            "Only the answers of a model with one logit for a review, or two, can be remembered; "
            f"this one gives {tuple(logits.shape[1:])}. Leave model and test_set out."
        )
    )
