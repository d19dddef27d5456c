"""The arms of the classification: what the network is given, in training and when it is scored."""

from typing import NamedTuple

from pcsa_jax.model.classifier import INPUTS


class Arm(NamedTuple):
    """What the network's branches are given; network, budget and seed are the same in all arms.

    Attributes:
      branches: of :class:`~pcsa_jax.model.classifier.Classifier`.
      trained_with: which of the volumes below the PET's branch is given in training and on the validation part.
      scored_with: which it is given on subjects it has not seen; where there is no real PET, ``real`` drops out.
    """

    branches: tuple[str, ...]
    trained_with: str
    scored_with: tuple[str, ...]


NONE, REAL, SYNTHETIC, MEAN, MRI = "none", "real", "synthetic", "mean", "mri"
"""What the PET's branch is given: there is no such branch; the measured PET; the generator's; the mean real PET of the
training subjects; the map that the other branch is given too."""

ARMS: dict[str, Arm] = {
    "mri": Arm(INPUTS[:1], NONE, (NONE,)),
    # Trained on measured PET, used where there is none: the paper's own protocol.
    "mri+real_pet": Arm(INPUTS, REAL, (REAL, SYNTHETIC)),
    "mri+synthetic_pet": Arm(INPUTS, SYNTHETIC, (SYNTHETIC,)),
    # Controls: the second branch without any information, and without any new one.
    "mri+mean_pet": Arm(INPUTS, MEAN, (MEAN,)),
    "mri+mri": Arm(INPUTS, MRI, (MRI,)),
}
"""Name in tables and folders -> the arm.

A synthetic PET is a function of the MRI: what ``mri+synthetic_pet`` gains over ``mri`` and the controls is a better
representation of the same information, never more of it.
"""
