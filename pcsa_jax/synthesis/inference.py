"""The one way from normalised maps to synthetic PET, for evaluation, exported generators and files."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.machine.compilation import compile_patiently
from pcsa_jax.machine.devices import Devices
from pcsa_jax.training.programs import compile_generation


class Generation:
    """A generator's program for each size of its volumes, compiled when it is first called with that size."""

    def __init__(self, module: nn.Module, devices: Devices, *, dtype: jnp.dtype):
        self._program = compile_generation(module, devices, dtype=dtype)
        self._compiled: dict[tuple[int, ...], Callable[..., Any]] = {}

    def __call__(self, params: Any, mri: jax.Array) -> jax.Array:
        if mri.shape not in self._compiled:
            lowered = self._program.lower(params, mri)
            what = f"the generator for {' x '.join(map(str, mri.shape[1:4]))} voxels"
            self._compiled[mri.shape] = compile_patiently(lowered, what)
        return self._compiled[mri.shape](params, mri)


_generation = functools.lru_cache(maxsize=8)(Generation)
"""One program for all generators of one architecture: folds and seeds differ in their parameters only."""


class Inference:
    """A generator with its parameters on all devices of this process.

    Attributes:
      batch_size: volumes that are made at once, one a device.
    """

    def __init__(self, module: nn.Module, params: Any, *, dtype: jnp.dtype):
        self._devices = Devices.of(jax.local_devices())
        self._generate = _generation(module, self._devices, dtype=dtype)
        self._params = self._devices.replicate(jax.tree.map(np.asarray, params))
        self.batch_size = len(self._devices)

    def __call__(self, mri: np.ndarray) -> np.ndarray:
        """Synthetic PET of any number of maps; the last batch is filled up, so that one program serves all.

        Args:
          mri: normalised maps ``(n, x, y, z)`` in [0, 1].

        Returns:
          float32 in [0, 1], of the same shape.
        """
        pet = np.empty(mri.shape, np.float32)
        for start in range(0, len(mri), self.batch_size):
            rows = np.arange(start, min(start + self.batch_size, len(mri)))
            shared = self._devices.share(np.asarray(mri[padded(rows, self.batch_size)[0], ..., None], np.float32))
            pet[rows] = np.asarray(self._generate(self._params, shared))[: len(rows), ..., 0]
        return pet
