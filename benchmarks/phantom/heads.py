"""Grey-matter maps of people, from a cohort folder, and where in them to look."""

import functools
import re
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.phantom import fields
from pcsa_jax.data.phantom.subject import WORKING_GRID
from pcsa_jax.data.regions import aal_atlas, brain_mask, reference_weights

COARSE = Grid(32)
"""Where people are compared: the demo's grid, on which the issue of a phantom's likeness was first measured."""

AAL_REGIONS = {
    "thalamus": ("Thalamus",),
    "putamen": ("Putamen",),
    "pallidum": ("Pallidum",),
    "caudate": ("Caudate",),
    "hippocampus": ("Hippocampus",),
    "lower cerebellum": ("Cerebelum_7b", "Cerebelum_8", "Cerebelum_9"),
    "occipital": ("Occipital", "Calcarine", "Cuneus", "Lingual"),
    "cortex": (
        "Precentral", "Postcentral", "Frontal", "OFC", "Rectus", "Olfactory", "Insula", "Cingulate", "Parietal",
        "Temporal", "Occipital", "Calcarine", "Cuneus", "Lingual", "Fusiform", "ParaHippocampal", "Precuneus",
        "SupraMarginal", "Angular", "Paracentral", "Supp_Motor", "Rolandic", "Heschl",
    ),
}  # fmt: skip
"""Region -> how the names of its AAL regions begin."""


class Heads(NamedTuple):
    """Maps of some people on the 3 mm grid, smoothed to 8 mm, in [0, 1].

    Attributes:
      names: ``sub-02``, ...
      grey_matter: people x y z.
      csf: the same, or None where a cohort has none.
    """

    names: tuple[str, ...]
    grey_matter: np.ndarray
    csf: np.ndarray | None

    def take(self, wanted: list[int]) -> "Heads":
        """Some of the people, by their place."""
        csf = None if self.csf is None else self.csf[wanted]
        return Heads(tuple(self.names[i] for i in wanted), self.grey_matter[wanted], csf)


def read_heads(root: Path, *, tissue_needed: bool = False) -> Heads:
    """The maps ``*_label-GM_probseg.nii.gz`` of a cohort of 64^3 volumes and those of CSF beside them.

    Raises:
      FileNotFoundError: if there is no map, or no map of CSF although it is needed.
      ValueError: if a map lies on another grid.
    """
    paths = sorted(root.glob("sub-*/**/anat/*_label-GM_probseg.nii.gz"))
    csf_paths = [path.with_name(path.name.replace("label-GM", "label-CSF")) for path in paths]
    has_csf = bool(paths) and all(path.is_file() for path in csf_paths)
    if not paths or (tissue_needed and not has_csf):
        raise FileNotFoundError(f"{root}: expected maps label-GM_probseg.nii.gz{' and label-CSF' * tissue_needed}")
    names = tuple(re.match(r"sub-[^_]+", path.name)[0] for path in paths)
    return Heads(names, _volumes(paths), _volumes(csf_paths) if has_csf else None)


def read_pets(root: Path) -> np.ndarray:
    """The PET of a cohort of 64^3 volumes, subjects x y z, in the order of :func:`read_heads`."""
    paths = sorted(root.glob("sub-*/**/pet/*_pet.nii.gz"))
    return _volumes([path for path in paths if "desc-" not in path.name])


def _volumes(paths: list[Path]) -> np.ndarray:
    volumes = []
    for path in paths:
        image = nib.load(path)
        if image.shape != WORKING_GRID.shape or not np.allclose(image.affine, WORKING_GRID.affine):
            raise ValueError(f"{path}: expected the 64^3 grid of 3 mm, found {image.shape}")
        volumes.append(np.asarray(image.dataobj, np.float32))
    return np.array(volumes)


def at_six_mm(maps: np.ndarray) -> np.ndarray:
    """People x y z on the 32^3 grid, each divided by its maximum, as ``minmax`` does."""
    coarse = np.array([fields.resample(volume, COARSE.size) for volume in maps])
    return coarse / coarse.max(axis=(1, 2, 3), keepdims=True)


@functools.cache
def region_weights() -> dict[str, np.ndarray]:
    """Region -> part of each voxel of the 32^3 grid that lies in it; sums over it are those over the 3 mm grid."""
    labels, affine, label_of_name = aal_atlas()
    to_aal = np.linalg.inv(affine) @ WORKING_GRID.affine
    sampled = ndimage.affine_transform(
        labels.astype(np.int16), to_aal[:3, :3], to_aal[:3, 3], output_shape=WORKING_GRID.shape, order=0
    )
    regions = {
        region: np.isin(sampled, [int(label) for name, label in label_of_name.items() if name.startswith(stems)])
        for region, stems in AAL_REGIONS.items()
    }
    regions["pons"] = reference_weights(WORKING_GRID, "pons")
    regions["deep white matter"] = deep_white_matter()
    return {name: fields.resample(where.astype(float), COARSE.size) for name, where in regions.items()}


def deep_white_matter() -> np.ndarray:
    """Voxels of the 3 mm grid whose neighbours too are white matter in MNI152 (probability above 0.9)."""
    white, affine = load_map("white_matter")
    to_map = np.linalg.inv(affine) @ WORKING_GRID.affine
    sampled = ndimage.affine_transform(white, to_map[:3, :3], to_map[:3, 3], output_shape=WORKING_GRID.shape, order=1)
    return ndimage.binary_erosion(sampled > 0.9)


def region_mean(volume: np.ndarray, region: str) -> float:
    """Mean over a region of a volume on the 32^3 grid."""
    weights = region_weights()[region]
    return float((volume * weights).sum() / weights.sum())


def brain() -> np.ndarray:
    """The brain mask of the 32^3 grid."""
    return brain_mask(COARSE)
