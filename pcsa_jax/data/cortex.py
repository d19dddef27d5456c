"""The cortex of the average head that nilearn ships, and what a volume holds between its two surfaces."""

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import OnGrid

SIDES = ("left", "right")

MNI305_TO_MNI152 = np.array([
    [0.9975, -0.0073, 0.0176, -0.0429],
    [0.0146, 1.0009, -0.0024, 1.5496],
    [-0.0130, -0.0093, 0.9971, 1.1840],
    [0, 0, 0, 1],
])  # fmt: skip
"""fsaverage lies in MNI305. Source: FreeSurfer's wiki, CoordinateSystems, case 8."""

DEPTHS = tuple(np.linspace(0, 1, 6))
"""Places between the white-matter surface (0) and the pial surface (1): half a millimetre apart."""

SMALLEST_THICKNESS_MM = 0.5
"""Where the two surfaces are nearer there is no cortex: the wall between the hemispheres."""

SIGNS = ("low", "high", "either")
"""Which value is the strongest along the depth: the lowest, the highest, or the one of largest magnitude."""


class Hemisphere(NamedTuple):
    """One half of the cortex, in MNI152 (mm, RAS); n vertices.

    Attributes:
      white, pial: n x 3, the inner and the outer surface.
      faces: m x 3 indices, the same on both.
      is_cortex: n, False on the wall between the hemispheres.
    """

    white: np.ndarray
    pial: np.ndarray
    faces: np.ndarray
    is_cortex: np.ndarray


def _read(surface: str, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n x 3, MNI152) and faces of one surface, without the seconds that importing nilearn takes."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The cortical surfaces are in 'nilearn'; pip install nilearn.")
    folder = Path(spec.submodule_search_locations[0], "datasets", "data", "fsaverage5")
    paths = [path for path in (folder / f"{surface}_{side}.gii.gz", folder / f"{surface}.{side}.gii.gz")
             if path.is_file()]  # fmt: skip
    if paths:
        image = nib.load(paths[0])
        points, faces = image.agg_data("pointset"), image.agg_data("triangle")
    else:  # another version of nilearn may keep it elsewhere
        from nilearn import datasets
        from nilearn import surface as surfaces

        mesh = surfaces.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")[f"{surface}_{side}"])
        points, faces = mesh.coordinates, mesh.faces
    return nib.affines.apply_affine(MNI305_TO_MNI152, points.astype(np.float64)), np.asarray(faces, int)


@functools.lru_cache(maxsize=2)
def load_hemisphere(side: str) -> Hemisphere:
    """One of :data:`SIDES` of fsaverage5 (10 242 vertices a side).

    Source: Fischl et al., Hum Brain Mapp 1999, as downsampled and shipped by nilearn; nothing is downloaded.
    """
    (white, faces), (pial, _) = _read("white", side), _read("pial", side)
    return Hemisphere(white, pial, faces, np.linalg.norm(pial - white, axis=1) > SMALLEST_THICKNESS_MM)


def strongest_along_depth(volume: np.ndarray, grid: OnGrid, side: str, *, sign: str = "either") -> np.ndarray:
    """At each vertex, the strongest value of ``volume`` between the white-matter and the pial surface.

    Linear interpolation at :data:`DEPTHS`; outside of the volume there is 0.

    Args:
      volume: x y z, finite.
      grid: of the volume.
      side: of :data:`SIDES`.
      sign: of :data:`SIGNS`.

    Returns:
      n values, NaN on the wall between the hemispheres.
    """
    if sign not in SIGNS:
        raise ValueError(f"sign: expected one of {', '.join(SIGNS)}, found {sign!r}.")
    cortex, to_voxel = load_hemisphere(side), np.linalg.inv(grid.affine)
    points = [nib.affines.apply_affine(to_voxel, cortex.white + d * (cortex.pial - cortex.white)) for d in DEPTHS]
    values = ndimage.map_coordinates(
        np.asarray(volume, np.float32), np.concatenate(points).T, order=1, mode="constant"
    ).reshape(len(DEPTHS), -1)  # fmt: skip
    wanted = {"low": -values, "high": values, "either": np.abs(values)}[sign]
    found = np.take_along_axis(values, wanted.argmax(axis=0)[None], axis=0)[0]
    return np.where(cortex.is_cortex, found, np.nan)
