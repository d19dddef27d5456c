"""Figures of volumes: planes of a brain with letters and outline, columns of them, colour bars.

All slices are in neurological orientation (left of the picture = left of the subject) with MNI152 coordinates in mm.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.files import replacing
from pcsa_jax.data.grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SLICES_MM = {"sagittal": -6.0, "coronal": -21.0, "axial": 27.0}
"""MNI152 coordinates of the planes shown: posterior cingulate and precuneus next to the midline, the hippocampi,
and the posterior cingulate with the parietal lobes. The same for every subject, so that nobody picks a flattering one.
"""

NORMAL_AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}
EDGE_LABELS = {"sagittal": "PASI", "coronal": "LRSI", "axial": "LRAP"}
"""Letters at the left, right, top and bottom edge of each plane (volumes are RAS+)."""

PET_COLOURS, MRI_COLOURS, ERROR_COLOURS = "inferno", "gray", "RdBu_r"
GREY_MATTER = {"cmap": MRI_COLOURS, "vmin": 0, "vmax": 1}
UPTAKE = {"cmap": PET_COLOURS, "vmin": 0, "vmax": 1}
"""How normalised volumes are drawn; see :func:`difference_style` for differences."""
UPTAKE_LABEL = "FDG uptake (0–1, scaled per volume)"
DPI = 140
PANEL_HEIGHTS = (0.85, 0.85, 1.0)
"""Of a sagittal, a coronal and an axial view of the brain, relative to each other."""
MARGIN_MM = 9.0
"""Shown around the brain mask's voxel centres."""
LINE, LINE_POINTS, LINE_INCHES, LETTER_EMS = "synthetic", 7.5, 0.2, 0.7
"""Of the line that says that a picture shows a synthetic PET: mark, largest size, height; and a bold letter's width."""
INK, MUTED = "#1b1f24", "#5b6570"


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure (inches) without pyplot, whose global state and back ends a headless run does not need."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def mark_synthetic(figure: "Figure", line: str) -> None:
    """Burns ``line`` (:func:`~pcsa_jax.presentation.origin.synthetic_line`) into the foot of a picture.

    Every figure that shows a synthetic PET goes through here before :func:`save`, which writes the line into the PNG's
    ``Description`` too.
    """
    foot = LINE_INCHES / figure.get_figheight()
    fitting = 72 * figure.get_figwidth() / (LETTER_EMS * len(line))
    figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))
    figure.text(
        0.5, foot / 2, line, ha="center", va="center", fontsize=min(LINE_POINTS, fitting), color=INK, weight="bold",
        parse_math=False, in_layout=False, gid=LINE,
    )  # fmt: skip


def save(figure: "Figure", path: Path) -> Path:
    """Writes the figure as PNG, whole or not at all; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    line = next((text.get_text() for text in figure.texts if text.get_gid() == LINE), None)
    _settle(figure)
    with replacing(path) as temporary:
        # Not savefig, which goes through everything once more before it paints.
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None, "Description": line})
    return path


def _settle(figure: "Figure") -> None:
    """Places the axes for good: the last bits of what the layout's solver finds differ from one time to the next."""
    figure.set_dpi(DPI)
    if figure.axes:
        figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        for which in ("original", "active"):
            box = axes.get_position(original=which == "original")
            axes.set_position(np.round(box.bounds, 9), which)


def slice_index(grid: Grid, plane: str, position_mm: float) -> int:
    """Index of the slice whose centre is nearest to an MNI152 coordinate (mm)."""
    axis = NORMAL_AXIS[plane]
    index = round((position_mm - grid.affine[axis, 3]) / grid.voxel_size_mm)
    return int(np.clip(index, 0, grid.size - 1))


@dataclasses.dataclass(frozen=True)
class Slice:
    """One plane of a volume, ready to be drawn with its origin at the lower left.

    Attributes:
      pixels: rows (bottom to top) x columns (left to right).
      extent_mm: MNI152 coordinates of the left, right, bottom and top edge.
      position_mm: coordinate of the plane's voxel centres along its normal.
    """

    pixels: np.ndarray
    extent_mm: tuple[float, float, float, float]
    position_mm: float


def take_slice(volume: np.ndarray, grid: Grid, plane: str, position_mm: float | None = None) -> Slice:
    """Cuts ``volume`` (x y z, RAS+): sagittal as (y, z), coronal as (x, z), axial as (x, y)."""
    axis = NORMAL_AXIS[plane]
    index = slice_index(grid, plane, SLICES_MM[plane] if position_mm is None else position_mm)
    across, up = (a for a in range(3) if a != axis)
    half = grid.voxel_size_mm / 2
    low, high = grid.affine[:3, 3] - half, grid.affine[:3, 3] + grid.voxel_size_mm * (grid.size - 1) + half
    return Slice(
        pixels=np.take(volume, index, axis=axis).T,
        extent_mm=(low[across], high[across], low[up], high[up]),
        position_mm=float(grid.affine[axis, 3] + index * grid.voxel_size_mm),
    )


def difference_style(limit: float) -> dict[str, Any]:
    """How differences are drawn: blue below 0, red above, from ``-limit`` to ``limit``."""
    return {"cmap": ERROR_COLOURS, "vmin": -limit, "vmax": limit}


def draw_slice(
    axes: "Axes",
    volume: np.ndarray,
    grid: Grid,
    plane: str,
    *,
    letters: str,
    fontsize: float = 8,
    position_mm: float | None = None,
    mirrored: bool = False,
    **style: Any,
) -> "AxesImage":
    """Draws one plane with its edge letters in the colour ``letters``; returns the image for a colour bar.

    If ``mirrored``, the letters stand as they do once the horizontal axis is turned (radiological convention).
    """
    cut = take_slice(volume, grid, plane, position_mm)
    image = axes.imshow(cut.pixels, origin="lower", extent=cut.extent_mm, interpolation="nearest", **style)
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    places = ((0.02, 0.5), (0.98, 0.5), (0.5, 0.98), (0.5, 0.02))
    anchors = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    left, right, *others = EDGE_LABELS[plane]
    edges = (right, left, *others) if mirrored else (left, right, *others)
    for letter, place, (horizontal, vertical) in zip(edges, places, anchors, strict=True):
        axes.text(
            *place, letter, transform=axes.transAxes, ha=horizontal, va=vertical, color=letters, fontsize=fontsize
        )
    return image


def outline(
    axes: "Axes",
    volume: np.ndarray,
    grid: Grid,
    plane: str,
    *,
    position_mm: float | None = None,
    level: float = 0.5,
    colour: str = MUTED,
    width: float = 0.6,
) -> None:
    """Draws where a mask ends, or a map crosses ``level``, as a thin line."""
    cut = take_slice(volume.astype(float), grid, plane, position_mm)
    left, right, bottom, top = cut.extent_mm
    half = grid.voxel_size_mm / 2
    across = np.linspace(left + half, right - half, grid.size)
    up = np.linspace(bottom + half, top - half, grid.size)
    axes.contour(across, up, cut.pixels, levels=[level], colors=colour, linewidths=width)


def crop_to_brain(axes: "Axes", mask: np.ndarray, grid: Grid, plane: str, *, square: bool = False) -> None:
    """Shows the brain and a margin, as wide in every plane (and, if ``square``, as high): one scale throughout."""
    across, up = (a for a in range(3) if a != NORMAL_AXIS[plane])
    centres = np.argwhere(mask) * grid.voxel_size_mm + grid.affine[:3, 3]
    low, high = centres.min(axis=0), centres.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 + MARGIN_MM
    width = half[:2].max()
    height = half.max() if square else half[up]
    axes.set(xlim=(middle[across] - width, middle[across] + width), ylim=(middle[up] - height, middle[up] + height))


def position_label(grid: Grid, plane: str, position_mm: float | None = None) -> str:
    """The MNI152 coordinate of the slice of a plane, for print."""
    axis = NORMAL_AXIS[plane]
    index = slice_index(grid, plane, SLICES_MM[plane] if position_mm is None else position_mm)
    position = grid.affine[axis, 3] + index * grid.voxel_size_mm
    return f"{'xyz'[axis]} = {position:+.1f} mm".replace("-", "−")


def draw_brain(
    axes: "Axes",
    volume: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    plane: str,
    style: Mapping[str, Any],
    *,
    square: bool = False,
    mirrored: bool = False,
) -> "AxesImage":
    """One plane, cropped to the brain; differences, which are white outside of it, get the brain's outline.

    Args:
      axes: to draw on.
      volume: x y z on ``grid``.
      mask: of the brain.
      grid: of both.
      plane: key of :data:`SLICES_MM`.
      style: :data:`GREY_MATTER`, :data:`UPTAKE`, or a :func:`difference_style`.
      square: as high as wide, for planes side by side.
      mirrored: in radiological convention.
    """
    is_difference = style["cmap"] == ERROR_COLOURS
    letters = INK if is_difference else "white"
    image = draw_slice(axes, volume, grid, plane, letters=letters, mirrored=mirrored, **style)
    crop_to_brain(axes, mask, grid, plane, square=square)
    if is_difference:
        outline(axes, mask, grid, plane)
    if mirrored:
        axes.invert_xaxis()
    return image


def draw_column(
    column: Sequence["Axes"], volume: np.ndarray, mask: np.ndarray, grid: Grid, style: Mapping[str, Any]
) -> "AxesImage":
    """The three planes of a volume below each other; returns the last image for a colour bar."""
    for axes, plane in zip(column, SLICES_MM, strict=True):
        image = draw_brain(axes, volume, mask, grid, plane, style)
    return image


def label_rows(column: Sequence["Axes"], grid: Grid, what: str = "", *, fontsize: float = 10) -> None:
    """Names the plane and its coordinate at the left of each of a column's three rows."""
    for axes, plane in zip(column, SLICES_MM, strict=True):
        axes.set_ylabel(f"{what}{plane}\n{position_label(grid, plane)}", color=INK, fontsize=fontsize)


def add_title(figure: "Figure", title: str, *, fontsize: float = 11) -> None:
    """The title above a figure; what somebody is called is not taken for mathematics."""
    figure.suptitle(title, fontsize=fontsize, color=INK, parse_math=False)


def add_colour_bar(
    figure: "Figure", image: "ScalarMappable", below: Any, label: str, *, limit: float | None = None, aspect: float = 24
) -> None:
    """A horizontal colour bar under the axes ``below``; ``limit`` marks a symmetric scale's ends."""
    ticks = [0, 0.25, 0.5, 0.75, 1] if limit is None else [-limit, -limit / 2, 0, limit / 2, limit]
    bar = figure.colorbar(image, ax=below, location="bottom", shrink=0.85, pad=0.02, aspect=aspect, ticks=ticks)
    bar.set_label(label, fontsize=8, color=INK)
    bar.ax.set_xticklabels([f"{tick:.3g}".replace("-", "−") for tick in ticks], fontsize=8)


def error_limit(errors: Sequence[np.ndarray], mask: np.ndarray) -> float:
    """One symmetric limit for several maps: the 99.5th percentile of their size in the brain, rounded up to 0.05."""
    percentile = max(float(np.percentile(np.abs(error[mask]), 99.5)) for error in errors)
    return max(0.05, float(np.ceil(percentile / 0.05 - 1e-6) * 0.05))
