"""Does the program run at all? An exception, explained: where it happened and which shapes met."""

import re
import traceback

import torch
from torch import nn
from torch.nn.modules import module as module_hooks

from practicum_utils.doctor.adapters import HOW_TO, logits_of
from practicum_utils.doctor.case import Case, pick
from practicum_utils.doctor.report import Finding


class Places:
    """Which layers are at work, to say where an exception came from."""

    def __init__(self, model: nn.Module):
        self.names = {
            id(part): name or type(model).__name__ for name, part in model.named_modules()
        }
        self.stack: list[tuple[nn.Module, list]] = []

    def __enter__(self):
        self.hooks = [
            module_hooks.register_module_forward_pre_hook(
                lambda part, args: self.stack.append((part, _shapes(args)))
            ),
            module_hooks.register_module_forward_hook(lambda *_: self.stack.pop() and None),
        ]
        return self

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()

    def innermost(self) -> tuple[str, nn.Module | None, list]:
        """(name, layer, shapes of its inputs) of the layer that was at work."""
        if not self.stack:
            return "", None, []
        part, shapes = self.stack[-1]
        return self.names.get(id(part), type(part).__name__), part, shapes


def _shapes(args) -> list[tuple[int, ...]]:
    # A nested tensor, as inside the encoder's fast path, has no shape.
    return [tuple(a.shape) for a in args if isinstance(a, torch.Tensor) and not a.is_nested]


def check_runs(case: Case) -> Finding | None:
    """One forward and one loss in training and in evaluation mode, on the learner's own batches."""
    seen = []
    for rows in [*case.rows[:2], case.rows[-1], case.best()]:
        if not any(rows is other for other in seen):
            seen.append(rows)
    for rows in seen:
        for training in (False, True):
            finding = _run(case, rows, training)
            if finding is not None:
                return finding
    return None


def _run(case: Case, rows, training: bool) -> Finding | None:
    few = pick(rows, 16)
    case.model.train(training)
    torch.manual_seed(0)
    with torch.no_grad(), Places(case.model) as places:
        try:
            logits = logits_of(case.adapter.forward(case.model, few.token_ids, few.lengths))
        except Exception as error:  # any error of the model is the finding
            return explain(case, error, places, few)
    if not isinstance(logits, torch.Tensor):
        raise TypeError(f"The model returns a {type(logits).__name__}, not logits. {HOW_TO}")
    if case.loss_fn is None or few.labels is None:
        return None
    try:
        with torch.no_grad():
            case.loss_fn(logits, few.labels)
    except Exception as error:  # so is any error of the loss
        return _explain_loss(error, logits, few.labels)
    return None


def explain(case: Case, error: Exception, places: Places, rows) -> Finding:
    """A finding from an exception in the model's forward pass."""
    name, layer, shapes = places.innermost()
    message = _one_line(error)
    where = f"in {name} ({type(layer).__name__}), input {_join(shapes)}: " if layer else ""
    evidence = f"{where}{type(error).__name__}: {message}"
    if rows.token_ids.is_floating_point() and _mentions(message, "indices", "scalar type", "index"):
        return Finding("float-ids", "error", f"token ids are {rows.token_ids.dtype}; {evidence}")
    if _needs_padding(case, rows):
        return Finding(
            "mask-inverted", "error",
            f"{evidence}; the model runs once every row has padding, so it takes words for padding",
        )  # fmt: skip
    if isinstance(layer, nn.Embedding) and _mentions(message, "index out of range"):
        low, high = int(rows.token_ids.min()), int(rows.token_ids.max())
        evidence = f"ids {low} to {high}, an embedding of {layer.num_embeddings} rows; {evidence}"
        return Finding("data", "error", evidence, exact=False)
    if _mentions(message, "Expected hidden", "backward through the graph a second time"):
        return Finding("state-carried-over", "error", evidence)
    return _explain_shapes(error, layer, shapes, message, evidence)


def _explain_shapes(error, layer, shapes, message: str, evidence: str) -> Finding:
    found = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", message)
    if found:
        got, expected = found.group(2), found.group(3)
        text = f"{got} numbers arrive where the layer expects {expected}; {evidence}"
        sure = isinstance(layer, nn.Linear) or "linear" in _innermost_call(error)
        return Finding("linear-input-size" if sure else "shapes", "error", text, exact=sure)
    if isinstance(layer, nn.Linear) and shapes and shapes[0][-1] != layer.in_features:
        return Finding("linear-input-size", "error", evidence)
    if _mentions(message, "shape", "size", "dimension", "expected input", "must match"):
        return Finding("shapes", "error", evidence, exact=False)
    return Finding("raises", "error", evidence, exact=False)


def _needs_padding(case: Case, rows) -> bool:
    """Does the model run when every row, the longest too, ends in padding?"""
    ids = rows.token_ids
    if ids.dim() != 2 or ids.is_floating_point() or bool((rows.lengths < 1).any()):
        return False
    more = torch.cat([ids, ids.new_full((len(ids), 3), case.pad)], dim=1)
    try:
        with torch.no_grad():
            case.adapter.forward(case.model, more, rows.lengths)
    except Exception:  # then padding is not what is missing
        return False
    return True


def _explain_loss(error: Exception, logits, labels) -> Finding:
    message = _one_line(error)
    evidence = (
        f"the loss of logits {tuple(logits.shape)} {logits.dtype} and labels {tuple(labels.shape)} "
        f"{labels.dtype}: {type(error).__name__}: {message}"
    )
    values = set(labels.double().flatten().unique().tolist())
    if values <= {1.0, 2.0} and 2.0 in values:
        return Finding("labels-one-two", "error", f"the labels are 1 and 2; {evidence}")
    if labels.dim() != logits.dim() and labels.numel() == logits.numel():
        return Finding("labels-shape", "error", evidence)
    if labels.numel() == len(labels) and logits.numel() == len(logits):
        if labels.dim() != logits.dim():
            return Finding("labels-shape", "error", evidence)
    return Finding("labels", "error", evidence, exact=False)


def explain_loop(error: Exception, model_runs_twice: bool) -> Finding:
    """A finding from an exception in the learner's own loop, whose parts ran by themselves."""
    message = _one_line(error)
    evidence = f"run_epoch raised {type(error).__name__}: {message} ({_place(error)})"
    if _mentions(message, "backward through the graph a second time", "Expected hidden"):
        if not model_runs_twice:
            return Finding("state-carried-over", "error", evidence)
        return Finding("loop", "error", evidence, exact=False,
                       cause="the losses of earlier batches are added up and differentiated again",
                       fix="differentiate each batch's own loss; add up loss.item()")  # fmt: skip
    if _mentions(message, "does not require grad"):
        return Finding("graph", "error", evidence, exact=False)
    return Finding("raises", "error", evidence, exact=False)


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}, line {last.lineno}"


def _innermost_call(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1].name if frames else ""


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"


def _mentions(message: str, *words: str) -> bool:
    return any(word.lower() in message.lower() for word in words)


def _join(shapes) -> str:
    return ", ".join(map(str, shapes)) or "unknown"
