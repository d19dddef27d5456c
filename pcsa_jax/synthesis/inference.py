"""The one way from normalised maps to synthetic PET, for evaluation, exported generators and files."""

import functools
from collections.abc import Callable
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.machine.compilation import compile_patiently
from pcsa_jax.machine.devices import Devices
from pcsa_jax.training.programs import compile_generation
from pcsa_jax.training.trained import TrainedRun


class Generation:
    """A generator's program for each size of its volumes, compiled when it is first called with that size."""

    def __init__(self, module: nn.Module, devices: Devices, *, dtype: jnp.dtype, views: int):
        self._program = compile_generation(module, devices, dtype=dtype, views=views)
        self._compiled: dict[tuple, Callable[..., Any]] = {}

    def __call__(self, params: Any, mri: jax.Array, known: jax.Array | None) -> jax.Array:
        key = (mri.shape, None if known is None else known.shape)
        if key not in self._compiled:
            lowered = self._program.lower(params, mri, known)
            what = f"the generator for {' x '.join(map(str, mri.shape[1:4]))} voxels"
            self._compiled[key] = compile_patiently(lowered, what)
        return self._compiled[key](params, mri, known)


_generation = functools.lru_cache(maxsize=8)(Generation)
"""One program for all generators of one architecture: folds and seeds differ in their parameters only."""


class Inference:
    """A generator with its parameters on all devices of this process.

    Args:
      module, params, dtype: the generator, its parameters and the precision of its arithmetic.
      prior: what it is given beside the map, if anything.
      views: see :func:`pcsa_jax.model.step.generate`.

    Attributes:
      batch_size: volumes that are made at once, one a device.
    """

    def __init__(self, module: nn.Module, params: Any, *, dtype: jnp.dtype, prior: Prior | None = None, views: int = 1):
        self._devices, self._prior = Devices.of(jax.local_devices()), prior
        self._generate = _generation(module, self._devices, dtype=dtype, views=views)
        self._params = self._devices.replicate(jax.tree.map(np.asarray, params))
        self.batch_size = len(self._devices)

    @classmethod
    def of_run(cls, run: TrainedRun) -> Self:
        """The generator of a trained run."""
        experiment = run.experiment
        return cls(
            experiment.modules.generator, run.params, dtype=experiment.dtype, prior=run.prior, views=experiment.views
        )

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
            maps = np.asarray(mri[padded(rows, self.batch_size)[0]], np.float32)
            known = None if self._prior is None else self._devices.share(self._prior.predict(maps))
            made = self._generate(self._params, self._devices.share(maps[..., None]), known)
            pet[rows] = np.asarray(made)[: len(rows), ..., 0]
        return pet
