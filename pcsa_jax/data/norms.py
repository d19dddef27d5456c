"""What is usual among cognitively normal people at each voxel, and how far one PET lies from it."""

import dataclasses
from typing import Self

import numpy as np

SMALLEST_STD = 0.01
"""Floor of the norm's SD (volumes in [0, 1]): few people agree by chance somewhere, which is no precision."""

MIN_PEOPLE = 3
"""Below this many there is no norm."""

LOW_Z = -2.0
"""A voxel below this is marked as hypometabolic."""


@dataclasses.dataclass(frozen=True, eq=False)
class Norm:
    """Mean and SD of the real PET of cognitively normal training subjects.

    Attributes:
      mean: x y z, in [0, 1].
      std: x y z, n - 1 in the denominator, at least :data:`SMALLEST_STD`.
      count: volumes that it comes from.
    """

    mean: np.ndarray
    std: np.ndarray
    count: int

    @classmethod
    def fit(cls, pet: np.ndarray) -> Self:
        """The norm of ``pet`` (n, x, y, z), smoothed as they are.

        Raises:
          ValueError: if there are fewer than :data:`MIN_PEOPLE`.
        """
        if len(pet) < MIN_PEOPLE:
            raise ValueError(f"pet: expected at least {MIN_PEOPLE} volumes for a norm, found {len(pet)}.")
        mean = pet.mean(axis=0, dtype=np.float64)
        squares = np.zeros_like(mean)
        for volume in pet:  # one at a time: the deviations of all would need twice the memory of the volumes
            squares += (volume - mean) ** 2
        std = np.sqrt(squares / (len(pet) - 1))
        return cls(mean.astype(np.float32), np.maximum(std, SMALLEST_STD).astype(np.float32), len(pet))

    def z(self, pet: np.ndarray) -> np.ndarray:
        """``(pet - mean) / std``, float32, of one volume (x y z) or many (n x y z)."""
        return ((pet - self.mean) / self.std).astype(np.float32)


def dice_of_low(one: np.ndarray, other: np.ndarray) -> float:
    """Dice overlap of the voxels below :data:`LOW_Z` in two z-maps; NaN where neither has any."""
    first, second = one < LOW_Z, other < LOW_Z
    both = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / both if both else float("nan")
