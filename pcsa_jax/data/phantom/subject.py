"""One phantom subject: its anatomy, deformed from the template, and the PET that a scanner would see of it."""

import dataclasses
import functools

import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import CENTRE_MM, Grid
from pcsa_jax.data.phantom import fields, folding
from pcsa_jax.data.phantom.regions import Regions, load_regions
from pcsa_jax.data.phantom.templates import FLOW_STRIDE, FLOW_TIMES, VOXEL_SIZE_MM, Templates, load_templates
from pcsa_jax.data.phantom.traits import Traits, draw_traits

WORKING_GRID = Grid(64)
"""Every subject is made on this 3 mm grid, whatever the size that is asked for."""

SMOOTHING_FWHM_MM = 8.0
"""Source: section 4.1 of the paper; applied to the GM map and to the PET."""

MAP_BLUR_FWHM_MM = 7.5
"""What makes the GM map one of 8 mm, as ``preprocess`` makes it: its smoothing reaches 7.8 mm (the second moment of its
truncated kernel), 2 mm of which lie in the working grid's voxels already.
"""

WHITE_MATTER_UPTAKE = 0.4
"""SUVR of pure white matter: gives the measured contrast to cortex once blurred."""

CSF_UPTAKE = 0.1
SURFACE_LOSS = 0.9
"""Part of the grey matter at the brain's outer surface (:attr:`Templates.surface` 1) that takes up as CSF does.

A segmentation counts vessels, meninges and the tissue of narrow outer sulci as grey matter: measured FDG falls off
towards the surface faster than grey-matter maps do.
"""

COREGISTRATION_STD_MM = 0.5
"""What is left between a PET and the T1 of the same person, along each axis."""

WARP_SPACINGS = (14.0, 7.0)
"""What registration to MNI152 leaves of the shape: knots every 42 and 21 mm; ``Segmentation.warp_mm`` is their SD."""

SCALE_STD, SHIFT_STD_MM = 0.006, 0.3
"""Residual head size (relative) and position, along each axis."""

UPTAKE_FIELD_SPACING, UPTAKE_FIELD_STD = 12.0, 0.025
"""The smooth variation of uptake that MRI cannot tell: knots every 36 mm."""

SEGMENTATION_FIELD_SPACING, SEGMENTATION_FIELD_STD = 18.0, 0.065
"""The smooth relative error of a segmentation, as an uneven T1 makes it: knots every 54 mm."""

NOISE_FWHM_MM = 5.0
MIN_JACOBIAN = 0.2

ANATOMY, SEGMENTATION, SCANNER, FOLDS = 3, 4, 5, 6
"""Names of independent random streams (``traits`` has 1 and 2)."""


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """One subject on the working grid.

    Attributes:
      grey_matter, white_matter, csf: fractions in [0, 1]. Grey matter is what takes up tracer as its region does, be it
        cortex, deep grey or brain stem.
      seen_grey_matter: the grey matter that a segmentation of this head's T1 finds, in [0, 1]: without most of the stem
        and part of the deep grey.
      surface: 1 at the brain's outer surface to 0 in its depth (:attr:`Templates.surface`).
      labels: index of each voxel's nearest region (``load_regions()``).
      core: True where the atlas itself names that region: what a regional mean is taken over.
      white_core: True in deep white matter.
      ventricle_ml: volume of the lateral ventricles.
      smallest_jacobian: of the whole deformation; positive.
    """

    grey_matter: np.ndarray
    white_matter: np.ndarray
    csf: np.ndarray
    seen_grey_matter: np.ndarray
    surface: np.ndarray
    labels: np.ndarray
    core: np.ndarray
    white_core: np.ndarray
    ventricle_ml: float
    smallest_jacobian: float


@dataclasses.dataclass(frozen=True)
class PhantomSubject:
    """A subject's volumes (float32, size^3, ``Grid(size)``) and the truth behind them.

    Attributes:
      traits: latent truth.
      mri: grey-matter density in [0, 1], smoothed to 8 mm FWHM.
      pet: FDG-PET, SUVR (pons about 0.93), smoothed to 8 mm FWHM; None without PET.
      predictable: the same PET with all that MRI cannot tell at its expectation; None without PET.
    """

    traits: Traits
    mri: np.ndarray
    pet: np.ndarray | None
    predictable: np.ndarray | None


@functools.cache
def world_coordinates() -> np.ndarray:
    """3 x 64 x 64 x 64: MNI152 coordinates (mm) of the working grid."""
    index = np.stack(np.meshgrid(*[np.arange(WORKING_GRID.size)] * 3, indexing="ij")).astype(np.float64)
    affine = WORKING_GRID.affine
    return np.einsum("ij,jxyz->ixyz", affine[:3, :3], index) + affine[:3, 3].reshape(3, 1, 1, 1)


def _random_displacement(rng: np.random.Generator, warp_mm: float) -> np.ndarray:
    """3 x 64 x 64 x 64, mm: what registration to the template leaves; halved until it folds nowhere."""
    size = WORKING_GRID.size
    warp = np.stack([sum(warp_mm * fields.smooth_field(rng, size, s) for s in WARP_SPACINGS) for _ in range(3)])
    scale = SCALE_STD * rng.standard_normal((3, 1, 1, 1))
    shift = SHIFT_STD_MM * rng.standard_normal((3, 1, 1, 1))
    centre = np.array(CENTRE_MM).reshape(3, 1, 1, 1)
    displacement = warp + scale * (world_coordinates() - centre) + shift
    while fields.smallest_jacobian(displacement / WORKING_GRID.voxel_size_mm) < MIN_JACOBIAN:
        displacement = displacement / 2
    return displacement


def ventricle_displacement(templates: Templates, position_mm: np.ndarray, volume_ml: float) -> np.ndarray:
    """Pull-back that brings the lateral ventricles to ``volume_ml``, at ``position_mm`` (3 x ..., mm)."""
    time = np.interp(volume_ml, templates.flow_volume_ml, FLOW_TIMES)
    low = int(np.clip(np.searchsorted(FLOW_TIMES, time) - 1, 0, len(FLOW_TIMES) - 2))
    weight = (time - FLOW_TIMES[low]) / (FLOW_TIMES[low + 1] - FLOW_TIMES[low])
    flow = (1 - weight) * templates.flow[low] + weight * templates.flow[low + 1]
    index = template_index(templates, position_mm) / FLOW_STRIDE
    return np.stack([ndimage.map_coordinates(f, index, order=1, mode="nearest") for f in flow])


def template_index(templates: Templates, position_mm: np.ndarray) -> np.ndarray:
    """Voxel coordinates on the template grid of points in MNI152 space (3 x ..., mm)."""
    return (position_mm - templates.affine[:3, 3].reshape(3, 1, 1, 1)) / VOXEL_SIZE_MM


def make_anatomy(traits: Traits, seed: int, templates: Templates) -> Anatomy:
    """Deforms the average, thins or thickens its grey matter region by region, draws its folds."""
    segmentation, folds_rng = templates.segmentation, np.random.default_rng([seed, traits.number, FOLDS])
    displacement = _random_displacement(np.random.default_rng([seed, traits.number, ANATOMY]), segmentation.warp_mm)
    position = world_coordinates() + displacement
    position = position + ventricle_displacement(templates, position, traits.ventricle_ml)
    index = template_index(templates, position)

    def sample(volume: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(volume, index, order=1)

    def nearest(volume: np.ndarray) -> np.ndarray:
        return ndimage.map_coordinates(volume, index, order=0, mode="nearest")

    labels, parcels = nearest(templates.labels), nearest(templates.parcels)
    brain, average_grey, average_csf = (sample(getattr(templates, name)) for name in ("brain", "grey_matter", "csf"))
    # What is lost becomes CSF; what thickens takes its room from CSF first, then from white matter.
    grey = np.minimum(average_grey * np.exp(traits.log_density)[labels], brain)
    csf = np.clip(average_csf + average_grey - grey, 0, brain - grey)
    scores = folds_rng.standard_normal(len(segmentation))
    seen_grey, _, csf = folding.cut(
        grey, csf, brain, folding.draw_folds(folds_rng, WORKING_GRID.size, segmentation.folding), scores[parcels],
        amplitude=segmentation.folding, spread=segmentation.spread[parcels],
    )  # fmt: skip
    grey = np.maximum(seen_grey, np.clip(sample(templates.deep), 0, 1) * (brain - csf))
    displacement_voxels = (position - world_coordinates()) / WORKING_GRID.voxel_size_mm
    return Anatomy(
        grey_matter=grey,
        white_matter=brain - csf - grey,
        csf=csf,
        seen_grey_matter=seen_grey,
        surface=ndimage.map_coordinates(templates.surface, index, order=1, mode="nearest"),
        labels=labels,
        core=nearest(templates.core),
        white_core=nearest(templates.white_core),
        ventricle_ml=float(sample(templates.ventricles).sum() * WORKING_GRID.voxel_size_mm**3 / 1000),
        smallest_jacobian=fields.smallest_jacobian(displacement_voxels),
    )


def make_mri(anatomy: Anatomy, number: int, seed: int) -> np.ndarray:
    """The grey-matter map: what the segmentation sees with a smooth error of 6.5 %, smoothed to 8 mm; not modulated."""
    rng = np.random.default_rng([seed, number, SEGMENTATION])
    error = fields.smooth_field(rng, WORKING_GRID.size, SEGMENTATION_FIELD_SPACING)
    density = anatomy.seen_grey_matter * (1 + SEGMENTATION_FIELD_STD * error)
    return np.clip(fields.smooth(density, MAP_BLUR_FWHM_MM, WORKING_GRID.voxel_size_mm), 0, 1)


def emission(anatomy: Anatomy, traits: Traits, *, expected: bool) -> np.ndarray:
    """Tracer concentration before the scanner: each tissue's fraction times its uptake."""
    active = anatomy.grey_matter * (1 - SURFACE_LOSS * anatomy.surface)
    uptake = traits.expected_uptake if expected else traits.uptake
    white = WHITE_MATTER_UPTAKE * (1.0 if expected else traits.white_matter_scale)
    concentration = active * uptake[anatomy.labels] + anatomy.white_matter * white
    return traits.global_scale * (concentration + (anatomy.csf + anatomy.grey_matter - active) * CSF_UPTAKE)


def make_pet(anatomy: Anatomy, traits: Traits, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """PET and its predictable part: emission, scanner blur, shift, noise, smoothing to 8 mm.

    The noise is drawn white with a variance proportional to the blurred activity (counting statistics) and
    correlated over 5 mm by the reconstruction; its SD is set after all smoothing.
    """
    rng = np.random.default_rng([seed, traits.number, SCANNER])
    voxel_size_mm = WORKING_GRID.voxel_size_mm
    field = 1 + UPTAKE_FIELD_STD * fields.smooth_field(rng, WORKING_GRID.size, UPTAKE_FIELD_SPACING)
    psf = traits.psf_fwhm_mm
    seen = fields.smooth(emission(anatomy, traits, expected=False) * field, psf, voxel_size_mm)
    shift = COREGISTRATION_STD_MM / voxel_size_mm * rng.standard_normal(3)
    seen = np.clip(ndimage.shift(seen, shift, order=1), 0, None)
    sigma = np.hypot(NOISE_FWHM_MM, SMOOTHING_FWHM_MM) / fields.FWHM_PER_SIGMA / voxel_size_mm
    gain = (2 * np.sqrt(np.pi) * sigma) ** 1.5
    white_noise = gain * traits.noise * np.sqrt(seen) * rng.standard_normal(seen.shape)
    noisy = seen + fields.smooth(white_noise, NOISE_FWHM_MM, voxel_size_mm)
    pet = fields.smooth(noisy, SMOOTHING_FWHM_MM, voxel_size_mm)
    both = np.hypot(psf, SMOOTHING_FWHM_MM)
    predictable = fields.smooth(emission(anatomy, traits, expected=True), both, voxel_size_mm)
    return np.clip(pet, 0, None), np.clip(predictable, 0, None)


def make_subject(
    number: int,
    *,
    size: int = 64,
    seed: int = 0,
    with_pet: bool = True,
    templates: Templates | None = None,
    regions: Regions | None = None,
) -> PhantomSubject:
    """Makes subject ``number`` (1, 2, ...): the same for a (seed, number) whatever the size or the cohort.

    Args:
      number: 1, 2, ...
      size: voxels along each axis of the volumes; 64 is 3 mm.
      seed: of the cohort.
      with_pet: False for an MRI-only subject; its MRI is the same either way.
      templates: the anatomy to deform; loaded if not given.
      regions: the table of regions; the package's own if not given.
    """
    templates = templates or load_templates()
    traits = draw_traits(number, seed, regions or load_regions())
    anatomy = make_anatomy(traits, seed, templates)

    def finish(volume: np.ndarray) -> np.ndarray:
        volume = fields.resample(volume, size)
        return np.where(volume < 1e-3, 0, volume).astype(np.float32)

    mri = finish(make_mri(anatomy, number, seed))
    if not with_pet:
        return PhantomSubject(traits, mri, None, None)
    pet, predictable = make_pet(anatomy, traits, seed)
    return PhantomSubject(traits, mri, finish(pet), finish(predictable))
