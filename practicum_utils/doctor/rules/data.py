"""Verdicts about token ids and lengths, before any model sees them."""

import torch

from practicum_utils.doctor.case import Case, declared_pad
from practicum_utils.doctor.report import Finding

TEXT_SHARE = 0.35  # of all tokens that the commonest tenth of the words have in any language
MOST_ROWS, CUT_ROWS = 0.95, 0.9


def check_lengths_fit(case: Case) -> Finding | None:
    """Do the lengths end where the padding begins?"""
    if case.left or case.rows[0].token_ids.dim() != 2:
        return None
    pad = declared_pad(case.model)
    said = torch.cat([lengths for _, lengths, _ in case.rows])
    ends = [_end_of(ids, pad) for ids, _, _ in case.rows]
    found = torch.cat(ends)
    different = int((said != found).sum())
    evidence = f"{different} of {len(said)} lengths do not end where the padding (id {pad}) begins"
    pairs = zip(case.rows, ends, strict=True)
    shuffled = all(torch.equal(r.lengths.sort().values, e.sort().values) for r, e in pairs)
    if different and shuffled:
        evidence += "; in another order of the rows all of them do"
        return Finding("lengths-of-another-row", "error", evidence)
    inside = found > 1
    short = float((said[inside] == found[inside] - 1).double().mean()) if inside.any() else 0.0
    if len(said) < 8 or short < MOST_ROWS:
        return None
    evidence += f"; {short:.0%} are one too short (threshold {MOST_ROWS:.0%})"
    return Finding("last-token-lost", "warning", evidence, cannot_tell="an end mark left out")


def _end_of(ids: torch.Tensor, pad: int) -> torch.Tensor:
    """(B,) the place after the last token that is not the padding, at least 1."""
    places = torch.arange(1, ids.shape[1] + 1, device=ids.device)
    return ((ids != pad) * places).amax(dim=1).clamp(min=1)


def check_pad_is_a_word(case: Case) -> Finding | None:
    """Does the id of the padding stand inside the texts?"""
    inside = total = rows_hit = padding = 0
    distinct = len(torch.cat([ids.flatten() for ids in case.texts]).unique())
    for ids, lengths, _ in case.rows:
        if ids.dim() != 2 or case.left:
            return None
        places = torch.arange(ids.shape[1], device=ids.device)
        is_word = ids != case.pad
        # Behind the last other word the id may be the end mark, as where both are one token.
        last = (is_word * (places + 1)).amax(dim=1)
        real = places < torch.minimum(lengths, last).unsqueeze(1)
        padding += int((places >= lengths.unsqueeze(1)).sum())
        hit = real & ~is_word
        inside, total = inside + int(hit.sum()), total + int(real.sum())
        rows_hit += int(hit.any(dim=1).sum())
    if not padding or not total or inside < 3 or inside < 0.004 * total:
        return None
    # Ids drawn evenly, as in a toy, hit the padding now and then; words that start at its id often.
    threshold = 0.004 if reads_like_text(case) else max(0.01, 2 / distinct)
    return Finding(
        "pad-is-a-word", "error" if inside > threshold * total else "info",
        f"the padding has the id {case.pad}, and so have {inside} of {total} tokens inside the "
        f"texts, in {rows_hit} rows (threshold {threshold:.1%})",
    )  # fmt: skip


def check_unknown(case: Case) -> Finding | None:
    """Is one id nearly everything?"""
    parts = [
        ids[_within(ids, lengths, case.left)] for ids, lengths, _ in case.rows if ids.dim() == 2
    ]
    words = torch.cat(parts).long() if parts else torch.empty(0)
    words = words[words != case.pad]
    if len(words) < 200:
        return None
    commonest = words.mode().values
    share = float((words == commonest).double().mean())
    if share < 0.5:
        return None
    return Finding(
        "unk-flood", "error",
        f"{share:.0%} of {len(words)} tokens are the id {int(commonest)} (threshold 50%)",
    )  # fmt: skip


def reads_like_text(case: Case) -> bool:
    """Are few words common and most rare, as in a text and not in numbers drawn evenly?"""
    words = torch.cat([ids[ids != case.pad] for ids in case.texts]).long()
    counts = torch.bincount(words).sort(descending=True).values
    tenth = -(-int((counts > 0).sum()) // 10)
    return float(counts[:tenth].sum() / counts.sum()) > TEXT_SHARE


def _within(ids, lengths, left) -> torch.Tensor:
    places = torch.arange(ids.shape[1], device=ids.device)
    if left:
        return places >= ids.shape[1] - lengths.unsqueeze(1)
    return places < lengths.unsqueeze(1)


def check_lengths(case: Case) -> Finding | None:
    """Is anything left of the texts?"""
    lengths = torch.cat([lengths for _, lengths, _ in case.rows])
    if len(lengths) < 8:
        return None
    blank = [(ids == case.pad).all(dim=1) for ids, _, _ in case.rows if ids.dim() == 2]
    empty = float(torch.cat(blank).double().mean()) if blank else 0.0
    if empty > 0.5:
        evidence = f"{empty:.0%} of {len(lengths)} rows have no word (threshold 50%)"
        return Finding("reviews-cut-to-nothing", "error", evidence)
    if int(lengths.max()) > 3:
        return None
    # A cut leaves texts of one length, and short texts are of several.
    cut = float((lengths == lengths.max()).double().mean()) > CUT_ROWS
    level = "warning" if cut and reads_like_text(case) else "info"
    evidence = f"no text has more than {int(lengths.max())} tokens (threshold 3)"
    return Finding("reviews-cut-to-nothing", level, evidence)
