"""Try a remedy for a moment: a bug whose symptom goes away with its remedy is that bug.

Each is a context manager; outside its block nothing has changed.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType
from unittest import mock

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# The functions that are on where nobody says ``training=``; alpha_dropout and its kin are off.
ON_BY_DEFAULT = (
    functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d,
)  # fmt: skip
KERNELS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
UNSAID = object()  # training=, where nobody said it; as true as the default


@contextmanager
def _kernels_replaced(kernel: Callable) -> Iterator[None]:
    """All dropout of ``functional`` calls kernel(plain, x, p, training), not the plain one."""
    plain = functional._VF

    class Kernels:
        def __getattr__(self, name: str):
            found = getattr(plain, name)
            return partial(kernel, found) if name.removesuffix("_") in KERNELS else found

    with mock.patch.object(functional, "_VF", Kernels()):
        yield


@contextmanager
def watching_dropout(note: Callable[[str], None]) -> Iterator[None]:
    """Call ``note`` for every dropout that is on: "default", "asked", "layer" or "attention".

    "default": ``dropout(x)`` without a word about training, whose default is to be on. The defaults
    stand in the functions themselves, so that it counts for those imported by name as well.
    """
    attend = functional.scaled_dot_product_attention

    def kernel(plain, x, p, training):
        if training and p > 0:
            note(_who_asked(sys._getframe(2), training))
        return plain(x, p, bool(training))

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, *args, **kwargs):
        if dropout_p > 0:
            note("attention")
        return attend(q, k, v, attn_mask, dropout_p, *args, **kwargs)

    with ExitStack() as stack:
        for function in ON_BY_DEFAULT:
            p, _, inplace = function.__defaults__
            unsaid = mock.patch.object(function, "__defaults__", (p, UNSAID, inplace))
            stack.enter_context(unsaid)
        stack.enter_context(_kernels_replaced(kernel))
        patch = mock.patch.object(functional, "scaled_dot_product_attention", attention)
        stack.enter_context(patch)
        yield


def _who_asked(caller: FrameType, training: object) -> str:
    """Who called a dropout function: a layer of PyTorch, or code that says training or does not."""
    if caller.f_globals.get("__name__", "").startswith("torch.nn."):
        return "layer"
    return "default" if training is UNSAID else "asked"


@contextmanager
def without_dropout() -> Iterator[None]:
    """No dropout, whatever the mode: the same question gets the same answer."""
    attend = functional.scaled_dot_product_attention

    def attention(q, k, v, attn_mask=None, dropout_p=0.0, *args, **kwargs):
        return attend(q, k, v, attn_mask, 0.0, *args, **kwargs)

    with (
        _kernels_replaced(lambda plain, x, p, training: x),
        mock.patch.object(functional, "scaled_dot_product_attention", attention),
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
