"""The order of the questions: which measurement explains which, and what an error makes moot."""

from contextlib import nullcontext, suppress

import torch

from practicum_utils.doctor.case import Case
from practicum_utils.doctor.measure.loop_log import log_loop
from practicum_utils.doctor.measure.mending import without_dropout
from practicum_utils.doctor.measure.probes import Probe
from practicum_utils.doctor.report import LEVELS, Finding, Report
from practicum_utils.doctor.rules import (
    crashes,
    data,
    labels,
    loop,
    loss,
    metric,
    mixing,
    modes,
    padding,
    parameters,
    step_size,
    tokens,
)
from practicum_utils.doctor.snapshot import Snapshot

DATA = (
    data.check_lengths,
    data.check_lengths_fit,
    data.check_unknown,
    data.check_pad_is_a_word,
)
LABELS = (labels.check_label_set, labels.check_label_counts)
LOSS = (labels.check_label_shape, loss.check_loss_sign)
OPTIMIZER = (
    parameters.check_frozen,
    parameters.check_coverage,
    parameters.check_hidden,
)
GRADIENTS = (parameters.check_gradients,)
EVENTS = (loop.check_protocol, loop.check_arrival, loop.check_direction)
LOOP = (loop.check_modes, metric.check_metric)
REPEATS = (modes.check_repeats,)
MODEL = (
    modes.check_numbers,
    mixing.check_mixing,
    tokens.check_mask_direction,
    tokens.check_short_rows,
    padding.check_padding,
    tokens.check_last_token,
    tokens.check_order,
)
HEAD = (loss.check_head_range,)
STEPS = (step_size.check_step_size,)
AFTERWARDS = (loss.check_loss_scale, labels.check_words_and_labels)


class Examination:
    """One visit: what was found, what was checked, what was not."""

    def __init__(self, case: Case, snapshot: Snapshot):
        self.case, self.snapshot = case, snapshot
        self.findings: list[Finding] = []
        self.checked: list[str] = []
        self.skipped: list[str] = []

    def run(self) -> Report:
        """All stages in their order. An error ends its stage, and those that it would explain."""
        self.checked.append("token ids")
        self.first(DATA, self.case)
        if not self.runs():
            labels, training, model = self.labels(), self.training(), self.model()
            head = not labels and self.head()
            if not (labels or training or model or head):
                self.steps()
        ranked = sorted(self.findings, key=lambda finding: LEVELS.index(finding.level))
        return Report(ranked, self.checked, self.skipped)

    def note(self, finding: Finding | None) -> bool:
        """Keep a finding; True if it is an error."""
        if finding is None:
            return False
        self.findings.append(finding)
        return finding.level == "error"

    def first(self, checks, *material) -> bool:
        """Run checks until one finds an error; True if one did."""
        return any(self.note(self.attempt(check, *material)) for check in checks)

    def attempt(self, check, *material) -> Finding | None:
        """One check. A program that it cannot handle is no reason to stop, and is said."""
        try:
            return check(*material)
        except Exception as error:  # the program's own code runs inside every check
            name = check.__name__.removeprefix("check_").replace("_", " ")
            self.skipped.append(f"{name} (it raised {type(error).__name__}: {error})")
            return None
        finally:
            self.snapshot.restore()

    # The stages. Each returns True if it found an error.

    def runs(self) -> bool:
        self.checked.append("one forward pass")
        try:
            return self.note(crashes.check_runs(self.case))
        finally:
            self.snapshot.restore()

    def labels(self) -> bool:
        if self.case.loss_fn is None:
            self.skipped.append("loss and head (no loss_fn)")
        if self.case.labels is None:
            self.skipped.append("labels (the batches have none)")
        else:
            self.checked.append("labels")
            self.first(LABELS + (LOSS if self.case.loss_fn else ()), self.case)
        return any(finding.level == "error" for finding in self.findings)

    def training(self) -> bool:
        case = self.case
        if case.optimizer is None:
            self.skipped.append("what the optimizer holds, the size of the steps (no optimizer)")
        else:
            self.checked.append("what the optimizer holds")
            if self.first(OPTIMIZER, case):
                return True
        if not all((case.loss_fn, case.optimizer, case.run_epoch)):
            self.skipped.append("the training loop (needs loss_fn, optimizer and run_epoch)")
        elif self.loop():
            return True
        self.checked.append("gradients")
        return self.first(GRADIENTS, case, self.snapshot)

    def loop(self) -> bool:
        case = self.case
        self.checked.append("the training loop")
        batches = loop.loop_batches(case)
        log = self.watch(batches)
        if "S" not in log.kinds() and "B" in log.kinds():  # perhaps it accumulates over many
            log = self.watch(batches * 6)
        if log.error is not None:
            return self.note(crashes.explain_loop(log.error, loop.runs_twice(case)))
        if self.first(EVENTS, case, log, batches, self.snapshot):
            return True
        return self.first(LOOP, case, self.snapshot)

    def watch(self, batches: list):
        """The learner's own loop, in training, on these batches."""
        case = self.case
        clear(case)
        case.model.train()
        log = log_loop(case.run_epoch, case.model, batches, case.loss_fn, case.optimizer)
        self.snapshot.restore()
        return log

    def model(self) -> bool:
        self.checked.append("the model")
        if self.first(REPEATS, self.probe(waking=False)):
            return True
        noisy = any(finding.bug_id == "dropout-always-on" for finding in self.findings)
        with without_dropout() if noisy else nullcontext():
            return any(self.first([check], self.probe()) for check in MODEL)

    def probe(self, waking: bool = True) -> Probe:
        """The questions to the model, in evaluation mode."""
        case = self.case
        case.model.eval()
        probe = Probe(case.model, case.adapter.forward, case.chosen(), case.pad, case.left)
        if waking:
            with suppress(Exception):  # a program that cannot be traced says so in the checks
                wake(probe)
        return probe

    def head(self) -> bool:
        if self.case.loss_fn is None or self.case.labels is None:
            return False
        self.checked.append("the range of the logits")
        self.case.model.eval()
        return self.first(HEAD, self.case)

    def steps(self) -> bool:
        case = self.case
        if case.loss_fn is None or case.labels is None:
            return False
        if case.optimizer is not None:
            self.checked.append("the size of the steps")
            self.first(STEPS, case, self.snapshot)
        return self.first(AFTERWARDS, case)


def clear(case: Case) -> None:
    """Start without gradients, whatever the last cell left."""
    held = [p for group in case.optimizer.param_groups for p in group["params"]]
    for parameter in [*held, *case.model.parameters()]:
        parameter.grad = None


def wake(probe: Probe) -> None:
    """Give a head of zeros small random weights, or no question about the model has an answer."""
    head = loss.last_weight(probe)
    if head is not None and not head.any():
        with torch.no_grad():
            head.copy_(0.1 * torch.randn(head.shape, generator=torch.Generator().manual_seed(0)))
