"""Smooth random fields, deformations and changes of grid: the arithmetic of the phantom, without its anatomy."""

import functools

import numpy as np
from scipy import ndimage

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def smooth(volume: np.ndarray, fwhm_mm: float, voxel_size_mm: float) -> np.ndarray:
    """Gaussian blur of ``fwhm_mm``; zero outside the grid."""
    return ndimage.gaussian_filter(volume, fwhm_mm / FWHM_PER_SIGMA / voxel_size_mm, mode="constant", truncate=3.5)


@functools.cache
def _spline_basis(size: int, spacing: float) -> np.ndarray:
    """Size x knots: cubic B-splines every ``spacing`` voxels, scaled so that white knots give unit variance."""
    knots = np.arange(-1, int(np.ceil((size - 1) / spacing)) + 2)
    distance = np.abs(np.arange(size)[:, None] / spacing - knots[None])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    basis = np.where(distance < 1, near, far)
    return basis / np.linalg.norm(basis, axis=1, keepdims=True)


def smooth_field(rng: np.random.Generator, size: int, spacing: float) -> np.ndarray:
    """A Gaussian random field on ``size^3`` voxels: zero mean, unit SD, smooth over about ``spacing`` voxels.

    ``einsum`` without its optimiser adds in a fixed order, so the field does not depend on the number of threads.
    """
    basis = _spline_basis(size, spacing)
    knots = rng.standard_normal((basis.shape[1],) * 3)
    field = np.einsum("ai,ijk->ajk", basis, knots)
    field = np.einsum("bj,ajk->abk", basis, field)
    return np.einsum("ck,abk->abc", basis, field)


def smallest_jacobian(displacement: np.ndarray) -> float:
    """Smallest Jacobian determinant of ``x + displacement(x)`` (3 x X x Y x Z, in voxels); positive = no folding."""
    slopes = np.stack([np.stack(np.gradient(component)) for component in displacement])
    (a, b, c), (d, e, f), (g, h, i) = slopes + np.eye(3).reshape(3, 3, 1, 1, 1)
    return float((a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)).min())


@functools.cache
def _resampling_matrix(old: int, new: int) -> np.ndarray:
    """New x old weights for one axis of a fixed field of view: overlap means when shrinking, linear otherwise."""
    if new <= old:
        edges_old, edges_new = np.arange(old + 1) / old, np.arange(new + 1) / new
        low = np.maximum(edges_new[:-1, None], edges_old[None, :-1])
        high = np.minimum(edges_new[1:, None], edges_old[None, 1:])
        matrix = np.clip(high - low, 0, None)
    else:
        position = (np.arange(new) + 0.5) * old / new - 0.5
        matrix = np.clip(1 - np.abs(position[:, None] - np.arange(old)[None]), 0, None)
    return matrix / matrix.sum(axis=1, keepdims=True)


def resample(volume: np.ndarray, size: int) -> np.ndarray:
    """Brings a cubic volume to ``size^3`` voxels over the same field of view."""
    if volume.shape[0] == size:
        return volume
    matrix = _resampling_matrix(volume.shape[0], size)
    for _ in range(3):  # each pass resamples the first axis and moves it to the end
        volume = np.einsum("ai,ijk->jka", matrix, volume)
    return volume
