"""How the doctor reads a batch and calls a model, whatever their form."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import nn

HOW_TO = (
    "Pass adapter=Adapter(forward=lambda model, token_ids, lengths: ..., unpack=lambda batch: "
    "(token_ids, lengths, labels))."
)
LABEL_NAMES = ("labels", "label", "targets", "target", "y")
ID_NAMES = ("token_ids", "input_ids", "ids", "tokens", "text", "x")


class Rows(NamedTuple):
    """Some rows to ask a model about: token_ids (B, T), lengths (B,), labels (B, ...)."""

    token_ids: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor | None


@dataclass(frozen=True)
class Adapter:
    """How to call the model, and how to take a batch apart.

    forward: (model, token_ids (B, T), lengths (B,)) -> logits.
    unpack: batch -> (token_ids, lengths, labels).
    Left out, each is guessed: a tuple or a ``Batch``, or a table such as a tokenizer makes; the
    model is called as ``model(token_ids, lengths)``, ``model(token_ids)``, or by the names
    ``input_ids`` and ``attention_mask``.
    """

    forward: Callable | None = None
    unpack: Callable | None = None

    def for_program(self, model: nn.Module, batch) -> "Adapter":
        """Return this adapter with what is left out filled in for this model and batch."""
        unpack = self.unpack or unpack_batch
        forward = self.forward or _guess_forward(model, batch)
        return replace(self, forward=forward, unpack=unpack)


def unpack_batch(batch) -> Rows:
    """Take a batch apart; TypeError, saying how to write an adapter, if it is of no known form."""
    if isinstance(batch, Mapping) or hasattr(batch, "keys"):
        return _unpack_table(batch)
    if all(hasattr(batch, name) for name in ("token_ids", "lengths", "labels")):
        return _rows(batch.token_ids, batch.lengths, batch.labels)
    parts = list(batch) if isinstance(batch, list | tuple) else []
    if len(parts) == 3:
        return _rows(*_lengths_second(parts))
    if len(parts) == 2:
        return _rows(parts[0], None, parts[1])
    raise TypeError(f"The loader yields {_describe(batch)}, which the doctor cannot read. {HOW_TO}")


def _lengths_second(parts: list) -> list:
    """(ids, labels, lengths) is as common as (ids, lengths, labels): lengths fit the width."""
    ids, second, third = parts
    if _could_be_lengths(ids, third) and not _could_be_lengths(ids, second):
        return [ids, third, second]
    return parts


def _could_be_lengths(ids, values) -> bool:
    if not isinstance(values, torch.Tensor) or values.is_floating_point() or values.dim() != 1:
        return False
    return len(values) == len(ids) and bool((values <= ids.shape[1]).all()) and values.max() > 1


def _unpack_table(batch) -> Rows:
    names = list(batch.keys())
    ids = next((batch[name] for name in ID_NAMES if name in names), None)
    if ids is None:
        raise TypeError(f"The loader yields a table of {', '.join(map(str, names))}. {HOW_TO}")
    labels = next((batch[name] for name in LABEL_NAMES if name in names), None)
    if "attention_mask" in names:
        return _rows(ids, batch["attention_mask"].sum(dim=1), labels)
    return _rows(ids, batch["lengths"] if "lengths" in names else None, labels)


def _rows(ids, lengths, labels) -> Rows:
    if not isinstance(ids, torch.Tensor) or ids.dim() < 2 or not len(ids):
        raise TypeError(
            f"Token ids of the shape (B, T) are expected; got {_describe(ids)}. {HOW_TO}"
        )
    if lengths is None:
        lengths = _guess_lengths(ids)
    labels = labels if labels is None else torch.as_tensor(labels)
    return Rows(ids, torch.as_tensor(lengths), labels)


def _guess_lengths(ids: torch.Tensor) -> torch.Tensor:
    """Without lengths, a row ends before its final run of zeros."""
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    real = (ids != 0) if ids.dim() == 2 else torch.ones_like(ids[..., 0], dtype=torch.bool)
    return (real * places).amax(dim=1).clamp(min=1)


def _guess_forward(model: nn.Module, batch) -> Callable:
    names = _parameters(model)
    if "input_ids" in names and "attention_mask" in names:
        left = _is_left_padded(batch)
        return lambda m, ids, lengths: m(input_ids=ids, attention_mask=_mask(ids, lengths, left))
    if _takes_one(names):
        return lambda m, ids, lengths: m(ids)
    if any(name in ("mask", "attention_mask", "padding_mask") for name in list(names)[1:2]):
        left = _is_left_padded(batch)
        return lambda m, ids, lengths: m(ids, _mask(ids, lengths, left).bool())
    return lambda m, ids, lengths: m(ids, lengths)


def _parameters(model: nn.Module) -> Mapping:
    try:
        return inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return {}


def _takes_one(names: Mapping) -> bool:
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if not names or any(one.kind in many for one in names.values()):
        return False
    second = list(names.values())[1:2]
    if not second:
        return True
    # A second argument that may be left out and does not speak of lengths is an option.
    optional = second[0].default is not inspect.Parameter.empty
    return optional and "len" not in second[0].name and "mask" not in second[0].name


def _is_left_padded(batch) -> bool:
    mask = batch.get("attention_mask") if hasattr(batch, "get") else None
    return mask is not None and bool((mask[:, 0] == 0).any())


def _mask(ids: torch.Tensor, lengths: torch.Tensor, left: bool) -> torch.Tensor:
    T = ids.shape[1]
    places = torch.arange(T, device=ids.device)
    if left:
        return (places >= T - lengths.unsqueeze(1)).long()
    return (places < lengths.unsqueeze(1)).long()


def logits_of(output) -> torch.Tensor:
    """The logits in whatever a model returns: a tensor, (logits, ...), a table, an object."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, list | tuple) and output and isinstance(output[0], torch.Tensor):
        return output[0]
    raise TypeError(f"The model returns {_describe(output)}, not logits. {HOW_TO}")


def some_rows(batch, chosen: torch.Tensor):
    """The same batch, in the same form, with the chosen rows only."""
    count = _count(batch)

    def pick(part):
        if isinstance(part, torch.Tensor) and part.dim() and len(part) == count:
            return part[chosen.to(part.device)]
        if isinstance(part, list) and len(part) == count:
            return [part[i] for i in chosen.tolist()]
        return part

    if isinstance(batch, dict):
        return {name: pick(part) for name, part in batch.items()}
    if hasattr(batch, "_fields"):
        return type(batch)(*map(pick, batch))
    if isinstance(batch, list | tuple):
        return type(batch)(map(pick, batch))
    if hasattr(batch, "keys"):
        return type(batch)({name: pick(batch[name]) for name in batch.keys()})
    return batch


def _count(batch) -> int:
    if hasattr(batch, "keys"):
        return max((len(part) for part in batch.values() if hasattr(part, "__len__")), default=0)
    first = next(iter(batch), None) if isinstance(batch, list | tuple) else None
    return len(first) if isinstance(first, torch.Tensor) and first.dim() else 0


def _describe(thing) -> str:
    if isinstance(thing, torch.Tensor):
        return f"a tensor of shape {tuple(thing.shape)}"
    if isinstance(thing, list | tuple):
        return f"a {type(thing).__name__} of {len(thing)}"
    return f"a {type(thing).__name__}"
