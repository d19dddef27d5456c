"""The table of parcels and the tissues that it makes of the template."""

import dataclasses

import numpy as np
import pytest

from pcsa_jax.data.phantom.segmentation import CLASSES, TISSUES, load_segmentation, seen_tissues, template_classes
from pcsa_jax.data.phantom.templates import load_templates, with_segmentation


def test_the_table_is_whole():
    table = load_segmentation()
    assert len(set(table.names)) == len(table) == 53
    assert table.weights.shape == (53, len(TISSUES), len(CLASSES)) and np.isfinite(table.weights).all()
    assert (table.spread >= 0).all() and (table.spread**2 + table.folding**2 < 1).all()
    lobules = [name for name, lobule in zip(table.names, table.lobules, strict=True) if lobule]
    assert len(lobules) == 10 and all(name.startswith("cerebellum") for name in lobules)


def test_every_parcel_is_as_large_on_both_sides():
    maps = load_templates()
    x_mm = maps.affine[0, 3] + maps.affine[0, 0] * np.arange(len(maps.parcels))
    inside = maps.brain > 0.5
    sides = [(row, name) for row, name in enumerate(load_segmentation().names) if name != "cerebellum vermis"]
    for row, name in sides:
        part = (maps.parcels == row) & inside
        left, right = part[x_mm < -1].sum(), part[x_mm > 1].sum()
        assert 0.5 < left / right < 2, name


def own_tissues(table):
    """Weights of a segmentation that sees the template's own tissues."""
    weights = np.zeros_like(table.weights)
    for tissue, name in enumerate(TISSUES):
        weights[:, tissue, CLASSES.index(name)] = 1
    return weights


def test_a_segmentation_can_see_the_template_itself():
    maps = load_templates()
    own = dataclasses.replace(maps.segmentation, weights=own_tissues(maps.segmentation))
    seen = with_segmentation(maps, own)
    np.testing.assert_allclose(seen.grey_matter, maps.classes[0], atol=1e-6)
    np.testing.assert_allclose(seen.csf, maps.classes[3], atol=1e-6)
    assert seen.segmentation is own and maps.segmentation is not own


@pytest.mark.parametrize("factor", [-3.0, 5.0])
def test_tissues_stay_within_the_brain(factor):
    rng = np.random.default_rng(0)
    parts = rng.dirichlet(np.ones(4), (6, 6, 6)).transpose(3, 0, 1, 2)[:3]
    classes = template_classes(*parts, rng.random((6, 6, 6)))
    grey, csf = seen_tissues(classes, np.zeros((6, 6, 6), int), factor * rng.random((1, len(TISSUES), len(CLASSES))))
    brain = parts.sum(axis=0)
    assert grey.min() >= 0 and csf.min() >= 0 and (grey + csf <= brain + 1e-9).all()
