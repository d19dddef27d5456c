"""From a raw T1w scan to the generator's input and back to the scan's own grid; needs the preprocessing extra."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.given_files import Input
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import TARGET_FWHM_MM
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.data.volumes import Volume, read_volume
from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    from pcsa_jax.data.preprocessing.anatomy import Anatomy


@dataclasses.dataclass(frozen=True)
class ScanGrid(OwnGrid):
    """Where the voxels of a raw scan are, and the way to them from MNI152.

    Attributes:
      from_mni, from_mni_inverted: transform files as in :class:`~pcsa_jax.data.preprocessing.anatomy.Anatomy`; they
        must still exist when :meth:`bring` is called.
    """

    from_mni: tuple[str, ...]
    from_mni_inverted: tuple[bool, ...]

    def bring(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        """``volume`` (MNI152, on ``grid``) carried to the scan in one cubic interpolation; 0 beyond its edges."""
        from pcsa_jax.data.preprocessing.ants_images import to_ants
        from pcsa_jax.data.preprocessing.steps import load_extra

        carried = load_extra("ants").apply_transforms(
            fixed=to_ants(Volume(np.zeros(self.shape, np.float32), self.affine)),
            moving=to_ants(Volume(np.asarray(volume, np.float32), grid.affine)),
            transformlist=list(self.from_mni), whichtoinvert=list(self.from_mni_inverted), interpolator="bSpline",
        )  # fmt: skip
        return np.ascontiguousarray(carried.numpy(), np.float32)

    def describe_way(self, grid: Grid) -> str:
        return (
            f"cubic splines, once, from {grid.size}^3 voxels of {grid.voxel_size_mm:g} mm in MNI152 through the "
            "inverse of the registration; 0 outside of them"
        )


def check_scan(each: Input) -> None:
    """Raises UserError if the extra is missing, or the file is no T1w scan that can be worked on."""
    from pcsa_jax.data.preprocessing.steps import PACKAGES, load_extra
    from pcsa_jax.data.preprocessing.t1 import read_t1

    for module in PACKAGES:
        load_extra(module)
    read_t1(each.path, subject=f"{each.name}: {each.path.name}")


def prepare_scan(each: Input, grid: Grid, normalisation: str, *, folder: Path) -> Prepared:
    """Segments a raw T1w scan and brings its grey matter to the model's grid, smoothness and intensities.

    Args:
      each: a raw scan.
      grid, normalisation: the model's, of its input.
      folder: scratch; the result's way back needs the files in it.

    Raises:
      UserError: if any step fails, or its outcome is outside of the limits that hold for everybody.
    """
    from pcsa_jax.data.preprocessing.anatomy import prepare_anatomy
    from pcsa_jax.data.preprocessing.registration import warp_to_grid

    name = f"{each.name}: {each.path.name}"
    try:
        anatomy = prepare_anatomy(each.path, folder=folder)
        mri = warp_to_grid(anatomy.grey_matter, anatomy.to_mni, grid, fwhm_mm=TARGET_FWHM_MM)
    except RuntimeError as error:  # of ITK
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{name}: expected a T1w scan of a head, found that {reason}. Look at the scan.") from error
    quality = _check_quality(np.clip(mri, 0, 1), anatomy, each, grid, name)
    steps = [f"{step.name} ({step.software})" for step in anatomy.steps]
    steps += ["grey matter carried to MNI152", f"smoothed with {TARGET_FWHM_MM:g} mm FWHM", f"sampled at {grid.size}^3"]
    own = OwnGrid.of(each.path)
    return Prepared(
        intensity_range(mri, normalisation, name).normalise(mri),
        tuple(steps),
        ScanGrid(own.shape, own.affine, own.header, anatomy.from_mni, anatomy.from_mni_inverted),
        quality,
    )


def _check_quality(mri: np.ndarray, anatomy: "Anatomy", each: Input, grid: Grid, name: str) -> dict[str, float]:
    """The numbers of a scan; raises UserError if one of them says that the segmentation or registration failed."""
    from pcsa_jax.data.preprocessing.field_of_view import brain_coverage
    from pcsa_jax.data.preprocessing.quality import measure, warnings

    mask = anatomy.brain_mask
    quality = measure(
        mri, None, grid, brain_ml=float((mask.numpy() > 0.5).sum() * np.prod(mask.spacing)) / 1000,
        t1_coverage=brain_coverage(read_volume(each.path, subject=name), anatomy.to_mni),
    )  # fmt: skip
    (outside,) = warnings([quality])
    if outside:
        found = "; ".join(f"{key} {quality[key]:.6g} ({why})" for key, why in outside.items())
        raise UserError(
            f"{name}: expected a way to MNI152 within its limits, found {found}. Look at the scan: its orientation, "
            "its field of view, its skull."
        )
    return quality
