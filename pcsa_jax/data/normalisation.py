"""Bringing a volume's intensities to [0, 1].

``minmax`` and ``percentile`` take their range from the volume itself: what comes out is relative to it, no amount of
uptake that can be compared between people, and under ``minmax`` one hot voxel changes every value. ``suvr`` divides by
the uptake of a reference region and keeps one range for all: what comes out is an absolute SUVR over ``MAX_SUVR``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcsa_jax.errors import UserError

MAX_SUVR = 3.0
"""The SUVR that becomes 1 under ``suvr``.

The highest voxel of a mean FDG-PET of healthy adults has 2.3 times the pons' uptake after smoothing to 8 mm.
"""

PERCENTILE = 99.9
"""Of a volume's voxels, background included: what becomes 1 under ``percentile``."""

MIN_REFERENCE_FILLED = 0.9
"""Part of the reference region in which a PET must have uptake: the rest may lie outside of its brain mask."""


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

    def count_clipped(self, volume: np.ndarray) -> int:
        """Voxels that :meth:`normalise` clips."""
        return int(np.count_nonzero(volume < self.low) + np.count_nonzero(volume > self.high))


def _minmax(volume: np.ndarray, reference: np.ndarray | None, subject: str) -> IntensityRange:
    """Source: Eq. 13."""
    return IntensityRange(float(volume.min()), float(volume.max()))


def _percentile(volume: np.ndarray, reference: np.ndarray | None, subject: str) -> IntensityRange:
    """0 and the 99.9th percentile: one hot voxel cannot rescale the brain."""
    return IntensityRange(0.0, float(np.percentile(volume, PERCENTILE)))


def _suvr(volume: np.ndarray, reference: np.ndarray | None, subject: str) -> IntensityRange:
    """0 and ``MAX_SUVR`` times the mean uptake of the reference region.

    Deviation: the paper normalises each PET by its own minimum and maximum (Eq. 13).
    """
    if reference is None:
        raise ValueError("suvr: expected the weights of a reference region, found none.")
    weight = reference.sum(dtype=np.float64)
    filled = float((reference * (volume > 0)).sum(dtype=np.float64) / weight)
    uptake = float((reference * volume).sum(dtype=np.float64) / weight)
    if not uptake > 0 or filled < MIN_REFERENCE_FILLED:
        raise UserError(
            f"{subject}: expected uptake in the reference region, found {filled:.0%} of it above 0 (mean "
            f"{uptake:.3g}). Exclude the scan, or set another --config.data.reference_region or data.normalisation."
        )
    return IntensityRange(0.0, MAX_SUVR * uptake)


class PetScale(NamedTuple):
    """What 0 to 1 stands for in a normalised PET, and so in a generator's output.

    Attributes:
      range: the values, in the unit, that 0 and 1 stand for.
      unit: short.
      meaning: of the unit, in words.
    """

    range: tuple[float, float]
    unit: str
    meaning: str


class Normalisation(NamedTuple):
    """A way to bring intensities to [0, 1].

    Attributes:
      find_range: (volume, weights of the reference region or None, subject for messages) -> what becomes 0 and 1.
      scale: of a PET that went through it.
      hottest: what the value of every voxel depends on, in words; empty if the scale is absolute.
      peak_percentile: the percentile of a volume's voxels that becomes 1, and so is 1 in every PET; None without one.
    """

    find_range: Callable[[np.ndarray, np.ndarray | None, str], IntensityRange]
    scale: PetScale
    hottest: str
    peak_percentile: float | None = None


NORMALISATIONS: dict[str, Normalisation] = {
    "minmax": Normalisation(
        _minmax,
        PetScale((0.0, 1.0), "arbitrary", "relative to the volume's own range (minimum to maximum), not SUVR"),
        "hottest voxel",
        100.0,
    ),
    "percentile": Normalisation(
        _percentile,
        PetScale((0.0, 1.0), "arbitrary", "relative to the volume's own range (0 to its 99.9th percentile), not SUVR"),
        "99.9th percentile",
        PERCENTILE,
    ),
    "suvr": Normalisation(
        _suvr, PetScale((0.0, MAX_SUVR), "SUVR", "FDG uptake relative to the mean of the reference region"), ""
    ),
}
"""Name in a config -> what it does: the one place to add another. ``minmax`` is the paper's (Eq. 13)."""


def intensity_range(
    volume: np.ndarray, normalisation: str, subject: str, *, reference: np.ndarray | None = None
) -> IntensityRange:
    """The range of ``volume`` under ``normalisation``.

    Args:
      volume: finite intensities in the file's unit.
      normalisation: key of :data:`NORMALISATIONS`.
      subject: what the volume is, for the message.
      reference: for ``suvr``, the part of each voxel that lies in the reference region
        (:func:`~pcsa_jax.data.regions.reference_weights`).

    Raises:
      UserError: if the range is empty (a constant volume), or the reference region is.
    """
    low, high = float(volume.min()), float(volume.max())
    if not high > low:
        raise UserError(
            f"{subject}: expected a volume with contrast, found the constant {low:g} ({normalisation} range is "
            "empty). Exclude the scan or make the file again."
        )
    found = NORMALISATIONS[normalisation].find_range(volume, reference, subject)
    if not found.high > found.low:
        raise UserError(
            f"{subject}: expected values above 0, found {low:g} to {high:g} ({normalisation} range is empty). Exclude "
            "the scan or make the file again."
        )
    return found
