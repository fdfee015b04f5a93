"""Checks of lesson 03: last vectors, reversed reviews, an RNN from both ends; three diagnoses."""

import copy
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from practicum_utils.checks import anatomy, probing
from practicum_utils.checks.demands import (
    call,
    compare,
    demand,
    demand_gradient,
    explained,
    overlook,
    same,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
from practicum_utils.data import Vocabulary
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
    up_to = torch.cat([table[:, :longest].flip(1), table[:, longest:]], 1)
    of_rows = {
        "the last real token was left where it is, off by one": (
            [[*row[:-1][::-1], row[-1]] for row in rows]
        ),
        "the first word is lost, off by one": [row[::-1][:-1] for row in rows],
        "the last word is lost, off by one": [row[:-1][::-1] for row in rows],
        "the zeros stand in front of the words, and the words in their old order": (
            [[0] * (T - len(row)) + row for row in rows]
        ),
        "of long rows only 256 places are turned; a row may have 300 places": (
            [row[:256][::-1] + row[256:] for row in rows]
        ),
        "of long rows only 128 places are turned; a row may have 300 places": (
            [row[:128][::-1] + row[128:] for row in rows]
        ),
    }
    right = _padded([row[::-1] for row in rows], T)
    return {
        "nothing was reversed": table,
        "whole rows were reversed, so that the padding stands in front": table.flip(1),
        "every row was reversed up to where the longest one ends": up_to,
        "the order of the rows was reversed instead of the words in them": table.flip(0),
        "the ids are sorted by their numbers; a review is turned around in its own order": (
            table.sort(dim=1, descending=True).values
        ),
        "the ids are sorted by their numbers, smallest first": table.sort(dim=1).values,
        **{sentence: _padded(changed, T) for sentence, changed in of_rows.items()},
        **_wrong_places_read(rows, T),
        "the words are right, but the places of the padding are to hold 0": (
            right.where(right != 0, _cpu_like(got, table))
        ),
    }


def _padded(rows: list[list[int]], width: int) -> torch.Tensor:
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


def _wrong_places_read(rows: list[list[int]], width: int) -> dict[str, torch.Tensor]:
    """What comes of it if each new place t of a row reads a wrong old place."""
    wide = _padded(rows, width + 1)

    def read(place: Callable[[int, int], int]) -> torch.Tensor:
        places = [[min(max(place(len(row), t), 0), width) for t in range(width)] for row in rows]
        return torch.tensor(
            [[row[i] for i in read] for row, read in zip(wide, places, strict=True)]
        )

    return {
        "on the places of the padding stands the first word again; they are to hold 0": (
            read(lambda length, t: length - 1 - t)
        ),
        "everything is one place too late; the place of the last word is length - 1": (
            read(lambda length, t: length - t if t <= length else width)
        ),
        "behind the first word the row is mirrored, the words come back in their old order": (
            read(lambda length, t: abs(length - 1 - t))
        ),
    }


def _cpu_like(got, table: torch.Tensor) -> torch.Tensor:
    """The result, if it has the shape of the table, else the table."""
    fits = isinstance(got, torch.Tensor) and got.shape == table.shape
    return (got.detach() if fits else table).cpu()


SIZES = probing.SMALL
OTHER_SIZES = {"embedding_size": 12, "hidden_size": 7}
WIDE = {"embedding_size": 32, "hidden_size": 32}


@exercise("3.3", "SimpleRNN", planted=("linear-input-size",))
def check_simple_rnn(cls) -> None:
    """3.3: the general questions; both ends are read; sizes; a relu and dropout at the end."""
    made = _mending(cls)
    model = probing.build(made, **SIZES)
    probing.ask_all(model)
    demand(probing.order_counts(model), probing.NO_ORDER)
    _check_both_ends(model)
    anatomy.ask_two_readers(model)
    anatomy.ask_sizes(made, SIZES, OTHER_SIZES)
    anatomy.ask_relu(model)
    anatomy.ask_gradients(model)
    anatomy.ask_long(model)
    anatomy.ask_dropout(made, WIDE, readers="the readers")


def _mending(cls) -> Callable:
    """Make models of the class, with the planted layer of half the inputs mended where it may be.

    It is that bug if the first layer that breaks is a linear one made for H numbers, and 2H come.
    """

    def make(*words, **sizes):
        model = cls(*words, **sizes)
        size = sizes["hidden_size"]
        narrow = _too_narrow(model, size) if isinstance(model, nn.Module) else None
        if narrow is None or not overlook("linear-input-size"):
            return model
        wide = nn.Linear(2 * size, narrow.out_features, bias=narrow.bias is not None)
        for part in list(model.modules()):
            for name, child in list(part.named_children()):
                if child is narrow:
                    setattr(part, name, wide)
        return model

    return make


def _too_narrow(model, size: int) -> nn.Linear | None:
    """The linear layer at which a forward pass breaks, if it takes H numbers and 2H come."""
    last: list[tuple] = []
    hooks = [
        part.register_forward_pre_hook(lambda part, given: last.append((part, given[0].shape[-1])))
        for part in model.modules()
        if isinstance(part, nn.Linear)
    ]
    try:
        with torch.no_grad():
            model(*probing.table(model, [[4, 5, 6], [7, 8]]))
    except RuntimeError:
        part, came = last[-1] if last else (None, 0)
        return part if part and (part.in_features, came) == (size, 2 * size) else None
    except Exception:  # another mistake, which the questions will meet
        return None
    finally:
        for hook in hooks:
            hook.remove()
    return None


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


@diagnosis(
    "3.D1",
    bug="linear-input-size",
    right="C",
    causes={
        "A": (
            "a batch of the wrong size",
            "another pair of numbers in the middle of the message for a batch of another size",
        ),
        "B": (
            "a reader that gives too many numbers",
            "last vectors of one reader that are already wider than the `H` = 64 we asked for",
        ),
        "C": (
            "a linear layer made for fewer numbers than arrive",
            "an `in_features` of that layer that is not what `torch.cat` makes of the two readers",
        ),
    },
)
def observe_shapes(model, token_ids, lengths) -> Seen:
    """What arrives at the linear layer that breaks, else the first; for two sizes of a batch."""
    layer, arrived, error = _linear_reached(model, token_ids, lengths)
    _, alone, _ = _linear_reached(model, token_ids[:2], lengths[:2])
    readers = [part for part in model.modules() if isinstance(part, torch.nn.LSTM)]
    wide = " and ".join(str(reader.hidden_size) for reader in readers)
    made_for = layer.in_features if layer else 0
    fits = arrived == made_for
    seen = {
        "A": (
            f"Yours: {arrived} numbers for each review with {len(lengths)} reviews, and {alone} "
            "with 2.",
            arrived != alone,
        ),
        "B": (f"Your readers give {wide} numbers.", any(one.hidden_size > 64 for one in readers)),
        "C": (
            f"In yours {arrived} numbers arrive, and the layer was made for {made_for}.",
            not fits,
        ),
    }
    if fits and error:
        seen["C"] = ("In yours the linear layers fit.", False)
        seen[""] = (f"Your model stops at another place: {explained(error)}", True)
    return seen


def _linear_reached(model, token_ids: torch.Tensor, lengths: torch.Tensor) -> tuple:
    """The linear layer that breaks, else the first; how many numbers arrive there; what it raised.

    The layer at which a pass breaks is the last that is reached.
    """
    met, raised = [], None
    layers = [part for part in model.modules() if isinstance(part, torch.nn.Linear)]
    hooks = [
        layer.register_forward_pre_hook(
            lambda layer, given: met.append((layer, given[0].shape[-1]))
        )
        for layer in layers
    ]
    try:
        with torch.no_grad():
            model(token_ids, lengths)
    except RuntimeError as error:  # the very thing that is looked into
        raised = error
    finally:
        for hook in hooks:
            hook.remove()
    return *(met or [(None, 0)])[-1 if raised else 0], raised


@diagnosis(
    "3.D2",
    bug="labels-one-two",
    right="B",
    causes={
        "A": (
            "a learning rate that is far too high",
            "a loss that jumps up and down, and stays above zero however wrong the model is",
        ),
        "B": (
            "labels that the loss was not made for",
            "something else than 0 and 1 among the labels of a batch",
        ),
        "C": (
            "a mistake in the loss function",
            "a loss below zero for one logit and a label of 1, computed on its own",
        ),
    },
)
def observe_loss(losses, loader) -> Seen:
    """The losses, the labels of a batch, and the loss function on a label that it is made for."""
    labels = next(iter(loader)).labels.unique().tolist()
    shown = " and ".join(f"{one:g}" for one in labels)
    by_hand = bce(torch.tensor(10.0), torch.tensor(1.0)).item()
    seen = {
        "A": (f"Yours went from {losses[0]:,.2f} to {losses[-1]:,.2f}.", False),
        "B": (f"The labels of your first batch are {shown}.", not set(labels) <= {0, 1}),
        "C": (f"For the logit 10 and the label 1 it gives {by_hand:.5f}.", by_hand < 0),
    }
    if not seen["B"][1] and _swaps(type(loader.dataset)):
        seen[""] = ("In your ReviewDataset 0 is positive; it is to be 0 for negative.", True)
    return seen


def _swaps(dataset: Callable) -> bool:
    """Does a dataset of this class give 0 for positive and 1 for negative?"""
    import datasets

    reviews = datasets.Dataset.from_dict({"text": ["good", "bad"], "label": [2, 1]})
    try:
        made = dataset(reviews, Vocabulary(["good", "bad"]), max_length=2)
        return [float(made[place][1]) for place in range(2)] == [0, 1]
    except Exception:  # a class of another kind, as one that holds a part of another dataset
        return False


@diagnosis(
    "3.D3",
    bug="missing-zero-grad",
    right="B",
    causes={
        "A": (
            "a learning rate that is far too low",
            "weights that have hardly moved after an epoch",
        ),
        "B": (
            "gradients of earlier batches that are still there",
            "a gradient of the same batch that grows when `run_epoch` sees it three times",
        ),
        "C": (
            "a model that cannot learn",
            "a loss that stays where it is even on 16 reviews, seen again and again by a loop of "
            "your own",
        ),
    },
)
def observe_learning(losses, run_epoch, model, loader) -> Seen:
    """How far steps move the weights, gradients of equal batches, sixteen reviews by heart."""
    batch = next(iter(loader))
    words, grow, beside = probing.look_at_gradients(run_epoch, copy.deepcopy(model), batch)
    moved = _moved_in_an_epoch(run_epoch, copy.deepcopy(model), [batch] * 10)
    first, last = _by_heart(copy.deepcopy(model), batch)
    not_at_all = " They do not move at all, whatever the rate is." if not moved else ""
    return {
        "A": (
            f"Ten steps at 5e-3 moved a weight of yours by {moved:.4f} on average.{not_at_all}",
            False,  # it is our rate, and a fair one
        ),
        "B": (words, grow),
        "C": (
            f"On 16 reviews and with a plain loop, your model's loss went from {first:.2f} to "
            f"{last:.2f} in 60 steps.",
            last > 0.6 * first,
        ),
        **({"": (beside, True)} if beside and last <= 0.6 * first else {}),
    }


def _moved_in_an_epoch(run_epoch, model, batches) -> float:
    before = torch.cat([part.detach().flatten() for part in list(model.parameters())[1:]])
    run_epoch(
        model,
        batches,
        torch.nn.BCEWithLogitsLoss(),
        torch.optim.Adam(model.parameters(), lr=5e-3),
    )
    after = torch.cat([part.detach().flatten() for part in list(model.parameters())[1:]])
    return (after - before).abs().mean().item()


def _by_heart(model, batch) -> tuple[float, float]:
    """The loss on sixteen reviews before and after sixty steps that each begin with no gradient."""
    device = next(model.parameters()).device
    token_ids, lengths, labels = (part[:16].to(device) for part in batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = bce(model(token_ids, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]
