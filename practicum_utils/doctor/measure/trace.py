"""What happened inside one forward pass: attention weights, reductions, views, linear layers, RNNs.

Recorded below the level of layers, so that a softmax written by hand is seen as well as that of
``nn.MultiheadAttention``. Nothing here judges.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from unittest import mock

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules import module as module_hooks
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
LOW = (torch.bfloat16, torch.float16)


class Reduction(NamedTuple):
    """A mean, sum, maximum, softmax or the like: its input, the axes, and what came out."""

    kind: str
    x: torch.Tensor
    dims: tuple[int, ...]
    out: torch.Tensor | None = None


class View(NamedTuple):
    """The shapes before and after a view or reshape."""

    before: tuple[int, ...]
    after: tuple[int, ...]


class LinearCall(NamedTuple):
    """One linear layer at work. layer: its weight."""

    x: torch.Tensor
    weight: torch.Tensor
    out: torch.Tensor


class RnnCall(NamedTuple):
    """One recurrent layer at work."""

    rnn: nn.RNNBase
    x: object
    out: object


class AttentionCall(NamedTuple):
    """A call of ``nn.MultiheadAttention``: the layer, and the shape of its queries."""

    layer: nn.MultiheadAttention
    shape: tuple[int, ...]


class Trace(TorchDispatchMode):
    """Records one forward pass while it is active; read its lists afterwards."""

    def __init__(self):
        super().__init__()
        self.softmaxes: list[Reduction] = []
        self.reductions: list[Reduction] = []
        self.products: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.views: list[View] = []
        self.linears: list[LinearCall] = []
        self.rnns: list[RnnCall] = []
        self.attentions: list[AttentionCall] = []
        self.embedded: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.coarse = False  # some number was computed in 16 bits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and out.dtype in LOW:
            self.coarse = True
        recorder = RECORDERS.get(func.overloadpacket)
        if recorder and args and isinstance(args[0], torch.Tensor):
            recorder(self, args, kwargs or {}, out)
        return out


def _record_softmax(trace: Trace, args, kwargs, out) -> None:
    x, dim = args[0], args[1]
    trace.softmaxes.append(Reduction("softmax", x, (dim % x.dim(),), out))


def _record_reduction(kind: str):
    def record(trace: Trace, args, kwargs, out):
        x, dims = args[0], args[1] if len(args) > 1 else kwargs.get("dim")
        dims = [dims] if isinstance(dims, int) else dims
        if x.dim() and isinstance(dims, list | tuple):
            trace.reductions.append(Reduction(kind, x, tuple(d % x.dim() for d in dims)))

    return record


def _record_select(trace: Trace, args, kwargs, out) -> None:
    x, dim, place = args[:3]
    if place in (-1, x.shape[dim] - 1):
        trace.reductions.append(Reduction("last", x, (dim % x.dim(),)))


def _record_pooling(trace: Trace, args, kwargs, out) -> None:
    x = args[0]
    trace.reductions.append(Reduction("max", x, (x.dim() - 1,)))


def _record_view(trace: Trace, args, kwargs, out) -> None:
    trace.views.append(View(tuple(args[0].shape), tuple(out.shape)))


def _record_product(trace: Trace, args, kwargs, out) -> None:
    if isinstance(args[1], torch.Tensor):
        trace.products.append((args[0], out))


RECORDERS = {
    aten._softmax: _record_softmax,
    aten.mean: _record_reduction("mean"),
    aten.sum: _record_reduction("sum"),
    aten.amax: _record_reduction("max"),
    aten.max: _record_reduction("max"),
    aten.max_pool2d_with_indices: _record_pooling,
    aten.adaptive_max_pool2d: _record_pooling,
    aten.select: _record_select,
    aten.view: _record_view,
    aten._unsafe_view: _record_view,
    aten.mul: _record_product,
}


@contextmanager
def traced() -> Iterator[Trace]:
    """Record every forward pass inside the block, with gradients on and no fused shortcut."""
    trace, fast = Trace(), torch.backends.mha.get_fastpath_enabled()
    hook = module_hooks.register_module_forward_hook(_module_hook(trace), with_kwargs=True)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            for name, wrap in (("linear", _wrap_linear), ("embedding", _wrap_embedding),
                               ("scaled_dot_product_attention", _wrap_attention)):  # fmt: skip
                wrapped = wrap(trace, getattr(functional, name))
                stack.enter_context(mock.patch.object(functional, name, wrapped))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(trace)
            yield trace
    finally:
        hook.remove()
        torch.backends.mha.set_fastpath_enabled(fast)


def _module_hook(trace: Trace):
    def hook(layer, args, kwargs, out):
        if isinstance(layer, nn.RNNBase):
            trace.rnns.append(RnnCall(layer, args[0] if args else kwargs.get("input"), out))
        if isinstance(layer, nn.MultiheadAttention):
            query = args[0] if args else kwargs["query"]
            trace.attentions.append(AttentionCall(layer, tuple(query.shape)))

    return hook


def _wrap_linear(trace: Trace, plain):
    def linear(x, weight, bias=None):
        out = plain(x, weight, bias)
        trace.linears.append(LinearCall(x, weight, out))
        return out

    return linear


def _wrap_embedding(trace: Trace, plain):
    def embedding(ids, weight, *args, **kwargs):
        trace.embedded.append((ids, weight))
        return plain(ids, weight, *args, **kwargs)

    return embedding


def _wrap_attention(trace: Trace, plain):
    def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, **kwargs):
        weights = _weights(q, k, attn_mask, is_causal)
        trace.softmaxes.append(Reduction("softmax", weights, (weights.dim() - 1,), weights))
        return plain(q, k, v, attn_mask, dropout_p, is_causal, **kwargs)

    return attention


@torch.no_grad()
def _weights(q, k, mask, is_causal) -> torch.Tensor:
    """The weights that the fused kernel never writes down; NaN rows are 0."""
    if q.dim() == k.dim() == 4 and q.shape[1] != k.shape[1]:  # grouped heads
        k = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])
    if is_causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(dim=-1).nan_to_num()


def head_of(linears: list[LinearCall], logits: torch.Tensor) -> LinearCall | None:
    """The last linear layer, if it made as many numbers as there are logits."""
    fitting = [call for call in linears if call.out.numel() == logits.numel()]
    return fitting[-1] if fitting else None
