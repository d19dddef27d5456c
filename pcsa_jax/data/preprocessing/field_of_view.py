"""Which part of the brain a scan holds: the field of view is not always the whole head."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from pcsa_jax.data.mni152 import coverage
from pcsa_jax.data.preprocessing.ants_images import LPS
from pcsa_jax.data.preprocessing.steps import load_extra
from pcsa_jax.data.volumes import Volume


def brain_coverage(scan: Volume, transforms: Sequence[str | Path]) -> float:
    """Part of the MNI152 brain that lies in the field of view of ``scan``, in [0, 1].

    The affine and rigid transforms of the chain alone are followed: where a brain is cut, SyN may stretch what is left
    over the gap, which would then look covered.

    Args:
      scan: as its file has it.
      transforms: those that carry it to MNI152, in the order that ``ants.apply_transforms`` takes.
    """
    shape, affine = field_of_view(scan)
    to_scan = np.eye(4)
    for transform in transforms:
        if str(transform).endswith(".mat"):
            to_scan = point_matrix(str(transform)) @ to_scan
    return coverage(shape, np.linalg.inv(to_scan) @ affine)


def field_of_view(scan: Volume) -> tuple[tuple[int, int, int], np.ndarray]:
    """Shape and affine of the box in which ``scan`` was measured: slices of one value at its edges are padding."""
    shape, affine = np.array(scan.data.shape), np.array(scan.affine, float)
    first = np.zeros(3, int)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        measured = np.flatnonzero(scan.data.max(axis=others) > scan.data.min(axis=others))
        if measured.size:
            first[axis], shape[axis] = measured[0], measured[-1] + 1 - measured[0]
    affine[:3, 3] = nib.affines.apply_affine(affine, first)
    return tuple(shape.tolist()), affine


def point_matrix(transform: str) -> np.ndarray:
    """The 4 x 4 matrix (RAS+, mm) by which an affine ITK transform moves points.

    A transform that carries volumes of A to B moves points of B to A: that is how it finds the value of every voxel.
    """
    found = load_extra("ants").read_transform(transform)
    moved = np.array([found.apply_to_point(tuple(point)) for point in (np.zeros(3), *np.eye(3))])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = (moved[1:] - moved[0]).T, moved[0]
    return LPS @ matrix @ LPS
