"""Checks of the four classifiers: what every ``model(token_ids, lengths)`` owes, and its own part.

The weights are random, so behaviours are compared. ``probing`` holds the questions that all models
are asked; here stands which model has to answer which.
"""

import torch

from practicum_utils.exercises import probing
from practicum_utils.exercises.checking import call, demand, demand_pair, demand_tensor, same

SMALL = {"embedding_size": 8, "hidden_size": 6}
NO_ORDER = (
    "the words in another order give the same answer; a reader should tell *not bad, good* "
    "from *not good, bad*."
)


def check_mean_embedding(cls) -> None:
    """2.1: the general questions; then, a review's logit is the mean of its words' logits."""
    model = probing.build(cls, embedding_size=8)
    probing.ask_all(model)
    words = probing.some_words(5)
    alone = probing.logits(model, [[word] for word in words])
    together = probing.logits(model, [words])[0]
    twice = probing.logits(model, [words * 2])[0]
    seen = f"five words alone score {_rounded(alone)}, together {together:.3f}"
    bias = (alone.sum() - together) / (len(words) - 1)  # what each of the five scores holds once
    demand(
        same(twice, together) or not same(twice, 2 * together - bias),
        f"the score grows with the length of a review: a sum, not a mean; {seen}.",
    )
    demand(
        same(twice, together),
        "a review written twice has another score than written once; a mean would not change.",
    )
    demand(
        same(together, alone.mean()),
        f"the score of a review is not the mean of its words' scores, so this is no average "
        f"with one linear layer on top: {seen}.",
    )
    model.train()
    demand(
        same(probing.logits(model, [words])[0], together),
        "in training mode the answer is another one; this model has no dropout.",
    )


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def check_simple_rnn(cls) -> None:
    """3.3: the general questions; both ends are read; dropout."""
    model = probing.build(cls, **SMALL)
    probing.ask_all(model)
    demand(probing.order_counts(model), NO_ORDER)
    _check_both_ends(model)
    _check_dropout(cls)


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


def _check_dropout(cls) -> None:
    model = probing.build(cls, **SMALL, dropout=0.5)
    demand(
        probing.is_random(model.train()),
        "in training mode two passes give the same answer: nothing is dropped.",
    )
    plain = probing.build(cls, **SMALL, dropout=0.0)
    demand(
        not probing.is_random(plain.train()),
        "with dropout=0 two passes in training mode still differ: the argument is not used.",
    )


def check_attention_rnn(cls) -> None:
    """4.3: the general questions; the weights; the two vectors of a word side by side; dropout."""
    model = probing.build(cls, **SMALL)
    probing.ask_all(model)
    _check_weights(model)
    demand(probing.order_counts(model), NO_ORDER)
    _check_alignment(model)
    _check_tanh(cls)
    _check_dropout(cls)


def _check_weights(model) -> None:
    rows = probing.rows_of((6, 3, 1, 4))
    token_ids, lengths = probing.table(model, rows)
    for mode in (True, False):
        probing.shake(model.train(mode))
        pair = call(model, token_ids, lengths, return_weights=True)
        logits, weights = demand_pair(pair, "the result with return_weights=True")
        demand_tensor(logits, (4,), "the logits, first of the two results,", "(B,)")
        demand_tensor(weights, (4, 6), "the weights", "(B, T)")
        _check_shares(weights.detach(), lengths, "training" if mode else "evaluation")
    demand(
        same(logits, probing.logits(model, rows)),
        "the logits are others when the weights are asked for.",
    )
    spread = (weights[0] - 1 / 6).abs().max()
    demand(spread > 1e-4, "every word has the same weight: the scores do not depend on the words.")


def _check_shares(weights: torch.Tensor, lengths: torch.Tensor, mode: str) -> None:
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
    model = probing.build(cls, **SMALL).eval()
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


def check_transformer(cls) -> None:
    """5.5: the general questions; maps; positions on and off; the mean; as many blocks as asked."""
    sizes = {"embedding_size": 8, "heads": 2, "inner_size": 12}
    model = probing.build(cls, **sizes, layers=1)
    probing.ask_all(model)
    deep = probing.build(cls, **sizes, layers=3)
    counts = [sum(weight.numel() for weight in one.parameters()) for one in (model, deep)]
    demand(
        counts[0] < counts[1],
        f"3 layers have as many weights as one ({counts[0]}): PyTorch does not know them (a "
        "plain list?), or they are one and the same.",
    )
    _check_maps(deep, layers=3, heads=2)
    demand(probing.order_counts(model), NO_ORDER)
    blind = probing.build(cls, **sizes, positions=False)
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
    demand(
        probing.is_random(model.train()),
        "in training mode two passes give the same answer: nothing is dropped.",
    )


def _check_maps(model, layers: int, heads: int) -> None:
    rows = probing.rows_of((6, 3, 1, 4))
    token_ids, lengths = probing.table(model, rows)
    probing.shake(model.eval())
    pair = call(model, token_ids, lengths, return_weights=True)
    logits, maps = demand_pair(pair, "the result with return_weights=True")
    demand_tensor(logits, (4,), "the logits, first of the two results,", "(B,)")
    wanted = (4, layers, heads, 6, 6)
    demand_tensor(maps, wanted, "the maps", "(B, layers, heads, T, T)")
    _check_shares(maps.detach(), lengths, "evaluation")
    demand(
        same(logits, probing.logits(model, rows)),
        "the logits are others when the maps are asked for.",
    )
