"""The cubic MNI152 grid on which every pair of volumes lies."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np

FIELD_OF_VIEW_MM = 192.0
"""Edge of the cube: 64 voxels of 3 mm. It holds the whole MNI152 brain, cerebellum included."""

CENTRE_MM = (0.0, -18.0, 6.0)
"""MNI152 coordinates (RAS, mm) of the cube's centre, about the middle of the brain's bounding box."""

SPACE = "MNI152NLin2009aSym"
"""BIDS name of the template space (the MNI152 maps that nilearn ships)."""

AFFINE_TOLERANCE_MM = 1e-3
"""How far two affines' numbers may be apart and still be one: programs round them differently."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """A cube of ``size^3`` isotropic voxels over a fixed field of view in MNI152 space.

    The paper (section 4.1) gives 64x64x64 and MNI space, not the voxel size; 3 mm is the smallest whole
    number of millimetres whose cube holds the brain.

    Attributes:
      size: voxels along each axis.
    """

    size: int = 64

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.size, self.size, self.size)

    @property
    def voxel_size_mm(self) -> float:
        return FIELD_OF_VIEW_MM / self.size

    @property
    def affine(self) -> np.ndarray:
        """Voxel-to-MNI152 affine (4x4, mm), RAS+; the field of view does not depend on ``size``."""
        affine = np.diag([self.voxel_size_mm] * 3 + [1.0])
        affine[:3, 3] = np.array(CENTRE_MM) - self.voxel_size_mm * (self.size - 1) / 2
        return affine


class OnGrid(Protocol):
    """What has voxels somewhere: a :class:`Grid`, an image, a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def affine(self) -> np.ndarray: ...


def is_same_affine(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two affines (4x4, mm) are the same but for rounding; NaN is the same as nothing."""
    return np.allclose(one, other, rtol=0, atol=AFFINE_TOLERANCE_MM)


def is_same_grid(one: OnGrid, other: OnGrid) -> bool:
    """Whether the voxels of both are in the same places and stored in the same order."""
    return one.shape == other.shape and is_same_affine(one.affine, other.affine)


def by_grid(entries: Sequence[OnGrid]) -> list[list[int]]:
    """Places (in ``entries``) of those that lie on the same grid, the largest group first."""
    groups: list[list[int]] = []
    for place, entry in enumerate(entries):
        for group in groups:
            if is_same_grid(entries[group[0]], entry):
                group.append(place)
                break
        else:
            groups.append([place])
    return sorted(groups, key=len, reverse=True)
