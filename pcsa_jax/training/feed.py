"""Batches for the step, made ready by a thread while the step before runs, and the time spent waiting for them."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.machine.devices import REPLICATED, SHARED, Devices
from pcsa_jax.model.step import Batch

AHEAD = 2
"""Batches made ready beside the one in use."""

VOLUME_AXES = 4
"""Axes of an array of volumes, (n, x, y, z)."""


class Volumes(NamedTuple):
    """MRI and PET of the same subjects on the host, float32 (n, x, y, z): in memory, or mapped from files."""

    mri: np.ndarray
    pet: np.ndarray


class InformedVolumes(NamedTuple):
    """The same, and what is known of each PET without a network, float32 (n, x, y, z, k)."""

    mri: np.ndarray
    pet: np.ndarray
    known: np.ndarray


Load = Callable[[np.ndarray], Any]
"""Rows of a cohort -> their batch on the devices, filled up to a whole share for each.

Beyond the last row begin the mirror images, left and right exchanged: all volumes of a subject are mirrored together.
"""


def resident(
    volumes: Sequence[np.ndarray], devices: Devices, *, multiple: int, batch: Callable[..., Any] = Batch
) -> Load:
    """Batches from a copy of the whole cohort on every device: a step then needs only its rows.

    Args:
      volumes: the cohort, one array a field of the batch: volumes (n, x, y, z), or one number a subject (n,).
      devices: what the batches are for.
      multiple: of which the number of rows becomes a multiple.
      batch: type of a batch; takes the rows of each array, volumes with a channel axis, and the rows' weights.
    """
    held = devices.replicate([_with_channel(array) for array in volumes])

    count = len(volumes[0])

    def chosen(array: jax.Array, rows: jax.Array) -> jax.Array:
        own = jnp.take(array, rows % count, axis=0)
        if array.ndim < VOLUME_AXES:
            return own
        return jnp.where((rows >= count)[:, None, None, None, None], own[:, ::-1], own)

    def take(held: list[jax.Array], rows: jax.Array, weight: jax.Array) -> Any:
        return batch(*(chosen(array, rows) for array in held), weight)

    gather = devices.compile(take, inputs=(REPLICATED, SHARED, SHARED), outputs=SHARED)

    def load(rows: np.ndarray) -> Any:
        rows, weight = padded(rows.astype(np.int32), multiple)
        return gather(held, devices.share(rows), devices.share(weight))

    return load


def streamed(
    volumes: Sequence[np.ndarray], devices: Devices, *, multiple: int, batch: Callable[..., Any] = Batch
) -> Load:
    """Batches straight from the host's arrays; each process reads no rows but those of its own devices.

    Args: see :func:`resident`.
    """

    def load(rows: np.ndarray) -> Any:
        rows, weight = padded(rows, multiple)

        def place(array: np.ndarray) -> jax.Array:
            shape = (len(rows), *array.shape[1:], *(1,) * (array.ndim == VOLUME_AXES))
            return devices.share_rows(shape, lambda part: _with_channel(_chosen(array, rows[part])))

        return batch(*map(place, volumes), devices.share(weight))

    return load


def _chosen(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of an array, those from its length on mirrored."""
    # A volume may be a memory map: indexing it with an array copies those rows and no others.
    own, is_mirrored = array[rows % len(array)], rows >= len(array)
    if is_mirrored.any() and array.ndim >= VOLUME_AXES:
        own[is_mirrored] = own[is_mirrored][:, ::-1]
    return own


def _with_channel(array: np.ndarray) -> np.ndarray:
    """Volumes with the channel axis of a network's input; one number a subject as it is."""
    return array[..., None] if array.ndim == VOLUME_AXES else array


class Feed:
    """Iterates over (step, batch); a context manager that ends its thread.

    Attributes:
      waited_s: seconds that the iterating thread has waited for batches.
    """

    def __init__(self, load: Load, order: Iterable[tuple[int, np.ndarray]]):
        self.waited_s = 0.0
        self._load, self._order = load, iter(order)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._coming: deque[tuple[int, Future[Any]]] = deque()

    def __enter__(self) -> "Feed":
        self._fill()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
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
