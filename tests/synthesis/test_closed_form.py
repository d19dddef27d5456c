"""In JAX the closed-form predictors say what they say in NumPy, and what they read of masks is in order."""

import jax
import numpy as np
import pytest

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.predictors.registry import PREDICTORS
from pcsa_jax.synthesis.closed_form import PREDICTIONS, inside_of, known_of, put_inside

SIZE = 10


def volumes(n, seed=0):
    rng = np.random.default_rng(seed)
    mri = rng.uniform(0.2, 0.8, (n, *(SIZE,) * 3)).astype(np.float32)
    pet = (0.2 + 0.5 * mri + rng.normal(0, 0.05, mri.shape)).astype(np.float32)
    mri[:, :2] = pet[:, :2] = 0  # background
    return mri, pet


def test_every_predictor_has_its_formula():
    assert PREDICTIONS.keys() == PREDICTORS.keys()


@pytest.mark.parametrize("subjects", [1, 12])
@pytest.mark.parametrize("deviations", [False, True])
def test_the_same_as_numpy(deviations, subjects):
    prior, new = Prior.fit(tuple(PREDICTORS), *volumes(subjects), deviations=deviations), volumes(2, seed=1)[0]
    arrays, names = prior.arrays(), tuple(prior.predictors)
    expected = prior.predict(new)
    run = jax.jit(lambda arrays, gm: known_of(arrays, names, gm, deviations=deviations))
    constant = jax.jit(lambda gm: known_of(arrays, names, gm, deviations=deviations))
    for gm, known in zip(new, expected, strict=True):
        found = np.asarray(run(arrays, gm))
        assert found.shape == known.shape == (SIZE, SIZE, SIZE, prior.num_channels)
        np.testing.assert_allclose(found, known, atol=2e-6 * max(1, np.abs(known).max()))
        np.testing.assert_allclose(np.asarray(constant(gm)), found, atol=2e-6 * max(1, np.abs(known).max()))


@pytest.mark.parametrize("as_argument", [False, True])
def test_a_mask_takes_out_and_puts_back(as_argument):
    rng = np.random.default_rng(0)
    mask, volume = rng.random((3, 4, 5)) < 0.3, rng.random((3, 4, 5)).astype(np.float32)
    count = int(mask.sum())
    if as_argument:
        taken, put = jax.jit(lambda v, m: (lambda t: (t, put_inside(t, m)))(inside_of(v, m, count)))(volume, mask)
    else:
        taken = inside_of(volume, mask, count)
        put = put_inside(taken, mask)
    np.testing.assert_array_equal(taken, volume[mask])
    np.testing.assert_array_equal(put, np.where(mask, volume, 0))
    np.testing.assert_array_equal(put_inside(np.zeros(0, np.float32), np.zeros((3, 4, 5), bool)), 0)
