"""A diagnosis is confirmed while the reader's numbers show the bug, and not beside other numbers.

Each of the eight is asked with the bug, without it, and with another fault of the same symptom.
"""

import io
import itertools
from contextlib import redirect_stdout

import datasets
import pytest
import torch
from attempts import RIGHT, WRONG, name_of, read_lessons
from attempts import lesson_02 as loops
from torch import nn

from practicum_utils import models
from practicum_utils.bugs import CATALOGUE
from practicum_utils.checks import CheckError, check, diagnoses, symptoms
from practicum_utils.checks.lesson_05 import make_optimizer
from practicum_utils.data import ReviewDataset, Vocabulary, make_loader
from practicum_utils.prompting import load_t5
from practicum_utils.training import run_epoch, set_seed

read_lessons()
WORDS = [f"word{number}" for number in range(30)]
VOCAB = Vocabulary(WORDS)


@pytest.fixture(autouse=True)
def _anew(monkeypatch, new_session):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    set_seed(0)


def attempt(exercise, name):
    """The attempt of that name, right or wrong."""
    tried = [*RIGHT[exercise], *(one for one, _ in WRONG[exercise])]
    return next(one for one in tried if name_of(one) == name)


def reviews(count=32):
    """Reviews in which word0 is good and word1 is bad, of different lengths."""
    texts = [f"{WORDS[n % 2]} {' '.join(WORDS[2 : 4 + n % 5])}" for n in range(count)]
    return datasets.Dataset.from_dict({"text": texts, "label": [2 - n % 2 for n in range(count)]})


def loader(dataset=ReviewDataset, size=16):
    return make_loader(dataset(reviews(), VOCAB), size)


def ask(number, answer, evidence):
    """What the check prints or raises, in one text."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            check(number, answer, **evidence)
    except CheckError as error:
        return f"CheckError: {error}"
    return said.getvalue()


# The evidence of each diagnosis: with the bug ("planted"), without it ("mended"), and otherwise.


def zeros(cls=Vocabulary):
    vocab = cls(WORDS)
    batch = next(iter(make_loader(ReviewDataset(reviews(), vocab), 16)))
    return {"batch": batch, "vocab": vocab}


class UnknownIsPadding(Vocabulary):
    def __getitem__(self, token):
        return super().__getitem__(token) if token in self.tokens else 0


def accuracies(run=run_epoch):
    """31 reviews, so that a batch of 30 leaves one over; most answers are right."""
    model = models.MeanEmbedding(len(VOCAB), 4)
    data = [ReviewDataset(reviews(), VOCAB)[n] for n in range(31)]
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.embedding.weight[VOCAB["word0"]], model.embedding.weight[VOCAB["word1"]] = 1, -1
        model.output.weight[:] = 1
    data[3] = (data[3][0], 1 - data[3][1])
    return {"run_epoch": run, "model": model, "test_set": data}


def accuracy_of_hits(model, batches, loss_fn, optimizer=None):
    return loops.counts_hits(model, batches, loss_fn, optimizer)


class Narrow(models.SimpleRNN):
    def __init__(self, vocab_size, embedding_size=64, hidden_size=64, dropout=0.5):
        super().__init__(vocab_size, embedding_size, hidden_size, dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)


class Turned(models.SimpleRNN):
    def read(self, rnn, token_ids, lengths):
        return super().read(rnn, token_ids, lengths)[:, None] @ torch.zeros(3, 3)


def shapes(cls=models.SimpleRNN):
    batch = next(iter(loader()))
    model = cls(len(VOCAB))
    return {"model": model, "token_ids": batch.token_ids, "lengths": batch.lengths}


class Swapped(ReviewDataset):
    def __getitem__(self, index):
        token_ids, label = super().__getitem__(index)
        return token_ids, 1 - label


def labels(dataset=ReviewDataset):
    return {"losses": [0.7, 0.5], "loader": loader(dataset)}


def small_rnn():
    return models.SimpleRNN(len(VOCAB), 8, 8, dropout=0.0)


class Deaf(models.SimpleRNN):
    """Cannot learn: its answers do not depend on the review."""

    def forward(self, token_ids, lengths):
        return 0 * super().forward(token_ids, lengths)


def learning(run=run_epoch, cls=models.SimpleRNN):
    model = cls(len(VOCAB), 8, 8, dropout=0.0)
    return {"losses": [0.7, 0.7], "run_epoch": run, "model": model, "loader": loader()}


class Squeezed(models.AttentionRNN):
    def forward(self, token_ids, lengths, return_weights=False):
        return super().forward(token_ids, lengths).sigmoid()


def trained(model, rate=1e-2, epochs=4):
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(epochs):
        run_epoch(model, loader(), nn.BCEWithLogitsLoss(), optimizer)
    return model


def answers(cls=models.AttentionRNN, run=run_epoch, rate=1e-2):
    def new():
        set_seed(0)
        return cls(len(VOCAB), 8, 8, dropout=0.0)

    model = trained(new(), rate)
    return {"model": model, "untrained": new(), "run_epoch": run, "loader": loader()}


def small_transformer():
    set_seed(0)
    return models.TransformerClassifier(len(VOCAB), 8, 2, inner_size=8, pair_size=2)


def tiny_rate(model):
    return torch.optim.Adam(model.parameters(), lr=1e-5)


def steps(make=make_optimizer, run=run_epoch):
    model = small_transformer()
    optimizer = make(model)
    for _ in range(10):
        run_epoch(model, loader(), nn.BCEWithLogitsLoss(), optimizer)
    return {"model": model, "new_model": small_transformer, "run_epoch": run,
            "make_optimizer": make, "loader": loader()}  # fmt: skip


def texts(keep_marks=False, parse=None):
    t5 = load_t5("tiny")
    ids = models.greedy(t5, "sst2 sentence: a great and moving film")
    text = t5.tokenizer.decode(ids, skip_special_tokens=not keep_marks)
    parse = parse or (lambda answer: answer if answer in ("positive", "negative") else None)
    return {"t5": t5, "ids": ids, "answers": [text], "parse_label": parse}


PLANTED = {
    "1.D1": lambda: zeros(attempt("1.2", "SpecialLast")),
    "2.D1": lambda: accuracies(loops.averages_of_averages),
    "3.D1": lambda: shapes(Narrow),
    "3.D2": lambda: labels(attempt("1.3", "OneAndTwo")),
    "3.D3": lambda: learning(loops.never_clears),
    "4.D1": lambda: answers(Squeezed),
    "5.D1": lambda: steps(tiny_rate),
    "6.D1": lambda: texts(keep_marks=True),
}
MENDED = {
    "1.D1": zeros, "2.D1": accuracies, "3.D1": shapes, "3.D2": labels, "3.D3": learning,
    "4.D1": answers, "5.D1": steps, "6.D1": texts,
}  # fmt: skip
SEEN = {  # words of the reader's own numbers once it is mended
    "1.D1": "decodes the id 0 to '<pad>'",
    "2.D1": "your run_epoch says 0.9677",
    "3.D1": "128 numbers arrive, and the layer was made for 128",
    "3.D2": "The labels of your first batch are 0 and 1.",
    "3.D3": "met gradients of 1.00, 1.00, 1.00 times the first",
    "4.D1": "Yours lie between -",
    "5.D1": "the run moved a weight by 0.01",
    "6.D1": "Your first answer is 'positive'",
}


def test_all_diagnoses_are_tried():
    assert list(PLANTED) == list(MENDED) == list(SEEN) == list(diagnoses())


@pytest.mark.parametrize("number", PLANTED)
def test_a_diagnosis_is_confirmed_while_its_numbers_show_the_bug_and_told_when_it_is_gone(number):
    entry, planted, mended = diagnoses()[number], PLANTED[number](), MENDED[number]()
    wrong = [letter for letter in entry.causes if letter != entry.right]
    for letter, evidence in itertools.product(wrong, (planted, mended)):
        said = ask(number, letter, evidence)
        assert said.startswith(f"CheckError: diagnosis {number}: not {letter}; ")
    confirmed = ask(number, entry.right, planted)
    assert confirmed.startswith(
        f"ok: diagnosis {number}, {entry.right}: {entry.causes[entry.right][0]}"
    )
    assert CATALOGUE[entry.bug].this_time in confirmed and SEEN[number] not in confirmed
    gone = ask(number, entry.right, mended)
    assert gone.startswith(f"ok: diagnosis {number}, {entry.right}: yours is mended. ")
    assert SEEN[number] in gone and f"The cause was {entry.causes[entry.right][0]}." in gone


@pytest.mark.parametrize("number", MENDED)
def test_whose_code_never_had_the_bug_is_told_so(number):
    entry = diagnoses()[number]
    said = ask(number, entry.right, MENDED[number]())
    assert said.startswith(f"ok: diagnosis {number}, {entry.right}: your code does not have it. ")
    assert SEEN[number] in said
    assert f"The code as typed in class has: {entry.causes[entry.right][0]}." in said


# Another fault in place of the bug

OTHERWISE = [
    # diagnosis, evidence, words; the letter whose sign it is, if it is one of the table
    ("1.D1", lambda: zeros(UnknownIsPadding), "nobody wrote has the id 0", "C"),
    ("2.D1", lambda: accuracies(accuracy_of_hits), "of all 31 reviews 0.9677 are right", ""),
    ("3.D1", lambda: shapes(Turned), "Your model stops at another place: it raised Runtime", ""),
    ("3.D2", lambda: labels(Swapped), "In your ReviewDataset 0 is positive", ""),
    ("3.D3", lambda: learning(loops.clears_too_late), "the gradient is gone or not there yet", ""),
    ("3.D3", lambda: learning(loops.steps_first), "the gradient is gone or not there yet", ""),
    ("3.D3", lambda: learning(loops.one_step), "called `step` 1 times", ""),
    ("3.D3", lambda: learning(cls=Deaf), "loss went from 0.69 to 0.69", "C"),
    ("4.D1", lambda: answers(rate=1e-6), "moved by 0.000 on average", "A"),
    ("4.D1", lambda: answers(run=loops.never_clears), "1.00, 2.00, 3.00 times the first", "B"),
    ("5.D1", lambda: steps(run=loops.never_clears), "1.00, 2.00, 3.00 times the first", "C"),
    ("6.D1", lambda: texts(parse=lambda answer: None), "Your parser makes None", "C"),
]


@pytest.mark.parametrize(("number", "evidence", "words", "letter"), OTHERWISE)
def test_beside_another_fault_the_class_s_cause_is_not_confirmed(number, evidence, words, letter):
    right, evidence = diagnoses()[number].right, evidence()
    said = ask(number, right, evidence)
    assert said.startswith(f"CheckError: diagnosis {number}: not {right} in your code. ")
    assert words in said and "\n" not in said
    if letter:
        said = ask(number, letter, evidence)
        assert said.startswith(f"ok: diagnosis {number}, {letter}: ") and words in said
        assert "That is the cause in your own code" in said
    assert ask(number, right, PLANTED[number]()).startswith("ok: ")
    said = ask(number, right, evidence)  # it was answered while the bug was there, so it counts
    assert said.startswith(f"ok: diagnosis {number}, {right}: the cause was") and words in said


def test_gradients_that_are_cleared_once_for_an_epoch_are_not_called_forgotten():
    said = ask("3.D3", "B", learning(loops.clears_once))
    assert "Within one epoch of three equal batches" in said
    assert "This time: the gradients were cleared once for an epoch" in said
    assert CATALOGUE["missing-zero-grad"].this_time not in said


def zeroes_at_the_end(model, batches, loss_fn, optimizer=None):
    """Right: zero comes after the step, before the next batch."""
    return loops.epoch(model, batches, loss_fn, optimizer, order="bsz")


def test_clearing_after_the_step_is_right():
    assert "your code does not have it" in ask("3.D3", "B", learning(zeroes_at_the_end))


def test_without_evidence_the_cause_can_still_be_told():
    for number, entry in itertools.islice(diagnoses().items(), 3):
        assert ask(number, entry.right, {}).startswith(f"ok: diagnosis {number}, {entry.right}: ")
    assert symptoms.STORY.met == set()
