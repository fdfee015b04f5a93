"""Runs that a lesson leaves to the next: your own, the course's, and those of a quick check."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from practicum_utils import training
from practicum_utils.data import POSITIVE, load_reviews
from practicum_utils.support import files as storage
from practicum_utils.training import History, Metrics, answers, recall, recall_answers, remember
from practicum_utils.training import runs as results
from practicum_utils.training.answers import Answers, digest_of


def make_history(accuracy=0.75, epochs=2):
    history = History()
    for _ in range(epochs):
        history.add(Metrics(0.5, 0.8), 10.0, Metrics(0.6, accuracy), 2.0)
    return history


@pytest.fixture
def reference_runs(tmp_path, monkeypatch):
    """A package folder that ships the reference runs "alpha" and "beta"."""
    folder = tmp_path / "package" / "assets" / "reference_runs"
    folder.mkdir(parents=True)
    for name in ("beta", "alpha"):
        make_history(0.9).save(folder / f"{name}.json")
    monkeypatch.setattr(results.importlib.resources, "files", lambda name: tmp_path / "package")


def test_your_own_run_comes_back(home, capsys):
    remember("mine", make_history())
    assert recall("mine") == make_history()
    assert capsys.readouterr().out == (
        "remembered mine: 2 epochs, validation accuracy 0.750\nmine: your own run\n"
    )


def test_a_later_run_takes_the_place_of_an_earlier(home):
    remember("mine", make_history(0.6))
    remember("mine", make_history(0.7, epochs=3))
    assert recall("mine") == make_history(0.7, epochs=3)


def test_runs_of_different_names_are_kept_apart(home):
    remember("one", make_history(0.6))
    remember("two", make_history(0.7))
    assert recall("one").validation_accuracy[-1] == 0.6


def test_without_a_run_of_your_own_the_reference_comes(home, reference_runs, capsys):
    assert recall("alpha") == make_history(0.9)
    assert "alpha: the reference run that comes with the course" in capsys.readouterr().out


def test_your_own_run_goes_before_the_reference(home, reference_runs):
    remember("alpha", make_history(0.7))
    assert recall("alpha").validation_accuracy[-1] == 0.7


def test_a_run_of_your_own_that_ended_too_low_is_left_aside(home, reference_runs, capsys):
    remember("alpha", make_history(0.5))
    assert recall("alpha", at_least=0.6).validation_accuracy[-1] == 0.9
    assert "(your own is right for 0.500, so something was wrong" in capsys.readouterr().out
    remember("alpha", make_history(0.7))
    assert recall("alpha", at_least=0.6).validation_accuracy[-1] == 0.7


def test_an_unknown_name_names_the_known_ones(home, reference_runs):
    with pytest.raises(KeyError, match=r"no run 'gamma' \(you have none.*\); .* are: alpha, beta"):
        recall("gamma")


def test_the_course_ships_a_run_of_the_simple_rnn(home, capsys):
    history = recall("simple_rnn")
    assert len(history) >= 1 and history.validation_accuracy[-1] > 0.8
    assert "reference run" in capsys.readouterr().out


def test_a_run_at_reduced_size_never_replaces_a_full_one(home, monkeypatch):
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    remember("mine", make_history(0.9))
    monkeypatch.setenv("PRACTICUM_FAST", "1")
    remember("mine", make_history(0.5))
    assert recall("mine").validation_accuracy[-1] == 0.5
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    assert recall("mine").validation_accuracy[-1] == 0.9


def test_an_empty_history_is_not_remembered(home, capsys):
    remember("mine", make_history())
    remember("mine", History())
    assert recall("mine") == make_history()
    assert "Nothing to remember for mine: no epoch was finished." in capsys.readouterr().out


def test_a_regression_is_remembered_by_its_loss(home, capsys):
    history = History()
    history.add(Metrics(0.5, None), 10.0, Metrics(0.25, None), 2.0)
    remember("years", history)
    assert capsys.readouterr().out == "remembered years: 1 epochs, validation loss 0.2500\n"
    assert recall("years") == history


def test_a_damaged_run_is_named_and_the_reference_takes_its_place(home, reference_runs, capsys):
    remember("alpha", make_history())
    (path,) = home.glob("*/alpha.json")
    path.write_text("{")
    assert recall("alpha") == make_history(0.9)
    printed = capsys.readouterr().out
    assert "your own could not be read: " in printed
    assert "alpha.json does not hold a history; delete it and train again." in printed


def test_a_damaged_run_without_a_reference_is_named(home, reference_runs):
    remember("mine", make_history())
    (path,) = home.glob("*/mine.json")
    path.write_text("{")
    with pytest.raises(KeyError, match=r"mine\.json does not hold a history; delete it"):
        recall("mine")


# What the model answered


LABELS = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])


class FirstId(nn.Module):
    """Answers with the first id of a review as the logit, if nothing is dropped."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))
        self.dropout = nn.Dropout(0.5)

    def forward(self, token_ids, lengths):
        assert not torch.is_grad_enabled()
        return self.dropout(token_ids[:, 0] * self.factor)


class Rows(Dataset):
    """Reviews that get shorter, the first id of each its own; a bucket would turn them around."""

    def __init__(self, labels=LABELS):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        length = len(self) - index
        return torch.full((length,), index + 1), self.labels[index]


IN_ORDER = torch.arange(1, 6).sigmoid()


def remember_answers(name="mine", labels=LABELS):
    remember(name, make_history(), FirstId(), Rows(labels))


@pytest.fixture
def reference_answers(tmp_path, reference_runs):
    """The same, with the answers of "alpha", all 0.25, to reviews of LABELS."""
    folder = tmp_path / "package" / "assets" / "reference_runs"
    Answers(digest_of(LABELS), torch.full((5,), 0.25)).save(folder / "alpha.answers.json")


def test_your_own_answers_come_back_in_the_order_of_the_set_to_four_decimals(home, capsys):
    remember_answers()
    found = recall_answers("mine", LABELS)
    assert found.dtype == torch.float32 and found.shape == (5,)
    assert found == pytest.approx(IN_ORDER, abs=0.00005001)
    assert capsys.readouterr().out == (
        "remembered mine: 2 epochs, validation accuracy 0.750; its answers to 5 reviews\n"
        "mine: your own answers\n"
    )
    assert recall("mine") == make_history()


def test_more_reviews_than_one_batch_stay_in_order(home):
    labels = (torch.arange(200) % 3 == 0).float()
    remember("mine", make_history(), FirstId(), Rows(labels))
    assert recall_answers("mine", labels) == pytest.approx(torch.arange(1, 201).sigmoid(), abs=1e-4)


def test_asking_leaves_mode_and_random_numbers_as_they_were(home):
    class Noisy(FirstId):
        def forward(self, token_ids, lengths):
            random.random(), np.random.rand()
            return super().forward(token_ids, lengths) + 0 * torch.rand(len(lengths))

    model = Noisy()
    model.dropout.eval()
    training.set_seed(3)
    wanted = torch.rand(1), np.random.rand(), random.random()
    training.set_seed(3)
    remember("mine", make_history(), model, Rows())
    assert (torch.rand(1), np.random.rand(), random.random()) == wanted
    assert model.training and not model.dropout.training


@pytest.mark.parametrize("labels", [
    LABELS, LABELS.bool(), LABELS.tolist(), [1, 2, 2, 1, 2], np.array([0, 1, 1, 0, 1]),
], ids=["tensor", "bool", "list", "raw", "numpy"])  # fmt: skip
def test_labels_may_come_in_any_of_their_forms(home, labels):
    remember_answers()
    assert len(recall_answers("mine", labels)) == 5


def test_a_model_of_two_classes_answers_with_the_second(home):
    class TwoClasses(FirstId):
        def forward(self, token_ids, lengths):
            logit = super().forward(token_ids, lengths)
            return torch.stack([torch.zeros_like(logit), logit], dim=1)

    remember("mine", make_history(), TwoClasses(), Rows())
    assert recall_answers("mine", LABELS) == pytest.approx(IN_ORDER, abs=1e-4)


def test_a_model_of_three_classes_is_named_and_nothing_is_written(home):
    class Three(FirstId):
        def forward(self, token_ids, lengths):
            return torch.zeros(len(lengths), 3)

    with pytest.raises(ValueError, match=r"one logit for a review, or two.*gives \(3,\)"):
        remember("mine", make_history(), Three(), Rows())
    assert list(home.rglob("mine*")) == []


@pytest.mark.parametrize("half", [{"model": FirstId()}, {"test_set": Rows()}], ids=list)
def test_a_model_needs_its_reviews_and_reviews_their_model(home, half):
    with pytest.raises(ValueError, match="give the model and the test_set"):
        remember("mine", make_history(), **half)


def test_without_answers_of_your_own_the_reference_comes(home, reference_answers, capsys):
    assert recall_answers("alpha", LABELS).tolist() == [0.25] * 5
    assert capsys.readouterr().out == (
        "alpha: the reference answers that come with the course (you have none of your own yet)\n"
    )


@pytest.mark.parametrize("labels", [1 - LABELS, LABELS[:4], LABELS.flip(0).repeat(2)], ids=str)
def test_own_answers_to_other_reviews_are_left_aside(home, reference_answers, labels, capsys):
    remember_answers("alpha", labels)
    assert recall_answers("alpha", LABELS).tolist() == [0.25] * 5
    told = f"the reference answers that come with the course (your own are to {len(labels)} other"
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("labels", [LABELS, [1, 2, 2, 1, 2]], ids=["zero and one", "raw"])
def test_own_answers_that_are_too_often_wrong_are_left_aside(
    home, reference_answers, labels, capsys
):
    remember_answers("alpha")  # all are above one half, so three of five are right
    assert recall_answers("alpha", labels, at_least=0.6) == pytest.approx(IN_ORDER, abs=1e-4)
    assert recall_answers("alpha", labels, at_least=0.61).tolist() == [0.25] * 5
    assert "(your own is right for 0.600, so something was" in capsys.readouterr().out


def test_where_no_answers_are_to_these_reviews_a_sentence_says_what_to_do(home, reference_answers):
    with pytest.raises(ValueError, match=(
        r"no answers of 'alpha' to these 3 reviews \(you have none.*\).* 5,000 of load_reviews\(\)"
        r'.*call remember\("alpha", history, model, test_set\)\.$'
    )):  # fmt: skip
        recall_answers("alpha", LABELS[:3])


def test_an_unknown_name_names_the_runs_with_answers(home, reference_answers):
    with pytest.raises(KeyError, match=r"no run 'beta' \(you have none.*\); .* are: alpha\."):
        recall_answers("beta", LABELS)


DAMAGED = ["", "{", "[]", "{}", '{"digest": "5-0", "ten_thousandths": [1, 0.5]}',
           '{"digest": "5-0", "ten_thousandths": [10001]}']  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_answers_are_named_and_the_reference_takes_their_place(
    home, reference_answers, text, capsys
):
    remember_answers("alpha")
    (path,) = home.glob("*/alpha.answers.json")
    path.write_text(text)
    assert recall_answers("alpha", LABELS).tolist() == [0.25] * 5
    assert "alpha.answers.json does not hold a model's answers; delete" in capsys.readouterr().out
    assert recall("alpha") == make_history()


def test_answers_of_an_earlier_run_do_not_stay_beside_a_later_history(home, reference_answers):
    remember_answers("alpha")
    remember("alpha", make_history(0.8))
    assert recall_answers("alpha", LABELS).tolist() == [0.25] * 5


def test_answers_at_reduced_size_never_replace_full_ones(home, monkeypatch):
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    remember_answers()
    monkeypatch.setenv("PRACTICUM_FAST", "1")
    remember_answers(labels=1 - LABELS)
    assert len(recall_answers("mine", 1 - LABELS)) == 5
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    assert recall_answers("mine", LABELS) == pytest.approx(IN_ORDER, abs=1e-4)


def test_answers_that_cannot_be_written_are_one_sentence_and_the_history_stays(
    home, reference_answers, monkeypatch, capsys
):
    remember_answers("alpha")
    capsys.readouterr()

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answers, "write_text_whole", full)
    remember("alpha", make_history(0.8), FirstId(), Rows())
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("alpha could not be remembered ([Errno 28] No space left")
    assert recall("alpha").validation_accuracy[-1] == 0.8
    assert recall_answers("alpha", LABELS).tolist() == [0.25] * 5  # not those of the earlier run


@pytest.mark.parametrize("name", ["mean_embedding", "simple_rnn", "attention_rnn", "transformer"])
def test_the_course_ships_answers_to_its_5_000_test_reviews(home, name):
    labels = load_reviews()["test"]["label"][:]
    found = recall_answers(name, labels)
    assert found.shape == (5_000,) and ((found >= 0) & (found <= 1)).all()
    file = Path(training.__file__).parents[1] / "assets/reference_runs" / f"{name}.answers.json"
    assert file.stat().st_size <= 30_000
    right = (found > 0.5) == (torch.tensor(labels) == POSITIVE)
    assert right.float().mean() > 0.6  # so they are to these reviews, in this order


def test_a_deleted_home_is_made_again(home):
    remember("mine", make_history())
    shutil.rmtree(home)
    remember("mine", make_history())
    assert recall("mine") == make_history()


def test_without_a_home_of_your_own_the_user_s_folders_are_used(tmp_path, monkeypatch):
    monkeypatch.delenv("PRACTICUM_HOME")
    monkeypatch.setattr(storage.platformdirs, "user_cache_path", lambda app: tmp_path / "c" / app)
    monkeypatch.setattr(storage.platformdirs, "user_data_path", lambda app: tmp_path / "d" / app)
    assert storage.home("cache") == tmp_path / "c" / storage.APP_NAME
    assert storage.home("results") == tmp_path / "d" / storage.APP_NAME / "results"
    assert storage.home("results").is_dir()
