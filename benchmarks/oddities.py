"""Grey-matter maps with something wrong, made from sound ones: what :mod:`benchmarks.trust` plants."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Change = Callable[[np.ndarray, float], np.ndarray]
"""(map x y z in [0, 1], edge of a voxel in mm) -> the changed map."""

LESION_AT_MM = (36.0, -20.0, 16.0)
"""From the middle of the grid: the right temporo-parietal cortex."""

_FWHM = 2 * np.sqrt(2 * np.log(2))


def _rescaled(volume: np.ndarray) -> np.ndarray:
    """Min-max normalised, as every map is before a generator sees it."""
    low, high = volume.min(), volume.max()
    return ((volume - low) / (high - low)).astype(np.float32)


def smoothed(more_mm: float) -> Change:
    """Smoothed once more, as on a fine grid: a kernel of samples would do next to nothing below half a voxel's SD."""

    def change(v: np.ndarray, mm: float) -> np.ndarray:
        spectrum = ndimage.fourier_gaussian(np.fft.fftn(v), more_mm / _FWHM / mm)
        return _rescaled(np.clip(np.fft.ifftn(spectrum).real, 0, None))

    return change


def moved(shift_mm: float) -> Change:
    """Towards the front."""
    return lambda v, mm: _rescaled(ndimage.shift(v, (0, shift_mm / mm, 0), order=1))


def turned(degrees: float) -> Change:
    """About the left-right axis: a nodding head that was not registered."""
    return lambda v, mm: _rescaled(ndimage.rotate(v, degrees, axes=(1, 2), reshape=False, order=1))


def scaled(factor: float) -> Change:
    """A head of another size."""

    def change(v: np.ndarray, mm: float) -> np.ndarray:
        centre = (np.array(v.shape) - 1) / 2
        return _rescaled(ndimage.affine_transform(v, np.eye(3) / factor, centre - centre / factor, order=1))

    return change


def lesioned(radius_mm: float) -> Change:
    """Without grey matter in a ball with a soft edge."""

    def change(v: np.ndarray, mm: float) -> np.ndarray:
        place = (np.array(v.shape) - 1) / 2 + np.array(LESION_AT_MM) / mm
        away = mm * np.sqrt(sum((axis - p) ** 2 for axis, p in zip(np.indices(v.shape), place, strict=True)))
        return _rescaled(v * (1 - 1 / (1 + np.exp((away - radius_mm) / 2))))

    return change


def noisy(std: float) -> Change:
    """With noise added, cut off at 0."""
    return lambda v, mm: _rescaled(np.clip(v + np.random.default_rng(0).normal(0, std, v.shape), 0, None))


def cut_below(part: float) -> Change:
    """Without the lowest part of the grid: a field of view that ends in the cerebellum."""
    return lambda v, mm: _rescaled(np.where(np.arange(v.shape[2]) < part * v.shape[2], 0, v))


def contrast(power: float) -> Change:
    """Another segmentation's idea of partial volumes."""
    return lambda v, mm: _rescaled(v**power)


ODDITIES: dict[str, Change] = {
    "upside down": lambda v, mm: v[:, :, ::-1],
    "back to front": lambda v, mm: v[:, ::-1],
    "left and right exchanged": lambda v, mm: v[::-1],
    "axes exchanged": lambda v, mm: v.transpose(1, 0, 2),
    "moved 3 mm": moved(3),
    "moved 6 mm": moved(6),
    "moved 12 mm": moved(12),
    "turned 5 degrees": turned(5),
    "turned 15 degrees": turned(15),
    "smoothed by 4 mm more": smoothed(4),
    "smoothed by 6 mm more": smoothed(6),
    "smoothed by 8 mm more (twice)": smoothed(8),
    "other segmentation: more grey (power 0.7)": contrast(0.7),
    "other segmentation: less grey (power 1.3)": contrast(1.3),
    "head of 95 % size": scaled(0.95),
    "head of 90 % size (a child's)": scaled(0.9),
    "head of 80 % size": scaled(0.8),
    "lesion of 10 mm radius": lesioned(10),
    "lesion of 15 mm radius": lesioned(15),
    "lesion of 20 mm radius": lesioned(20),
    "lesion of 30 mm radius": lesioned(30),
    "one hemisphere": lambda v, mm: _rescaled(np.where(np.arange(len(v))[:, None, None] < len(v) // 2, 0, v)),
    "field of view ends in the cerebellum": cut_below(0.25),
    "noise added (SD 0.02)": noisy(0.02),
    "noise alone": lambda v, mm: np.random.default_rng(0).random(v.shape, np.float32),
}
"""What is wrong -> how a map becomes so."""
