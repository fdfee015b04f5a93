"""Checks of lesson 04: masked softmax, attention pooling, an RNN with attention."""

import functools
import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from practicum_utils.checks import anatomy, probing
from practicum_utils.checks.demands import (
    CheckError,
    call,
    compare,
    demand,
    demand_gradient,
    demand_pair,
    demand_same_gradients,
    demand_tensor,
    demand_weights,
    describe,
    overlook,
    same,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
from practicum_utils.support.environment import pick_device


@exercise("4.1", "masked_softmax")
def check_masked_softmax(masked_softmax) -> None:
    """4.1: against a softmax over each row's real scores alone, of any size."""
    lengths = torch.tensor([5, 2, 1, 4])
    mask = (torch.arange(5) < lengths.unsqueeze(1)).to(pick_device())
    _check_kept(masked_softmax, (torch.randn(4, 5), mask), ("scores", "mask"))
    for scores in (torch.randn(4, 5), 3 * torch.randn(4, 5) - 4):
        scores = scores.to(mask.device).requires_grad_()
        wanted = _softmax_by_rows(scores, mask)
        got = call(masked_softmax, scores.clone(), mask.clone())
        wrong = _wrong_softmaxes(scores.detach(), mask)
        compare(got, wanted.detach(), "the weights", "(B, T)", wrong)
        outside = got.detach()[~mask]
        demand(
            bool((outside == 0).all()),
            f"the weights on the padding must be exactly 0; they go up to {outside.max():.1e}.",
        )
        demand_gradient(got, "the table of weights")
        demand_same_gradients(got, wanted, {"the scores": scores})
    _check_large(masked_softmax, mask)
    _check_refusal(masked_softmax)


def _check_kept(function, given: tuple, names: tuple) -> None:
    """What a function is given stays as it was."""
    given = tuple(one.to(pick_device()) for one in given)
    before = [one.clone() for one in given]
    call(function, *given)
    for name, now, then in zip(names, given, before, strict=True):
        demand(
            torch.equal(now, then),
            f"it changed the {name} it was given (in place); whoever uses them next finds other "
            "numbers there.",
        )


def _check_large(masked_softmax, mask: torch.Tensor) -> None:
    """Scores of any size, among the words and behind them."""
    for words, padding in ((100, 100), (-100, -100), (0, 300)):
        scores = torch.randn(mask.shape, device=mask.device)
        scores = scores + torch.where(mask, words, padding)
        got = call(masked_softmax, scores.clone(), mask.clone())
        wanted = _softmax_by_rows(scores.double(), mask).float()
        demand_tensor(got, wanted.shape, "the weights", "(B, T)")
        where = f"around {words}" if words else f"that are large on the padding ({padding})"
        demand(
            same(got, wanted),
            f"for scores {where} the weights come out wrong, {describe(got[1])} in row 1: exp(100) "
            "is more than a float32 can hold, exp(-100) is nearly 0, and 0 / 0 is nan. Hide the "
            "padding first, then use torch.softmax, which subtracts the largest score before.",
        )


def _softmax_by_rows(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    rows = []
    for row, real in zip(scores, mask, strict=True):
        exponentials = (row[real] - row[real].max().detach()).exp()
        rows.append(torch.zeros_like(row).masked_scatter(real, exponentials / exponentials.sum()))
    return torch.stack(rows)


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
        scores = torch.randn(B, 5, device=device, requires_grad=True)
        lengths = torch.tensor([3, 5, 1, 4])[:B]
        mask = (torch.arange(5) < lengths.unsqueeze(1)).to(device)
        given = tuple(one.detach() for one in (states, scores, mask))
        _check_kept(attention_pool, given, ("states", "scores", "mask"))
        wanted = _softmax_by_rows(scores, mask)
        pooled = sum(wanted[:, t, None] * states[:, t] for t in range(5))
        pair = demand_pair(call(attention_pool, states, scores, mask), "the result")
        shapes = [tuple(getattr(one, "shape", ())) for one in pair]
        demand(
            shapes != [(B, 5), (B, 3)],
            "the pooled vectors come first, the weights second.",
        )
        plain, shares = scores.detach(), wanted.detach()
        compare(pair[1], shares, "the weights", "(B, T)", _wrong_softmaxes(plain, mask))
        wrong = _wrong_pools(states.detach(), plain, mask, shares)
        compare(pair[0], pooled.detach(), "the pooled vectors", "(B, H)", wrong)
        demand_gradient(pair[0], "the table of pooled vectors")
        inputs = {"the states": states, "the scores": scores}
        demand_same_gradients(pair[0], pooled, inputs)


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
        "the scores, with 0 on the padding, were used instead of the weights": (
            ((scores * mask).unsqueeze(2) * states).sum(1)
        ),
        "the padding took part: the weights that were used are not the masked ones": (
            (plain.unsqueeze(2) * states).sum(1)
        ),
        "the weighted states were averaged; they are to be summed": (
            (weights.unsqueeze(2) * states).mean(1)
        ),
        "the weighted states were summed over their numbers (dim=2), not over the words (dim=1)": (
            (weights.unsqueeze(2) * states).sum(2)
        ),
        "the weighted states were not summed over the words": weights.unsqueeze(2) * states,
        "one dimension of size 1 too many; squeeze it away": weights.unsqueeze(1) @ states,
        "the state of the largest weight was taken; all of them have a share": (
            states[torch.arange(len(states)), weights.argmax(1)]
        ),
    }


SIZES = probing.SMALL
OTHER_SIZES = {"embedding_size": 12, "hidden_size": 7}
WIDE = {"embedding_size": 32, "hidden_size": 32}


@exercise("4.3", "AttentionRNN", planted=("double-sigmoid",))
def check_attention_rnn(cls) -> None:
    """4.3: the general questions; the weights; both readers; the score; sizes; the end; dropout."""
    made = _mending(cls)
    model = probing.build(made, **SIZES)
    probing.ask_all(model)
    _check_weights(model)
    demand(probing.order_counts(model), probing.NO_ORDER)
    _check_alignment(model)
    _check_both_ways(model)
    anatomy.ask_two_readers(model)
    anatomy.ask_sizes(made, SIZES, OTHER_SIZES)
    _check_score(model)
    _check_repeated(model)
    anatomy.ask_relu(model)
    _check_mixture(model)
    anatomy.ask_gradients(model)
    anatomy.ask_long(model)
    anatomy.ask_dropout(made, WIDE, readers="the readers")


SIGMOIDS = ("sigmoid", "sigmoid_", "special_expit", "expit")


def _mending(cls) -> Callable:
    """Make models of the class; a sigmoid at the end is taken away where it may pass for now."""

    def make(*words, **sizes):
        model = cls(*words, **sizes)
        if isinstance(model, nn.Module) and _ends_in_sigmoid(model) and overlook("double-sigmoid"):
            model.forward = functools.partial(_without_sigmoid, model.forward)
        return model

    return make


def _ends_in_sigmoid(model: nn.Module) -> bool:
    """Are the answers to a few reviews just what a sigmoid of PyTorch's made of other numbers?"""
    given = probing.table(model, [[4, 5, 6], [7, 8], [9]])
    mode = model.training
    try:
        with torch.no_grad():
            model.eval()
            return not torch.equal(model(*given), _without_sigmoid(model, *given))
    except Exception:  # another mistake, which the questions will meet
        return False
    finally:
        model.train(mode)


def _without_sigmoid(forward: Callable, *given, **named):
    """What ``forward`` gives, with the numbers that its last sigmoid got in place of its own."""
    with anatomy.Recorder(*SIGMOIDS) as recorder:
        result = forward(*given, **named)
    is_pair = isinstance(result, list | tuple) and len(result) == 2
    answers = result[0] if is_pair else result
    if not isinstance(answers, torch.Tensor):
        return result
    for inputs, _, squeezed in reversed(recorder.seen):
        if torch.equal(squeezed.flatten(), answers.flatten()):
            answers = inputs[0].reshape(answers.shape)
            return type(result)((answers, result[1])) if is_pair else answers
    return result


def _check_weights(model) -> None:
    rows = probing.rows_of((6, 3, 1, 4))
    token_ids, lengths = probing.table(model, rows)
    for mode in (True, False):
        probing.shake(model.train(mode))
        pair = call(model, token_ids, lengths, return_weights=True)
        logits, weights = demand_pair(pair, "the result with return_weights=True")
        demand_tensor(logits, (4,), "the logits, first of the two results,", "(B,)")
        demand_weights(weights, (4, 6), "the weights", "(B, T)")
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


def _check_both_ways(model) -> None:
    """What another word does to the shares of the words before it, and of those behind it."""
    before = behind = 0.0
    for _ in range(probing.DRAWS):
        probing.shake(model)
        a, b, c, d, other = probing.some_words(5)
        shares = _log_shares(model, [[a, b, c, d], [a, b, c, other], [other, b, c, d]])
        between = shares[:, 1:] - shares[:, :-1]
        before = max(before, (between[0, :2] - between[1, :2]).abs().max().item())
        behind = max(behind, (between[0, 1:] - between[2, 1:]).abs().max().item())
    without = "leaves the shares of the words {} as they are among themselves, so "
    demand(
        before > 1e-3,
        f"another last word {without.format('before it')}no reader comes from the end: does the "
        "second one get the words in reversed order?",
    )
    demand(
        behind > 1e-3,
        f"another first word {without.format('behind it')}no reader starts at the beginning.",
    )


def _log_shares(model, rows: list) -> torch.Tensor:
    """Logarithms of the weights (B, T), around a mean of 0 for each review."""
    with torch.no_grad():
        _, weights = model(*probing.table(model, rows), return_weights=True)
    logs = weights.double().clamp(min=1e-300).log()
    return logs - logs.mean(1, keepdim=True)


def _check_score(model) -> None:
    """The score is v . tanh(...): v is the one weight that the scores are proportional to."""
    _check_no_bias(model)
    found = None
    for _ in range(3):
        probing.shake(model)
        proportional = _proportional(model)
        found = proportional if found is None else found & proportional
    vectors = [one for one in anatomy.layers_of(model) if id(one) in found]
    demand(
        len(vectors) < 2,
        "the score grows without bound with W: the tanh between the two layers is missing.",
    )
    if not vectors:
        _check_free_range(model)
        return
    H = SIZES["hidden_size"]
    demand(
        vectors[0].numel() < 2 * H,
        "the scores are taken from the states directly; the layer `attention` and its tanh come "
        "before `score`.",
    )
    _check_tanh(model, vectors[0])


def _check_no_bias(model) -> None:
    """One number that is added to every score goes away in the softmax."""
    rows = probing.rows_of((5, 5, 5))
    probing.shake(model)
    for number in (one for one in anatomy.layers_of(model) if one.numel() == 1):
        before = probing.logits(model, rows)
        with torch.no_grad(), anatomy.kept(number):
            number += 1
            after = probing.logits(model, rows)
        demand(
            not same(before, after, 1e-5),
            "there is a single number that changes no answer, as a bias of `score`: what is added "
            "to all scores goes away in the softmax. `score` has no bias.",
        )


def _proportional(model) -> set[int]:
    """The ids of the weights that double all scores when they are doubled."""
    rows, found = probing.rows_of((4,) * 4), set()
    once = _log_shares(model, rows)
    for weight in anatomy.layers_of(model):
        with torch.no_grad(), anatomy.kept(weight):
            weight *= 2
            twice = _log_shares(model, rows)
        if once.abs().max() > 1e-3 and same(twice, 2 * once, 1e-3):
            found.add(id(weight))
    return found


def _check_free_range(model) -> None:
    """Scores that nothing squeezes can differ by as much as you like."""
    most = 0.0
    for _ in range(probing.DRAWS):
        probing.shake(model, 3.0)
        shares = _log_shares(model, probing.rows_of((6,) * 8))
        most = max(most, (shares.amax(1) - shares.amin(1)).max().item())
    demand(
        most > 3,
        f"however large the weights are, no word gets more than {math.exp(most):.1f} times the "
        "share of another in its review: are the scores squeezed before the softmax (a tanh or a "
        "sigmoid at the end, two softmaxes)? tanh comes before `score`, and nothing after it.",
    )


def _check_tanh(model, vector: torch.Tensor) -> None:
    """What `score` is given lies between -1 and 1, whatever the weights are."""
    most = 0.0
    for _ in range(2):
        probing.shake(model, 8.0)
        for place in range(vector.numel()):
            with torch.no_grad():
                vector.zero_().view(-1)[place] = 1
            shares = _log_shares(model, probing.rows_of((6,) * 8))
            most = max(most, (shares.amax(1) - shares.amin(1)).max().item())
    demand(
        most < 2.01,
        "what `score` is given grows without bound with W: between the two layers stands something "
        f"else than a tanh, whose numbers differ by 2 at most; here they differ by {most:.1f}.",
    )
    demand(
        most > 1.05,
        "what `score` is given never differs by more than 1 between two words, however large W is; "
        "a tanh goes from -1 to 1. Another activation?",
    )


def _check_repeated(model) -> None:
    """With readers that forget, a word written several times is the word alone."""
    probing.shake(model)
    if not probing.forget(model):
        return
    word = probing.some_words(1)
    once, often = (probing.logits(model, [word * times])[0] for times in (1, 4))
    demand(
        same(once, often),
        "when the readers cannot remember, a word written four times must have the answer of the "
        f"word alone, since the weights sum to 1; the score went from {once:.3f} to {often:.3f}. "
        "Is the sum of the weighted states averaged once more, or something else pooled?",
    )


def _check_mixture(model) -> None:
    """With more of one word and less of another the answer goes along a line, by their weights.

    That holds unless a relu turns in between, so not for every pair of words.
    """
    bent = []
    for _ in range(probing.DRAWS):
        probing.shake(model)
        if not probing.forget(model):
            return
        words = probing.some_words(9)
        pairs = pairwise(words)
        given = probing.table(
            model, [[one] * n + [other] for one, other in pairs for n in (2, 3, 4)]
        )
        with torch.no_grad():
            answers, weights = model(*given, return_weights=True)
        shares = weights.gather(1, given[1].unsqueeze(1) - 1).reshape(8, 3)
        answers = answers.reshape(8, 3)
        slopes = (answers[:, 1:] - answers[:, :-1]) / (shares[:, 1:] - shares[:, :-1])
        bent += ((slopes[:, 0] - slopes[:, 1]).abs() / slopes.abs().amax(1)).tolist()
    demand(
        sorted(bent)[len(bent) // 3] < 1e-3,
        "the answer does not follow the weights of the words: the states are pooled in another way "
        "than by the weights that are returned.",
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
            "an answer of another kind than the loss function takes",
            "no output of the model below 0, whatever the review says",
        ),
    },
)
def observe_answers(model, untrained, run_epoch, loader) -> Seen:
    """The trained model's outputs, gradients of equal batches, and how far training moved it."""
    batch = next(iter(loader))
    low, high, squeezed = probing.look_at_outputs(model, batch)
    started, ended = _weights_of_layers(untrained), _weights_of_layers(model)
    moved, size = (ended - started).abs().mean().item(), started.abs().mean().item()
    words, grow, beside = probing.look_at_gradients(run_epoch, untrained, batch)
    return {
        "A": (
            f"Yours moved by {moved:.3f} on average, and their own size was {size:.3f} at first.",
            moved < 0.02 * size,
        ),
        "B": (words, grow),
        "C": (f"Yours lie between {low:.2g} and {high:.2g}.", squeezed),
        **({"": (beside, True)} if beside else {}),
    }


def _weights_of_layers(model) -> torch.Tensor:
    """All weights in one row, but for the tables of words: most words are met only rarely."""
    layers = [part for part in model.modules() if not isinstance(part, torch.nn.Embedding)]
    own = [one.detach().flatten() for part in layers for one in part.parameters(recurse=False)]
    return torch.cat(own)
