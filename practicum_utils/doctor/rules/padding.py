"""Verdicts about padding that moves the answers."""

import torch

from practicum_utils.doctor.measure.mending import mended_backward_readers, zero_padding_vector
from practicum_utils.doctor.measure.probes import Probe
from practicum_utils.doctor.report import Finding


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
    if weights.shape[-1] != T or not probe.padded.any():
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
    return on_padding[probe.padded].nan_to_num()


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
    convolution = not probe.trace.rnns and not attention_on_padding(probe)
    if name == "max-over-padding" and convolution and not _embedded_padding(probe).any():
        level, why = "info", f"{why}; the padding's vectors are zero, as in many CNNs on purpose"
    return Finding(name, level, f"{evidence}; {why}")


def padding_leak(probe: Probe) -> dict[str, float]:
    """How far the answers move: with more padding, and without any.

    Other ids in place of the padding prove nothing: a model may rely on the padding's zero vector.
    """
    rows = probe.usable.cpu()
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
    if tables := _padding_tables(probe):
        with zero_padding_vector(tables, probe.pad):
            if max(_fresh(probe).values()) <= probe.tolerance:
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


def _padding_tables(probe: Probe) -> list[torch.Tensor]:
    """The embeddings that read the rows and give the padding a vector that is not zero."""
    ids = probe.rows.token_ids
    tables = {id(w): w for i, w in probe.trace.embedded if i.numel() == ids.numel()}
    return [w for w in tables.values() if 0 <= probe.pad < len(w) and w[probe.pad].any()]


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
        for one, out in probe.trace.products:
            if one.untyped_storage().data_ptr() == place and out.shape == one.shape:
                if bool(((one != 0) & (out == 0)).any()):
                    return True
    return False


def _name_rnn_leak(probe: Probe):
    """An unpacked RNN reads the padding: is it gone when backward readers skip what comes first?"""
    B, T = probe.real.shape
    unpacked = [call for call in probe.trace.rnns if isinstance(call.x, torch.Tensor)]
    calls = [call for call in unpacked if call.x.dim() == 3 and T in call.x.shape[:2]]
    if not calls or any(_reduces_padding(probe, kind) for kind in ("mean", "max")):
        return None
    with mended_backward_readers(_fillers(probe, calls)):
        if max(_fresh(probe).values()) <= probe.tolerance:
            return "backward-reads-padding", (
                "it is gone when the backward reader starts at each row's last word"
            )
    return "last-step-is-padding", f"the RNN reads all {T} places, and its end decides"


def _fillers(probe: Probe, calls) -> dict:
    """For each RNN the vector that it gets at the padding, on whichever side that stands."""
    fillers = {}
    for call in calls:
        x = (call.x if call.rnn.batch_first else call.x.transpose(0, 1)).detach()
        for rows in (x, x.flip(1)):
            if rows.shape[:2] == probe.real.shape:
                values = rows[~probe.real]
                if len(values) and bool((values == values[0]).all()):
                    fillers[call.rnn] = values[0]
    return fillers


def _reduces_padding(probe: Probe, kind: str) -> tuple[int, ...] | None:
    """The shape of what is reduced over all places, if the padding there is not blank."""
    B, T = probe.real.shape
    for call in probe.trace.reductions:
        if call.kind != kind or not any(call.x.shape[d] == T for d in call.dims):
            continue
        if call.x.dim() < 2 or (call.x.shape[0] != B and B not in call.x.shape):
            continue
        if kind in ("sum", "max") and _blank_on_padding(
            probe, call, 0.0 if kind == "sum" else None
        ):
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
