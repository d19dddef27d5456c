"""What a reader measures in one PET: uptake of the disease's regions, left and right, against reference regions."""

from typing import NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import (
    REFERENCE_REGIONS,
    REGION_NAMES,
    asymmetry_index,
    hemispheres,
    reference_weights,
    region_masks,
)


class RegionalValues(NamedTuple):
    """Mean uptake of one region in one PET.

    Attributes:
      left, right: of the subject, in the volume's unit.
      left_to_pons, right_to_pons, left_to_cerebellum, right_to_cerebellum: divided by the mean of the reference region;
        NaN without uptake there. A ratio means the same in every unit whose 0 is no uptake.
      asymmetry: per cent, see :func:`~pcsa_jax.data.regions.asymmetry_index`.
    """

    left: float
    right: float
    left_to_pons: float
    right_to_pons: float
    left_to_cerebellum: float
    right_to_cerebellum: float
    asymmetry: float


def measure_regions(volume: np.ndarray, grid: Grid) -> dict[str, RegionalValues]:
    """The values of each region of :data:`~pcsa_jax.data.regions.REGION_NAMES`.

    Args:
      volume: uptake, x y z on ``grid``, in any unit.
      grid: of the volume.
    """
    references = {name: reference_weights(grid, name) for name in REFERENCE_REGIONS}
    uptake = {
        name: float((volume * weights).sum(dtype=float) / weights.sum(dtype=float))
        for name, weights in references.items()
    }
    found = {}
    for region, mask in region_masks(grid).items():
        left, right = (float(volume[mask & side].mean(dtype=float)) for side in hemispheres(grid))
        ratios = [value / uptake[name] if uptake[name] > 0 else np.nan for name in uptake for value in (left, right)]
        found[region] = RegionalValues(left, right, *ratios, float(asymmetry_index(left, right)))
    return found


def value_names() -> list[str]:
    """``region.field`` of every value, in the order of :func:`all_values`."""
    return [f"{region}.{name}" for region in REGION_NAMES for name in RegionalValues._fields]


def all_values(volumes: np.ndarray, grid: Grid) -> np.ndarray:
    """Every value of volumes ``(n, x, y, z)``, float64 (n, m)."""
    measured = (measure_regions(volume, grid) for volume in volumes)
    return np.array([[value for region in REGION_NAMES for value in values[region]] for values in measured])
