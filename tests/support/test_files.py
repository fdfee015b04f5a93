"""A disk that is full, folders that cannot be written, files that are broken or gone."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiers import HANGS

from practicum_utils.data import reviews, tokenize, tokenize_all, tokens
from practicum_utils.data.tokens import CACHE_FROM
from practicum_utils.prompting import t5
from practicum_utils.support import files
from practicum_utils.training import History, Metrics, recall, remember

TEXTS = [f"a good film number {i}" for i in range(CACHE_FROM)]
TOKENS = [tokenize(text) for text in TEXTS]


def history_of(accuracy):
    history = History()
    history.add(Metrics(0.5, 0.8), 10.0, Metrics(0.6, accuracy), 2.0)
    return history


def run(code, home):
    environment = {**os.environ, "PRACTICUM_HOME": str(home)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANGS)


def files_in(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file())


# A file of 100 bytes is all that the system lets this process write; the write itself fails.
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
"""
REMEMBER_TWICE = f"""
from practicum_utils.training import recall, remember
from practicum_utils.training import History, Metrics
history = History()
history.add(Metrics(0.5, 0.8), 10.0, Metrics(0.6, 0.7), 2.0)
remember("simple_rnn", history)
history.add(Metrics(0.5, 0.8), 10.0, Metrics(0.6, 0.9), 2.0)
{FULL}
remember("simple_rnn", history)
assert len(history) == 2 and len(recall("simple_rnn")) == 1
"""
TOKENIZE = f"""
from practicum_utils.data import tokenize, tokenize_all
texts = [f"a good film number {{i}}" for i in range({CACHE_FROM})]
{FULL}
assert list(tokenize_all(texts)) == [tokenize(text) for text in texts]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is POSIX's")
@pytest.mark.slow
def test_a_history_that_does_not_fit_leaves_the_old_one_and_one_sentence(tmp_path):
    result = run(REMEMBER_TWICE, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    first, second, third = result.stdout.splitlines()
    assert first.startswith("remembered simple_rnn: 1 epochs")
    assert second.startswith(f"simple_rnn could not be remembered ([Errno {errno.EFBIG}]")
    assert "%env PRACTICUM_HOME=..., and run this cell again." in second
    assert third == "simple_rnn: your own run"
    assert files_in(tmp_path) == ["simple_rnn.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is POSIX's")
@pytest.mark.slow
def test_a_cache_that_does_not_fit_is_one_sentence_and_no_file(tmp_path):
    result = run(TOKENIZE, tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    assert "could not be written" in line and "tokenize again" in line
    assert files_in(tmp_path) == []


@pytest.fixture(params=["a file in its place", "read-only"])
def closed_home(request, tmp_path, monkeypatch):
    """A home in which nothing can be written."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PRACTICUM_HOME", str(folder))
    if request.param == "read-only":
        folder.mkdir(mode=0o500)
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
    else:
        folder.write_text("")
    return folder


def test_without_a_place_to_write_the_lesson_goes_on(closed_home, capsys):
    history = history_of(0.7)
    assert list(tokenize_all(TEXTS)) == TOKENS
    remember("simple_rnn", history)
    assert recall("simple_rnn").result.accuracy > 0.8
    cache, failed, reference = capsys.readouterr().out.splitlines()
    assert "token cache could not be written" in cache
    assert failed.startswith("simple_rnn could not be remembered (")
    assert "the reference run" in reference and "your own could not be read" in reference
    assert history == history_of(0.7)


@pytest.fixture
def cache_file(home):
    """The cache of TEXTS, whole."""
    tokenize_all(TEXTS)
    (file,) = home.rglob("*.npz")
    return file


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_cache_cut_short_is_rebuilt_in_silence(cache_file, share, capsys):
    whole = cache_file.read_bytes()
    cache_file.write_bytes(whole[: int(share * len(whole))])
    assert list(tokenize_all(TEXTS)) == TOKENS
    assert list(tokens._load(cache_file)) == TOKENS
    assert files_in(cache_file.parent) == [cache_file.name]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b"P"])
def test_garbage_of_the_right_length_is_rebuilt(cache_file, byte):
    cache_file.write_bytes(byte * cache_file.stat().st_size)
    assert list(tokenize_all(TEXTS)) == TOKENS
    assert list(tokens._load(cache_file)) == TOKENS


def test_a_folder_in_the_place_of_the_cache_file_stops_nothing(cache_file, capsys):
    cache_file.unlink()
    cache_file.mkdir()
    assert list(tokenize_all(TEXTS)) == TOKENS
    assert "could not be written" in capsys.readouterr().out
    assert files_in(cache_file.parent) == []


def test_another_kernel_that_forgets_the_same_files_is_no_failure(home, monkeypatch, capsys):
    stat = Path.stat

    def gone(path, **options):
        if path.suffix == ".npz":
            raise FileNotFoundError(errno.ENOENT, "deleted meanwhile")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", gone)
    assert list(tokenize_all(TEXTS)) == TOKENS
    assert capsys.readouterr().out == ""


# Files of the package


def test_a_missing_file_of_the_package_is_one_sentence(home, tmp_path, monkeypatch):
    monkeypatch.setattr(files.importlib.resources, "files", lambda name: tmp_path)
    for read in (lambda: files.read_asset("bugs.toml"), lambda: reviews._near_duplicates("imdb")):
        with pytest.raises(FileNotFoundError, match="is missing; install practicum_utils again"):
            read()
    with pytest.raises(KeyError, match="reference runs are: missing; install practicum_utils"):
        recall("simple_rnn")


def test_a_tiny_model_without_its_checksums_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"config.json changed or missing.*install practicum_ut"):
        t5.check_files(tmp_path)


def test_a_notebook_shows_such_an_error_as_its_sentence():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shown = []
    shell._showtraceback = lambda kind, error, lines: shown.append(lines)
    try:
        shell.run_cell("from practicum_utils.support.errors import in_one_line")
        shell.run_cell("raise in_one_line(ConnectionError('try again')) from OSError('long')")
    finally:
        InteractiveShell.clear_instance()
    assert shown == [["ConnectionError: try again"]]
