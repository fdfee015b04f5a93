"""Checks of the functions of lessons 03 to 05: last vectors, reversal, attention, positions."""

import math

import torch

from practicum_utils.exercises.checking import (
    CheckError,
    call,
    compare,
    demand,
    demand_gradient,
    demand_pair,
    describe,
)
from practicum_utils.training import pick_device


def check_last_vectors(last_vectors) -> None:
    """3.1: against a loop; first without a full row, so that an index too far still exists."""
    for lengths in ([3, 1, 4, 2], [6, 2, 1, 6], [5]):
        states = torch.randn(len(lengths), 6, 3, requires_grad=True, device=pick_device())
        wanted = torch.stack([row[length - 1] for row, length in zip(states, lengths, strict=True)])
        sizes = torch.tensor(lengths, device=states.device)
        got = call(last_vectors, states, sizes)
        compare(got, wanted, "the result", "(B, H)", _wrong_places(states, sizes))
        demand_gradient(got, "the result")


def _wrong_places(states: torch.Tensor, lengths: torch.Tensor) -> dict[str, torch.Tensor]:
    B, T, H = states.shape
    rows = torch.arange(B, device=states.device)
    real = (torch.arange(T, device=states.device) < lengths.unsqueeze(1)).unsqueeze(2)
    return {
        "this is the state at the right edge of the table, which for a short review is padding":
            states[:, -1],
        "this is one place too far, off by one; places are counted from 0":
            states[rows, lengths.clamp(max=T - 1)],
        "this is one place too early, off by one": states[rows, lengths - 2],
        "this place is counted from the right edge of the table, not from its left": states[
            rows, -lengths
        ],
        "every row was read at the place where the longest one ends": states[
            :, lengths.max() - 1
        ],
        "this is the first state of each row, not its last real one": states[:, 0],
        "every row was asked for all the places; each row wants its own place only":
            states[:, lengths - 1],
        "this is the mean of the real states, not the last one":
            (states * real).sum(1) / lengths.unsqueeze(1),
        "this is the mean over all the states, not the last one": states.mean(1),
        "this is the largest of the states, not the last one": states.amax(1),
        "one dimension of size 1 too many; squeeze it away":
            states[rows, lengths - 1].unsqueeze(1),
    }  # fmt: skip


def check_reverse_reviews(reverse_reviews) -> None:
    """3.2: against slices of lists; the table that was given must stay as it was."""
    for lengths in ([5, 2, 1, 4], [6, 3], [4]):
        T = max(*lengths, 5)
        rows = [torch.randperm(40)[:length].add(4).tolist() for length in lengths]
        table = torch.tensor([row + [0] * (T - len(row)) for row in rows], device=pick_device())
        wanted = torch.tensor([row[::-1] + [0] * (T - len(row)) for row in rows])
        given, sizes = table.clone(), torch.tensor(lengths, device=table.device)
        got = call(reverse_reviews, given, sizes)
        demand(
            torch.equal(given, table) or got is None,
            "it changed the table it was given; whoever uses that table next reads it backwards.",
        )
        compare(got, wanted, "the result", "(B, T)", _wrong_reversals(table, rows))
        kind = got.dtype
        demand(kind == torch.int64, f"token ids are int64; they came back as {kind}.")


def _wrong_reversals(table: torch.Tensor, rows: list) -> dict[str, torch.Tensor]:
    T = table.shape[1]

    def padded(changed: list) -> torch.Tensor:
        return torch.tensor([row + [0] * (T - len(row)) for row in changed])

    shifted = [[*row[:-1][::-1], row[-1]] for row in rows]
    return {
        "whole rows were reversed, so that the padding stands in front": table.flip(1),
        "nothing was reversed": table,
        "the order of the rows was reversed instead of the words in them": table.flip(0),
        "the last real token was left where it is, off by one": padded(shifted),
        "the first word is lost, off by one": padded([row[::-1][:-1] for row in rows]),
        "the last word is lost, off by one": padded([row[:-1][::-1] for row in rows]),
    }


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
        "the scores of padding became 0, and the exponential of 0 is 1":
            (scores * mask).softmax(1),
        "the mask is turned around: only the padding has weights":
            scores.masked_fill(mask, -math.inf).softmax(1).nan_to_num(),
        "the mask came after the softmax, so the rows no longer sum to 1": plain * mask,
        "the softmax went down the columns, over the reviews of the batch":
            hidden.softmax(0).nan_to_num(),
        "these are logarithms of weights": hidden.log_softmax(1),
        "the exponentials were not divided by their sum": hidden.exp(),
    }  # fmt: skip


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
        compare(pair[0], pooled, "the pooled vectors", "(B, H)",
                _wrong_pools(states.detach(), scores, mask, wanted))  # fmt: skip
        demand_gradient(pair[0], "the table of pooled vectors")


def _wrong_pools(states, scores, mask, weights) -> dict[str, torch.Tensor]:
    plain = scores.softmax(1)
    real = mask.unsqueeze(2)
    return {
        "every row was weighted with the weights of every other row; each row has its own":
            weights @ states,
        "the weights were not used: this is the plain mean of the states": states.mean(1),
        "the weights were not used: this is the mean of the real states":
            (states * real).sum(1) / real.sum(1),
        "the scores were used instead of the weights": (scores.unsqueeze(2) * states).sum(1),
        "the padding took part: the weights that were used are not the masked ones":
            (plain.unsqueeze(2) * states).sum(1),
        "the weighted states were averaged; they are to be summed":
            (weights.unsqueeze(2) * states).mean(1),
        "the weighted states were not summed over the words": weights.unsqueeze(2) * states,
        "one dimension of size 1 too many; squeeze it away": weights.unsqueeze(1) @ states,
        "the state of the largest weight was taken; all of them have a share":
            states[torch.arange(len(states)), weights.argmax(1)],
    }  # fmt: skip


def check_self_attention(self_attention) -> None:
    """5.1: against sums written out, with and without weights and mask."""
    device = pick_device()
    queries, keys, values = (torch.randn(2, 3, 5, 4, device=device) for _ in range(3))
    queries.requires_grad_()
    keep = torch.tensor([[1, 1, 0, 1, 0], [1, 0, 1, 1, 1]], dtype=torch.bool, device=device)
    batch, row = keep.reshape(2, 1, 1, 5), keep[0]
    for mask, asked in ((None, True), (None, False), (batch, True), (batch, False), (row, True)):
        shown = "without a mask" if mask is None else f"with a mask {tuple(mask.shape)}"
        shown += ", with return_weights=True" if asked else ""
        masked = {} if mask is None else {"mask": mask}
        wished = {"return_weights": True} if asked else {}
        given = f"queries, keys and values (2, 3, 5, 4) {shown}"
        result = call(self_attention, queries, keys, values, given=given, **masked, **wished)
        result = demand_pair(result, f"the result {shown}")
        wrong = _wrong_attention(queries.detach(), keys, mask)
        wanted = wrong.pop("")
        if asked:
            compare(result[1], wanted, f"the weights {shown}", "(..., T, T)", wrong)
        mixed = {sentence: weights @ values for sentence, weights in wrong.items()}
        compare(result[0], wanted @ values, f"the output {shown}", "(..., T, D)", mixed)
        demand_gradient(result[0], "the output")
    _check_flat(self_attention)


def _wrong_attention(queries, keys, mask) -> dict[str, torch.Tensor]:
    """Weights by the mistake that makes them; the right ones under the empty name."""
    T, D = queries.shape[-2:]
    dots = torch.einsum("bhqd,bhkd->bhqk", queries, keys)
    keep = torch.ones(T, dtype=torch.bool, device=dots.device) if mask is None else mask

    def hidden(scores: torch.Tensor) -> torch.Tensor:
        return scores.masked_fill(~keep, -math.inf)

    scaled = dots / math.sqrt(D)
    found = {
        "": hidden(scaled).softmax(-1),
        "the scores are not divided by the root of D": hidden(dots).softmax(-1),
        "the scores are divided by D, not by its root": hidden(dots / D).softmax(-1),
        "the scores are divided by the root of T; D is the size of a query":
            hidden(dots / math.sqrt(T)).softmax(-1),
        "the softmax runs over the queries; each query shares itself out among the keys":
            hidden(scaled).softmax(-2).nan_to_num(),
        "queries and keys have changed places": hidden(scaled.transpose(-2, -1)).softmax(-1),
    }  # fmt: skip
    if mask is not None:
        found |= {
            "the mask was not used: keys that are padding have weights": scaled.softmax(-1),
            "the mask is turned around: it is True on real keys":
                scaled.masked_fill(keep, -math.inf).softmax(-1).nan_to_num(),
            "the mask was added to the scores, and True counts as 1": (scaled + keep).softmax(-1),
            "the mask came after the softmax, so the rows no longer sum to 1":
                scaled.softmax(-1) * keep,
            "the scores of padding became 0, and the exponential of 0 is 1":
                (scaled * keep).softmax(-1),
        }  # fmt: skip
    return found


def _check_flat(self_attention) -> None:
    """The same function for one text alone, (T, D), as the lesson calls it by hand."""
    queries, keys, values = (torch.randn(4, 2, device=pick_device()) for _ in range(3))
    result = call(self_attention, queries, keys, values, return_weights=True)
    mixed, weights = demand_pair(result, "the result for (T, D)")
    wanted = (queries @ keys.T / math.sqrt(2)).softmax(1)
    compare(weights, wanted, "the weights for (T, D)", "(T, T)", {})
    compare(mixed, wanted @ values, "the output for (T, D)", "(T, D)", {})


def check_positional_encoding(positional_encoding) -> None:
    """5.2: against sines and cosines one by one."""
    for length, size in ((7, 6), (50, 16)):
        wanted = _waves(length, size)
        got = call(positional_encoding, length, size)
        halves = torch.cat([wanted[:, 0::2], wanted[:, 1::2]], 1)
        swapped = wanted.reshape(length, -1, 2).flip(2).flatten(1)
        compare(got, wanted, "the table", "(length, size)", {
            "all sines come first and then all cosines; they take turns": halves,
            "sines and cosines have changed places": swapped,
            "the table is lying on its side": wanted.T,
            "the first position is 0, not 1": _waves(length + 1, size)[1:],
            "the exponent is twice what it should be; column 2k has 2k in it":
                _waves(length, size, stretch=2),
            "the exponent is half of what it should be; column 2k has 2k in it":
                _waves(length, size, stretch=0.5),
            "the base of the rates is not 10000 but 1000": _waves(length, size, base=1000),
            "every column has an exponent of its own; a sine and its cosine share one":
                _waves(length, size, pairs=False),
            "the angles are multiplied by the rate instead of divided":
                _waves(length, size, stretch=-1),
            "only sines": _waves(length, size, only="sin"),
        })  # fmt: skip


def _waves(length, size, base=10_000, stretch=1.0, pairs=True, only="") -> torch.Tensor:
    def wave(t: int, column: int) -> float:
        even = column - column % 2 if pairs else column
        angle = t / base ** (stretch * even / size)
        return math.cos(angle) if column % 2 and not only else math.sin(angle)

    return torch.tensor([[wave(t, column) for column in range(size)] for t in range(length)])
