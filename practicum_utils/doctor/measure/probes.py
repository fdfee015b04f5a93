"""Measurements on a model: how its answers move when one thing about the batch is changed.

Every question is asked in evaluation mode, without gradients, from the same random numbers. Answers
are compared in units of their own spread, so that 1 is a large change and 1e-6 is rounding. Nothing
here judges.
"""

from collections.abc import Callable
from contextlib import contextmanager
from functools import cached_property
from unittest import mock

import torch
from torch import nn
from torch.nn import functional

from practicum_utils.doctor.adapters import Rows, logits_of
from practicum_utils.doctor.measure.trace import LOW, LinearCall, Trace, head_of, traced

SEED = 20_240


@contextmanager
def watching_linears():
    """Collect the calls of linear layers inside the block."""
    calls, plain = [], functional.linear

    def linear(x, weight, bias=None):
        out = plain(x, weight, bias)
        calls.append(LinearCall(x, weight, out))
        return out

    with mock.patch.object(functional, "linear", linear):
        yield calls


def _made_one_by_one(before: torch.Tensor, logits: torch.Tensor) -> bool:
    """Are the logits a rising function of these numbers, each of its own (and not the same)?

    A model may sort its rows inside; then the two do not stand in the same order.
    """
    before, logits = before.flatten().double(), logits.flatten().double()
    order = before.argsort()
    return bool((logits[order].diff() >= 0).all()) and not torch.equal(before, logits)


class Probe:
    """A model and a few rows to ask it about.

    forward: (model, token_ids, lengths) -> output.  rows: on the model's device.
    pad: the id at the places without a word.  left: True if the padding stands before the text.
    """

    def __init__(self, model: nn.Module, forward: Callable, rows: Rows, pad: int, left: bool):
        self.model, self.forward, self.rows = model, forward, rows
        self.pad, self.left = pad, left
        self.draw = torch.Generator().manual_seed(SEED)

    def ask(self, ids=None, lengths=None, seed: int = SEED) -> torch.Tensor:
        """The answers (B, K) in float64: the logits, and beside them what made them.

        The output of the last linear layer tells more than a logit that an activation has cut off.
        """
        ids = self.rows.token_ids if ids is None else ids
        lengths = self.rows.lengths if lengths is None else lengths
        torch.manual_seed(seed)
        with torch.no_grad(), watching_linears() as calls:
            logits = logits_of(self.forward(self.model, ids, lengths))
        head = head_of(calls, logits)
        if not hasattr(self, "has_head"):
            self.has_head = head is not None and _made_one_by_one(head.out, logits)
        parts = [logits, head.out] if self.has_head else [logits]
        return torch.cat([part.reshape(len(ids), -1).double() for part in parts], dim=1)

    def try_to_ask(self, *args, **kwargs) -> torch.Tensor | None:
        """The same, or None where the model cannot take such a batch."""
        try:
            return self.ask(*args, **kwargs)
        except Exception:  # a model's own refusal of an unusual batch, whatever its kind
            return None

    @cached_property
    def base(self) -> torch.Tensor:
        """The answers to the rows as they came."""
        return self.ask()

    @cached_property
    def spread(self) -> torch.Tensor:
        """(K,) the standard deviation of each answer over rows and over other words in them."""
        answers = [self.base]
        for _ in range(3):
            other = self.try_to_ask(self.with_other_words(self.real))
            if other is not None:
                answers.append(other)
        answers = torch.cat(answers)
        numbers = answers[answers.isfinite().all(dim=1)]
        return numbers.std(dim=0, correction=0) if len(numbers) else torch.zeros_like(answers[0])

    @cached_property
    def coarse(self) -> bool:
        """True if the model computes in 16 bits somewhere."""
        return self.trace.coarse or any(p.dtype in LOW for p in self.model.parameters())

    @cached_property
    def trace(self) -> Trace:
        """What happened inside the forward pass of the rows."""
        torch.manual_seed(SEED)
        with traced() as trace:
            self.trace_logits = logits_of(
                self.forward(self.model, self.rows.token_ids, self.rows.lengths)
            ).detach()
        return trace

    def change(self, answers: torch.Tensor, base: torch.Tensor | None = None) -> torch.Tensor:
        """(B,) how far each row's answer moved, in units of the spread; inf where it became NaN."""
        base = self.base if base is None else base
        known = self.spread > self.floor
        if not known.any():
            return torch.zeros(len(base), dtype=torch.double)
        moved = ((answers - base).abs() / self.spread.clamp(min=1e-300))[:, known]
        both = answers.isnan()[:, known] & base.isnan()[:, known]
        return moved.masked_fill(both, 0).nan_to_num(nan=torch.inf).amax(dim=1).cpu()

    @cached_property
    def floor(self) -> torch.Tensor:
        """(K,) answers that spread less than this cannot be told from rounding."""
        return self._size * (5e-2 if self.coarse else 1e-4) + 1e-12

    @cached_property
    def tolerance(self) -> float:
        """A change above this, in units of the spread, is not rounding."""
        known = self.spread > self.floor
        if not known.any():
            return 1.0
        relative = float((self._size / self.spread.clamp(min=1e-300))[known].max())
        rounding, least = (0.04, 0.1) if self.coarse else (6e-6, 1e-3)
        return round(max(least, rounding * relative), 4)

    @cached_property
    def _size(self) -> torch.Tensor:
        return self.base.nan_to_num(posinf=0, neginf=0).abs().amax(dim=0)

    # The rows, changed.

    @cached_property
    def real(self) -> torch.Tensor:
        """(B, T) bool, True on real tokens."""
        ids, lengths = self.rows.token_ids, self.rows.lengths
        places = torch.arange(ids.shape[1], device=ids.device)
        if self.left:
            return places >= ids.shape[1] - lengths.unsqueeze(1)
        return places < lengths.unsqueeze(1)

    @cached_property
    def usable(self) -> torch.Tensor:
        """(B,) True on rows that have a word."""
        ids = self.rows.token_ids
        words = (ids != self.pad) if ids.dim() == 2 else torch.ones_like(self.real)
        return (words & self.real).any(dim=1)

    @property
    def padded(self) -> torch.Tensor:
        """(B,) True on rows that have words and padding."""
        return self.usable & ~self.real.all(dim=1)

    @cached_property
    def words(self) -> torch.Tensor:
        """The ids of the real tokens, to draw from; (N,) or (N, features)."""
        words = self.rows.token_ids[self.real]
        if words.dim() > 1:
            return words
        real = words[words != self.pad]
        return real if len(real) else words

    def with_other_words(self, where: torch.Tensor) -> torch.Tensor:
        """The token ids, with other words of the batch at the places ``where`` (B, T)."""
        ids = self.rows.token_ids.clone()
        count = int(where.sum())
        drawn = torch.randint(len(self.words), (count,), generator=self.draw)
        ids[where] = self.words[drawn.to(ids.device)]
        return ids

    def place(self, from_the_end: int) -> torch.Tensor:
        """(B, T) True at one place of each row: 0 the last real token, 1 the one before."""
        T = self.rows.token_ids.shape[1]
        places = torch.arange(T, device=self.rows.lengths.device)
        lengths = torch.full_like(self.rows.lengths, T) if self.left else self.rows.lengths
        return (places == lengths.unsqueeze(1) - 1 - from_the_end) & self.real

    def extended(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids with ``count`` more places of padding, and the same lengths."""
        ids = self.rows.token_ids
        more = ids.new_full((ids.shape[0], count, *ids.shape[2:]), self.pad)
        parts = [more, ids] if self.left else [ids, more]
        return torch.cat(parts, dim=1), self.rows.lengths

    def alone(self, row: int) -> torch.Tensor | None:
        """(1, K) the answer to one row by itself, without padding."""
        length = max(int(self.rows.lengths[row]), 1)
        ids = self.rows.token_ids[row : row + 1]
        ids = ids[:, -length:] if self.left else ids[:, :length]
        answer = self.try_to_ask(ids, self.rows.lengths[row : row + 1])
        if answer is None:  # a squeeze too many forgets a batch of one; ask about twins
            pair = self.try_to_ask(ids.repeat(2, *[1] * (ids.dim() - 1)),
                                   self.rows.lengths[[row, row]])  # fmt: skip
            answer = None if pair is None else pair[:1]
        return answer

    def sensitivity(self, where: torch.Tensor, tries: int = 3) -> torch.Tensor | None:
        """(B,) the largest change of each row's answer over some other words at ``where``."""
        changes = []
        for _ in range(tries):
            answer = self.try_to_ask(self.with_other_words(where))
            if answer is None:
                return None
            changes.append(self.change(answer))
        return torch.stack(changes).amax(dim=0)
