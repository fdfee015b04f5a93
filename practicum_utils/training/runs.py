"""Remember a lesson's training run, so that the next lesson can begin by revisiting it."""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from practicum_utils.support.environment import is_fast
from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import home
from practicum_utils.training.answers import Answers, answer, digest_of
from practicum_utils.training.history import History

HISTORY, ANSWERS = ".json", ".answers.json"  # what the names of the two files of a run end with


def remember(
    name: str,
    history: History,
    model: nn.Module | None = None,
    test_set: Dataset | None = None,
) -> None:
    """Keep ``history`` on this computer under ``name``, in place of an earlier run of that name.

    model, test_set: with both, what the model answers on each review of the set is kept as well,
        for ``recall_answers``.
    Where that fails (a full disk, a folder that may not be written) a printed line says what to do;
    an earlier run stays, and the lesson goes on.
    Raises ValueError for a model without a set or the other way round.
    """
    if not len(history):
        print(f"Nothing to remember for {name}: no epoch was finished.")
        return
    answers = _asked(model, test_set)
    try:
        history.save(_own_path(name))
        _keep(answers, _own_path(name, ANSWERS))
    except OSError as error:
        print(
            f"{name} could not be remembered ({error}). Nothing is lost as long as this notebook "
            "runs: free some space, or choose another folder by %env PRACTICUM_HOME=..., and run "
            "this cell again."
        )
        return
    print(f"remembered {name}: {_in_words(history)}{_count_in_words(answers)}")


def _asked(model: nn.Module | None, test_set: Dataset | None) -> Answers | None:
    if (model is None) != (test_set is None):
        raise in_one_line(
            ValueError("To remember answers, give the model and the test_set that it answers.")
        )
    return None if model is None else answer(model, test_set)


def _keep(answers: Answers | None, path: Path) -> None:
    path.unlink(missing_ok=True)  # those of an earlier run do not belong to this history
    if answers is not None:
        answers.save(path)


def _in_words(history: History) -> str:
    loss, accuracy = history.result
    result = f"loss {loss:.4f}" if accuracy is None else f"accuracy {accuracy:.3f}"
    return f"{len(history)} epochs, {'validation' if history.test is None else 'test'} {result}"


def _count_in_words(answers: Answers | None) -> str:
    return "" if answers is None else f"; its answers to {len(answers.positive):,} reviews"


def recall(name: str, at_least: float = 0.0) -> History:
    """Return your own last run of ``name``, or the course's reference run; prints which it is.

    at_least: the accuracy that your own must have reached on the test reviews, or on the validation
        reviews if it was not tested; a run that ends below it had something wrong with it, and
        nothing is to be built on it.
    A run of your own that cannot be read is named, and the reference run is returned.
    Raises KeyError if there is neither, naming the runs there are.
    """
    why = "you have none of your own yet"
    try:
        own = History.load(_own_path(name))
        why = _too_low(own.result.accuracy if at_least else 1.0, at_least)
        if not why:
            print(f"{name}: your own run")
            return own
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        why = f"your own could not be read: {error}"
    reference = _reference(name, why, History, HISTORY)
    print(f"{name}: the reference run that comes with the course ({why})")
    return reference


def recall_answers(
    name: str, labels: torch.Tensor | Sequence[int], at_least: float = 0.0
) -> torch.Tensor:
    """Return what the model of your run ``name`` answered: (N,) float32, P("positive") of each.

    labels: (N,), those of the reviews that you ask about, in their order; 0 and 1, or 1 and 2 as
        ``load_reviews`` gives them. They tell whether the answers are to these reviews.
    at_least: the share of them that your own must be right about, as in ``recall``.
    Where your own are missing, unreadable or to other reviews, they are those of the course's
    reference run; prints which they are, and why.
    Raises KeyError if there are none of that name, naming those there are, and ValueError if none
    are to these reviews.
    """
    wanted, why = digest_of(labels), "you have none of your own yet"
    try:
        own = Answers.load(_own_path(name, ANSWERS))
        if own.digest == wanted:
            why = _too_low(own.accuracy(labels), at_least)
        else:
            why = f"your own are to {len(own.positive):,} other reviews"
        if not why:
            print(f"{name}: your own answers")
            return own.positive
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        why = f"your own could not be read: {error}"
    reference = _reference(name, why, Answers, ANSWERS)
    if reference.digest != wanted:
        raise _other_reviews(name, len(labels), why)
    print(f"{name}: the reference answers that come with the course ({why})")
    return reference.positive


def _too_low(accuracy: float, at_least: float) -> str:
    """Why a run of this accuracy is left aside; nothing if it is not."""
    if accuracy >= at_least:
        return ""
    return f"your own is right for {accuracy:.3f}, so something was wrong in that run"


def _other_reviews(name: str, count: int, why: str) -> Exception:
    return in_one_line(
        ValueError(
            f"There are no answers of {name!r} to these {count:,} reviews ({why}). The course's "
            'are to the 5,000 of load_reviews()["test"], in its order; for others train the model '
            f'and call remember("{name}", history, model, test_set).'
        )
    )


def _reference(name: str, why: str, kind: type, ending: str):
    """The file of the course's run of that name, read as ``kind``, a History or Answers."""
    folder = importlib.resources.files("practicum_utils") / "assets" / "reference_runs"
    files = [file.name.partition(".") for file in folder.iterdir()] if folder.is_dir() else []
    names = sorted(first for first, dot, last in files if dot + last == ending)
    if name not in names:
        known = ", ".join(names) or "missing; install practicum_utils again"
        raise in_one_line(
            KeyError(f"There is no run {name!r} ({why}); the reference runs are: {known}.")
        )
    with importlib.resources.as_file(folder / f"{name}{ending}") as path:
        return kind.load(path)


def _own_path(name: str, ending: str = HISTORY) -> Path:
    # Runs at reduced size are kept apart, so that a check never replaces a real result.
    return home("results-fast" if is_fast() else "results") / f"{name}{ending}"
