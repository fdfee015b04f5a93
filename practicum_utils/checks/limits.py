"""A limit of time and of memory for the learner's code, which may never come to an end.

A timer rings every quarter of a second, sees whether the limit is reached, and then raises in
whatever line is at work. A loop may swallow that (``except: pass``); then a tripwire is laid, which
raises where the loop does not catch it. Alarm, timer and tracing of the session are put back.
"""

import ctypes
import dis
import linecache
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from practicum_utils.checks.demands import CheckError, is_learners

SECONDS = 20.0  # the slowest right answer takes 2 on an idle machine
TICK_SECONDS = 0.25
MOST_BYTES = 4 * 2**30  # that much more than at the start; a graphics card's start takes up to 3
SWALLOWED = 3  # so often in a row is no accident


class _Stopped(BaseException):
    """Raised in the learner's code; no ``except Exception`` holds it up."""


def within_limits(work: Callable[[], object]) -> None:
    """Call ``work``; stop it by CheckError if it takes over 20 seconds, or ever more memory.

    Outside the main thread and on Windows the alarm comes from a second thread. An operation that
    Python cannot interrupt is ended by neither.
    """
    clock = _Clock(SECONDS)
    stop_ringing = _start_ringing(clock)
    try:
        work()
    except BaseException:
        if not clock.reason:
            raise
    finally:
        stop_ringing()
    if clock.reason:
        raise CheckError(clock.reason)


class _Clock:
    """Knows when it is time to stop, and why; ``reason`` is empty until then."""

    def __init__(self, seconds: float):
        self.seconds, self.ends = seconds, time.monotonic() + seconds
        self.memory, self.reason, self.rung = _memory(), "", 0

    def ring(self, frame: FrameType | None) -> bool:
        """Whether to raise now, in that frame."""
        if frame is None or frame.f_code.co_filename == __file__:
            return False  # our own lines put everything back
        self.reason = self.reason or self._excess(frame)
        if not self.reason:
            return False
        self.rung += 1
        return True

    def _excess(self, frame: FrameType) -> str:
        if time.monotonic() > self.ends:
            reason = f"it had not come to an end after {self.seconds:.0f} seconds and was stopped"
            end = "what ends the loop, or what takes so long?"
        elif _memory() > self.memory + MOST_BYTES:
            reason = f"it took more and more memory, {MOST_BYTES / 2**30:.0f} GB, and was stopped"
            end = "what grows there without end?"
        else:
            return ""
        return f"{reason}{_place(frame)}; {end}"


def _place(frame: FrameType | None) -> str:
    """The innermost line of the learner's own, in words, or nothing."""
    while frame and not is_learners(frame, itself=True):
        frame = frame.f_back
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() if frame else ""
    return f" in the line `{line}`" if line else ""


def _memory() -> int:
    """Bytes that this process has in memory; 0 where the system does not say so quickly."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class _Tripwire:
    """Raises at a line of the learner's, each time where another ``except`` catches it, or none.

    An endless loop that catches everything comes, between two rounds, by a line that it does not
    cover; if loops are nested, the one around the inner covers that, and itself has such a line.
    """

    def __init__(self):
        self.before, self.laid, self.tripped = sys.gettrace(), False, True
        self.tried: set = set()

    def lay(self, frame: FrameType | None) -> None:
        """From now on, in this frame and those that called it, up to the check."""
        if not self.tripped:  # nothing new was found since the last time
            self.tried.clear()
        self.laid, self.tripped = True, False
        while frame and frame.f_code.co_filename != __file__:
            if is_learners(frame, itself=True):
                frame.f_trace = self._step
            frame = frame.f_back
        sys.settrace(self._step)

    def _step(self, frame: FrameType, event: str, _):
        if not is_learners(frame, itself=True):
            return None
        place = frame.f_code, _handler_at(frame)
        if event == "line" and place not in self.tried:
            self.tried.add(place)
            self.tripped = True
            raise _Stopped
        return self._step

    def take_up(self) -> None:
        """Back to the tracing that there was before, if there was any."""
        if self.laid:
            sys.settrace(self.before)


def _handler_at(frame: FrameType) -> int | None:
    """Where an error in the frame's line is caught, as a place of its code; None if nowhere."""
    handlers = dis.Bytecode(frame.f_code).exception_entries
    return next((one.target for one in handlers if one.start <= frame.f_lasti < one.end), None)


def _start_ringing(clock: _Clock) -> Callable[[], None]:
    """Ring from now on; return what ends it and puts back what was there before."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return _ring_from_a_thread(clock)
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    before = signal.getsignal(signal.SIGALRM)
    if before is None or 0 < left < clock.seconds:
        return lambda: None  # somebody else's alarm comes sooner, or could not be put back
    started, wire = time.monotonic(), _Tripwire()

    def ring(_, frame: FrameType | None) -> None:
        if clock.ring(frame) and clock.rung <= SWALLOWED:
            raise _Stopped
        if clock.rung > SWALLOWED:
            wire.lay(frame)

    def put_back() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        wire.take_up()
        if left:  # an alarm for later comes when it would have come
            remaining = max(left - (time.monotonic() - started), 1e-6)
            signal.setitimer(signal.ITIMER_REAL, remaining, interval)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
    return put_back


def _ring_from_a_thread(clock: _Clock) -> Callable[[], None]:
    """Where there is no such timer: another thread raises in this one."""
    working, over = threading.get_ident(), threading.Event()
    raise_there = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        while not over.wait(TICK_SECONDS):
            frame = sys._current_frames().get(working)
            if clock.ring(frame) and not over.is_set():
                raise_there(ctypes.c_ulong(working), ctypes.py_object(_Stopped))

    watching = threading.Thread(target=watch, daemon=True)

    def end() -> None:
        over.set()
        for _ in range(2):  # one that was sent before may still arrive
            with suppress(_Stopped):
                watching.join()
                raise_there(ctypes.c_ulong(working), None)

    with suppress(RuntimeError):  # in a browser's Python no thread can be started
        watching.start()
        return end
    return lambda: None
