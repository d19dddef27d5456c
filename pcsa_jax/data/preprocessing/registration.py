"""Brains to MNI152 and volumes along the way that was found."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.preprocessing.ants_images import grid_image, to_ants
from pcsa_jax.data.preprocessing.steps import Step, load_extra, scratch, software
from pcsa_jax.data.volumes import Volume
from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    from ants import ANTsImage

SEED = 1
TEMPLATE_VOXEL_MM = 2.0
"""The template is registered to at this size: at 1 mm the same takes minutes, for what 8 mm of smoothing hide."""

ITERATIONS = (100, 40, 20)
"""SyN iterations at 8, 4 and 2 mm."""

PART_OF_VOXELS = 0.2
"""Of the affine stage's voxels, regularly spaced, as many are looked at."""

FORBIDDEN = set("[],")
"""ANTs takes apart the paths that it is given at these characters."""


class Registration(NamedTuple):
    """The way between a subject and MNI152.

    Attributes:
      to_mni: transform files, in the order that ``ants.apply_transforms`` takes, for volumes of the subject.
      from_mni: the same for volumes of MNI152, with ``from_mni_inverted`` as its ``whichtoinvert``.
    """

    to_mni: tuple[str, ...]
    from_mni: tuple[str, ...]
    from_mni_inverted: tuple[bool, ...]


def template(name: str) -> "ANTsImage":
    """A map of MNI152 (see :func:`pcsa_jax.data.mni152.load_map`) as an ANTs image in RAS voxel order, 1 mm."""
    data, affine = load_map(name)
    image = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    return to_ants(Volume(np.asarray(image.dataobj, np.float32), image.affine))


def register(brain: "ANTsImage", *, folder: Path) -> tuple[Registration, Step]:
    """Registers a skull-stripped T1 to the brain of the MNI152 template: affine, then SyN, by mutual information.

    Deviation: the paper warps with HAMMER, which has no maintained package. SyN took its place: a maintained method
    that came out among the best of Klein et al., NeuroImage 2009.

    Args:
      brain: bias-corrected T1, 0 outside the brain; best cropped to it.
      folder: where the transform files are written; they must live as long as the result is used.

    Raises:
      UserError: if ANTs cannot write to a folder of that name.
    """
    if FORBIDDEN & set(str(folder)):
        raise UserError(
            f"preprocess: expected a scratch folder without any of {' '.join(sorted(FORBIDDEN))} in its path, found "
            f"{folder}. Set TMPDIR to another one."
        )
    ants = load_extra("ants")
    seed_registrations()
    fixed = ants.resample_image(template("t1"), (TEMPLATE_VOXEL_MM,) * 3, use_voxels=False, interp_type=0)
    with scratch(folder):
        found = ants.registration(
            fixed=fixed, moving=brain, type_of_transform="SyN", reg_iterations=ITERATIONS,
            aff_random_sampling_rate=PART_OF_VOXELS, outprefix=str(folder / "to_mni_"),
        )  # fmt: skip
    forward, inverse = tuple(found["fwdtransforms"]), tuple(found["invtransforms"])
    parameters = {
        "transform": "affine, then SyN", "metric": "mutual information", "template_voxel_mm": TEMPLATE_VOXEL_MM,
        "iterations": list(ITERATIONS), "seed": SEED,
    }  # fmt: skip
    step = Step(f"registration to {SPACE}", software("ants"), parameters)
    return Registration(forward, inverse, tuple(name.endswith(".mat") for name in inverse)), step


def seed_registrations() -> None:
    """Makes the registrations of this process draw the same samples every time.

    ``ants.registration`` takes a seed as well, which ANTsPy 0.6.3 does not hand on.
    """
    load_extra("ants").config.set_ants_deterministic(on=False, seed_value=SEED)


def carry_from_mni(
    volume: Volume, registration: Registration, *, onto: "ANTsImage", outside: float = 0.0
) -> "ANTsImage":
    """A volume in MNI152 on the grid of ``onto``, a scan of the subject; trilinear, ``outside`` beyond its edges."""
    return load_extra("ants").apply_transforms(
        fixed=onto, moving=to_ants(volume), transformlist=list(registration.from_mni),
        whichtoinvert=list(registration.from_mni_inverted), defaultvalue=outside,
    )  # fmt: skip


def warp_to_grid(image: "ANTsImage", transforms: tuple[str, ...], grid: Grid, *, fwhm_mm: float = 8.0) -> np.ndarray:
    """Carries a volume to MNI152, smooths it there and samples it on ``grid``.

    The volume is interpolated once, to MNI152 at 1 mm, and smoothed before the grid's coarser voxels are taken.

    Args:
      image: in the space in which ``transforms`` begin.
      transforms: files in the order that ``ants.apply_transforms`` takes.
      fwhm_mm: full width at half maximum of the Gaussian; 0 for none.

    Returns:
      float32 x y z on ``grid``, in the unit of ``image``.
    """
    ants = load_extra("ants")
    carried = ants.apply_transforms(fixed=_fine_image(grid), moving=image, transformlist=list(transforms))
    if fwhm_mm > 0:
        carried = ants.smooth_image(carried, fwhm_mm, sigma_in_physical_coordinates=True, FWHM=True)
    sampled = ants.resample_image_to_target(carried, grid_image(grid), interp_type="linear")
    return np.ascontiguousarray(sampled.numpy(), np.float32)


def _fine_image(grid: Grid) -> "ANTsImage":
    """An empty image of 1 mm voxels over the grid's field of view."""
    return grid_image(Grid(round(grid.size * grid.voxel_size_mm)))
