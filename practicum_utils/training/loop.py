"""Train and evaluate: one function for an epoch of either, one for several of both."""

import time
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from practicum_utils.support.environment import set_seed
from practicum_utils.support.progress import Progress
from practicum_utils.training.history import History, Metrics


def run_epoch(
    model: nn.Module,
    loader: DataLoader,
    loss_fn: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    optimizer: torch.optim.Optimizer | None = None,
    device: torch.device | None = None,
) -> Metrics:
    """Go through ``loader`` once: train if there is an optimizer, else only evaluate.

    model: called as ``model(token_ids, lengths) -> logits (B,)``; a logit above 0 means positive.
    loss_fn: mean loss of (logits, labels), such as ``nn.BCEWithLogitsLoss()``.
    device: where the batches go; the model's own device if None.
    Evaluation computes no gradients and switches dropout off; the model's mode is restored, after
    an interrupt too. Metrics are sums over all examples divided by their count.
    """
    progress = Progress()
    started = time.perf_counter()
    name = "train" if optimizer is not None else "test "
    try:
        metrics = _epoch(model, loader, loss_fn, optimizer, device, progress.show)
    except KeyboardInterrupt:
        progress.close(f"{name}  interrupted before the end of the epoch")
        raise
    progress.close(f"{_metrics_text(name, metrics)}  {time.perf_counter() - started:.0f} s")
    return metrics


def _epoch(model, loader, loss_fn, optimizer, device, report: Callable[[str], None]) -> Metrics:
    _require_loader(loader)
    training = optimizer is not None
    name = "train" if training else "test "
    device = device or next(model.parameters()).device
    loss_sum, correct, count = 0.0, 0, 0
    was_training = model.training
    model.train(training)
    try:
        with torch.set_grad_enabled(training):
            for step, batch in enumerate(loader, start=1):
                token_ids, lengths, labels = (part.to(device) for part in batch)
                logits = model(token_ids, lengths)
                loss = loss_fn(logits, labels)
                if training:
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                loss_sum += loss.item() * len(labels)
                correct += ((logits > 0) == (labels > 0.5)).sum().item()
                count += len(labels)
                so_far = _metrics_text(name, Metrics(loss_sum / count, correct / count))
                report(f"{so_far}  batch {step} of {len(loader)}")
    finally:
        model.train(was_training)
    return Metrics(loss_sum / count, correct / count)


def _require_loader(loader) -> None:
    if isinstance(loader, Dataset):
        raise TypeError(
            f"Training and evaluation read batches, and got a {type(loader).__name__}, which gives "
            "one review at a time; make a loader of it with make_loader."
        )
    if len(loader) == 0:
        raise ValueError("The loader has no batch; it needs at least one.")


def _metrics_text(name: str, metrics: Metrics) -> str:
    return f"{name}  loss {metrics.loss:.4f}  accuracy {metrics.accuracy:.3f}"


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    test_loader: DataLoader,
    epochs: int,
    learning_rate: float = 1.5e-3,
    seed: int = 0,
) -> History:
    """Train with Adam on the logits' binary cross-entropy; evaluate after every epoch.

    learning_rate: of the first step; it falls in a straight line to 0 over all the epochs, so that
        the last steps only settle what the first ones found.
    seed: fixes the dropout of this run (the order of the batches is the loader's own).
    An interrupt (Ctrl-C, or the stop button) ends training early: the model keeps what it has
    learned, and the history of the finished epochs is returned.
    """
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; train for 1 or more.")
    set_seed(seed)
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    total = epochs * len(train_loader)
    schedule = LambdaLR(optimizer, lambda step: max(0.0, 1 - step / total))
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    history, progress = History(), Progress()

    def report(line: str) -> None:
        running = f"epoch {len(history) + 1} of {epochs}:  {line}"
        progress.show(f"{history}\n{running}".lstrip())

    try:
        while len(history) < epochs:
            train = _timed_epoch(model, train_loader, loss_fn, optimizer, report)
            history.add(*train, *_timed_epoch(model, test_loader, loss_fn, None, report))
    except KeyboardInterrupt:
        progress.close(f"{history}\ninterrupted after {len(history)} of {epochs} epochs".lstrip())
        return history
    progress.close(str(history))
    return history


def _timed_epoch(model, loader, loss_fn, optimizer, report) -> tuple[Metrics, float]:
    started = time.perf_counter()
    metrics = _epoch(model, loader, loss_fn, optimizer, None, report)
    return metrics, time.perf_counter() - started
