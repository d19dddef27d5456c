"""One visit, from its raw scans to what is written for it."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.raw_bids import RawVisit
from pcsa_jax.data.preprocessing.settings import Settings
from pcsa_jax.data.preprocessing.steps import Step

if TYPE_CHECKING:
    from pcsa_jax.data.preprocessing.anatomy import Anatomy
    from pcsa_jax.data.preprocessing.pet import PreparedPet

GRID = Grid(64)
"""On which the network's volumes lie."""

PICTURE_GRID = Grid(96)
"""2 mm: on which the T1 is looked at, and the spacing at which the warps are kept."""


class Prepared(NamedTuple):
    """What is written for a visit.

    Attributes:
      grey_matter: probability 0 to 1, smoothed, float32 x y z on :data:`GRID`.
      t1: bias-corrected, in MNI152, float32 x y z on :data:`PICTURE_GRID`, for the picture.
      brain_mask: 0 and 1 on the voxels of the T1w file.
      t1_coverage: part of the MNI152 brain in the T1w scan's field of view.
      to_mni: ITK file that carries volumes of the T1 to MNI152; ``from_mni`` the other way.
      steps: what was done to the T1, in order.
      pet: in MNI152, smoothed; None if the visit has none.
    """

    grey_matter: np.ndarray
    t1: np.ndarray
    brain_mask: nib.Nifti1Image
    t1_coverage: float
    to_mni: Path
    from_mni: Path
    steps: tuple[Step, ...]
    pet: "PreparedPet | None"


def prepare_visit(visit: RawVisit, settings: Settings, folder: Path) -> Prepared:
    """Works through the scans of one visit.

    Args:
      visit: what to work on.
      settings: how.
      folder: scratch; the transform files of the result live there.

    Raises:
      UserError: if a scan cannot be used.
    """
    from pcsa_jax.data.preprocessing.anatomy import prepare_anatomy
    from pcsa_jax.data.preprocessing.field_of_view import brain_coverage
    from pcsa_jax.data.preprocessing.pet import prepare_pet
    from pcsa_jax.data.preprocessing.registration import warp_to_grid
    from pcsa_jax.data.volumes import read_volume

    anatomy = prepare_anatomy(visit.t1, folder=folder, remove_cerebellum=settings.remove_cerebellum)
    grey_matter = warp_to_grid(anatomy.grey_matter, anatomy.to_mni, GRID, fwhm_mm=settings.fwhm_mm)
    pet = None
    if visit.pet is not None:
        pet = prepare_pet(
            visit.pet, visit.pet_facts, anatomy, GRID, folder=folder, fwhm_mm=settings.fwhm_mm,
            window_min=settings.pet_window_min, mask=settings.mask_pet, subject=f"{visit.name}: PET",
        )  # fmt: skip
    to_mni, from_mni = _composites(anatomy, folder)
    return Prepared(
        grey_matter=np.clip(grey_matter, 0, 1),
        t1=warp_to_grid(anatomy.t1, anatomy.to_mni, PICTURE_GRID, fwhm_mm=0),
        brain_mask=_on_file_voxels(anatomy, visit.t1),
        t1_coverage=brain_coverage(read_volume(visit.t1, subject=visit.name), anatomy.to_mni),
        to_mni=to_mni,
        from_mni=from_mni,
        steps=(*anatomy.steps, _warping(settings)),
        pet=pet,
    )


def _warping(settings: Settings) -> Step:
    from pcsa_jax.data.grid import SPACE
    from pcsa_jax.data.preprocessing.steps import software

    parameters = {"interpolations": 1, "fwhm_mm": settings.fwhm_mm, "voxel_size_mm": GRID.voxel_size_mm}
    return Step(f"warp of the grey matter to {SPACE}, smoothing, sampling", software("ants"), parameters)


def _composites(anatomy: "Anatomy", folder: Path) -> tuple[Path, Path]:
    """The ways to and from MNI152 as one displacement field each, 2 mm: smooth as they are, they lose nothing."""
    from pcsa_jax.data.preprocessing.registration import template
    from pcsa_jax.data.preprocessing.steps import load_extra

    ants = load_extra("ants")
    mni = ants.resample_image(template("t1"), (PICTURE_GRID.voxel_size_mm,) * 3, use_voxels=False)
    own = ants.resample_image(anatomy.t1, (PICTURE_GRID.voxel_size_mm,) * 3, use_voxels=False)
    to_mni = ants.apply_transforms(
        fixed=mni, moving=anatomy.t1, transformlist=list(anatomy.to_mni), compose=str(folder / "to_mni_"),
        singleprecision=True,
    )  # fmt: skip
    from_mni = ants.apply_transforms(
        fixed=own, moving=mni, transformlist=list(anatomy.from_mni), whichtoinvert=list(anatomy.from_mni_inverted),
        compose=str(folder / "from_mni_"), singleprecision=True,
    )  # fmt: skip
    return Path(to_mni), Path(from_mni)


def _on_file_voxels(anatomy: "Anatomy", t1: Path) -> nib.Nifti1Image:
    """The brain mask on the voxels of the T1w file itself, whatever their order."""
    from pcsa_jax.data.preprocessing.ants_images import to_ants, to_volume
    from pcsa_jax.data.preprocessing.steps import load_extra
    from pcsa_jax.data.volumes import Volume

    image = nib.load(t1)
    shape = image.shape[:3]
    target = to_ants(Volume(np.zeros(shape, np.float32), image.affine))
    mask = load_extra("ants").resample_image_to_target(anatomy.brain_mask, target, interp_type="nearestNeighbor")
    return nib.Nifti1Image((to_volume(mask).data > 0.5).astype(np.uint8), image.affine)
