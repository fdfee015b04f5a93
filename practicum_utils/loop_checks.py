"""Verdicts about training: what the optimizer holds, what the loop does, how large its steps are."""

import math

import torch
from torch import nn

from practicum_utils.adapters import logits_of
from practicum_utils.case import Case, few_rows, pick
from practicum_utils.findings import Finding
from practicum_utils.loop_log import LoopLog, log_loop
from practicum_utils.loss_checks import hard, loss_value, model_logits
from practicum_utils.snapshot import Snapshot

LOOP_BATCHES = 6
LOOP_ROWS = 4
ADAPTIVE_STEP, PLAIN_STEP = 1.5e-4, 5e-6  # median step / weight below which a step is tiny
ADAPTIVE_SIZE = 2.5e-5  # the same for the step itself, where the weights are small too
HUGE_STEP = 0.5
TRIAL_STEPS = 10
EVEN = 1.85  # largest / standard deviation of numbers drawn evenly is at most 1.73


# What the optimizer holds


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


def check_frozen(case: Case) -> Finding | None:
    """Are layers frozen that still have their first random weights?"""
    named = dict(case.model.named_parameters())
    frozen = [name for name, p in named.items() if not p.requires_grad]
    if not frozen:
        return None
    layers = [n for n in frozen if named[n].dim() > 1 and not _is_embedding(case.model, n)]
    fresh = [name for name in layers if looks_fresh(case.model, name)]
    evidence = f"{len(frozen)} of {len(named)} parameters are frozen: {', '.join(frozen[:4])}"
    if fresh:
        return Finding("frozen-layers", "error",
                       f"{evidence}; {fresh[0]} still has weights as they are drawn at first")  # fmt: skip
    return Finding("frozen-layers", "info", f"{evidence}; they look trained or are embeddings")


def _owner(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def _is_embedding(model: nn.Module, name: str) -> bool:
    return isinstance(_owner(model, name), nn.Embedding | nn.EmbeddingBag)


def looks_fresh(model: nn.Module, name: str) -> bool:
    """Does this weight look as it was drawn: evenly between two bounds, or normally around 0?

    Numbers drawn evenly never leave their bounds, and a little training takes some of them out.
    Where they were drawn normally, the scales of the norms tell, which all start at 1.
    """
    weight = model.get_parameter(name).detach().double().flatten()
    if weight.numel() < 64 or model.get_parameter(name).dim() < 2:
        # Too few numbers to judge, or a bias: ask a matrix of the same layer, if there is one.
        layer = name.rpartition(".")[0]
        near = [n for n, p in _owner(model, name).named_parameters() if p.dim() > 1]
        near = [f"{layer}.{n}".lstrip(".") for n in near]
        known = [n for n in near if model.get_parameter(n).numel() >= 64]
        return looks_fresh(model, known[0]) if known else not norms_moved(model)
    deviation = float(weight.std())
    if deviation == 0 or float((weight - weight.mean()).abs().max()) / deviation < EVEN:
        return True
    kurtosis = float((((weight - weight.mean()) / deviation) ** 4).mean())
    return abs(kurtosis - 3) < 3 * math.sqrt(24 / len(weight)) + 0.02 and not norms_moved(model)


def norms_moved(model: nn.Module) -> bool:
    """Has any normalisation a scale that training has moved away from 1?"""
    kinds = nn.LayerNorm | nn.modules.batchnorm._BatchNorm | nn.RMSNorm
    scales = [part.weight for part in model.modules() if isinstance(part, kinds)]
    return any(float((w.detach() - 1).abs().max()) > 0.02 for w in scales if w is not None)


def check_gradients(case: Case, snapshot: Snapshot) -> Finding | None:
    """Does every parameter that matters get a gradient?"""
    loss, logits = _training_loss(case, pick(case.best(), LOOP_ROWS))
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


def _training_loss(case: Case, rows, seed: int = 0):
    case.model.train()
    torch.manual_seed(seed)
    try:
        with torch.enable_grad():
            logits = logits_of(case.adapter.forward(case.model, rows.token_ids, rows.lengths))
            loss = case.loss_fn(logits, rows.labels) if case.loss_fn else logits.double().sum()
    except Exception:  # the dry run reports it
        return None, None
    return loss.mean(), logits


def _matters(case: Case, parameter: nn.Parameter) -> bool:
    """Do the answers move when this parameter does?"""
    rows = pick(case.best(), LOOP_ROWS)
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
    embeddings = [name for name in names if _is_embedding(case.model, name)]
    evidence = (
        f"{len(names)} of {total} trainable parameters move the answers and get no gradient: "
        f"{', '.join(names[:4])}"
    )
    if len(embeddings) == len(names):
        return Finding("graph-cut-embedding", "error", evidence)
    return Finding("graph-cut-encoder", "error", evidence)


# The loop


def loop_batches(case: Case) -> list:
    """A few small batches of the learner's own, of unequal sizes, the narrowest first."""
    order = sorted(range(len(case.rows)), key=lambda i: case.rows[i].token_ids.shape[1])
    chosen = [order[i % len(order)] for i in range(LOOP_BATCHES)]
    return [few_rows(case.batches[i], case.rows[i], LOOP_ROWS) for i in chosen]


def check_protocol(case: Case, log: LoopLog, batches: int) -> Finding | None:
    """Zero, backward, clip, step: is each there, and at its time?"""
    kinds = log.kinds()
    shown = f"events of {batches} batches: {' '.join(kinds[:24])} (F forward, B backward, S step)"
    if "F" not in kinds:
        return None
    if "B" not in kinds:
        return Finding("missing-backward", "error", shown)
    if "S" not in kinds:
        return Finding("missing-step", "error", shown)
    if (late := _clip_misplaced(log)) is not None:
        return Finding("clip-before-backward", "error", f"{late}; {shown}")
    empty = [i for i, e in enumerate(log.events) if e.kind == "step" and e.gradients == 0]
    arrived = max((event.gradients for event in log.of("arrived")), default=0.0)
    if empty and len(empty) == len(log.of("step")) and arrived > 0 and _backward_first(log):
        return Finding(
            "zero-grad-after-backward", "error",
            f"at each of {len(empty)} steps the gradients were all 0 or None; {shown}",
        )  # fmt: skip
    return _carried_over(log, shown)


def check_arrival(case: Case, log: LoopLog, batch, snapshot: Snapshot) -> Finding | None:
    """Does the loop's backward bring gradients, where a backward of the same loss does?"""
    arrived = [event.gradients for event in log.of("arrived")]
    if not arrived or max(arrived) > 0:
        return None
    snapshot.restore()
    mine = _own_gradients(case, batch)
    if mine is None or not any(g is not None and g.any() for g in mine):
        return None
    return Finding(
        "graph", "error", exact=False,
        evidence=f"{len(arrived)} backward passes of the loop brought no gradient to any parameter, "
        "and a backward of the same loss does",
        cause="the loss was turned into a number (.item(), torch.tensor(...)) before backward",
    )  # fmt: skip


def _own_gradients(case: Case, batch) -> tuple | None:
    """Gradients of the loss for the optimizer's trainable parameters, with the loop's noise."""
    held = [p for p in _held(case) if p.requires_grad]
    rows = case.adapter.unpack(batch)
    rows = type(case.rows[0])(*(part if part is None else part.to(case.device) for part in rows))
    loss, _ = _training_loss(case, rows, seed=7)
    if loss is None or not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, held, allow_unused=True)


def _held(case: Case) -> list[nn.Parameter]:
    return [p for group in case.optimizer.param_groups for p in group["params"]]


def _backward_first(log: LoopLog) -> bool:
    """A backward inside the step (a closure) would leave the gradients empty before it."""
    return log.kinds().find("B") < log.kinds().find("S")


def _clip_misplaced(log: LoopLog) -> str | None:
    """Clipping that never stands between a backward and its step."""
    clips, good, open_gradients = 0, 0, False
    for event in log.events:
        if event.kind == "backward":
            open_gradients = True
        elif event.kind == "step":
            open_gradients = False
        elif event.kind == "clip":
            clips += 1
            good += open_gradients
    if not clips or good:
        return None
    return f"none of {clips} clippings stood between a backward and its step"


def _carried_over(log: LoopLog, shown: str) -> Finding | None:
    """The first backward after a step must find no gradients."""
    found = []
    stepped = False
    for event in log.events:
        if event.kind == "step":
            stepped = True
        elif event.kind == "backward" and stepped:
            found.append(event.gradients)
            stepped = False
    dirty = [size for size in found if size > 0]
    if not dirty or len(dirty) < 0.5 * len(found):
        return None
    return Finding(
        "missing-zero-grad", "error",
        f"{len(dirty)} of {len(found)} backward passes after a step found the old gradients still "
        f"there (sizes {', '.join(f'{size:.2g}' for size in dirty[:4])}; threshold 0); {shown}",
    )  # fmt: skip


def check_direction(case: Case, log: LoopLog, batch, snapshot: Snapshot) -> Finding | None:
    """Does the loop go downhill on the loss it was given?"""
    snapshot.restore()
    mine = _own_gradients(case, batch)
    if mine is None or not log.first_step:
        return None
    theirs = [g for g, p in zip(log.first_step, _held(case), strict=True) if p.requires_grad]
    pairs = [(a.double().flatten(), b.double().flatten())
             for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]  # fmt: skip
    snapshot.restore()
    if not pairs:
        return None
    one, other = (torch.cat(part) for part in zip(*pairs, strict=True))
    cosine = float(torch.cosine_similarity(one, other, dim=0))
    if cosine > -0.5:
        return None
    return Finding(
        "loss-sign-flipped", "error",
        f"the gradient at the first step points against that of the loss: cosine {cosine:.2f} "
        "(threshold -0.5)",
    )  # fmt: skip


def runs_twice(case: Case) -> bool:
    """Do two steps one after the other work, when nothing but the model connects them?"""
    try:
        for _ in range(2):
            loss, _ = _training_loss(case, pick(case.best(), LOOP_ROWS))
            loss.backward()
    except Exception:  # the model remembers a graph that is gone
        return False
    return True


# The mode


def check_modes(case: Case, snapshot: Snapshot) -> Finding | None:
    """Train, evaluate, train: in which mode is the model each time?"""
    batches = loop_batches(case)[:2]
    if not _mode_matters(case, batches[0]):
        return None
    case.model.train()
    train = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
    test = log_loop(case.run_epoch, case.model, batches, case.loss_fn, None)
    again = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
    snapshot.restore()
    modes = [[event.training for event in log.of("forward")] for log in (train, test, again)]
    if not all(modes):
        return None
    words = "; ".join(
        f"{name} {'train' if all(flags) else 'eval' if not any(flags) else 'mixed'}"
        for name, flags in zip(("training", "evaluation", "training again"), modes, strict=True)
    )
    if any(modes[1]):
        return Finding("eval-mode-missing", "error", f"the model's mode: {words}")
    if any(modes[0]) and not all(modes[2]):
        return Finding("train-mode-not-restored", "error", f"the model's mode: {words}")
    if not any(modes[0]):
        return Finding("mode", "error", f"the model's mode: {words}", exact=False)
    return None


def _mode_matters(case: Case, batch) -> bool:
    """Does the model answer differently in training mode?"""
    ids, lengths, _ = case.adapter.unpack(batch)
    answers = []
    for training in (False, True):
        case.model.train(training)
        torch.manual_seed(0)
        with torch.no_grad():
            out = case.adapter.forward(case.model, ids.to(case.device), lengths.to(case.device))
        answers.append(logits_of(out).double())
    return bool((answers[0] - answers[1]).abs().max() > 1e-6)


# The metric


def check_metric(case: Case, snapshot: Snapshot) -> Finding | None:
    """Recount loss and accuracy of an evaluation on uneven batches with known answers."""
    material = _known_answers(case)
    if material is None:
        return None
    batches, answers, labels = material
    log = log_loop(case.run_epoch, case.model, batches, case.loss_fn, None, answers=answers)
    snapshot.restore()
    said = _accuracy(log.returned)
    if log.error is not None or said is None or len(log.outputs) != len(batches):
        return None
    given = [out.cpu() for out in log.outputs]  # a table keeps its own logits, not the known ones
    expected = _ways_to_count(given, labels, _threshold(case, answers[0]))
    right = expected.pop("right")
    if _close(said, right):
        return None
    named = [name for name, value in expected.items() if _close(said, value)]
    evidence = f"the loop says {said:.3f}, and {right:.3f} of the answers are right"
    if not named:
        return Finding("metric", "warning" if 0 <= said <= 1 else "info", evidence, exact=False)
    if named[0] == "metric":
        return Finding("metric", "error", f"{evidence}; that is the share of label 0", exact=False,
                       cause="argmax of a single logit, which is always 0", fix="logits > 0")  # fmt: skip
    return Finding(named[0], "error", f"{evidence}; this bug gives {expected[named[0]]:.3f}")


def _close(one: float, other: float) -> bool:
    return min(abs(one - other), abs(one / 100 - other)) < 1e-3


def _accuracy(returned) -> float | None:
    """The accuracy in what a loop returned: by name, or the second of two numbers."""
    if hasattr(returned, "accuracy"):
        value = returned.accuracy
    elif isinstance(returned, dict):
        value = next((returned[k] for k in ("accuracy", "acc") if k in returned), None)
    elif isinstance(returned, list | tuple) and len(returned) == 2:
        value = returned[1]
    else:
        value = None
    try:
        return float(value) if math.isfinite(float(value)) else None
    except (TypeError, ValueError):
        return None


def _known_answers(case: Case):
    """(batches, answers, labels): uneven batches, and answers whose ways of counting all differ."""
    logits, rows = model_logits(case)
    if logits is None or rows.labels is None or hard(rows.labels) is None:
        return None
    sizes = [size for size in (8, 8, 3) if size]
    batches, labels = [], []
    for i, size in enumerate(sizes):
        place = i % len(case.batches)
        batch = few_rows(case.batches[place], case.rows[place], size)
        batches.append(batch)
        plain = case.adapter.unpack(batch)[2]
        found = hard(plain)
        if found is None or not torch.equal(found, plain):  # soft labels have no right and wrong
            return None
        labels.append(found.reshape(-1).cpu())
    if len({len(part) for part in labels}) < 2:
        return None
    for seed in range(200):
        answers = _drawn(labels, logits, seed, case)
        ways = list(_ways_to_count(answers, labels, _threshold(case, answers[0])).values())
        if all(abs(a - b) > 0.02 for i, a in enumerate(ways) for b in ways[:i]):
            return batches, answers, labels
    return None


def _drawn(labels, logits, seed: int, case: Case) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    shape = logits.shape[1:]
    scale = 1.0 if _takes_logits(case, logits) else None
    answers = []
    for part in labels:
        noise = torch.randn(len(part), *shape, generator=draw)
        answers.append(noise * scale if scale else noise.sigmoid().clamp(0.02, 0.98))
    return answers


def _takes_logits(case: Case, logits) -> bool:
    """Does the loss want answers outside 0 to 1?"""
    if logits.numel() != len(logits):
        return True
    _, rows = model_logits(case)
    labels = hard(rows.labels)
    far = loss_value(case, torch.full_like(logits, 3.0), torch.ones_like(labels))
    near = loss_value(case, torch.full_like(logits, 0.999), torch.ones_like(labels))
    return far is not None and near is not None and far < near


def _threshold(case: Case, answers) -> float:
    logits, _ = model_logits(case)
    return 0.0 if _takes_logits(case, logits) else 0.5


def _ways_to_count(answers, labels, threshold: float) -> dict[str, float]:
    """The accuracy, counted rightly and in the ways that are known to go wrong."""
    rights = [_right(a, y, threshold) for a, y in zip(answers, labels, strict=True)]
    logit = answers[0].numel() == len(answers[0])
    ways = {
        "right": float(torch.cat(rights).mean()),
        "average-of-averages": float(torch.stack([part.mean() for part in rights]).mean()),
        "last-batch-only": float(rights[-1].mean()),
    }
    if logit:  # the argmax of one number is 0
        ways["metric"] = float((torch.cat(labels) < 0.5).double().mean())
    if logit and threshold == 0.0:
        moved = [_right(a, y, 0.5) for a, y in zip(answers, labels, strict=True)]
        ways["threshold-on-logits"] = float(torch.cat(moved).mean())
    return ways


def _right(answers, labels, threshold: float) -> torch.Tensor:
    if answers.numel() == len(labels):
        return ((answers.reshape(-1) > threshold) == (labels > 0.5)).double()
    return (answers.argmax(dim=-1) == labels).double()


# The step size


def check_step_size(case: Case, snapshot: Snapshot) -> Finding | None:
    """Is one step far too small or too large for the weights, and does another size do better?"""
    rows = pick(case.best(), 8)
    losses, ratio, size, adaptive = _trial(case, rows, 1.0, snapshot)
    if not losses:
        return None
    rates = [float(group["lr"]) for group in case.optimizer.param_groups]
    rate = f"learning rate {max(rates):g}"
    if max(rates) == 0:
        return Finding("tiny-learning-rate", "error", "the learning rate is 0",
                       cannot_tell="a schedule that has ended")  # fmt: skip
    evidence = f"{rate}: a step moves the median weight by {ratio:.1e} of its size"
    small = ADAPTIVE_STEP if adaptive else PLAIN_STEP
    if ratio < small:
        return _too_small(case, rows, losses, f"{evidence} (threshold {small:g})", snapshot)
    if adaptive and size < ADAPTIVE_SIZE:
        evidence += f", {size:.1e} in all (threshold {ADAPTIVE_SIZE:g})"
        return _too_small(case, rows, losses, evidence, snapshot)
    if ratio > HUGE_STEP or not all(map(math.isfinite, losses)) or max(losses) > 3 * losses[0] + 1:
        return _too_large(case, rows, losses, ratio, evidence, snapshot)
    return None


def _too_small(case: Case, rows, losses, evidence: str, snapshot) -> Finding | None:
    own, fall = losses[0] - losses[-1], 0.0
    for best in (10, 100, 1_000, 10_000):
        trial = _trial(case, rows, best, snapshot)[0]
        fall = losses[0] - min(trial) if all(map(math.isfinite, trial)) else 0.0
        if fall >= max(0.02, 5 * own):
            break
    else:
        return None
    text = (
        f"{evidence}; in {len(losses) - 1} steps the loss falls by {own:.4f}, with {best:,} times "
        f"the rate by {fall:.4f} (threshold 5 times as much)"
    )
    if trained_before(case):
        return Finding("tiny-learning-rate", "info", f"{text}; usual for weights already trained")
    return Finding("tiny-learning-rate", "error", text)


def trained_before(case: Case) -> bool:
    """Do the weights look as if they were trained, so that small steps are wise?"""
    matrices = [n for n, p in case.model.named_parameters()
                if p.dim() > 1 and p.numel() >= 256 and not _is_embedding(case.model, n)]  # fmt: skip
    old = [name for name in matrices if not looks_fresh(case.model, name)]
    return norms_moved(case.model) or len(old) > len(matrices) / 2


def _too_large(case: Case, rows, losses, ratio, evidence: str, snapshot) -> Finding | None:
    worst = max((loss for loss in losses if math.isfinite(loss)), default=math.inf)
    finite = all(map(math.isfinite, losses))
    jumps = ratio > 4 * HUGE_STEP and worst > 1.2 * losses[0]
    if finite and not jumps and worst <= 2 * losses[0] + 0.5:
        return None
    trials = [_trial(case, rows, m, snapshot)[0] for m in (0.1, 0.01, 0.001)]
    calm = [t for t in trials if all(map(math.isfinite, t)) and max(t) < 1.5 * t[0] + 0.1]
    if not calm:
        return None
    return Finding(
        "huge-learning-rate", "error",
        f"{evidence} (threshold {HUGE_STEP}); in {len(losses) - 1} steps on one batch the loss goes "
        f"from {losses[0]:.2f} to {losses[-1]:.2f}, at most {worst:.2f}; with smaller steps not",
    )  # fmt: skip


def _trial(case: Case, rows, times: float, snapshot: Snapshot):
    """(losses, median step / weight, median step, adaptive) of some steps on one batch."""
    snapshot.restore()
    for group in case.optimizer.param_groups:
        group["lr"] = group["lr"] * times
    parameters = [p for p in case.model.parameters() if p.requires_grad]
    losses, ratio, size = [], 0.0, 0.0
    for step in range(TRIAL_STEPS + 1):
        loss, _ = _training_loss(case, rows)
        if loss is None or not loss.requires_grad:
            break
        losses.append(loss.item())
        if step == TRIAL_STEPS or not math.isfinite(losses[-1]):
            break
        case.optimizer.zero_grad()
        loss.backward()
        before = [p.detach().clone() for p in parameters] if step == 0 else None
        case.optimizer.step()
        if before:
            ratio, size = _median_step(parameters, before)
    adaptive = any("exp_avg_sq" in entry or "square_avg" in entry or "sum" in entry
                   for entry in case.optimizer.state.values())  # fmt: skip
    snapshot.restore()
    return losses, ratio, size, adaptive


def _median_step(parameters, before) -> tuple[float, float]:
    """The medians over matrices of |step| / |weight| and of |step|, where a gradient arrived."""
    ratios, sizes = [], []
    for p, old in zip(parameters, before, strict=True):
        moved = (p.detach() - old).double().abs()
        hit = moved > 0
        if p.dim() > 1 and hit.any() and old.abs().mean() > 0:
            sizes.append(moved[hit].mean().item())
            ratios.append(sizes[-1] / old.double().abs().mean().item())
    if not ratios:
        return 0.0, 0.0
    return sorted(ratios)[len(ratios) // 2], sorted(sizes)[len(sizes) // 2]
