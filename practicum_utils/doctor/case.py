"""What the doctor was given, read once: batches, labels in their order, rows to ask about."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from practicum_utils.doctor.adapters import HOW_TO, Adapter, Rows, some_rows

KEPT_BATCHES = 16
MOST_ROWS = 4_000  # rows whose labels and token counts are looked at
MOST_SECONDS = 1.0  # of the processor, for reading them: a busy machine reads as many
MOST_WAITING = 10.0  # seconds by the clock, where a loader waits for workers or a disk
COUNTS = (11, 7, 13, 5)  # rows to ask about: a prime that is no other size of the model


@dataclass
class Case:
    """One examination's material. Batches are raw, as the loader yields them."""

    model: nn.Module
    loader: object
    loss_fn: Callable | None
    optimizer: torch.optim.Optimizer | None
    run_epoch: Callable | None
    adapter: Adapter
    device: torch.device
    batches: list = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)  # the kept batches, unpacked, on the device
    labels: torch.Tensor | None = None  # of all rows read, in the loader's order
    texts: list[torch.Tensor] = field(default_factory=list)  # token ids of all rows read
    complete: bool = False  # the loader was read to its end
    left: bool = False
    pad: int = 0

    def chosen(self) -> Rows:
        """The rows for the questions about the model: few, of different lengths, padded."""
        return pick(self.best(), self.count())

    def best(self) -> Rows:
        """The narrowest of the kept batches that have padding and enough rows."""
        most = max(len(set(rows.lengths.tolist())) for rows in self.rows)
        good = [r for r in self.rows if len(set(r.lengths.tolist())) >= min(4, most)]
        return min(good, key=lambda rows: rows.token_ids.shape[1])

    def count(self) -> int:
        """How many rows to take, so that no other axis has the same size."""
        rows = self.best()
        sizes = {size for p in self.model.parameters() for size in p.shape}
        sizes |= {size // 2 for size in sizes} | {rows.token_ids.shape[1]}
        have = len(rows.token_ids)
        free = [count for count in COUNTS if count not in sizes and count <= have]
        return free[0] if free else min(have, COUNTS[0])


def pick(rows: Rows, count: int) -> Rows:
    """The same rows, ``count`` of them: the longest (so that T stays) and others of all lengths."""
    chosen = choose(rows.lengths, count)
    return Rows(*(None if part is None else part[chosen.to(part.device)] for part in rows))


def choose(lengths: torch.Tensor, count: int) -> torch.Tensor:
    """Places of ``count`` rows, evenly spread over the lengths, in their own order."""
    order = torch.argsort(lengths.cpu(), stable=True)
    steps = torch.linspace(0, len(order) - 1, min(count, len(order))).round().long()
    return order[steps].sort().values


def few_rows(batch, rows: Rows, count: int):
    """A raw batch cut to ``count`` rows."""
    return some_rows(batch, choose(rows.lengths, count))


def read_case(model, loader, loss_fn, optimizer, run_epoch, adapter: Adapter | None) -> Case:
    """Read the loader; TypeError or ValueError, each one sentence, for what cannot be read."""
    if iter(loader) is loader:
        raise TypeError(
            "loader is an iterator, which can be read only once; pass the DataLoader or a list of "
            "batches."
        )
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    case = Case(model, loader, loss_fn, optimizer, run_epoch, adapter or Adapter(), device)
    _read(case)
    if not case.batches:
        raise ValueError("The loader is empty; pass one that yields at least one batch.")
    case.pad, case.left = _padding_of(case)
    return case


def _read(case: Case) -> None:
    labels, count = [], 0
    started, began = time.process_time(), time.perf_counter()
    for batch in case.loader:
        if not case.batches:
            case.adapter = case.adapter.for_program(case.model, batch)
        rows = _unpacked(case, batch)
        if len(case.batches) < KEPT_BATCHES:
            case.batches.append(batch)
            case.rows.append(rows)
        if rows.labels is not None:
            labels.append(rows.labels.detach().cpu())
        case.texts.append(rows.token_ids.detach().cpu())
        count += len(rows.token_ids)
        tired = time.process_time() - started > MOST_SECONDS
        if count >= MOST_ROWS or tired or time.perf_counter() - began > MOST_WAITING:
            break
    else:
        case.complete = True
    case.labels = torch.cat([part.reshape(len(part), -1) for part in labels]) if labels else None


def _unpacked(case: Case, batch) -> Rows:
    try:
        ids, lengths, labels = case.adapter.unpack(batch)
    except (AttributeError, KeyError, IndexError, ValueError) as error:
        raise TypeError(f"The adapter cannot unpack a batch ({error}). {HOW_TO}") from error
    move = [part if part is None else part.to(case.device) for part in (ids, lengths, labels)]
    return Rows(*move)


def _padding_of(case: Case) -> tuple[int, bool]:
    """(pad id, True if it stands on the left): what fills the places that are not counted."""
    if case.rows[0].token_ids.dim() != 2:
        return 0, False
    left = right = 0
    fill = []
    for ids, lengths, _ in case.rows:
        places = torch.arange(ids.shape[1], device=ids.device)
        after = places >= lengths.unsqueeze(1)
        before = places < ids.shape[1] - lengths.unsqueeze(1)
        right += _is_constant(ids, after)
        left += _is_constant(ids, before)
        fill.append((ids[after], ids[before]))
    on_the_left = left > right
    values = torch.cat([pair[1 if on_the_left else 0] for pair in fill]).long()
    return (int(values.mode().values) if len(values) else declared_pad(case.model)), on_the_left


def _is_constant(ids: torch.Tensor, where: torch.Tensor) -> int:
    """1 if these places all hold one value, 0 if not, or if there are none."""
    values = ids[where]
    return int(len(values) > 0 and bool((values == values[0]).all()))


def declared_pad(model: nn.Module) -> int:
    """The ``padding_idx`` of the model's embeddings, else 0."""
    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    declared = [part.padding_idx for part in tables if part.padding_idx is not None]
    return declared[0] if declared else 0
