"""Checks of lesson 05: self-attention, positions, heads, block, model, optimizer; a diagnosis."""

import inspect
import math
import time
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
    demand_pair,
    demand_returned,
    demand_same_gradients,
    demand_tensor,
    demand_weights,
    describe,
    same,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
from practicum_utils.models import TransformerClassifier
from practicum_utils.support.environment import pick_device

UNASKED = (
    "the weights came back although nobody asked for them: without return_weights=True the second "
    "of the two results is None."
)


@exercise("5.1", "self_attention")
def check_self_attention(self_attention) -> None:
    """5.1: against sums written out, with and without weights and mask."""
    device = pick_device()
    given = [torch.randn(2, 3, 5, 4, device=device, requires_grad=True) for _ in range(3)]
    keep = torch.tensor([[1, 1, 0, 1, 0], [1, 0, 1, 1, 1]], dtype=torch.bool, device=device)
    batch, row = keep.reshape(2, 1, 1, 5), keep[:1]
    for mask, asked in ((None, True), (None, False), (batch, True), (batch, False), (row, True)):
        _check_attended(self_attention, given, mask, asked)
    # One text alone, (T, D), as the lesson calls it by hand.
    flat = [torch.randn(4, 2, device=device, requires_grad=True) for _ in range(3)]
    _check_attended(self_attention, flat, None, True)


def _check_attended(self_attention, given: list, mask, asked: bool) -> None:
    """One call: the numbers, the gradients, and what was given stays as it was."""
    before = [one.detach().clone() for one in given]
    shape = tuple(given[0].shape)
    shown = "without a mask" if mask is None else f"with a mask {tuple(mask.shape)}"
    shown += " for (T, D)" if len(shape) == 2 else ""
    shown += ", with return_weights=True" if asked else ""
    masked = {} if mask is None else {"mask": mask.clone()}
    wished = {"return_weights": True} if asked else {}
    words = f"queries, keys and values {shape} {shown}"
    result = call(self_attention, *given, given=words, **masked, **wished)
    result = demand_pair(result, f"the result {shown}")
    _demand_kept(("queries", "keys", "values"), given, before)
    wanted, wrong = _weights_of(*given[:2], mask)
    if asked:
        compare(result[1], wanted.detach(), f"the weights {shown}", "(..., T, T)", wrong)
    values, mixed = given[2].detach(), (wanted @ given[2])
    mistakes = {sentence: weights @ values for sentence, weights in wrong.items()}
    mistakes["the weights were multiplied with the keys; the values are what is mixed"] = (
        wanted @ given[1]
    )
    compare(result[0], mixed.detach(), f"the output {shown}", "(..., T, D)", mistakes)
    demand(
        asked or result[1] is None,
        UNASKED,
    )
    demand_gradient(result[0], "the output")
    names = ("the queries", "the keys", "the values")
    demand_same_gradients(result[0], mixed, dict(zip(names, given, strict=True)))


def _demand_kept(names: tuple, given, before) -> None:
    """Refuse a change of what was given."""
    for name, now, then in zip(names, given, before, strict=True):
        demand(
            torch.equal(now, then),
            f"it changed the {name} it was given: `{name} += ...`, `/=` and functions whose names "
            f"end in _ write into the caller's tensor; make a new one (`{name} = {name} + ...`).",
        )


def _weights_of(queries, keys, mask) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The right weights, and those that each mistake makes."""
    T, D = queries.shape[-2:]
    dots = torch.einsum("...qd,...kd->...qk", queries, keys)
    keep = torch.ones(T, dtype=torch.bool, device=dots.device) if mask is None else mask

    def hidden(scores: torch.Tensor) -> torch.Tensor:
        return scores.masked_fill(~keep, -math.inf)

    scaled = dots / math.sqrt(D)
    wrong = {
        "the scores are not divided by the root of D": hidden(dots).softmax(-1),
        "the scores are divided by D, not by its root": hidden(dots / D).softmax(-1),
        "the scores are divided by the root of T; D is the size of a query": (
            hidden(dots / math.sqrt(T)).softmax(-1)
        ),
        "the scores are divided by the root of 2; D is the size of a query, here another": (
            hidden(dots / math.sqrt(2)).softmax(-1)
        ),
        "the softmax runs over the queries; each query shares itself out among the keys": (
            hidden(scaled).softmax(-2).nan_to_num()
        ),
        "the softmax runs over dimension 1; the keys are the last one, -1": (
            hidden(scaled).softmax(1).nan_to_num()
        ),
        "these are scores: the softmax is missing": hidden(scaled),
        "these are scores: the root of D and the softmax are missing": hidden(dots),
        "the softmax was taken twice": hidden(hidden(scaled).softmax(-1)).softmax(-1),
        "each word sees only the words before it, as in a model that writes; here it sees all": (
            hidden(scaled.masked_fill(torch.ones_like(scaled).triu(1) > 0, -math.inf)).softmax(-1)
        ),
        "queries and keys have changed places": hidden(scaled.transpose(-2, -1)).softmax(-1),
    }
    if mask is not None:
        wrong |= _wrong_masks(scaled, keep)
    wrong = {sentence: weights.detach() for sentence, weights in wrong.items()}
    return hidden(scaled).softmax(-1), wrong


def _wrong_masks(scaled: torch.Tensor, keep: torch.Tensor) -> dict[str, torch.Tensor]:
    of_queries = keep.transpose(-2, -1)
    return {
        "the mask was not used: keys that are padding have weights": scaled.softmax(-1),
        "the mask is turned around: it is True on real keys": (
            scaled.masked_fill(keep, -math.inf).softmax(-1).nan_to_num()
        ),
        "the mask was added to the scores, and True counts as 1": (scaled + keep).softmax(-1),
        "the mask came after the softmax, so the rows no longer sum to 1": (
            scaled.softmax(-1) * keep
        ),
        "the scores of padding became 0, and the exponential of 0 is 1": (scaled * keep).softmax(
            -1
        ),
        "the mask hides queries (the last dimension but one) instead of keys (the last)": (
            scaled.masked_fill(~of_queries, -math.inf).softmax(-1).nan_to_num()
        ),
        "the mask hides queries (the last dimension but one); it is for keys (the last)": (
            scaled.masked_fill(~of_queries, -1e9).softmax(-1)
        ),
    }


@exercise("5.2", "positional_encoding")
def check_positional_encoding(positional_encoding) -> None:
    """5.2: against sines and cosines one by one; quickly, and for any length."""
    for length, size in ((7, 6), (50, 16), (600, 4)):
        started = time.process_time()
        got = call(positional_encoding, length, size)
        took = time.process_time() - started
        demand(
            took < max(0.25, length * size * 2e-4),
            f"a table of {length} times {size} numbers took {took:.1f} s, and the lesson needs "
            "larger ones in each step; does a loop do the same work again and again?",
        )
        wanted = _waves(length, size)
        compare(got, wanted, "the table", "(length, size)", _wrong_waves(wanted, length, size))
        kind = str(got.dtype).removeprefix("torch.")
        demand(
            got.dtype == torch.float32,
            f"the numbers are {kind}; added to the words' vectors, which are float32, they would "
            "turn everything after them into the other kind. Give back float32.",
        )


def _wrong_waves(wanted: torch.Tensor, length: int, size: int) -> dict[str, torch.Tensor]:
    """The tables that each mistake makes."""
    halves = torch.cat([wanted[:, 0::2], wanted[:, 1::2]], 1)
    swapped = wanted.reshape(length, -1, 2).flip(2).flatten(1)
    return {
        "all sines come first and then all cosines; they take turns": halves,
        "sines and cosines have changed places": swapped,
        "the table is lying on its side": wanted.T,
        "the first position is 0, not 1": _waves(length + 1, size)[1:],
        "the exponent is twice what it should be; column 2k has 2k in it": (
            _waves(length, size, stretch=2)
        ),
        "the exponent is half of what it should be; column 2k has 2k in it": (
            _waves(length, size, stretch=0.5)
        ),
        "the base of the rates is not 10000 but 1000": _waves(length, size, base=1000),
        "every column has an exponent of its own; a sine and its cosine share one": (
            _waves(length, size, pairs=False)
        ),
        "the angles are multiplied by the rate instead of divided": (
            _waves(length, size, stretch=-1)
        ),
        "only sines": _waves(length, size, only="sin"),
        "one dimension of size 1 too many": wanted.unsqueeze(0),
        "the table ends early; any length may be asked for": wanted[:256],
        "the size of the vectors is fixed to 64 in the exponent": _waves(length, size, of=64),
    }


def _waves(length, size, base=10_000, stretch=1.0, pairs=True, only="", of=0) -> torch.Tensor:
    def wave(t: int, column: int) -> float:
        even = column - column % 2 if pairs else column
        angle = t / base ** (stretch * even / (of or size))
        return math.cos(angle) if column % 2 and not only else math.sin(angle)

    return torch.tensor([[wave(t, column) for column in range(size)] for t in range(length)])


E, HEADS = 12, 3
D = E // HEADS
B, T = 2, 5


@exercise("5.3", "MultiHeadAttention")
def check_multi_head(cls) -> None:
    """5.3: the split, then the whole against sums written out with the same weights."""
    layer = _made(cls, E, HEADS)
    x, mask = _inputs()
    with torch.no_grad():
        _check_split(layer, x)
        _check_kept(layer, x, mask)
        for wished in ({}, {"return_weights": True}):
            pair = demand_pair(call(layer, x, mask, **wished), "the result")
            demand_tensor(pair[0], (B, T, E), "the output", "(B, T, E)")
        demand_weights(pair[1], (B, HEADS, T, T), "the weights", "(B, heads, T, T)")
        _check_weights(pair[1], mask)
        quiet, unasked = call(layer, x, mask)
        demand(same(quiet, pair[0]), "the output is another one when the weights are asked for.")
        if _has_both(layer):
            _check_against_sums(layer, x, mask, pair)
        demand(unasked is None, UNASKED)
    _check_all_learn(layer, call(layer, x, mask)[0])


# The lesson's name of a layer: its name in earlier notebooks, which is read as well.
EARLIER = {
    "qkv": "queries_keys_values",
    "feed_forward": "network",
    "feed_forward_norm": "network_norm",
}


def _made(cls, *sizes) -> nn.Module:
    layer = call(cls, *sizes)
    demand(isinstance(layer, nn.Module), f"an nn.Module was wanted; it is {describe(layer)}.")
    for name, earlier in EARLIER.items():
        if not hasattr(layer, name) and isinstance(getattr(layer, earlier, None), nn.Module):
            setattr(layer, name, getattr(layer, earlier))
    return layer.to(pick_device()).eval()


def _inputs() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    return torch.randn(B, T, E).to(pick_device()), mask.to(pick_device())


def _check_kept(layer, x: torch.Tensor, mask: torch.Tensor) -> None:
    """The caller's x and mask stay as they were."""
    given = (x.clone(), mask.clone())
    call(layer, *given)
    _demand_kept(("x", "mask"), given, (x, mask))


def _check_split(layer, x: torch.Tensor) -> None:
    wanted = torch.stack([x[:, :, D * h : D * h + D] for h in range(HEADS)], dim=1)
    wrong = {
        "`split` only renames the shape, so that words and heads get mixed up; the dimensions "
        "have to change places": x.reshape(B, HEADS, T, D),
        "`split` leaves the heads behind the words": x.reshape(B, T, HEADS, D),
        "`split` gives each head every third number instead of a piece in one run": (
            x.reshape(B, T, D, HEADS).permute(0, 3, 1, 2)
        ),
    }
    compare(call(layer.split, x), wanted, "what `split` returns", "(B, heads, T, D)", wrong)


def _check_weights(weights: torch.Tensor, mask: torch.Tensor) -> None:
    demand(
        bool(torch.isfinite(weights).all()),
        "some queries find all keys hidden, and their weights are nan: is the mask turned around, "
        "or does it hide queries (the last dimension but one) instead of keys (the last)?",
    )
    hidden = weights.masked_fill(mask[:, None, None], 0)  # what is given to padding
    sums = weights.sum(dim=-1)
    given = hidden[~mask.all(dim=1)].sum(dim=-1)  # by each query of a row that has padding
    demand(bool((given < 0.999).all()), "the mask is turned around: only the padding is looked at.")
    demand(
        bool((hidden == 0).all()), f"keys that are padding have weights, up to {hidden.max():.3f}."
    )
    demand(
        same(sums, torch.ones_like(sums)),
        f"the weights of each query must sum to 1; they sum to {sums.min():.3f} and more.",
    )


def _has_both(layer) -> bool:
    wide, output = getattr(layer, "qkv", None), getattr(layer, "output", None)
    return isinstance(wide, nn.Linear) and isinstance(output, nn.Linear)


def _check_against_sums(layer, x, mask, pair) -> None:
    parts = layer.qkv(x).chunk(3, dim=2)
    heads = [[part[:, :, D * h : D * h + D] for part in parts] for h in range(HEADS)]
    weights = torch.stack([_weights(q, k, mask) for q, k, _ in heads], dim=1)
    wrong = {
        "the scores are not divided by the root of D": _stacked(heads, mask, 1),
        "the scores are divided by the root of E; a head's queries have D numbers": (
            _stacked(heads, mask, math.sqrt(E))
        ),
        "queries and keys have changed places": (
            torch.stack([_weights(k, q, mask) for q, k, _ in heads], dim=1)
        ),
        "keys and values have changed places": (
            torch.stack([_weights(q, v, mask) for q, _, v in heads], dim=1)
        ),
    }
    compare(pair[1], weights, "the table of weights", "(B, heads, T, T)", wrong)
    mixed = torch.stack([weights[:, h] @ heads[h][2] for h in range(HEADS)], dim=1)
    side_by_side = mixed.transpose(1, 2).reshape(B, T, E)
    wrong = {
        "on the way back the heads were not put side by side again before the shape was changed": (
            layer.output(mixed.reshape(B, T, E))
        ),
        "the last linear layer is missing": side_by_side,
        "the input was added; that is the block's work": x + layer.output(side_by_side),
    }
    compare(pair[0], layer.output(side_by_side), "the output", "(B, T, E)", wrong)


def _weights(queries, keys, mask, divisor: float = math.sqrt(D)) -> torch.Tensor:
    scores = torch.einsum("bqd,bkd->bqk", queries, keys) / divisor
    return scores.masked_fill(~mask.unsqueeze(1), -math.inf).softmax(-1)


def _stacked(heads, mask, divisor: float) -> torch.Tensor:
    return torch.stack([_weights(q, k, mask, divisor) for q, k, _ in heads], dim=1)


def _check_all_learn(layer: nn.Module, output: torch.Tensor) -> None:
    demand_gradient(output, "the output")
    output.square().sum().backward()
    idle = [name for name, weight in layer.named_parameters() if weight.grad is None]
    demand(not idle, f"no gradient reaches {', '.join(idle[:3])}, so it never takes part.")


PARTS = ("attention", "attention_norm", "feed_forward", "feed_forward_norm")


@exercise("5.4", "TransformerBlock")
def check_block(cls) -> None:
    """5.4: against the sum of its own parts, then each place of the dropout."""
    block = _made(cls, E, HEADS, 2 * E, 0.5)
    x, mask = _inputs()
    with torch.no_grad():
        _check_kept(block, x, mask)
        result, weights = demand_pair(call(block, x, mask, return_weights=True), "the result")
        demand_tensor(result, (B, T, E), "the output", "(B, T, E)")
        demand_weights(weights, (B, HEADS, T, T), "the weights", "(B, heads, T, T)")
        demand_pair(call(block, x, mask), "the result without return_weights")
        if all(isinstance(getattr(block, part, None), nn.Module) for part in PARTS):
            _check_sum_of_parts(block, x, mask)
            _check_dropout(block, x, mask)
    _check_all_learn(block.eval(), call(block, x, mask)[0])
    if all(isinstance(getattr(block, part, None), nn.Module) for part in PARTS):
        _check_gradient(block, x, mask)


def _check_sum_of_parts(block, x, mask) -> None:
    for norm in (block.attention_norm, block.feed_forward_norm):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    result, weights = call(block, x, mask, return_weights=True)
    _, wanted_weights = block.attention(block.attention_norm(x), mask, True)
    wanted, wrong = _outputs_of(block, x, mask)
    compare(result, wanted, "the output", "(B, T, E)", wrong)
    demand(same(weights, wanted_weights), "the weights are not those of the attention.")


def _outputs_of(block, x, mask) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The right output, and those that each mistake makes."""
    first, second, network = block.attention_norm, block.feed_forward_norm, block.feed_forward

    def attend(inputs, keep=mask):
        return block.attention(inputs, keep)[0]

    inner, raw = attend(first(x)), x + attend(x)
    between, after = x + inner, first(raw)
    outer = network(second(between))
    unmasked = x + attend(first(x), torch.ones_like(mask))
    return between + outer, {
        "the normalisation stands after the sum; here it stands before each layer": (
            second(after + network(after))
        ),
        "nothing is normalised": raw + network(raw),
        "the attention reads an input that is not normalised": raw + network(second(raw)),
        "the network reads an input that is not normalised": between + network(between),
        "the input is not added to the attention": inner + network(second(inner)),
        "the sum is not passed on: the last line returns the network's output alone": outer,
        "nothing is added: both residual connections are missing": network(second(inner)),
        "the second sum starts from the input again, so the attention is lost": x + outer,
        "the network reads the input of the block instead of the first sum": (
            between + network(second(x))
        ),
        "the network is missing": between,
        "the attention is missing": x + network(second(x)),
        "the mask does not reach the attention": unmasked + network(second(unmasked)),
        "the input is added twice": x + between + network(second(x + between)),
        **_with_other_norms(block, x, attend),
    }


def _with_other_norms(block, x, attend: Callable) -> dict[str, torch.Tensor]:
    """What comes out when the layers are right and the normalisations, or their order, are not."""
    first, second, network = block.attention_norm, block.feed_forward_norm, block.feed_forward
    between, other, worked = x + attend(first(x)), x + attend(second(x)), x + network(second(x))
    normed, behind = first(x) + attend(first(x)), x + first(attend(x))
    twice = second(normed)
    return {
        "normalised inputs are passed on; only the layers read them": twice + network(twice),
        "the normalised input is passed on; only the layers read it": normed + network(twice),
        "the two normalisations have changed places": other + network(first(other)),
        "one normalisation serves both layers; each has its own": between + network(first(between)),
        "one normalisation, the second, serves both layers; each has its own": (
            other + network(second(other))
        ),
        "the network comes first and the attention after it; it is the other way around": (
            worked + attend(first(worked))
        ),
        "the result of the attention is normalised, not its input": (
            behind + second(network(behind))
        ),
    }


def _check_gradient(block, x, mask) -> None:
    """What is learned reaches the input through both sums."""
    x = x.clone().requires_grad_()
    between = x + block.attention(block.attention_norm(x), mask)[0]
    wanted = between + block.feed_forward(block.feed_forward_norm(between))
    demand_same_gradients(call(block, x.clone(), mask)[0], wanted, {"x": x})


def _check_dropout(block, x, mask) -> None:
    """With one branch silenced, half of the numbers of the other must vanish in training mode."""
    branches = {"attention": block.attention, "network": block.feed_forward}
    for name, branch in branches.items():
        other = branches["network" if name == "attention" else "attention"]
        saved = [weight.clone() for weight in other.parameters()]
        for weight in other.parameters():
            weight.zero_()
        still = (call(block.eval(), x, mask)[0] - x).abs() > 1e-6
        block.train()
        for module in branch.modules():  # what lies inside the branch is not in question
            module.train(False)
        dropped = ((call(block, x, mask)[0] - x).abs() < 1e-7) & still
        passed = (call(block, x, mask)[0].abs() < 1e-7).float().mean()
        for weight, value in zip(other.parameters(), saved, strict=True):
            weight.copy_(value)
        demand(passed < 0.05, "dropout blanks the sum; only what is added may be blanked.")
        demand(bool(dropped.any()), f"in training mode nothing of the {name} is dropped.")


@exercise("5.5", "TransformerClassifier")
def check_transformer(cls) -> None:
    """5.5: the general questions; maps; positions; the mean; sizes; the last layers; dropout."""
    sizes = {"embedding_size": 8, _heads_of(cls): 2, "inner_size": 12}
    model = probing.build(cls, **sizes, layers=1)
    probing.ask_all(model)
    anatomy.ask_sizes(cls, sizes, {"embedding_size": 12, "inner_size": 20})
    deep = probing.build(cls, **sizes, layers=3)
    counts = [sum(weight.numel() for weight in one.parameters()) for one in (model, deep)]
    demand(
        counts[0] < counts[1],
        f"3 layers have as many weights as one ({counts[0]}): PyTorch does not know them (a "
        "plain list?), or they are one and the same.",
    )
    probing.ask_every_weight(deep)
    _check_maps(deep, layers=3, heads=2)
    demand(probing.order_counts(model), probing.NO_ORDER)
    _check_positions_come_first(model)
    _check_size_of_positions(model)
    blind = probing.build(cls, **sizes, positions=False)
    _check_blind(blind)
    _check_order_of_maps(probing.build(cls, **sizes, layers=3, positions=False))
    _check_norm(model)
    anatomy.ask_relu(model)
    anatomy.ask_gradients(probing.build(cls, **sizes, layers=2))
    anatomy.ask_long(model)
    _check_far_positions(model)
    _check_dropouts(cls, {**sizes, "embedding_size": 32})


def _check_blind(blind) -> None:
    """Without positions the order is unknown, and the answer is that of a mean."""
    demand(
        not probing.order_counts(blind),
        "with positions=False the order of the words still counts: are positions added all the "
        "same, or does the answer rest on one place?",
    )
    words = probing.some_words(5)
    once, twice = (probing.logits(blind, [words * times])[0] for times in (1, 2))
    demand(
        same(once, twice),
        "without positions, a review written twice must have the mean of the "
        f"one written once; the score went from {once:.3f} to {twice:.3f}.",
    )
    _check_mean(blind)


def _check_mean(blind) -> None:
    """One word among five hundred equal ones hardly moves a mean; it moves a maximum."""
    moved = alone = 0.0
    for _ in range(4):
        probing.shake(blind, 0.3)
        word, *others = probing.some_words(9)
        rows = [[word], *([other] for other in others)]
        crowd = [[word] * 499 + [other] for other in others]
        single, among = probing.logits(blind, rows), probing.logits(blind, crowd)
        moved += (among - single[0]).abs().mean().item()
        alone += (single[1:] - single[0]).abs().mean().item()
    demand(
        moved < 0.05 * alone,
        "one word among 500 changes the answer far more than in a mean: is that the "
        "maximum, or another pooling than the mean over the words?",
    )


def _maps(model, rows: list) -> torch.Tensor:
    """The maps (B, layers, heads, T, T) of reviews of equal lengths."""
    with torch.no_grad():
        _, maps = call(model, *probing.table(model, rows), return_weights=True)
    return maps.double()


def _check_positions_come_first(model) -> None:
    """The blocks see where a word stands: in another order, words look at others than before."""
    most = 0.0
    for _ in range(probing.DRAWS):
        probing.shake(model)
        words = probing.some_words(6)
        there, back = _maps(model, [words, words[::-1]])
        most = max(most, (there - back.flip(-1, -2)).abs().max().item())
    demand(
        most > 1e-5,
        "the maps are the same in whatever order the words stand: the blocks do not see the "
        "positions. They are added to the words' vectors before the first block.",
    )


def _check_size_of_positions(model) -> None:
    """With words that say nothing, the first normalisation is given the positions alone."""
    probing.shake(model)
    with torch.no_grad(), anatomy.Recorder("layer_norm") as recorder:
        for words in anatomy.word_tables(model):
            words.zero_()
        call(model, *probing.table(model, probing.rows_of((7,))))
    given = recorder.seen[0][0][0] if recorder.seen else torch.zeros(0)
    waves = _waves(7, given.shape[-1]).to(given.device)
    if given.shape != (1, 7, given.shape[-1]):
        return
    factor = ((given[0] * waves).sum() / waves.square().sum()).item()
    if not same(given[0], factor * waves, 1e-3):
        return  # positions of another kind, which may be of any size
    demand(
        abs(factor - 0.1) < 1e-3,
        f"the positions are added {factor:.3g} times; they are to be as small as the words' "
        "vectors, 0.1 times.",
    )


def _check_order_of_maps(deep) -> None:
    """Map by map: rows are the words that look, the first block's come first, heads differ."""
    changed = torch.zeros(3)
    for _ in range(probing.DRAWS):
        probing.shake(deep, 0.4)
        a, b, c, other = probing.some_words(4)
        one, another, doubled = _maps(deep, [[a, b, c, b], [a, b, c, other], [a, a, b, c]])
        looks = (one.log() - another.log())[:, :, :3, :3]
        looks = looks - looks.mean(-1, keepdim=True)  # what is left if shares stay in proportion
        changed = torch.maximum(changed, looks.abs().amax((1, 2, 3)).cpu().float())
        rows = (doubled[:, :, 0] - doubled[:, :, 1]).abs().max()
        columns = (doubled[..., 0] - doubled[..., 1]).abs().max()
        demand(
            max(rows, columns) < 1e-4,
            "two equal words at places 1 and 2 have different rows or columns in the maps: are "
            "the maps turned around? Row t is where word t looks.",
        )
    demand(
        changed[0] < 1e-2 * changed[1:].min(),
        "the maps are not in the order of the blocks: what the first block looks at depends on "
        "single words only, and the first of the maps does not.",
    )
    twins = (one[:, 0] - one[:, 1]).abs().amax((1, 2))
    demand(bool((twins > 1e-6).all()), "both heads of a block have the same map.")


def _check_norm(model) -> None:
    """The last normalisation works on each word, before the mean."""
    probing.shake(model)
    words = probing.some_words(7)
    size = 8
    with torch.no_grad(), anatomy.Recorder("layer_norm") as recorder:
        call(model, *probing.table(model, [words]))
    shapes = [args[0].numel() for args, _, _ in recorder.seen]
    demand(
        size not in shapes,
        "the mean is normalised; the normalisation belongs before it, where each word still has a "
        "vector of its own.",
    )
    widths = {args[0].shape[-1] for args, _, _ in recorder.seen}
    demand(
        widths <= {size},
        f"a normalisation has {max(widths, default=0)} numbers of a word, and the embedding size "
        f"is {size}: the pairs' vectors stay out of it, and are joined behind it.",
    )
    demand(
        len(shapes) != 2,
        "nothing is normalised after the block; `norm` stands between the blocks and the mean.",
    )


def _check_far_positions(model) -> None:
    """Beyond any length of the lessons, places still differ: equal words are looked at by place."""
    least, places = 0.0, (0, 0)
    for _ in range(3):
        probing.shake(model)
        looked_at = _maps(model, [probing.some_words(1) * anatomy.LONG])[0, 0].log()
        columns = looked_at[:, ::64].flatten(0, 1).T.contiguous()  # (places, queries)
        apart = torch.cdist(columns, columns, p=torch.inf)
        apart += torch.diag(torch.full((anatomy.LONG,), torch.inf, device=apart.device))
        if apart.min() > least:
            least, places = apart.min().item(), divmod(int(apart.argmin()), anatomy.LONG)
    demand(
        least > 1e-4,  # less is rounding
        f"the model takes places {places[0] + 1} and {places[1] + 1} of a review for the same: "
        "does its table of positions end early, or begin again?",
    )


def _check_dropouts(cls, sizes: dict) -> None:
    """The dropout that is given, at both places, and that of the blocks, which is 0.1."""
    anatomy.ask_dropout(cls, sizes, readers="the first block", inside=True)
    plain = probing.build(cls, **sizes, dropout=0.0).train()
    demand(
        probing.is_random(plain),
        "with dropout=0 nothing is dropped in training mode; the blocks have a dropout of 0.1 of "
        "their own, whatever the model's is.",
    )
    with torch.no_grad(), anatomy.Recorder("dropout") as recorder:
        call(plain, *probing.table(plain, probing.rows_of((6,))))
    rates = {named.get("p", 0.1) for _, named, _ in recorder.seen if named.get("training")}
    rates = {rate for rate in rates if rate and abs(rate - 0.1) > 1e-6}
    demand(not rates, f"the blocks drop {max(rates, default=0):.2f}; theirs is a dropout of 0.1.")


def _heads_of(cls) -> str:
    """What the class calls the number of heads: num_heads, or heads as in earlier notebooks."""
    earlier = callable(cls) and "heads" in inspect.signature(cls).parameters
    return "heads" if earlier else "num_heads"


def _check_maps(model, layers: int, heads: int) -> None:
    rows = probing.rows_of((6, 3, 1, 4))
    token_ids, lengths = probing.table(model, rows)
    probing.shake(model.eval())
    pair = call(model, token_ids, lengths, return_weights=True)
    logits, maps = demand_pair(pair, "the result with return_weights=True")
    demand_tensor(logits, (4,), "the logits, first of the two results,", "(B,)")
    wanted = (4, layers, heads, 6, 6)
    demand_weights(maps, wanted, "the maps", "(B, layers, heads, T, T)")
    probing.ask_shares(maps.detach(), lengths, "evaluation")
    demand(
        same(logits, probing.logits(model, rows)),
        "the logits are others when the maps are asked for.",
    )


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam for all weights of the model, at 3e-3: what exercise 5.6 asks for."""
    return torch.optim.Adam(model.parameters(), lr=3e-3)


PULL = 0.01  # the gradient of every weight, about what a weight of the lesson's models gets
# What one of ten such steps may move a weight by: Adam moves it by its learning rate, SGD by a
# hundredth of its own. With less than the least, the loss of the lesson's short run does not fall.
LEAST, MOST = 2.5e-4, 9e-2
OWN_WAY = 0.3  # the share of its learning rate by which an optimizer like Adam moves, at least


@exercise("5.6", "make_optimizer", planted=("tiny-learning-rate",))
def check_make_optimizer(make_optimizer) -> None:
    """5.6: it holds all weights of the model that it was given, and moves them by a fair amount."""
    for _ in range(2):  # a second model, for what is made for the first one only
        model = TransformerClassifier(40, 8, 2, inner_size=12, pair_size=2).to(pick_device())
        before = [weight.detach().clone() for weight in model.parameters()]
        optimizer = call(make_optimizer, model, given="a TransformerClassifier")
        demand_returned(optimizer, "the optimizer")
        demand(
            isinstance(optimizer, torch.optim.Optimizer),
            f"an optimizer of torch.optim was wanted, ready-made; it is {describe(optimizer)}.",
        )
        demand(
            all(map(torch.equal, before, model.parameters())),
            "it changed the weights of the model; that is the work of the optimizer's `step`.",
        )
        _check_held(model, optimizer)
        _check_steps(model, optimizer)


def _check_held(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    own = {id(weight): name for name, weight in model.named_parameters()}
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    demand(
        bool(held & own.keys()),
        "it holds the weights of another model, not of the one that it was given.",
    )
    left_out = [name for weight, name in own.items() if weight not in held]
    demand(
        not left_out,
        f"{len(left_out)} of the {len(own)} weights of the model are not in it, first of all "
        f"{left_out[0] if left_out else ''}, so they would never learn.",
    )
    demand(
        held <= own.keys(),
        "beside the model's weights it holds those of something else; give it the model's alone.",
    )


def _check_steps(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Ten steps against the same gradient, where every weight has to go down."""
    weights = list(model.parameters())
    before = [weight.detach().clone() for weight in weights]
    for _ in range(10):
        for weight in weights:
            weight.grad = torch.full_like(weight, PULL)
        call(optimizer.step, given="no closure, as in `run_epoch`")
    ways = [old - new.detach() for old, new in zip(before, weights, strict=True)]
    moved = [way.mean().item() / 10 for way in ways]
    rates = sorted({float(group["lr"]) for group in optimizer.param_groups})
    said = f"with a learning rate of {' and '.join(f'{rate:g}' for rate in rates)}"
    demand(rates[0] > 0, f"{said} nothing ever moves.")
    demand(min(moved) > -LEAST, f"{said} the weights go up where the loss does: `maximize`?")
    demand(
        max(moved) <= MOST,
        f"{said} each step moves a weight by about {max(moved):.2g}, more than the weight itself: "
        "far too large, the loss will jump about.",
    )
    demand(
        min(moved) >= LEAST or max(moved) < LEAST,
        f"{said} a step moves one weight by about {max(moved):.1g}, and another by "
        f"{min(moved):.1g}, hardly at all.",
    )
    demand(
        min(moved) >= LEAST or max(moved) > OWN_WAY * rates[0],
        f"{said} each step moves a weight by about {min(moved):.1g}, far too little: this "
        "optimizer moves it by the rate times its gradient, which is small here. Take Adam, whose "
        "steps are about as large as the rate.",
    )
    demand(
        min(moved) >= LEAST,
        f"{said} each step moves a weight by about {min(moved):.1g}, far too little: three epochs "
        "hardly leave the beginning.",
        bug="tiny-learning-rate",
    )


@diagnosis(
    "5.D1",
    bug="tiny-learning-rate",
    right="A",
    causes={
        "A": (
            "a learning rate that is far too low",
            "weights that have hardly moved after all the steps, and a loss that falls much faster "
            "with a hundred times the rate",
        ),
        "B": (
            "a sigmoid too many",
            "outputs that all lie between 0 and 1, and none below 0",
        ),
        "C": (
            "gradients of earlier batches that are still there",
            "a gradient of the same batch that grows when `run_epoch` sees it three times",
        ),
    },
)
def observe_steps(model, new_model, run_epoch, make_optimizer, loader) -> Seen:
    """How far the run moved the weights, what larger rates do, the outputs, some gradients."""
    batch = [part[:16] for part in next(iter(loader))]
    moved, size = _way(model, new_model())
    falls = [_loss_after(new_model(), make_optimizer, batch, times) for times in (0, 1, 10, 100)]
    low, high, squeezed = probing.look_at_outputs(model, batch)
    words, grow, beside = probing.look_at_gradients(run_epoch, new_model(), batch)
    return {
        "A": (
            f"In yours the run moved a weight by {moved:.5f} on average, and its size is "
            f"{size:.3f}. Sixteen reviews, twenty steps: their loss goes from {falls[0]:.3f} to "
            f"{falls[1]:.3f} with your rate, to {falls[2]:.3f} with ten times and to "
            f"{falls[3]:.3f} with a hundred times that rate.",
            moved < 0.3 * size and falls[0] - falls[1] < 0.2 * (falls[0] - min(falls)),
        ),
        "B": (f"Your outputs lie between {low:.3f} and {high:.3f}.", squeezed),
        "C": (words, grow),
        **({"": (beside, True)} if beside else {}),
    }


def _on_device(model: nn.Module, batch) -> list[torch.Tensor]:
    device = next(model.parameters()).device
    return [part.to(device) for part in batch]


def _way(model: nn.Module, start: nn.Module) -> tuple[float, float]:
    """How far the weights of the linear layers are from their start, and how large they were."""
    pairs = [
        (end.weight.detach(), begin.weight.detach())
        for end, begin in zip(model.modules(), start.modules(), strict=True)
        if isinstance(end, nn.Linear)
    ]
    moved = torch.cat([(end - begin).abs().flatten() for end, begin in pairs])
    return moved.mean().item(), torch.cat([w.abs().flatten() for _, w in pairs]).mean().item()


def _loss_after(model: nn.Module, make_optimizer, batch, times: float) -> float:
    """The loss on a batch after twenty steps at so many times the optimizer's learning rate."""
    token_ids, lengths, labels = _on_device(model, batch)
    optimizer = make_optimizer(model.eval())  # without dropout
    for group in optimizer.param_groups:
        group["lr"] = times * group["lr"]
    for _ in range(20 if times else 0):
        optimizer.zero_grad()
        bce(model(token_ids, lengths), labels).backward()
        optimizer.step()
    with torch.no_grad():
        return bce(model(token_ids, lengths), labels).item()
