"""Verdicts about words that never reach the answer, and about their order."""

import torch

from practicum_utils.doctor.measure.probes import Probe
from practicum_utils.doctor.report import Finding
from practicum_utils.doctor.rules.padding import attention_on_padding

UNREAD = 1e-5  # a smaller change, in units of the spread, means that nothing was read
ENOUGH_ROWS = 4


def check_mask_direction(probe: Probe) -> Finding | None:
    """Is all the attention on the padding?"""
    shares = attention_on_padding(probe)
    inverted = [share for share in shares if share.min() > 0.99]
    if not inverted or not probe.padded.any():
        return None
    return Finding(
        "mask-inverted", "error",
        f"in rows with padding {float(inverted[0].min()):.0%} or more of the attention is on the "
        f"padding (threshold 99%)",
    )  # fmt: skip


def check_short_rows(probe: Probe) -> Finding | None:
    """Are there rows whose words can all be changed without any effect?"""
    rows = probe.usable
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
    rows = probe.usable & (probe.rows.lengths >= 3)
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


def check_order(probe: Probe) -> Finding | None:
    """Self-attention whose answer does not depend on the order of the words."""
    T = probe.real.shape[1]
    looks = [
        call for call in probe.trace.softmaxes if call.x.dim() > 2 and call.x.shape[-2:] == (T, T)
    ]
    rows = probe.usable & (probe.rows.lengths >= 4)
    if not looks or not rows.any() or T < 4:
        return None
    shuffled = _shuffled(probe)
    rows &= (shuffled != probe.rows.token_ids).sum(dim=1) >= 3  # or little was shuffled
    if not rows.any():
        return None
    answer = probe.try_to_ask(shuffled)
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
