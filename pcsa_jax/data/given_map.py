"""One grey-matter map that a program hands over, as a path or a nibabel image, prepared as the command would."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage

from pcsa_jax.data.foreign_formats import judge_place
from pcsa_jax.data.given_files import Input, check_name
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.headers import is_placing
from pcsa_jax.data.judgements import judge
from pcsa_jax.data.layouts.sidecars import is_fwhm
from pcsa_jax.data.names import NIFTI
from pcsa_jax.data.nan_outside import fill_outside
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.phantom_mark import is_marked, is_marked_header
from pcsa_jax.data.synthesis_inputs import Prepared, check_kind, find_inputs, prepare, prepare_volume
from pcsa_jax.data.synthetic_mark import judge_image
from pcsa_jax.data.volumes import READ_ERRORS, Volume, refuse
from pcsa_jax.errors import UserError

GivenMap = str | os.PathLike | SpatialImage


def prepare_given(
    given: GivenMap, grid: Grid, normalisation: str, *, fwhm_mm: float | None = None, is_modulated: bool = False
) -> Prepared:
    """Brings a map to the model's grid, smoothness and intensities, as ``python -m pcsa_jax synthesize`` does.

    Args:
      given: a NIfTI file, or an image: its voxels and affine as they are in memory.
      grid, normalisation: the model's.
      fwhm_mm: what the map has been smoothed with; None for what the file's name or sidecar says, or those of the file
        that an image was loaded from (see :func:`~pcsa_jax.data.harmonisation.harmonise` if nobody says).
      is_modulated: whether the model was trained on modulated maps.

    Raises:
      UserError: if the map is damaged, no grey-matter map, or not in MNI152 space.
    """
    if fwhm_mm is not None and not is_fwhm(fwhm_mm):
        raise UserError(f"fwhm_mm: expected millimetres, 0 or more, found {fwhm_mm!r}. Leave it out if nobody knows.")
    if isinstance(given, SpatialImage):
        return _prepare_image(given, grid, normalisation, fwhm_mm, is_modulated=is_modulated)
    path = Path(given)
    if path.is_dir() or not NIFTI.search(path.name):
        refuse(filter(None, [judge_place(path)]), subject=str(path), path=None)
        found = "a folder" if path.is_dir() else "another kind of file" if path.exists() else "nothing"
        raise UserError(
            f"{path}: expected a .nii or .nii.gz file, found {found}. Whole cohorts: python -m pcsa_jax synthesize."
        )
    return prepare(_source(path, fwhm_mm), grid, normalisation, is_modulated=is_modulated)


def is_of_phantom(given: GivenMap) -> bool:
    """Whether a map was simulated, by its header or, of one that has a file, its sidecar."""
    if not isinstance(given, SpatialImage):
        return is_marked(Path(given))
    has_mark = isinstance(given, nib.Nifti1Image) and is_marked_header(given.header)
    file = given.get_filename()
    return has_mark or (file is not None and is_marked(Path(file)))


def _source(path: Path, fwhm_mm: float | None) -> Input:
    (source,) = find_inputs([path], fwhm_mm=fwhm_mm)
    if source.is_raw:
        raise UserError(
            f"{path}: expected a grey-matter map, found a T1w scan by its name. Scans: python -m pcsa_jax synthesize."
        )
    return source


def _prepare_image(
    image: SpatialImage, grid: Grid, normalisation: str, fwhm_mm: float | None, *, is_modulated: bool
) -> Prepared:
    file = Path(image.get_filename() or "")
    name = f"mri {file.name}".strip()
    if NIFTI.search(file.name):
        source = _source(file, fwhm_mm)
        check_name(source, name)
        check_kind(source, name, is_modulated=is_modulated)
        fwhm_mm = source.fwhm_mm
    volume, own_grid = _read_image(image, name)
    return prepare_volume(volume, own_grid, grid, normalisation, fwhm_mm=fwhm_mm, name=name)


def _read_image(image: SpatialImage, name: str) -> tuple[Volume, OwnGrid]:
    """The one volume of an image and where it lies, if both are beyond doubt."""
    shape = tuple(map(int, image.shape))
    if len(shape) < 3 or any(extent != 1 for extent in shape[3:]) or not all(shape):
        raise UserError(f"{name}: expected one 3-D volume, found shape {shape}. Give one map at a time.")
    try:
        data = np.asarray(image.dataobj, np.float32).reshape(shape[:3], order="F")
    except (*READ_ERRORS, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: expected voxels that can be read, found {reason}. Make the file again.") from error
    refuse(filter(None, [judge_image(image)]), subject=name, path=None)
    if not isinstance(image, nib.Nifti1Image):
        image = nib.Nifti1Image(data, image.affine)
    if not is_placing(image.affine) or not (image.header["qform_code"] or image.header["sform_code"]):
        raise UserError(
            f"{name}: expected an affine that places the voxels, found none. Copy the orientation from the volume that "
            "it was made from."
        )
    filled = fill_outside(data, image.affine)
    found = judge(filled.data, image.affine, "mri", already=filled.findings)
    refuse((*filled.findings, *found), subject=name, path=None)
    return Volume(filled.data, image.affine, filled.steps), OwnGrid.of_image(image)
