"""Verdicts about a model that does not answer the same question twice, or not with a number."""

from practicum_utils.doctor.measure.mending import watching_dropout
from practicum_utils.doctor.measure.probes import SEED, Probe
from practicum_utils.doctor.report import Finding


def check_repeats(probe: Probe) -> Finding | None:
    """The same question twice: from the same random numbers, then from others."""
    first = probe.base
    again = float(probe.change(probe.ask(), first).max())
    if again > probe.tolerance:
        return Finding(
            "state-carried-over", "error",
            f"the same batch, asked twice in evaluation mode from the same random numbers, gave "
            f"answers {again:.3f} standard deviations apart (threshold {probe.tolerance})",
        )  # fmt: skip
    other = float(probe.change(probe.ask(seed=SEED + 1)).max())
    if other <= probe.tolerance:
        return None
    return _noise(probe, other)


def _noise(probe: Probe, size: float) -> Finding:
    evidence = (
        f"two passes in evaluation mode differ by {size:.3f} standard deviations of the answers "
        f"(threshold {probe.tolerance})"
    )
    by_accident, on_purpose = _dropout_calls(probe)
    flagged = [name for name, part in probe.model.named_modules() if name and part.training]
    if by_accident:
        return Finding("dropout-always-on", "error", f"{evidence}; {by_accident}")
    if flagged:
        evidence += f"; {flagged[0]} stays in training mode after model.eval(), as in MC dropout"
        return Finding("dropout-always-on", "info", evidence)
    level = "info" if on_purpose else "warning"
    return Finding("dropout-always-on", level, evidence, cannot_tell="noise on purpose")


def _dropout_calls(probe: Probe) -> tuple[str, bool]:
    """What left dropout on by accident, if anything did; and whether somebody asked for it."""
    seen = []
    with watching_dropout(seen.append):
        probe.ask()
    if "default" in seen:
        return "dropout is called without training=, so it is on", False
    if "attention" in seen and not any(part.training for part in probe.model.modules()):
        return "scaled_dot_product_attention gets a dropout_p above 0", False
    return "", "asked" in seen


def check_numbers(probe: Probe) -> Finding | None:
    """Is any answer not a number?"""
    bad = ~probe.base.isfinite().all(dim=1)
    if not bad.any():
        return None
    full = probe.real.all(dim=1)
    evidence = f"{int(bad.sum())} of {len(bad)} answers are not finite"
    if full.any() and not full.all() and bool((bad == full).all()):
        return Finding("mask-inverted", "error", f"{evidence}: exactly the rows without padding")
    if bool((bad == ~probe.usable).all()):
        evidence += ": those of the rows without a word; remove these rows"
        return Finding("data", "warning", evidence, exact=False)
    broken = [name for name, p in probe.model.named_parameters() if not p.isfinite().all()]
    if broken:
        return Finding(
            "step-size", "error", f"{evidence}; {broken[0]} holds them", exact=False,
            cause="a step that was too large, earlier on", fix="build the model anew",
        )  # fmt: skip
    return Finding("raises", "error", evidence, exact=False, cause="0 / 0, log 0 or an overflow",
                   fix="torch.autograd.detect_anomaly() names the place")  # fmt: skip
