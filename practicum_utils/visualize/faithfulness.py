"""How far attention weights may be trusted: do the words with large weights change the answer?

Two independent measures of a word's effect stand beside its weight: what the logit loses when the
word is left out, and the gradient at its embedding. Kendall's tau compares the three orders.
After Jain & Wallace 2019, "Attention is not Explanation", who measured the probability; see also
Wiegreffe & Pinter 2019, "Attention is not not Explanation".

The logit and not the probability, because where a model is sure the sigmoid is flat: every word
then moves the probability by next to nothing, however far it moves the logit.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import kendalltau
from torch import nn
from torch.func import functional_call

from practicum_utils.support.environment import evaluating
from practicum_utils.support.progress import Progress

# Jain & Wallace 2019, IMDB, bidirectional LSTM with additive attention: mean over test reviews.
# Their effects are changes of the probability. For gradients this is the same order of the words
# as for the logit, for leave-one-out it is the same among words that pull to the same side.
PUBLISHED = {"leave-one-out": 0.34, "gradients": 0.44, "gradients with leave-one-out": 0.52}
ROWS_AT_ONCE = 64  # shortened copies of a review in one batch


class Reading(NamedTuple):
    """What a model made of one review: its logit (above 0: "positive"), and weights (T,).

    pooled: whether the model pools by these weights; if not, they are the attention received.
    """

    logit: float
    weights: torch.Tensor
    pooled: bool = True

    @property
    def probability(self) -> float:
        """The probability of "positive", 0 to 1."""
        return torch.tensor(self.logit, dtype=torch.float64).sigmoid().item()


class Faithfulness(NamedTuple):
    """One review's weights beside the words' effects.

    leave_one_out: (T,) the logit minus the logit without the word.
    gradients: (T,) size of the logit's gradient times embedding.
    The three others are Kendall's tau, -1 to 1: weights with the size of leave_one_out, weights
    with gradients, gradients with the size of leave_one_out.
    """

    leave_one_out: torch.Tensor
    gradients: torch.Tensor
    with_leave_one_out: float
    with_gradients: float
    between: float


def read_review(model: nn.Module, token_ids: torch.Tensor) -> Reading:
    """Let ``model`` read one review (T,) and return its logit and its weights (T,).

    A model with several heads returns (layers, heads, T, T); its weights here are the attention
    that each word receives, averaged over layers, heads and the positions that look.
    Raises TypeError for a model whose forward has no ``return_weights``.
    """
    require_weights(model)
    rows, lengths = _one_row(model, token_ids)
    with evaluating(model), torch.no_grad():
        logits, weights = model(rows, lengths, return_weights=True)
    weights = weights[0].cpu()
    pooled = weights.dim() == 1
    if not pooled:
        weights = weights.flatten(0, -2).mean(dim=0)
    return Reading(logits[0].item(), weights, pooled)


def leave_one_out(
    model: nn.Module, token_ids: torch.Tensor, replacement: int | None = None
) -> torch.Tensor:
    """Return (T,): the model's logit minus its logit for the review with one token left out.

    Above 0, the word speaks for positive: without it the logit is lower. With ``replacement``
    (such as the id of ``<unk>``) the token is replaced instead of deleted, which keeps the others
    in their places.
    Raises ValueError for a review of one word, of which nothing would be left.
    """
    rows, lengths = _one_row(model, token_ids)
    T = rows.shape[1]
    if T < 2 and replacement is None:
        raise ValueError(
            "This review has one word, and without it there is nothing left to read; choose a "
            "longer review, or give a replacement for the word."
        )
    with evaluating(model), torch.no_grad():
        whole = model(rows, lengths)
        parts = [
            model(copies, lengths.new_full((len(copies),), copies.shape[1]))
            for copies in _shortened(rows[0], replacement)
        ]
    return (whole - torch.cat(parts)).cpu()


def _shortened(row: torch.Tensor, replacement: int | None) -> Iterator[torch.Tensor]:
    """Batches of copies of a review (T,), the first without its first token, and so on."""
    T = len(row)
    for places in torch.arange(T, device=row.device).split(ROWS_AT_ONCE):
        if replacement is None:
            kept = torch.arange(T - 1, device=row.device).expand(len(places), -1)
            yield row[kept + (kept >= places.unsqueeze(1))]  # from its place on, one further
        else:
            copies = row.repeat(len(places), 1)
            copies[torch.arange(len(places), device=row.device), places] = replacement
            yield copies


def input_gradients(model: nn.Module, token_ids: torch.Tensor) -> torch.Tensor:
    """Return (T,): the size of (gradient of the logit at the embedding) . embedding.

    A first guess of how much the logit would change if the word grew fainter; Jain & Wallace 2019
    use the same of the probability, which puts the words of a review in the same order. The
    embedding is the model's first; where it has more, such as one of pairs of words, these keep
    what they say. Needs a model with an ``nn.Embedding``; TypeError without one.
    """
    names = [name for name, layer in model.named_modules() if isinstance(layer, nn.Embedding)]
    if not names:
        raise TypeError(f"{type(model).__name__} has no nn.Embedding, so it has no word vectors.")
    row, lengths = _one_row(model, token_ids)
    others = [model.get_submodule(name) for name in names[1:]]
    vectors = model.get_submodule(names[0]).weight.detach()
    # A table with a row for each place instead of each word, so that a repeated word has a gradient
    # at each of its places, however often and in whatever order the model looks them up.
    table = torch.cat([vectors[:1], vectors[row[0]]]).requires_grad_()
    places = torch.arange(1, len(table), device=table.device).unsqueeze(0)
    # cuDNN's LSTM has no backward pass in evaluation mode; PyTorch's own has.
    with evaluating(model), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        with _saying_the_same(others, lambda: model(row, lengths)):
            logits = functional_call(model, {f"{names[0]}.weight": table}, (places, lengths))
        gradient = torch.autograd.grad(logits[0], table)[0]
    return (gradient * table)[1:].sum(dim=1).abs().detach().cpu()


@contextmanager
def _saying_the_same(layers: list[nn.Module], read: Callable[[], object]) -> Iterator[None]:
    """Let layers answer, call by call, what they answer while ``read`` runs, whatever they get."""
    said = {layer: [] for layer in layers}

    def listen(layer, _, answer) -> None:
        said[layer].append(answer)

    def repeat(layer, *_) -> torch.Tensor:
        return said[layer].pop(0)

    if layers:
        with _hooked(layers, listen), torch.no_grad():
            read()
    with _hooked(layers, repeat):
        yield


@contextmanager
def _hooked(layers: list[nn.Module], hook: Callable) -> Iterator[None]:
    """Let the layers call this forward hook for a while."""
    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def kendall_tau(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return Kendall's tau-b of two scores (T,): 1 same order, 0 unrelated, -1 reversed.

    Where all scores are equal there is no order to agree with, and the answer is 0.
    """
    one, other = np.asarray(one), np.asarray(other)
    if len(one) != len(other):
        raise ValueError(f"There are {len(one)} scores on one side and {len(other)} on the other.")
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(kendalltau(one, other).statistic)


def measure(
    model: nn.Module, token_ids: torch.Tensor, reading: Reading | None = None
) -> Faithfulness:
    """Compare the weights of one review (T,) with both measures of its words' effects.

    reading: what ``read_review`` gave for it; without it the review is read here.
    """
    weights = (reading or read_review(model, token_ids)).weights
    effects = leave_one_out(model, token_ids)
    gradients = input_gradients(model, token_ids)
    return Faithfulness(
        effects,
        gradients,
        kendall_tau(weights, effects.abs()),
        kendall_tau(weights, gradients),
        kendall_tau(gradients, effects.abs()),
    )


class Agreement(NamedTuple):
    """Kendall's tau on many reviews, one row each (N, 5): ``print`` shows the medians.

    Columns: weights with leave-one-out, weights with gradients, gradients with leave-one-out,
    random weights with leave-one-out, random weights with gradients.
    """

    taus: np.ndarray

    def medians(self) -> list[float]:
        """The median of each column."""
        return np.median(self.taus, axis=0).tolist()

    def __str__(self) -> str:
        middle, half = self.medians(), np.percentile(self.taus, [25, 75], axis=0)
        published = [f" {tau:.2f}" for tau in PUBLISHED.values()]
        lines = [
            f"Kendall's tau, median over {len(self.taus)} reviews (middle half of them)",
            f"{'':<28}{'leave-one-out':<26}{'gradients':<26}",
            _row("attention weights", *(_spread(middle[i], half[:, i]) for i in (0, 1))),
            _row("random weights", *(_spread(middle[i], half[:, i]) for i in (3, 4))),
            _row("uniform weights (no order)", " 0.00", " 0.00"),
            _row("gradients", _spread(middle[2], half[:, 2]), ""),
            _row("published: attention", *published[:2]),
            _row("published: gradients", published[2], ""),
            "Effects are changes of the logit; the published ones are of the probability.",
        ]
        return "\n".join(line.rstrip() for line in lines)


def _row(name: str, one: str, other: str) -> str:
    return f"{name:<28}{one:<26}{other}"


def _spread(middle: float, half: np.ndarray) -> str:
    middle, low, high = (round(float(tau), 2) + 0.0 for tau in (middle, *half))  # no -0.00
    return f"{middle:5.2f} ({low:.2f} to {high:.2f})"


def agreement(model: nn.Module, dataset, count: int = 200, seed: int = 0) -> Agreement:
    """Measure ``count`` reviews of ``dataset``, drawn by ``seed``; reviews of one word are skipped.

    An interrupt ends the measurement early: what was measured is returned, with its number.
    """
    require_weights(model)
    if count < 1:
        raise ValueError(f"count is {count}; measure 1 review or more.")
    draw = np.random.default_rng(seed)
    usable = [index for index in draw.permutation(len(dataset)) if len(dataset[int(index)][0]) > 1]
    chosen, taus, progress = usable[:count], [], Progress()
    if not chosen:
        raise ValueError("There is no review of two words or more, so no order can be compared.")
    try:
        for index in chosen:
            taus.append(_taus(model, dataset[int(index)][0], draw))
            progress.show(f"{len(taus)} of {len(chosen)} reviews measured")
    except KeyboardInterrupt:
        if not taus:
            raise
    progress.close(f"{len(taus)} of {len(chosen)} reviews measured")
    return Agreement(np.array(taus))


def _taus(model: nn.Module, token_ids: torch.Tensor, draw: np.random.Generator) -> tuple:
    found = measure(model, token_ids)
    random = draw.random(len(token_ids))
    effects = found.leave_one_out.abs(), found.gradients
    by_chance = (kendall_tau(random, effect) for effect in effects)
    return found.with_leave_one_out, found.with_gradients, found.between, *by_chance


def _one_row(model: nn.Module, token_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of this one review, on the model's device."""
    if token_ids.dim() != 1 or len(token_ids) == 0:
        raise ValueError(
            f"One review is expected, as token ids (T,) with T of 1 or more; got a tensor of shape "
            f"{tuple(token_ids.shape)}."
        )
    device = next(model.parameters()).device
    return token_ids.unsqueeze(0).to(device), torch.tensor([len(token_ids)], device=device)


def require_weights(model: nn.Module) -> None:
    """Raise TypeError for a model whose forward cannot return attention weights."""
    if "return_weights" not in inspect.signature(model.forward).parameters:
        raise TypeError(
            f"{type(model).__name__} gives no attention weights: its forward has no argument "
            "return_weights. Use AttentionRNN or TransformerClassifier, or add it to yours."
        )
