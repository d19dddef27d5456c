"""Signals that ask to end: an exception where a command clears up behind it, a wish where a loop saves first.

A second signal ends the process at once, also inside native code (a compilation of minutes), where Python's own
handlers do not run.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from pcsa_jax.children import ENDING

SAME_S = 0.2
"""Signals that follow each other faster are one wish: GNU ``timeout`` and schedulers send theirs twice."""

RETRY, RETRY_S = signal.SIGALRM, 0.02
"""What a signal that came at a bad moment is told by again, and when."""


class Stopped(KeyboardInterrupt):
    """A signal has come; raised in the main thread, so that whatever is half written is taken away."""

    def __init__(self, signal_number: int):
        super().__init__(signal_number)
        self.signal_number = signal_number


class Interruption:
    """Which signal asked the loop to stop, if any."""

    signal_number: int | None = None


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Inside, the first signal that asks to end raises :class:`Stopped`; those that are ignored (``nohup``) stay so."""
    raised: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
            again(number)
            return
        raised.append(number)
        raise Stopped(number)

    def again(number: int) -> None:
        # By another number, as whoever counts would take it for a second signal.
        signal.signal(RETRY, lambda _, frame: stop(number, frame))
        signal.setitimer(signal.ITIMER_REAL, RETRY_S)

    def lost(unraisable: Any) -> None:
        # What a destructor or a callback of the garbage collector raises is lost, and JAX has such a callback.
        if isinstance(unraisable.exc_value, Stopped):
            again(unraisable.exc_value.signal_number)
        else:
            former(unraisable)

    former, former_retry = sys.unraisablehook, signal.getsignal(RETRY)
    with _handled(stop, [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]):
        sys.unraisablehook = lost
        try:
            yield
        except Exception as error:
            if raised:  # native code may make another error of it
                raise Stopped(raised[0]) from error
            raise
        finally:
            sys.unraisablehook = former
            if signal.getsignal(RETRY) != former_retry:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(RETRY, former_retry)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception there can end a native extension with a segmentation fault."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Yields an :class:`Interruption` that a signal sets; a second signal ends the process at once.

    SIGHUP is left alone where it is ignored (``nohup``).
    """
    from pcsa_jax.machine.progress import console

    interruption = Interruption()

    def note(number: int, frame: FrameType | None) -> None:
        interruption.signal_number = number
        try:
            console.print(f"{signal.Signals(number).name}: will save and stop; a second signal ends at once")
        except OSError:  # the terminal has been closed: what is to be saved must not depend on it
            console.quiet = True

    is_hup_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    with _handled(note, ENDING[:2] if is_hup_ignored else ENDING):
        yield interruption


@contextlib.contextmanager
def _handled(first: Callable[[int, FrameType | None], None], numbers: Sequence[int]) -> Iterator[None]:
    """Calls ``first`` with the number of the first signal; a later one ends the process."""
    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield
        return
    is_first = _end_at_second()

    def handle(number: int, frame: FrameType | None) -> None:
        if is_first(number):
            first(number, frame)

    former = {number: signal.getsignal(number) for number in numbers}
    with _heard_in_native_code():
        for number in numbers:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end_at_second() -> Callable[[int], bool]:
    """A function that is told of every signal: True for the first, and no return from a second that comes later."""
    seen: list[float] = []

    def is_first(number: int) -> bool:
        if seen and time.monotonic() - seen[0] > SAME_S:
            os._exit(128 + number)
        seen.append(time.monotonic())
        return len(seen) == 1

    return is_first


@contextlib.contextmanager
def _heard_in_native_code() -> Iterator[None]:
    """Inside, a thread hears of signals as they come and ends the process at the second."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    if former != -1:  # an outer block listens already, or the event loop of a notebook
        signal.set_wakeup_fd(former)
        os.close(writing)
        os.close(reading)
        yield
        return

    def listen() -> None:
        is_first = _end_at_second()
        while heard := os.read(reading, 64):
            for number in heard:
                if number in ENDING:
                    is_first(number)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)
        os.close(writing)  # ends the thread
        thread.join()
        os.close(reading)
