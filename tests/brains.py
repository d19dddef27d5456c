"""Volumes that show a brain in MNI152 space, for tests that write their own: noise is refused when it is read."""

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_map

GRID = Grid(16)


def grey_matter(shape=GRID.shape, affine=GRID.affine) -> np.ndarray:
    """The MNI152 grey-matter map, smoothed with 8 mm, on a grid: float32 from 0 to about 0.7."""
    return _smooth_map("grey_matter", shape, affine)


def fdg_pet(shape=GRID.shape, affine=GRID.affine) -> np.ndarray:
    """Uptake in proportion to grey matter, and 0.4 of it in white: float32 from 0 to about 1."""
    return grey_matter(shape, affine) + np.float32(0.4) * _smooth_map("white_matter", shape, affine)


def _smooth_map(name: str, shape, affine) -> np.ndarray:
    volume, own = load_map(name)
    coarse = ndimage.gaussian_filter(volume, 8 / 2.355)[::2, ::2, ::2]
    to_grid = np.linalg.inv(own @ nib.affines.from_matvec(2 * np.eye(3))) @ affine
    return ndimage.affine_transform(coarse, to_grid[:3, :3], to_grid[:3, 3], output_shape=shape, order=1)
