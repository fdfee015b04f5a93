"""How a model begins: what decides whether a training gets going at all, for any model.

Both functions look for layers, not for names, change nothing the second time, and draw no random
numbers, so a model that has begun well already stays as it is.
"""

import torch
from torch import nn


@torch.no_grad()
def small_vectors(model: nn.Module, size: float = 0.1) -> nn.Module:
    """Shrink each table of embeddings until its numbers have the standard deviation ``size``.

    PyTorch draws them with 1. A model then begins with large differences between words that mean
    nothing, and has to unlearn them first. Smaller tables stay. Returns the model.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Embedding) and layer.weight.numel() > 1:
            layer.weight *= size / max(size, layer.weight.std().item())
    return model


@torch.no_grad()
def open_gates(model: nn.Module, bias: float = 2.0) -> nn.Module:
    """Let each LSTM begin with forget gates near 1, with this ``bias``. Returns the model.

    With PyTorch's own beginning they stand at 0.5, so that next to nothing of a word is left ten
    words later, and no gradient finds its way back to it. Gers, Schmidhuber and Cummins 2000;
    Jozefowicz, Zaremba and Sutskever 2015.
    """
    for layer in model.modules():
        if isinstance(layer, nn.LSTM | nn.LSTMCell):
            for name, values in layer.named_parameters():
                if "bias_ih" in name:
                    values.chunk(4)[1].fill_(bias)  # the gates are in the order i, f, g, o
    return model
