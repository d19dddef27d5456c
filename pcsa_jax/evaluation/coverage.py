"""Whether intervals hold what they say: the share of real values that lie in them, by person, voxel and width."""

from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regional_values import all_values, value_names
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.trust.intervals import Intervals, by_width, covered
from pcsa_jax.presentation.statistics import describe, resampling_weights

KINDS = {"uptake": ("left", "right"), "to pons": ("left_to_pons", "right_to_pons"),
         "to cerebellum": ("left_to_cerebellum", "right_to_cerebellum"), "asymmetry": ("asymmetry",)}  # fmt: skip
"""Name for print -> the fields of :class:`~pcsa_jax.data.regional_values.RegionalValues` that it sums up."""


class Coverage(NamedTuple):
    """What lies in its interval.

    Attributes:
      people: share of each person's voxels of the brain, (n,).
      volume: share of the people at each voxel, x y z.
      quarters: share in each quarter of a person's voxels by the width of their intervals, the narrowest first; mean
        over people.
      regional: whether each regional value of each person does, 0 or 1, (n, m); NaN where the real PET has no value.
      width: mean over voxels of the brain and people.
    """

    people: np.ndarray
    volume: np.ndarray
    quarters: tuple[float, ...]
    regional: np.ndarray
    width: float


def measure_coverage(
    intervals: Intervals, synthetic: np.ndarray, real: np.ndarray, grid: Grid, std: np.ndarray | None = None
) -> Coverage:
    """Of people from whom neither the generator nor the intervals have learnt.

    Args:
      intervals: of the generator.
      synthetic, real: PET, (n, x, y, z) in [0, 1].
      grid: of both.
      std: SD over an ensemble's members, the same shape.
    """
    mask = brain_mask(grid)
    people, quarters, widths, volume = [], [], [], np.zeros(grid.shape)
    for row, (fake, pet) in enumerate(zip(synthetic, real, strict=True)):
        low, high = intervals.around(fake, None if std is None else std[row])
        inside, width = covered(pet, low, high), (high - low)[mask]
        volume += inside / len(real)
        people.append(inside[mask].mean())
        quarters.append(by_width(inside[mask], width))
        widths.append(width.mean(dtype=float))
    regional = [
        [
            float(end.low <= value <= end.high) if np.isfinite(value) else np.nan
            for end, value in zip(intervals.regionally(made), own, strict=True)
        ]
        for made, own in zip(all_values(synthetic, grid), all_values(real, grid), strict=True)
    ]
    return Coverage(
        np.array(people), volume, tuple(np.mean(quarters, axis=0).tolist()), np.array(regional), float(np.mean(widths))
    )


def summarise_coverage(intervals: Intervals, coverage: Coverage, grid: Grid, *, seed: int = 0) -> dict[str, Any]:
    """For ``summary.json``: shares in [0, 1], with 95 % bootstrap intervals over people where there are enough."""
    weights, names = resampling_weights(len(coverage.people), seed), value_names()
    regional = {
        kind: _shares(coverage.regional[:, [name.partition(".")[2] in fields for name in names]], seed)
        for kind, fields in KINDS.items()
    }
    return {
        "level": intervals.level,
        "calibration_people": intervals.num_people,
        "is_scaled": intervals.is_scaled,
        "promise": intervals.describe(),
        "people": describe(coverage.people, weights),
        "people_percentiles_5_50_95": np.percentile(coverage.people, [5, 50, 95]).tolist(),
        "voxels_percentiles_5_50_95": np.percentile(coverage.volume[brain_mask(grid)], [5, 50, 95]).tolist(),
        "by_width": list(coverage.quarters),
        "mean_width": coverage.width,
        "regional": regional,
    }


def _shares(inside: np.ndarray, seed: int) -> dict[str, Any]:
    """Mean over the people who have any of these values (columns), and how many they are."""
    people = inside[np.isfinite(inside).any(axis=1)]
    if not len(people):
        reason = "no real PET has uptake in the reference region"
        return {"n": 0, "mean": None, "std": None, "ci95": None, "reason": reason}
    return {"n": len(people)} | describe(np.nanmean(people, axis=1), resampling_weights(len(people), seed))
