"""What the table on deep grey matter counts: contrast moved in deep grey alone, Dice by place, means by region."""

import numpy as np
import pytest

from benchmarks import deep_grey
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.preprocessing.registration import Registration
from pcsa_jax.data.preprocessing.tissues import Tissues

SHAPE = (12, 14, 40)


class Image:
    """As much of an ANTs image as is asked for."""

    def __init__(self, values):
        self.values = values

    def numpy(self):
        return self.values

    def new_image_like(self, values):
        return Image(values)


@pytest.fixture
def labels():
    labels = np.full(SHAPE, 2)
    labels[:, :, :8] = 3
    labels[:, :, 20:28] = 10
    labels[:, :, 36:] = 8
    return labels


def test_only_deep_grey_comes_nearer_to_white_matter(labels):
    values = np.select([labels == 3, labels == 10], [60.0, 80.0], 100.0).astype(np.float32)
    head = deep_grey.Head(Image(values), Image(np.ones(SHAPE)), labels, Registration((), (), ()))
    moved = deep_grey.with_contrast(head, 0.25).brain.numpy() - values
    assert moved[:, :, 22:26] == pytest.approx(0.25 * 40, abs=0.01)
    assert np.abs(moved[:, :, :16]).max() == np.abs(moved[:, :, 32:]).max() == 0


def test_dice_is_told_by_place(labels):
    grey = np.isin(labels, (3, 8, 10)).astype(float)
    grey[:, :, 24:28] = 0  # half of the thalamus is missed
    found = deep_grey.overlaps(Tissues(Image(np.zeros(SHAPE)), Image(grey), Image(1 - grey)), labels)
    assert found["deep grey"] == pytest.approx(2 / 3)
    assert found["cortex"] == 1
    assert found["all grey"] == pytest.approx(2 * 16 / (16 + 20))


def test_regions_are_those_of_the_atlas():
    grid = Grid(64)
    height = np.broadcast_to(grid.affine[2, 2] * np.arange(64.0) + grid.affine[2, 3], grid.shape)
    means = deep_grey.region_means(height, grid)
    assert tuple(means) == deep_grey.REGIONS
    assert means["lower cerebellum"] < -40 < -5 < means["pallidum"] < means["thalamus"] < means["caudate"] < 15
