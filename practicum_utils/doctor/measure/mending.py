"""Try a remedy for a moment: a bug whose symptom goes away with its remedy is that bug.

Each is a context manager; outside its block nothing has changed.
"""

import itertools
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

DROPOUTS = nn.modules.dropout._DropoutNd


class _Kernels:
    """Stands in for the table from which ``functional.dropout`` takes its kernel."""

    def __init__(self, plain, dropout: Callable):
        self._plain, self.dropout, self.dropout_ = plain, dropout, dropout

    def __getattr__(self, name: str):
        return getattr(self._plain, name)


@contextmanager
def watching_dropout(note: Callable[[str], None]) -> Iterator[None]:
    """Call ``note`` for every dropout that is on: "default", "asked", "layer" or "attention".

    "default": ``dropout(x)`` without a word about training, whose default is to be on.
    """
    plain, attend = functional._VF, functional.scaled_dot_product_attention

    def dropout(x, p, train):
        if train and p > 0:
            note(_who_asked(sys._getframe(2)))
        return plain.dropout(x, p, train)

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, *args, **kwargs):
        if dropout_p > 0:
            note("attention")
        return attend(q, k, v, attn_mask, dropout_p, *args, **kwargs)

    with mock.patch.multiple(
        functional, _VF=_Kernels(plain, dropout), scaled_dot_product_attention=attention
    ):
        yield


def _who_asked(frame) -> str:
    """Who called ``functional.dropout``: a layer, or a line that does or does not say training."""
    if isinstance(frame.f_locals.get("self"), DROPOUTS):
        return "layer"
    lines = [linecache.getline(frame.f_code.co_filename, frame.f_lineno + k) for k in range(3)]
    text = "".join(lines).partition("dropout(")[2]
    if not text:
        return "asked"
    opened = itertools.accumulate(((s == "(") - (s == ")") for s in text), initial=1)
    arguments = "".join(s for s, depth in zip(text, opened, strict=False) if depth > 0)
    return "asked" if "train" in arguments or "True" in arguments else "default"


@contextmanager
def without_dropout() -> Iterator[None]:
    """No dropout, whatever the mode: the same question gets the same answer."""
    plain, attend = functional._VF, functional.scaled_dot_product_attention

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, *args, **kwargs):
        return attend(q, k, v, attn_mask, 0.0, *args, **kwargs)

    with mock.patch.multiple(
        functional,
        _VF=_Kernels(plain, lambda x, p, train: x),
        scaled_dot_product_attention=attention,
    ):
        yield


@contextmanager
def zero_padding_vector(tables: list[torch.Tensor], pad: int) -> Iterator[None]:
    """The padding has a zero vector in these embeddings."""
    rows = [table[pad].detach().clone() for table in tables]
    try:
        for table in tables:
            table.detach()[pad] = 0
        yield
    finally:
        for table, row in zip(tables, rows, strict=True):
            table.detach()[pad] = row


@contextmanager
def mended_backward_readers(fillers: dict[nn.RNNBase, torch.Tensor]) -> Iterator[None]:
    """RNNs that read a row from its end skip the padding they would meet first.

    fillers: for each RNN the vector (E,) that it gets at the places of padding.
    The backward half of a bidirectional RNN starts at each row's last word; a one-way RNN on rows
    that were turned around (so that padding leads) starts behind it.
    """
    busy = []

    def mend(rnn, args, out):
        x = args[0] if args else None
        if busy or not isinstance(x, torch.Tensor) or x.dim() != 3:
            return None
        busy.append(rnn)
        try:
            return _mended(rnn, x, out, fillers[rnn])
        finally:
            busy.pop()

    hooks = [rnn.register_forward_hook(mend) for rnn in fillers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _mended(rnn: nn.RNNBase, x: torch.Tensor, out, filler: torch.Tensor):
    rows = x if rnn.batch_first else x.transpose(0, 1)  # (B, T, E)
    T = rows.shape[1]
    if rnn.bidirectional:
        states, last = _run_packed(rnn, rows, T - _leading(rows.flip(1), filler))
        H = states.shape[2] // 2
        plain = out[0] if rnn.batch_first else out[0].transpose(0, 1)
        states, last = torch.cat([plain[..., :H], states[..., H:]], dim=2), out[1]
    else:
        lead = _leading(rows, filler)
        states, last = _run_packed(rnn, _rolled(rows, lead), T - lead)
        states = _rolled(states, -lead)
    return (states if rnn.batch_first else states.transpose(0, 1)), last


def _run_packed(rnn: nn.RNNBase, rows: torch.Tensor, lengths: torch.Tensor):
    """The RNN on the first ``lengths`` vectors of each row: states (B, T, H), zeros behind."""
    if not rnn.batch_first:
        rows = rows.transpose(0, 1)
    packed = pack_padded_sequence(rows, lengths.cpu(), rnn.batch_first, enforce_sorted=False)
    states, last = rnn(packed)
    T = rows.shape[1 if rnn.batch_first else 0]
    return pad_packed_sequence(states, batch_first=True, total_length=T)[0], last


def _rolled(rows: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Each row (T, E) turned to the left by its own number of steps."""
    places = torch.arange(rows.shape[1], device=rows.device) + steps.unsqueeze(1)
    return rows.gather(1, (places % rows.shape[1]).unsqueeze(2).expand_as(rows))


def _leading(rows: torch.Tensor, filler: torch.Tensor) -> torch.Tensor:
    """(B,) how many vectors at the start of each row are the filler; at least one is not."""
    same = (rows - filler).abs().amax(dim=2) < 1e-6
    return same.long().cumprod(dim=1).sum(dim=1).clamp(max=rows.shape[1] - 1)
