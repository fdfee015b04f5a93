"""Dropout that is always on, however it is written: by accident an error, on purpose a remark."""

import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import dropout

from practicum_utils.clinic.programs import build
from practicum_utils.doctor import examine


class Words(nn.Module):
    """The mean of a review's words, with dropout as ``drop`` has it, and a layer on top."""

    def __init__(self, drop=None):
        super().__init__()
        self.embedding, self.output = nn.Embedding(400, 16), nn.Linear(16, 1)
        self.train_p = 0.4
        self.drop = drop or self.drop

    def forward(self, token_ids, lengths):
        mask = torch.arange(token_ids.shape[1]) < lengths.unsqueeze(1)
        words = self.embedding(token_ids) * mask.unsqueeze(2)
        return self.output(self.drop(words.sum(dim=1) / lengths.unsqueeze(1))).squeeze(1)


class NextLineHoldsTrue(Words):
    def drop(self, x):
        x = functional.dropout(x, 0.5)
        return x.to(x.device, copy=True)


class RateNamedTrain(Words):
    def drop(self, x):
        return functional.dropout(x, self.train_p)


def made_by_exec():
    scope = {"Words": Words, "functional": functional}
    exec(textwrap.dedent("""
        class Typed(Words):
            def drop(self, x):
                return functional.dropout(x, 0.5)
    """), scope)  # fmt: skip
    return scope["Typed"]()


def first(model):
    program = build("cnn")
    report = examine(model, program.loader, program.loss_fn)
    return [(f.bug_id, f.level, f.exact) for f in report.findings][:1]


@pytest.mark.parametrize("make", [
    NextLineHoldsTrue, RateNamedTrain, made_by_exec,
    lambda: Words(lambda x: dropout(x)),  # imported by its name
    lambda: Words(lambda x: functional.dropout1d(x.unsqueeze(2), 0.5).squeeze(2)),
    lambda: Words(lambda x: functional.dropout(x.clone(), inplace=True)),
])  # fmt: skip
def test_who_says_nothing_of_training_has_it_on_by_accident(make):
    assert first(make()) == [("dropout-always-on", "error", True)]


@pytest.mark.parametrize("drop", [
    lambda x: functional.dropout(x, p=0.3, training=True),
    lambda x: functional.dropout(x, 0.3, True),
    lambda x: functional.alpha_dropout(x, 0.3, training=True),
])  # fmt: skip
def test_who_asks_for_it_is_told_what_it_does(drop):
    assert first(Words(drop)) == [("dropout-always-on", "info", True)]


@pytest.mark.parametrize("drop", [
    lambda x: functional.dropout(x, 0.3, training=False),
    lambda x: functional.alpha_dropout(x, 0.3),  # its default is off
    lambda x: x,
])  # fmt: skip
def test_dropout_that_is_off_is_nothing(drop):
    assert first(Words(drop)) == []


def test_the_defaults_are_what_they_were():
    first(RateNamedTrain())
    assert dropout is functional.dropout
    assert dropout.__defaults__ == functional.dropout1d.__defaults__ == (0.5, True, False)
