"""Is a grey-matter map one that a model knows? Its distance to the training maps, against theirs to each other."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from scipy import ndimage
from threadpoolctl import threadpool_limits

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.trust.map_measures import MEASURES, measure_map
from pcsa_jax.data.trust.subspace import Subspace, fit_subspace, left_out

COMPONENTS = 10
MIN_PEOPLE = 20
"""Below this many a share of 5 % of them is nobody, and nothing can be called unusual."""

MOST_PEOPLE = 400
"""More training maps than this are thinned out evenly: what is usual is known then."""

USUAL = 0.95
"""Of the training subjects, each compared with the others, this part counts as *as trained*."""

OUTSIDE = 2.0
"""A map this many times as far as the limit of the usual is outside of what the model knows."""

PATCH_MM = 18.0
"""Edge of the cubes over which the local distance is averaged: smaller oddities are left to the eye."""

AS_TRAINED, UNUSUAL, OUTSIDE_VERDICT = "as trained", "unusual", "outside"
VERDICTS = (AS_TRAINED, UNUSUAL, OUTSIDE_VERDICT)

DISTANCES = {
    "within": "distance along the training maps' components",
    "residual": "distance from the training maps' components",
    "local": "largest local distance from the training maps' components",
}
LABELS = DISTANCES | {name: measure.label for name, measure in MEASURES.items()}
"""Everything that is looked at -> its name for print."""

IS_RATIO = np.array([True] * len(DISTANCES) + [measure.is_ratio for measure in MEASURES.values()])
LEAST = np.array([0.05, 0.05, 0.05] + [measure.least for measure in MEASURES.values()])
NO_NUMBER = 1e6
"""In place of what an empty map does not have: far from every map that has it."""

NEVER_BELOW_0 = (*DISTANCES, "empty", "outside")
ONE_SIDED = np.arange(len(LABELS)) < len(DISTANCES)


class Finding(NamedTuple):
    """One number of a map beside those of the training maps.

    Attributes:
      name: key of :data:`LABELS`.
      value: of the map.
      low, high: between which 95 % of the training maps lie (``low`` is 0 for distances).
      oddity: deviation from the middle over that of those limits; above 1 is unusual for this number alone.
      place: of the local distance of a map that is not as trained: where (MNI152), and in which direction.
    """

    name: str
    value: float
    low: float
    high: float
    oddity: float
    place: str = ""


class Assessment(NamedTuple):
    """What is said of one map.

    Attributes:
      verdict: one of :data:`VERDICTS`.
      percentile: part of the training subjects that are less unusual among the others, in percent.
      oddity: the largest of the findings', over the limit of the usual: above 1 unusual, above :data:`OUTSIDE` outside.
      findings: every number, the oddest first.
    """

    verdict: str
    percentile: float
    oddity: float
    findings: tuple[Finding, ...]

    def describe(self) -> dict[str, Any]:
        """For a sidecar."""
        return {
            "Verdict": self.verdict, "Percentile": round(self.percentile, 1), "Oddity": round(self.oddity, 3),
            "Reasons": [explain(finding) for finding in self.reasons],
            "Measures": {finding.name: round(finding.value, 5) for finding in self.findings},
        }  # fmt: skip

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The oddest numbers, of maps that are not as trained."""
        if self.verdict == AS_TRAINED:
            return ()
        return tuple(finding for finding in self.findings if finding.oddity > 1)[:3]


def explain(finding: Finding) -> str:
    """One finding in words."""
    unit = MEASURES[finding.name].unit if finding.name in MEASURES else ""
    low = f"{finding.low:.3g} to" if finding.low else "up to"
    value = f"{finding.value:.3g} {unit}".rstrip() + (f" {finding.place}" if finding.place else "")
    return f"{LABELS[finding.name]} {value} (95 % in training: {low} {finding.high:.3g})"


@dataclasses.dataclass(frozen=True, eq=False)
class Familiarity:
    """The training maps, as far as a new one is compared with them.

    Attributes:
      subspace: of the maps.
      noise: SD of what lies outside of it, x y z, float32.
      middle, limit: of each of :data:`LABELS` over the training maps (ratios as logarithms): median, and the
        deviation that 95 % of them do not exceed.
      oddities: of the training maps among the others, ascending, float32 (n,).
      size: voxels along an edge, int (1,).
    """

    subspace: Subspace
    noise: np.ndarray
    middle: np.ndarray
    limit: np.ndarray
    oddities: np.ndarray
    size: np.ndarray

    @classmethod
    def fit(cls, maps: np.ndarray, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Self | None:
        """From the training maps (n, x, y, z), normalised; None below :data:`MIN_PEOPLE`.

        Each map's distances are those to the subspace of the others, so that a new map has like among like.
        """
        if len(maps) < MIN_PEOPLE:
            return None
        if len(maps) > MOST_PEOPLE:
            maps = maps[np.unique(np.linspace(0, len(maps) - 1, MOST_PEOPLE).round().astype(int))]
        grid, number = Grid(maps.shape[1]), min(COMPONENTS, len(maps) // 4)
        subspace = fit_subspace(maps, number)
        noise = _noise(subspace, maps)
        rows = np.empty((len(maps), len(LABELS)))
        # Hundreds of small problems: several threads for each would wait for each other most of the time.
        with threadpool_limits(1):
            for row, others in left_out(maps, number):
                rows[row] = _numbers(maps[row], others, noise, grid)
                progress(row + 1, len(maps))
        middle = np.median(rows, axis=0)
        deviations = _deviations(rows, middle)
        limit = np.maximum(np.quantile(deviations, USUAL, axis=0), LEAST)
        oddities = np.sort((deviations / limit).max(axis=1))
        return cls(
            subspace, noise, middle.astype(np.float32), limit.astype(np.float32), oddities.astype(np.float32),
            np.array([grid.size], np.float32),
        )  # fmt: skip

    @property
    def usual(self) -> float:
        """The oddity that :data:`USUAL` of people like the training subjects do not exceed (n + 1 in the rank).

        At least 1: where the training maps hardly differ, what is smaller than :data:`LEAST` stays usual.
        """
        rank = min(int(np.ceil(USUAL * (len(self.oddities) + 1))), len(self.oddities))
        return max(float(self.oddities[rank - 1]), 1.0)

    def assess(self, volume: np.ndarray) -> Assessment:
        """What is said of a normalised map ``(x, y, z)`` on the grid of the training maps.

        Raises:
          ValueError: for another shape.
        """
        if volume.shape != self.subspace.mean.shape:
            raise ValueError(f"map: expected shape {self.subspace.mean.shape}, found {volume.shape}.")
        numbers = _numbers(volume, self.subspace, self.noise, Grid(volume.shape[0]))
        oddities = _deviations(numbers, self.middle) / self.limit
        total = float(oddities.max()) / self.usual
        verdict = AS_TRAINED if total <= 1 else UNUSUAL if total <= OUTSIDE else OUTSIDE_VERDICT
        percentile = 100 * float(np.mean(self.oddities < oddities.max()))
        low, high = (self._restored(self.middle + sign * self.limit) for sign in (-1, 1))
        place = "" if verdict == AS_TRAINED else self._place(volume)
        findings = [
            Finding(
                name,
                float(value),
                0.0 if name in NEVER_BELOW_0 else float(least),
                float(most),
                float(oddity),
                place if name == "local" else "",
            )
            for name, value, least, most, oddity in zip(
                LABELS, self._restored(numbers), low, high, oddities, strict=True
            )
        ]
        return Assessment(verdict, percentile, total, tuple(sorted(findings, key=lambda found: -found.oddity)))

    def _place(self, volume: np.ndarray) -> str:
        """Where the largest local distance is, and in which direction."""
        grid = Grid(volume.shape[0])
        local = _local(self.subspace.split(volume)[1], self.noise, grid)
        at = np.unravel_index(np.abs(local).argmax(), local.shape)
        place = np.round(grid.affine[:3, :3] @ at + grid.affine[:3, 3]).astype(int)
        x, y, z = (f"{value:+d}".replace("-", "−") if value else "0" for value in place)
        return f"at about ({x}, {y}, {z}) mm, {'more' if local[at] > 0 else 'less'} grey matter than theirs"

    @staticmethod
    def _restored(numbers: np.ndarray) -> np.ndarray:
        return np.where(IS_RATIO, np.exp(np.minimum(numbers, 50)), numbers)


def _noise(subspace: Subspace, maps: np.ndarray) -> np.ndarray:
    """SD of what lies outside of the subspace, with a floor: where no map varies, rounding error would be odd."""
    squares = np.zeros(maps.shape[1:])
    for volume in maps:
        squares += subspace.split(volume)[1] ** 2
    noise = np.sqrt(squares / (len(maps) - len(subspace.spread) - 1))
    return np.maximum(noise, 0.01).astype(np.float32)


def _local(rest: np.ndarray, noise: np.ndarray, grid: Grid) -> np.ndarray:
    """What lies outside of the subspace over its SD, averaged over the cube round each voxel: above 0 is more grey."""
    edge = max(1, round(PATCH_MM / grid.voxel_size_mm))
    return ndimage.uniform_filter(rest / noise, edge, mode="constant")


def _numbers(volume: np.ndarray, subspace: Subspace, noise: np.ndarray, grid: Grid) -> np.ndarray:
    """Every number of a map, in the order of :data:`LABELS`; ratios as logarithms."""
    within, rest = subspace.split(volume)
    local = _local(rest, noise, grid)
    distances = [within, float(np.sqrt(np.mean(rest**2))), float(np.abs(local).max())]
    with np.errstate(invalid="ignore", divide="ignore"):  # an empty map has no centre
        numbers = np.array([*distances, *measure_map(volume, subspace.mean, grid)])
    numbers = np.nan_to_num(numbers, nan=NO_NUMBER, posinf=NO_NUMBER)
    return np.where(IS_RATIO, np.log(np.maximum(numbers, 1e-9)), numbers)


def _deviations(numbers: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """From the middle, in either direction; of distances only upwards: no map is too near."""
    difference = numbers - middle
    return np.where(ONE_SIDED, np.maximum(difference, 0), np.abs(difference))
