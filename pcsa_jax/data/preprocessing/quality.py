"""Numbers that tell a good preprocessing from a bad one at a glance."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.regions import brain_mask

SMOOTHING_FWHM_MM = 8.0
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
FEWEST_FOR_OUTLIERS = 12
"""Fewer visits have no distribution to lie outside of."""

OUTLIER_SDS = 6.0
"""Distance from the cohort's median, in robust standard deviations, from which a value is marked: what is marked stops
a training, and at 3.5 every third sound cohort of a thousand visits would be stopped, by each number."""

SD_PER_MAD = 1.4826


class Measure(NamedTuple):
    """A number of a visit.

    Attributes:
      title: for people.
      meaning: one sentence on what it tells.
      low, high: values outside are suspicious in any cohort.
      digits: shown after the point.
    """

    title: str
    meaning: str
    low: float
    high: float
    digits: int


# docs/preprocessing.md has the spread of sound and spoiled volumes by which the limits were set.
MEASURES: Mapping[str, Measure] = {
    "gm_correlation": Measure(
        "GM correlation", "of the grey-matter map with that of MNI152, in the brain", 0.7, 1.0, 3
    ),
    "brain_ml": Measure("brain (ml)", "volume of the brain mask, CSF between the gyri included", 950, 2200, 0),
    "gm_outside": Measure("GM outside", "part of the grey matter that lies outside the MNI152 brain", 0.0, 0.08, 3),
    "t1_coverage": Measure("T1 coverage", "part of the MNI152 brain that lies in the T1's field of view", 0.99, 1.0, 3),
    "pet_gm_correlation": Measure(
        "PET with GM", "correlation of the uptake with the person's own grey-matter map, in the brain", 0.4, 1.0, 3
    ),
    "pet_contrast": Measure("PET contrast", "mean uptake in the brain over that around it", 2.0, np.inf, 1),
    "pet_coverage": Measure(
        "PET coverage", "part of the MNI152 brain that lies in the PET's field of view", 0.98, 1.0, 3
    ),
}


@functools.cache
def template_grey_matter(grid: Grid) -> np.ndarray:
    """The grey matter of MNI152 as the network sees it: smoothed with 8 mm, on ``grid``."""
    data, affine = load_map("grey_matter")
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    sigma = SMOOTHING_FWHM_MM / FWHM_PER_SIGMA / nib.affines.voxel_sizes(image.affine)
    smooth = ndimage.gaussian_filter(image.get_fdata(dtype=np.float32), sigma)
    matrix = np.linalg.inv(image.affine) @ grid.affine
    return ndimage.affine_transform(smooth, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=1)


def measure(
    grey_matter: np.ndarray,
    pet: np.ndarray | None,
    grid: Grid,
    *,
    brain_ml: float,
    t1_coverage: float,
    pet_coverage: float | None = None,
) -> dict[str, float]:
    """The numbers of one visit, by the keys of :data:`MEASURES`; those of the PET only where there is one.

    Args:
      grey_matter: x y z on ``grid``, 0 to 1.
      pet: x y z on ``grid``, or None.
      grid: in MNI152.
      brain_ml: volume of the brain mask in the T1's own space.
      t1_coverage, pet_coverage: of :func:`~pcsa_jax.data.preprocessing.field_of_view.brain_coverage`.
    """
    brain = brain_mask(grid)
    around = ndimage.binary_dilation(brain, iterations=6) & ~ndimage.binary_dilation(brain, iterations=2)
    total = float(grey_matter.sum())
    found = {
        "gm_correlation": _correlation(grey_matter[brain], template_grey_matter(grid)[brain]),
        "brain_ml": brain_ml,
        "gm_outside": float(grey_matter[~ndimage.binary_dilation(brain)].sum()) / total if total > 0 else 1.0,
        "t1_coverage": t1_coverage,
    }
    if pet is not None:
        background = max(float(pet[around].mean()), 1e-6 * float(np.abs(pet).max()), 1e-30)
        found["pet_gm_correlation"] = _correlation(pet[brain], grey_matter[brain])
        found["pet_contrast"] = min(float(pet[brain].mean()) / background, 1e6)
    if pet_coverage is not None:
        found["pet_coverage"] = pet_coverage
    return {key: float(f"{value:.6g}") for key, value in found.items()}


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's; 0 where one of them does not vary."""
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first.astype(np.float64), second.astype(np.float64))[0, 1])


def warnings(visits: Sequence[Mapping[str, float]]) -> list[dict[str, str]]:
    """For each visit: measure -> why its value is suspicious. Fixed limits, and outliers of a large enough cohort."""
    found: list[dict[str, str]] = [{} for _ in visits]
    for key, known in MEASURES.items():
        values = np.array([visit.get(key, np.nan) for visit in visits], float)
        present = values[np.isfinite(values)]
        median = float(np.median(present)) if present.size else 0.0
        spread = SD_PER_MAD * float(np.median(np.abs(present - median))) if present.size else 0.0
        for own, value in zip(found, values, strict=True):
            if not np.isfinite(value):
                continue
            if not known.low <= value <= known.high:
                bound = f"below {known.low:g}" if value < known.low else f"above {known.high:g}"
                own[key] = bound
            elif present.size >= FEWEST_FOR_OUTLIERS and abs(value - median) > OUTLIER_SDS * spread > 0:
                own[key] = f"far from the median {median:.{known.digits}f}"
    return found
