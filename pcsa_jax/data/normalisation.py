"""Bringing a volume's intensities to [0, 1]."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcsa_jax.errors import UserError


class IntensityRange(NamedTuple):
    """The two intensities (in the file's unit) that become 0 and 1."""

    low: float
    high: float

    def normalise(self, volume: np.ndarray) -> np.ndarray:
        """``(volume - low) / (high - low)``, clipped to [0, 1], float32."""
        return np.clip((volume - self.low) / (self.high - self.low), 0, 1).astype(np.float32)

    def restore(self, volume: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`normalise` on volumes that it did not clip."""
        return (volume * (self.high - self.low) + self.low).astype(np.float32)


def _minmax(volume: np.ndarray) -> IntensityRange:
    """Source: Eq. 13."""
    return IntensityRange(float(volume.min()), float(volume.max()))


def _percentile(volume: np.ndarray) -> IntensityRange:
    """0 and the 99.9th percentile: one hot voxel cannot rescale the brain."""
    return IntensityRange(0.0, float(np.percentile(volume, 99.9)))


NORMALISATIONS: dict[str, Callable[[np.ndarray], IntensityRange]] = {"minmax": _minmax, "percentile": _percentile}
"""Name -> the intensity range of one volume. ``minmax`` is the paper's (Eq. 13)."""


def intensity_range(volume: np.ndarray, normalisation: str, subject: str) -> IntensityRange:
    """The range of ``volume`` under ``normalisation``.

    Args:
      volume: finite intensities in the file's unit.
      normalisation: key of :data:`NORMALISATIONS`.
      subject: what the volume is, for the message.

    Raises:
      UserError: if the range is empty (a constant volume).
    """
    found = NORMALISATIONS[normalisation](volume)
    if not found.high > found.low:
        raise UserError(
            f"{subject}: expected a volume with contrast, found the constant {found.low:g} ({normalisation} range is "
            "empty). Exclude the scan or make the file again."
        )
    return found
