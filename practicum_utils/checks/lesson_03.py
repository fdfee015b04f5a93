"""Checks of lesson 03: last vectors, reversed reviews, an RNN from both ends."""

from collections.abc import Callable

import torch

from practicum_utils.checks import probing
from practicum_utils.checks.demands import (
    call,
    compare,
    demand,
    demand_gradient,
    same,
)
from practicum_utils.checks.exercises import exercise
from practicum_utils.support.environment import pick_device


@exercise("3.1", "last_vectors")
def check_last_vectors(last_vectors) -> None:
    """3.1: against a loop; first without a full row, so that an index too far still exists."""
    for lengths, T, H in TABLES:
        states = torch.randn(len(lengths), T, H, requires_grad=True, device=pick_device())
        wanted = torch.stack([row[length - 1] for row, length in zip(states, lengths, strict=True)])
        sizes = torch.tensor(lengths, device=states.device)
        got = call(last_vectors, states, sizes)
        compare(got, wanted, "the result", "(B, H)", _wrong_places(states, sizes))
        kind = str(got.dtype).removeprefix("torch.")
        demand(
            got.dtype == states.dtype,
            f"the states are of float32, and their last ones came back as {kind}; keep their type.",
        )
        demand_gradient(got, "the result")
        _check_gradient(got, states, sizes)


# Lengths, and the T and H of their states.
TABLES = (([3, 1, 4, 2], 6, 3), ([6, 2, 1, 6], 6, 5), ([5], 7, 3), ([300, 2], 300, 2))


def _check_gradient(got: torch.Tensor, states: torch.Tensor, lengths: torch.Tensor) -> None:
    """What is learned from the last vectors goes to the last states only."""
    reached = torch.autograd.grad(got.sum(), states, allow_unused=True)[0]
    places = torch.arange(states.shape[1], device=states.device)
    wanted = (places == lengths.unsqueeze(1) - 1).unsqueeze(2).expand_as(states)
    demand(
        reached is not None and same(reached, wanted.float()),
        "the numbers are right, but their gradient does not go to the last states, and to them "
        "alone.",
    )


def _wrong_places(states: torch.Tensor, lengths: torch.Tensor) -> dict[str, torch.Tensor]:
    B, T, H = states.shape
    rows = torch.arange(B, device=states.device)
    real = (torch.arange(T, device=states.device) < lengths.unsqueeze(1)).unsqueeze(2)
    return {
        "this is the state at the right edge of the table, which for a short review is padding": (
            states[:, -1]
        ),
        "this is one place too far, off by one; places are counted from 0": (
            states[rows, lengths.clamp(max=T - 1)]
        ),
        "this is one place too early, off by one": states[rows, lengths - 2],
        "of long rows only the first 256 places are read; a row may have 300 places": (
            states[rows, lengths.clamp(max=256) - 1]
        ),
        "of long rows only the first 128 places are read; a row may have 300 places": (
            states[rows, lengths.clamp(max=128) - 1]
        ),
        "this place is counted from the right edge of the table, not from its left": (
            states[rows, -lengths]
        ),
        "every row was read at the place where the longest one ends": states[:, lengths.max() - 1],
        "this is the first state of each row, not its last real one": states[:, 0],
        "every row was asked for all the places; each row wants its own place only": (
            states[:, lengths - 1]
        ),
        "this is the mean of the real states, not the last one": (
            (states * real).sum(1) / lengths.unsqueeze(1)
        ),
        "this is the mean over all the states, not the last one": states.mean(1),
        "this is the largest of the states, not the last one": states.amax(1),
        "one dimension of size 1 too many; squeeze it away": states[rows, lengths - 1].unsqueeze(1),
    }


@exercise("3.2", "reverse_reviews")
def check_reverse_reviews(reverse_reviews) -> None:
    """3.2: against slices of lists; first of all with some padding in every row."""
    for lengths, T in (([5, 2, 1, 4], 6), ([6, 3], 6), ([4], 5), ([1], 1), ([300, 3], 300)):
        rows = [(torch.arange(length).add(4)).tolist() for length in lengths]
        rows = [torch.tensor(row)[torch.randperm(len(row))].tolist() for row in rows]
        table = torch.tensor([row + [0] * (T - len(row)) for row in rows], device=pick_device())
        wanted = torch.tensor([row[::-1] + [0] * (T - len(row)) for row in rows])
        sizes = torch.tensor(lengths, device=table.device)
        got = call(reverse_reviews, table, sizes)
        if isinstance(got, torch.Tensor) and tuple(got.shape) == (len(rows), max(lengths)):
            demand(
                max(lengths) == T,
                f"the result is {tuple(got.shape)}, cut off after the longest review; the table "
                f"that was given, {tuple(table.shape)}, keeps its shape.",
            )
        compare(got, wanted, "the result", "(B, T)", _wrong_reversals(got, table, rows))
        kind = got.dtype
        demand(kind == torch.int64, f"token ids are int64; they came back as {kind}.")


def _wrong_reversals(got, table: torch.Tensor, rows: list) -> dict[str, torch.Tensor]:
    """What the known mistakes give, the last of them one whose padding is that of ``got``."""
    T, longest = table.shape[1], max(map(len, rows))

    def padded(changed: list) -> torch.Tensor:
        return torch.tensor([row + [0] * (T - len(row)) for row in changed])

    def read(places: Callable[[int, int], int]) -> torch.Tensor:
        """Each new place t of a row reads the old place ``places(length, t)``."""
        wide = [row + [0] * (T + 1 - len(row)) for row in rows]
        return torch.tensor([
            [row[min(max(places(len(words), t), 0), T)] for t in range(T)]
            for row, words in zip(wide, rows, strict=True)
        ])  # fmt: skip

    shifted = [[*row[:-1][::-1], row[-1]] for row in rows]
    early = [[*row[:256][::-1], *row[256:]] for row in rows]
    cut = [row[:128][::-1] + row[128:] for row in rows]
    in_front = torch.tensor([[0] * (T - len(row)) + row for row in rows])
    up_to = torch.cat([table[:, :longest].flip(1), table[:, longest:]], 1)
    return {
        "nothing was reversed": table,
        "whole rows were reversed, so that the padding stands in front": table.flip(1),
        "every row was reversed up to where the longest one ends": up_to,
        "the order of the rows was reversed instead of the words in them": table.flip(0),
        "the last real token was left where it is, off by one": padded(shifted),
        "the first word is lost, off by one": padded([row[::-1][:-1] for row in rows]),
        "the last word is lost, off by one": padded([row[:-1][::-1] for row in rows]),
        "on the places of the padding stands the first word again; they are to hold 0": (
            read(lambda length, t: length - 1 - t)
        ),
        "everything is one place too late; the place of the last word is length - 1": (
            read(lambda length, t: length - t if t <= length else T)
        ),
        "behind the first word the row is mirrored, the words come back in their old order": (
            read(lambda length, t: abs(length - 1 - t))
        ),
        "the zeros stand in front of the words, and the words in their old order": in_front,
        "the ids are sorted by their numbers; a review is turned around in its own order": (
            table.sort(dim=1, descending=True).values
        ),
        "the ids are sorted by their numbers, smallest first": table.sort(dim=1).values,
        "of long rows only 256 places are turned; a row may have 300 places": padded(early),
        "of long rows only 128 places are turned; a row may have 300 places": padded(cut),
        "the words are right, but the places of the padding are to hold 0": (
            padded([row[::-1] for row in rows]).where(table.cpu() != 0, _cpu_like(got, table))
        ),
    }


def _cpu_like(got, table: torch.Tensor) -> torch.Tensor:
    """The result, if it has the shape of the table, else the table."""
    fits = isinstance(got, torch.Tensor) and got.shape == table.shape
    return (got.detach() if fits else table).cpu()


@exercise("3.3", "SimpleRNN")
def check_simple_rnn(cls) -> None:
    """3.3: the general questions; both ends are read; dropout."""
    model = probing.build(cls, **probing.SMALL)
    probing.ask_all(model)
    demand(probing.order_counts(model), probing.NO_ORDER)
    _check_both_ends(model)
    probing.ask_dropout(cls)


def _check_both_ends(model) -> None:
    """Two readers that forget everything know only the word they end at."""
    probing.shake(model)
    if not probing.forget(model):
        return  # it has no LSTM of PyTorch, so its memory cannot be taken
    reached = probing.words_that_count(model, shake=probing.shake_and_forget)
    first, middle, last = reached[0], any(reached[1:-1]), reached[-1]
    without = "when the readers cannot remember, an answer rests on the words they end at: "
    demand(last, f"{without}the last word is not one of them. Where does the forward reader end?")
    demand(
        first,
        f"{without}only the end of the review counts. Does the second reader really "
        "start from the end of the review, and is its vector the one of the first "
        "word?",
    )
    demand(
        not middle,
        f"{without}words in the middle count as well, so these are not the two last vectors.",
    )
    demand(
        not _is_sum_of_ends(model),
        "two linear layers with nothing in between are one linear layer; what stood between them?",
    )


def _is_sum_of_ends(model) -> bool:
    """Without memory and without a bend, an answer is one part from each end, added up."""
    for _ in range(probing.DRAWS):
        probing.shake_and_forget(model)
        a, b, c, d = probing.some_words(4)
        first, second, third, fourth = probing.logits(model, [[a, b], [c, d], [a, d], [c, b]])
        if (first + second - third - fourth).abs() > 1e-4:
            return False
    return True
