"""A linear filter that changes slowly from place to place, on top of the whole-brain ridge."""

import dataclasses
import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.ridge import WholeBrainRidge, fit_and_leave_out
from pcsa_jax.data.predictors.volumes import mean_volume
from pcsa_jax.data.threads import count_cores, in_order

NEIGHBOUR_MM = 6.0
"""Distance of the six neighbours whose grey matter is looked at; one voxel where voxels are larger."""

WIDTHS_MM = (6.0, 12.0, 24.0)
"""SD of the Gaussians through which the surroundings are seen."""

POOL_MM = 18.0
"""SD of the Gaussian over which places share their equations: neighbours need nearly the same filter, and 84 subjects
are too few for one at each voxel by itself."""

NUM_SEEN = 8 + 2 * len(WIDTHS_MM)
"""Things that are looked at: map and ridge at the voxel, six neighbours of the map, both through each Gaussian."""

BLOCK = 8192
"""Voxels whose sums one thread adds up at a time."""

PENALTY = 0.03
"""Of a filter's weights, in units of the mean square of what it looks at."""


@dataclasses.dataclass(frozen=True, eq=False)
class LocalRidge:
    """The whole-brain ridge, corrected at each voxel by what is seen around it.

    Looked at are the subject's deviation from the mean map, at the voxel, its neighbours and through wider and wider
    Gaussians, and the ridge's own deviation from the mean PET in the same way. The correction is a ridge regression of
    what the ridge gets wrong on people it has not seen (leave-one-out, closed form), whose equations are pooled over
    :data:`POOL_MM`. How its constants were chosen, and its time and memory at 64^3: ``docs/decisions.md``.

    Attributes:
      ridge: what is corrected.
      mean_map, mean_pet: x y z.
      weights: of what is looked at, (f, v) at the voxels ``ridge.inside``.
      scales: what each is divided by, (f,).
    """

    ridge: WholeBrainRidge
    mean_map: np.ndarray
    mean_pet: np.ndarray
    weights: np.ndarray
    scales: np.ndarray

    @classmethod
    def fit(cls, mri: np.ndarray, pet: np.ndarray) -> Self:
        """Fits the ridge, then the filter; args and errors as :meth:`WholeBrainRidge.fit` has them."""
        ridge, left_out = fit_and_leave_out(mri, pet)
        mean_map, mean_pet = (mean_volume(volumes).astype(np.float32) for volumes in (mri, pet))

        def seen(row: int) -> tuple[np.ndarray, np.ndarray]:
            """What is looked at inside, (f, v), and what the ridge is short of there, (v,)."""
            error = np.zeros(mean_pet.shape, np.float32)
            error[ridge.reached] = left_out[row]
            return look(mri[row] - mean_map, pet[row] - error - mean_pet)[:, ridge.inside], error[ridge.inside]

        weights, scales = _solve(in_order(seen, range(len(mri))), len(mri), ridge.inside)
        return cls(ridge, mean_map, mean_pet, weights, scales)

    def predict(self, mri: np.ndarray, *, clipped: bool = True) -> np.ndarray:
        """PET for ``(n, x, y, z)`` grey-matter maps, float32, clipped to [0, 1] unless told otherwise."""
        pet, inside = self.ridge.predict(mri, clipped=False), self.ridge.inside
        for gm, volume in zip(mri, pet, strict=True):
            found = look(gm - self.mean_map, volume - self.mean_pet)[:, inside]
            volume[inside] += np.einsum("fv,fv->v", found / self.scales[:, None], self.weights)
        return np.clip(pet, 0, 1, out=pet) if clipped else pet


def look(map_deviation: np.ndarray, pet_deviation: np.ndarray) -> np.ndarray:
    """What the filter sees at each voxel of one subject, (f, x, y, z): see :class:`LocalRidge`."""
    voxel_size_mm = Grid(map_deviation.shape[0]).voxel_size_mm
    steps = max(1, round(NEIGHBOUR_MM / voxel_size_mm))
    seen = [map_deviation]
    seen += [_shifted(map_deviation, axis, by) for axis in range(3) for by in (-steps, steps)]
    seen += [pet_deviation]
    for volume in (map_deviation, pet_deviation):
        seen += [ndimage.gaussian_filter(volume, width / voxel_size_mm, mode="constant") for width in WIDTHS_MM]
    return np.stack(seen)


def _shifted(volume: np.ndarray, axis: int, by: int) -> np.ndarray:
    """``volume`` moved along an axis; 0 comes in."""
    result = np.zeros_like(volume)
    to, source = [slice(None)] * 3, [slice(None)] * 3
    to[axis], source[axis] = (slice(by, None), slice(None, -by)) if by > 0 else (slice(None, by), slice(-by, None))
    result[tuple(to)] = volume[tuple(source)]
    return result


def _solve(
    seen: Iterable[tuple[np.ndarray, np.ndarray]], num_subjects: int, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The least squares at each voxel inside, whose sums over subjects are pooled over its place.

    Args:
      seen: of each subject, what is looked at, (f, v), and what is to be found, (v,).
      num_subjects: how many.
      inside: x y z.

    Returns:
      Weights, (f, v), and what each thing that is looked at is to be divided by, (f,): its root mean square.
    """
    upper, places = np.triu_indices(NUM_SEEN), int(inside.sum())
    moments, answers = _sums(seen, upper, places)
    squares = moments[upper[0] == upper[1]].sum(axis=1, dtype=np.float64)
    scales = np.sqrt(squares / (num_subjects * max(1, places)))
    scales = np.where(scales > 1e-6, scales, np.inf).astype(np.float32)
    moments /= (scales[upper[0]] * scales[upper[1]])[:, None]
    answers /= scales[:, None]
    width = POOL_MM / Grid(inside.shape[0]).voxel_size_mm

    def pool(row: np.ndarray) -> None:
        volume = np.zeros(inside.shape, np.float32)
        volume[inside] = row
        row[:] = ndimage.gaussian_filter(volume, width, mode="constant")[inside]

    for _ in in_order(pool, (*moments, *answers)):
        pass
    matrices = np.empty((places, NUM_SEEN, NUM_SEEN), np.float32)
    matrices[:, upper[0], upper[1]] = matrices[:, upper[1], upper[0]] = moments.T
    size = np.trace(matrices, axis1=1, axis2=2) / NUM_SEEN
    # Where nothing was seen nothing is corrected.
    matrices[:, range(NUM_SEEN), range(NUM_SEEN)] += (PENALTY * size + np.finfo(np.float32).tiny ** 0.5)[:, None]
    return np.linalg.solve(matrices, answers.T[..., None])[..., 0].T.astype(np.float32), scales


def _sums(
    seen: Iterable[tuple[np.ndarray, np.ndarray]], pairs: tuple[np.ndarray, np.ndarray], places: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over subjects: products of the ``pairs`` of what is looked at, (p, v), and of each with the answer, (f, v).

    Each thread adds up voxels of its own, so the order of addition does not depend on how many there are.
    """
    moments, answers = np.zeros((len(pairs[0]), places), np.float32), np.zeros((NUM_SEEN, places), np.float32)

    def add(found: np.ndarray, error: np.ndarray, start: int) -> None:
        block = slice(start, start + BLOCK)
        own = found[:, block]
        for row, (one, other) in enumerate(zip(*pairs, strict=True)):
            moments[row, block] += own[one] * own[other]
        answers[:, block] += own * error[block]

    with ThreadPoolExecutor(count_cores()) as pool:
        for found, error in seen:
            list(pool.map(functools.partial(add, found, error), range(0, places, BLOCK)))
    return moments, answers
