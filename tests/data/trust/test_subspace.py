"""Components of maps, of all and without each in turn."""

import numpy as np

from pcsa_jax.data.trust.subspace import fit_subspace, left_out


def maps(count=12, size=6, seed=0):
    return np.random.default_rng(seed).random((count, size, size, size), np.float32)


def test_components_are_those_of_a_singular_value_decomposition():
    volumes = maps()
    found = fit_subspace(volumes, 3)
    deviations = (volumes - volumes.mean(axis=0)).reshape(len(volumes), -1)
    _, singular, right = np.linalg.svd(deviations, full_matrices=False)
    np.testing.assert_allclose(found.spread, singular[:3] / np.sqrt(len(volumes) - 1), rtol=1e-4)
    alike = np.abs(found.components.reshape(3, -1) @ right[:3].T)
    np.testing.assert_allclose(alike, np.eye(3), atol=1e-3)


def test_leaving_out_is_fitting_the_others():
    volumes = maps()
    for row, found in left_out(volumes, 3):
        expected = fit_subspace(np.delete(volumes, row, axis=0), 3)
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
        np.testing.assert_allclose(found.split(volumes[row])[0], expected.split(volumes[row])[0], rtol=1e-3)
        np.testing.assert_allclose(found.split(volumes[row])[1], expected.split(volumes[row])[1], atol=1e-4)


def test_a_map_is_its_mean_its_components_and_the_rest():
    volumes = maps()
    found = fit_subspace(volumes, 3)
    within, rest = found.split(found.mean + 2 * found.spread[0] * found.components[0])
    np.testing.assert_allclose(within, 2 / np.sqrt(3), rtol=1e-4)
    assert np.abs(rest).max() < 1e-5


def test_maps_that_do_not_differ_have_no_directions_of_rounding_error():
    one, other = maps(2)
    volumes = np.stack([one + factor * other for factor in np.linspace(0, 1, 8, dtype=np.float32)])
    assert len(fit_subspace(volumes, 4).spread) == 1
