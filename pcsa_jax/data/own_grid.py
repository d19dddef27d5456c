"""Bringing a volume from the model's grid back to the grid of the file that it was made from."""

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to

from pcsa_jax.data.grid import Grid, is_same_affine

INTERPOLATION_ORDER = 3
"""Cubic splines. From 3 mm to 1 mm, of a map smoothed to 8 mm, they are off by a twentieth of what linear is."""

ROUNDING = 1e-5
"""Voxels that an affine's rounding may move a centre by."""

GEOMETRY_FIELDS = (
    "pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d",
    "qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units",
)  # fmt: skip
"""Fields of a NIfTI header that say where the voxels are."""


@dataclasses.dataclass(frozen=True)
class OwnGrid:
    """Where the voxels of a file are.

    Attributes:
      shape: of its one volume.
      affine: voxel to world, mm.
      header: of the file.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    header: nib.Nifti1Header

    @classmethod
    def of(cls, path: Path) -> "OwnGrid":
        """Reads the header of a file that has been read before."""
        return cls.of_image(nib.load(path))

    @classmethod
    def of_image(cls, image: nib.Nifti1Image) -> "OwnGrid":
        """The grid of an image of one volume."""
        return cls(tuple(map(int, image.shape[:3])), image.affine, image.header)

    def is_turned(self, grid: Grid) -> bool:
        """Whether the voxels are those of ``grid``, perhaps stored along other axes or directions."""
        if sorted(self.shape) != sorted(grid.shape):
            return False
        turned = self._turn_from_ras(grid)
        to_ras = nib.orientations.inv_ornt_aff(turned, grid.shape)
        return is_same_affine(grid.affine @ to_ras, self.affine)

    def bring(self, volume: np.ndarray, grid: Grid) -> np.ndarray:
        """``volume`` (on ``grid``, RAS+) on this grid; 0 outside of ``grid``'s field of view.

        That ends at the edges of the voxels: from the last voxels' centres to there, their values go on.
        Where the voxels are the same, axes are turned and no voxel is changed; elsewhere they are interpolated with
        cubic splines, which may overshoot: the caller clips.

        Returns:
          float32 of :attr:`shape`.
        """
        if self.is_turned(grid):
            turned = nib.orientations.apply_orientation(volume, self._turn_from_ras(grid))
            return np.ascontiguousarray(turned, dtype=np.float32)
        image = nib.Nifti1Image(np.asarray(volume, np.float32), grid.affine)
        # "constant" would end at the last voxels' centres: 3 mm of brain less at 32^3.
        brought = resample_from_to(image, (self.shape, self.affine), order=INTERPOLATION_ORDER, mode="nearest")
        return np.where(self._is_within(grid), np.asarray(brought.dataobj, np.float32), np.float32(0))

    def _is_within(self, grid: Grid) -> np.ndarray:
        """Which of these voxels' centres lie in ``grid``'s field of view, its border included."""
        to_grid = np.linalg.inv(grid.affine) @ self.affine
        steps = np.ogrid[tuple(slice(count) for count in self.shape)]
        within = np.ones(self.shape, bool)
        for row, count in zip(to_grid[:3], grid.shape, strict=True):
            place = row[3] + sum(factor * step for factor, step in zip(row[:3], steps, strict=True))
            within &= (place >= -0.5 - ROUNDING) & (place <= count - 0.5 + ROUNDING)
        return within

    def encode(self, volume: np.ndarray) -> nib.Nifti1Image:
        """``volume`` as an image with this grid's affine, qform and sform, and the codes of both, bit for bit."""
        header = type(self.header)()
        header.set_data_dtype(np.float32)
        image = type_of_image(self.header)(np.asarray(volume, np.float32), self.affine, header)
        for name in GEOMETRY_FIELDS:
            image.header[name] = self.header[name]
        image.header["pixdim"][4:] = 1
        return image

    def give_back(self, volume: np.ndarray, grid: Grid, *, low: float, high: float) -> nib.Nifti1Image:
        """``volume`` (on ``grid``, RAS+) as an image on this grid, clipped to ``low`` and ``high``.

        Args: see :meth:`bring`.
        """
        return self.encode(np.clip(self.bring(volume, grid), low, high))

    def describe(self) -> str:
        """Voxels and their edges, for the ``Resolution`` of a sidecar."""
        edges = " x ".join(f"{size:.4g}" for size in nib.affines.voxel_sizes(self.affine))
        return f"{' x '.join(map(str, self.shape))} voxels of {edges} mm, the input's own grid"

    def describe_way(self, grid: Grid) -> str:
        """How :meth:`bring` gets here from ``grid``."""
        if self.is_turned(grid):
            return "none: the generator's own voxels"
        return f"cubic splines, from {grid.size}^3 voxels of {grid.voxel_size_mm:g} mm; 0 outside of them"

    def _turn_from_ras(self, grid: Grid) -> np.ndarray:
        """The turn of axes from RAS+ to this grid's, as nibabel's orientations write it."""
        ras = nib.io_orientation(grid.affine)
        return nib.orientations.ornt_transform(ras, nib.io_orientation(self.affine))


def type_of_image(header: nib.Nifti1Header) -> type[nib.Nifti1Image]:
    """The image class of a header: NIfTI-1 or NIfTI-2."""
    return nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
