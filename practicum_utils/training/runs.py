"""Remember a lesson's training run, so that the next lesson can begin by revisiting it."""

import importlib.resources
from pathlib import Path

from practicum_utils.support.environment import is_fast
from practicum_utils.support.errors import in_one_line
from practicum_utils.support.files import home
from practicum_utils.training.history import History


def remember(name: str, history: History) -> None:
    """Keep ``history`` on this computer under ``name``, in place of an earlier run of that name.

    Where that fails (a full disk, a folder that may not be written) a printed line says what to do;
    an earlier run stays, and the lesson goes on.
    """
    if not len(history):
        print(f"Nothing to remember for {name}: no epoch was finished.")
        return
    try:
        history.save(_own_path(name))
    except OSError as error:
        print(
            f"{name} could not be remembered ({error}). Nothing is lost as long as this notebook "
            "runs: free some space, or choose another folder by %env PRACTICUM_HOME=..., and run "
            "this cell again."
        )
        return
    *_, last = history
    accuracy = last.test.accuracy
    result = f"loss {last.test.loss:.4f}" if accuracy is None else f"accuracy {accuracy:.3f}"
    print(f"remembered {name}: {len(history)} epochs, test {result}")


def recall(name: str) -> History:
    """Return your own last run of ``name``, or the course's reference run; prints which it is.

    A run of your own that cannot be read is named, and the reference run is returned.
    Raises KeyError if there is neither, naming the runs there are.
    """
    why = "you have none of your own yet"
    try:
        own = History.load(_own_path(name))
        print(f"{name}: your own run")
        return own
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        why = f"your own could not be read: {error}"
    reference = _reference(name, why)
    print(f"{name}: the reference run that comes with the course ({why})")
    return reference


def _reference(name: str, why: str) -> History:
    folder = importlib.resources.files("practicum_utils") / "assets" / "reference_runs"
    names = sorted(Path(file.name).stem for file in folder.iterdir()) if folder.is_dir() else []
    if name not in names:
        known = ", ".join(names) or "missing; install practicum_utils again"
        raise in_one_line(
            KeyError(f"There is no run {name!r} ({why}); the reference runs are: {known}.")
        )
    with importlib.resources.as_file(folder / f"{name}.json") as path:
        return History.load(path)


def _own_path(name: str) -> Path:
    # Runs at reduced size are kept apart, so that a check never replaces a real result.
    return home("results-fast" if is_fast() else "results") / f"{name}.json"
