"""Ridge regression from the whole grey-matter map to what the voxel-wise linear predictor leaves over."""

import dataclasses
from typing import Self

import numpy as np

from pcsa_jax.data.predictors.linear import SMALLEST_STD, VoxelwiseLinear
from pcsa_jax.data.predictors.volumes import check_like, check_pairs

STRENGTHS = np.logspace(3, -2, 21)
"""Penalties that are tried, from the strongest, in units of the mean eigenvalue of the maps' kernel."""

SMALLEST_EIGENVALUE = 1e-7
"""Part of the largest eigenvalue below which a component of float32 maps is rounding error."""

BLOCK = 65536
"""Voxels whose products between subjects are summed at a time, in float64."""


@dataclasses.dataclass(frozen=True, eq=False)
class WholeBrainRidge:
    """``pet = intercept + slope * gm`` at each voxel, plus what the rest of the brain says of the residual.

    The residual of :class:`~pcsa_jax.data.predictors.linear.VoxelwiseLinear` at every voxel is regressed on the whole
    GM map at once, with one penalty for all, which leave-one-out on the training subjects chooses; if none helps, the
    linear predictor remains. Everything is in closed form from the n x n kernel of the maps: seconds for 400 subjects
    at 64^3. Memory: the maps and residuals once more, at most 8 bytes a voxel and subject (0.8 GB then), half of that
    stays in the fitted predictor.

    Source: Hoerl and Kennard, Technometrics 1970 (ridge); Golub, Heath and Wahba, Technometrics 1979 (leave-one-out).

    Attributes:
      intercept, slope: x y z, of the linear predictor.
      inside: x y z, True where the GM map varies over the training subjects.
      centre: mean GM map inside, (v,).
      components: orthonormal maps inside in which the training subjects differ, (k, v). They are mixtures of all
        subjects' maps, not anybody's own, but they span them.
      reached: x y z, True where a residual is not 0 for everybody.
      loadings: of the residual there on each component, (k, u).
      strength: the penalty in units of the kernel's mean eigenvalue, inf if none helps; a scalar array.
    """

    intercept: np.ndarray
    slope: np.ndarray
    inside: np.ndarray
    centre: np.ndarray
    components: np.ndarray
    reached: np.ndarray
    loadings: np.ndarray
    strength: np.ndarray

    @classmethod
    def fit(cls, mri: np.ndarray, pet: np.ndarray) -> Self:
        """Solves the linear predictor, then the ridge on its residual.

        Leave-one-out keeps the linear predictor of all subjects: it is exact for the ridge alone.

        Args:
          mri: grey-matter maps of the training subjects, ``(n, x, y, z)`` in [0, 1]; one subject gives that subject.
          pet: their PET, same shape.

        Raises:
          ValueError: if the shapes do not fit, or a value is not finite.
        """
        return fit_and_leave_out(mri, pet)[0]

    def predict(self, mri: np.ndarray, *, clipped: bool = True) -> np.ndarray:
        """PET for ``(n, x, y, z)`` grey-matter maps, float32, clipped to [0, 1] unless told otherwise."""
        check_like(mri, self.slope)
        pet = np.multiply(mri, self.slope, dtype=np.float32)
        pet += self.intercept
        for gm, volume in zip(mri, pet, strict=True):
            # One subject at a time: its PET must not depend on who else is asked for.
            scores = self.components @ (gm[self.inside] - self.centre)
            volume[self.reached] += scores @ self.loadings
        return np.clip(pet, 0, 1, out=pet) if clipped else pet


def fit_and_leave_out(mri: np.ndarray, pet: np.ndarray) -> tuple[WholeBrainRidge, np.ndarray]:
    """The ridge, and what it is short of on each training subject if it has not seen that one.

    Args:
      mri, pet: see :meth:`WholeBrainRidge.fit`.

    Returns:
      The predictor, and PET minus prediction at the voxels ``reached``, (n, u); as at its fit, the linear predictor
      has seen all subjects.
    """
    check_pairs(mri, pet)
    linear = VoxelwiseLinear.fit(mri, pet)
    deviations, inside, centre = _deviations(mri)
    residuals, reached = _residuals(linear, mri, pet)
    eigenvalues, vectors = np.linalg.eigh(_products(deviations))
    kept = eigenvalues > SMALLEST_EIGENVALUE * max(eigenvalues[-1], np.finfo(np.float32).tiny)
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    unit = eigenvalues.mean() if len(eigenvalues) else 1.0
    strength = _choose_strength(eigenvalues / unit, vectors, _products(residuals))
    scale = np.sqrt(eigenvalues)
    to_components = (vectors / scale).T.astype(np.float32)
    to_loadings = (vectors * (scale / (eigenvalues + strength * unit))).T.astype(np.float32)
    ridge = WholeBrainRidge(
        intercept=linear.intercept, slope=linear.slope, inside=inside, centre=centre,
        components=to_components @ deviations, reached=reached, loadings=to_loadings @ residuals,
        strength=np.asarray(strength, np.float32),
    )  # fmt: skip
    left_out = _left_out(eigenvalues / unit, vectors, strength).astype(np.float32)
    return ridge, left_out @ residuals


def _deviations(mri: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps minus their mean where they vary, (n, v); where that is; the mean there."""
    total, squares = (np.zeros(mri.shape[1:]) for _ in range(2))
    for gm in mri:
        total += gm
    mean = total / len(mri)
    for gm in mri:
        squares += (gm - mean) ** 2
    inside = squares > len(mri) * SMALLEST_STD**2
    centre = mean[inside].astype(np.float32)
    deviations = np.empty((len(mri), len(centre)), np.float32)
    for row, gm in zip(deviations, mri, strict=True):
        np.subtract(gm[inside], centre, out=row)
    return deviations, inside, centre


def _residuals(linear: VoxelwiseLinear, mri: np.ndarray, pet: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the linear predictor leaves over, (n, u), and where it is not 0 for everybody."""

    def residual(gm: np.ndarray, uptake: np.ndarray) -> np.ndarray:
        return uptake - linear.intercept - linear.slope * gm

    reached = np.zeros(linear.slope.shape, bool)
    for gm, uptake in zip(mri, pet, strict=True):
        reached |= residual(gm, uptake) != 0
    residuals = np.empty((len(mri), int(reached.sum())), np.float32)
    for row, gm, uptake in zip(residuals, mri, pet, strict=True):
        row[:] = residual(gm, uptake)[reached]
    return residuals, reached


def _products(rows: np.ndarray) -> np.ndarray:
    """Inner product of each row with each other, n x n, in float64."""
    result = np.zeros((len(rows),) * 2)
    for start in range(0, rows.shape[1], BLOCK):
        block = rows[:, start : start + BLOCK].astype(np.float64)
        result += block @ block.T
    return result


def _choose_strength(eigenvalues: np.ndarray, vectors: np.ndarray, residual_products: np.ndarray) -> float:
    """The penalty with the least squared leave-one-out error over all voxels; inf if no ridge has less.

    Args:
      eigenvalues, vectors: of the maps' kernel, (k,) and (n, k).
      residual_products: of the residuals, (n, n): all that the error needs of the voxels.
    """
    n = len(residual_products)
    best, least = np.inf, np.trace(residual_products) / (1 - 1 / n) ** 2 if n > 1 else 0.0
    for strength in STRENGTHS if len(eigenvalues) else ():
        left_out = _left_out(eigenvalues, vectors, strength)
        error = np.einsum("ij,jk,ik->", left_out, residual_products, left_out, optimize=True)
        if error < least * (1 - 1e-9):
            best, least = float(strength), float(error)
    return best


def _left_out(eigenvalues: np.ndarray, vectors: np.ndarray, strength: float) -> np.ndarray:
    """N x n: times the residuals, the error on each subject of the ridge of all others."""
    n = len(vectors)
    hat = (vectors * (eigenvalues / (eigenvalues + strength))) @ vectors.T
    return (np.eye(n) - hat) / np.maximum(1 - 1 / n - np.diag(hat), 1e-12)[:, None]
