"""Checks of lesson 02: the averaging model; ``run_epoch``, its protocol and its metrics."""

import math
import numbers
from collections.abc import Callable
from itertools import accumulate, pairwise

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader

from practicum_utils.checks import anatomy, probing
from practicum_utils.checks.demands import (
    CheckError,
    call,
    demand,
    demand_returned,
    describe,
    overlook,
    same,
)
from practicum_utils.checks.exercises import Seen, diagnosis, exercise
from practicum_utils.data import collate, make_loader
from practicum_utils.support.environment import evaluating, pick_device


@exercise("2.1", "MeanEmbedding")
def check_mean_embedding(cls) -> None:
    """2.1: the general questions; then, a review's logit is the mean of its words' logits."""
    model = probing.build(cls, embedding_size=8)
    probing.ask_all(model)
    anatomy.ask_sizes(cls, {"embedding_size": 8}, {"embedding_size": 16})
    probing.build(cls)
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
    _check_long_reviews(model)
    model.train()
    demand(
        same(probing.logits(model, [words])[0], together),
        "in training mode the answer is another one; this model has no dropout.",
    )


def _check_long_reviews(model: nn.Module) -> None:
    first, second = probing.some_words(2)
    alone = probing.logits(model, [[first], [second]])
    long = probing.logits(model, [[first] * 150 + [second] * 150])[0]
    demand(
        same(long, alone.mean()),
        f"of a review of 300 words, half of them scoring {alone[0]:.3f} and half {alone[1]:.3f}, "
        f"the score is {long:.3f}, and the mean {alone.mean():.3f}; is it cut?",
    )


def _rounded(values: torch.Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


# The logit of review i is LOGITS[i]: some lie between 0 and 0.5, where a threshold shows.
LOGITS = [1.4, 0.3, -0.8, 0.2, -1.1, 0.4, 0.1, -0.3, 2.0]
LABELS = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
RATE = 0.5
BATCH_SIZE = 4  # so batches of 4, 4 and 1
SIZES = [4, 4, 1]


def _loss_fn() -> nn.Module:
    """Not the usual loss: a positive review counts three times."""
    return nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0, device=pick_device()))


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return bce(logits, labels, pos_weight=torch.tensor(3.0))


class Recorder(nn.Module):
    """A model of one number per word that writes down how it is called."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(len(LOGITS) + 1, 1)
        self.table.weight.data = torch.tensor([0.0, *LOGITS]).unsqueeze(1)
        self.calls, self.events = [], []
        self.table.weight.register_hook(lambda gradient: self.events.append("backward"))

    def forward(self, token_ids, lengths):
        logits = self.table(token_ids[:, 0]).squeeze(1)
        self.events.append("forward")
        made = {"training": self.training, "gradients": torch.is_grad_enabled()}
        made |= {"ids": token_ids[:, 0].detach(), "logits": logits.detach().cpu()}
        self.calls.append(made)
        return logits


class Steps:
    """Writes down the gradient that each step of an optimizer finds, and the one it should."""

    def __init__(self, recorder: Recorder, optimizer: torch.optim.Optimizer):
        self.recorder, self.optimizer = recorder, optimizer
        self.found, self.wanted, self.by_usual_loss = [], [], []
        optimizer.register_step_pre_hook(self.record)

    def record(self, *_) -> None:
        weight = self.recorder.table.weight
        self.found.append(None if weight.grad is None else weight.grad.clone())
        self.recorder.events.append("step")
        if self.recorder.calls:
            ids = self.recorder.calls[-1]["ids"]
            self.wanted.append(own_gradient(weight, ids, _loss))
            self.by_usual_loss.append(own_gradient(weight, ids, bce))


def own_gradient(weight: torch.Tensor, ids: torch.Tensor, loss: Callable) -> torch.Tensor:
    """The gradient of one batch alone."""
    labels = torch.tensor([0.0, *LABELS])[ids.cpu()]
    with torch.inference_mode(False), torch.enable_grad():
        copy = weight.detach().cpu().clone().requires_grad_()
        gradient = torch.autograd.grad(loss(copy[ids.cpu(), 0], labels), copy)[0]
    return gradient.to(weight.device)


@exercise("2.2", "run_epoch", planted=("average-of-averages", "missing-zero-grad"))
def check_run_epoch(run_epoch) -> None:
    """2.2: evaluate, then train for two epochs, on nine reviews in batches of 4, 4 and 1."""
    recorder, metrics = _evaluate(run_epoch)
    _check_metrics(metrics, recorder.calls, "evaluation")
    _train(run_epoch)


def _loader() -> DataLoader:
    rows = [torch.tensor([index, 1][: 1 + index % 2]) for index in range(1, len(LOGITS) + 1)]
    examples = list(zip(rows, torch.tensor(LABELS), strict=True))
    return DataLoader(examples, batch_size=BATCH_SIZE, collate_fn=collate)


def _run(run_epoch, recorder: Recorder, optimizer, work: str):
    given = f"a model, a loader of batches of {SIZES} reviews, a loss and "
    given += "no optimizer" if optimizer is None else "an optimizer"
    optional = () if optimizer is None else (optimizer,)
    metrics = call(run_epoch, recorder, _loader(), _loss_fn(), *optional, given=given)
    if not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        raise CheckError(
            f"after the {work} all of PyTorch is without gradients: the switch was turned off and "
            "not back on."
        )
    return metrics


def _evaluate(run_epoch):
    recorder = Recorder().to(pick_device()).train()
    before = recorder.table.weight.detach().clone()
    metrics = _run(run_epoch, recorder, None, "evaluation")
    _check_passes(recorder, metrics, "evaluation")
    changed = not torch.equal(before, recorder.table.weight)
    demand(not changed, "the weights changed although there was no optimizer.")
    demand(
        not any(one["training"] for one in recorder.calls),
        "without an optimizer the model was still in training mode, so dropout would be active.",
    )
    demand("backward" not in recorder.events, "backward was called in an evaluation.")
    demand(
        not any(one["gradients"] for one in recorder.calls),
        "an evaluation kept the record for gradients; it costs memory and is never used.",
    )
    return recorder, metrics


def _train(run_epoch) -> None:
    recorder = Recorder().to(pick_device()).eval()
    optimizer = torch.optim.SGD(recorder.parameters(), lr=RATE)
    steps = Steps(recorder, optimizer)
    before = recorder.table.weight.detach().clone()
    for _ in range(2):  # what the first one leaves behind shows in the second
        recorder.calls.clear()
        recorder.events.clear()
        metrics = _run(run_epoch, recorder, optimizer, "training")
        _check_passes(recorder, metrics, "training")
        demand(
            all(one["training"] for one in recorder.calls),
            "with an optimizer the model was in evaluation mode (it came in that mode from the "
            "last evaluation), so dropout would be off while it learns.",
        )
        _check_steps(recorder.events, steps)
        _check_metrics(metrics, recorder.calls, "training")
        recorder.eval()
    _check_gradients(steps)
    _check_weights(before, steps)


def _check_passes(recorder: Recorder, metrics, work: str) -> None:
    sizes = [len(one["ids"]) for one in recorder.calls]
    early = f"the {work} read batches of {sizes} reviews, and the loader has {SIZES}"
    demand(len(sizes) >= len(SIZES), f"{early}; does `return` stand inside the loop?")
    demand(sizes == SIZES, f"{early}, to be read once.")
    demand_returned(metrics, "the metrics")
    for name in ("loss", "accuracy"):
        value = getattr(metrics, name, None)
        demand(
            isinstance(value, numbers.Real | torch.Tensor),
            f"`Metrics(loss, accuracy)` was wanted; the {work} returned {describe(metrics)}.",
        )
        demand(
            not isinstance(value, torch.Tensor) or (value.numel() == 1 and not value.requires_grad),
            f"the {name} of the {work} must be one plain number; it is {describe(value)}, which "
            "still holds on to the whole computation.",
        )


def _check_steps(events: list[str], steps: Steps) -> None:
    """The calls of one epoch, and that each step found a gradient."""
    count = events.count("step")
    demand("backward" in events, "with an optimizer, `backward` was never called.")
    demand(count > 0, "with an optimizer, `step` was never called, so no weight moved.")
    demand(
        count == len(SIZES),
        f"`step` was called {count} times for {len(SIZES)} batches; once per batch is wanted.",
    )
    after_forward = [later for event, later in pairwise(events) if event == "forward"]
    demand(
        after_forward[0] != "step",
        "`step` came before `backward`, so it used the gradient of the batch before.",
    )
    for number, found in enumerate(steps.found, start=1):
        demand(
            found is not None and bool(found.any()),
            f"at step {number} there was no gradient: it had been cleared between "
            "`backward` and `step`.",
        )


def _check_gradients(steps: Steps) -> None:
    """Each step has the gradient of its own batch; or of all so far, where that may pass."""
    carried = all(map(_close, steps.found, accumulate(steps.wanted)))
    if carried and overlook("missing-zero-grad"):
        return
    of_epoch = [*accumulate(steps.wanted[: len(SIZES)]), *accumulate(steps.wanted[len(SIZES) :])]
    reasons = (
        (list(accumulate(steps.wanted)), "it still carries those of the batches before, which "
         "nobody cleared"),
        (of_epoch, "it still carries those of the batches before: they are cleared once, before "
         "the loop, instead of for each batch"),
        (steps.by_usual_loss, "`loss_fn` was not used for it; it is that of a loss of your own"),
    )  # fmt: skip
    for number, (found, wanted) in enumerate(zip(steps.found, steps.wanted, strict=True), start=1):
        if _close(found, wanted):
            continue
        times = f"{found.norm() / wanted.norm():.2f} times the size of its own"
        fits = [reason for gradients, reason in reasons if all(map(_close, steps.found, gradients))]
        reason = [*fits, "it is not the gradient of the mean loss of its own batch alone"][0]
        raise CheckError(f"the gradient at step {number} is {times}: {reason}.")


def _close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    return same(found, wanted, 1e-5)


def _check_weights(before: torch.Tensor, steps: Steps) -> None:
    rate = steps.optimizer.param_groups[0]["lr"]
    demand(
        rate == RATE,
        f"the learning rate of the optimizer is {rate} after two epochs, and was {RATE}; it "
        "belongs to whoever made the optimizer.",
    )
    moved = before - RATE * sum(steps.found)
    demand(
        same(steps.recorder.table.weight, moved),
        "the weights are not where the steps took them: something else has changed them.",
    )


def _check_metrics(metrics, calls: list[dict], work: str) -> None:
    got = float(metrics.loss), float(metrics.accuracy)
    seen = f"the {work} gave loss {got[0]:.4f}, accuracy {got[1]:.4f}"
    batches = [(one["logits"], torch.tensor([0.0, *LABELS])[one["ids"].cpu()]) for one in calls]
    losses, hits = _per_batch(batches, _loss), _per_batch(batches, _share_of_hits)
    loss, accuracy = _mean(losses), _mean(hits)
    swapped = _equal(got[0], accuracy) and _equal(got[1], loss)
    demand(not swapped, f"loss and accuracy have changed places: {seen}.")
    for_loss, for_accuracy = _means_to_use(got, losses, hits)
    _check_loss(got[0], batches, for_loss, seen)
    _check_accuracy(got[1], batches, for_accuracy, seen)


def _equal(one: float, other: float) -> bool:
    return math.isclose(one, other, abs_tol=1e-4)


def _means_to_use(got: tuple, losses: list[float], hits: list[float]) -> tuple:
    """How loss and accuracy are to be averaged; as in the planted bug, where that may pass.

    The accuracy is where that bug shows, so a loss alone that is averaged in this way is refused.
    """
    plain = _equal(got[0], _plain_mean(losses)), _equal(got[1], _plain_mean(hits))
    right = _equal(got[0], _mean(losses)), _equal(got[1], _mean(hits))
    averaged = not right[1] and plain[1]
    averaged = averaged or (not right[0] and plain[0] and (plain[1] or not right[1]))
    if not (averaged and overlook("average-of-averages")):
        return _mean, _mean
    return _mean if right[0] else _plain_mean, _plain_mean


def _check_loss(got: float, batches: list[tuple], mean: Callable, seen: str) -> None:
    losses = _per_batch(batches, _loss)
    wrong = _wrong_means(losses, mean) | {
        "logits and labels have changed places in the loss": (
            mean(_per_batch(batches, lambda logits, labels: _loss(labels, logits)))
        ),
        "the logits went through a sigmoid before the loss, which has one of its own": (
            mean(_per_batch(batches, lambda logits, labels: _loss(logits.sigmoid(), labels)))
        ),
        "`loss_fn` was not used; it is that of a loss of your own": (
            mean(_per_batch(batches, bce))
        ),
    }
    _name(got, mean(losses), seen, "loss", wrong)


def _check_accuracy(got: float, batches: list[tuple], mean: Callable, seen: str) -> None:
    hits = _per_batch(batches, _share_of_hits)
    accuracy = mean(hits)
    wrong = _wrong_means(hits, mean) | {
        "a logit above 0 means positive, but some between 0 and 0.5 were taken for negative": (
            mean(_per_batch(batches, lambda logits, labels: _share_of_hits(logits - 0.5, labels)))
        ),
        "logits were rounded and compared with labels": (
            mean(_per_batch(batches, lambda x, labels: (x.round() == labels).float().mean()))
        ),
        "it is the share of positive answers, right or wrong": (
            mean(_per_batch(batches, lambda logits, labels: (logits > 0).float().mean()))
        ),
        "every review was taken for positive": mean(_per_batch(batches, lambda _, y: y.mean())),
        "it is in per cent; a share from 0 to 1 is wanted": 100 * accuracy,
        "it is the share of wrong answers": 1 - accuracy,
    }
    _name(got, accuracy, seen, "accuracy", wrong)


def _share_of_hits(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return ((logits > 0) == labels.bool()).float().mean()


def _per_batch(batches: list[tuple], measure: Callable) -> list[float]:
    return [float(measure(logits, labels)) for logits, labels in batches]


def _mean(means: list[float]) -> float:
    """The mean over all reviews, of the means of the batches."""
    return sum(mean * size for mean, size in zip(means, SIZES, strict=True)) / sum(SIZES)


def _plain_mean(means: list[float]) -> float:
    """The mean of the batches' means, whatever their sizes."""
    return sum(means) / len(means)


def _wrong_means(means: list[float], mean: Callable) -> dict[str, float]:
    """What comes of the batches' means by each mistake of adding up and dividing."""
    right = mean(means)
    return {
        "it is the mean of the batches' means, and a batch of one review counts as much as one of "
        "four": _plain_mean(means),
        "the sum over the reviews was not divided by their number": right * sum(SIZES),
        "the sum over the batches was divided by the number of reviews": sum(means) / sum(SIZES),
        "the sum over the batches was not divided": sum(means),
        "it is that of the last batch alone": means[-1],
        "the sum over the reviews was divided by the number of batches": (
            right * sum(SIZES) / len(SIZES)
        ),
    }


def _name(got: float, wanted: float, seen: str, what: str, mistakes: dict[str, float]) -> None:
    if _equal(got, wanted):
        return
    for sentence, wrong in mistakes.items():
        if _equal(got, wrong):
            raise CheckError(f"the {what} is wrong: {sentence}; {seen}.")
    raise CheckError(f"the {what} is not the mean over all {sum(SIZES)} reviews: {seen}.")


@diagnosis(
    "2.D1",
    bug="average-of-averages",
    right="A",
    causes={
        "A": (
            "a mean of means, in which a small batch counts as much as a large one",
            "with the largest batches an accuracy half-way between that of the large batch and "
            "that of the one review that is left over",
        ),
        "B": (
            "padding that changes the answers, because larger batches are padded further",
            "another number of right answers, counted by yourself, in batches of another size",
        ),
        "C": (
            "chance in the evaluation, such as dropout that is still on",
            "another accuracy when the same batches are evaluated a second time",
        ),
    },
)
def observe_accuracies(run_epoch, model, test_set) -> Seen:
    """Right answers counted batch by batch, and two evaluations of the same batches."""
    loss_fn, count = nn.BCEWithLogitsLoss(), len(test_set)
    small, large = (make_loader(test_set, batch_size=size) for size in (64, count - 1))
    shares = [right / of for right, of in _right_answers(model, large)]
    said, half_way = float(run_epoch(model, large, loss_fn).accuracy), sum(shares) / len(shares)
    totals = [sum(right for right, _ in _right_answers(model, one)) for one in (small, large)]
    twice = [float(run_epoch(model, small, loss_fn).accuracy) for _ in range(2)]
    seen = {
        "A": (
            f"Your model has {shares[0]:.4f} in the large batch and {shares[-1]:.4f} on the one "
            f"review; half-way is {half_way:.4f}, and your run_epoch says {said:.4f}.",
            _equal(said, half_way),
        ),
        "B": (
            f"Yours answers {totals[0]:,} of {count:,} right in batches of 64, and "
            f"{totals[1]:,} in batches of {count - 1:,}.",
            totals[0] != totals[1],
        ),
        "C": (
            f"Batches of 64 gave {twice[0]:.4f} in yours, and {twice[1]:.4f} the second time.",
            twice[0] != twice[1],
        ),
    }
    share = totals[1] / count
    if _equal(said, share) or any(shows for _, shows in seen.values()):
        return seen
    wrong = f"Your run_epoch says {said:.4f}, and of all {count:,} reviews {share:.4f} are right."
    return {**seen, "": (wrong, True)}


def _right_answers(model: nn.Module, loader: DataLoader) -> list[tuple[int, int]]:
    """For each batch, how many answers are right, of how many."""
    device, found = next(model.parameters()).device, []
    with evaluating(model), torch.no_grad():
        for batch in loader:
            token_ids, lengths, labels = (part.to(device) for part in batch)
            right = (model(token_ids, lengths) > 0) == labels.bool()
            found.append((int(right.sum()), len(labels)))
    return found
