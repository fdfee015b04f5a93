"""Questions to any model called as ``model(token_ids, lengths)``, answered by behaviour alone.

Nothing is asked of names or layers. A model is *shaken* before a question, which means that all its
weights are drawn anew and larger: what an untrained model hardly shows becomes plain.
"""

from collections.abc import Callable

import torch
from torch import nn

from practicum_utils.checks.demands import (
    CheckError,
    call,
    demand,
    demand_gradient,
    demand_tensor,
    describe,
    same,
)
from practicum_utils.support.environment import evaluating, pick_device

VOCAB_SIZE = 40
SMALL = {"embedding_size": 8, "hidden_size": 6}
NO_ORDER = (
    "the words in another order give the same answer; a reader should tell *not bad, good* "
    "from *not good, bad*."
)
DRAWS = 6  # a question is repeated on so many draws of the weights; one may have dead units


def build(cls, **sizes) -> nn.Module:
    """Make a model of the learner's class, on the device of the session, in evaluation mode."""
    model = call(cls, VOCAB_SIZE, given=_words({"vocab_size": VOCAB_SIZE, **sizes}), **sizes)
    demand(isinstance(model, nn.Module), f"an nn.Module was wanted; it is {describe(model)}.")
    demand(any(True for _ in model.parameters()), "the model has no weights to learn.")
    return model.to(pick_device()).eval()


def _words(sizes: dict) -> str:
    return ", ".join(f"{name}={value}" for name, value in sizes.items())


def some_words(count: int) -> list[int]:
    """Different token ids, none of them a special one."""
    return (torch.randperm(VOCAB_SIZE - 4)[:count] + 4).tolist()


def rows_of(lengths: tuple[int, ...]) -> list[list[int]]:
    """Random reviews of these lengths."""
    return [some_words(length) for length in lengths]


def table(model: nn.Module, rows: list[list[int]], width: int = 0) -> tuple:
    """The padded token ids (B, T) and the lengths (B,) of some reviews."""
    T = max(width, *map(len, rows))
    padded = torch.tensor([row + [0] * (T - len(row)) for row in rows])
    device = next(model.parameters()).device
    return padded.to(device), torch.tensor([len(row) for row in rows], device=device)


def logits(model: nn.Module, rows: list[list[int]], width: int = 0) -> torch.Tensor:
    """The model's answers (B,) to some reviews, padded to at least ``width``."""
    token_ids, lengths = table(model, rows, width)
    given = f"token_ids {tuple(token_ids.shape)} and lengths {lengths.tolist()}"
    before = token_ids.clone(), lengths.clone()
    with torch.no_grad():
        got = call(model, token_ids, lengths, given=given)
    for what, now, then in zip(("token ids", "lengths"), (token_ids, lengths), before, strict=True):
        demand(
            torch.equal(now, then),
            f"it changed the {what} it was given; whoever uses them next finds others there.",
        )
    B, T = token_ids.shape
    if isinstance(got, torch.Tensor):
        demand(
            got.dim() > 0,
            f"for {B} review(s) the logits have no dimension at all; even a "
            "batch of one has the shape (1,). A bare squeeze()?",
        )
        demand(tuple(got.shape) != (B, 1), f"the logits are ({B}, 1), one column; wanted is (B,).")
        demand(
            got.dim() < 2,
            f"the logits have the shape {tuple(got.shape)}, for token_ids "
            f"{(B, T)}; one number for each review is wanted, (B,).",
        )
    demand_tensor(got, (B,), "the result", "(B,)")
    demand(
        bool(torch.isfinite(got).all()),
        "some logits are nan or infinite; does a softmax see hidden places only, a mask turned "
        "around?",
    )
    return got


@torch.no_grad()
def shake(model: nn.Module, size: float = 0.7, beside: float = 0.0) -> None:
    """Draw all weights anew; a row of an embedding that is all zero (the padding's) stays so.

    beside: the size for tables beside the words' own, such as one of pairs of words. At 0 they say
        nothing: what a reader makes of the order of words would not be seen behind them.
    """
    others = _tables_beside_the_words(model)
    for weight in model.parameters():
        if id(weight) in others:
            _fill(weight, beside)
            continue
        still = weight.dim() == 2 and not weight[0].any() and bool(weight[1:].any())
        weight.normal_(std=size)
        if still:
            weight[0] = 0


def _fill(weight: torch.Tensor, size: float) -> None:
    """Draw a table whose rows come again after a while; one of pairs has millions of numbers."""
    if not size:
        weight.zero_()
        return
    some = torch.randn(min(len(weight), 1009), weight.shape[1], device=weight.device) * size
    weight.copy_(some.repeat(-(-len(weight) // len(some)), 1)[: len(weight)])


def _tables_beside_the_words(model: nn.Module) -> set[int]:
    """The ids of the weights of tables in which more than single words are looked up, or none.

    They have other rows than one for each word, and what is looked up depends on the words: a table
    of positions is none of them.
    """
    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    others = [part for part in tables if part.num_embeddings != VOCAB_SIZE]
    if not others or len(others) == len(tables):
        return set()
    one, other = (_looked_up(model, others, [words]) for words in ([4, 5, 6], [7, 8, 9]))
    return {id(part.weight) for part in others if one.get(part) != other.get(part)}


def _looked_up(model: nn.Module, tables: list[nn.Module], rows: list) -> dict:
    """Which rows of each table the model asks for, as lists."""
    asked = {}
    hooks = [
        part.register_forward_pre_hook(lambda part, given: asked.update({part: given[0].tolist()}))
        for part in tables
    ]
    try:
        model(*table(model, rows))
    finally:
        for hook in hooks:
            hook.remove()
    return asked


@torch.no_grad()
def forget(model: nn.Module) -> bool:
    """Make all LSTMs forget: each state then knows its own word only. False if it cannot be."""
    found = False
    for module in model.modules():
        if not isinstance(module, nn.LSTM | nn.LSTMCell):
            continue
        if not module.bias:
            return False
        found = True
        for name, weight in module.named_parameters():
            if "weight_hh" in name:
                weight.zero_()
            elif "bias_ih" in name:
                weight.chunk(4)[1].fill_(-50.0)  # the gates are in the order i, f, g, o
        for part in ("weight_ih_l0", "weight_ih_l0_reverse", "weight_ih"):
            if hasattr(module, part):
                getattr(module, part).chunk(4)[1].zero_()
    return found


def shake_and_forget(model: nn.Module) -> None:
    """New weights, and no memory."""
    shake(model)
    forget(model)


def ask_all(model: nn.Module) -> None:
    """What every classifier owes, from the shape of its answer to its last weight."""
    logits(model, rows_of((7, 4, 1)))
    _ask_registered(model)
    logits(model, rows_of((5,)))
    logits(model, [[VOCAB_SIZE - 1, 4]])
    _ask_repeat(model)
    _ask_range(model)
    _ask_batch(model)
    _ask_padding(model)
    _ask_every_word(model)
    ask_every_weight(model)
    _ask_padding_later(model)


def _ask_registered(model: nn.Module) -> None:
    """The layers that learn are those that PyTorch knows: made once, and kept in the model."""
    once, again = (strangers(model) for _ in range(2))
    known = set(map(id, model.parameters()))
    for layer in again:
        if known.issuperset(map(id, layer.parameters())):
            continue  # nn.ReLU()(x) has nothing to learn, and a slice of an nn.Sequential is known
        name = type(layer).__name__
        demand(
            any(layer is other for other in once),
            f"`forward` makes a new {name} at every call, so that it can never learn; layers are "
            "made once, in `__init__`.",
        )
        raise CheckError(
            f"PyTorch does not know about a {name} that `forward` uses (is it in a plain list?), "
            "so it does not learn and no `model.eval()` reaches it; keep it as an attribute of "
            "the model, or in an nn.ModuleList."
        )


def strangers(model: nn.Module) -> list[nn.Module]:
    """Modules that a forward pass calls and that are no part of the model."""
    met: list[nn.Module] = []
    token_ids, lengths = table(model, rows_of((6, 4)))
    handle = nn.modules.module.register_module_forward_pre_hook(lambda one, _: met.append(one))
    try:
        with torch.no_grad():
            model(token_ids, lengths)
    finally:
        handle.remove()
    own = set(model.modules())
    return [one for one in met if one not in own]


def _ask_repeat(model: nn.Module) -> None:
    """In evaluation mode an answer is the same each time: no chance, and no memory of a batch."""
    if not is_random(model):
        return
    demand(
        not any(isinstance(one, nn.modules.dropout._DropoutNd) for one in strangers(model)),
        "dropout goes on in evaluation mode, because `model.eval()` does not reach a dropout "
        "layer that is made in `forward` or kept outside of the model (in a plain list?); make "
        "it in `__init__`, as an attribute.",
    )
    rows, answers = rows_of((6,) * 8), []
    for _ in range(2):
        torch.manual_seed(0)
        answers.append(logits(model, rows))
    reason = "is something of the last batch kept in the model?"
    if same(*answers, 1e-6):
        reason = (
            "something stays random, such as a dropout that is a function, without "
            "`training=self.training`."
        )
    raise CheckError(f"in evaluation mode two passes give different answers: {reason}")


def _ask_range(model: nn.Module) -> None:
    answers = []
    for _ in range(20):
        shake(model, 1.0)
        answers.append(logits(model, rows_of((6,) * 8)))
    low, high = torch.cat(answers).min().item(), torch.cat(answers).max().item()
    seen = f"over many draws of the weights the answers lie between {low:.2f} and {high:.2f}"
    demand(low != high, f"every review has the same answer, {low:.2f}, whatever the weights are.")
    demand(
        low < 0 or high > 1,
        f"{seen}: probabilities, squeezed by a sigmoid; a logit may be any number.",
    )
    demand(low < 0, f"{seen}: never below 0, so nothing can be negative. A ReLU at the end?")
    demand(high > 0, f"{seen}: never above 0, so nothing can be positive; logarithms?")
    demand(
        low < -1.001 or high > 1.001, f"{seen}: squeezed, as by a tanh; a logit may be any number."
    )


def _ask_batch(model: nn.Module) -> None:
    for size in (0.7, 0.3):
        shake(model, size, beside=size)
        rows = rows_of((6,) * 4)
        together = logits(model, rows)
        alone = torch.cat([logits(model, [row]) for row in rows])
        worst = int((together - alone).abs().argmax())
        demand(
            same(together, alone),
            f"a review alone scores {alone[worst]:.5f}, among three others of the same length "
            f"{together[worst]:.5f}: the reviews of a batch are mixed up. Which dimension is the "
            "batch (batch_first, dim=...), and which is time?",
        )


def _ask_padding(model: nn.Module) -> None:
    for size in (0.7, 0.3):
        shake(model, size, beside=size)
        rows = rows_of((6, 3, 1, 4))
        alone = torch.cat([logits(model, [row]) for row in rows])
        for width in (6, 9):
            padded = logits(model, rows, width)
            if same(padded, alone):
                continue
            turned = logits(model, rows[::-1], width).flip(0)
            demand(
                same(padded, turned),
                "a review's answer depends on its place among longer and shorter ones: does it "
                "get the length of another row?",
            )
            worst = int((padded - alone).abs().argmax())
            raise CheckError(
                f"padding changes the answer: a review of {len(rows[worst])} words scores "
                f"{alone[worst]:.3f} alone and {padded[worst]:.3f} in a table of {width} places. "
                "What reads, counts or averages the padding?"
            )


def _ask_padding_later(model: nn.Module) -> None:
    """A vector of zeros that learns counts from the first step on."""
    shake(model)
    model.train()  # on a GPU, PyTorch's LSTM has no gradients in evaluation mode
    token_ids, lengths = table(model, rows_of((6, 3, 1, 4)), 9)
    model(token_ids, lengths).sum().backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight -= 0.1 * weight.grad
    model.zero_grad()
    model.eval()
    row = some_words(3)
    demand(
        same(logits(model, [row], 9), logits(model, [row])),
        "after one step of learning padding changes the answer: its vector was zero only at "
        "first. With `padding_idx=0` it does not learn.",
    )


def _ask_every_word(model: nn.Module) -> None:
    reached = words_that_count(model)
    silent = [place for place, counts in enumerate(reached, start=1) if not counts]
    shown = ", ".join(map(str, silent))
    demand(
        not silent,
        f"of a review of {len(reached)} words, those at place {shown} can be "
        "exchanged without any effect on the answer.",
    )


def words_that_count(model: nn.Module, shake: Callable = shake, size: int = 5) -> list[bool]:
    """For each place of a review: does another word there change the answer?"""
    reached = torch.zeros(size, dtype=torch.bool)
    for _ in range(DRAWS):
        shake(model)
        *words, other = some_words(size + 1)
        rows = [words] + [[*words[:t], other, *words[t + 1 :]] for t in range(size)]
        answers = logits(model, rows)
        reached |= ((answers[1:] - answers[0]).abs() > 1e-5 * answers.abs().max()).cpu()
    return reached.tolist()


def order_counts(model: nn.Module, shake: Callable = shake) -> bool:
    """Does another order of the same words change the answer?"""
    for _ in range(DRAWS):
        shake(model)
        words = some_words(6)
        orders = [words, words[::-1], [*words[3:], *words[:3]], [words[1], words[0], *words[2:]]]
        answers = logits(model, orders)
        if (answers - answers[0]).abs().max() > 1e-4 * answers.abs().max().clamp(min=0.5):
            return True
    return False


def is_random(model: nn.Module) -> bool:
    """Do two passes over the same reviews differ?"""
    rows = rows_of((6,) * 8)
    for _ in range(DRAWS):
        shake(model)
        if not same(logits(model, rows), logits(model, rows), 1e-6):
            return True
    return False


def ask_every_weight(model: nn.Module) -> None:
    """Whether a gradient reaches every weight."""
    model.train()  # on a GPU, PyTorch's LSTM has no gradients in evaluation mode
    token_ids, lengths = table(model, rows_of((6, 3, 1, 4)))
    answers = call(model, token_ids, lengths)
    demand_gradient(answers, "the result")
    answers.sum().backward()
    weights = {name: weight for name, weight in model.named_parameters() if weight.numel()}
    idle = [name for name, weight in weights.items() if weight.grad is None]
    model.zero_grad()
    model.eval()
    demand(
        not idle,
        f"no gradient reaches {', '.join(idle[:3])}: either the path is cut (detach, no_grad, "
        "numbers taken out of PyTorch) or it never takes part.",
    )


def ask_shares(weights: torch.Tensor, lengths: torch.Tensor, mode: str) -> None:
    """Weights (..., T): rows sum to 1, nothing on the places beyond the lengths (B,)."""
    T = weights.shape[-1]
    padding = torch.arange(T, device=lengths.device) >= lengths.unsqueeze(1)
    most = weights.movedim(-1, 1).flatten(2).amax(2) if weights.dim() > 2 else weights
    worst = most[padding].max()
    demand(worst == 0, f"padding has weights, up to {worst:.3f} in {mode} mode; the mask?")
    sums = weights.sum(dim=-1)
    demand(
        same(sums, torch.ones_like(sums)),
        f"in {mode} mode the weights sum to {sums.min():.3f} up to {sums.max():.3f}, not to 1; "
        "they are to be those before any dropout, over the words of one review.",
    )


@torch.no_grad()
def look_at_outputs(model: nn.Module, batch) -> tuple[float, float, bool]:
    """The smallest and the largest answer to a batch, and whether they are held between 0 and 1.

    A few small logits may all be above 0; with the last linear layer turned around they are below.
    """
    device, last = next(model.parameters()).device, []
    given = [part.to(device) for part in batch][:2]
    hooks = [
        part.register_forward_hook(lambda part, *_: last.append(part))
        for part in model.modules()
        if isinstance(part, nn.Linear)
    ]
    with evaluating(model):
        answers = model(*given)
        for hook in hooks:
            hook.remove()
        weights = list(last[-1].parameters()) if last else []
        torch._foreach_neg_(weights)
        turned = model(*given)
        torch._foreach_neg_(weights)
    both = torch.cat([answers.flatten(), turned.flatten()])
    return (
        answers.min().item(),
        answers.max().item(),
        bool((both.abs() <= 1).all() and both.min() >= 0),
    )


def look_at_gradients(run_epoch, model, batch) -> tuple[str, bool, str]:
    """Whether steps of ``run_epoch`` meet gradients of earlier batches, all batches being equal.

    Returns what was seen, in words; whether they do; and, if it is done in a way that is rarer than
    that nobody clears them, which way that is, or "".
    """
    model.zero_grad()
    calls = [size for _ in range(3) for size in _at_steps(run_epoch, model, [batch])]
    model.zero_grad()
    epoch = _at_steps(run_epoch, model, [batch] * 3)
    if len(calls) < 3 or len(epoch) < 3:
        words = f"For three batches your run_epoch called `step` {len(epoch)} times"
        return f"{words}.", False, f"{words}, and each batch needs a step of its own."
    if not any(epoch):
        return (
            "The steps of your run_epoch find no gradient at all.",
            False,
            "When `step` is called, the gradient is gone or not there yet, so nothing ever moves; "
            "the order is zero, backward, step.",
        )
    if _grow(calls):
        return f"Your run_epoch left gradients of {_times(calls)} times the first.", True, ""
    if _grow(epoch):
        words = "Within one epoch of three equal batches, the steps of your run_epoch met gradients"
        once = "the gradients were cleared once for an epoch, and each batch needs it."
        return f"{words} of {_times(epoch)} times the first.", True, once
    words = f"The steps of your run_epoch met gradients of {_times(calls)} times the first."
    return words, False, ""


def _at_steps(run_epoch, model, batches: list) -> list[float]:
    """The size of the gradient that each step finds; nothing moves.

    Dropout, where there is some, blanks the same numbers each time.
    """
    still, sizes = torch.optim.SGD(model.parameters(), lr=0.0), []

    def note(*_) -> None:
        torch.manual_seed(0)
        grads = [part.grad.flatten() for part in model.parameters() if part.grad is not None]
        sizes.append(torch.cat(grads).norm().item() if grads else 0.0)

    still.register_step_pre_hook(note)
    torch.manual_seed(0)
    run_epoch(model, batches, nn.BCEWithLogitsLoss(), still)
    return sizes


def _grow(sizes: list[float]) -> bool:
    """One, two, three times the first, as when nothing is cleared in between."""
    return sizes[1] > 1.5 * sizes[0] and sizes[2] > 2.2 * sizes[0]


def _times(sizes: list[float]) -> str:
    return ", ".join(f"{size / sizes[0] if sizes[0] else 0:.2f}" for size in sizes)
