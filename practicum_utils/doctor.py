"""Examine a program that does not learn, and name the bug from evidence.

``examine`` runs only what its arguments allow, in the order in which one cause explains the rest,
and leaves everything as it was: parameters, gradients, random numbers, modes, the loader's place.
The measurements stand in ``probes``, ``trace`` and ``loop_log``, the verdicts in ``dry_run``,
``loss_checks``, ``model_checks`` and ``loop_checks``.
"""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import nn

from practicum_utils import dry_run, loop_checks, loss_checks, model_checks
from practicum_utils.adapters import Adapter
from practicum_utils.case import Case, read_case
from practicum_utils.findings import LEVELS, Finding, Report
from practicum_utils.loop_log import log_loop
from practicum_utils.mending import without_dropout
from practicum_utils.probes import Probe
from practicum_utils.snapshot import Snapshot, kept

__all__ = ["Adapter", "Finding", "Report", "examine"]

DATA = ("check_lengths", "check_unknown", "check_pad_is_a_word")
LABELS = ("check_label_set", "check_label_counts", "check_label_shape", "check_loss_sign")
MODEL = ("check_numbers", "check_mixing", "check_mask_direction", "check_short_rows",
         "check_padding", "check_last_token", "check_order")  # fmt: skip


class Examination:
    """One visit: what was found, what was checked, what was not."""

    def __init__(self, case: Case, snapshot: Snapshot):
        self.case, self.snapshot = case, snapshot
        self.findings: list[Finding] = []
        self.checked: list[str] = []
        self.skipped: list[str] = []

    def note(self, finding: Finding | None) -> bool:
        """Keep a finding; True if it is an error, which explains what comes after."""
        if finding is None:
            return False
        self.findings.append(finding)
        return finding.level == "error"

    def first(self, checks) -> bool:
        """Run checks until one finds an error; True if one did."""
        return any(self.note(check()) for check in checks)

    def run(self) -> Report:
        """All stages in their order."""
        self.data()
        if not self.program_runs():
            return self.report()
        stages = (self.labels, self.training, self.model, self.head, self.steps)
        for stage in stages:
            if stage():
                break
            self.snapshot.restore()
        return self.report()

    def report(self) -> Report:
        """The findings, errors first, each level in the order of the diagnosis."""
        ranked = sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))
        return Report(ranked, self.checked, self.skipped)

    # The stages. Each returns True if what it found explains the rest.

    def data(self) -> bool:
        self.checked.append("token ids")
        return self.first(
            [lambda name=name: getattr(loss_checks, name)(self.case) for name in DATA]
        )

    def program_runs(self) -> bool:
        self.checked.append("one forward pass")
        stopped = self.note(dry_run.check_runs(self.case))
        self.snapshot.restore()
        return not stopped

    def labels(self) -> bool:
        if self.case.labels is None:
            self.skipped.append("labels (the batches have none)")
            return False
        self.checked.append("labels")
        names = LABELS if self.case.loss_fn else LABELS[:2]
        if self.case.loss_fn is None:
            self.skipped.append("loss and head (no loss_fn)")
        found = self.first([lambda n=name: getattr(loss_checks, n)(self.case) for name in names])
        return found or self.any_errors()

    def any_errors(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    def training(self) -> bool:
        case = self.case
        found = False
        if case.optimizer is None:
            self.skipped.append("what the optimizer holds, step size (no optimizer)")
        else:
            self.checked.append("what the optimizer holds")
            found = self.first([lambda: loop_checks.check_frozen(case),
                                lambda: loop_checks.check_coverage(case)])  # fmt: skip
        if not all((case.loss_fn, case.optimizer, case.run_epoch)):
            self.skipped.append("the training loop (needs loss_fn, optimizer and run_epoch)")
            return found or self.gradients()
        return found or self.loop() or self.gradients()

    def gradients(self) -> bool:
        self.checked.append("gradients")
        return self.note(loop_checks.check_gradients(self.case, self.snapshot))

    def loop(self) -> bool:
        case, snapshot = self.case, self.snapshot
        self.checked.append("the training loop")
        batches = loop_checks.loop_batches(case)
        clear(case)
        case.model.train()
        log = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
        snapshot.restore()
        if log.error is not None:
            return self.note(dry_run.explain_loop(log.error, loop_checks.runs_twice(case)))
        if "S" not in log.kinds() and "B" in log.kinds():  # perhaps it accumulates over many
            log = log_loop(case.run_epoch, case.model, batches * 6, case.loss_fn, case.optimizer)
            snapshot.restore()
        return self.first([
            lambda: loop_checks.check_protocol(case, log, len(batches)),
            lambda: loop_checks.check_arrival(case, log, batches[0], snapshot),
            lambda: loop_checks.check_direction(case, log, batches[0], snapshot),
            lambda: loop_checks.check_modes(case, snapshot),
            lambda: loop_checks.check_metric(case, snapshot),
        ])  # fmt: skip

    def model(self) -> bool:
        self.checked.append("the model")
        case = self.case
        case.model.eval()
        probe = Probe(case.model, case.adapter.forward, case.chosen(), case.pad, case.left)
        if self.note(model_checks.check_repeats(probe)):
            return True
        with without_dropout() if self.findings else nullcontext():
            probe = Probe(case.model, case.adapter.forward, case.chosen(), case.pad, case.left)
            case.model.eval()
            wake(probe)
            return self.first([lambda n=name: getattr(model_checks, n)(probe) for name in MODEL])

    def head(self) -> bool:
        if self.case.loss_fn is None or self.case.labels is None:
            return False
        self.checked.append("the range of the logits")
        self.case.model.eval()
        return self.first([lambda: loss_checks.check_head_range(self.case)])

    def steps(self) -> bool:
        case = self.case
        found = False
        if case.optimizer is not None and case.loss_fn is not None:
            self.checked.append("the size of the steps")
            found = self.note(loop_checks.check_step_size(case, self.snapshot))
        if case.loss_fn is not None and case.labels is not None:
            self.note(loss_checks.check_loss_scale(case))
            self.note(loss_checks.check_words_and_labels(case))
        return found


def clear(case: Case) -> None:
    """Start without gradients, whatever the last cell left."""
    for group in case.optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None
    for parameter in case.model.parameters():
        parameter.grad = None


def wake(probe: Probe) -> None:
    """Give a head of zeros small random weights, or no question about the model has an answer."""
    head = loss_checks.last_weight(probe)
    if head is not None and not head.any():
        with torch.no_grad():
            head.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))


def examine(
    model: nn.Module,
    loader,
    loss_fn: Callable | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    run_epoch: Callable | None = None,
    adapter: Adapter | None = None,
) -> Report:
    """Examine a program and report what is wrong with it, the likeliest cause first.

    model: any module called as ``model(token_ids (B, T), lengths (B,)) -> logits``; another
        signature through ``adapter``.
    loader: a DataLoader or a list of batches; a few batches are read.
    loss_fn: (logits, labels) -> loss.  optimizer: that of the training.
    run_epoch: the training loop, (model, loader, loss_fn, optimizer=None) -> metrics.
    What needs an argument that is missing is not checked, and the report says so. Afterwards all is
    as it was, also when an exception or an interrupt ends the examination.
    Raises TypeError or ValueError, in one sentence, for arguments that cannot be read.
    """
    others = (loader, loss_fn) if isinstance(loss_fn, nn.Module) else (loader,)
    with kept(model, optimizer, *others) as snapshot:
        case = read_case(model, loader, loss_fn, optimizer, run_epoch, adapter)
        report = Examination(case, snapshot).run()
    return report
