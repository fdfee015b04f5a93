"""What a student has earned outlives the machine: one line saves it, and one brings it back.

It is the folder in which ``remember`` keeps runs, in a zip. A run is one piece: its history and its
answers go together, and of two runs of one name the later one is kept.
"""

import calendar
import importlib
import io
import os
import re
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

from practicum_utils.support.errors import refusal
from practicum_utils.support.files import home, write_whole

NAME = "sequence-learning-practicum.zip"
DRIVE = Path("/content/drive")  # where Colab mounts it
PLAIN = re.compile(r"\w[\w.-]*")  # a file's name, and no path
LARGEST = 200_000_000  # bytes of a run, unpacked; a real one has some ten thousand


class File(NamedTuple):
    """A file of a run: when it was written, in even seconds since 1970 as in a zip; and what."""

    when: int
    data: bytes


Runs = dict[str, dict[str, File]]  # name of a run -> its files by name


def save_work(folder: str | Path | None = None) -> None:
    """Save all runs that ``remember`` has kept on this machine, in a zip.

    folder: where to; by default in Colab your Google Drive, or a download where there is none, and
        elsewhere the folder that you stand in.
    Runs in an earlier zip that are not here, or older here, stay in it. Prints where it is.
    Raises ValueError, in a sentence, if it cannot be written, or a file of its name is no such zip.
    """
    own = _own()
    if not own:
        print("There is nothing to save yet: no run has been remembered on this machine.")
        return
    colab = _colab("files")
    drive = _drive() if folder is None and colab else None
    path = Path(folder or drive or ".") / NAME
    kept, _ = _newest(_read(path) if path.exists() else {}, own)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: file.write(_zipped(kept)))
    except OSError as error:
        raise refusal(f"{path} could not be written: {error.strerror}.") from error
    print(f"saved {', '.join(kept)} in {path}")
    if colab and folder is None and drive is None:
        colab.download(str(path))
        print("It is among your downloads now; restore_work() asks for it.")


def restore_work(source: str | Path | None = None) -> None:
    """Bring back what ``save_work`` has saved. Runs that are newer on this machine stay.

    source: the zip, or its folder; by default in Colab the one on your Google Drive, or one that
        you upload, and elsewhere the one in the folder that you stand in.
    Prints what was restored and what was not. Raises ValueError, in a sentence, for what is no such
    zip; nothing is restored then.
    """
    if source is None and (colab := _colab("files")):
        drive = _drive()
        saved = _read(drive / NAME) if drive and (drive / NAME).exists() else _uploaded(colab)
    else:
        path = Path(source or ".")
        saved = _read(path / NAME if path.is_dir() else path)
    own = _own()
    kept, later = _newest(own, saved)
    for name in later:
        _write(kept[name], own.get(name, {}))
    stayed = [name for name in saved if name not in later and saved[name] != own[name]]
    print(f"restored {', '.join(later) or 'nothing'}")
    if stayed:
        print(f"kept yours, which is not older than the saved one: {', '.join(stayed)}")


def _newest(runs: Runs, others: Runs) -> tuple[Runs, list[str]]:
    """Runs of both, the later of two of one name; and the names of those taken from ``others``."""
    later = [name for name in others if _when(others[name]) > _when(runs.get(name, {}))]
    return {**runs, **{name: others[name] for name in later}}, later


def _when(files: dict[str, File]) -> int:
    return max((file.when for file in files.values()), default=-1)


def _grouped(files: dict[str, File]) -> Runs:
    runs = {}
    for name, file in sorted(files.items()):
        runs.setdefault(name.partition(".")[0], {})[name] = file
    return runs


# This machine


def _own() -> Runs:
    paths = [path for path in home("results").iterdir() if path.is_file()]
    return _grouped(
        {path.name: File(int(path.stat().st_mtime) // 2 * 2, path.read_bytes()) for path in paths
         if not path.name.endswith(".part")}
    )  # fmt: skip


def _write(files: dict[str, File], before: dict[str, File]) -> None:
    """Write a run's files in place of those before it."""
    folder = home("results")
    try:
        for name in before.keys() - files.keys():
            (folder / name).unlink()
        for name, file in files.items():
            write_whole(folder / name, lambda open_file, data=file.data: open_file.write(data))
            os.utime(folder / name, (file.when, file.when))
    except OSError as error:
        raise refusal(f"{folder} could not be written: {error.strerror}.") from error


# The zip


def _zipped(runs: Runs) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for files in runs.values():
            for name, file in files.items():
                entry = zipfile.ZipInfo(name, time.gmtime(file.when)[:6])
                archive.writestr(entry, file.data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _read(path: Path) -> Runs:
    """The runs in the zip at a path; ValueError for a file that is none of ours."""
    try:
        return _unzipped(path.read_bytes(), path)
    except OSError as error:
        raise refusal(
            f"{path} cannot be read: {error.strerror}. Give the path of the zip of save_work."
        ) from error


def _unzipped(data: bytes, name: str | Path) -> Runs:
    """The runs in a zip, all of it read and looked at before anything is used."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            ours = all(PLAIN.fullmatch(entry.filename) for entry in entries)
            if not (entries and ours and sum(entry.file_size for entry in entries) < LARGEST):
                raise refusal(f"{name} is a zip, but none that save_work has written.")
            return _grouped({
                entry.filename: File(calendar.timegm(entry.date_time), archive.read(entry))
                for entry in entries
            })  # fmt: skip
    except (zipfile.BadZipFile, zipfile.zlib.error, NotImplementedError, RuntimeError) as error:
        raise refusal(f"{name} is not a zip of saved work, or a broken one.") from error


# Colab


def _colab(part: str):
    """A module of google.colab; None elsewhere."""
    try:
        return importlib.import_module(f"google.colab.{part}")
    except ImportError:
        return None


def _drive() -> Path | None:
    """The course's folder on the student's Google Drive, mounted now if need be; None without."""
    mine = DRIVE / "MyDrive"
    try:
        if not mine.is_dir():
            _colab("drive").mount(str(DRIVE))
        folder = mine / "sequence-learning-practicum"
        folder.mkdir(exist_ok=True)
        return folder
    except Exception as error:  # no account, no permission, a closed pop-up: each its own type
        print(f"Google Drive cannot be used ({error}).")
        return None


def _uploaded(colab) -> Runs:
    """The runs in a zip that the student chooses."""
    print(f"Choose {NAME} from your downloads.")
    files = colab.upload()
    if len(files) != 1:
        raise refusal("Nothing was restored: choose one file, the zip of save_work.")
    [(name, data)] = files.items()
    return _unzipped(data, name)
