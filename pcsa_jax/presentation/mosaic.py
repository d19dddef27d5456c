"""Volumes as readers of PET see them: many planes side by side, smooth, on one fixed scale, sides stated.

A picture is composed of tiles of one scale (mm) and drawn at once. Unlike :mod:`~pcsa_jax.presentation.figures`, which
shows voxels as they are, planes lie exactly where they are named, whatever the grid: cubic splines go between voxels.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.interpolate import make_interp_spline

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import figures
from pcsa_jax.presentation.viewing import COLOURS, CONVENTIONS, Colours, Viewing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW_MM = ((-78.0, 78.0), (-124.0, 77.0), (-77.0, 85.0))
"""What is shown along x, y and z (MNI152), the same of everybody on every grid: the template's brain, and room for
words below it."""

PIXEL_MM = 1.0
WIDTH_INCHES, LETTERS, WORDS = 10.0, 8.5, 8.0
"""Of a picture, and sizes (points) of what is written on it: on A4 they are three quarters of that."""
BESIDE = 0.15
"""Of a plane's height, from its top to the letters: the brain is narrow there in all three kinds."""
HIPPOCAMPUS_MM, CINGULATE_MM = -12.0, 27.0
"""Axial planes through the hippocampi and the posterior cingulate: z of MNI152."""
LOWEST_MM, HIGHEST_MM = -64.0, 73.0
"""Of axial planes: the template's brain goes from -71 to 80, its ends are in one voxel or two."""


class Plane(NamedTuple):
    """A plane of the brain.

    Attributes:
      kind: key of :data:`~pcsa_jax.presentation.figures.NORMAL_AXIS`.
      position_mm: MNI152 coordinate along its normal.
      name: what it is pointed out for; "" for one of many.
    """

    kind: str
    position_mm: float
    name: str = ""


CORONAL = Plane("coronal", figures.SLICES_MM["coronal"], "hippocampi")
MIDLINE = Plane("sagittal", 0.0, "midline")


def axial_planes(steps: int) -> tuple[Plane, ...]:
    """Evenly spaced axial planes through the whole brain, the hippocampal and the posterior cingulate one among them.

    Args:
      steps: from the one to the other of these two; 6 are 22 planes in all, 3 are 11.
    """
    spacing = (CINGULATE_MM - HIPPOCAMPUS_MM) / steps
    first, last = (int((end - HIPPOCAMPUS_MM) / spacing) for end in (LOWEST_MM, HIGHEST_MM))
    names = {0: "hippocampi", steps: "post. cingulate"}
    return tuple(Plane("axial", HIPPOCAMPUS_MM + n * spacing, names.get(n, "")) for n in range(first, last + 1))


_ALL, _HALF = axial_planes(6), axial_planes(3)
FULL_LINES = (_ALL[:6], _ALL[6:12], _ALL[12:18], (*_ALL[18:], CORONAL, MIDLINE))
HALF_LINES = (_HALF[1:7], (*_HALF[7:], CORONAL, MIDLINE))
"""Planes side by side: of one volume, and of several that share a page."""
KEY_PLANES = (
    Plane("axial", -38.0, "cerebellum"),
    Plane("axial", HIPPOCAMPUS_MM, "hippocampi"),
    CORONAL,
    Plane("axial", CINGULATE_MM, "post. cingulate"),
    Plane("axial", 51.0, "parietal"),
    MIDLINE,
)
"""Few planes: those in which Alzheimer's disease shows, and the cerebellum that it spares."""


class Scale(NamedTuple):
    """What the ends of a colour scale stand for.

    Attributes:
      low, high: in the volumes' unit.
      label: of the colour bar, with the unit.
    """

    low: float
    high: float
    label: str


class Row(NamedTuple):
    """A volume of a comparison: what it is, in one or two lines, and x y z."""

    name: str
    volume: np.ndarray


@functools.lru_cache(maxsize=32)
def _weights(grid: Grid, axis: int, positions_mm: tuple[float, ...]) -> np.ndarray:
    """Part of each voxel along an axis in the value at each position, (positions, voxels): splines are linear in them.

    Within half a voxel beyond the outermost centres their values hold; farther out there is nothing.
    """
    centres = grid.affine[axis, axis] * np.arange(grid.size) + grid.affine[axis, 3]
    positions = np.array(positions_mm)
    inside = np.clip(positions, centres[0], centres[-1])
    weights = make_interp_spline(centres, np.eye(grid.size), k=3)(inside)
    weights[np.abs(positions - inside) > grid.voxel_size_mm / 2] = 0
    return weights.astype(np.float32)


def cut(volume: np.ndarray, grid: Grid, planes: Sequence[Plane], viewing: Viewing) -> list[np.ndarray]:
    """Pixels of planes, rows from bottom to top, columns from left to right as ``viewing`` has it.

    Cubic splines along each axis; 0 outside of the grid.

    Args:
      volume: x y z on ``grid``.
      grid: of the volume.
      planes: to be cut.
      viewing: on which side left is.
    """
    fine = [np.arange(low + PIXEL_MM / 2, high, PIXEL_MM) for low, high in WINDOW_MM]
    pixels = {}
    for kind, normal in figures.NORMAL_AXIS.items():
        chosen = [number for number, plane in enumerate(planes) if plane.kind == kind]
        if not chosen:
            continue
        at = [*fine]
        at[normal] = [planes[number].position_mm for number in chosen]
        # Along the normal first: it leaves few planes to be made fine.
        block = np.asarray(volume, np.float32)
        for axis in (normal, *(axis for axis in range(3) if axis != normal)):
            block = np.moveaxis(np.tensordot(_weights(grid, axis, tuple(at[axis])), block, (1, axis)), 0, axis)
        for place, number in enumerate(chosen):
            plane = np.take(block, place, axis=normal).T
            pixels[number] = plane[:, ::-1] if viewing.is_radiological else plane
    return [pixels[number] for number in range(len(planes))]


def letters(kind: str, viewing: Viewing) -> str:
    """Letters of the left and the right edge of a plane."""
    left, right = figures.EDGE_LABELS[kind][:2]
    return right + left if viewing.is_radiological else left + right


class _Tile(NamedTuple):
    """Pixels whose upper left corner lies ``left`` and ``top`` (pixels) into the picture."""

    pixels: np.ndarray
    plane: Plane
    left: int
    top: int


def _in_lines(lines: Sequence[Sequence[tuple[np.ndarray, Plane]]], *, top: int = 0) -> list[_Tile]:
    """Tiles of pixels side by side in lines below each other, each in the middle of its line's height."""
    tiles = []
    for line in lines:
        left, height = 0, max(pixels.shape[0] for pixels, _ in line)
        for pixels, plane in line:
            tiles.append(_Tile(pixels, plane, left, top + (height - pixels.shape[0]) // 2))
            left += pixels.shape[1]
        top += height
    return tiles


def _size(tiles: Sequence[_Tile]) -> tuple[int, int]:
    """Width and height in pixels of what holds the tiles."""
    width = max(tile.left + tile.pixels.shape[1] for tile in tiles)
    return width, max(tile.top + tile.pixels.shape[0] for tile in tiles)


def _paint(axes: "Axes", tiles: Sequence[_Tile], scale: Scale, viewing: Viewing) -> None:
    """Draws the tiles as one image with letters, coordinates and the convention above."""
    import matplotlib

    colours, (width, height) = COLOURS[viewing.colours], _size(tiles)
    canvas = np.full((height, width), np.nan)
    for tile in tiles:
        rows, columns = tile.pixels.shape
        canvas[tile.top : tile.top + rows, tile.left : tile.left + columns] = tile.pixels[::-1]
    cmap = matplotlib.colormaps[colours.cmap]
    cmap = cmap.with_extremes(bad=cmap(0.0))
    axes.imshow(canvas, cmap=cmap, vmin=scale.low, vmax=scale.high, interpolation="antialiased")
    axes.set_axis_off()
    sides = f"{viewing.convention.upper()}: {CONVENTIONS[viewing.convention]}"
    axes.set_title(sides, fontsize=10, color=figures.INK, weight="bold", pad=4)
    has_others = any(not tile.plane.name for tile in tiles)
    for tile in tiles:
        _label(axes, tile, colours, viewing, is_framed=has_others and bool(tile.plane.name))


def _label(axes: "Axes", tile: _Tile, colours: Colours, viewing: Viewing, *, is_framed: bool) -> None:
    """Letters of the sides and the coordinate; a frame if the plane is pointed out among others."""
    from matplotlib.patches import Rectangle

    height, width = tile.pixels.shape
    plane, axis = tile.plane, "xyz"[figures.NORMAL_AXIS[tile.plane.kind]]
    colour = colours.mark if plane.name else colours.ink
    left, right = letters(plane.kind, viewing)
    small = {"fontsize": LETTERS, "color": colours.ink, "va": "center"}
    beside = tile.top + height * BESIDE
    axes.text(tile.left + 4, beside, left, ha="left", **small)
    axes.text(tile.left + width - 4, beside, right, ha="right", **small)
    position = f"{plane.position_mm:+.1f}".removesuffix(".0").replace("-", "−") if plane.position_mm else "0"
    words = f"{plane.name}  {axis} = {position}" if plane.name else f"{axis} = {position}"
    # Of a sagittal plane below the forehead: the cerebellum fills the other corner.
    is_right = plane.kind == "sagittal" and right == "A"
    edge, side = (width - 4, "right") if is_right else (4, "left")
    axes.text(tile.left + edge, tile.top + height - 3, words, ha=side, va="bottom", fontsize=WORDS, color=colour)
    if is_framed:
        corner = (tile.left + 0.5, tile.top + 0.5)
        axes.add_patch(Rectangle(corner, width - 2, height - 2, fill=False, edgecolor=colour, linewidth=1))


def _finish(
    path: Path, tiles: Sequence[_Tile], *, grid: Grid, scale: Scale, viewing: Viewing, title: str, line: str,
    names: Sequence[tuple[str, float]] = (),
) -> Path:  # fmt: skip
    """Draws tiles with colour bar, legend and title: every picture of this module is made and written here.

    Args:
      path: PNG to write.
      tiles: planes and their places.
      grid, scale, viewing, title, line: as for :func:`draw_mosaic`.
      names: what stands at the left edge, and how far down (pixels).
    """
    width, height = _size(tiles)
    figure = figures.new_figure(WIDTH_INCHES, (WIDTH_INCHES - 0.3 * bool(names)) * height / width + 1.4)
    axes = figure.subplots()
    _paint(axes, tiles, scale, viewing)
    for name, middle in names:
        axes.text(-6, middle, name, rotation=90, ha="right", va="center", fontsize=9.5, color=figures.INK,
                  multialignment="center", parse_math=False)  # fmt: skip
    bar = figure.colorbar(
        axes.images[0], ax=axes, location="bottom", shrink=0.5, pad=0.01, aspect=40, format="%.3g",
        ticks=np.linspace(scale.low, scale.high, 5),
    )  # fmt: skip
    legend = (
        f"{COLOURS[viewing.colours].name}, one fixed window for everybody. Planes by MNI152 coordinates (mm), "
        f"interpolated for display:\ncubic splines between voxels of {grid.voxel_size_mm:g} mm."
    )
    bar.set_label(f"{scale.label}; {legend}", fontsize=9, color=figures.INK)
    bar.ax.tick_params(labelsize=8)
    figures.add_title(figure, title, fontsize=10)
    figures.mark_synthetic(figure, line)
    return figures.save(figure, path)


def draw_mosaic(
    path: Path, volume: np.ndarray, *, grid: Grid, scale: Scale, viewing: Viewing, title: str, line: str
) -> Path:
    """One volume in evenly spaced axial planes, a coronal one of the hippocampi and the midline.

    The planes in which to look for Alzheimer's disease are framed.

    Args:
      path: PNG to write.
      volume: x y z on ``grid``.
      grid: of the volume.
      scale: of the colours; the same for pictures to be compared.
      viewing: sides and colours.
      title: who and what this is.
      line: what stands inside the picture (:func:`~pcsa_jax.presentation.origin.synthetic_line`).
    """
    planes = [plane for line in FULL_LINES for plane in line]
    pixels = iter(cut(volume, grid, planes, viewing))
    tiles = _in_lines([[(next(pixels), plane) for plane in line] for line in FULL_LINES])
    return _finish(path, tiles, grid=grid, scale=scale, viewing=viewing, title=title, line=line)


def draw_comparison(
    path: Path, rows: Sequence[Row], *, grid: Grid, scale: Scale, viewing: Viewing, title: str, line: str,
    lines: Sequence[Sequence[Plane]] = (KEY_PLANES,),
) -> Path:  # fmt: skip
    """Several volumes below each other in the same planes, on one scale.

    Args:
      path: PNG to write.
      rows: the volumes, and what they are.
      grid: of all of them.
      scale, viewing, title, line: as for :func:`draw_mosaic`.
      lines: planes side by side; after all volumes have been shown in the first line's planes, they are in the next's.
    """
    blocks, names, top = [], [], 0
    for planes in lines:
        for row in rows:
            blocks.append(list(zip(cut(row.volume, grid, planes, viewing), planes, strict=True)))
            height = max(pixels.shape[0] for pixels, _ in blocks[-1])
            names.append((row.name, top + height / 2))
            top += height
    return _finish(
        path, _in_lines(blocks), grid=grid, scale=scale, viewing=viewing, title=title, line=line, names=names
    )
