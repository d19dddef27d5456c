"""What single images are judged by, of a few volumes."""

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import Pairs
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.regional_values import all_values, value_names
from pcsa_jax.data.trust.familiarity import Familiarity
from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.data.trust.statistics import TRIVIAL, VALUES, Trust
from pcsa_jax.data.trust.uptake_norm import UptakeNorm


def fit_tiny_trust(pairs: Pairs, synthetic: np.ndarray) -> Trust:
    """All parts, from each pair and a second that is brighter by a little; everybody is normal."""
    grid = Grid(pairs.mri.shape[1])
    mri = np.concatenate([pairs.mri, pairs.mri**1.05])
    pet = np.concatenate([pairs.pet, 0.97 * pairs.pet])
    made = np.concatenate([synthetic, synthetic])
    count = len(mri)
    norm = UptakeNorm.fit(
        pet, ages=[60.0 + i for i in range(count)], sexes=["F", "M"] * (count // 2), grid=grid
    )  # fmt: skip
    about = {
        "training_people": count, "calibration_people": count, VALUES: value_names(), "norm": norm.describe(),
        "norm_missing": "",
    }  # fmt: skip
    intervals = Intervals.fit(pet - made, all_values(pet, grid) - all_values(made, grid))
    return Trust(Familiarity.fit(mri), intervals, norm, Prior.fit(TRIVIAL, mri, pet), about)
