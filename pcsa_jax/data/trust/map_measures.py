"""Single numbers of a grey-matter map that say how it was made: how much there is of it, where, and how smooth."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid

RIM, OUTSIDE = 0.05, 0.01
"""Of the training subjects' mean map: above the first grey matter is expected, below the second none."""


class Shape(NamedTuple):
    """What the measures of one map have in common.

    Attributes:
      volume: the map, x y z in [0, 1].
      mean: of the training subjects' maps.
      voxel_mm: edge of a voxel.
      total: sum of the map.
      centre, extent: of its mass along x, y, z: mean (MNI152) and SD, in mm.
    """

    volume: np.ndarray
    mean: np.ndarray
    voxel_mm: float
    total: float
    centre: np.ndarray
    extent: np.ndarray

    @classmethod
    def of(cls, volume: np.ndarray, mean: np.ndarray, grid: Grid) -> "Shape":
        total = float(volume.sum(dtype=float))
        centre, extent = np.empty(3), np.empty(3)
        for axis in range(3):
            mass = volume.sum(axis=tuple(other for other in range(3) if other != axis), dtype=float) / total
            mm = grid.affine[axis, axis] * np.arange(grid.size) + grid.affine[axis, 3]
            centre[axis] = mass @ mm
            extent[axis] = np.sqrt(mass @ (mm - centre[axis]) ** 2)
        return cls(volume, mean, grid.voxel_size_mm, total, centre, extent)


def _smoothness(shape: Shape) -> float:
    """Length (mm) over which the map changes by as much as it is high: root of the sums of squares over slopes."""
    slopes = sum(float(np.square(np.diff(shape.volume, axis=axis), dtype=float).sum()) for axis in range(3))
    return shape.voxel_mm * float(np.sqrt(np.square(shape.volume, dtype=float).sum() / slopes))


class MapMeasure(NamedTuple):
    """One number of a map.

    Attributes:
      label: for print.
      unit: "" for a ratio.
      of: shape -> the number.
      least: deviations smaller than this are never odd; relative if ``is_ratio``.
      is_ratio: compared by its logarithm.
    """

    label: str
    unit: str
    of: Callable[[Shape], float]
    least: float
    is_ratio: bool = False


MEASURES: dict[str, MapMeasure] = {
    "volume": MapMeasure("grey-matter volume", "mL", lambda s: s.total * s.voxel_mm**3 / 1000, 0.05, is_ratio=True),
    **{
        f"centre_{name}": MapMeasure(f"centre, {name}", "mm", lambda s, axis=axis: float(s.centre[axis]), 1.0)
        for axis, name in enumerate("xyz")
    },
    **{
        f"extent_{name}": MapMeasure(
            f"extent, {name}", "mm", lambda s, axis=axis: float(s.extent[axis]), 0.02, is_ratio=True
        )
        for axis, name in enumerate("xyz")
    },
    "empty": MapMeasure(
        "field of view: empty where grey matter is expected", "",
        lambda s: float((s.volume[s.mean > RIM] == 0).mean()), 0.01,
    ),
    "outside": MapMeasure(
        "grey matter where none is expected", "",
        lambda s: float(s.volume[s.mean < OUTSIDE].sum(dtype=float) / s.total), 0.003,
    ),
    "smoothness": MapMeasure("smoothness", "mm", _smoothness, 0.02, is_ratio=True),
    "tissue": MapMeasure(
        "median in grey matter", "", lambda s: float(np.median(s.volume[s.mean > 0.3])), 0.02
    ),
}  # fmt: skip
"""Name in files -> the measure, of maps that are min-max normalised: the one place to add another."""


def measure_map(volume: np.ndarray, mean: np.ndarray, grid: Grid) -> np.ndarray:
    """All of :data:`MEASURES`, in their order, float64."""
    shape = Shape.of(volume, mean, grid)
    return np.array([measure.of(shape) for measure in MEASURES.values()])
