"""Skull stripping: which voxels of a head scan are brain."""

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from pcsa_jax.data.preprocessing.ants_images import to_ants, to_volume
from pcsa_jax.data.preprocessing.steps import Step, load_extra, software
from pcsa_jax.data.volumes import Volume
from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    from ants import ANTsImage

THRESHOLD = 0.5
"""Probability above which deepbet's answer is brain."""

BRAIN_LITRES = (0.6, 2.5)
"""Volumes (CSF around the brain included) outside of which a mask is not that of a whole adult brain."""


def brain_mask(t1: "ANTsImage", *, subject: str) -> tuple["ANTsImage", Step]:
    """The brain, cerebellum and the CSF between the gyri included.

    The network looks at the head as a whole, so the scan need not be corrected for bias, but it must be RAS.

    Args:
      t1: a head in RAS voxel order.
      subject: who it is, for the message.

    Returns:
      A mask of 0 and 1 on the grid of ``t1``, in one piece and without holes.

    Raises:
      UserError: if no brain of a human's size is found.
    """
    bet = load_extra("deepbet").BrainExtraction(no_gpu=True)
    volume = to_volume(t1)
    try:
        _, found, _ = bet.run(nib.Nifti1Image(volume.data, volume.affine), threshold=THRESHOLD)
        mask = np.asarray(found.dataobj, np.float32)
    except (AssertionError, ValueError):  # what it raises when there is nothing like a head
        mask = np.zeros(volume.data.shape, np.float32)
    litres = float(mask.sum() * abs(np.linalg.det(volume.affine[:3, :3])) / 1e6)
    if not BRAIN_LITRES[0] <= litres <= BRAIN_LITRES[1]:
        raise UserError(
            f"{subject}: expected a brain of {BRAIN_LITRES[0]} to {BRAIN_LITRES[1]} litres, found {litres:.2f}. "
            "Check that the file is a T1-weighted scan of a whole head, with a right header."
        )
    step = Step("skull stripping", software("deepbet"), {"threshold": THRESHOLD, "brain_litres": round(litres, 3)})
    return to_ants(Volume(mask, volume.affine)), step
