"""Trivial predictors of PET: the opponents every generator has to beat, fitted on the training subjects only."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

import numpy as np

SMALLEST_STD = 1e-4
"""Below this SD over the training subjects a voxel of the grey-matter map (range 0-1) counts as constant.

A slope from less than that is rounding error, and would be applied to whatever a new subject has there.
"""


def _check_pairs(mri: np.ndarray, pet: np.ndarray) -> None:
    if mri.shape != pet.shape or mri.ndim != 4 or not len(mri):
        raise ValueError(
            f"mri and pet: expected two arrays of one shape (n, x, y, z), n > 0, found {mri.shape} and {pet.shape}. "
            "Pass the pairs of the training subjects."
        )


def _check_like(mri: np.ndarray, volume: np.ndarray) -> None:
    if mri.ndim != 4 or mri.shape[1:] != volume.shape:
        raise ValueError(
            f"mri: expected shape (n, {', '.join(map(str, volume.shape))}) as in training, found {mri.shape}. "
            "Resample to the grid of the training subjects."
        )


def _mean(volumes: np.ndarray) -> np.ndarray:
    """Mean over subjects in float64, one volume in memory at a time."""
    total = np.zeros(volumes.shape[1:])
    for volume in volumes:
        total += volume
    return total / len(volumes)


@dataclasses.dataclass(frozen=True, eq=False)
class MeanPET:
    """The mean PET of the training subjects, whatever the MRI.

    Attributes:
      mean: x y z, in [0, 1].
    """

    mean: np.ndarray

    @classmethod
    def fit(cls, mri: np.ndarray, pet: np.ndarray) -> Self:
        """Takes the mean over the training subjects; both arrays are ``(n, x, y, z)``."""
        _check_pairs(mri, pet)
        return cls(_mean(pet).astype(np.float32))

    def predict(self, mri: np.ndarray) -> np.ndarray:
        """The same volume for every subject, ``(n, x, y, z)``: a read-only view that takes no memory."""
        _check_like(mri, self.mean)
        return np.broadcast_to(self.mean, mri.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class VoxelwiseLinear:
    """Ordinary least squares ``pet = intercept + slope * gm`` at each voxel by itself.

    It needs no network, no neighbours and no training schedule, so whatever a generator scores beyond it comes
    from the spatial context.

    Attributes:
      intercept: x y z.
      slope: x y z; 0 where the grey-matter map does not vary, so that the mean PET remains.
    """

    intercept: np.ndarray
    slope: np.ndarray

    @classmethod
    def fit(cls, mri: np.ndarray, pet: np.ndarray) -> Self:
        """Solves the normal equations at every voxel in two passes over the subjects.

        Args:
          mri: grey-matter maps of the training subjects, ``(n, x, y, z)`` in [0, 1].
          pet: their PET, same shape.
        """
        _check_pairs(mri, pet)
        mean_mri, mean_pet = _mean(mri), _mean(pet)
        variance, covariance = np.zeros_like(mean_mri), np.zeros_like(mean_mri)
        for gm, uptake in zip(mri, pet, strict=True):
            deviation = gm - mean_mri
            variance += deviation**2
            covariance += deviation * (uptake - mean_pet)
        varies = variance > len(mri) * SMALLEST_STD**2
        slope = np.divide(covariance, variance, out=np.zeros_like(covariance), where=varies)
        return cls((mean_pet - slope * mean_mri).astype(np.float32), slope.astype(np.float32))

    def predict(self, mri: np.ndarray) -> np.ndarray:
        """PET for ``(n, x, y, z)`` grey-matter maps, float32, clipped to [0, 1]."""
        _check_like(mri, self.slope)
        pet = np.multiply(mri, self.slope, dtype=np.float32)
        pet += self.intercept
        return np.clip(pet, 0, 1, out=pet)


class Predictor(Protocol):
    """What :attr:`TrivialPredictor.fit` returns."""

    def predict(self, mri: np.ndarray) -> np.ndarray:
        """PET in [0, 1] of grey-matter maps, both ``(n, x, y, z)``."""


class TrivialPredictor(NamedTuple):
    """An opponent of the generator.

    Attributes:
      label: its name for print.
      description: what it does, as a sentence goes on after its name.
      fit: (maps, PET) of the training subjects -> the predictor.
      reads_mri: False if it shows everybody the same PET: then it keeps no difference between people.
    """

    label: str
    description: str
    fit: Callable[[np.ndarray, np.ndarray], Predictor]
    reads_mri: bool = True


TRIVIAL_PREDICTORS: dict[str, TrivialPredictor] = {
    "linear": TrivialPredictor(
        "voxel-wise linear",
        "is a straight line from grey matter to uptake at each voxel by itself",
        VoxelwiseLinear.fit,
    ),
    "mean_pet": TrivialPredictor("mean PET", "is the same volume for everybody", MeanPET.fit, reads_mri=False),
}
"""Name in tables and files -> the predictor, in the order in which tables show them: the one place to add another."""
