"""Runs that a lesson leaves to the next: your own, the course's, and those of a quick check."""

import shutil

import pytest

from practicum_utils.support import files as storage
from practicum_utils.training import History, Metrics, recall, remember
from practicum_utils.training import runs as results


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
        "remembered mine: 2 epochs, test accuracy 0.750\nmine: your own run\n"
    )


def test_a_later_run_takes_the_place_of_an_earlier(home):
    remember("mine", make_history(0.6))
    remember("mine", make_history(0.7, epochs=3))
    assert recall("mine") == make_history(0.7, epochs=3)


def test_runs_of_different_names_are_kept_apart(home):
    remember("one", make_history(0.6))
    remember("two", make_history(0.7))
    assert recall("one").test_accuracy[-1] == 0.6


def test_without_a_run_of_your_own_the_reference_comes(home, reference_runs, capsys):
    assert recall("alpha") == make_history(0.9)
    assert "alpha: the reference run that comes with the course" in capsys.readouterr().out


def test_your_own_run_goes_before_the_reference(home, reference_runs):
    remember("alpha", make_history(0.7))
    assert recall("alpha").test_accuracy[-1] == 0.7


def test_an_unknown_name_names_the_known_ones(home, reference_runs):
    with pytest.raises(KeyError, match=r"no run 'gamma' \(you have none.*\); .* are: alpha, beta"):
        recall("gamma")


def test_the_course_ships_a_run_of_the_simple_rnn(home, capsys):
    history = recall("simple_rnn")
    assert len(history) >= 1 and history.test_accuracy[-1] > 0.8
    assert "reference run" in capsys.readouterr().out


def test_a_run_at_reduced_size_never_replaces_a_full_one(home, monkeypatch):
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    remember("mine", make_history(0.9))
    monkeypatch.setenv("PRACTICUM_FAST", "1")
    remember("mine", make_history(0.5))
    assert recall("mine").test_accuracy[-1] == 0.5
    monkeypatch.setenv("PRACTICUM_FAST", "0")
    assert recall("mine").test_accuracy[-1] == 0.9


def test_an_empty_history_is_not_remembered(home, capsys):
    remember("mine", make_history())
    remember("mine", History())
    assert recall("mine") == make_history()
    assert "Nothing to remember for mine: no epoch was finished." in capsys.readouterr().out


def test_a_regression_is_remembered_by_its_loss(home, capsys):
    history = History()
    history.add(Metrics(0.5, None), 10.0, Metrics(0.25, None), 2.0)
    remember("years", history)
    assert capsys.readouterr().out == "remembered years: 1 epochs, test loss 0.2500\n"
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
