"""TensorBoard's event files, written by the process itself: a thread that meets a full disk dies with a traceback."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pcsa_jax.machine.progress import console

FLUSH_S = 10.0
"""A reader sees a row after so long at most."""


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Where PyTorch is installed and not imported, an import of it inside fails as if it were not installed."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None
    try:
        yield
    finally:
        del sys.modules["torch"]


# tensorboardX imports PyTorch where it finds it, for tensors that it might be given: seconds of every start.
with _without_torch():
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import scalar


class EventFiles:
    """Scalars for TensorBoard, a copy of what the run's record holds: one that cannot be written ends no training.

    Args:
      folder: of the event files; made if it is not there.
      purge_step: TensorBoard drops what earlier files hold from this step on; None for a new run.
    """

    def __init__(self, folder: Path, *, purge_step: int | None):
        self._folder, self._flushed = folder, time.monotonic()
        self._writer: EventsWriter | None = None
        self._try(lambda: self._open(purge_step))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Adds one scalar a value."""

        def add() -> None:
            for name, value in values.items():
                self._writer.write_event(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))
            if time.monotonic() - self._flushed > FLUSH_S:
                self._writer.flush()
                self._flushed = time.monotonic()

        if self._writer is not None:
            self._try(add)

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None:
            self._try(self._writer.close)

    def _open(self, purge_step: int | None) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventsWriter(str(self._folder / "events"))
        if purge_step is not None:
            started = SessionLog(status=SessionLog.START)
            self._writer.write_event(Event(step=purge_step, file_version="brain.Event:2"))
            self._writer.write_event(Event(step=purge_step, session_log=started))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self._writer = None
            console.print(
                f"warning: {self._folder}: could not be written ({error.strerror}); TensorBoard shows no more of this "
                "start, metrics.jsonl has all"
            )
