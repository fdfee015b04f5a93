"""Train and evaluate: one function for an epoch of either, one for several of both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset

from practicum_utils.support.environment import keep_random_numbers, mode, set_seed
from practicum_utils.support.progress import Progress
from practicum_utils.training.history import History, Look, Metrics
from practicum_utils.training.trial import choose_for

LossFn = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
REGRESSION_MODULES = (nn.MSELoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss)
REGRESSION_FUNCTIONS = (
    functional.mse_loss,
    functional.l1_loss,
    functional.smooth_l1_loss,
    functional.huber_loss,
)


def run_epoch(
    model: nn.Module,
    loader: DataLoader,
    loss_fn: LossFn,
    optimizer: torch.optim.Optimizer | None = None,
    device: torch.device | None = None,
) -> Metrics:
    """Go through ``loader`` once: train if there is an optimizer, else only evaluate.

    model: called as ``model(token_ids, lengths)``; returns logits (B,), above 0 for label 1, logits
        (B, C), the largest for the label's class, or the numbers (B,) of a regression.
    loss_fn: mean loss of (logits, labels), such as ``nn.BCEWithLogitsLoss()``.
    device: where the batches go; the model's own device if None.
    Metrics are sums over all examples divided by their count; the accuracy is None with a
    regression loss of torch, and with labels that are not whole numbers.
    Evaluation computes no gradients and switches dropout off. Training puts every part of the model
    in train mode; a model that keeps a frozen part in eval mode while it trains says so in a
    ``train`` of its own. Afterwards each part is in the mode it came in, after an interrupt too.
    """
    _require_loader(loader)
    progress = Progress()
    started = time.perf_counter()
    try:
        metrics = _epoch(model, loader, loss_fn, optimizer, device, progress.show, progress.say)
    except KeyboardInterrupt:
        progress.close(f"{_work(optimizer)}  interrupted before the end of the epoch")
        raise
    seconds = time.perf_counter() - started
    progress.close(f"{_work(optimizer)}  {metrics.in_words('  ')}  {seconds:.0f} s")
    return metrics


def _work(optimizer) -> str:
    return "evaluation" if optimizer is None else "train"


def _epoch(model, loader, loss_fn, optimizer, device, report, say, watch=None) -> Metrics:
    """``report``: called with a line that the next one replaces; ``say``: with one that stays.

    Without ``say`` the number of threads stays as it is, as it must within an epoch of training.

    ``watch``: called with the number and the loss of each step.
    """
    training = optimizer is not None
    device = device or next(model.parameters()).device
    sums = _Sums(right=None if _is_regression(loss_fn) else 0)
    with mode(model, training), torch.set_grad_enabled(training):
        batches = iter(loader)
        first = list(islice(batches, 1))
        if first and device.type == "cpu" and say is not None:
            say(choose_for(model, loss_fn, first[0], len(loader)))
        for step, batch in enumerate(chain(first, batches), start=1):
            token_ids, lengths, labels = (part.to(device) for part in batch)
            logits = model(token_ids, lengths)
            loss = loss_fn(logits, labels)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            so_far = sums.add(loss.item(), logits, labels).in_words("  ")
            report(f"{_work(optimizer)}  {so_far}  batch {step} of {len(loader)}")
            if watch is not None:
                watch(step, loss.item())
    return sums.metrics


@dataclass
class _Sums:
    """Sums over the examples of an epoch so far; ``right`` is None in a regression."""

    right: int | None
    loss: float = 0.0
    count: int = 0

    def add(self, loss: float, logits: torch.Tensor, labels: torch.Tensor) -> Metrics:
        """Add a batch with its mean loss; return the means so far."""
        self.loss += loss * len(labels)
        self.count += len(labels)
        if self.right is not None:
            right = _right_answers(logits, labels)
            self.right = None if right is None else self.right + int(right.sum())
        return self.metrics

    @property
    def metrics(self) -> Metrics:
        accuracy = None if self.right is None else self.right / self.count
        return Metrics(self.loss / self.count, accuracy)


def _right_answers(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor | None:
    """Which answers are right, one bool per example; None where the labels name no class."""
    if not _are_whole(labels):
        return None
    if _are_classes(logits) and labels.ndim == 1:
        return logits.argmax(dim=1) == labels
    if logits.shape == labels.shape and labels.numel() == len(labels):
        return (logits > 0) == (labels > 0.5)
    return None


def _are_whole(labels: torch.Tensor) -> bool:
    return not labels.is_floating_point() or torch.equal(labels, labels.round())


def _are_classes(logits: torch.Tensor) -> bool:
    return logits.ndim == 2 and logits.shape[1] > 1


def _is_regression(loss_fn: LossFn) -> bool:
    return isinstance(loss_fn, REGRESSION_MODULES) or loss_fn in REGRESSION_FUNCTIONS


def _require_loader(loader) -> None:
    if isinstance(loader, Dataset):
        raise TypeError(
            f"Training and evaluation read batches, and got a {type(loader).__name__}, which gives "
            "one review at a time; make a loader of it with make_loader."
        )
    if len(loader) == 0:
        raise ValueError("The loader has no batch; it needs at least one.")


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    validation_loader: DataLoader,
    epochs: int,
    learning_rate: float = 1.5e-3,
    seed: int = 0,
    loss_fn: LossFn | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler: LRScheduler | None = None,
    looks: int = 4,
) -> History:
    """Train, and evaluate after every epoch, each as ``run_epoch`` does it.

    validation_loader: evaluated on, never trained on.
    seed: fixes the dropout of this run (the order of the batches is the loader's own).
    loss_fn: if None, binary cross-entropy of logits (B,), cross-entropy of logits (B, C).
    optimizer: if None, Adam, whose rate falls in a straight line from ``learning_rate`` to 0 over
        all the steps, so that the last only settle what the first found. One of your own is used as
        it is, with the rate that it has.
    scheduler: of your optimizer, which it brings along; it steps once after every epoch
        (ReduceLROnPlateau on the validation loss). To step it with every batch leave it out, and
        call ``optimizer.register_step_post_hook(lambda *_: scheduler.step())``.
    looks: at the validation data in each epoch, evenly spread, the last at its end. They change
        nothing in the training, and the seconds of training are without them.
    An interrupt (Ctrl-C, or the stop button) ends training early: the model keeps what it has
    learned, and the history of the finished epochs is returned.
    Raises ValueError or TypeError before the first step if the pieces do not go together.
    """
    _require_at_least_one(epochs=epochs, looks=looks)
    _require_loader(train_loader)
    _require_loader(validation_loader)
    set_seed(seed)
    optimizer = _require_own(model, optimizer, scheduler)
    if optimizer is None:
        optimizer = _falling_adam(model, learning_rate, epochs * len(train_loader))
    loss_fn = _cross_entropy if loss_fn is None else loss_fn
    pieces = model, train_loader, validation_loader, epochs
    return _fit(*pieces, loss_fn, optimizer, scheduler, looks)


def _require_at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} is {number}; it must be 1 or more.")


def _require_own(model: nn.Module, optimizer, scheduler) -> torch.optim.Optimizer | None:
    """The learner's optimizer, given alone or inside the scheduler; None if there is neither."""
    _require_kind("scheduler", scheduler, LRScheduler)
    _require_kind("optimizer", optimizer, torch.optim.Optimizer)
    if scheduler is not None and optimizer not in (None, scheduler.optimizer):
        raise ValueError("The scheduler was made for another optimizer; make it for this one.")
    optimizer = scheduler.optimizer if scheduler is not None else optimizer
    held = [one for group in optimizer.param_groups for one in group["params"]] if optimizer else []
    if not {id(one) for one in held} <= {id(one) for one in model.parameters()}:
        raise ValueError(
            "The optimizer holds parameters that are not this model's; make a new one of this "
            "model's parameters()."
        )
    return optimizer


def _require_kind(name: str, value, kind: type) -> None:
    if not isinstance(value, kind | None):
        raise TypeError(
            f"The {name} must be a ready-made {kind.__name__} of PyTorch, and is of the type "
            f"{type(value).__name__}."
        )


def _falling_adam(model: nn.Module, learning_rate: float, steps: int) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    schedule = LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return optimizer


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if not _are_classes(logits):
        return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    if labels.ndim == 1 and _are_whole(labels):
        labels = labels.long()  # a dataset may hold its classes as floats
    return functional.cross_entropy(logits, labels)


def _fit(
    model, train_loader, validation_loader, epochs, loss_fn, optimizer, scheduler, looks
) -> History:
    history, progress = History(), Progress()

    def report(line: str) -> None:
        running = f"epoch {len(history) + 1} of {epochs}:  {line}"
        progress.show(f"{history}\n{running}".lstrip())

    try:
        while len(history) < epochs:
            evaluate = partial(_timed, model, validation_loader, loss_fn, None, None, report)
            watch = _Watch(history, evaluate, _between(len(train_loader), looks))
            tell = None, report, progress.say, watch.step
            train = _timed(model, train_loader, loss_fn, optimizer, *tell)
            found = evaluate(progress.say)
            history.looks.append(Look(len(history.step_losses), found.metrics))
            walls = train.wall - watch.wall, found.wall
            cpus = train.cpu - watch.cpu, found.cpu
            history.add(train.metrics, walls[0], found.metrics, walls[1], *cpus)
            _step(scheduler, found.metrics.loss)
    except KeyboardInterrupt:
        _drop_unfinished(history, len(train_loader))
        progress.close(f"{history}\ninterrupted after {len(history)} of {epochs} epochs".lstrip())
        return history
    progress.close(str(history))
    return history


def _drop_unfinished(history: History, steps: int) -> None:
    """Forget the steps of an epoch that was not finished; steps: of an epoch."""
    finished = steps * len(history)
    del history.step_losses[finished:]
    history.looks[:] = [look for look in history.looks if look.step <= finished]


def _between(steps: int, looks: int) -> set[int]:
    """After which steps of an epoch to look, but for the last, which is the epoch's end."""
    return {round(steps * number / looks) for number in range(1, looks)} - {0, steps}


class _Timed(NamedTuple):
    """What an epoch found, its seconds, and the CPU seconds of all threads of this process."""

    metrics: Metrics
    wall: float
    cpu: float


def _timed(*pieces) -> _Timed:
    started, worked = time.perf_counter(), time.process_time()
    metrics = _epoch(*pieces)
    return _Timed(metrics, time.perf_counter() - started, time.process_time() - worked)


@dataclass
class _Watch:
    """Notes the loss of every step, and evaluates after some; wall, cpu: what that took."""

    history: History
    evaluate: Callable[[None], _Timed]
    due: set[int]
    wall: float = 0.0
    cpu: float = 0.0

    def step(self, number: int, loss: float) -> None:
        """Called after each step of an epoch, with its number from 1 on."""
        self.history.step_losses.append(loss)
        if number not in self.due:
            return
        put_back = keep_random_numbers()  # so that looking does not change what is drawn next
        found = self.evaluate(None)
        put_back()
        self.history.looks.append(Look(len(self.history.step_losses), found.metrics))
        self.wall += found.wall
        self.cpu += found.cpu


def _step(scheduler: LRScheduler | None, loss: float) -> None:
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(loss)
    elif scheduler is not None:
        scheduler.step()
