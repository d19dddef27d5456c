"""NaN outside the brain read as 0: how SPM and others mark what a scan's field of view did not hold."""

import functools
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.headers import MAKE_AGAIN, Finding
from pcsa_jax.data.mni152 import load_brain

NAN_OUTSIDE = "NaN outside the brain (what a tool writes outside a scan's field of view), read as 0"

EDGE_MM = 3
"""A voxel lies in the brain if its centre does, and deeper than this under the surface of the MNI152 brain.

People's surfaces differ by that much after registration, and a centre may lie that much off on a coarse grid.
"""


class Filled(NamedTuple):
    """A volume without NaN outside the brain.

    Attributes:
      data: x y z, float32; the array that was given if nothing was filled.
      num_nan: voxels that were NaN and are 0.
      findings: one problem, one note, or nothing if all voxels were finite.
    """

    data: np.ndarray
    num_nan: int
    findings: tuple[Finding, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What was done, for the record of the volume."""
        return describe_filled(self.num_nan)


def fill_outside(data: np.ndarray, affine: np.ndarray | None) -> Filled:
    """Writes 0 for NaN if none lies in the MNI152 brain, and says what was found.

    Args:
      data: x y z, float32.
      affine: voxel to MNI152 (mm); None if nobody knows where the brain is: then NaN is not filled.
    """
    if np.isfinite(data).all():
        return Filled(data, 0, ())
    is_nan = np.isnan(data)
    num_nan, num_infinite = int(is_nan.sum()), int(np.isinf(data).sum())
    found, remedy = f"{num_nan} of {data.size} NaN", "Make it again or exclude the scan"
    if num_nan + num_infinite == data.size:
        found = "only NaN" if num_nan == data.size else "only NaN or infinite"
    elif num_infinite:
        found = f"{num_infinite} of {data.size} infinite" + (f" and {num_nan} NaN" if num_nan else "")
    elif affine is None:
        remedy = f"Write 0 outside the brain if the tool left NaN there, else {remedy[0].lower()}{remedy[1:]}"
    else:
        in_brain = count_in_brain(is_nan, affine)
        if in_brain == 0:
            return Filled(np.where(is_nan, np.float32(0), data), num_nan, (Finding(NAN_OUTSIDE, "", is_note=True),))
        found = f"{found}, {in_brain} of them in the brain"
        remedy = f"{MAKE_AGAIN}, or exclude the scan: only NaN outside the brain is read as 0"
    return Filled(data, 0, (Finding(f"expected finite voxels, found {found}", remedy),))


def describe_filled(num_nan: int) -> tuple[str, ...]:
    """The step of a volume whose NaN were filled; none if there were none."""
    return (f"{num_nan} NaN outside the brain read as 0",) if num_nan else ()


def count_in_brain(chosen: np.ndarray, affine: np.ndarray) -> int:
    """How many of the chosen voxels (x y z, bool) have their centre in the MNI152 brain, below its surface."""
    inner, brain_affine = _inner_brain()
    count = 0
    to_brain = np.linalg.inv(brain_affine) @ affine
    for x, plane in enumerate(chosen):  # plane by plane: the places of all voxels need many times the volume's memory
        y_z = np.argwhere(plane)
        centres = nib.affines.apply_affine(to_brain, np.insert(y_z, 0, x, axis=1))
        places = np.rint(centres).astype(int)
        places = places[((places >= 0) & (places < inner.shape)).all(axis=1)]
        count += int(inner[tuple(places.T)].sum())
    return count


@functools.cache
def _inner_brain() -> tuple[np.ndarray, np.ndarray]:
    """True in the MNI152 brain further than :data:`EDGE_MM` from its surface, and the voxel (1 mm) to world affine."""
    brain, affine = load_brain()
    return ndimage.binary_erosion(ndimage.binary_fill_holes(brain), iterations=EDGE_MM), affine
