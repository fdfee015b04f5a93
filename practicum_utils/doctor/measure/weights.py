"""Do weights look as they were drawn, or as if they had been trained?"""

import math

from torch import nn

from practicum_utils.doctor.case import Case

EVEN = 1.85  # largest / standard deviation of numbers drawn evenly is at most 1.73


def owner_of(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name.rpartition(".")[0])


def is_embedding(model: nn.Module, name: str) -> bool:
    return isinstance(owner_of(model, name), nn.Embedding | nn.EmbeddingBag)


def looks_fresh(model: nn.Module, name: str) -> bool:
    """Does this weight look as it was drawn: evenly between two bounds, or normally around 0?

    Numbers drawn evenly never leave their bounds, and a little training takes some of them out.
    Where they were drawn normally, the scales of the norms tell, which all start at 1.
    """
    weight = model.get_parameter(name).detach().double().flatten()
    if weight.numel() < 64 or model.get_parameter(name).dim() < 2:
        # Too few numbers to judge, or a bias: ask a matrix of the same layer, if there is one.
        layer = name.rpartition(".")[0]
        near = [n for n, p in owner_of(model, name).named_parameters() if p.dim() > 1]
        near = [f"{layer}.{n}".lstrip(".") for n in near]
        known = [n for n in near if model.get_parameter(n).numel() >= 64]
        return looks_fresh(model, known[0]) if known else not norms_moved(model)
    deviation = float(weight.std())
    if deviation == 0 or float((weight - weight.mean()).abs().max()) / deviation < EVEN:
        return True
    kurtosis = float((((weight - weight.mean()) / deviation) ** 4).mean())
    return abs(kurtosis - 3) < 3 * math.sqrt(24 / len(weight)) + 0.02 and not norms_moved(model)


def norms_moved(model: nn.Module) -> bool:
    """Has any normalisation a scale that training has moved away from 1?"""
    kinds = nn.LayerNorm | nn.modules.batchnorm._BatchNorm | nn.RMSNorm
    scales = [part.weight for part in model.modules() if isinstance(part, kinds)]
    return any(float((w.detach() - 1).abs().max()) > 0.02 for w in scales if w is not None)


def trained_before(case: Case) -> bool:
    """Do the weights look as if they were trained, so that small steps are wise?"""
    large = [n for n, p in case.model.named_parameters() if p.dim() > 1 and p.numel() >= 256]
    matrices = [name for name in large if not is_embedding(case.model, name)]
    old = [name for name in matrices if not looks_fresh(case.model, name)]
    return norms_moved(case.model) or len(old) > len(matrices) / 2
