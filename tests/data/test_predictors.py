"""The trivial predictors are what they say, and know the training subjects only."""

import numpy as np
import pytest

from pcsa_jax.data.predictors.linear import MeanPET, VoxelwiseLinear
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS

SHAPE = (4, 5, 6)


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    mri = rng.uniform(0.2, 0.8, (n, *SHAPE)).astype(np.float32)
    pet = (0.3 + 0.4 * mri + rng.normal(0, 0.05, mri.shape)).astype(np.float32)
    return mri, pet


def test_linear_equals_polyfit_at_every_voxel():
    mri, pet = pairs(12)
    fitted = VoxelwiseLinear.fit(mri, pet)
    for voxel in np.ndindex(*SHAPE):
        slope, intercept = np.polyfit(mri[:, *voxel].astype(float), pet[:, *voxel].astype(float), 1)
        assert fitted.slope[voxel] == pytest.approx(slope, abs=1e-5)
        assert fitted.intercept[voxel] == pytest.approx(intercept, abs=1e-5)


def test_linear_recovers_an_exact_line():
    mri, _ = pairs(5)
    pet = 0.1 + 0.7 * mri
    new, _ = pairs(3, seed=1)
    np.testing.assert_allclose(VoxelwiseLinear.fit(mri, pet).predict(new), 0.1 + 0.7 * new, atol=1e-5)


def test_linear_predicts_the_mean_where_grey_matter_is_constant():
    mri, pet = pairs(6)
    mri[:, 0] = 0.25
    mri[0, 0] += 3e-6
    predicted = VoxelwiseLinear.fit(mri, pet).predict(np.ones((1, *SHAPE), np.float32))
    np.testing.assert_allclose(predicted[0, 0], pet[:, 0].mean(axis=0), atol=1e-5)
    assert np.isfinite(predicted).all()


def test_linear_from_one_subject_is_that_subject():
    mri, pet = pairs(1)
    np.testing.assert_allclose(VoxelwiseLinear.fit(mri, pet).predict(mri * 0.5), pet, atol=1e-6)


def test_linear_is_clipped_to_the_range_of_the_volumes():
    mri, pet = pairs(8)
    fitted = VoxelwiseLinear.fit(mri, np.clip(3 * pet - 1, 0, 1))
    predicted = fitted.predict(np.linspace(-5, 5, 4, dtype=np.float32).reshape(4, 1, 1, 1) * np.ones(SHAPE, np.float32))
    assert predicted.min() == 0
    assert predicted.max() == 1
    assert predicted.dtype == np.float32


def test_linear_has_no_larger_training_error_than_the_mean():
    mri, pet = pairs(10)
    squared = {name: np.mean((kind.fit(mri, pet).predict(mri) - pet) ** 2) for name, kind in TRIVIAL_PREDICTORS.items()}
    assert squared["linear"] < squared["mean_pet"]


def test_mean_is_the_mean_of_the_training_subjects_for_everybody():
    mri, pet = pairs(7)
    predicted = MeanPET.fit(mri, pet).predict(np.zeros((3, *SHAPE), np.float32))
    assert predicted.shape == (3, *SHAPE)
    for volume in predicted:
        np.testing.assert_allclose(volume, pet.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("name", TRIVIAL_PREDICTORS)
def test_inputs_are_left_as_they_are(name):
    mri, pet = pairs(4)
    before = mri.copy(), pet.copy()
    TRIVIAL_PREDICTORS[name].fit(mri, pet).predict(mri)
    np.testing.assert_array_equal(mri, before[0])
    np.testing.assert_array_equal(pet, before[1])


@pytest.mark.parametrize("name", TRIVIAL_PREDICTORS)
def test_messages(name):
    mri, pet = pairs(4)
    with pytest.raises(ValueError, match=r"mri and pet: expected two arrays of one shape .* found \(3, 4, 5, 6\)"):
        TRIVIAL_PREDICTORS[name].fit(mri[:3], pet)
    with pytest.raises(ValueError, match=r"expected shape \(n, 4, 5, 6\) as in training, found \(4, 4, 5, 5\)"):
        TRIVIAL_PREDICTORS[name].fit(mri, pet).predict(mri[..., :5])


@pytest.mark.parametrize("name", TRIVIAL_PREDICTORS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_missing_is_named(name, bad):
    mri, pet = pairs(4)
    mri[2, 1, 1, 1] = bad
    with pytest.raises(
        ValueError, match=r"^mri: expected finite voxels, found NaN or infinity in row 2\. Leave it out"
    ):
        TRIVIAL_PREDICTORS[name].fit(mri, pet)
    with pytest.raises(ValueError, match=r"^pet: expected finite voxels, found NaN or infinity in row 2\."):
        TRIVIAL_PREDICTORS[name].fit(pet, mri)
    with pytest.raises(ValueError, match=r"n > 0, found \(0, 4, 5, 6\) and \(0, 4, 5, 6\)"):
        TRIVIAL_PREDICTORS[name].fit(mri[:0], pet[:0])
