"""The numbers that a reader takes from a PET: uptake of regions, of each side, and over that of reference regions."""

import functools

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import REFERENCE_REGIONS, REGION_NAMES, hemispheres, reference_weights, region_masks

SIDES = ("both", "left", "right")
SCALES = ("uptake", *REFERENCE_REGIONS)
"""As the PET has it, or over the mean of a reference region."""


@functools.cache
def number_names() -> tuple[str, ...]:
    """Names of the columns of :func:`regional_numbers`: ``region.side.scale``."""
    return tuple(f"{region}.{side}.{scale}" for scale in SCALES for region in REGION_NAMES for side in SIDES)


def regional_numbers(pet: np.ndarray, grid: Grid) -> np.ndarray:
    """Every number of PET ``(n, x, y, z)``, float64 (n, m); NaN over a reference region without uptake."""
    flat = pet.reshape(len(pet), -1)
    means = flat @ _region_weights(grid)
    columns = [means]
    for reference in REFERENCE_REGIONS:
        weights = reference_weights(grid, reference)
        uptake = (flat @ (weights.ravel() / weights.sum()))[:, None]
        columns.append(np.divide(means, uptake, out=np.full_like(means, np.nan), where=uptake > 0))
    return np.concatenate(columns, axis=1).astype(np.float64)


@functools.lru_cache(maxsize=4)
def _region_weights(grid: Grid) -> np.ndarray:
    """One column for each region and side whose product with a volume is the mean there, float32."""
    left, right = hemispheres(grid)
    sides = {"both": np.ones(grid.shape, bool), "left": left, "right": right}
    masks = [mask & sides[side] for mask in region_masks(grid).values() for side in SIDES]
    return np.stack([mask.ravel() / mask.sum() for mask in masks], axis=1).astype(np.float32)
