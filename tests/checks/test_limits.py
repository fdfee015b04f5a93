"""Answers without an end, without bounds, or with an exit are stopped, and the session stays."""

import builtins
import io
import itertools
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from IPython.core.autocall import ExitAutocall
from IPython.core.interactiveshell import InteractiveShell

from practicum_utils import data, models
from practicum_utils.checks import CheckError, check, limits, session

UNIX = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timer here")
SENTENCE = (
    "exercise 3.2, reverse_reviews: it had not come to an end after 1 seconds and was stopped"
)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A limit of a second; the real one is long enough for a busy machine."""
    assert limits.SECONDS >= 15
    monkeypatch.setattr(limits, "SECONDS", 1.0)


def session_s_own():
    return signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)


def refused(exercise, attempt) -> CheckError:
    with pytest.raises(CheckError) as caught:
        check(exercise, attempt)
    assert "\n" not in str(caught.value)
    return caught.value


def counts(token_ids, lengths):
    number = 0
    while True:
        number += 1


def sleeps(token_ids, lengths):
    while True:
        time.sleep(0.2)


def swallows(token_ids, lengths):
    while True:
        try:
            time.sleep(0.01)
        except:  # noqa: E722
            pass


def swallows_computing(token_ids, lengths):
    while True:
        try:
            sum(range(1000))
        except BaseException:
            continue


def swallows_twice(token_ids, lengths):
    while True:
        try:
            for _ in itertools.count():
                try:
                    torch.flip(token_ids, [1])
                except:  # noqa: E722
                    pass
        except:  # noqa: E722
            pass


def swallows_elsewhere(token_ids, lengths):
    while True:
        patiently(swallows_one)


def swallows_one():
    try:
        number = 0
        time.sleep(0.01)
        number += 1
    except:  # noqa: E722
        pass


def patiently(work):
    try:
        work()
        work()
    finally:
        work()


def gives_up(token_ids, lengths):
    """It is stopped, and then gives the right answer."""
    try:
        while True:
            pass
    except BaseException:
        return models.reverse_reviews(token_ids, lengths)


@UNIX
@pytest.mark.parametrize(
    "attempt",
    [counts, sleeps, swallows, swallows_computing, swallows_twice, swallows_elsewhere, gives_up],
)
def test_an_answer_without_an_end_is_stopped(attempt, capsys):
    before = session_s_own()
    started = time.monotonic()
    error = refused("3.2", attempt)
    assert time.monotonic() - started < 6
    assert str(error).startswith(SENTENCE) and " in the line `" in str(error)
    assert error._render_traceback_() == [f"CheckError: {error}"]
    assert capsys.readouterr().out == ""
    assert session_s_own() == before


@UNIX
def test_a_debugger_s_tracing_goes_on():
    def own(*_):
        return None

    before = sys.gettrace()
    sys.settrace(own)
    try:
        refused("3.2", swallows)
        assert sys.gettrace() is own
    finally:
        sys.settrace(before)


@UNIX
def test_neither_a_screen_nor_a_chain_shows_the_reference():
    error = refused("3.2", counts)
    chain = error
    while chain:
        frames, place = [], chain.__traceback__
        while place:
            frames.append(place.tb_frame.f_code.co_name)
            place = place.tb_next
        assert "check_reverse_reviews" not in frames
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


@UNIX
def test_an_alarm_of_the_session_s_own_comes_when_it_would_have_come():
    rang = []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(time.monotonic()))
    try:
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 1.6)
        refused("3.2", sleeps)
        assert not rang
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left < 0.61
        time.sleep(left + 0.05)
        assert 1.5 < rang[0] - started < 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@UNIX
def test_an_alarm_of_the_session_s_own_that_comes_sooner_is_left_alone():
    def ring(*_):
        raise TimeoutError("mine")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        words = str(refused("3.2", sleeps))
        assert "it raised TimeoutError (mine)" in words and "could not go on" not in words
        assert signal.getsignal(signal.SIGALRM) is ring
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("attempt", [counts, sleeps])
def test_outside_the_main_thread_a_second_thread_stops_it(attempt):
    errors = []

    def ask():
        try:
            check("3.2", attempt)
        except CheckError as error:
            errors.append(str(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(10)
    assert errors and errors[0].startswith(SENTENCE)
    assert threading.active_count() < 4


def test_outside_the_main_thread_a_right_answer_is_right(capsys):
    thread = threading.Thread(target=check, args=("3.2", models.reverse_reviews))
    thread.start()
    thread.join(10)
    assert capsys.readouterr().out == "ok: exercise 3.2, reverse_reviews\n"


@UNIX
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is not told here")
def test_an_answer_that_takes_ever_more_memory_is_stopped(monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 20.0)
    monkeypatch.setattr(limits, "MOST_BYTES", 2**28)

    def grows(token_ids, lengths):
        kept = []
        while True:
            kept.append(torch.ones(2**16))

    assert "it took more and more memory, 0 GB, and was stopped in the line" in str(
        refused("3.2", grows)
    )


def asks_for_too_much(token_ids, lengths):
    return torch.zeros(10**13)


def makes_a_list(token_ids, lengths):
    raise MemoryError


def calls_itself(token_ids, lengths):
    return calls_itself(token_ids, lengths)


def exits(token_ids, lengths):
    sys.exit(1)


def raises_it(token_ids, lengths):
    raise SystemExit


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (asks_for_too_much, "it asks for more memory than there is"),
        (makes_a_list, "it asks for more memory than there is"),
        (calls_itself, "it calls itself again and again"),
        (exits, "`exit` and `quit` end the whole session"),
        (raises_it, "`exit` and `quit` end the whole session"),
    ],
)
def test_what_ends_a_program_becomes_a_sentence(attempt, words):
    message = str(refused("3.2", attempt))
    assert words in message and "could not go on" not in message


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_pythons_own_exit_does_not_close_the_input(name, monkeypatch):
    quitter = getattr(builtins, name, None)
    if quitter is None:
        pytest.skip("this Python was started without it")
    stdin = io.StringIO()
    monkeypatch.setattr(sys, "stdin", stdin)
    assert "end the whole session" in str(refused("3.2", lambda token_ids, lengths: quitter()))
    assert sys.stdin is stdin and not stdin.closed


@pytest.fixture
def shell():
    """A notebook's shell, as ``get_ipython`` finds it."""
    made = InteractiveShell.instance()
    yield made
    InteractiveShell.clear_instance()


def run(shell, code: str) -> str:
    """What a cell shows."""
    from IPython.utils.capture import capture_output

    with capture_output() as shown:
        shell.run_cell(code)
    return shown.stdout + shown.stderr


CELL = """
from practicum_utils.checks import check, limits
limits.SECONDS = 1.0
def reverse_reviews(token_ids, lengths):
    {line}
check("3.2", reverse_reviews)
"""


@pytest.mark.parametrize("name", ["exit", "quit"])
def test_a_notebook_s_exit_does_not_end_the_session(shell, name):
    asked = []
    shell.ask_exit = lambda: asked.append(name)
    shell.user_ns[name] = ExitAutocall(shell)
    shown = run(shell, CELL.format(line=f"{name}()"))
    assert "`exit` and `quit` end the whole session" in shown and not asked
    shell.ask_exit()
    assert asked == [name]


@UNIX
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("while True: pass", "CheckError: " + SENTENCE + " in the line `while True: pass`"),
        (
            "raise KeyboardInterrupt",
            "KeyboardInterrupt: exercise 3.2, reverse_reviews: the check was interrupted.",
        ),
    ],
)
def test_a_cell_that_is_stopped_shows_one_line(shell, line, words):
    shown = run(shell, CELL.format(line=line)).strip()
    assert words in shown and shown.count("\n") == 0


def test_what_a_cell_displays_is_shown_as_text(shell):
    code = CELL.format(line='display("look"); return token_ids.flip(0)')
    shown = run(shell, "from IPython.display import display\n" + code)
    assert shown.startswith(f"{session.OWN}\n  'look'\n")
    assert shown.rstrip().splitlines()[-1].startswith("CheckError: exercise 3.2")


# What the learner prints


def test_the_learner_s_own_prints_are_shown_before_the_line(capsys):
    def talks(token_ids, lengths):
        print("lengths are", lengths.tolist())
        return models.reverse_reviews(token_ids, lengths)

    check("3.2", talks)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [session.OWN, "  lengths are [5, 2, 1, 4]"]
    assert lines[-1] == "ok: exercise 3.2, reverse_reviews"


def test_they_are_limited_and_a_refusal_shows_them_too(capsys):
    def talks(token_ids, lengths):
        for number in range(500):
            print(number, "x" * 1000)
        return token_ids

    refused("3.2", talks)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= session.MOST_LINES + 2
    assert max(map(len, lines)) < session.LONGEST_LINE + 10
    assert lines[-1].startswith("  ... and ") and lines[-1].endswith(" more lines")
    assert 480 < int(lines[-1].split()[2]) <= 500


WARNS = """
import warnings
from practicum_utils import data, models
from practicum_utils.checks import check

class Warns(models.MeanEmbedding):
    def forward(self, token_ids, lengths):
        warnings.warn("not a note")
        return super().forward(token_ids, lengths)

check("2.1", Warns)
"""


def test_what_the_package_prints_is_no_note(capsys):
    check("1.3", data.ReviewDataset)
    assert capsys.readouterr().out == "ok: exercise 1.3, ReviewDataset\n"


def test_a_library_s_warning_is_no_note():
    done = subprocess.run([sys.executable, "-c", WARNS], capture_output=True, text=True, check=True)
    assert done.stdout == "ok: exercise 2.1, MeanEmbedding\n"


def test_every_setting_of_the_session_is_watched_and_put_back():
    def sets(token_ids, lengths):
        torch.set_default_dtype(torch.float64)
        sys.setrecursionlimit(sys.getrecursionlimit() + 10)
        return models.reverse_reviews(token_ids, lengths)

    before = session.read_settings()
    assert "it changed the default dtype of the whole session" in str(refused("3.2", sets))
    assert session.read_settings() == before
