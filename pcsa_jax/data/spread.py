"""How much volumes differ within and between people, beside how much the real ones do: a generator may lose either."""

from typing import NamedTuple

import numpy as np

LEAST_SHARE = 0.05
"""Of the real PET's SD that a generator's output has at least.

The best guess of a PET from an MRI has the real SD times their correlation: at a twentieth, what is shown is a quarter
of a per cent of the variance, which is nothing. The demo's generator has 1.03 within and 0.84 between people.
"""

WITHIN, BETWEEN = "output_is_constant", "output_is_the_same"


class Spread(NamedTuple):
    """Standard deviations of volumes in [0, 1].

    Attributes:
      within: over the voxels of one volume, mean over the volumes.
      between: over the volumes at one voxel, root mean square over the voxels; 0 for one volume.
    """

    within: float
    between: float


def spread_of(volumes: np.ndarray, mask: np.ndarray) -> Spread:
    """The spread of volumes ``(n, x, y, z)`` inside ``mask`` (x y z), one volume in memory at a time."""
    total = np.zeros(int(mask.sum()))
    within, squares = 0.0, 0.0
    for volume in volumes:
        values = volume[mask].astype(np.float64)
        total += values
        within += values.std() / len(volumes)
    mean = total / len(volumes)
    for volume in volumes:
        squares += ((volume[mask] - mean) ** 2).mean() / len(volumes)
    return Spread(float(within), float(np.sqrt(squares)))


def judge_spread(found: Spread, real: Spread) -> dict[str, str]:
    """What a generator's output lacks, as :data:`WITHIN` or :data:`BETWEEN` -> one sentence; empty if it lacks nothing.

    Nothing is said where the real volumes have no spread themselves, as a single one has none between people.
    """
    lacking = {}
    if found.within < LEAST_SHARE * real.within:
        lacking[WITHIN] = _sentence("the generator's output is nearly constant in the brain", found.within, real.within)
    if found.between < LEAST_SHARE * real.between:
        text = "the generator gives nearly the same volume to everybody"
        lacking[BETWEEN] = _sentence(text, found.between, real.between)
    return lacking


def _sentence(text: str, found: float, real: float) -> str:
    return f"{text}: expected an SD of at least {LEAST_SHARE * real:.2g} (real PET: {real:.2g}), found {found:.2g}"
