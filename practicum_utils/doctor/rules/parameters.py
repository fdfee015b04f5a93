"""Verdicts about what is trained: what the optimizer holds, what is frozen, what is cut off."""

import torch
from torch import nn

from practicum_utils.doctor.adapters import logits_of
from practicum_utils.doctor.case import Case, pick
from practicum_utils.doctor.measure.losses import training_loss
from practicum_utils.doctor.measure.weights import is_embedding, looks_fresh
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.snapshot import Snapshot

ROWS = 4


def check_coverage(case: Case) -> Finding | None:
    """Does the optimizer hold the model's parameters, all that are to be trained?"""
    held = {id(p) for group in case.optimizer.param_groups for p in group["params"]}
    named = dict(case.model.named_parameters())
    if not any(id(p) in held for p in named.values()):
        return Finding(
            "optimizer-on-a-copy", "error",
            f"of the optimizer's {len(held)} parameters none is one of the model's {len(named)}",
        )  # fmt: skip
    missed = {n: p for n, p in named.items() if p.requires_grad and id(p) not in held}
    foreign = held - {id(p) for p in named.values()}
    if not missed:
        return None
    fresh = [name for name in missed if looks_fresh(case.model, name)]
    shown = ", ".join(list(missed)[:4])
    evidence = f"{len(missed)} of {len(named)} trainable parameters are missing: {shown}"
    if foreign:
        evidence += f"; it holds {len(foreign)} that are not the model's"
    if not fresh and not foreign:
        return Finding("optimizer-misses-layers", "info",
                       f"{evidence}; they look trained, so this may be on purpose")  # fmt: skip
    return Finding("optimizer-misses-layers", "error", evidence)


def check_hidden(case: Case) -> Finding | None:
    """Are there weights that the loss depends on and that ``parameters()`` does not list?"""
    loss, _ = training_loss(case, pick(case.best(), ROWS))
    if loss is None:
        return None
    held = {id(p) for group in case.optimizer.param_groups for p in group["params"]}
    known = held | {id(p) for p in case.model.parameters()}
    hidden = [weight for weight in _leaves(loss) if id(weight) not in known]
    if not hidden:
        return None
    return Finding(
        "optimizer-misses-layers", "error",
        f"{len(hidden)} weights move the loss and are neither the optimizer's nor in "
        f"model.parameters() (threshold 0); the first has the shape {tuple(hidden[0].shape)}",
        cause="layers in a plain list or dictionary, which the model does not register",
        fix="nn.ModuleList or nn.ModuleDict in place of the list or dictionary",
    )  # fmt: skip


def _leaves(loss: torch.Tensor) -> list[nn.Parameter]:
    """The parameters that a gradient of the loss would reach."""
    waiting, seen, found = [loss.grad_fn], set(), []
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)  # only the last nodes of the graph have one
        if isinstance(leaf, nn.Parameter):
            found.append(leaf)
        waiting.extend(following for following, _ in node.next_functions)
    return found


def check_frozen(case: Case) -> Finding | None:
    """Are layers frozen that still have their first random weights?"""
    named = dict(case.model.named_parameters())
    frozen = [name for name, p in named.items() if not p.requires_grad]
    if not frozen:
        return None
    layers = [n for n in frozen if named[n].dim() > 1 and not is_embedding(case.model, n)]
    fresh = [name for name in layers if looks_fresh(case.model, name)]
    evidence = f"{len(frozen)} of {len(named)} parameters are frozen: {', '.join(frozen[:4])}"
    if fresh:
        evidence += f"; {fresh[0]} still has weights as they are drawn at first"
        return Finding("frozen-layers", "error", evidence)
    return Finding("frozen-layers", "info", f"{evidence}; they look trained or are embeddings")


def check_gradients(case: Case, snapshot: Snapshot) -> Finding | None:
    """Does every parameter that matters get a gradient?"""
    loss, logits = training_loss(case, pick(case.best(), ROWS))
    if loss is None:
        return None
    if not loss.requires_grad:
        return Finding("graph", "error", "the loss has no gradient at all", exact=False)
    for p in case.model.parameters():
        p.grad = None
    loss.backward()
    named = [(n, p) for n, p in case.model.named_parameters() if p.requires_grad]
    without = [(n, p) for n, p in named if p.grad is None]
    cut = [(n, p) for n, p in without if _matters(case, p)]
    snapshot.restore()
    if not cut:
        return None
    return _name_cut(case, [n for n, _ in cut], len(named))


def _matters(case: Case, parameter: nn.Parameter) -> bool:
    """Do the answers move when this parameter does?"""
    rows = pick(case.best(), ROWS)
    case.model.eval()

    def ask():
        torch.manual_seed(0)
        with torch.no_grad():
            return logits_of(
                case.adapter.forward(case.model, rows.token_ids, rows.lengths)
            ).double()

    before, kept = ask(), parameter.detach().clone()
    with torch.no_grad():
        parameter.add_(torch.randn_like(parameter) * (parameter.std(correction=0) + 0.1))
        moved = float((ask() - before).abs().max())
        parameter.copy_(kept)
    return moved > 1e-9


def _name_cut(case: Case, names: list[str], total: int) -> Finding:
    embeddings = [name for name in names if is_embedding(case.model, name)]
    evidence = (
        f"{len(names)} of {total} trainable parameters move the answers and get no gradient: "
        f"{', '.join(names[:4])}"
    )
    if len(embeddings) == len(names):
        return Finding("graph-cut-embedding", "error", evidence)
    return Finding("graph-cut-encoder", "error", evidence)
