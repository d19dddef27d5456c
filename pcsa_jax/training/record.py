"""What a training leaves behind: its checkpoints and its metrics, written by process 0 alone."""

import contextlib
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any

import jax
import numpy as np

from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.processes import from_main, is_main, on_main
from pcsa_jax.training.checkpoints import Checkpoints, State
from pcsa_jax.training.events_log import EventsLog
from pcsa_jax.training.metrics_log import MetricsLog
from pcsa_jax.training.watch import Event


class Record:
    """The record of one run; a context manager. All processes make the same calls, only process 0 touches files.

    Args:
      workdir: the run's folder.
      initial: the state before the first step.
      best: the validation score that chooses the best checkpoint; lower is better.
      stamp: plain JSON values that are stored beside every state.
    """

    def __init__(self, workdir: Workdir, initial: State, *, best: str, stamp: Mapping[str, Any] = MappingProxyType({})):
        self._workdir, self._initial, self._best = workdir, jax.tree.map(np.asarray, initial), best
        self._stamp = stamp
        self._files = contextlib.ExitStack()
        self._checkpoints: Checkpoints | None = None
        self._log: MetricsLog | None = None
        self._events: EventsLog | None = None

    def __enter__(self) -> "Record":
        on_main(self._open_checkpoints)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._files.close()

    def restore(self) -> tuple[State, dict[str, Any]]:
        """The latest whole checkpoint's state and what was stored beside it; the initial state and {} if none is."""
        state, meta = self._initial, {}

        def restore_latest() -> dict[str, Any] | None:
            nonlocal state
            found = self._checkpoints.restore_latest()
            state = found.state if found else state
            return found and found.meta

        meta = on_main(restore_latest)
        return (state, {}) if meta is None else (from_main(state), meta)

    def open_log(self, resume_step: int) -> None:
        """From here on rows and events can be written; those after ``resume_step`` are dropped.

        Raises:
          UserError: if the disk has no room for a checkpoint: told before the first step, not after an epoch.
        """
        on_main(lambda: self._checkpoints.make_sure_of_room(self._initial))
        if is_main():
            self._events = EventsLog(self._workdir.events, resume_step=resume_step)
            log = MetricsLog(self._workdir.metrics, self._workdir.tensorboard, resume_step=resume_step)
            self._log = self._files.enter_context(log)

    def write(self, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Adds a row to the metrics."""
        if self._log is not None:
            self._log.write(step, epoch, values)

    def note(self, event: Event, epoch: int) -> None:
        """Adds an event to the run's."""
        if self._events is not None:
            self._events.write(event, epoch=epoch)

    def save(self, state: State, *, scores: Mapping[str, float], meta: Mapping[str, Any]) -> None:
        """Writes a checkpoint; the processes go on when it is safe on disk.

        Raises:
          UserError: if it cannot be written.
        """
        on_main(lambda: self._checkpoints.save(state, scores=scores, meta={**meta, **self._stamp}))

    def steps(self) -> list[int]:
        """Steps of the checkpoints, oldest first; for process 0."""
        return self._checkpoints.steps()

    def best_step(self) -> int | None:
        """The checkpoint with the best validation score."""
        return on_main(lambda: self._checkpoints.best_step())

    def _open_checkpoints(self) -> None:
        opened = Checkpoints(self._workdir.checkpoints, self._initial, best=self._best)
        self._checkpoints = self._files.enter_context(opened)
