"""Bringing volumes in MNI152 space from other grids to the cohort's, and smoothing those that are not smooth yet."""

import math
from types import ModuleType
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.grid import Grid, is_same_affine, is_same_grid
from pcsa_jax.data.mni152 import MIN_COVERAGE, coverage
from pcsa_jax.data.volumes import Volume
from pcsa_jax.errors import UserError

TARGET_FWHM_MM = 8.0
"""Full width at half maximum of the Gaussian that every volume has been smoothed with in the end; section 4.1."""


NOBODY_SAYS = "nobody says what with"
"""In the step of a volume that was smoothed because it was taken as not smoothed."""


class Harmonised(NamedTuple):
    """A volume on the cohort's grid.

    Attributes:
      data: float32 x y z, the file's unit.
      steps: what was done to it since the file, in order; empty if it was taken as it is.
    """

    data: np.ndarray
    steps: tuple[str, ...]


def harmonise(volume: Volume, grid: Grid, *, fwhm_mm: float | None, subject: str) -> Harmonised:
    """Brings ``volume`` to ``grid`` and to a smoothness of 8 mm.

    Axes stored in another order or direction are turned without interpolation; any other difference of grids is
    resampled trilinearly, after smoothing, so that a coarser grid cannot alias.

    Args:
      volume: in MNI152 space, finite.
      grid: the cohort's.
      fwhm_mm: what the file has been smoothed with already; None if nobody says: then a volume that lies on a cubic
        grid of this software is taken as finished, and any other as not smoothed.
      subject: what the volume is, for the message.

    Raises:
      UserError: if the field of view does not hold the MNI152 brain, as that of a scan in its own space.
    """
    image = nib.as_closest_canonical(nib.Nifti1Image(volume.data, volume.affine))
    steps = list(volume.steps)
    if nib.aff2axcodes(volume.affine) != ("R", "A", "S"):
        steps.append(f"axes turned from {''.join(nib.aff2axcodes(volume.affine))} to RAS")
    is_on_grid = is_same_grid(image, grid)
    if not is_on_grid:
        _check_coverage(image, subject)
    is_guess = fwhm_mm is None
    if fwhm_mm is None:
        fwhm_mm = guess_fwhm_mm(volume.data.shape, volume.affine)
    missing = math.sqrt(max(0.0, TARGET_FWHM_MM**2 - fwhm_mm**2))
    if missing > 0:
        image = _nilearn().smooth_img(image, missing)
        reason = f" ({NOBODY_SAYS})" if is_guess else ""
        steps.append(f"smoothed with {missing:.3g} mm FWHM, from {fwhm_mm:g} to {TARGET_FWHM_MM:g} mm{reason}")
    if not is_on_grid:
        steps.append(f"resampled from {_describe(image)} to {grid.size}^3 voxels of {grid.voxel_size_mm:g} mm")
        image = _nilearn().resample_img(
            image, grid.affine, grid.shape, interpolation="linear", force_resample=True, copy_header=True
        )
    return Harmonised(np.ascontiguousarray(image.get_fdata(dtype=np.float32)), tuple(steps))


def guess_fwhm_mm(shape: tuple[int, ...], affine: np.ndarray) -> float:
    """What a volume of which nobody says is taken to be smoothed with: 8 mm on a cubic grid of ours, else not at all.

    Args:
      shape, affine: its grid, with its axes in any order and direction.
    """
    turn = nib.io_orientation(affine)
    turned = tuple(int(shape[axis]) for axis in np.argsort(turn[:, 0]))
    grid = Grid(turned[0])
    is_ours = turned == grid.shape and is_same_affine(affine @ nib.orientations.inv_ornt_aff(turn, shape), grid.affine)
    return TARGET_FWHM_MM if is_ours else 0.0


def _nilearn() -> ModuleType:
    from nilearn import image  # here: its import takes two seconds, and most cohorts need none of it

    return image


def _describe(image: nib.Nifti1Image) -> str:
    sizes = nib.affines.voxel_sizes(image.affine)
    return f"{'x'.join(map(str, image.shape))} voxels of {' x '.join(f'{size:.3g}' for size in sizes)} mm"


def _check_coverage(image: nib.Nifti1Image, subject: str) -> None:
    """Raises UserError unless the field of view of ``image`` holds the MNI152 brain."""
    covered = coverage(image.shape, image.affine)
    if covered < MIN_COVERAGE:
        raise UserError(
            f"{subject}: expected a volume in MNI152 space, found a field of view that holds {covered:.0%} of the "
            f"MNI152 brain ({_describe(image)}). Bring it there with python -m pcsa_jax preprocess."
        )
