"""The one way from normalised maps to synthetic PET, for evaluation, exported generators and files."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.machine.devices import Devices
from pcsa_jax.training.programs import compile_generation

_compiled = functools.lru_cache(maxsize=8)(compile_generation)
"""One program for all generators of one architecture: folds and seeds differ in their parameters only."""


class Inference:
    """A generator with its parameters on all devices of this process.

    Attributes:
      batch_size: volumes that are made at once, one a device.
    """

    def __init__(self, module: nn.Module, params: Any, *, dtype: jnp.dtype):
        self._devices = Devices.of(jax.local_devices())
        self._generate = _compiled(module, self._devices, dtype=dtype)
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
