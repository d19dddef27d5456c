"""SIGINT and SIGTERM as a wish that the loop grants between two steps."""

import contextlib
import signal
from collections.abc import Iterator

from pcsa_jax.machine.progress import console


class Interruption:
    """Which signal asked the loop to stop, if any."""

    signal_number: int | None = None


@contextlib.contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Yields an :class:`Interruption` that SIGINT or SIGTERM sets; a second signal ends the process as usual."""
    interruption = Interruption()
    watched = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.getsignal(number) for number in watched}

    def note(number: int, frame: object) -> None:
        interruption.signal_number = number
        for other in watched:
            signal.signal(other, signal.SIG_DFL)
        console.print(f"{signal.Signals(number).name}: will save and stop; a second signal ends at once")

    for number in watched:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
