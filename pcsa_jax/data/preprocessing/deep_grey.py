"""Thalamus and basal ganglia, split into grey and white matter by an intensity model of their own.

Their grey value lies between those of cortex and white matter, nearer to one or the other in every scan. Three classes
for the whole brain take more or less of them for white matter, as the contrast of the scan has it.
"""

import functools
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from pcsa_jax.data.mni152 import load_brain
from pcsa_jax.data.preprocessing.registration import Registration, carry_from_mni
from pcsa_jax.data.preprocessing.steps import Step, software
from pcsa_jax.data.preprocessing.tissues import Tissues
from pcsa_jax.data.regions import aal_atlas
from pcsa_jax.data.volumes import Volume

if TYPE_CHECKING:
    from ants import ANTsImage

STRUCTURES = ("Thalamus", "Caudate", "Putamen", "Pallidum")
"""How AAL's names begin. Hippocampus and amygdala are as dark as cortex and need no model of their own."""

REACH_MM = 4.0
"""The model's say is whole in the atlas' structures and falls to none at this distance: registration is no better."""

BLUR_MM = 1.5
"""SD of the Gaussian that makes a probability of the atlas' labels."""

LEAST_PRIOR = 0.03
"""The atlas excludes neither tissue anywhere: where they look different, the scan decides."""

LEAST_SD = 0.5
"""Of a structure's grey value, in SD of white matter: noise and texture are the same in both."""

SURELY_WHITE = 0.95
ITERATIONS = 15


class DeepGrey(NamedTuple):
    """Where in MNI152 the structures are.

    Attributes:
      weights: structures x y z, 0 to 1, how much each structure's model decides; at most one is above 0 anywhere.
      prior: x y z, 0 to 1, probability that tissue there is grey rather than white matter.
      affine: voxel to MNI152, mm.
    """

    weights: np.ndarray
    prior: np.ndarray
    affine: np.ndarray


@functools.cache
def deep_grey() -> DeepGrey:
    """The structures on the MNI152 maps' own grid, 1 mm, float32, read-only.

    Source: AAL, Tzourio-Mazoyer et al., NeuroImage 2002.
    """
    brain, affine = load_brain()
    labels, atlas_affine, label_of_name = aal_atlas()
    to_atlas = np.linalg.inv(atlas_affine) @ affine
    fine = ndimage.affine_transform(labels, to_atlas[:3, :3], to_atlas[:3, 3], output_shape=brain.shape, order=0)
    inside = [
        np.isin(fine, [label for name, label in label_of_name.items() if name.startswith(start)])
        for start in STRUCTURES
    ]
    sizes = nib.affines.voxel_sizes(affine)
    away = np.stack([ndimage.distance_transform_edt(~where, sampling=sizes) for where in inside])
    near = np.clip(1 - away.min(axis=0) / REACH_MM, 0, 1)
    whole = near**2 * (3 - 2 * near)  # without a kink at either end
    weights = np.where(np.arange(len(STRUCTURES))[:, None, None, None] == away.argmin(axis=0), whole, 0)
    prior = ndimage.gaussian_filter(np.any(inside, axis=0).astype(np.float32), BLUR_MM / sizes)
    found = DeepGrey(weights.astype(np.float32), np.clip(prior, 0, 1), affine)
    found.weights.flags.writeable = found.prior.flags.writeable = False
    return found


def split_deep_grey(t1: "ANTsImage", tissues: Tissues, registration: Registration) -> tuple[Tissues, Step]:
    """Splits what is no CSF in and around the deep structures anew; everything else stays as it is.

    Deviation: the paper's CAT12 classes all of the brain at once, by local intensities.

    Args:
      t1: bias-corrected; the tissues lie on its grid.
    """
    weights, prior, affine = deep_grey()
    carried = [carry_from_mni(Volume(volume, affine), registration, onto=t1).numpy() for volume in (*weights, prior)]
    grey, white = split(
        t1.numpy(), tissues.grey_matter.numpy(), tissues.white_matter.numpy(), np.stack(carried[:-1]), carried[-1]
    )
    parameters = {
        "atlas": "AAL", "structures": list(STRUCTURES), "reach_mm": REACH_MM, "blur_mm": BLUR_MM,
        "iterations": ITERATIONS,
    }  # fmt: skip
    step = Step("split of deep grey and white matter (two Gaussians a structure)", software("numpy"), parameters)
    of = t1.new_image_like
    return tissues._replace(grey_matter=of(grey), white_matter=of(white)), step


def split(
    scan: np.ndarray, grey: np.ndarray, white: np.ndarray, weights: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Grey and white matter with the part that is grey taken from each structure's model, as far as it decides.

    Args:
      scan: grey values x y z, any unit.
      grey, white: probabilities; their sum stays what it is.
      weights, prior: as in :class:`DeepGrey`, on the same grid.

    Returns:
      Grey and white matter, float32 x y z.
    """
    tissue = grey + white
    part = np.divide(grey, tissue, out=np.zeros_like(tissue), where=tissue > 0)
    surely = scan[white > SURELY_WHITE]
    mean = float(np.median(surely)) if surely.size else 0.0
    std = 1.4826 * float(np.median(np.abs(surely - mean))) if surely.size else 0.0
    if std == 0:  # no white matter, or no scan: nothing to compare with
        return grey, white
    change = np.zeros_like(part)
    for weight in weights:
        where = weight * tissue > 0
        if where.any():
            found = _part_grey(scan[where], (weight * tissue)[where], prior[where], white_mean=mean, white_std=std)
            change[where] += weight[where] * (found - part[where])
    part = np.clip(part + change, 0, 1)
    return (tissue * part).astype(np.float32), (tissue * (1 - part)).astype(np.float32)


def _part_grey(
    values: np.ndarray, weights: np.ndarray, prior: np.ndarray, *, white_mean: float, white_std: float
) -> np.ndarray:
    """Probability of grey rather than white matter of n voxels: EM for the grey Gaussian, the white one stays.

    A structure that is as bright as white matter is what the atlas says; no contrast is too small.
    """
    prior = np.clip(prior, LEAST_PRIOR, 1 - LEAST_PRIOR)
    found = prior
    for _ in range(ITERATIONS):
        share = weights * found
        mean = min(float((share * values).sum() / share.sum()), white_mean)
        std = max(float(np.sqrt((share * (values - mean) ** 2).sum() / share.sum())), LEAST_SD * white_std)
        # Beyond the means a voxel is as sure as at them: the wider Gaussian has no claim to the other's far end.
        x = np.clip(values, mean, white_mean)
        log_grey = -0.5 * ((x - mean) / std) ** 2 - np.log(std) + np.log(prior)
        log_white = -0.5 * ((x - white_mean) / white_std) ** 2 - np.log(white_std) + np.log(1 - prior)
        found = 1 / (1 + np.exp(np.clip(log_white - log_grey, -50, 50)))
    return found
