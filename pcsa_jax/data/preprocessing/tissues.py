"""Grey matter, white matter and CSF of a brain, with the MNI152 tissue maps as the first guess."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcsa_jax.data.grid import SPACE
from pcsa_jax.data.mni152 import load_map
from pcsa_jax.data.preprocessing.registration import Registration, carry_from_mni
from pcsa_jax.data.preprocessing.steps import Step, load_extra, scratch, software
from pcsa_jax.data.volumes import Volume

if TYPE_CHECKING:
    from ants import ANTsImage

PRIOR_WEIGHT = 0.0
"""0: the MNI152 maps begin the search and then the scan decides alone.

An average map is blurred: where it keeps its say, the sulci of one brain fill with the grey matter of others. Dice of
grey matter on a real T1 and a simulated one: 0.82 and 0.98 with weight 0, 0.78 and 0.95 with 0.25.
"""

MRF_SMOOTHING = 0.1
ITERATIONS = 5
CONSTANT_SEED = 0
"""Atropos' ``--use-random-seed``: it updates labels in random order, by a seed of the clock unless told otherwise."""


class Tissues(NamedTuple):
    """Probabilities 0 to 1 on the grid of the T1; they sum to 1 in the brain mask and are 0 outside."""

    csf: "ANTsImage"
    grey_matter: "ANTsImage"
    white_matter: "ANTsImage"


def tissue_priors() -> tuple[np.ndarray, np.ndarray]:
    """CSF, grey and white matter of MNI152, float32 (3, x, y, z) that sum to 1 everywhere, and the affine (mm).

    MNI152 comes without a map of CSF: it is what grey and white matter leave, in the brain and around it.
    """
    grey, affine = load_map("grey_matter")
    white, _ = load_map("white_matter")
    total = np.maximum(grey + white, 1)
    grey, white = grey / total, white / total
    return np.stack([np.maximum(1 - grey - white, 0), grey, white]).astype(np.float32), affine


def segment(t1: "ANTsImage", mask: "ANTsImage", registration: Registration, *, folder: Path) -> tuple[Tissues, Step]:
    """Segments a bias-corrected T1 inside ``mask`` with Atropos: three Gaussians and a Markov random field.

    Deviation: the paper segments with CAT12, which needs MATLAB or its runtime.

    Args:
      folder: scratch.
    """
    ants = load_extra("ants")
    priors, affine = tissue_priors()
    carried = [
        carry_from_mni(Volume(prior, affine), registration, onto=t1, outside=float(tissue == "csf"))
        for tissue, prior in zip(Tissues._fields, priors, strict=True)
    ]
    scan, inside, *first = (_without_position(image) for image in (t1, mask, *carried))
    with scratch(folder):
        found = ants.atropos(
            a=scan, x=inside, i=first, m=f"[{MRF_SMOOTHING},1x1x1]", c=f"[{ITERATIONS},0]", priorweight=PRIOR_WEIGHT,
            r=CONSTANT_SEED,
        )  # fmt: skip
    parameters = {
        "priors": SPACE, "prior_weight": PRIOR_WEIGHT, "mrf_smoothing": MRF_SMOOTHING, "iterations": ITERATIONS,
        "seed": "constant",
    }  # fmt: skip
    step = Step("segmentation into grey matter, white matter and CSF (Atropos)", software("ants"), parameters)
    return Tissues(*(ants.copy_image_info(t1, image) for image in found["probabilityimages"])), step


def _without_position(image: "ANTsImage") -> "ANTsImage":
    """The same voxels at the origin, 1 mm, straight.

    Atropos reads the priors from files, whose float32 headers put them elsewhere than the scan by a rounding error, and
    refuses them; the segmentation itself does not ask where the voxels are.
    """
    plain = image.clone()
    plain.set_origin((0.0,) * 3)
    plain.set_spacing((1.0,) * 3)
    plain.set_direction(np.eye(3))
    return plain
