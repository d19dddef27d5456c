"""Pieces of work in a process of their own each: whatever happens to one, the others go on."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pcsa_jax.children import follow_parent, uninterrupted
from pcsa_jax.errors import UserError

Task = TypeVar("Task")

PATIENCE_S = 5.0
"""Between asking a process to end and ending it."""


class Outcome(NamedTuple, Generic[Task]):
    """How a piece of work ended.

    Attributes:
      task: which.
      error: None if it is done, else one line.
      log: what it printed; the traceback, too, of an error that is not the user's.
      seconds: how long it took.
    """

    task: Task
    error: str | None
    log: Path
    seconds: float


class _Running(NamedTuple):
    task: Any
    process: Any
    answer: connection.Connection
    log: Path
    started: float


def run_isolated(
    work: Callable[[Task], None], tasks: Sequence[Task], *, jobs: int, threads: int, logs: Path
) -> Iterator[Outcome[Task]]:
    """Calls ``work(task)`` for every task, each in a new process, ``jobs`` at a time; yields them as they end.

    A crash of native code, or a kill for lack of memory, ends its own task alone. Leaving the iterator early ends
    those that run.

    Args:
      work: a function of a module.
      tasks: its arguments.
      jobs: processes at a time.
      threads: of ITK and of OpenMP in each of them.
      logs: folder for the output of the processes.
    """
    context = multiprocessing.get_context("spawn")  # not fork: ITK and JAX hold threads
    logs.mkdir(parents=True, exist_ok=True)
    waiting = list(enumerate(tasks))
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, task = waiting.pop(0)
                with uninterrupted():
                    running.append(_start(context, work, task, threads, logs / f"{number}.log"))
            connection.wait([one.process.sentinel for one in running])
            ended = [one for one in running if not one.process.is_alive()]
            running = [one for one in running if one not in ended]
            for one in ended:
                yield _outcome(one)
    finally:
        _end(running)


def _start(context: Any, work: Callable[[Any], None], task: Any, threads: int, log: Path) -> _Running:
    answer, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, task, threads, str(log), theirs), daemon=True)
    process.start()
    theirs.close()
    return _Running(task, process, answer, log, time.monotonic())


def _end(running: Sequence[_Running]) -> None:
    for one in running:
        one.process.terminate()
    for one in running:
        one.process.join(PATIENCE_S)
        if one.process.is_alive():
            one.process.kill()
            one.process.join()


def _outcome(one: _Running) -> Outcome:
    one.process.join()
    seconds = time.monotonic() - one.started
    with contextlib.suppress(EOFError, OSError):
        if one.answer.poll():
            return Outcome(one.task, one.answer.recv(), one.log, seconds)
    return Outcome(one.task, _describe_end(one.process.exitcode), one.log, seconds)


def _describe_end(status: int) -> str:
    """Words for a process that ended without an answer."""
    if status == -signal.SIGKILL:
        return "the process was killed (SIGKILL), as systems do when memory runs out. Use fewer --jobs"
    if status < 0:
        return f"the software crashed ({signal.Signals(-status).name})"
    return f"the process ended with status {status} and said nothing"


def _work(work: Callable[[Any], None], task: Any, threads: int, log: str, answer: connection.Connection) -> None:
    """The life of a process: its output goes to ``log``, its answer (None or one line) to the parent."""
    follow_parent()
    for name in ("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(threads)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):  # the descriptors, as native code does not ask Python where to print
        os.dup2(descriptor, stream)
    try:
        work(task)
    except UserError as error:
        answer.send(str(error))
    except BaseException as error:
        traceback.print_exc()
        answer.send(f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}")
    else:
        answer.send(None)
    sys.stdout.flush()
    sys.stderr.flush()
