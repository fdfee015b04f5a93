"""What a student has earned is saved and brought back: on Drive, as a download, in a folder."""

import os
import sys
import types
import zipfile

import pytest

from practicum_utils.support.files import home as home_of
from practicum_utils.training import keeping, restore_work, save_work

EARLY, LATE = 1_700_000_000, 1_700_000_100


def results():
    return home_of("results")


def write(name, text, when=EARLY):
    path = results() / name
    path.write_text(text)
    os.utime(path, (when, when))


def contents():
    return {path.name: path.read_text() for path in results().iterdir()}


@pytest.fixture(autouse=True)
def machine(home, tmp_path, monkeypatch):
    """A machine with two runs on it, and a folder to stand in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write("simple_rnn.json", "history")
    write("simple_rnn.answers.json", "answers")
    write("mean_embedding.json", "baseline", LATE)


@pytest.fixture
def new_machine(monkeypatch, tmp_path):
    """Moves to a machine on which nothing was done yet."""
    machines = []

    def move():
        machines.append(1)
        monkeypatch.setenv("PRACTICUM_HOME", str(tmp_path / f"machine {len(machines)}"))

    return move


ALL = {"simple_rnn.json": "history", "simple_rnn.answers.json": "answers",
       "mean_embedding.json": "baseline"}  # fmt: skip


def test_what_is_saved_in_a_folder_comes_back(tmp_path, new_machine, capsys):
    save_work(tmp_path / "stick")
    assert capsys.readouterr().out == (
        f"saved mean_embedding, simple_rnn in {tmp_path / 'stick' / keeping.NAME}\n"
    )
    new_machine()
    restore_work(tmp_path / "stick")
    assert capsys.readouterr().out == "restored mean_embedding, simple_rnn\n"
    assert contents() == ALL
    assert (results() / "mean_embedding.json").stat().st_mtime == LATE
    restore_work(tmp_path / "stick" / keeping.NAME)
    assert capsys.readouterr().out == "restored nothing\n"


def test_by_default_it_is_the_folder_that_one_stands_in(tmp_path, new_machine):
    save_work()
    assert (tmp_path / "here" / keeping.NAME).is_file()
    new_machine()
    restore_work()
    assert contents() == ALL


def test_a_newer_run_of_ones_own_stays_whole(new_machine, capsys):
    save_work()
    write("simple_rnn.json", "trained again", LATE)
    (results() / "simple_rnn.answers.json").unlink()
    capsys.readouterr()
    restore_work()
    assert contents() == {"simple_rnn.json": "trained again", "mean_embedding.json": "baseline"}
    assert (
        "kept yours, which is not older than the saved one: simple_rnn" in capsys.readouterr().out
    )


def test_an_older_run_is_replaced_whole(capsys):
    write("simple_rnn.json", "newer", LATE)
    (results() / "simple_rnn.answers.json").unlink()
    save_work()
    write("simple_rnn.json", "older", EARLY)
    write("simple_rnn.answers.json", "of the older one", EARLY)
    restore_work()
    assert contents() == {"simple_rnn.json": "newer", "mean_embedding.json": "baseline"}


def test_saving_on_a_new_machine_loses_nothing_of_the_old_one(new_machine):
    save_work()
    new_machine()
    write("transformer.json", "later lesson", LATE)
    write("simple_rnn.json", "an older try", EARLY - 100)
    save_work()
    new_machine()
    restore_work()
    assert contents() == ALL | {"transformer.json": "later lesson"}


def test_nothing_earned_is_nothing_saved(new_machine, tmp_path, capsys):
    new_machine()
    save_work()
    assert "nothing to save yet" in capsys.readouterr().out
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.skipif(
    not hasattr(keeping.time, "tzset"), reason="Windows cannot change its time zone"
)
def test_time_zones_do_not_matter(new_machine, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    keeping.time.tzset()
    save_work()
    monkeypatch.setenv("TZ", "America/Lima")
    keeping.time.tzset()
    new_machine()
    restore_work()
    assert (results() / "mean_embedding.json").stat().st_mtime == LATE
    monkeypatch.delenv("TZ")
    keeping.time.tzset()


# Files that are none of ours


def demand_refused(said, *arguments, do=restore_work):
    before = contents()
    with pytest.raises(ValueError, match=said) as caught:
        do(*arguments)
    assert caught.value._render_traceback_() == [f"ValueError: {caught.value}"]
    assert contents() == before


@pytest.mark.parametrize(
    "name", ["../out.json", "/etc/out.json", "a/b.json", "..", "a\\b.json", ""]
)
def test_a_zip_with_paths_in_it_is_refused(name, tmp_path):
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.writestr("good.json", "good")
        archive.writestr(zipfile.ZipInfo(name or "folder/"), "bad" if name else "")
    demand_refused("none that save_work has written", "bad.zip")
    assert not list(tmp_path.rglob("out.json"))


def test_broken_and_foreign_files_are_refused(tmp_path):
    save_work()
    whole = (tmp_path / "here" / keeping.NAME).read_bytes()
    broken = whole.replace(whole[50:60], b"0123456789", 1)
    for place, data in enumerate((b"", b"no zip", whole[:100], broken)):
        (tmp_path / f"{place}.zip").write_bytes(data)
        demand_refused("not a zip of saved work, or a broken one", tmp_path / f"{place}.zip")
    zipfile.ZipFile("empty.zip", "w").close()
    demand_refused("none that save_work has written", "empty.zip")
    demand_refused("cannot be read: No such file", tmp_path)
    demand_refused("cannot be read: No such file", "nowhere.zip")


def test_a_huge_zip_is_refused_unread(monkeypatch):
    save_work()
    monkeypatch.setattr(keeping, "LARGEST", 10)
    demand_refused("none that save_work has written")


def test_a_foreign_file_of_the_name_is_not_overwritten(tmp_path):
    foreign = tmp_path / "here" / keeping.NAME
    foreign.write_text("mine")
    demand_refused("not a zip of saved work", do=save_work)
    assert foreign.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    demand_refused("could not be written", tmp_path / "file" / "in", do=save_work)


# Colab


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """Colab as it looks from inside: ``drive`` and ``files``, and a student who may say no."""
    world = types.SimpleNamespace(allowed=True, mounted=0, downloads={}, upload={})

    def mount(place):
        if not world.allowed:
            raise ValueError("mount failed")
        world.mounted += 1
        (tmp_path / "drive" / "MyDrive").mkdir(parents=True)

    def download(path):
        with open(path, "rb") as file:  # noqa: PTH123
            world.downloads[os.path.basename(path)] = file.read()  # noqa: PTH119

    parts = {
        "drive": types.SimpleNamespace(mount=mount),
        "files": types.SimpleNamespace(download=download, upload=lambda: world.upload),
    }
    for name, part in parts.items():
        monkeypatch.setitem(sys.modules, f"google.colab.{name}", part)
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(keeping, "DRIVE", tmp_path / "drive")
    return world


def test_in_colab_it_is_on_drive_mounted_once(colab, tmp_path, new_machine):
    save_work()
    assert (tmp_path / "drive/MyDrive/sequence-learning-practicum" / keeping.NAME).is_file()
    new_machine()
    restore_work()
    assert contents() == ALL
    assert colab.mounted == 1 and colab.downloads == {}


def test_without_drive_it_is_a_download_and_an_upload(colab, new_machine, capsys):
    colab.allowed = False
    save_work()
    said = capsys.readouterr().out
    assert "Google Drive cannot be used (mount failed)." in said and "your downloads" in said
    new_machine()
    colab.upload = {"sequence-learning-practicum (1).zip": colab.downloads[keeping.NAME]}
    restore_work()
    assert contents() == ALL


def test_a_wrong_upload_or_none_is_said(colab):
    colab.allowed = False
    demand_refused("choose one file")
    colab.upload = {"holiday.jpg": b"\xff\xd8"}
    demand_refused("holiday.jpg is not a zip of saved work")


def test_in_colab_a_folder_that_is_named_is_taken(colab, tmp_path):
    save_work(tmp_path / "stick")
    assert (tmp_path / "stick" / keeping.NAME).is_file()
    assert colab.mounted == 0 and colab.downloads == {}
