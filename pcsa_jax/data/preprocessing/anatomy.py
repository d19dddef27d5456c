"""A raw T1-weighted scan to the paper's input: tissues in the scan's own space and the way to MNI152."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcsa_jax.data.preprocessing.brain_mask import brain_mask
from pcsa_jax.data.preprocessing.cerebellum import cerebellum
from pcsa_jax.data.preprocessing.deep_grey import split_deep_grey
from pcsa_jax.data.preprocessing.registration import Registration, carry_from_mni, register
from pcsa_jax.data.preprocessing.steps import Step, load_extra, software
from pcsa_jax.data.preprocessing.t1 import open_t1
from pcsa_jax.data.preprocessing.tissues import Tissues, segment

if TYPE_CHECKING:
    from ants import ANTsImage

SHRINK_FACTOR = 4
"""The bias field is smooth: it is looked for on every fourth voxel along each axis."""

BIAS_ITERATIONS = (50, 50, 50, 50)
BIAS_TOLERANCE = 1e-6

MARGIN_VOXELS = 5
"""Around the brain, when the rest of the head is cut off for the steps that look at the brain alone."""


class Anatomy(NamedTuple):
    """What is known of a head after its T1 has been worked through.

    Attributes:
      t1: bias-corrected, RAS voxel order, in the scan's own space; head, not only brain.
      brain_mask, grey_matter, white_matter, csf: 0 to 1 on the grid of ``t1``.
      to_mni: transform files for ``ants.apply_transforms``, from the T1 to MNI152.
      from_mni, from_mni_inverted: the same from MNI152 to the T1, with ``whichtoinvert``.
      steps: what was done, in order.
    """

    t1: "ANTsImage"
    brain_mask: "ANTsImage"
    grey_matter: "ANTsImage"
    white_matter: "ANTsImage"
    csf: "ANTsImage"
    to_mni: tuple[str, ...]
    from_mni: tuple[str, ...]
    from_mni_inverted: tuple[bool, ...]
    steps: tuple[Step, ...]


def prepare_anatomy(t1: Path, *, folder: Path, remove_cerebellum: bool = False) -> Anatomy:
    """Works through a raw T1-weighted scan; section 4.1 of the paper.

    Args:
      t1: a NIfTI file of a whole head, skull included.
      folder: scratch, where the transform files live.
      remove_cerebellum: whether the tissues are 0 in the cerebellum.

    Raises:
      UserError: if the scan cannot be used.
    """
    subject = t1.name
    head, reorientation = open_t1(t1, subject=subject)
    mask, stripping = brain_mask(head, subject=subject)
    head, correction = correct_bias(head, mask)
    brain, brain_only = (_cropped(image, mask) for image in (head * mask, mask))
    registration, registering = register(brain, folder=folder)
    tissues, segmentation = segment(brain, brain_only, registration, folder=folder)
    tissues, deep = split_deep_grey(brain, tissues, registration)
    steps = [reorientation, stripping, correction, registering, segmentation, deep]
    if remove_cerebellum:
        tissues, removal = _without_cerebellum(tissues, registration)
        steps.append(removal)
    on_head = {name: _uncropped(image, head) for name, image in tissues._asdict().items()}
    return Anatomy(
        t1=head, brain_mask=mask, **on_head, **registration._asdict(), steps=tuple(steps),
    )  # fmt: skip


def correct_bias(head: "ANTsImage", mask: "ANTsImage") -> tuple["ANTsImage", Step]:
    """Divides ``head`` by the smooth field that makes the brain in ``mask`` uneven (N4).

    Deviation: the paper uses N3, which N4 was made to replace; Tustison et al., IEEE Trans Med Imaging 2010.
    """
    ants = load_extra("ants")
    convergence = {"iters": list(BIAS_ITERATIONS), "tol": BIAS_TOLERANCE}
    corrected = ants.n4_bias_field_correction(head, mask=mask, shrink_factor=SHRINK_FACTOR, convergence=convergence)
    parameters = {"shrink_factor": SHRINK_FACTOR, "iterations": list(BIAS_ITERATIONS), "tolerance": BIAS_TOLERANCE}
    return corrected, Step("bias correction (N4)", software("ants"), parameters)


def _without_cerebellum(tissues: Tissues, registration: Registration) -> tuple[Tissues, Step]:
    keep = 1 - carry_from_mni(cerebellum(), registration, onto=tissues.grey_matter)
    return Tissues(*(image * keep for image in tissues)), Step("cerebellum removal", software("ants"), {"atlas": "AAL"})


def _cropped(image: "ANTsImage", mask: "ANTsImage") -> "ANTsImage":
    """The box of ``mask`` and a margin, as far as the image goes."""
    inside = np.argwhere(mask.numpy() > 0)
    low = np.maximum(inside.min(axis=0) - MARGIN_VOXELS, 0)
    high = np.minimum(inside.max(axis=0) + 1 + MARGIN_VOXELS, mask.shape)
    return load_extra("ants").crop_indices(image, low.tolist(), high.tolist())


def _uncropped(image: "ANTsImage", onto: "ANTsImage") -> "ANTsImage":
    """``image`` put back into the empty grid of ``onto``, from which it was cut."""
    return load_extra("ants").decrop_image(image, onto * 0)
