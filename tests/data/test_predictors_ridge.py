"""The whole-brain ridge is a ridge, chosen by leave-one-out, and uses the training subjects only."""

import numpy as np
import pytest

from pcsa_jax.data.predictors.linear import MeanPET, VoxelwiseLinear
from pcsa_jax.data.predictors.ridge import STRENGTHS, WholeBrainRidge, fit_and_leave_out

SHAPE = (4, 5, 6)
FAR = 0.5
"""How much of a voxel's uptake depends on the opposite corner of the volume."""


def pairs(n, seed=0, noise=0.01, far=FAR):
    rng = np.random.default_rng(seed)
    mri = rng.uniform(0.3, 0.7, (n, *SHAPE)).astype(np.float32)
    pet = 0.3 * mri + far * mri[:, ::-1, ::-1, ::-1] + rng.normal(0, noise, mri.shape) + 0.1
    return mri, pet.astype(np.float32)


def explicit(mri, pet, strength):
    """The same by the normal equations of the v x v covariance, in float64: (coefficients, linear, mean map)."""
    linear = VoxelwiseLinear.fit(mri, pet)
    flat = mri.reshape(len(mri), -1).astype(float)
    deviations = flat - flat.mean(axis=0)
    residuals = (pet - linear.intercept - linear.slope * mri).reshape(len(mri), -1).astype(float)
    eigenvalues = np.linalg.eigvalsh(deviations @ deviations.T)
    penalty = strength * eigenvalues[eigenvalues > 1e-7 * eigenvalues[-1]].mean()
    covariance = deviations.T @ deviations + penalty * np.eye(deviations.shape[1])
    return np.linalg.solve(covariance, deviations.T @ residuals), linear, flat.mean(axis=0), residuals


def test_equals_the_normal_equations():
    mri, pet = pairs(15)
    fitted = WholeBrainRidge.fit(mri, pet)
    coefficients, linear, mean, _ = explicit(mri, pet, float(fitted.strength))
    new, _ = pairs(4, seed=1)
    expected = linear.intercept + linear.slope * new + ((new.reshape(4, -1) - mean) @ coefficients).reshape(new.shape)
    np.testing.assert_allclose(fitted.predict(new), np.clip(expected, 0, 1), atol=2e-5)


def test_its_strength_has_the_least_error_when_each_subject_is_left_out_and_solved_again():
    mri, pet = pairs(12, noise=0.05)
    flat = mri.reshape(12, -1).astype(float)
    eigenvalues = np.linalg.eigvalsh((flat - flat.mean(0)) @ (flat - flat.mean(0)).T)
    unit = eigenvalues[eigenvalues > 1e-7 * eigenvalues[-1]].mean()
    residuals = explicit(mri, pet, 1.0)[3]

    def left_out(strength):
        total = 0.0
        for row in range(12):
            rest = np.arange(12) != row
            x, y = flat[rest], residuals[rest]
            x0, y0 = x.mean(axis=0), y.mean(axis=0)
            kernel = (x - x0) @ (x - x0).T + strength * unit * np.eye(11)
            predicted = y0 + (flat[row] - x0) @ (x - x0).T @ np.linalg.solve(kernel, y - y0)
            total += np.sum((residuals[row] - predicted) ** 2)
        return total

    errors = [left_out(strength) for strength in STRENGTHS]
    fitted = WholeBrainRidge.fit(mri, pet)
    assert float(fitted.strength) == pytest.approx(STRENGTHS[np.argmin(errors)], rel=1e-6)
    assert min(errors) < left_out(1e9)


def test_sees_what_no_single_voxel_shows():
    mri, pet = pairs(80)
    new, truth = pairs(20, seed=1)
    errors = {
        kind: np.mean((kind.fit(mri, pet).predict(new) - truth) ** 2) for kind in (VoxelwiseLinear, WholeBrainRidge)
    }
    assert errors[WholeBrainRidge] < 0.7 * errors[VoxelwiseLinear]


def test_is_the_linear_predictor_where_the_brain_says_no_more():
    mri, pet = pairs(20, far=0, noise=0.05)
    fitted, new = WholeBrainRidge.fit(mri, pet), pairs(3, seed=1)[0]
    assert fitted.strength >= STRENGTHS[2]
    np.testing.assert_allclose(fitted.predict(new), VoxelwiseLinear.fit(mri, pet).predict(new), atol=0.01)


def test_if_no_penalty_helps_the_strength_is_infinite_and_nothing_is_added():
    mri, _ = pairs(6)
    pet = 0.1 + 0.5 * mri
    fitted, new = WholeBrainRidge.fit(mri, pet), pairs(3, seed=1)[0]
    np.testing.assert_allclose(fitted.predict(new), 0.1 + 0.5 * new, atol=1e-5)
    one = WholeBrainRidge.fit(mri[:1], pet[:1])
    assert one.strength == np.inf and not one.loadings.any()


def test_one_subject_is_that_subject_and_two_are_a_line():
    mri, pet = pairs(2)
    new = pairs(3, seed=1)[0]
    np.testing.assert_allclose(WholeBrainRidge.fit(mri[:1], pet[:1]).predict(new), np.repeat(pet[:1], 3, 0), atol=1e-6)
    np.testing.assert_allclose(
        WholeBrainRidge.fit(mri, pet).predict(new), VoxelwiseLinear.fit(mri, pet).predict(new), atol=1e-4
    )


def test_voxels_that_do_not_vary_say_nothing_and_get_their_mean():
    mri, pet = pairs(10)
    mri[:, 0], pet[:, 1] = 0.25, 0.5
    mri[3, 0] += 3e-6
    fitted = WholeBrainRidge.fit(mri, pet)
    assert not fitted.inside[0].any() and fitted.inside[1:].all()
    new = pairs(3, seed=1)[0]
    other = new.copy()
    other[:, 0] = 1
    np.testing.assert_array_equal(fitted.predict(new)[:, 1:], fitted.predict(other)[:, 1:])
    np.testing.assert_allclose(fitted.predict(new)[:, 1], 0.5, atol=1e-5)
    same = np.full_like(mri, 0.4)
    np.testing.assert_allclose(
        WholeBrainRidge.fit(same, pet).predict(new), MeanPET.fit(same, pet).predict(new), atol=1e-6
    )


def test_a_subjects_pet_does_not_depend_on_who_else_is_asked_for():
    mri, pet = pairs(10)
    fitted, new = WholeBrainRidge.fit(mri, pet), pairs(5, seed=1)[0]
    np.testing.assert_array_equal(fitted.predict(new)[3:4], fitted.predict(new[3:4]))


def test_is_float32_in_the_range_of_the_volumes():
    mri, pet = pairs(10)
    predicted = WholeBrainRidge.fit(mri, pet).predict(np.stack([np.full(SHAPE, v, np.float32) for v in (-5, 5)]))
    assert predicted.dtype == np.float32 and predicted.min() == 0 and predicted.max() == 1
    assert all(array.dtype in (np.float32, bool) for array in vars(WholeBrainRidge.fit(mri, pet)).values())


def test_reads_volumes_that_are_mapped_from_files(tmp_path):
    mri, pet = pairs(10)
    np.save(tmp_path / "mri.npy", mri)
    mapped = np.load(tmp_path / "mri.npy", mmap_mode="r")
    new = pairs(2, seed=1)[0]
    np.testing.assert_array_equal(
        WholeBrainRidge.fit(mapped, pet).predict(new), WholeBrainRidge.fit(mri, pet).predict(new)
    )


def test_what_it_is_short_of_on_a_subject_it_has_not_seen():
    mri, pet = pairs(12, noise=0.05)
    fitted, left_out = fit_and_leave_out(mri, pet)
    residuals = explicit(mri, pet, float(fitted.strength))[3]
    flat = mri.reshape(12, -1).astype(float)
    deviations = flat - flat.mean(0)
    eigenvalues = np.linalg.eigvalsh(deviations @ deviations.T)
    penalty = float(fitted.strength) * eigenvalues[eigenvalues > 1e-7 * eigenvalues[-1]].mean()
    rest = np.arange(12) != 4
    x, y = flat[rest], residuals[rest]
    kernel = (x - x.mean(0)) @ (x - x.mean(0)).T + penalty * np.eye(11)
    predicted = y.mean(0) + (flat[4] - x.mean(0)) @ (x - x.mean(0)).T @ np.linalg.solve(kernel, y - y.mean(0))
    np.testing.assert_allclose(left_out[4], residuals[4] - predicted, atol=1e-5)
