"""Reading a T1-weighted scan: one volume, an affine that can be trusted, RAS voxel order."""

from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.steps import Step, load_extra, software
from pcsa_jax.data.volumes import Volume, read_volume
from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    from ants import ANTsImage

RIGHT_ANGLE_TOLERANCE = 1e-3
"""Largest cosine between voxel axes that count as at right angles: scanners have no others."""

VOXEL_SIZES_MM = (0.8, 1.5)
"""Voxels in this range stay as they are; others are resampled to 1 mm: finer ones cost time, coarser ones edges."""

LARGEST_VOXEL_MM = 3.0
"""Scans with larger voxels do not show the cortex."""

WORKING_VOXEL_MM = 1.0


def read_t1(path: Path, *, subject: str) -> Volume:
    """Reads a T1-weighted scan and turns its voxel axes to RAS, without interpolation.

    Raises:
      UserError: if the file is not one finite 3-D volume, or if its header does not say where the voxels are.
    """
    volume = read_volume(path, subject=subject, is_in_mni152=False)
    check_affine(nib.load(path), subject=subject)
    if volume.data.min() == volume.data.max():
        raise UserError(f"{subject}: expected a head, found one value in every voxel of {path}. Export it again.")
    image = nib.as_closest_canonical(nib.Nifti1Image(volume.data, volume.affine))
    return Volume(np.ascontiguousarray(image.dataobj, np.float32), image.affine)


def check_affine(image: nib.spatialimages.SpatialImage, *, subject: str) -> None:
    """Raises UserError for large or sheared voxels; that the header has one clear orientation, reading has told."""
    where = image.get_filename()
    affine = image.affine
    sizes = nib.affines.voxel_sizes(affine)
    if not np.isfinite(affine).all() or not 0 < sizes.min() <= sizes.max() <= LARGEST_VOXEL_MM:
        raise UserError(
            f"{subject}: expected voxels of at most {LARGEST_VOXEL_MM:g} mm, found "
            f"{' x '.join(f'{size:.3g}' for size in sizes)} mm in {where}. Take a 3-D T1-weighted scan."
        )
    axes = affine[:3, :3] / sizes
    if np.abs(axes.T @ axes - np.eye(3)).max() > RIGHT_ANGLE_TOLERANCE:
        raise UserError(
            f"{subject}: expected voxel axes at right angles, found a sheared affine in {where}. "
            "Take the scan as it was before any registration."
        )


def open_t1(path: Path, *, subject: str) -> tuple["ANTsImage", Step]:
    """The scan as an ANTs image in RAS voxel order, resampled to 1 mm if its voxels are far from that.

    Deviation: the paper turns the line from the anterior to the posterior commissure into the y axis, in MIPAV, before
    anything else; here the affine part of the registration to MNI152, in which that line is the y axis, does this.
    """
    volume = read_t1(path, subject=subject)
    sizes = [round(float(size), 4) for size in nib.affines.voxel_sizes(volume.affine)]
    parameters = {"axes_found": "".join(nib.aff2axcodes(nib.load(path).affine)), "voxel_sizes_mm": sizes}
    image = to_ants(volume)
    if not VOXEL_SIZES_MM[0] <= min(sizes) <= max(sizes) <= VOXEL_SIZES_MM[1]:
        ants = load_extra("ants")
        image = ants.resample_image(image, (WORKING_VOXEL_MM,) * 3, use_voxels=False, interp_type=4)
        parameters["resampled_to_mm"] = WORKING_VOXEL_MM
        return image, Step("reorientation to RAS, resampling", software("ants"), parameters)
    return image, Step("reorientation to RAS", software("nibabel"), parameters)
