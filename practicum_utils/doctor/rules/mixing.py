"""Verdicts about rows that depend on the other rows of their batch."""

import torch
from torch.nn.utils.rnn import PackedSequence

from practicum_utils.doctor.measure.probes import Probe
from practicum_utils.doctor.report import Finding


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
    name, why = _name_mixing(probe, words, lengths)
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


def _name_mixing(probe: Probe, words: float, lengths: float):
    """(bug id, what shows it) from what happened inside the forward pass; (None, "") if unclear."""
    tolerance, trace = probe.tolerance, probe.trace
    B, T = probe.real.shape
    for call in trace.rnns:
        if (axis := _wrong_axis(call.rnn.batch_first, call.x, B)) is not None:
            return (
                "batch-first-lstm",
                f"the RNN got {axis}, with batch_first={call.rnn.batch_first}",
            )
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


def _wrong_axis(batch_first: bool, x, rows: int):
    if isinstance(x, PackedSequence) or not isinstance(x, torch.Tensor) or x.dim() != 3:
        return None
    batch_axis = 0 if batch_first else 1
    if x.shape[batch_axis] != rows and x.shape[1 - batch_axis] == rows:
        return tuple(x.shape)
    return None


def _scrambles(view, rows: int) -> bool:
    """A view that should have been a transpose: it moves the batch axis, and the numbers stay."""
    before, after = view
    if len(before) < 2 or not after:
        return False
    if before[0] == rows:
        return len(after) > 2 and before[:2] == after[1::-1] and before[0] != before[1]
    return rows in before[1:] and before[0] > 1 and after[0] == rows and len(after) <= len(before)
