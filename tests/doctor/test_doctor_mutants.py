"""Every check of the doctor is needed: without it a bug has another name, or none.

And every check can hold its tongue: on a correct program none of them says a word.
"""

import pytest
import torch
from tiers import a_few
from torch import nn

from practicum_utils.clinic.programs import CLEAN, FORMS, LATER_FORMS, build
from practicum_utils.doctor import examination as doctor
from practicum_utils.doctor import examine
from practicum_utils.doctor.rules import crashes as dry_run

GROUPS = ("DATA", "LABELS", "LOSS", "OPTIMIZER", "GRADIENTS", "EVENTS", "LOOP", "REPEATS", "MODEL",
          "HEAD", "STEPS", "AFTERWARDS")  # fmt: skip
CHECKS = {check.__name__: group for group in GROUPS for check in getattr(doctor, group)}


def planted(bug, column):
    return lambda: (build(column, bug=bug), bug)


def form(name):
    bug, make = (FORMS | LATER_FORMS)[name]
    return lambda: (make(0), bug)


def changed(bug, **changes):
    """A correct program with one part replaced."""

    def make():
        program = build("cnn")
        for name, change in changes.items():
            setattr(program, name, change(getattr(program, name)))
        return program, bug

    return make


def with_loss(wrap):
    """A loop that differentiates something else than the loss."""

    def change(run_epoch):
        return lambda model, loader, loss_fn, *rest: run_epoch(
            model, loader, lambda logits, labels: wrap(loss_fn(logits, labels)), *rest
        )

    return change


class GivesNan(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, token_ids, lengths):
        logits = self.model(token_ids, lengths)
        return logits + logits.detach().sub(logits.detach().max()).sub(1).log()


# For each check a program of which it alone knows what is wrong.
WITNESSES = {
    "check_runs": planted("linear-input-size", "packed_lstm"),
    "check_lengths": planted("reviews-cut-to-nothing", "cnn"),
    "check_lengths_fit": form("rows_sorted_alone"),
    "check_unknown": planted("unk-flood", "cnn"),
    "check_pad_is_a_word": planted("pad-is-a-word", "cnn"),
    "check_label_set": planted("labels-one-two", "cnn"),
    "check_label_counts": planted("one-label-only", "cnn"),
    "check_label_shape": form("squared_error_of_all_pairs"),
    "check_loss_sign": planted("loss-sign-flipped", "cnn"),
    "check_frozen": planted("frozen-layers", "cnn"),
    "check_coverage": planted("optimizer-on-a-copy", "cnn"),
    "check_hidden": form("LayersInAList"),
    "check_gradients": planted("graph-cut-embedding", "cnn"),
    "check_protocol": planted("missing-zero-grad", "cnn"),
    "check_arrival": changed("graph", run_epoch=with_loss(
        lambda loss: torch.tensor(loss.item(), requires_grad=True))),
    "check_direction": changed("loss-sign-flipped", run_epoch=with_loss(lambda loss: -loss)),
    "check_modes": planted("eval-mode-missing", "cnn"),
    "check_metric": planted("average-of-averages", "cnn"),
    "check_repeats": planted("state-carried-over", "simple_rnn"),
    "check_numbers": changed("raises", model=GivesNan),
    "check_mixing": planted("softmax-over-batch", "attention_rnn"),
    "check_mask_direction": planted("mask-inverted", "transformer"),
    "check_short_rows": planted("short-rows-lost", "packed_lstm"),
    "check_padding": planted("mean-over-padding", "transformer"),
    "check_last_token": planted("last-token-lost", "packed_lstm"),
    "check_order": planted("no-positions", "transformer"),
    "check_head_range": planted("double-sigmoid", "transformer"),
    "check_step_size": planted("tiny-learning-rate", "transformer"),
    "check_loss_scale": planted("sum-reduction", "cnn"),
    "check_words_and_labels": planted("labels-shuffled", "cnn"),
}  # fmt: skip


def first_named(program):
    report = examine(program.model, program.loader, program.loss_fn, program.optimizer,
                     program.run_epoch, program.adapter)  # fmt: skip
    return report.findings[0].bug_id if report.findings else None


def silence(monkeypatch, name):
    if name == "check_runs":
        monkeypatch.setattr(dry_run, name, lambda case: None)
        return
    group = CHECKS[name]
    kept = tuple(check for check in getattr(doctor, group) if check.__name__ != name)
    assert len(kept) == len(getattr(doctor, group)) - 1
    monkeypatch.setattr(doctor, group, kept)


def test_every_check_has_a_witness():
    assert set(WITNESSES) == {*CHECKS, "check_runs"}


@pytest.mark.parametrize("name", a_few(WITNESSES))
def test_the_witness_is_named_with_the_check_and_not_without_it(name, monkeypatch):
    program, bug = WITNESSES[name]()
    assert first_named(program) == bug
    silence(monkeypatch, name)
    program, bug = WITNESSES[name]()
    assert first_named(program) != bug


@pytest.mark.parametrize("name", a_few(CLEAN, 40))
def test_no_correct_program_is_accused(name):
    program = CLEAN[name](11)
    report = examine(program.model, program.loader, program.loss_fn, program.optimizer,
                     program.run_epoch, program.adapter)  # fmt: skip
    assert [finding for finding in report.findings if finding.level != "info"] == []
    assert [text for text in report.skipped if "it raised" in text] == []
