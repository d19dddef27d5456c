"""A prior gives what its predictors say, shows deviations of unit size, and comes back from its arrays."""

import numpy as np
import pytest

from pcsa_jax.data.predictors.prior import Deviations, Prior, count_channels
from pcsa_jax.data.predictors.registry import PREDICTORS, TRIVIAL_PREDICTORS

NAMES = ("ridge", "linear", "mean_pet")
ALL = tuple(PREDICTORS)
UNFIT = "expected arrays that fit each other, found others"


def volumes(n, seed=0):
    rng = np.random.default_rng(seed)
    mri = rng.uniform(0.2, 0.8, (n, 3, 4, 5)).astype(np.float32)
    pet = (0.2 + 0.5 * mri + rng.normal(0, 0.05, mri.shape)).astype(np.float32)
    mri[:, 0] = pet[:, 0] = 0  # background
    return mri, pet


def test_channels_are_the_predictors_unclipped_in_their_order():
    mri, pet = volumes(8)
    prior, new = Prior.fit(NAMES, mri, pet), 4 * volumes(2, seed=1)[0]
    found = prior.predict(new)
    assert found.shape == (*new.shape, 3) and found.dtype == np.float32 and found.max() > 1.1
    for channel, name in enumerate(NAMES):
        expected = TRIVIAL_PREDICTORS[name].fit(mri, pet).predict(new, clipped=False)
        np.testing.assert_array_equal(found[..., channel], expected)


def test_deviations_follow_and_are_of_unit_size_over_the_training_subjects():
    mri, pet = volumes(12)
    prior = Prior.fit(NAMES, mri, pet, deviations=True)
    found = prior.predict(mri)
    assert found.shape[-1] == prior.num_channels == count_channels(3, deviations=True) == 7
    np.testing.assert_array_equal(found[..., :3], Prior.fit(NAMES, mri, pet).predict(mri))
    np.testing.assert_allclose(found[..., 3:].mean(axis=0), 0, atol=1e-4)
    inside = mri.mean(axis=0) > 0
    np.testing.assert_allclose(np.sqrt((found[:, inside, 3:6] ** 2).mean(axis=(0, 1))), 1, rtol=1e-4)
    np.testing.assert_array_equal(found[..., 6], 0)  # the mean PET deviates from itself nowhere
    sd = np.sqrt(((mri - mri.mean(axis=0))[:, inside] ** 2).mean())
    np.testing.assert_allclose(found[..., 3], (mri - mri.mean(axis=0)) / sd, atol=1e-4)


def test_of_one_subject_nothing_deviates():
    mri, pet = volumes(1)
    found = Prior.fit(NAMES, mri, pet, deviations=True).predict(volumes(2, seed=1)[0])
    assert np.isfinite(found).all() and not found[..., 3:].any()


@pytest.mark.parametrize("deviations", [False, True])
def test_it_comes_back_from_its_arrays_to_the_bit(deviations):
    mri, pet = volumes(8)
    prior, new = Prior.fit(NAMES, mri, pet, deviations=deviations), volumes(3, seed=1)[0]
    again = Prior.from_arrays(NAMES, prior.arrays(), deviations=deviations)
    np.testing.assert_array_equal(again.predict(new), prior.predict(new))
    assert again.shape == (3, 4, 5)


def test_arrays_that_are_not_its_own():
    arrays = Prior.fit(NAMES, *volumes(4)).arrays()
    with pytest.raises(ValueError, match=r"^expected arrays of ridge, found linear\.intercept$"):
        Prior.from_arrays(("ridge",), arrays)
    with pytest.raises(ValueError, match=r"^expected the array deviations\.mean_map, found none$"):
        Prior.from_arrays(NAMES, arrays, deviations=True)
    del arrays["linear.slope"]
    with pytest.raises(ValueError, match=r"^expected the array linear\.slope, found none$"):
        Prior.from_arrays(NAMES, arrays)
    local = Prior.fit(("local_ridge",), *volumes(4)).arrays()
    del local["local_ridge.ridge.loadings"]
    with pytest.raises(ValueError, match=r"^expected the array local_ridge\.ridge\.loadings, found none$"):
        Prior.from_arrays(("local_ridge",), local)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("linear.slope", lambda a: a.astype(np.float16), r"expected linear\.slope in float32, found float16"),
        ("linear.slope", lambda a: a.astype(np.complex64), r"expected linear\.slope in float32, found complex64"),
        ("linear.slope", lambda a: a[:, :2].copy(), "expected volumes of one grid, found .*3, 2, 5"),
        ("ridge.components", lambda a: a[:, :2].copy(), UNFIT),
        ("ridge.centre", lambda a: a[None], UNFIT),
        ("local_ridge.weights", lambda a: a[..., :2].copy(), UNFIT),
        ("deviations.spread", lambda a: np.ones((2, 9), np.float32), UNFIT),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_each_other(name, change, told):
    arrays = Prior.fit(ALL, *volumes(4), deviations=True).arrays()
    with pytest.raises(ValueError, match=told):
        Prior.from_arrays(ALL, arrays | {name: change(arrays[name])}, deviations=True)


def test_no_volume_among_them():
    with pytest.raises(ValueError, match=r"expected volumes of one grid, found \[\]"):
        Prior.from_arrays(("mean_pet",), {"mean_pet.mean": np.zeros(3, np.float32)})


def test_a_subjects_channels_do_not_depend_on_who_else_is_asked_for():
    prior, new = Prior.fit(NAMES, *volumes(8), deviations=True), volumes(5, seed=1)[0]
    np.testing.assert_array_equal(prior.predict(new)[3:4], prior.predict(new[3:4]))


def test_deviations_of_nobody():
    with pytest.raises(ValueError, match=r"n > 0, found"):
        Deviations.fit(lambda gm: gm[..., None], *(v[:0] for v in volumes(2)))
