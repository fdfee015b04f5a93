"""What stands where in a model, found by what it does: sizes, readers, the last layers, dropout.

Nothing is asked of names or source. A weight is known by what happens when it is doubled or taken
away, a reader by the gradient that reaches it, a dropout by the numbers that it blanks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from practicum_utils.checks.demands import CheckError, call, demand, remark, same
from practicum_utils.checks.probing import (
    VOCAB_SIZE,
    build,
    is_random,
    logits,
    rows_of,
    shake,
    some_words,
    table,
)

LONG = 512  # words: more than any review of the lessons has
LARGEST = 20_000  # numbers: what has more is a table of pairs, and no layer
FIRST_WEIGHTS = ("weight_ih", "weight_ih_l0", "weight_ih_l0_reverse")  # PyTorch's, one a reader
RATE = 0.9  # a dropout so high that what it blanks cannot be mistaken for a relu's zeros


class Recorder(TorchFunctionMode):
    """Keeps what PyTorch's functions of these names were given, and what they returned."""

    def __init__(self, *names: str):
        super().__init__()
        self.names, self.seen = names, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in self.names:
            self.seen.append((args, kwargs or {}, result))
        return result


# Sizes


def ask_sizes(cls: Callable, sizes: dict, others: dict) -> None:
    """Whether each size that the class is given is used: ``others`` holds another one for each."""
    base = build(cls, **sizes)
    for name, size in others.items():
        demand(
            _count(build(cls, **{**sizes, name: size})) != _count(base),
            f"with {name}={sizes[name]} and with {name}={size} it has equally many weights "
            f"({_count(base)}): is a size fixed in the code, or {name} not used?",
        )
    more = call(cls, VOCAB_SIZE + 7, **sizes)
    demand(
        _count(more) > _count(base),
        "a larger vocabulary gives no more weights: is its size fixed in the code?",
    )
    other = build(cls, **{**sizes, **others})
    pairs = zip(_widths(base), _widths(other), strict=False)
    fixed = [width for width, same_place in pairs if width == same_place and width > 1]
    demand(
        not fixed,
        f"a linear layer gives {(fixed or [0])[0]} numbers whatever the sizes are: is that number "
        "fixed in the code?",
    )
    logits(other, rows_of((7, 4, 1)))


def _count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def _widths(model: nn.Module) -> list[int]:
    return [part.out_features for part in model.modules() if isinstance(part, nn.Linear)]


# Long reviews


def ask_long(model: nn.Module) -> None:
    """Whether each word of a review far longer than the lessons' reaches the answer.

    The vector of one word is made nan, and whatever reads it becomes nan as well.
    """
    shake(model, 0.3)
    places = (0, LONG // 4, LONG // 2, LONG - 1)
    rows = [some_words(30) * (LONG // 30 + 1) for _ in places]
    rows = [[4 if word == VOCAB_SIZE - 1 else word for word in row[:LONG]] for row in rows]
    for row, place in zip(rows, places, strict=True):
        row[place] = VOCAB_SIZE - 1
    with torch.no_grad():
        for words in word_tables(model):
            words[VOCAB_SIZE - 1] = torch.nan
        token_ids, lengths = table(model, rows)
        try:
            got = call(model, token_ids, lengths, given=f"reviews of {LONG} words")
        except CheckError as error:
            raise CheckError(f"{error} Is the length of a review fixed in the code?") from error
    shake(model)
    if not got.isnan().any():
        return  # the words' vectors are kept in a form of its own
    silent = [place + 1 for place, answer in zip(places, got, strict=True) if not answer.isnan()]
    demand(
        not silent,
        f"of a review of {LONG} words, the word at place {(silent or [0])[0]} is never read: is a "
        "length fixed in the code, so that longer reviews are cut?",
    )


def word_tables(model: nn.Module) -> list[torch.Tensor]:
    """The weights with one row for each word of the vocabulary."""
    return [one for one in model.parameters() if one.dim() == 2 and len(one) == VOCAB_SIZE]


# The two readers


def ask_two_readers(model: nn.Module) -> None:
    """Two readers with weights of their own, whose vectors are joined and not added up."""
    readers = [part for part in model.modules() if isinstance(part, nn.RNNBase | nn.RNNCellBase)]
    firsts = {id(getattr(part, name, None)) for part in readers for name in FIRST_WEIGHTS}
    demand(
        len(firsts - {id(None)}) != 1,
        "one and the same LSTM reads from both ends; each way has a reader of its own, with "
        "weights of its own.",
    )
    shake(model)
    found = _gradients_of_readers(model)
    if len(found) != 2:
        return
    one, other = found
    turned = torch.cat([other[:-1].flip(0), other[-1:]])
    added = any(same(one, way, 1e-5 * one.abs().max().item()) for way in (other, turned))
    demand(
        not (added and one.any()),
        "the vectors of the two readers are added up; they have to stand side by side, so that "
        "the next layer can tell them apart (torch.cat).",
    )
    demand(
        not (one.any() and other.any() and _are_alternatives(one, other, turned)),
        "of the vectors of the two readers only the larger numbers are kept; they have to stand "
        "side by side, so that the next layer gets all of them (torch.cat).",
    )


def _are_alternatives(one: torch.Tensor, other: torch.Tensor, turned: torch.Tensor) -> bool:
    """Does each number reach the answer from one reader only, as from a maximum of both?"""
    if not (one.sum(0) * other.sum(0)).any():
        return True
    most_words = all(way[:-1].any(1).sum() > 2 for way in (one, other))
    return most_words and not ((one * other).any() and (one * turned).any())


def _gradients_of_readers(model: nn.Module) -> list[torch.Tensor]:
    """For one review, the gradients at what each reader returned, (T + 1, H), for each direction.

    The last row is that of the last state, which may be used in place of the states.
    """
    given: list[tuple] = []
    hooks = [
        part.register_forward_hook(lambda part, _, result: given.append((part, result)))
        for part in model.modules()
        if isinstance(part, nn.RNNBase)
    ]
    token_ids, lengths = table(model, rows_of((5,)))
    try:
        with whole_gradients():
            answer = call(model, token_ids, lengths).sum()
            return [one for part, result in given for one in _by_direction(answer, part, result)]
    finally:
        for hook in hooks:
            hook.remove()


def _by_direction(answer: torch.Tensor, part: nn.RNNBase, result: tuple) -> list[torch.Tensor]:
    states, last = result[0], result[1]
    states = states.data if isinstance(states, nn.utils.rnn.PackedSequence) else states
    last = last[0] if isinstance(last, tuple) else last
    grads = torch.autograd.grad(
        answer, (states, last), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    rows = grads[0].reshape(-1, states.shape[-1])
    ways = 2 if part.bidirectional else 1
    ends = grads[1].reshape(-1, ways, rows.shape[1] // ways)[-1]
    return [
        torch.cat([way, end.unsqueeze(0)])
        for way, end in zip(rows.chunk(ways, dim=1), ends, strict=True)
    ]


@contextmanager
def whole_gradients() -> Iterator[None]:
    """PyTorch's LSTM on a GPU has no gradients in evaluation mode; its slower form has them."""
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        yield


# Gradients


def ask_gradients(model: nn.Module) -> None:
    """Whether each gradient says how the answers change when its weights take a small step.

    A path that is cut in one place of several (detach) leaves gradients everywhere, wrong ones.
    """
    wrong: dict[str, list[float]] = {}
    names = {id(weight): name for name, weight in model.named_parameters()}
    for _ in range(10):
        shake(model, 0.5)
        for weight, promised, seen in _slopes(model):
            size = max(abs(promised), abs(seen))
            if size > 5e-3:  # else rounding is seen
                wrong.setdefault(names[id(weight)], []).append(abs(promised - seen) / size)
    # A relu may turn within a step, now and then; a path that is cut is so in every draw.
    usual = {name: sorted(errors)[len(errors) // 2] for name, errors in wrong.items()}
    cut = [name for name, error in usual.items() if error > 0.1 and len(wrong[name]) > 4]
    demand(
        not cut,
        f"the gradient of {', '.join(cut[:2])} is not how the answers change: along one way from "
        "there to the answers the path is cut (detach, no_grad, numbers taken out of PyTorch).",
    )


def _slopes(model: nn.Module, step: float = 1e-3) -> list[tuple]:
    """(weight, how the answers change in a random direction by its gradient, and by a step)."""
    weights = layers_of(model) + word_tables(model)
    given = table(model, rows_of((6, 4, 3)))
    shares = torch.tensor([1.0, -0.7, 0.4], device=given[0].device)
    with whole_gradients():
        answer = (model(*given) * shares).sum()
        grads = torch.autograd.grad(answer, weights, allow_unused=True, materialize_grads=True)
    slopes = []
    for weight, grad in zip(weights, grads, strict=True):
        way, answers = torch.randn_like(weight), []
        with torch.no_grad(), kept(weight):
            for move in (step, -2 * step):
                weight += move * way
                answers.append((model(*given) * shares).sum().item())
        slopes.append((weight, (grad * way).sum().item(), (answers[0] - answers[1]) / (2 * step)))
    return slopes


def layers_of(model: nn.Module) -> list[torch.Tensor]:
    """The weights that are no tables of words, pairs or places."""
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    tables |= set(map(id, word_tables(model)))
    weights = [one for one in model.parameters() if id(one) not in tables and one.numel()]
    return [one for one in weights if one.numel() <= LARGEST]


# The last layers


def ask_relu(model: nn.Module) -> None:
    """Whether a relu, and nothing else, stands between the last two linear layers."""
    linear, features = None, []
    for _ in range(3):
        shake(model)
        found = _linear_weights(model)
        linear = found if linear is None else linear & found
    last = [one for one in layers_of(model) if id(one) in linear and one.numel() > 1]
    demand(
        len(last) < 2,
        "two linear layers with nothing in between are one linear layer; what stood between them?",
    )
    if not last:
        return  # an end of another form
    for size in (0.7, 0.7, 8.0):
        shake(model, size)
        features.append(_features(model, last[0]))
    usual = torch.cat(features[:2])
    low, high = usual.min().item(), features[2].max().item()
    demand(
        low > -1e-4,
        f"what reaches the last linear layer goes down to {low:.2f}; after a relu nothing is below "
        "0. Another activation, or another layer in between?",
    )
    demand(
        bool((usual.abs() < 1e-6).any()),
        "what reaches the last linear layer is never 0, but a relu makes about half of it 0; is it "
        "another activation?",
    )
    demand(
        high > 7,
        f"what reaches the last linear layer stays below {high:.1f}, however large the weights "
        "are; a relu has no upper end. Another activation?",
    )


@torch.no_grad()
def _linear_weights(model: nn.Module) -> set[int]:
    """The ids of the weights in which the answers are straight lines."""
    rows, linear = rows_of((6,) * 8), set()
    for weight in layers_of(model):
        answers = []
        for factor in (-1, 0, 1, 2):
            with kept(weight):
                weight *= factor
                answers.append(logits(model, rows))
        back, never, once, twice = answers
        size = (twice - never).abs().max()
        bends = torch.stack([twice - 2 * once + never, once - 2 * never + back]).abs().max()
        if size > 1e-3 and bends < 1e-3 * size:
            linear.add(id(weight))
    return linear


@contextmanager
def kept(weight: torch.Tensor) -> Iterator[None]:
    """Put the weight back as it was, whatever the block makes of it."""
    before = weight.detach().clone()
    try:
        yield
    finally:
        with torch.no_grad():
            weight.copy_(before)


@torch.no_grad()
def _features(model: nn.Module, last: torch.Tensor) -> torch.Tensor:
    """What the last layer is given, (its inputs, B): its weights are set to one 1 and zeros."""
    rows = rows_of((6,) * 8)
    with kept(last):
        last.zero_()
        rest, seen = logits(model, rows), []
        for place in range(last.numel()):
            last.view(-1)[place] = 1
            seen.append(logits(model, rows) - rest)
            last.view(-1)[place] = 0
    return torch.stack(seen)


# Dropout


def ask_dropout(cls: Callable, sizes: dict, readers: str, inside: bool = False) -> None:
    """Whether a class that is given a dropout uses it where it belongs, in training only.

    readers: what reads the words' vectors, in words; if those are not dropped, that is a remark, or
    with ``inside`` a mistake.
    inside: whether there is a dropout of another rate inside, which stays on when this one is 0.
    """
    model = build(cls, **sizes, dropout=RATE).train()
    demand(
        is_random(model),
        "in training mode two passes give the same answer: nothing is dropped.",
    )
    plain = build(cls, **sizes, dropout=0.0).train()
    demand(
        inside or not is_random(plain),
        "with dropout=0 two passes in training mode still differ: the argument is not used.",
    )
    _ask_whole_answers(model)
    pooled, words = _blanked(model)
    demand(
        pooled > 0.8,
        "in training mode nothing is dropped before the last linear layer, where a review is one "
        f"vector (with dropout={RATE}, {pooled:.0%} of its numbers were 0).",
    )
    if words > 0.5:  # a number may be dropped for each of two readers by itself
        return
    whole = f"in training mode the vectors of the words go into {readers} whole"
    demand(not inside, f"{whole}; they are to be dropped there as well, right after the embedding.")
    remark(f"{whole}. The lesson's model drops them there as well, right after the embedding.")


def _ask_whole_answers(model: nn.Module) -> None:
    """A dropout behind the last layer makes answers exactly 0."""
    shake(model)
    answers = logits(model, rows_of((6,)) * 60)
    zeros = (answers == 0).float().mean().item()
    has_bias = any(weight.numel() == 1 for weight in model.parameters())
    demand(
        zeros == 0 or (zeros < 0.5 and not has_bias),  # without a bias all may be dropped
        f"in training mode {zeros:.0%} of the logits are exactly 0: the dropout stands behind the "
        "last linear layer, on the answers; it belongs before that layer.",
    )


def _blanked(model: nn.Module) -> tuple[float, float]:
    """Which share of the numbers that a review's layer gets, and of the words' vectors, is 0.

    Where an input of a layer is 0, the gradient of the weights that it meets is 0 too.
    """
    shares: dict[str, list[float]] = {}
    for _ in range(8):
        shake(model)
        weights = {name: one for name, one in model.named_parameters() if one.numel() > 1}
        weights = {name: one for name, one in weights.items() if one.numel() <= LARGEST}
        answer = call(model, *table(model, rows_of((20,)))).sum()
        grads = torch.autograd.grad(answer, list(weights.values()), allow_unused=True)
        tables = set(map(id, word_tables(model)))
        for (name, weight), grad in zip(weights.items(), grads, strict=True):
            if grad is None or not grad.any():
                continue
            rows = grad.reshape(-1, grad.shape[-1])
            is_table = id(weight) in tables
            blank = (rows[rows.any(1)] == 0) if is_table else ~rows.any(0)
            share = blank.float().mean().item()
            shares.setdefault(("words " if is_table else "") + name, []).append(share)
    means = {name: sum(one) / len(one) for name, one in shares.items()}
    words = [share for name, share in means.items() if name.startswith("words ")]
    others = [share for name, share in means.items() if not name.startswith("words ")]
    return max(others, default=1.0), max(words, default=1.0)
