"""The local ridge sees a voxel's surroundings, and falls back to the whole-brain ridge where they say nothing."""

import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.data.predictors.local import LocalRidge, look
from pcsa_jax.data.predictors.prior import arrays_of
from pcsa_jax.data.predictors.ridge import WholeBrainRidge

SIZE = 16


def pairs(n, seed=0, noise=0.01, around=0.0):
    """Maps of random blobs; a PET of the map itself and, as far as ``around``, of its wide surroundings."""
    rng = np.random.default_rng(seed)
    mri = np.stack([ndimage.gaussian_filter(rng.random((SIZE,) * 3), 0.7) for _ in range(n)]).astype(np.float32)
    wide = np.stack([ndimage.gaussian_filter(volume, 1.0, mode="constant") for volume in mri])
    pet = 0.2 + 0.4 * mri + around * (wide - mri) + rng.normal(0, noise, mri.shape)
    return mri, pet.astype(np.float32)


def error(predictor, mri, pet):
    return float(np.mean((predictor.predict(mri) - pet) ** 2))


def test_it_sees_the_surroundings_with_few_subjects():
    mri, pet = pairs(12, around=0.5)
    new, truth = pairs(6, seed=1, around=0.5)
    assert error(LocalRidge.fit(mri, pet), new, truth) < 0.5 * error(WholeBrainRidge.fit(mri, pet), new, truth)


def test_it_is_no_worse_than_the_ridge_where_they_say_nothing():
    mri, pet = pairs(12, noise=0.05)
    new, truth = pairs(6, seed=1, noise=0.05)
    assert error(LocalRidge.fit(mri, pet), new, truth) < 1.02 * error(WholeBrainRidge.fit(mri, pet), new, truth)


def test_one_subject_is_that_subject():
    mri, pet = pairs(1)
    np.testing.assert_allclose(LocalRidge.fit(mri, pet).predict(pairs(2, seed=1)[0]), np.repeat(pet, 2, 0), atol=1e-6)


def test_where_the_map_does_not_vary_the_ridge_remains():
    mri, pet = pairs(8, around=0.5)
    mri[:, :4] = 0
    fitted, ridge = LocalRidge.fit(mri, pet), WholeBrainRidge.fit(mri, pet)
    new = pairs(2, seed=1)[0]
    assert not fitted.ridge.inside[:4].any() and fitted.weights.shape == (14, fitted.ridge.inside.sum())
    np.testing.assert_allclose(fitted.predict(new)[:, :4], ridge.predict(new)[:, :4], atol=1e-6)


def test_a_subjects_pet_does_not_depend_on_who_else_is_asked_for():
    fitted, new = LocalRidge.fit(*pairs(8)), pairs(4, seed=1)[0]
    np.testing.assert_array_equal(fitted.predict(new)[2:3], fitted.predict(new[2:3]))


def test_clipped_unless_told_otherwise():
    mri, pet = pairs(8)
    fitted, new = LocalRidge.fit(mri, np.clip(3 * pet - 0.6, 0, 1)), 3 * pairs(2, seed=1)[0]
    free, clipped = fitted.predict(new, clipped=False), fitted.predict(new)
    assert free.max() > 1 and free.dtype == np.float32
    np.testing.assert_array_equal(clipped, np.clip(free, 0, 1))
    assert all(array.dtype in (np.float32, bool) for array in arrays_of(fitted, "").values())


def test_what_is_looked_at():
    volume = np.zeros((SIZE,) * 3, np.float32)
    volume[8, 8, 8] = 1
    seen = look(volume, 2 * volume)
    assert seen.shape == (14, *volume.shape)
    places = [tuple(int(i) for i in np.argwhere(part)[0]) for part in seen[:8]]
    assert places == [
        (8, 8, 8), (7, 8, 8), (9, 8, 8), (8, 7, 8), (8, 9, 8), (8, 8, 7), (8, 8, 9), (8, 8, 8),
    ]  # fmt: skip
    assert [part.sum() for part in seen[:8]] == [1] * 7 + [2]
    for narrow, wide in ((8, 9), (9, 10), (11, 12), (12, 13)):
        assert seen[narrow, 8, 8, 8] > seen[wide, 8, 8, 8] > 0
    np.testing.assert_allclose(seen[11:], 2 * seen[8:11], rtol=1e-5)
    edge = np.zeros_like(volume)
    edge[0, 0, 0] = 1
    assert look(edge, edge)[1].sum() == 0  # nothing comes round from the other side


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_missing(bad):
    mri, pet = pairs(3)
    pet[1, 0, 0, 0] = bad
    with pytest.raises(
        ValueError, match=r"^pet: expected finite voxels, found NaN or infinity in row 1\. Leave it out\."
    ):
        LocalRidge.fit(mri, pet)
