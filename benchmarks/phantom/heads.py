"""Grey-matter maps of people, from a cohort folder, and where in them to look."""

import functools
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.phantom import fields
from pcsa_jax.data.phantom.subject import WORKING_GRID
from pcsa_jax.data.regions import aal_atlas, brain_mask, reference_weights

COARSE = Grid(32)
"""Where people are compared: the demo's grid."""

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
    """Volumes of some people on the 3 mm grid, smoothed to 8 mm.

    Attributes:
      names: ``sub-02``, ...
      diagnoses: ``CN``, ... or empty.
      grey_matter: people x y z, in [0, 1].
      csf: the same, or None where a cohort has none.
      pet: people x y z, or None where somebody has none.
    """

    names: tuple[str, ...]
    diagnoses: tuple[str, ...]
    grey_matter: np.ndarray
    csf: np.ndarray | None = None
    pet: np.ndarray | None = None

    @property
    def is_cn(self) -> np.ndarray:
        return np.array([diagnosis == "CN" for diagnosis in self.diagnoses])

    def take(self, wanted: list[int]) -> "Heads":
        """Some of the people, by their place."""
        csf, pet = (None if volumes is None else volumes[wanted] for volumes in (self.csf, self.pet))
        names, diagnoses = (tuple(words[i] for i in wanted) for words in (self.names, self.diagnoses))
        return Heads(names, diagnoses, self.grey_matter[wanted], csf, pet)


def read_heads(root: Path, *, needs_csf: bool = False, needs_pet: bool = False) -> Heads:
    """The people of a cohort of 64^3 volumes; maps of CSF lie beside those of grey matter, named ``label-CSF``.

    Raises:
      UserError: if it is no cohort.
      ValueError: if a volume lies on another grid, or somebody lacks a map of CSF or a PET that is needed.
    """
    people = read_cohort(root).subjects
    csf = [csf_path(person.mri) for person in people]
    has_csf = all(path.is_file() and path != person.mri for path, person in zip(csf, people, strict=True))
    has_pet = all(person.pet is not None for person in people)
    for needed, there, what in ((needs_csf, has_csf, "map label-CSF_probseg"), (needs_pet, has_pet, "PET")):
        if needed and not there:
            raise ValueError(f"{root}: expected a {what} of each of {len(people)} people, found none of some")
    return Heads(
        tuple(person.participant_id for person in people),
        tuple(person.diagnosis or "" for person in people),
        np.array([read_map(person.mri) for person in people]),
        np.array([read_map(path) for path in csf]) if has_csf else None,
        np.array([read_map(person.pet) for person in people]) if has_pet else None,
    )


def csf_path(mri: Path) -> Path:
    """Where the map of CSF lies that belongs to a map of grey matter."""
    return mri.with_name(mri.name.replace("label-GM", "label-CSF"))


def read_map(path: Path) -> np.ndarray:
    """A volume on the 3 mm grid, float32; ValueError if it lies on another."""
    image = nib.load(path)
    if image.shape != WORKING_GRID.shape or not np.allclose(image.affine, WORKING_GRID.affine):
        raise ValueError(f"{path}: expected the 64^3 grid of 3 mm, found {image.shape}")
    return np.asarray(image.dataobj, np.float32)


def at_coarse(volumes: np.ndarray) -> np.ndarray:
    """Volumes (n x 64^3) on the 32^3 grid."""
    return np.array([fields.resample(volume, COARSE.size) for volume in volumes])


def at_six_mm(maps: np.ndarray) -> np.ndarray:
    """People x y z on the 32^3 grid, each divided by its maximum, as ``minmax`` does."""
    coarse = at_coarse(maps)
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
