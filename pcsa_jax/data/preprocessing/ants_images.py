"""Volumes to ANTs images and back: RAS+ affines here, LPS+ origin, spacing and direction there."""

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.steps import load_extra
from pcsa_jax.data.volumes import Volume

if TYPE_CHECKING:
    from ants import ANTsImage

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS+ world coordinates (mm) to LPS+ ones, and back."""


def to_ants(volume: Volume) -> "ANTsImage":
    """The volume as an ANTs image (float32); its voxel axes must be at right angles."""
    affine = LPS @ volume.affine
    spacing = nib.affines.voxel_sizes(affine)
    return load_extra("ants").from_numpy(
        np.ascontiguousarray(volume.data, np.float32),
        origin=tuple(affine[:3, 3].tolist()),
        spacing=tuple(spacing.tolist()),
        direction=affine[:3, :3] / spacing,
    )


def to_volume(image: "ANTsImage") -> Volume:
    """The ANTs image as float32 voxels (x y z, axes as they are) with their voxel-to-world affine (RAS+, mm)."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(image.direction) * np.asarray(image.spacing)
    affine[:3, 3] = image.origin
    return Volume(np.asarray(image.numpy(), np.float32), LPS @ affine)


def grid_image(grid: Grid) -> "ANTsImage":
    """An empty ANTs image on ``grid``."""
    return to_ants(Volume(np.zeros(grid.shape, np.float32), grid.affine))
