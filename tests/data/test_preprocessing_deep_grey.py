"""Deep grey matter by a model of its own: where it decides, what it leaves alone, and how little contrast matters."""

import importlib.util

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.data.mni152 import load_brain
from pcsa_jax.data.preprocessing.ants_images import to_ants
from pcsa_jax.data.preprocessing.deep_grey import REACH_MM, STRUCTURES, deep_grey, split, split_deep_grey
from pcsa_jax.data.preprocessing.registration import Registration
from pcsa_jax.data.preprocessing.tissues import Tissues, tissue_priors
from pcsa_jax.data.volumes import Volume

needs_ants = pytest.mark.skipif(importlib.util.find_spec("ants") is None, reason="needs requirements-preprocess.txt")

SHAPE = (26, 32, 40)
CORTEX, WHITE, NOISE = 70.0, 108.0, 3.0


@pytest.fixture(scope="module")
def places():
    """A round structure, the weight of its model and its prior from an atlas that is 1 mm off."""
    middle = np.array(SHAPE)[:, None, None, None] / 2
    away = np.sqrt(((np.indices(SHAPE) - middle) ** 2).sum(axis=0))
    shifted = np.roll(away, 1, axis=0)
    weight = np.clip(1 - np.maximum(shifted - 8, 0) / 4, 0, 1)
    prior = ndimage.gaussian_filter((shifted < 8).astype(float), 1.5)
    return away < 8, weight[None].astype(np.float32), prior.astype(np.float32)


def seen(structure, value):
    """A scan, and grey and white matter as one threshold midway between cortex and white matter finds them."""
    scan = np.where(structure, value, WHITE) + NOISE * np.random.default_rng(0).standard_normal(SHAPE)
    scan[:4] = CORTEX
    tissue = np.where(np.indices(SHAPE)[2] < 3, 0.5, 1)  # the rest is CSF
    grey = tissue / (1 + np.exp((scan - (CORTEX + WHITE) / 2) / 2))
    return scan.astype(np.float32), grey.astype(np.float32), (tissue - grey).astype(np.float32)


@pytest.mark.parametrize("value", [72, 90, 100, 108, 120])
def test_the_rest_is_left_alone_and_tissues_keep_their_sum(places, value):
    structure, weights, prior = places
    scan, grey, white = seen(structure, value)
    new_grey, new_white = split(scan, grey, white, weights, prior)
    outside = weights[0] == 0
    np.testing.assert_allclose(new_grey[outside], grey[outside], atol=1e-6)
    np.testing.assert_allclose(new_white[outside], white[outside], atol=1e-6)
    np.testing.assert_allclose(new_grey + new_white, grey + white, atol=1e-6)
    assert min(new_grey.min(), new_white.min()) >= 0 and max(new_grey.max(), new_white.max()) <= 1
    assert new_grey.dtype == new_white.dtype == np.float32


def test_the_amount_hardly_depends_on_the_contrast(places):
    structure, weights, prior = places
    amounts = {}
    for value in (74, 82, 90, 96, 102):
        scan, grey, white = seen(structure, value)
        found, _ = split(scan, grey, white, weights, prior)
        amounts[value] = grey[structure].mean(), found[structure].mean()
    before, after = np.array(list(amounts.values())).T
    assert np.ptp(before) > 0.9
    assert np.ptp(after[:-1]) < 0.05 and after.min() > 0.8  # at last, two SD of noise from white matter


def test_where_the_scan_shows_a_border_it_decides_and_not_the_atlas(places):
    structure, weights, prior = places
    scan, grey, white = seen(structure, 84)
    found, _ = split(scan, grey, white, weights, prior)
    inside = weights[0] > 0.9

    def misses(part):
        return ((part > 0.5) != structure)[inside].mean()

    assert misses(found) < 0.2 * misses(prior)


def test_a_structure_as_bright_as_white_matter_is_the_atlas_s(places):
    structure, weights, prior = places
    scan, grey, white = seen(structure, WHITE)
    found, _ = split(scan, grey, white, weights, prior)
    assert found[structure].mean() == pytest.approx(prior[structure].mean(), abs=0.1)


def test_the_unit_of_the_scan_does_not_matter(places):
    structure, weights, prior = places
    scan, grey, white = seen(structure, 92)
    for found, expected in zip(
        split(17 * scan, grey, white, weights, prior), split(scan, grey, white, weights, prior), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_scan_without_white_matter_or_without_the_structure_is_left_as_it_is(places):
    structure, weights, prior = places
    scan, grey, white = seen(structure, 92)
    np.testing.assert_array_equal(split(scan, grey + white, 0 * white, weights, prior)[0], grey + white)
    np.testing.assert_allclose(split(scan, grey, white, 0 * weights, prior)[0], grey, atol=1e-6)


def test_a_scan_of_one_value_is_left_as_it_is(places):
    structure, weights, prior = places
    _, grey, white = seen(structure, 92)
    for value in (0.0, 5.0):
        np.testing.assert_array_equal(split(np.full(SHAPE, value), grey, white, weights, prior)[0], grey)


def test_the_structures_are_where_they_belong_and_share_no_voxel():
    weights, prior, affine = deep_grey()
    brain, expected = load_brain()
    np.testing.assert_array_equal(affine, expected)
    assert weights.shape == (len(STRUCTURES), *brain.shape)
    assert 0 <= weights.min() <= weights.max() == 1 and 0 <= prior.min() <= prior.max() <= 1
    assert ((weights > 0).sum(axis=0) <= 1).all()
    middles = {"Thalamus": (11, -18, 8), "Caudate": (13, 11, 9), "Putamen": (26, 3, 2), "Pallidum": (20, 0, 0)}
    for name, weight in zip(STRUCTURES, weights, strict=True):
        places = nib.affines.apply_affine(affine, np.argwhere(weight > 0.99))
        found = places[places[:, 0] > 0].mean(axis=0)
        assert np.linalg.norm(found - middles[name]) < 6, (name, found)
    inside = weights.max(axis=0) == 1
    assert 30 < inside.sum() / 1e3 < 70  # ml
    assert ndimage.distance_transform_edt(~inside)[weights.max(axis=0) > 0].max() <= REACH_MM


@needs_ants
def test_on_the_template_itself_only_the_deep_structures_change():
    """The way to MNI152 is the identity; the scan shows thalamus and pallidum as bright as half of the way."""
    priors, affine = tissue_priors()
    box = (slice(60, 140), slice(70, 160), slice(40, 120))
    affine = affine @ nib.affines.from_matvec(np.eye(3), [part.start for part in box])
    csf, grey, white = (np.ascontiguousarray(prior[box]) for prior in priors)
    noise = np.random.default_rng(0).standard_normal(csf.shape)
    scan = to_ants(Volume((20 * csf + 70 * grey + 108 * white + noise).astype(np.float32), affine))
    tissues = Tissues(*(to_ants(Volume(tissue, affine)) for tissue in (csf, grey, white)))
    found, step = split_deep_grey(scan, tissues, Registration((), (), ()))
    np.testing.assert_array_equal(found.csf.numpy(), csf)
    np.testing.assert_allclose(sum(image.numpy() for image in found), csf + grey + white, atol=1e-5)
    change = np.abs(found.grey_matter.numpy() - grey)
    places = deep_grey().weights.max(axis=0)[box]
    assert change[places == 0].max() < 1e-5 < 0.05 < change[places == 1].mean()
    assert step.name.startswith("split of deep grey") and step.parameters["structures"] == list(STRUCTURES)
