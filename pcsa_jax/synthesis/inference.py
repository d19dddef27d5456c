"""The one way from normalised maps to synthetic PET, for evaluation, exported generators and files."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import jax
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
      program: of its network and what it is given beside the map.
      params: of the network.
      prior: what it is given, if anything.

    Attributes:
      batch_size: volumes that are made at once, one a device.
    """

    def __init__(self, program: Program, params: Any, prior: Prior | None = None):
        self._devices = Devices.of(jax.local_devices())
        self._generate = _generation(program, self._devices)
        self._tensors = self._devices.replicate(jax.tree.map(np.asarray, with_prior(params, prior)))
        self.batch_size = len(self._devices)

    @classmethod
    def of_run(cls, run: TrainedRun) -> Self:
        """The generator of a trained run."""
        return cls(Program.of(run.experiment, run.prior), run.params, run.prior)

    @classmethod
    def of_card(cls, card: Mapping[str, Any], params: Any, prior: Prior | None) -> Self:
        """The generator that a card describes."""
        return cls(Program.of_card(card), params, prior)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """All that it consists of, as an exported file names it."""
        return {name: np.asarray(array) for name, array in self._tensors.items()}

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


class MeanInference:
    """The voxel-wise mean of several generators, as one.

    Attributes:
      batch_size: volumes that are made at once.
    """

    def __init__(self, members: Sequence[Inference]):
        self._members = tuple(members)
        self.batch_size = members[0].batch_size

    def __call__(self, mri: np.ndarray) -> np.ndarray:
        """As :meth:`Inference.__call__`."""
        return mean_and_std(infer(mri) for infer in self._members)[0]


def mean_and_std(volumes: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Voxel-wise mean and sample SD (None of one array), float32.

    One at a time into running sums: memory does not grow with their number.
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    for count, volume in enumerate(volumes, start=1):
        difference = volume - mean
        mean = mean + difference / count
        squares = squares + difference * (volume - mean)
    std = np.sqrt(squares / (count - 1)).astype(np.float32) if count > 1 else None
    return mean.astype(np.float32), std
