"""The bugs planted in the models of lessons 03 and 04 pass their checks until they are met.

They pass alone, in whatever form the learner's program has them; beside them every other mistake
is refused as it would be without them, and a strict check refuses them by name.
"""

import pytest
import torch
from attempts import WRONG, read_lessons
from torch import nn
from torch.nn import functional

from practicum_utils import models
from practicum_utils.checks import CheckError, check, diagnoses, symptoms

read_lessons()


@pytest.fixture(autouse=True)
def _before_the_symptoms(monkeypatch, new_session):
    """No symptom cell has run yet; and one device, as learners write for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def narrow(base):
    """A class of a model, with its layer `hidden` made for the numbers of one reader only."""

    class Narrow(base):
        def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
            super().__init__(vocab_size, embedding_size, hidden_size, dropout)
            self.hidden = nn.Linear(hidden_size, self.hidden.out_features)

    return Narrow


class OtherNames(nn.Module):
    """A program of its own, with one layer made for too few numbers."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__()
        self.words = nn.Sequential(nn.Embedding(vocab_size, embedding_size), nn.Dropout(dropout))
        self.rnn = nn.LSTM(embedding_size, hidden_size, batch_first=True, bidirectional=True)
        self.end = nn.Sequential(
            nn.Linear(hidden_size, hidden_size, bias=False),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, 1),
        )

    def forward(self, token_ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(token_ids), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        last = self.rnn(packed)[1][0]
        return self.end(torch.cat([last[1], last[0]], dim=1)).squeeze(1)


class Squeezed(models.AttentionRNN):
    def forward(self, token_ids, lengths, return_weights=False):
        logits, weights = super().forward(token_ids, lengths, return_weights=True)
        logits = self.squeeze(logits)
        return (logits, weights) if return_weights else logits

    def squeeze(self, logits):
        return torch.sigmoid(logits)


class SqueezedByLayer(Squeezed):
    """With a layer for it, and without the pairs of words."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout, pair_size=0)
        self.probability = nn.Sigmoid()

    def squeeze(self, logits):
        return self.probability(logits.unsqueeze(1))[:, 0]


class SqueezedByFunction(Squeezed):
    def squeeze(self, logits):
        return functional.sigmoid(logits)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        ("3.3", narrow(models.SimpleRNN)),
        ("3.3", OtherNames),
        ("4.3", Squeezed),
        ("4.3", SqueezedByLayer),
        ("4.3", SqueezedByFunction),
    ],
)
def test_a_planted_bug_passes_alone_and_is_refused_when_strict(exercise, attempt, capsys):
    check(exercise, attempt)
    assert capsys.readouterr().out.startswith(f"ok so far: exercise {exercise}, ")
    words = {"3.3": "another number of inputs", "4.3": "squeezed by a sigmoid"}[exercise]
    with pytest.raises(CheckError, match=words):
        check(exercise, attempt, strict=True)


@pytest.mark.parametrize(
    ("exercise", "attempt", "bug"),
    [
        ("3.3", narrow(models.SimpleRNN), "linear-input-size"),
        ("4.3", Squeezed, "double-sigmoid"),
    ],
)
def test_once_it_was_met_and_mended_a_planted_bug_is_refused(exercise, attempt, bug, capsys):
    [number] = [number for number, known in diagnoses().items() if known.bug == bug]
    for healthy in (True, False):
        symptoms.verdict(number, healthy, ok="gone", symptom="there")
        check(exercise, attempt)
        assert "ok so far: " in capsys.readouterr().out
    symptoms.verdict(number, True, ok="gone", symptom="there")
    with pytest.raises(CheckError):
        check(exercise, attempt)


def squeezed(base):
    """A class of a model, with a sigmoid behind it."""

    class Probabilities(base):
        def forward(self, token_ids, lengths, return_weights=False):
            result = super().forward(token_ids, lengths, return_weights)
            if isinstance(result, list | tuple):
                return torch.sigmoid(result[0]), result[1]
            return torch.sigmoid(result)

    return Probabilities


BESIDE_3 = (
    "ReadsTheEdge ReadsForwardTwice MeanOfStates DropsWordsOnly DropsTheAnswer TanhInstead "
    "OneReaderForBoth ReadsAHundredWords BackwardReaderLearnsNothing CarriesItsState NoRelu"
).split()
BESIDE_4 = (
    "NoMask NotTurnedBack PlainMean DroppedWeights NoTanh SoftmaxTwice TanhOutside ScoreWithBias "
    "BothForward AddsTheReaders NoRelu DropsWordsOnly DropsTheAnswer ReadsTwoHundredWords "
    "NeverDrops AttentionOfFixedSize"
).split()


def mistakes(exercise, names):
    table = {attempt.__name__: (attempt, words) for attempt, words in WRONG[exercise]}
    return [pytest.param(*table[name], id=name) for name in names]


@pytest.mark.parametrize(("attempt", "words"), mistakes("3.3", BESIDE_3))
def test_beside_a_narrow_layer_every_other_mistake_is_named(attempt, words):
    with pytest.raises(CheckError) as caught:
        check("3.3", narrow(attempt))
    assert words in str(caught.value)


@pytest.mark.parametrize(("attempt", "words"), mistakes("4.3", BESIDE_4))
def test_beside_a_sigmoid_every_other_mistake_is_named(attempt, words):
    with pytest.raises(CheckError) as caught:
        check("4.3", squeezed(attempt))
    assert words in str(caught.value)


class OneReaderOnly(models.SimpleRNN):
    """Too few numbers arrive, and not because a layer is too narrow."""

    def forward(self, token_ids, lengths):
        there = self.read(self.forward_rnn, token_ids, lengths)
        return self.output(torch.relu(self.hidden(there))).squeeze(1)


class WideReaders(models.SimpleRNN):
    """Twice as many numbers arrive because each reader gives twice as many."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, 2 * hidden_size, dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 1)


class NarrowAttention(models.AttentionRNN):
    """The bug of lesson 03 in lesson 04, where it is not planted."""

    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)


class SqueezedTwice(Squeezed):
    def squeeze(self, logits):
        return torch.sigmoid(torch.sigmoid(logits))


class SqueezedByTanh(Squeezed):
    def squeeze(self, logits):
        return torch.tanh(logits)


@pytest.mark.parametrize(
    ("exercise", "attempt"),
    [
        ("3.3", OneReaderOnly),
        ("3.3", WideReaders),
        ("3.3", squeezed(models.AttentionRNN)),
        ("4.3", NarrowAttention),
        ("4.3", SqueezedTwice),
        ("4.3", SqueezedByTanh),
    ],
)
def test_what_only_looks_like_a_planted_bug_is_refused(exercise, attempt):
    with pytest.raises(CheckError):
        check(exercise, attempt)
