"""How sure is a synthetic PET? Intervals from the errors on people that the generator has not learnt from.

Split conformal prediction (Vovk et al., 2005; Lei et al., JASA 2018): the interval is the prediction plus order
statistics of the errors on calibration subjects. For people who are exchangeable with them, and for one voxel or region
looked at by itself, it covers the real value in at least the nominal share of people. It says nothing of all voxels of
one person at once, and nothing of people of another kind.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

LEVELS = (0.9, 0.8)
"""Nominal coverage, the widest first that the number of calibration subjects allows."""

ENOUGH_FOR_GUARANTEE = 120
"""Calibration subjects below which nothing is called a guarantee: realised coverage varies by SD 2.7 % even then."""


def level_for(count: int) -> float | None:
    """The largest of :data:`LEVELS` whose limits are errors of ``count`` people rather than beyond all; None: none."""
    return next((level for level in LEVELS if (count + 1) * (1 - level) / 2 >= 1 - 1e-9), None)


class RegionalInterval(NamedTuple):
    """Between which two values a number of the real PET lies."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class Intervals:
    """Errors (real minus synthetic) of calibration subjects.

    Attributes:
      low, high: order statistics of the error at each voxel, x y z, float32; of errors in units of ``spread``'s ratio
        if that is there.
      spread: mean SD over an ensemble's members, x y z, float32; zeros where errors are not scaled by it.
      regional: error of each number (columns) of each calibration subject (rows), float32 (n, m).
      count: calibration subjects, float32 (1,).
    """

    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray
    regional: np.ndarray
    count: np.ndarray

    @classmethod
    def fit(cls, errors: np.ndarray, regional: np.ndarray, spreads: np.ndarray | None = None) -> Self | None:
        """From errors ``(n, x, y, z)``; None if the people are too few for any of :data:`LEVELS`.

        Args:
          errors: real minus synthetic PET.
          regional: the same of single numbers, (n, m); NaN where a real PET has none counts as any error.
          spreads: SD over the ensemble's members that have not learnt from each subject, like ``errors``; None to
            leave the errors as they are.
        """
        level = level_for(len(errors))
        if level is None:
            return None
        spread = np.zeros(errors.shape[1:], np.float32)
        if spreads is not None:
            spread = np.maximum(spreads.mean(axis=0), 1e-6).astype(np.float32)
            errors = errors / _ratio(spreads, spread)
        ends = (1 - level) / 2, (1 + level) / 2
        # Weibull's positions k / (n + 1): an interpolated end keeps the coverage that the order statistics have.
        low, high = np.quantile(errors, ends, axis=0, method="weibull")
        return cls(
            low.astype(np.float32), high.astype(np.float32), spread,
            np.nan_to_num(np.asarray(regional, np.float32), nan=np.inf, posinf=np.inf),
            np.array([len(errors)], np.float32),
        )  # fmt: skip

    @property
    def num_people(self) -> int:
        """Calibration subjects."""
        return int(self.count[0])

    @property
    def level(self) -> float:
        """Nominal coverage."""
        return level_for(self.num_people) or LEVELS[-1]

    @property
    def is_scaled(self) -> bool:
        """Whether an ensemble's SD makes the interval of each subject wider or narrower."""
        return bool(self.spread.any())

    def around(self, pet: np.ndarray, std: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end at each voxel of synthetic PET ``(..., x, y, z)`` in [0, 1], float32, not below 0.

        Args:
          pet: of one or several subjects.
          std: SD over the ensemble's members, where :attr:`is_scaled`.
        """
        ratio = _ratio(std, self.spread) if self.is_scaled and std is not None else np.float32(1)
        low, high = pet + ratio * self.low, pet + ratio * self.high
        return np.maximum(low, 0).astype(np.float32), np.maximum(high, 0).astype(np.float32)

    def regionally(self, values: Sequence[float]) -> list[RegionalInterval]:
        """An interval for each of the synthetic PET's numbers, in the order of the columns of :attr:`regional`.

        The lower end is the floor((n + 1) a / 2)-th smallest error, the upper the same from above (a = 1 - level).
        """
        errors = np.sort(self.regional, axis=0)
        rank = int(np.floor((self.num_people + 1) * (1 - self.level) / 2 + 1e-9))
        low, high = errors[rank - 1], errors[-rank]
        return [RegionalInterval(float(v + a), float(v + b)) for v, a, b in zip(values, low, high, strict=True)]

    def describe(self) -> str:
        """What the interval is and is not, one sentence."""
        share = f"{100 * self.level:.0f} %"
        who = f"{share} of {self.num_people} people, whom the generator has not learnt from"
        start = f"The real PET of {who}, lies within it"
        if self.num_people < ENOUGH_FOR_GUARANTEE:
            return (
                f"{start}, at each voxel by itself; with fewer than {ENOUGH_FOR_GUARANTEE} of them that is an estimate "
                "and no guarantee"
            )
        return (
            f"{start}, at each voxel by itself; so will that of at least {share} of people who are drawn like them "
            "(split conformal), and nobody knows of people of another kind"
        )


def _ratio(std: np.ndarray, mean_std: np.ndarray) -> np.ndarray:
    """How much wider an interval is where the members differ more than usual: 1/2 at least, 1 on average."""
    return ((std + mean_std) / (2 * mean_std)).astype(np.float32)


def covered(real: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether each real value lies in its interval, bool; all arrays of one shape."""
    return (real >= low) & (real <= high)


def by_width(inside: np.ndarray, width: np.ndarray, parts: int = 4) -> list[float]:
    """Coverage of the voxels (or regions) whose intervals are narrowest, ... , widest: size-stratified coverage.

    Source: Angelopoulos and Bates, arXiv 2107.07511, section 4.1.
    """
    order = np.argsort(width, axis=None, kind="stable")
    return [float(inside.ravel()[own].mean()) for own in np.array_split(order, parts)]
