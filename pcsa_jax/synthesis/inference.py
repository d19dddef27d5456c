"""The one way from normalised maps to synthetic PET, for evaluation, exported generators and files."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.machine.compilation import compile_patiently
from pcsa_jax.machine.devices import REPLICATED, SHARED, Devices
from pcsa_jax.synthesis.program import Program, with_prior
from pcsa_jax.training.trained import TrainedRun


class Generation:
    """A generator's program for each size of its volumes, compiled when it is first called with that size."""

    def __init__(self, program: Program, devices: Devices):
        self._program = devices.compile(program, inputs=(REPLICATED, SHARED), outputs=SHARED)
        self._compiled: dict[tuple, Callable[..., Any]] = {}

    def __call__(self, tensors: Mapping[str, jax.Array], mri: jax.Array) -> jax.Array:
        # Of priors the sizes differ: so many components as there were training subjects.
        key = (mri.shape, *(array.shape for array in tensors.values()))
        if key not in self._compiled:
            lowered = self._program.lower(tensors, mri)
            what = f"the generator for {' x '.join(map(str, mri.shape[1:]))} voxels"
            self._compiled[key] = compile_patiently(lowered, what)
        return self._compiled[key](tensors, mri)


_generation = functools.lru_cache(maxsize=8)(Generation)
"""One program for all generators of one architecture: folds and seeds differ in their tensors only."""


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
        self._devices = Devices.of(jax.local_devices())
        self._generate = _generation(Program.of(module, dtype=dtype, views=views, prior=prior), self._devices)
        self._tensors = self._devices.replicate(jax.tree.map(np.asarray, with_prior(params, prior)))
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
            pet[rows] = np.asarray(self._generate(self._tensors, self._devices.share(maps)))[: len(rows)]
        return pet
