"""Batches for the step, made ready by a thread while the step before runs, and the time spent waiting for them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.model.step import Batch
from pcsa_jax.run.devices import REPLICATED, SHARED, Devices

AHEAD = 2
"""Batches made ready beside the one in use."""


class Volumes(NamedTuple):
    """MRI and PET of the same subjects on the host, float32 (n, x, y, z): in memory, or mapped from files."""

    mri: np.ndarray
    pet: np.ndarray


Load = Callable[[np.ndarray], Batch]
"""Rows of a cohort -> their volumes on the devices, filled up to a whole share for each."""


def resident(volumes: Volumes, devices: Devices, *, multiple: int) -> Load:
    """Batches from a copy of the whole cohort on every device: a step then needs only its rows.

    Args:
      volumes: the cohort.
      devices: what the batches are for.
      multiple: of which the number of rows becomes a multiple.
    """
    held = devices.replicate(Volumes(*(volume[..., None] for volume in volumes)))

    def take(held: Volumes, rows: jax.Array, weight: jax.Array) -> Batch:
        return Batch(*(jnp.take(volume, rows, axis=0) for volume in held), weight)

    gather = devices.compile(take, inputs=(REPLICATED, SHARED, SHARED), outputs=SHARED)

    def load(rows: np.ndarray) -> Batch:
        rows, weight = padded(rows.astype(np.int32), multiple)
        return gather(held, devices.share(rows), devices.share(weight))

    return load


def streamed(volumes: Volumes, devices: Devices, *, multiple: int) -> Load:
    """Batches straight from the host's arrays; each process reads no rows but those of its own devices.

    Args: see :func:`resident`.
    """

    def load(rows: np.ndarray) -> Batch:
        rows, weight = padded(rows, multiple)
        shape = (len(rows), *volumes.mri.shape[1:], 1)
        # A volume may be a memory map: indexing it with an array copies those rows and no others.
        parts = (
            devices.share_rows(shape, lambda part, volume=volume: volume[rows[part]][..., None]) for volume in volumes
        )
        return Batch(*parts, devices.share(weight))

    return load


class Feed:
    """Iterates over (step, batch); a context manager that ends its thread.

    Attributes:
      waited_s: seconds that the iterating thread has waited for batches.
    """

    def __init__(self, load: Load, order: Iterable[tuple[int, np.ndarray]]):
        self.waited_s = 0.0
        self._load, self._order = load, iter(order)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._coming: deque[tuple[int, Future[Batch]]] = deque()

    def __enter__(self) -> "Feed":
        self._fill()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        while self._coming:
            step, future = self._coming.popleft()
            self._fill()
            start = time.monotonic()
            batch = future.result()
            self.waited_s += time.monotonic() - start
            yield step, batch

    def _fill(self) -> None:
        for step, rows in islice(self._order, AHEAD - len(self._coming)):
            self._coming.append((step, self._pool.submit(self._load, rows)))
