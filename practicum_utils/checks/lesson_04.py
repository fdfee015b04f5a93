"""Checks of lesson 04: masked softmax, attention pooling, an RNN with attention."""

import math

import torch

from practicum_utils.checks import probing
from practicum_utils.checks.demands import (
    CheckError,
    call,
    compare,
    demand,
    demand_gradient,
    demand_pair,
    demand_tensor,
    describe,
    same,
)
from practicum_utils.checks.exercises import diagnosis, exercise
from practicum_utils.support.environment import evaluating, pick_device


@exercise("4.1", "masked_softmax")
def check_masked_softmax(masked_softmax) -> None:
    """4.1: against a softmax over each row's real scores alone."""
    lengths = torch.tensor([5, 2, 1, 4])
    mask = (torch.arange(5) < lengths.unsqueeze(1)).to(pick_device())
    for scores in (torch.randn(4, 5), 3 * torch.randn(4, 5) - 4):
        scores = scores.to(mask.device).requires_grad_()
        wanted = _softmax_by_rows(scores.detach(), mask)
        got = call(masked_softmax, scores.clone(), mask.clone())
        compare(got, wanted, "the weights", "(B, T)", _wrong_softmaxes(scores.detach(), mask))
        outside = got.detach()[~mask]
        demand(
            bool((outside == 0).all()),
            f"the weights on the padding must be exactly 0; they go up to {outside.max():.1e}.",
        )
        demand_gradient(got, "the table of weights")
    _check_refusal(masked_softmax)


def _softmax_by_rows(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = torch.zeros_like(scores)
    for row, real, into in zip(scores, mask, weights, strict=True):
        exponentials = row[real].exp()
        into[real] = exponentials / exponentials.sum()
    return weights


def _wrong_softmaxes(scores: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    hidden = scores.masked_fill(~mask, -math.inf)
    plain = scores.softmax(1)
    return {
        "the mask was not used: the padding has weights": plain,
        "the scores of padding became 0, and the exponential of 0 is 1": (
            (scores * mask).softmax(1)
        ),
        "the mask is turned around: only the padding has weights": (
            scores.masked_fill(mask, -math.inf).softmax(1).nan_to_num()
        ),
        "the mask came after the softmax, so the rows no longer sum to 1": plain * mask,
        "the softmax went down the columns, over the reviews of the batch": (
            hidden.softmax(0).nan_to_num()
        ),
        "these are logarithms of weights": hidden.log_softmax(1),
        "the exponentials were not divided by their sum": hidden.exp(),
    }


def _check_refusal(masked_softmax) -> None:
    empty = torch.tensor([[True, True], [False, False]], device=pick_device())
    scores = torch.zeros(2, 2, device=empty.device)
    try:
        got = masked_softmax(scores, empty)
    except (ValueError, NotImplementedError) as error:
        if isinstance(error, NotImplementedError):
            raise
        return
    except Exception as error:
        raise CheckError(
            f"for a row of padding only it raised {type(error).__name__}; ValueError was promised."
        ) from error
    raise CheckError(
        "a row of padding only went through, as "
        f"{describe(got[1]) if isinstance(got, torch.Tensor) else describe(got)}; the exercise "
        "promises a ValueError for it."
    )


@exercise("4.2", "attention_pool")
def check_attention_pool(attention_pool) -> None:
    """4.2: against a loop over the words."""
    device = pick_device()
    for B in (4, 1):
        states = torch.randn(B, 5, 3, device=device, requires_grad=True)
        scores, lengths = torch.randn(B, 5, device=device), torch.tensor([3, 5, 1, 4])[:B]
        mask = (torch.arange(5) < lengths.unsqueeze(1)).to(device)
        wanted = _softmax_by_rows(scores, mask)
        pooled = sum(wanted[:, t, None] * states[:, t] for t in range(5))
        pair = demand_pair(call(attention_pool, states, scores, mask), "the result")
        swapped = isinstance(pair[0], torch.Tensor) and tuple(pair[0].shape) == (B, 5)
        demand(not swapped, "the pooled vectors come first, the weights second.")
        compare(pair[1], wanted, "the weights", "(B, T)", _wrong_softmaxes(scores, mask))
        wrong = _wrong_pools(states.detach(), scores, mask, wanted)
        compare(pair[0], pooled, "the pooled vectors", "(B, H)", wrong)
        demand_gradient(pair[0], "the table of pooled vectors")


def _wrong_pools(states, scores, mask, weights) -> dict[str, torch.Tensor]:
    plain = scores.softmax(1)
    real = mask.unsqueeze(2)
    return {
        "every row was weighted with the weights of every other row; each row has its own": (
            weights @ states
        ),
        "the weights were not used: this is the plain mean of the states": states.mean(1),
        "the weights were not used: this is the mean of the real states": (
            (states * real).sum(1) / real.sum(1)
        ),
        "the scores were used instead of the weights": (scores.unsqueeze(2) * states).sum(1),
        "the padding took part: the weights that were used are not the masked ones": (
            (plain.unsqueeze(2) * states).sum(1)
        ),
        "the weighted states were averaged; they are to be summed": (
            (weights.unsqueeze(2) * states).mean(1)
        ),
        "the weighted states were not summed over the words": weights.unsqueeze(2) * states,
        "one dimension of size 1 too many; squeeze it away": weights.unsqueeze(1) @ states,
        "the state of the largest weight was taken; all of them have a share": (
            states[torch.arange(len(states)), weights.argmax(1)]
        ),
    }


@exercise("4.3", "AttentionRNN")
def check_attention_rnn(cls) -> None:
    """4.3: the general questions; the weights; the two vectors of a word side by side; dropout."""
    model = probing.build(cls, **probing.SMALL)
    probing.ask_all(model)
    _check_weights(model)
    demand(probing.order_counts(model), probing.NO_ORDER)
    _check_alignment(model)
    _check_tanh(cls)
    probing.ask_dropout(cls)


def _check_weights(model) -> None:
    rows = probing.rows_of((6, 3, 1, 4))
    token_ids, lengths = probing.table(model, rows)
    for mode in (True, False):
        probing.shake(model.train(mode))
        pair = call(model, token_ids, lengths, return_weights=True)
        logits, weights = demand_pair(pair, "the result with return_weights=True")
        demand_tensor(logits, (4,), "the logits, first of the two results,", "(B,)")
        demand_tensor(weights, (4, 6), "the weights", "(B, T)")
        probing.ask_shares(weights.detach(), lengths, "training" if mode else "evaluation")
    demand(
        same(logits, probing.logits(model, rows)),
        "the logits are others when the weights are asked for.",
    )
    spread = (weights[0] - 1 / 6).abs().max()
    demand(spread > 1e-4, "every word has the same weight: the scores do not depend on the words.")


def _check_alignment(model) -> None:
    """Readers that forget everything see words alone, so their order cannot count."""
    probing.shake(model)
    if not probing.forget(model):
        return
    shuffled = probing.order_counts(model, shake=probing.shake_and_forget)
    demand(
        not shuffled,
        "a word's two vectors do not stand side by side: those of the backward "
        "reader come out in its own order, from the last word to the first.",
    )


def _check_tanh(cls) -> None:
    """The score v . tanh(...) stays within the sum of |v|, however large W becomes."""
    model = probing.build(cls, **probing.SMALL).eval()
    attention, score = getattr(model, "attention", None), getattr(model, "score", None)
    if not all(isinstance(layer, torch.nn.Linear) for layer in (attention, score)):
        return
    probing.shake(model)
    with torch.no_grad():
        attention.weight *= 100
        score.weight.mul_(3 / score.weight.abs().sum())
        token_ids, lengths = probing.table(model, probing.rows_of((6, 6, 6)))
        _, weights = call(model, token_ids, lengths, return_weights=True)
    spread = (weights.amax(1) / weights.amin(1)).max()
    demand(
        spread < 500,
        "the score grows without bound with W: the tanh between the two layers is missing.",
    )


@diagnosis(
    "4.D1",
    bug="double-sigmoid",
    right="C",
    causes={
        "A": (
            "a learning rate that is far too low",
            "layers whose weights have hardly moved in three epochs",
        ),
        "B": (
            "gradients of earlier batches that are still there",
            "a gradient of the same batch that grows when `run_epoch` sees it three times",
        ),
        "C": (
            "an answer that is not what the loss function expects",
            "outputs of the model that all lie between 0 and 1, where a logit may be any number",
        ),
    },
)
def observe_answers(model, untrained, run_epoch, loader) -> dict[str, str]:
    """The trained model's outputs, three gradients of one batch, and how far training moved it."""
    batch = next(iter(loader))
    token_ids, lengths, _ = (part.to(pick_device()) for part in batch)
    with evaluating(model), torch.no_grad():
        outputs = model(token_ids, lengths)
    started, ended = _weights_of_layers(untrained), _weights_of_layers(model)
    moved, size = (ended - started).abs().mean().item(), started.abs().mean().item()
    times = ", ".join(f"{one:.2f}" for one in probing.three_gradients(run_epoch, untrained, batch))
    return {
        "A": f"Yours moved by {moved:.3f} on average, and their own size was {size:.3f} at first.",
        "B": f"Your run_epoch left gradients of {times} times the first.",
        "C": f"Yours lie between {outputs.min():.2g} and {outputs.max():.2g}.",
    }


def _weights_of_layers(model) -> torch.Tensor:
    """All weights in one row, but for the tables of words: most words are met only rarely."""
    layers = [part for part in model.modules() if not isinstance(part, torch.nn.Embedding)]
    own = [one.detach().flatten() for part in layers for one in part.parameters(recurse=False)]
    return torch.cat(own)
