"""Left is left, anterior is where the letters say, and figures are written whole."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pcsa_jax.data.grid import Grid
from pcsa_jax.presentation import figures
from tests.evaluation.evaluation_data import GRID

MARKERS = {
    # plane: marker in MNI152 mm -> where it must be drawn (horizontal, vertical), mm
    "sagittal": ((-6.0, 50.0, 40.0), (50.0, 40.0)),
    "coronal": ((-50.0, -21.0, 40.0), (-50.0, 40.0)),
    "axial": ((-50.0, 40.0, 27.0), (-50.0, 40.0)),
}


def volume_with_marker(grid, position_mm):
    voxel = np.round((np.array(position_mm) - grid.affine[:3, 3]) / grid.voxel_size_mm).astype(int)
    volume = np.zeros(grid.shape, np.float32)
    volume[tuple(voxel)] = 1
    return volume


@pytest.mark.parametrize("plane", MARKERS)
@pytest.mark.parametrize("size", [32, 64])
def test_marker_is_drawn_where_it_is(plane, size):
    grid = Grid(size)
    position, expected = MARKERS[plane]
    axes = Figure().subplots()
    image = figures.draw_slice(axes, volume_with_marker(grid, position), grid, plane, letters="white")
    pixels = np.asarray(image.get_array())
    row, column = np.argwhere(pixels == 1)[0]
    left, right, bottom, top = image.get_extent()
    assert image.origin == "lower"
    assert left + (column + 0.5) * grid.voxel_size_mm == pytest.approx(expected[0], abs=grid.voxel_size_mm / 2)
    assert bottom + (row + 0.5) * grid.voxel_size_mm == pytest.approx(expected[1], abs=grid.voxel_size_mm / 2)
    assert (right - left, top - bottom) == (192, 192)


@pytest.mark.parametrize(
    ("plane", "position_mm", "letter"),
    [("axial", (-50, 0, 27), "L"), ("axial", (50, 0, 27), "R"), ("axial", (0, 60, 27), "A"),
     ("coronal", (-50, -21, 0), "L"), ("coronal", (0, -21, 60), "S"), ("sagittal", (-6, -90, 0), "P"),
     ("sagittal", (-6, 0, -50), "I")],
)  # fmt: skip
def test_rendered_marker_is_next_to_its_letter(plane, position_mm, letter):
    """On the pixels of the finished picture, not on our own idea of the axes."""
    figure = Figure(figsize=(4, 4), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    figures.draw_slice(axes, volume_with_marker(GRID, position_mm), GRID, plane, letters="#00ff00", cmap="gray")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    marker = np.argwhere(picture.min(axis=-1) > 250).mean(axis=0)
    places = {text.get_text(): axes.transAxes.transform(text.get_position()) for text in axes.texts}
    distance = {name: np.hypot(marker[1] - x, (picture.shape[0] - marker[0]) - y) for name, (x, y) in places.items()}
    assert min(distance, key=distance.get) == letter


def test_slice_coordinates_are_voxel_centres():
    cut = figures.take_slice(np.zeros(GRID.shape), GRID, "axial", 27.0)
    voxel = (cut.position_mm - GRID.affine[2, 3]) / GRID.voxel_size_mm
    assert voxel == pytest.approx(round(voxel))
    assert abs(cut.position_mm - 27) <= GRID.voxel_size_mm / 2


def test_error_limit_is_symmetric_round_and_shared():
    mask = np.ones((4, 4, 4), bool)
    assert figures.error_limit([np.full((4, 4, 4), -0.12), np.full((4, 4, 4), 0.01)], mask) == pytest.approx(0.15)
    assert figures.error_limit([np.zeros((4, 4, 4))], mask) == pytest.approx(0.05)


def test_nothing_of_a_figure_depends_on_the_last_bits_of_its_layout(tmp_path):
    """The solver adds up in an order that differs from start to start; a line between two pixels shows it."""
    figure = figures.new_figure(3, 2)
    image = figure.subplots(1, 2)[0].imshow(np.eye(3))
    figure.colorbar(image, location="bottom")
    figures.add_title(figure, "title")
    figures.save(figure, tmp_path / "x.png")
    assert not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)  # it would lay out again
    for axes in figure.axes:
        bounds = np.array(axes.get_position(original=True).bounds)
        np.testing.assert_array_equal(bounds, np.round(bounds, 9))
