"""Whether a brain lies where MNI152 has it: field of view, orientation, position.

A header that names the wrong axes (front-back or upside-down swaps are common after conversions), or a volume that was
never registered, reads without an error. Left and right cannot be told apart: the brain is too symmetric.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage, optimize

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.headers import Finding
from pcsa_jax.data.mni152 import MIN_COVERAGE, brain_points, coverage, load_brain, load_map

COMPARED, SAMPLED = Grid(32), Grid(64)
"""Volumes are sampled at 3 mm and compared in blocks of 6 mm: the shape of a brain, not its detail."""

ALIGNED = 1e-6
"""Voxels that a step along one axis may lead along another one while both still count as parallel."""

TEMPLATE_FWHM_MM = 8.0
SIGMA_OF_FWHM = 1 / np.sqrt(8 * np.log(2))

SEARCH_MM = 30.0
"""Shifts up to this along each axis are tried."""

MAX_SHIFT_MM = 15.0
"""A volume that fits better when shifted by more is not registered.

The lattice of shifts is 6 mm. Label maps of 14 real brains that were only scaled and centred fit best at 0 or 6 mm, the
same volumes shifted by 20 mm at 18 or 24 mm, some at 12.
"""

MIN_CORRELATION = 0.5
"""Correlation with the template below which a volume is no such image, or not in MNI152 space.

Over the whole cube. Phantom maps have 0.94 and more, label maps of real brains that were only scaled and centred 0.73
and more (0.63 unsmoothed), a template of real FDG scans 0.94; a brain at 80 % of its size has 0.43 to 0.62.
"""

WHOLE_BRAIN = "a whole brain (a T1w scan, a mask)"
WORDS = (("right or left", "right or left"), ("posterior", "anterior"), ("inferior", "superior"))
"""Names of the ends of each axis of a RAS volume: first voxel, last voxel."""

OTHERS = ("white matter", "cerebrospinal fluid", WHOLE_BRAIN)
"""What is taken for a grey-matter map by mistake."""

WHOLE_MARGIN = 0.04
"""A map that fits a whole brain better than grey matter by more than this is a T1w scan or a mask.

T1w templates of 0 to 1 do by 0.12 to 0.16, brain masks by 0.09; GM maps of 14 real heads fit it worse by 0.06 to 0.12.
"""

MIN_WHOLE = 0.9
"""And only one that fits it this well: a GM map of a brain that is not registered fits everything badly."""

MAX_WHITE_TO_GREY = 0.3
"""In a GM map white matter has at most this part of what grey matter has.

GM maps of 14 real heads have 0.00 to 0.06, smoothed with another 8 mm up to 0.13, phantom maps up to 0.17; FDG-PET has
0.35 to 0.54, for the tracer goes there too.
"""

WELL_PLACED = 0.85
"""Correlation with grey matter from which that ratio tells: grey and white matter of a brain elsewhere overlap."""

GREY_REMEDY = "Take the grey-matter map of the segmentation (BIDS: label-GM, Clinica: segm-graymatter, SPM: c1)"
REMEDY = "Look at it over the MNI152 template, then mend its header or make it again (python -m pcsa_jax preprocess)"


class Placement(NamedTuple):
    """How a volume compares with the template of its modality.

    Attributes:
      correlation: as it lies, shifted by up to :data:`SEARCH_MM`; -1 to 1.
      shift_mm: the shift (right, anterior, superior) by which the brain lies off the template.
      turned_correlation: the best in another orientation, shifted likewise.
      turned: that orientation, as (true axis, is reversed) for each axis of the volume.
      likeness: correlation with other images than a grey-matter map (:data:`OTHERS`), as it lies, shifted likewise;
        {} for a PET.
      white_to_grey: value in white matter over that in grey matter (least squares at the best shift, both 0 or more); 0
        for a PET.
    """

    correlation: float
    shift_mm: tuple[float, float, float]
    turned_correlation: float
    turned: tuple[tuple[int, bool], ...]
    likeness: dict[str, float]
    white_to_grey: float


def load_references() -> None:
    """Loads the templates now: threads that need them at the same time would each load their own."""
    brain_points()
    for modality in ("mri", "pet"):
        _template_spectra(modality)


def check_placement(data: np.ndarray, affine: np.ndarray, *, modality: str) -> tuple[Finding, ...]:
    """Says whether a volume shows a brain where MNI152 has it, as far as that can be told.

    Args:
      data: x y z, finite, not constant.
      affine: voxel to world (mm, RAS+), of full rank.
      modality: "mri" (a GM map) or "pet".
    """
    covered = coverage(data.shape, affine)
    if covered < MIN_COVERAGE:
        found = f"expected a volume in MNI152 space, found a field of view that holds {covered:.0%} of the MNI152 brain"
        return (Finding(found, "Bring it there with python -m pcsa_jax preprocess"),)
    place = measure_placement(data, affine, modality=modality)
    name = {"mri": "GM map", "pet": "PET"}[modality]
    other = _judge_tissue(place) if modality == "mri" else None
    if other:
        return (other,)
    if max(place.correlation, place.turned_correlation) < MIN_CORRELATION:
        found = (
            f"expected a {name} of a brain in MNI152 space, found a correlation of {place.correlation:.2f} with the "
            f"template (at least {MIN_CORRELATION:g})"
        )
        return (Finding(found, REMEDY),)
    if place.turned_correlation > place.correlation:
        found = (
            f"expected the brain as the header turns it, found a better fit turned (correlation "
            f"{place.turned_correlation:.2f} instead of {place.correlation:.2f}): {_describe_turn(place.turned)}"
        )
        return (Finding(found, REMEDY),)
    if max(map(abs, place.shift_mm)) > MAX_SHIFT_MM:
        shift = ", ".join(f"{value:+g}" for value in place.shift_mm)
        return (
            Finding(f"expected the brain at its place in MNI152, found it shifted by about {shift} mm (RAS)", REMEDY),
        )
    return ()


def _judge_tissue(place: Placement) -> Finding | None:
    """Says what else a volume shows than grey matter; None if it may be grey matter.

    Maps of 14 real heads fit grey matter better than the other tissues by 0.32 and more, their CSF maps worse by 0.07
    to 0.31, white-matter maps worse by 0.2 and more.
    """
    best = max(place.correlation, place.turned_correlation)
    needed = dict.fromkeys(OTHERS, max(best, MIN_CORRELATION)) | {WHOLE_BRAIN: max(best + WHOLE_MARGIN, MIN_WHOLE)}
    better = [other for other in OTHERS if place.likeness[other] > needed[other]]
    if better:
        other = max(better, key=place.likeness.get)
        fit = f"correlation {place.likeness[other]:.2f} instead of {place.correlation:.2f}"
        return Finding(f"expected a grey-matter map, found one that fits {other} better ({fit})", GREY_REMEDY)
    if place.correlation > WELL_PLACED and place.white_to_grey > MAX_WHITE_TO_GREY:
        found = f"{place.white_to_grey:.2f} of grey matter's value in white matter, as in a PET"
        return Finding(f"expected a grey-matter map, found {found} (at most {MAX_WHITE_TO_GREY:g})", GREY_REMEDY)
    return None


def measure_placement(data: np.ndarray, affine: np.ndarray, *, modality: str) -> Placement:
    """Compares a volume with its template in every orientation and at every shift.

    Args: as for :func:`check_placement`.
    """
    spectra, turns = _template_spectra(modality)
    reach = round(SEARCH_MM / COMPARED.voxel_size_mm)
    blocks = _sampled_blocks(data, affine)
    near, shifts = fft.rfftn(_unit(blocks)) * spectra, np.arange(-reach, reach + 1)
    for axis in (1, 2):
        near = fft.ifft(near, axis=axis).take(shifts, axis=axis)
    near = fft.irfft(near, n=COMPARED.size, axis=3).take(shifts, axis=3)
    peaks = near.reshape(len(spectra), -1).max(axis=1)
    shift = np.array(np.unravel_index(near[0].argmax(), near[0].shape)) - reach
    best = 1 + int(peaks[1 : len(turns)].argmax())
    is_map = modality == "mri"
    return Placement(
        correlation=float(peaks[0]),
        shift_mm=tuple(float(value) for value in shift * COMPARED.voxel_size_mm),
        turned_correlation=float(peaks[best]),
        turned=turns[best],
        likeness=dict(zip(OTHERS, map(float, peaks[len(turns) :]), strict=True)) if is_map else {},
        white_to_grey=_white_to_grey(np.roll(blocks, tuple(-shift), axis=(0, 1, 2))) if is_map else 0.0,
    )


def _white_to_grey(blocks: np.ndarray) -> float:
    templates = tissue_blocks()
    parts = np.stack([templates[name].ravel() for name in ("grey matter", "white matter", "cerebrospinal fluid")])
    # Three unknowns: the normal equations, in the form that scipy's solver takes.
    root = np.linalg.cholesky(parts @ parts.T).T
    grey, white, _ = optimize.nnls(root, np.linalg.solve(root.T, parts @ blocks.ravel().astype(float)))[0]
    return float(white / grey) if grey > 0 else np.inf


def _sample(data: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Values on the sampled grid, float32; 0 outside the field of view."""
    to_grid = np.linalg.inv(affine) @ SAMPLED.affine
    return ndimage.affine_transform(data, to_grid[:3, :3], to_grid[:3, 3], output_shape=SAMPLED.shape, order=1)


def _sampled_blocks(data: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """``_blocks(_sample(data, affine))``; as three products where the volume's axes are the grid's, in any order."""
    to_grid = np.linalg.inv(affine) @ SAMPLED.affine
    is_along = np.abs(to_grid[:3, :3]) > ALIGNED
    if (is_along.sum(axis=0) != 1).any() or (is_along.sum(axis=1) != 1).any():
        return _blocks(_sample(data, affine))
    axes = is_along.argmax(axis=1)
    for axis, along in enumerate(axes):
        positions = to_grid[axis, along] * np.arange(SAMPLED.size) + to_grid[axis, 3]
        weights = _interpolation(positions, data.shape[axis]).reshape(COMPARED.size, 2, -1).mean(axis=1)
        data = np.moveaxis(np.tensordot(weights.astype(np.float32), data, (1, axis)), 0, axis)
    return data.transpose(np.argsort(axes))


def _interpolation(positions: np.ndarray, size: int) -> np.ndarray:
    """(positions, size): linear interpolation of a row of values at 0 to size - 1 as a matrix, 0 beyond its ends."""
    is_inside = (positions >= 0) & (positions <= size - 1)
    return np.clip(1 - np.abs(positions[:, None] - np.arange(size)), 0, None) * is_inside[:, None]


def _blocks(sampled: np.ndarray) -> np.ndarray:
    """Means over the voxels of the compared grid."""
    return sampled.reshape(*(n for size in COMPARED.shape for n in (size, 2))).mean(axis=(1, 3, 5))


def _unit(volume: np.ndarray) -> np.ndarray:
    """``volume`` with mean 0 and norm 1, so that a sum of products is a correlation; zeros if it is constant."""
    centred = volume - volume.mean()
    norm = float(np.sqrt((centred**2).sum()))
    return centred / norm if norm > 0 else centred


@functools.cache
def tissue_blocks() -> dict[str, np.ndarray]:
    """The MNI152 tissues and the whole brain, smooth, on the compared grid."""
    (grey, affine), (white, _) = load_map("grey_matter"), load_map("white_matter")
    brain = ndimage.binary_closing(load_brain()[0], iterations=3).astype(np.float32)
    volumes = {
        "grey matter": grey,
        "white matter": white,
        "cerebrospinal fluid": np.clip(brain - grey - white, 0, 1),
        WHOLE_BRAIN: brain,
    }
    return {name: _smooth_blocks(volume, affine).astype(float) for name, volume in volumes.items()}


def _smooth_blocks(volume: np.ndarray, affine: np.ndarray) -> np.ndarray:
    sigma = TEMPLATE_FWHM_MM * SIGMA_OF_FWHM / SAMPLED.voxel_size_mm
    return _blocks(ndimage.gaussian_filter(_sample(volume, affine), sigma))


@functools.cache
def _template_spectra(modality: str) -> tuple[np.ndarray, tuple[tuple[tuple[int, bool], ...], ...]]:
    """Spectra of the template in its 24 orientations, of which left-right mirrors count as one, its own first.

    For a GM map those of :data:`OTHERS` follow, in their own orientation.
    """
    blocks = tissue_blocks()
    template = blocks["grey matter"]
    if modality == "pet":  # grey matter takes up about four times what white matter does
        template = template + blocks["white matter"] / 4
    template = _unit(template)
    turns = [
        tuple(zip(axes, flips, strict=True))
        for axes in itertools.permutations(range(3))
        for flips in itertools.product((False, True), repeat=3)
        if not flips[axes.index(0)]
    ]
    turned = [
        np.flip(
            template.transpose([axis for axis, _ in turn]), [i for i, (_, is_flipped) in enumerate(turn) if is_flipped]
        )
        for turn in turns
    ]
    others = [_unit(blocks[name]) for name in OTHERS] if modality == "mri" else []
    spectra = np.conj(fft.rfftn(np.stack([*turned, *others]).astype(np.float32), axes=(1, 2, 3)))
    return spectra, tuple(turns)


def _describe_turn(turn: tuple[tuple[int, bool], ...]) -> str:
    """What the header calls by a wrong name."""
    return ", ".join(
        f"what it calls {WORDS[i][1]} is {WORDS[axis][0 if is_flipped else 1]}"
        for i, (axis, is_flipped) in enumerate(turn)
        if (axis, is_flipped) != (i, False)
    )
