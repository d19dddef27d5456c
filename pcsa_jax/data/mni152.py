"""The MNI152 maps that nilearn ships, without the two seconds that importing nilearn takes.

Source: MNI152NLin2009aSym (Fonov et al., NeuroImage 2011), 1 mm.
"""

import functools
import importlib.util
from pathlib import Path

import nibabel as nib
import numpy as np

MAPS = {
    "t1": ("mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", "load_mni152_template"),
    "grey_matter": ("mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz", "load_mni152_gm_template"),
    "white_matter": ("mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz", "load_mni152_wm_template"),
}
"""Map -> its file in nilearn's ``datasets/data`` and the function of ``nilearn.datasets`` that reads it."""

BRAIN_THRESHOLD = 0.2
"""The brain is where the T1 map, whose background is 0, is above this: nilearn's own rule."""


MIN_COVERAGE = 0.9
"""Part of the MNI152 brain that a volume's field of view must hold: one that holds less is not in MNI152 space."""


def load_map(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A map of :data:`MAPS`, float32 with its maximum at 1, and its voxel-to-MNI152 affine (mm)."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("The MNI152 maps are in 'nilearn'; pip install nilearn.")
    file, function = MAPS[name]
    path = Path(spec.submodule_search_locations[0], "datasets", "data", file)
    if path.is_file():
        image = nib.load(path)
    else:  # another version of nilearn may keep it elsewhere
        from nilearn import datasets

        image = getattr(datasets, function)(resolution=1)
    volume = np.asarray(image.dataobj).astype(np.float32)
    volume /= volume.max()
    return volume, image.affine


def load_brain() -> tuple[np.ndarray, np.ndarray]:
    """True in the MNI152 brain, cerebellum included, and the voxel-to-MNI152 affine (mm)."""
    t1, affine = load_map("t1")
    return t1 > BRAIN_THRESHOLD, affine


@functools.cache
def brain_points() -> np.ndarray:
    """Points throughout the MNI152 brain, n x 3, mm."""
    brain, affine = load_brain()
    step = 4  # a voxel is 1 mm: some thirty thousand points tell the part of a brain well enough
    return nib.affines.apply_affine(affine, step * np.argwhere(brain[::step, ::step, ::step]))


def coverage(shape: tuple[int, int, int], affine: np.ndarray) -> float:
    """Part of the MNI152 brain that lies in a volume's field of view, in [0, 1]; ``affine`` is voxel to world (mm)."""
    in_volume = nib.affines.apply_affine(np.linalg.inv(affine), brain_points())
    return float(((in_volume >= -0.5) & (in_volume <= np.array(shape) - 0.5)).all(axis=1).mean())
