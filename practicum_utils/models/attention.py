"""Attention as plain functions: weights from scores, a pooled vector, self-attention, positions.

A mask is True on real tokens. The scores of padding become minus infinity before the softmax, so
that the weights there are exactly 0. Weights are returned before any dropout; their rows sum to 1.
"""

import math

import torch
from torch.nn import functional


def masked_softmax(scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Turn scores (..., T) into weights (..., T) that sum to 1 and are exactly 0 on padding.

    mask: bool, broadcastable to the scores.  Raises ValueError for a row without a real token,
    where the softmax would divide 0 by 0.
    """
    _refuse_empty_rows(mask)
    return torch.softmax(scores.masked_fill(~mask, -math.inf), dim=-1)


def attention_pool(
    states: torch.Tensor, scores: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum up states (B, T, H) by the softmax of scores (B, T): pooled (B, H), weights (B, T).

    Each pooled vector is a convex combination of its row's states. Bahdanau et al. 2015.
    """
    weights = masked_softmax(scores, mask)
    pooled = (weights.unsqueeze(1) @ states).squeeze(1)  # (B, 1, T) @ (B, T, H) -> (B, H)
    return pooled, weights


def self_attention(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None = None,
    return_weights: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Let every query look at all keys: (..., T, D) thrice -> (..., T, D), weights (..., T, T).

    softmax(Q K^T / sqrt(D)) V, Vaswani et al. 2017.  mask: bool, broadcastable to the weights.
    The weights are None unless asked for: PyTorch's fused kernel, which never writes them down,
    is several times faster. Raises ValueError for a row in which no key is real.
    """
    if mask is not None:
        _refuse_empty_rows(mask)
        mask = torch.atleast_2d(mask)  # the fused kernel takes no mask of one dimension
    if not return_weights:
        return functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask), None
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1])
    weights = scores.softmax(dim=-1) if mask is None else masked_softmax(scores, mask)
    return weights @ values, weights


def positional_encoding(length: int, size: int) -> torch.Tensor:
    """Return the sines and cosines (length, size) that tell positions apart; Vaswani et al. 2017.

    Column 2k holds sin(t / 10000^(2k / size)), column 2k + 1 the cosine of the same.
    """
    if size % 2:
        raise ValueError(f"size is {size}; sines and cosines come in pairs, so it must be even.")
    positions = torch.arange(length).unsqueeze(1)  # (T, 1)
    rates = 10_000 ** (-torch.arange(0, size, 2) / size)  # (E / 2,), from fast to slow
    angles = positions * rates  # (T, E / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def _refuse_empty_rows(mask: torch.Tensor) -> None:
    has_token = mask.any(dim=-1)
    if not has_token.all():
        row = int(torch.nonzero(~has_token)[0, 0]) if has_token.dim() else 0
        raise ValueError(
            f"Row {row} of the batch has no real token, only padding, so there is nothing to "
            "attend to; remove empty reviews first."
        )
