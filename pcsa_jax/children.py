"""Processes that work for another one, and signals: while one is started, and in its life."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from multiprocessing import connection

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """For the start of a child: a signal that comes meanwhile acts at the end of the block.

    A child whose start is cut off has half of what it is told, and ends with a traceback. Nor does it run the script
    that called us again, see :func:`without_main`.
    """
    with without_main(), _signals_held():
        yield


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Within it, a child that is spawned does not import the parent's main module.

    It would run a caller's script from the top: one without ``if __name__ == "__main__":`` starts its work once more in
    each child, children included, and never ends. Our children work with functions of our modules alone.
    """
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only that one handles signals
        yield
        return
    came: list[int] = []
    former = {number: signal.getsignal(number) for number in ENDING}
    held = [number for number, handler in former.items() if handler not in (None, signal.SIG_IGN)]
    for number in held:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, former[number])
        for number in came[:1]:
            if callable(former[number]):
                former[number](number, None)  # not sent again, which would count as a second signal
            else:
                signal.raise_signal(number)


def follow_parent() -> None:
    """For the start of a child's life: it ends with its parent, however that ends, so that nobody works for nobody.

    Ctrl-C and a closed terminal reach every process there; they are the parent's to answer.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
