"""Raw scans with a known truth, painted from a real head's label volume: a T1 and an FDG-PET, each in its own pose.

The label volumes are FreeSurfer-like (SynthSeg's training anatomies: brain, CSF, skull, marrow, scalp, eyes). Every
tissue gets the grey value that it has in T1-weighted scans, with texture, partial volume, a bias field and Rician
noise; the PET is grey matter 4 : white matter 1, blurred as a scanner does.
"""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

CORTEX, CEREBELLAR_CORTEX, CEREBELLUM = (3, 42), (8, 47), (7, 8, 46, 47)
DEEP_GREY = (10, 11, 12, 13, 17, 18, 26, 49, 50, 51, 52, 53, 54, 58)
GREY = (*CORTEX, *CEREBELLAR_CORTEX, *DEEP_GREY)
WHITE = (2, 41, 7, 46, 16, 28, 60, 85, 25, 57)
CSF = (4, 5, 14, 15, 24, 43, 44)
FIRST_LABEL_OUTSIDE = 500
"""Labels from here on are skull, scalp, eyes, spinal cord; 24 is the CSF between them and the brain."""

T1_VALUES = {
    24: 22, 4: 20, 5: 22, 43: 20, 44: 22, 14: 22, 15: 22,
    3: 72, 42: 72, 8: 70, 47: 70, 17: 72, 53: 72, 18: 71, 54: 71, 11: 76, 50: 76, 12: 82, 51: 82, 26: 76, 58: 76,
    10: 88, 49: 88, 13: 97, 52: 97,
    2: 108, 41: 108, 7: 103, 46: 103, 16: 96, 28: 97, 60: 97, 85: 95, 25: 96, 57: 96,
    30: 55, 62: 55, 136: 45, 137: 45, 163: 45, 164: 45,
    502: 60, 506: 30, 507: 75, 508: 40, 509: 55, 511: 120, 512: 95, 514: 45, 515: 12, 516: 115, 530: 90,
}  # fmt: skip
"""Label -> grey value of the T1. Pallidum and thalamus are nearly white, as they are in real scans."""

PET_GREY, PET_WHITE, PET_OUTSIDE = 4.0, 1.0, 0.3
TEXTURE, PARTIAL_VOLUME_MM, POINT_SPREAD_MM = 0.03, 1.2, 6.0
MARGIN_MM = 8.0


@dataclasses.dataclass(frozen=True)
class Pose:
    """How a head lies in a scanner and how its voxels are stored.

    Attributes:
      rotation_degrees, shift_mm: the head's movement about the middle of the anatomy, RAS axes.
      tilt_degrees: rotation of the voxel axes against the scanner's: an oblique affine, the head does not move.
      voxel_mm: along the stored axes.
      axes: stored axes, "RAS", "LAS", "PIL", ...
    """

    rotation_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tilt_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)
    voxel_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    axes: str = "RAS"


class SimulatedScan(NamedTuple):
    """A T1 and a PET of one head, and what is true of them.

    Attributes:
      t1, pet: NIfTI images, float32, each in its own pose.
      grey_matter: fraction 0 to 1 of cortex, deep grey and cerebellar cortex, on the grid of ``t1``.
      brain: 1 in the brain and its CSF, on the grid of ``t1``.
      labels: the anatomy's labels, the nearest one, on the grid of ``t1``.
      pet_on_t1: the PET without noise, as it is on the grid of ``t1`` if nobody moves.
      t1_to_anatomy, pet_to_anatomy: world coordinates (mm, RAS+) of the scan to those of the label volume; rigid.
    """

    t1: nib.Nifti1Image
    pet: nib.Nifti1Image
    grey_matter: nib.Nifti1Image
    brain: nib.Nifti1Image
    labels: nib.Nifti1Image
    pet_on_t1: nib.Nifti1Image
    t1_to_anatomy: np.ndarray
    pet_to_anatomy: np.ndarray


def simulate(
    anatomy: Path,
    *,
    t1_pose: Pose | None = None,
    pet_pose: Pose | None = None,
    seed: int = 0,
    bias: float = 0.2,
    noise: float = 2.5,
) -> SimulatedScan:
    """Paints a T1 and a PET of a label volume.

    Args:
      anatomy: NIfTI file of labels, about 1 mm.
      t1_pose, pet_pose: default: as the anatomy lies (T1); turned by some degrees, voxels of 2 mm (PET).
      bias: largest deviation of the T1's bias field from 1.
      noise: SD of the T1's Rician noise; white matter is 108.
    """
    random = np.random.default_rng(seed)
    t1_pose = t1_pose or Pose()
    pet_pose = pet_pose or Pose((4.0, -6.0, 8.0), (6.0, -4.0, 9.0), voxel_mm=(2.0, 2.0, 2.0))
    labels, affine = _cropped(nib.as_closest_canonical(nib.load(anatomy)))
    centre = nib.affines.apply_affine(affine, (np.array(labels.shape) - 1) / 2)

    values = np.zeros(max(labels.max(), max(T1_VALUES)) + 1, np.float32)
    values[list(T1_VALUES)] = list(T1_VALUES.values())
    painted = values[labels] * (1 + TEXTURE * _smooth_field(random, labels.shape, sigma=2.0))
    painted = ndimage.gaussian_filter(painted, _sigma(PARTIAL_VOLUME_MM))
    painted *= 1 + bias * _bias_field(random, labels.shape)
    grey = ndimage.gaussian_filter(np.isin(labels, GREY).astype(np.float32), _sigma(PARTIAL_VOLUME_MM))
    uptake = _uptake(labels)
    inside = (labels > 0) & (labels < FIRST_LABEL_OUTSIDE)

    t1_grid, t1_motion = _grid(labels.shape, affine, centre, t1_pose)
    pet_grid, pet_motion = _grid(labels.shape, affine, centre, pet_pose)
    t1 = _sampled(painted, affine, t1_grid, t1_motion)
    t1.dataobj[...] = np.hypot(
        t1.dataobj + noise * random.standard_normal(t1.shape), noise * random.standard_normal(t1.shape)
    )
    pet = _sampled(uptake, affine, pet_grid, pet_motion)
    pet.dataobj[...] = random.poisson(np.clip(pet.dataobj, 0, None) * 40) / 40
    on_t1 = {"grid": t1_grid, "motion": t1_motion}
    return SimulatedScan(
        t1, pet, _sampled(grey, affine, **on_t1), _sampled(inside.astype(np.float32), affine, order=0, **on_t1),
        _sampled(labels, affine, order=0, **on_t1), _sampled(uptake, affine, **on_t1), t1_motion, pet_motion,
    )  # fmt: skip


def _sigma(fwhm: float) -> float:
    return fwhm / np.sqrt(8 * np.log(2))


def _cropped(image: nib.Nifti1Image) -> tuple[np.ndarray, np.ndarray]:
    """The labels without the air around the head and the neck far below it, and their affine."""
    labels = np.asarray(image.dataobj).astype(np.int16)
    inside = np.argwhere((labels > 0) & (labels < FIRST_LABEL_OUTSIDE))
    low, high = np.argwhere(labels > 0).min(axis=0), np.argwhere(labels > 0).max(axis=0) + 1
    low[2] = max(low[2], inside[:, 2].max() - 190)
    image = image.slicer[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], image.affine


def _smooth_field(random: np.random.Generator, shape: tuple[int, ...], *, sigma: float) -> np.ndarray:
    """Gaussian field of SD 1."""
    field = ndimage.gaussian_filter(random.standard_normal(shape, dtype=np.float32), sigma)
    return field / field.std()


def _bias_field(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Smooth field within -1 and 1: a cubic spline through few random values."""
    coarse = random.uniform(-1, 1, (4, 4, 4))
    field = ndimage.zoom(coarse, np.array(shape) / 4, order=3, grid_mode=True, mode="nearest").astype(np.float32)
    return field / np.abs(field).max()


def _uptake(labels: np.ndarray) -> np.ndarray:
    """The PET of a scanner: grey 4, white 1, a little outside the brain, blurred."""
    sharp = np.where(labels > 0, PET_OUTSIDE, 0).astype(np.float32)
    sharp[np.isin(labels, CSF)] = 0
    sharp[np.isin(labels, WHITE)] = PET_WHITE
    sharp[np.isin(labels, GREY)] = PET_GREY
    return ndimage.gaussian_filter(sharp, _sigma(POINT_SPREAD_MM))


def _grid(
    shape: tuple[int, ...], affine: np.ndarray, centre: np.ndarray, pose: Pose
) -> tuple[tuple[tuple[int, ...], np.ndarray], np.ndarray]:
    """(shape, affine) of a scan that holds the moved head, and the scan's world coordinates to the anatomy's."""
    head = _about(centre, pose.rotation_degrees, pose.shift_mm)
    tilt = _about(centre, pose.tilt_degrees, (0.0, 0.0, 0.0))
    ras = nib.Nifti1Image(np.zeros(1).reshape(1, 1, 1), np.eye(4))
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(pose.axes)
    )
    order = [int(axis) for axis in np.argsort(turn[:, 0])]
    sizes = np.empty(3)
    sizes[order] = pose.voxel_mm  # along the world's axes
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), indexing="ij")).reshape(3, -1).T
    moved = nib.affines.apply_affine(np.linalg.inv(tilt) @ head @ affine, corners)
    low, high = moved.min(axis=0) - MARGIN_MM, moved.max(axis=0) + MARGIN_MM
    counts = np.ceil((high - low) / sizes).astype(int)
    straight = nib.affines.from_matvec(np.diag(sizes), low)
    ras = nib.Nifti1Image(np.broadcast_to(np.uint8(0), tuple(counts)), tilt @ straight)
    stored = ras.as_reoriented(turn)
    return (stored.shape, stored.affine), np.linalg.inv(head)


def _about(centre: np.ndarray, degrees: tuple[float, ...], shift: tuple[float, ...]) -> np.ndarray:
    """Rigid movement (4x4, mm) about ``centre``."""
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    return nib.affines.from_matvec(rotation, centre - rotation @ centre + np.array(shift))


def _sampled(
    volume: np.ndarray, affine: np.ndarray, grid: tuple[tuple[int, ...], np.ndarray], motion: np.ndarray,
    *, order: int = 1,
) -> nib.Nifti1Image:  # fmt: skip
    """The volume at the places of ``grid``, moved; float32 NIfTI with qform and sform of the scanner (code 1)."""
    shape, scan_affine = grid
    to_volume = np.linalg.inv(affine) @ motion @ scan_affine
    data = ndimage.affine_transform(
        volume.astype(np.float32), to_volume[:3, :3], to_volume[:3, 3], output_shape=shape, order=order
    )
    image = nib.Nifti1Image(data, scan_affine)
    image.set_qform(scan_affine, code="scanner")
    image.set_sform(scan_affine, code="scanner")
    image.header.set_xyzt_units("mm", "sec")
    return image
