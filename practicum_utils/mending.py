"""Try a remedy for a moment: a bug whose symptom goes away with its remedy is that bug.

Each is a context manager; outside its block nothing has changed.
"""

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
    depth, end = 1, 0
    for end, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            break
    arguments = text[:end]
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
def mended_backward_readers(model: nn.Module) -> Iterator[None]:
    """RNNs that read a row from its end skip the padding they would meet first.

    The backward half of a bidirectional RNN starts at each row's last word; a one-way RNN on rows
    that were turned around (so that equal vectors lead) starts behind these.
    """
    busy = []

    def mend(rnn, args, out):
        x = args[0] if args else None
        if busy or not isinstance(x, torch.Tensor) or x.dim() != 3:
            return None
        busy.append(rnn)
        try:
            return _mended(rnn, x, out)
        finally:
            busy.pop()

    layers = [part for part in model.modules() if isinstance(part, nn.RNNBase)]
    hooks = [layer.register_forward_hook(mend) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _mended(rnn: nn.RNNBase, x: torch.Tensor, out):
    rows = x if rnn.batch_first else x.transpose(0, 1)  # (B, T, E)
    T = rows.shape[1]
    if rnn.bidirectional:
        lengths = T - _run_of_equals(rows.flip(1))
        packed = pack_padded_sequence(rows, lengths.cpu(), True, False)
        states, last = _run_batch_first(rnn, packed, T)
        H = states.shape[2] // 2
        plain = out[0] if rnn.batch_first else out[0].transpose(0, 1)
        states = torch.cat([plain[..., :H], states[..., H:]], dim=2)
        return (states if rnn.batch_first else states.transpose(0, 1)), out[1]
    lead = _run_of_equals(rows)
    places = (torch.arange(T, device=x.device) + lead.unsqueeze(1)) % T
    moved = rows.gather(1, places.unsqueeze(2).expand_as(rows))
    packed = pack_padded_sequence(moved, (T - lead).cpu(), True, False)
    states, last = _run_batch_first(rnn, packed, T)
    back = (torch.arange(T, device=x.device) - lead.unsqueeze(1)) % T
    states = states.gather(1, back.unsqueeze(2).expand_as(states))
    return (states if rnn.batch_first else states.transpose(0, 1)), last


def _run_batch_first(rnn: nn.RNNBase, packed, T: int):
    states, last = rnn(packed)
    return pad_packed_sequence(states, batch_first=True, total_length=T)[0], last


def _run_of_equals(rows: torch.Tensor) -> torch.Tensor:
    """(B,) how many vectors at the start equal that of the row with the longest such run."""
    same = (rows == rows[:, :1]).all(dim=2).long().cumprod(dim=1).sum(dim=1)  # (B,)
    same = same.where(same > 1, torch.zeros_like(same))
    if not same.any():
        return same
    filler = rows[same.argmax(), 0]
    lead = (rows == filler).all(dim=2).long().cumprod(dim=1).sum(dim=1)
    return lead.clamp(max=rows.shape[1] - 1)
