"""Where the cerebellum is in MNI152, for those who leave it out."""

import functools

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.mni152 import load_brain
from pcsa_jax.data.regions import aal_atlas
from pcsa_jax.data.volumes import Volume

NAMES = ("Cerebelum", "Vermis")
"""How AAL's names of the cerebellum's parts begin (its own spelling)."""

REACH_MM = 4.0
"""AAL labels end short of the surface: brain this far from a cerebellar label, and nearer to it than to any other, is
cerebellum too."""


@functools.cache
def cerebellum() -> Volume:
    """1 in the cerebellum of MNI152, else 0; float32, 1 mm, the MNI152 maps' own grid, read-only.

    Source: AAL, Tzourio-Mazoyer et al., NeuroImage 2002.
    """
    brain, affine = load_brain()
    labels, atlas_affine, label_of_name = aal_atlas()
    wanted = [label for name, label in label_of_name.items() if name.startswith(NAMES)]
    to_atlas = np.linalg.inv(atlas_affine) @ affine
    fine = ndimage.affine_transform(labels, to_atlas[:3, :3], to_atlas[:3, 3], output_shape=brain.shape, order=0)
    sizes = nib.affines.voxel_sizes(affine)
    to_cerebellum = ndimage.distance_transform_edt(~np.isin(fine, wanted), sampling=sizes)
    to_other = ndimage.distance_transform_edt((fine == 0) | np.isin(fine, wanted), sampling=sizes)
    inside = (brain & (to_cerebellum <= REACH_MM) & (to_cerebellum < to_other)).astype(np.float32)
    inside.flags.writeable = False
    return Volume(inside, affine)
