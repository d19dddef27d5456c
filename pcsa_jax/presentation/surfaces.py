"""The cortex seen from outside: a volume's strongest values along the depth, drawn on both hemispheres.

In the way of stereotactic surface projections (Minoshima et al., J Nucl Med 1995;36:1238), and not the same: those
look 13.5 mm deep along normals of a surface of their own after their own non-linear warping; here the depth is the
cortex of fsaverage5. The cerebellum, the deep grey matter and the brain stem are not on it.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pcsa_jax.data.cortex import SIDES, load_hemisphere, strongest_along_depth
from pcsa_jax.data.grid import OnGrid
from pcsa_jax.presentation.figures import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTE = "Surfaces: SSP-like (not Minoshima's 3D-SSP): strongest value within the cortex of fsaverage5, no cerebellum."

PIXEL_MM = 0.9
DIVISIONS = 7
"""Points along the edge of a triangle that are drawn: its edges are about 4 mm long, so no pixel is left out."""

BARE = (0.80, 0.80, 0.80)
"""Colour of what has no value, or one below the threshold."""


class View(NamedTuple):
    """A direction from which the cortex is seen.

    Attributes:
      name: below the picture.
      sides: hemispheres that are drawn.
      right, up, near: axis (0 to 2 of RAS) and sign of what points right, up, and to the reader.
      letters: at the left and the right edge.
      half_width_mm: what is shown to both sides of the middle, the letters' margin included.
    """

    name: str
    sides: tuple[str, ...]
    right: tuple[int, int]
    up: tuple[int, int]
    near: tuple[int, int]
    letters: tuple[str, str]
    half_width_mm: float = 100.0


VIEWS = (
    View("left lateral", ("left",), (1, -1), (2, 1), (0, -1), ("A", "P")),
    View("right lateral", ("right",), (1, 1), (2, 1), (0, 1), ("P", "A")),
    View("left medial", ("left",), (1, 1), (2, 1), (0, 1), ("P", "A")),
    View("right medial", ("right",), (1, -1), (2, 1), (0, -1), ("A", "P")),
    View("superior", SIDES, (0, 1), (1, 1), (2, 1), ("L", "R"), 82.0),
    View("inferior", SIDES, (0, -1), (1, 1), (2, -1), ("R", "L"), 82.0),
)
"""Both hemispheres from every direction; from below, the subject's right is on the left, and its letter says so."""


HALF_HEIGHT_MM = 92.0
"""Of every view: one scale throughout."""

WIDTHS = tuple(view.half_width_mm / HALF_HEIGHT_MM for view in VIEWS)
"""Of each view, relative to the height."""


class Raster(NamedTuple):
    """Where each pixel of a view lies on the cortex.

    Attributes:
      covered: rows (bottom to top) x columns: whether there is any cortex.
      corners: p x 3, vertices round each covered pixel, of all sides drawn one after the other.
      weights: p x 3, of the corners, summing to 1.
      shade: p, brightness in [0, 1].
    """

    covered: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    shade: np.ndarray


def _normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Of each vertex, pointing outwards, of length 1."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    of_faces, total = np.cross(b - a, c - a), np.zeros_like(points)
    for corner in range(3):
        np.add.at(total, faces[:, corner], of_faces)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def _barycentric() -> np.ndarray:
    """Points spread evenly over a triangle, as weights of its corners."""
    steps = [(i, j, DIVISIONS - i - j) for i in range(DIVISIONS + 1) for j in range(DIVISIONS + 1 - i)]
    return np.asarray(steps, np.float32) / DIVISIONS


@functools.cache
def _raster(view: View) -> Raster:
    """Draws the cortex once for all volumes: the nearest point to the reader at each pixel."""
    points, faces, normals = [], [], []
    for side in view.sides:
        cortex = load_hemisphere(side)
        faces.append(cortex.faces + sum(map(len, points)))
        points.append(cortex.pial)
        normals.append(_normals(cortex.pial, cortex.faces))
    points, faces, normals = map(np.concatenate, (points, faces, normals))
    axes = [sign * points[:, axis].astype(np.float32) for axis, sign in (view.right, view.up, view.near)]
    towards = view.near[1] * normals[:, view.near[0]]
    faces = faces[(towards[faces] > -0.2).any(axis=1)]  # what is turned away is hidden
    weights = _barycentric()
    across, up, near = (axis[faces] @ weights.T for axis in axes)
    column = np.round((across - across.min()) / PIXEL_MM).astype(int) + 1
    row = np.round((up - up.min()) / PIXEL_MM).astype(int) + 1
    shape = (row.max() + 2, column.max() + 2)
    steps = ((near - near.min()) * (65535 / np.ptp(near))).astype(np.uint16)  # some 3 um each: sorted by their digits
    order = np.argsort(steps, axis=None, kind="stable")
    nearest = np.full(shape, -1)
    nearest[row.ravel()[order], column.ravel()[order]] = order  # of one pixel's points the last, so the nearest, stays
    covered = nearest >= 0
    face, place = np.divmod(nearest[covered], len(weights))
    corners, own = faces[face], weights[place]
    light = np.clip((towards[corners] * own).sum(axis=1), 0, 1)
    return Raster(covered, corners, own, 0.35 + 0.65 * light)


def project(volume: np.ndarray, grid: OnGrid, *, sign: str = "either") -> list[tuple[View, np.ndarray]]:
    """Each view with what is seen of ``volume``: rows (bottom to top) x columns, NaN where there is no value.

    Args:
      volume: x y z, finite.
      grid: of the volume.
      sign: of the strongest value, of :data:`~pcsa_jax.data.cortex.SIGNS`.
    """
    values = {side: strongest_along_depth(volume, grid, side, sign=sign) for side in SIDES}
    pictures = []
    for view in VIEWS:
        raster = _raster(view)
        own = np.concatenate([values[side] for side in view.sides])
        seen = np.full(raster.covered.shape, np.nan)
        seen[raster.covered] = (own[raster.corners] * raster.weights).sum(axis=1)
        pictures.append((view, seen))
    return pictures


def draw_surfaces(
    row: Sequence["Axes"], volume: np.ndarray, grid: OnGrid, *, sign: str = "either", threshold: float = 0.0,
    fontsize: float = 8, **style: Any,
) -> None:  # fmt: skip
    """Draws the six views of a volume on as many axes.

    Args:
      row: axes, one for each of :data:`VIEWS`.
      volume: x y z, finite.
      grid: of the volume.
      sign: of the strongest value.
      threshold: values of smaller magnitude are left bare.
      fontsize: of the letters at the edges.
      style: ``cmap``, ``vmin`` and ``vmax``.
    """
    from matplotlib import colormaps

    colours = colormaps[style["cmap"]]
    for axes, (view, seen) in zip(row, project(volume, grid, sign=sign), strict=True):
        raster = _raster(view)
        own = seen[raster.covered]
        scaled = (own - style["vmin"]) / (style["vmax"] - style["vmin"])
        has_value = np.isfinite(own) & (np.abs(own) >= threshold)
        painted = np.where(has_value[:, None], colours(np.nan_to_num(scaled))[:, :3], BARE)
        picture = np.ones((*seen.shape, 3))
        picture[raster.covered] = painted * raster.shade[:, None]
        up, right = (PIXEL_MM * length / 2 for length in seen.shape)
        axes.imshow(picture, origin="lower", interpolation="bilinear", extent=(-right, right, -up, up))
        limits = {"xlim": (-view.half_width_mm, view.half_width_mm), "ylim": (-HALF_HEIGHT_MM, HALF_HEIGHT_MM)}
        axes.set(xticks=[], yticks=[], **limits)
        axes.spines[:].set_visible(False)
        for letter, place, side in zip(view.letters, (0.01, 0.99), ("left", "right"), strict=True):
            axes.text(place, 0.5, letter, transform=axes.transAxes, ha=side, va="center", color=MUTED,
                      fontsize=fontsize)  # fmt: skip
        axes.set_xlabel(view.name, fontsize=fontsize, color=INK)
