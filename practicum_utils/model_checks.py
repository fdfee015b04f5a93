"""Verdicts about the model alone: its mode, its rows, its padding, its tokens, its order.

Each check takes a ``Probe`` and returns a finding or None. What it rests on is said in the finding.
"""

from unittest import mock

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from practicum_utils.findings import Finding
from practicum_utils.probes import SEED, Probe

UNREAD = 1e-5  # a smaller change, in units of the spread, means that nothing was read
ENOUGH_ROWS = 4


def check_repeats(probe: Probe) -> Finding | None:
    """The same question twice: from the same random numbers, then from others."""
    again = float(probe.change(probe.ask()).max())
    if again > probe.tolerance:
        return Finding(
            "state-carried-over", "error",
            f"the same batch, asked twice in evaluation mode from the same random numbers, gave "
            f"answers {again:.3f} standard deviations apart (threshold {probe.tolerance})",
        )  # fmt: skip
    other = float(probe.change(probe.ask(seed=SEED + 1)).max())
    if other <= probe.tolerance:
        return None
    return _noise(probe, other)


def _noise(probe: Probe, size: float) -> Finding:
    evidence = (
        f"two passes in evaluation mode differ by {size:.3f} standard deviations of the answers "
        f"(threshold {probe.tolerance})"
    )
    by_accident, on_purpose = _dropout_calls(probe)
    flagged = [name for name, part in probe.model.named_modules() if name and part.training]
    if by_accident:
        return Finding("dropout-always-on", "error", f"{evidence}; {by_accident}")
    if flagged:
        evidence += f"; {flagged[0]} stays in training mode after model.eval(), as in MC dropout"
        return Finding("dropout-always-on", "info", evidence)
    level = "info" if on_purpose else "warning"
    return Finding("dropout-always-on", level, evidence, cannot_tell="noise on purpose")


def _dropout_calls(probe: Probe) -> tuple[str, bool]:
    """What left dropout on by accident, if anything did; and whether somebody asked for it."""
    seen = []
    plain, plain_attention = functional.dropout, functional.scaled_dot_product_attention

    def dropout(x, p=0.5, training=None, inplace=False):
        if p > 0:
            seen.append("default" if training is None else "on" if training else "off")
        return plain(x, p, training is None or training, inplace)

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, *args, **kwargs):
        if dropout_p > 0:
            seen.append("attention")
        return plain_attention(q, k, v, attn_mask, dropout_p, *args, **kwargs)

    with mock.patch.multiple(functional, dropout=dropout, scaled_dot_product_attention=attention):
        probe.ask()
    if "default" in seen:
        return "dropout is called without training=, so it is on", False
    if "attention" in seen and not any(part.training for part in probe.model.modules()):
        return "scaled_dot_product_attention gets a dropout_p above 0", False
    return "", "on" in seen


def check_numbers(probe: Probe) -> Finding | None:
    """Is any answer not a number?"""
    bad = ~probe.base.isfinite().all(dim=1)
    if not bad.any():
        return None
    full = probe.real.all(dim=1)
    evidence = f"{int(bad.sum())} of {len(bad)} answers are not finite"
    if full.any() and not full.all() and bool((bad == full).all()):
        return Finding("mask-inverted", "error", f"{evidence}: exactly the rows without padding")
    if bool((bad == ~usable(probe)).all()):
        evidence += ": those of the rows without a word; remove these rows"
        return Finding("data", "warning", evidence, exact=False)
    broken = [name for name, p in probe.model.named_parameters() if not p.isfinite().all()]
    if broken:
        return Finding("step-size", "error", f"{evidence}; {broken[0]} holds them", exact=False,
                       cause="a step that was too large, earlier on", fix="build the model anew")  # fmt: skip
    return Finding("raises", "error", evidence, exact=False, cause="0 / 0, log 0 or an overflow",
                   fix="torch.autograd.detect_anomaly() names the place")  # fmt: skip


def usable(probe: Probe) -> torch.Tensor:
    """(B,) True on rows that have a word."""
    ids = probe.rows.token_ids
    words = (ids != probe.pad) if ids.dim() == 2 else torch.ones_like(probe.real)
    return (words & probe.real).any(dim=1)


# Batch mixing


def check_mixing(probe: Probe) -> Finding | None:
    """Does a row's answer move when the other rows change: their words, lengths, places?"""
    B = len(probe.rows.token_ids)
    if B < 2:
        return None
    words = _changed_by_other_words(probe)
    lengths = _changed_by_other_lengths(probe)
    places = _changed_by_other_places(probe)
    size = max(words, lengths, places)
    if size <= probe.tolerance:
        return None
    parts = f"words {words:.3f}, lengths {lengths:.3f}, order of the rows {places:.3f}"
    evidence = (
        f"a row's answer moves when only other rows change: {parts} standard deviations "
        f"(threshold {probe.tolerance})"
    )
    name, why = _name_mixing(probe, words, lengths, places)
    if name is None:
        return Finding("batch-mixing", "error", evidence, exact=False)
    return Finding(name, "error", f"{evidence}; {why}")


def _changed_by_other_words(probe: Probe) -> float:
    largest = 0.0
    for kept_row in (0, len(probe.rows.token_ids) // 2, len(probe.rows.token_ids) - 1):
        where = probe.real.clone()
        where[kept_row] = False
        answer = probe.try_to_ask(probe.with_other_words(where))
        if answer is not None:
            largest = max(largest, float(probe.change(answer)[kept_row]))
    return largest


def _changed_by_other_lengths(probe: Probe) -> float:
    """One other row is told to be shorter, the longest row stays, so that T stays."""
    longest = int(probe.rows.lengths.argmax())
    rows = [row for row in range(len(probe.rows.lengths)) if row != longest][:3]
    largest = 0.0
    for row in rows:
        lengths = probe.rows.lengths.clone()
        lengths[row] = max(1, int(lengths[row]) // 2)
        answer = probe.try_to_ask(probe.rows.token_ids, lengths)
        if answer is not None:
            change = probe.change(answer)
            change[row] = 0
            largest = max(largest, float(change.max()))
    return largest


def _changed_by_other_places(probe: Probe) -> float:
    order = torch.arange(len(probe.rows.lengths), device=probe.rows.lengths.device).roll(1)
    answer = probe.try_to_ask(probe.rows.token_ids[order], probe.rows.lengths[order])
    if answer is None:
        return 0.0
    return float(probe.change(answer, probe.base[order]).max())


def _name_mixing(probe: Probe, words: float, lengths: float, places: float):
    """(bug id, what shows it) from what happened inside the forward pass; (None, "") if unclear."""
    tolerance, trace = probe.tolerance, probe.trace
    B, T = probe.real.shape
    for call in trace.rnns:
        if (axis := _wrong_axis(call.rnn.batch_first, call.x, B)) is not None:
            return "batch-first-lstm", f"the RNN got {axis}, with batch_first={call.rnn.batch_first}"
    for layer, shape in trace.attentions:
        if len(shape) == 3 and shape[0 if not layer.batch_first else 1] == B and B != T:
            return "batch-first-attention", (
                f"the attention got {shape}, with batch_first={layer.batch_first}"
            )
    for call in trace.softmaxes:
        if call.x.shape[call.dims[0]] == B and B != T:
            if call.x.dim() > 2 and call.x.shape[-2:] == (B, B):
                return "batch-first-attention", f"attention weights of shape {tuple(call.x.shape)}"
            return "softmax-over-batch", (
                f"a softmax over axis {call.dims[0]} of {tuple(call.x.shape)}"
            )
    if words > tolerance:
        for view in trace.views:
            if _scrambles(view, B):
                return "view-not-transpose", f"a view from {view.before} to {view.after}"
        return None, ""
    if lengths > tolerance:
        return "lengths-of-another-row", "their lengths alone suffice"
    return "positions-over-batch", "only a row's place in the batch counts, not what the others say"


def _wrong_axis(batch_first: bool, x, B: int):
    if isinstance(x, PackedSequence) or not isinstance(x, torch.Tensor) or x.dim() != 3:
        return None
    batch_axis = 0 if batch_first else 1
    if x.shape[batch_axis] != B and x.shape[1 - batch_axis] == B:
        return tuple(x.shape)
    return None


def _scrambles(view, B: int) -> bool:
    """The batch axis stood behind another one and leads afterwards, without a transpose."""
    before, after = view
    if len(before) < 2 or not after or B not in before[1:] or before[0] == B:
        return False
    return before[0] > 1 and after[0] == B and len(after) < len(before) + 1


# Real tokens


def check_mask_direction(probe: Probe) -> Finding | None:
    """Is all the attention on the padding?"""
    shares = attention_on_padding(probe)
    inverted = [share for share in shares if share.min() > 0.99]
    if not inverted or not padded_rows(probe).any():
        return None
    return Finding(
        "mask-inverted", "error",
        f"in rows with padding {float(inverted[0].min()):.0%} or more of the attention is on the "
        f"padding (threshold 99%)",
    )  # fmt: skip


def padded_rows(probe: Probe) -> torch.Tensor:
    """(B,) True on rows that have words and padding."""
    return usable(probe) & ~probe.real.all(dim=1)


def attention_on_padding(probe: Probe) -> list[torch.Tensor]:
    """For each softmax over time: the mean weight on the padding, one number per padded row."""
    found = []
    for call in probe.trace.softmaxes:
        weights = _weights_by_row(probe, call)
        if weights is not None:
            found.append(weights)
    return found


def _weights_by_row(probe: Probe, call) -> torch.Tensor | None:
    B, T = probe.real.shape
    weights = call.out.detach().movedim(call.dims[0], -1)
    if weights.shape[-1] != T or not padded_rows(probe).any():
        return None
    if weights.dim() > 2 and weights.shape[-2] == T:  # (..., queries, keys): real queries count
        if weights.shape[0] % B:
            return None
        weights = weights.reshape(B, -1, T, T).float()
        real = probe.real[:, None, :, None]
        weights = (weights * real).sum(dim=2) / real.sum(dim=2).clamp(min=1)
    elif weights.shape[0] % B:
        return None
    weights = weights.reshape(B, -1, T).float().mean(dim=1)
    on_padding = (weights * ~probe.real).sum(dim=1)
    return on_padding[padded_rows(probe)].nan_to_num()


def check_short_rows(probe: Probe) -> Finding | None:
    """Are there rows whose words can all be changed without any effect?"""
    rows = usable(probe)
    change = probe.sensitivity(probe.real)
    if change is None or not rows.any():
        return None
    unread = (change.to(rows.device) <= UNREAD) & rows
    share = float(unread.sum() / rows.sum())
    longest = probe.rows.lengths == probe.rows.lengths[rows].max()
    if share < 0.5 or bool((unread & longest).any()) or not bool((rows & ~longest).any()):
        return None
    return Finding(
        "short-rows-lost", "error",
        f"in {int(unread.sum())} of {int(rows.sum())} rows every word can be changed without any "
        f"effect (threshold 50%); the longest rows are read",
    )  # fmt: skip


def check_last_token(probe: Probe) -> Finding | None:
    """Is the last real token read, as the one before it is?"""
    rows = usable(probe) & (probe.rows.lengths >= 3)
    if rows.sum() < ENOUGH_ROWS:
        return None
    last, before = (probe.sensitivity(probe.place(k), tries=4) for k in (0, 1))
    if last is None or before is None:
        return None
    unread = float((last.to(rows.device)[rows] <= UNREAD).float().mean())
    read = float((before.to(rows.device)[rows] > 10 * UNREAD).float().mean())
    if unread < 0.9 or read < 0.6:
        return None
    return Finding(
        "last-token-lost", "error",
        f"in {unread:.0%} of {int(rows.sum())} rows the last real token can be changed without any "
        f"effect (threshold 90%); the one before it is read in {read:.0%}",
    )  # fmt: skip


# Padding


def check_padding(probe: Probe) -> Finding | None:
    """Does the answer move with the number of places of padding?"""
    leak = padding_leak(probe)
    size = max(leak.values())
    if size <= probe.tolerance:
        return None
    parts = ", ".join(f"{name} {value:.3f}" for name, value in leak.items())
    evidence = (
        f"the padding moves the answers: {parts} standard deviations (threshold {probe.tolerance})"
    )
    if probe.left:
        return Finding("padding", "info", f"{evidence}; it stands before the text", exact=False)
    name, why = _name_leak(probe)
    if name is None:
        return Finding("padding", "error", evidence, exact=False)
    level = "error"
    if name == "max-over-padding" and not probe.trace.rnns and not _embedded_padding(probe).any():
        level, why = "info", f"{why}; the padding's vectors are zero, as in many CNNs on purpose"
    return Finding(name, level, f"{evidence}; {why}")


def padding_leak(probe: Probe) -> dict[str, float]:
    """How far the answers move: with more padding, and without any.

    Other ids in place of the padding prove nothing: a model may rely on the padding's zero vector.
    """
    rows = usable(probe).cpu()
    leak = {}
    for count in (1, 7):
        more = probe.try_to_ask(*probe.extended(count))
        leak[f"{count} more"] = 0.0 if more is None else _largest(probe.change(more), rows)
    leak["without"] = _without_padding(probe, rows)
    return leak


def _largest(change: torch.Tensor, rows: torch.Tensor) -> float:
    return float(change[rows].max()) if rows.any() else 0.0


def _without_padding(probe: Probe, rows: torch.Tensor) -> float:
    largest = 0.0
    for row in torch.nonzero(rows).flatten().tolist():
        answer = probe.alone(row)
        if answer is not None:
            largest = max(largest, float(probe.change(answer, probe.base[row : row + 1])[0]))
    return largest


def _name_leak(probe: Probe):
    """(bug id, what shows it); (None, "") where several would look the same."""
    with zero_padding_vector(probe) as changed:
        if changed and max(_fresh(probe).values()) <= probe.tolerance:
            return "padding-vector-not-zero", "with a zero vector for the padding it is gone"
    shares = [float(share.max()) for share in attention_on_padding(probe)]
    if shares and max(shares) > 1e-6:
        why = f"up to {max(shares):.0%} of a row's attention is on the padding"
        if _masked_afterwards(probe):
            return "mask-after-softmax", f"{why}, and is multiplied by 0 after the softmax"
        return "no-pad-mask", why
    if (name := _name_rnn_leak(probe)) is not None:
        return name
    for kind, name in (("mean", "mean-over-padding"), ("max", "max-over-padding"),
                       ("sum", "mean-over-padding"), ("last", "last-step-is-padding")):  # fmt: skip
        if (shape := _reduces_padding(probe, kind)) is not None:
            return name, f"a {kind} over all places of {shape}, padding included"
    return None, ""


def _fresh(probe: Probe) -> dict[str, float]:
    return padding_leak(Probe(probe.model, probe.forward, probe.rows, probe.pad, probe.left))


class zero_padding_vector:  # noqa: N801
    """Inside the block the padding has a zero vector in every embedding that reads the rows."""

    def __init__(self, probe: Probe):
        self.pad, ids = probe.pad, probe.rows.token_ids
        tables = {id(w): w for i, w in probe.trace.embedded if i.numel() == ids.numel()}
        self.tables = [w for w in tables.values() if 0 <= self.pad < len(w) and w[self.pad].any()]

    def __enter__(self) -> bool:
        self.rows = [table[self.pad].detach().clone() for table in self.tables]
        for table in self.tables:
            table.detach()[self.pad] = 0
        return bool(self.tables)

    def __exit__(self, *error):
        for table, row in zip(self.tables, self.rows, strict=True):
            table.detach()[self.pad] = row


def _embedded_padding(probe: Probe) -> torch.Tensor:
    """The vectors of the padding, of all embeddings that read the rows."""
    ids = probe.rows.token_ids
    tables = [w for i, w in probe.trace.embedded if i.numel() == ids.numel()]
    rows = [w[probe.pad].detach() for w in tables if 0 <= probe.pad < len(w)]
    return torch.cat([row.flatten() for row in rows]) if rows else torch.ones(1)


def _masked_afterwards(probe: Probe) -> bool:
    """Are weights on the padding multiplied by 0, so that the rest sums to less than 1?"""
    T = probe.real.shape[1]
    for call in probe.trace.softmaxes:
        if call.out is None or call.x.shape[call.dims[0]] != T:
            continue
        place = call.out.untyped_storage().data_ptr()
        for one, other, out in probe.trace.products:
            if one.untyped_storage().data_ptr() == place and out.shape == one.shape:
                if bool(((one != 0) & (out == 0)).any()):
                    return True
    return False


def _name_rnn_leak(probe: Probe):
    """An unpacked RNN reads the padding: does its backward reader, or is its end used?"""
    B, T = probe.real.shape
    calls = [call for call in probe.trace.rnns
             if isinstance(call.x, torch.Tensor) and call.x.dim() == 3 and T in call.x.shape[:2]]  # fmt: skip
    if not calls or any(_reduces_padding(probe, kind) for kind in ("mean", "max")):
        return None
    if any(call.rnn.bidirectional for call in calls):
        with packed_rnns(probe, backward_only=True):
            if max(_fresh(probe).values()) <= probe.tolerance:
                return "backward-reads-padding", (
                    "it is gone when the backward reader starts at each row's last word"
                )
    return "last-step-is-padding", f"the RNN reads all {T} places, and its end decides"


class packed_rnns:  # noqa: N801
    """Inside the block the backward half of every bidirectional RNN starts at the last word."""

    def __init__(self, probe: Probe, backward_only: bool):
        self.probe = probe
        self.hooks = []

    def __enter__(self):
        for part in self.probe.model.modules():
            if isinstance(part, nn.RNNBase) and part.bidirectional:
                self.hooks.append(part.register_forward_hook(self._mend))
        self.busy = False

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()

    def _mend(self, rnn, args, out):
        x = args[0]
        if self.busy or not isinstance(x, torch.Tensor) or x.dim() != 3:
            return None
        lengths = self._lengths(x, rnn.batch_first)
        if lengths is None:
            return None
        self.busy = True
        try:
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths, rnn.batch_first, False)
            states, last = rnn(packed)
            width = x.shape[1 if rnn.batch_first else 0]
            states, _ = nn.utils.rnn.pad_packed_sequence(
                states, rnn.batch_first, total_length=width
            )
        finally:
            self.busy = False
        H = states.shape[2] // 2
        return torch.cat([out[0][..., :H], states[..., H:]], dim=2), out[1]

    def _lengths(self, x, batch_first):
        """The lengths of these rows, which may be one of the rows alone."""
        rows = x.shape[0 if batch_first else 1]
        width = x.shape[1 if batch_first else 0]
        lengths = self.probe.rows.lengths.cpu().clamp(min=1)
        return lengths if rows == len(lengths) else torch.full((rows,), width)


def _reduces_padding(probe: Probe, kind: str) -> tuple[int, ...] | None:
    """The shape of what is reduced over all places, if the padding there is not blank."""
    B, T = probe.real.shape
    for call in probe.trace.reductions:
        if call.kind != kind or not any(call.x.shape[d] == T for d in call.dims):
            continue
        if call.x.dim() < 2 or call.x.shape[0] != B and B not in call.x.shape:
            continue
        if kind in ("sum", "max") and _blank_on_padding(probe, call, 0.0 if kind == "sum" else None):
            continue
        return tuple(call.x.shape)
    return None


def _blank_on_padding(probe: Probe, call, value: float | None) -> bool:
    dim = next(d for d in call.dims if call.x.shape[d] == probe.real.shape[1])
    x = call.x.detach().movedim(dim, 1) if dim else call.x.detach().transpose(0, 1)
    if x.shape[:2] != probe.real.shape:
        return False
    at_padding = x[~probe.real]
    if value is None:
        return bool((at_padding <= -1e4).all()) or bool((at_padding == 0).all())
    return bool((at_padding == value).all())


# Order


def check_order(probe: Probe) -> Finding | None:
    """Self-attention whose answer does not depend on the order of the words."""
    T = probe.real.shape[1]
    looks = [call for call in probe.trace.softmaxes if call.x.dim() > 2 and call.x.shape[-2:] == (T, T)]
    rows = usable(probe) & (probe.rows.lengths >= 4)
    if not looks or not rows.any() or T < 4:
        return None
    answer = probe.try_to_ask(_shuffled(probe))
    if answer is None:
        return None
    moved = float(probe.change(answer)[rows.cpu()].max())
    if moved > probe.tolerance / 10:
        return None
    return Finding(
        "no-positions", "warning",
        f"shuffling the words moves the answers by {moved:.1e} standard deviations (threshold "
        f"{probe.tolerance / 10:.1e}), although the model has self-attention",
    )  # fmt: skip


def _shuffled(probe: Probe) -> torch.Tensor:
    ids = probe.rows.token_ids.clone()
    for row in range(len(ids)):
        places = torch.nonzero(probe.real[row]).flatten()
        order = torch.randperm(len(places), generator=probe.draw).to(places.device)
        ids[row, places] = probe.rows.token_ids[row, places[order]]
    return ids
