"""The mean PET and one regression a voxel: what a generator has to beat before anything else; no test subject seen."""

import dataclasses
from typing import Self

import numpy as np

from pcsa_jax.data.predictors.volumes import check_like, check_pairs, mean_volume

SMALLEST_STD = 1e-4
"""Below this SD over the training subjects a voxel of the grey-matter map (range 0-1) counts as constant.

A slope from less than that is rounding error, and would be applied to whatever a new subject has there.
"""


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
        check_pairs(mri, pet)
        return cls(mean_volume(pet).astype(np.float32))

    def predict(self, mri: np.ndarray, *, clipped: bool = True) -> np.ndarray:
        """The same volume for every subject, ``(n, x, y, z)``: a read-only view that takes no memory."""
        check_like(mri, self.mean)
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
        check_pairs(mri, pet)
        mean_mri, mean_pet = mean_volume(mri), mean_volume(pet)
        variance, covariance = np.zeros_like(mean_mri), np.zeros_like(mean_mri)
        for gm, uptake in zip(mri, pet, strict=True):
            deviation = gm - mean_mri
            variance += deviation**2
            covariance += deviation * (uptake - mean_pet)
        varies = variance > len(mri) * SMALLEST_STD**2
        slope = np.divide(covariance, variance, out=np.zeros_like(covariance), where=varies)
        return cls((mean_pet - slope * mean_mri).astype(np.float32), slope.astype(np.float32))

    def predict(self, mri: np.ndarray, *, clipped: bool = True) -> np.ndarray:
        """PET for ``(n, x, y, z)`` grey-matter maps, float32, clipped to [0, 1] unless told otherwise."""
        check_like(mri, self.slope)
        pet = np.multiply(mri, self.slope, dtype=np.float32)
        pet += self.intercept
        return np.clip(pet, 0, 1, out=pet) if clipped else pet
