"""Planted lesions: a loss of known place and depth, in the grey-matter map, in the PET, or in both."""

import functools

import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import TARGET_FWHM_MM
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.regions import region_masks

PLACES = {
    "posterior_cingulate_precuneus": ("posterior_cingulate_precuneus", "LR"),
    "angular_left": ("angular", "L"),
    "sensorimotor": ("sensorimotor", "LR"),
}
"""Place of a lesion -> the region of :data:`~pcsa_jax.data.regions.REGION_NAMES` and the sides that it takes.

Two of the disease's places, one of them on one side only, so that a response on the other side would show; and a
control place that the disease spares, so that what was learned of the disease alone does not help there.
"""

DEPTHS = (0.0, 0.1, 0.2, 0.3, 0.4)
"""Planted relative loss at the lesion's peak."""

OUTSIDE_WEIGHT = 0.01
"""Voxels of the brain with less of the lesion than this count as outside of it."""

FWHM_TO_STD = 1 / np.sqrt(8 * np.log(2))


@functools.lru_cache(maxsize=8)
def _lesion_weights(grid: Grid) -> dict[str, np.ndarray]:
    masks, weights = region_masks(grid), {}
    left_to_right_mm = grid.affine[0, 0] * np.arange(grid.size) + grid.affine[0, 3]
    for place, (region, sides) in PLACES.items():
        mask = masks[region].astype(np.float64)
        if sides == "L":
            mask[left_to_right_mm > 0] = 0
        blurred = ndimage.gaussian_filter(mask, TARGET_FWHM_MM * FWHM_TO_STD / grid.voxel_size_mm)
        weights[place] = (blurred / blurred.max()).astype(np.float32)
        weights[place].flags.writeable = False
    return weights


def lesion_weights(grid: Grid) -> dict[str, np.ndarray]:
    """How much of a lesion each voxel has: its region, as smooth as the volumes are (8 mm FWHM), peak 1.

    Returns:
      Place -> read-only float32 array x y z in [0, 1].
    """
    return dict(_lesion_weights(grid))


def lower(volume: np.ndarray, weight: np.ndarray, depth: float) -> np.ndarray:
    """``volume * (1 - depth * weight)``, float32: a loss of ``depth`` at the lesion's peak, on the volume's scale."""
    return (volume * (1 - depth * weight)).astype(np.float32)


def plant_in_mri(mri: np.ndarray, weight: np.ndarray, depth: float, *, subject: str) -> np.ndarray:
    """The grey-matter map with a lesion, brought to [0, 1] anew as every map that a network reads (Eq. 13).

    If the map's maximum lies in the lesion, the range shrinks and everything outside rises a little, as it would for a
    patient: the normalisation is part of what is tested.

    Args:
      mri: x y z in [0, 1]; 0 is no grey matter.
      weight: of :func:`lesion_weights`.
      depth: relative loss at the peak, in [0, 1).
      subject: whose map, for the message.

    Raises:
      UserError: if nothing but a constant is left.
    """
    lesioned = lower(mri, weight, depth)
    return intensity_range(lesioned, "minmax", f"{subject}: MRI with a lesion").normalise(lesioned)


def measured_depth(before: np.ndarray, after: np.ndarray, weight: np.ndarray) -> float:
    """The depth of the lesion of this shape that costs ``before`` as much uptake as ``after`` has lost.

    The loss of the lesion's weighted mean over the loss that a lesion of depth 1 would cause:
    ``lower(before, weight, d)`` gives ``d`` again whatever ``before`` is, an unchanged volume 0, a rise less than 0.

    Args:
      before: volume without the lesion, x y z in [0, 1].
      after: with it.
      weight: of :func:`lesion_weights`.

    Returns:
      The depth; NaN if there is no uptake in the lesion.
    """
    whole = float((weight * weight * before).sum(dtype=np.float64))
    lost = float((weight * (before - after)).sum(dtype=np.float64))
    return lost / whole if whole > 0 else float("nan")


def change_outside(before: np.ndarray, after: np.ndarray, weight: np.ndarray, brain: np.ndarray) -> float:
    """Mean size of the change in the brain outside of the lesion, over the mean uptake there.

    Sizes, not signs: rises and losses do not cancel.

    Args:
      before: volume without the lesion, x y z in [0, 1].
      after: with it.
      weight: of :func:`lesion_weights`.
      brain: bool x y z.
    """
    outside = brain & (weight < OUTSIDE_WEIGHT)
    uptake = float(before[outside].sum(dtype=np.float64))
    changed = float(np.abs(after[outside] - before[outside]).sum(dtype=np.float64))
    return changed / uptake if uptake > 0 else float("nan")


def lesion_uptake(volume: np.ndarray, weight: np.ndarray) -> float:
    """Mean of ``volume`` (x y z) in the lesion, weighted by how much of it each voxel has."""
    return float((weight * volume).sum(dtype=np.float64) / weight.sum(dtype=np.float64))
