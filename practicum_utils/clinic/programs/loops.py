"""The training loop of lesson 02 and its bugs, for any way of calling a model."""

from collections.abc import Callable

import torch

from practicum_utils.training import Metrics

CLIP = 1.0


def by_sign(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Which answers are right, for logits (B,) and labels 0 and 1."""
    return (logits > 0) == (labels > 0.5)


class Tally:
    """Sums over the examples of an epoch; ``metrics`` divides once, at the end."""

    def __init__(self, bugs: frozenset[str], are_right: Callable):
        self.bugs, self.are_right, self.batches = bugs, are_right, []

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        if "threshold-on-logits" in self.bugs:
            logits = logits - 0.5
        right = self.are_right(logits, labels).float().sum().item()
        if "last-batch-only" in self.bugs:
            self.batches.clear()
        self.batches.append((loss.item() * len(labels), right, len(labels)))

    def metrics(self) -> Metrics:
        losses, rights, counts = zip(*self.batches, strict=True)
        if "average-of-averages" in self.bugs:
            shares = [right / count for right, count in zip(rights, counts, strict=True)]
            means = [loss / count for loss, count in zip(losses, counts, strict=True)]
            return Metrics(sum(means) / len(means), sum(shares) / len(shares))
        return Metrics(sum(losses) / sum(counts), sum(rights) / sum(counts))


def make_run_epoch(
    read: Callable,
    bugs: frozenset[str] = frozenset(),
    update: Callable | None = None,
    are_right: Callable = by_sign,
) -> Callable:
    """Return ``run_epoch(model, loader, loss_fn, optimizer=None, device=None) -> Metrics``.

    read: (model, batch) -> (logits, labels).  update: (model, loss, optimizer, step), in place of
    zero, backward, step.  are_right: (logits, labels) -> bool (B,).
    """
    update = update or (lambda model, loss, optimizer, step: learn(model, loss, optimizer, bugs))

    def run_epoch(model, loader, loss_fn, optimizer=None, device=None) -> Metrics:
        training, tally = optimizer is not None, Tally(bugs, are_right)
        before = model.training
        if training and "train-mode-not-restored" not in bugs:
            model.train()
        if not training and "eval-mode-missing" not in bugs:
            model.eval()
        with torch.set_grad_enabled(training):
            for step, batch in enumerate(loader, start=1):
                logits, labels = read(model, batch)
                loss = loss_fn(logits, labels)
                if training:
                    update(model, loss, optimizer, step)
                tally.add(loss, logits, labels)
        if "train-mode-not-restored" not in bugs:
            model.train(before)
        return tally.metrics()

    return run_epoch


def learn(model, loss: torch.Tensor, optimizer, bugs: frozenset[str]) -> None:
    """Zero, backward, step."""
    if not bugs & {"missing-zero-grad", "zero-grad-after-backward"}:
        optimizer.zero_grad()
    if "clip-before-backward" in bugs:
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    if "missing-backward" not in bugs:
        loss.backward()
    if "zero-grad-after-backward" in bugs:
        optimizer.zero_grad()
    if "missing-step" not in bugs:
        optimizer.step()
