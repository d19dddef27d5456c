"""A raw FDG-PET to the paper's target: realigned to its mean, registered to the T1, carried to MNI152, smoothed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.field_of_view import brain_coverage
from pcsa_jax.data.preprocessing.pet_frames import Frames, read_frames
from pcsa_jax.data.preprocessing.registration import SEED, seed_registrations, warp_to_grid
from pcsa_jax.data.preprocessing.steps import Step, load_extra, scratch, software

if TYPE_CHECKING:
    from ants import ANTsImage

    from pcsa_jax.data.preprocessing.anatomy import Anatomy

MAX_ROUNDS = 4
"""Of realignment to the mean; it has settled after two or three."""

SETTLED_MM = 0.2
"""Realignment ends when no point of the head moves further than this from one round to the next."""

HEAD_RADIUS_MM = 80.0
"""Where the movement of a head is measured."""

REGION_MARGIN_MM = 12
"""Around the brain, in which PET and T1 are compared: scalp and sinuses, but neither neck nor table."""

COMPARED_AT_MM = 2.0
"""Voxels of the T1 while the PET is registered to it: a PET has no finer detail."""

SAMPLING = {"aff_metric": "mattes", "aff_sampling": 32, "aff_random_sampling_rate": 0.3}
PYRAMID = {"aff_iterations": (500, 250, 50), "aff_shrink_factors": (4, 2, 1), "aff_smoothing_sigmas": (3, 2, 1)}


class PreparedPet(NamedTuple):
    """An FDG-PET in MNI152.

    Attributes:
      data: float32 x y z on the grid, in the file's unit.
      to_t1: ITK file of the rigid transform from the PET (its mean) to the T1.
      coverage: part of the MNI152 brain in its field of view.
      steps: what was done, in order.
    """

    data: np.ndarray
    to_t1: Path
    coverage: float
    steps: tuple[Step, ...]


def prepare_pet(
    path: Path,
    facts: Mapping[str, Any],
    anatomy: "Anatomy",
    grid: Grid,
    *,
    folder: Path,
    fwhm_mm: float,
    window_min: tuple[float, float] | None = None,
    mask: bool = False,
    subject: str,
) -> PreparedPet:
    """Works through a raw FDG-PET; section 4.1 of the paper.

    Every frame is interpolated once, straight from the scanner's voxels to MNI152: its movement, the way to the T1
    and the T1's warp are one chain of transforms.

    Args:
      path: NIfTI, static or dynamic.
      facts: its BIDS sidecar.
      anatomy: of the same person.
      grid: the cohort's.
      folder: scratch, where the transform files are written.
      fwhm_mm: full width at half maximum of the Gaussian in MNI152.
      window_min: minutes after the injection of the frames to use; None for all.
      mask: whether uptake outside the brain is removed before smoothing. The paper does not say so, and SPM's
        normalisation does not.
      subject: who it is, for messages.

    Raises:
      UserError: if the scan cannot be used.
    """
    frames = read_frames(path, facts, window_min=window_min, subject=subject)
    images = [to_ants(volume) for volume in frames.volumes]
    seed_registrations()
    moves, mean, realignment = _realign(images, frames, folder)
    to_t1, coregistration = _coregister(mean, anatomy, folder)
    data = np.zeros(grid.shape, np.float32)
    for image, move, weight in zip(images, moves, frames.weights, strict=True):
        way = [str(to_t1), *([str(move)] if move else [])]
        data += weight * warp_to_grid(
            _masked(image, anatomy, way) if mask else image, (*anatomy.to_mni, *way), grid, fwhm_mm=fwhm_mm
        )
    warping = Step(
        f"warp to {SPACE}, smoothing, sampling", software("ants"),
        {"interpolations": 1, "interpolator": "linear", "masked_to_brain": mask, "fwhm_mm": fwhm_mm,
         "voxel_size_mm": grid.voxel_size_mm},
    )  # fmt: skip
    coverage = brain_coverage(frames.volumes[0], (*anatomy.to_mni, to_t1))
    return PreparedPet(data, to_t1, coverage, (realignment, coregistration, warping))


def _realign(
    images: Sequence["ANTsImage"], frames: Frames, folder: Path
) -> tuple[list[Path | None], "ANTsImage", Step]:
    """Rigid transforms of the frames to their mean, the mean itself, and what was done."""
    parameters = {
        "frames": list(frames.numbers), "weights": [round(weight, 6) for weight in frames.weights],
        "weighting": frames.weighting,
    }  # fmt: skip
    if len(images) == 1:
        return [None], images[0], Step("realignment: one frame, nothing to realign", "none", parameters)
    ants = load_extra("ants")
    mean = _weighted(images, frames.weights)
    points = np.zeros((len(images), 6, 3))
    moves: list[Path | None] = []
    for number in range(1, MAX_ROUNDS + 1):
        moves = [
            _rigid(mean, image, folder / f"frame{i}_round{number}_", start="Identity") for i, image in enumerate(images)
        ]
        moved = np.stack([_movement(move, mean) for move in moves])
        change = float(np.linalg.norm(moved - points, axis=-1).max())
        points = moved
        carried = [
            ants.apply_transforms(fixed=mean, moving=image, transformlist=[str(move)])
            for image, move in zip(images, moves, strict=True)
        ]
        mean = _weighted(carried, frames.weights)
        if change < SETTLED_MM:
            break
    parameters |= {
        "transform": "rigid", "metric": "mutual information", "rounds": number, "last_change_mm": round(change, 3),
        "movement_mm": [round(float(np.linalg.norm(own, axis=-1).max()), 2) for own in points], "seed": SEED,
    }  # fmt: skip
    return moves, mean, Step("realignment of the frames to their mean", software("ants"), parameters)


def _weighted(images: Sequence["ANTsImage"], weights: Sequence[float]) -> "ANTsImage":
    total = images[0] * weights[0]
    for image, weight in zip(images[1:], weights[1:], strict=True):
        total = total + image * weight
    return total


def _rigid(
    fixed: "ANTsImage", moving: "ANTsImage", prefix: Path, *, start: str | None, mask: "ANTsImage | None" = None
) -> Path:
    """File of the rigid transform that carries ``moving`` to ``fixed``, found by mutual information."""
    with scratch(prefix.parent):
        found = load_extra("ants").registration(
            fixed=fixed, moving=moving, type_of_transform="Rigid", outprefix=str(prefix), initial_transform=start,
            mask=mask, mask_all_stages=mask is not None, **SAMPLING, **PYRAMID,
        )  # fmt: skip
    return Path(found["fwdtransforms"][-1])


def _movement(transform: Path, image: "ANTsImage") -> np.ndarray:
    """Where six points of the head's surface go, minus where they were (mm)."""
    centre = np.asarray(image.origin) + np.asarray(image.direction) @ (
        np.asarray(image.spacing) * (np.asarray(image.shape) - 1) / 2
    )
    points = centre + HEAD_RADIUS_MM * np.concatenate([np.eye(3), -np.eye(3)])
    found = load_extra("ants").read_transform(str(transform))
    return np.array([found.apply_to_point(tuple(point)) for point in points]) - points


def _coregister(mean: "ANTsImage", anatomy: "Anatomy", folder: Path) -> tuple[Path, Step]:
    """The rigid way from the PET to the T1."""
    ants = load_extra("ants")
    t1, brain = (
        ants.resample_image(image, (COMPARED_AT_MM,) * 3, use_voxels=False, interp_type=0)
        for image in (anatomy.t1, anatomy.brain_mask)
    )
    region = ants.iMath(ants.threshold_image(brain, 0.5, None), "MD", round(REGION_MARGIN_MM / COMPARED_AT_MM))
    to_t1 = _rigid(t1 * brain, mean, folder / "pet_to_t1_", start=None, mask=region)
    parameters = {
        "transform": "rigid", "metric": "mutual information", "start": "centres of mass",
        "region": f"brain and {REGION_MARGIN_MM} mm around", "voxel_size_mm": COMPARED_AT_MM, "seed": SEED,
    }  # fmt: skip
    return to_t1, Step("registration of the PET to the T1", software("ants"), parameters)


def _masked(image: "ANTsImage", anatomy: "Anatomy", way: Sequence[str]) -> "ANTsImage":
    """The frame with its uptake outside the T1's brain removed, in its own voxels."""
    mask = load_extra("ants").apply_transforms(
        fixed=image, moving=anatomy.brain_mask, transformlist=list(reversed(way)), whichtoinvert=[True] * len(way)
    )
    return image * mask
