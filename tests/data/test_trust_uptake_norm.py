"""Uptake of cognitively normal people by age and sex, and z against it."""

import dataclasses
import json

import numpy as np
import pytest

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import region_masks
from pcsa_jax.data.trust.uptake_norm import (
    REFERENCES,
    SMALLEST_RELATIVE_STD,
    UptakeNorm,
    norm_of_controls,
    reference_of,
    reference_uptake,
)
from pcsa_jax.errors import UserError
from tests.evaluation.evaluation_data import fake_pairs

GRID = Grid(16)


def people(n, *, seed=0):
    """Uptake that falls with age, is higher in women, and has an amount of its own in each person."""
    rng = np.random.default_rng(seed)
    ages, sexes = rng.uniform(60, 90, n), rng.choice(["F", "M"], n)
    profile = 1 - 0.01 * (ages - 75) + 0.1 * (sexes == "F")
    far = 1 - reference_of(GRID, "spared")  # age and sex leave the reference alone
    uptake = 1 + far * (profile - 1).reshape(-1, 1, 1, 1) + 0.1 * far * rng.standard_normal((n, *GRID.shape))
    return (rng.uniform(0.2, 0.8, n).reshape(-1, 1, 1, 1) * uptake).astype(np.float32), ages.tolist(), sexes.tolist()


def fit(n, **changes):
    pet, ages, sexes = people(n)
    return UptakeNorm.fit(pet, **{"ages": ages, "sexes": sexes, "grid": GRID} | changes)


FAR = reference_of(GRID, "spared") == 0


def test_somebody_who_was_left_out_has_a_z_of_mean_0_and_sd_1():
    pet, ages, sexes = people(24)
    left_out = []
    for row in range(len(pet)):
        rest = [other for other in range(len(pet)) if other != row]
        norm = UptakeNorm.fit(
            pet[rest], ages=[ages[i] for i in rest], sexes=[sexes[i] for i in rest], grid=GRID
        )  # fmt: skip
        left_out.append(norm.z(pet[row], age=ages[row], sex=sexes[row]).z[FAR])
    assert abs(np.mean(left_out)) < 0.02
    # A t of 20 degrees of freedom has the SD sqrt(20 / 18).
    assert np.std(left_out) == pytest.approx(np.sqrt(20 / 18), rel=0.02)


def test_it_is_the_regression_of_numpy_and_forgets_the_amount():
    pet, ages, sexes = people(14)
    norm = UptakeNorm.fit(pet, ages=ages, sexes=sexes, grid=GRID)
    x = np.column_stack([np.ones(14), np.array(ages) / 10, [sex == "M" for sex in sexes]])
    relative = pet / reference_uptake(pet, norm.weights).reshape(-1, 1, 1, 1)
    expected, squares, *_ = np.linalg.lstsq(x, relative.reshape(14, -1), rcond=None)
    np.testing.assert_allclose(norm.coefficients[1:].reshape(2, -1)[:, FAR.ravel()], expected[1:][:, FAR.ravel()],
                               rtol=1e-3, atol=1e-4)  # fmt: skip
    np.testing.assert_allclose(norm.std[FAR], np.sqrt(squares / 11).reshape(GRID.shape)[FAR], rtol=1e-4)
    assert norm.covariates == ("age", "sex") and norm.count == 14 and norm.missing == ()
    np.testing.assert_allclose(norm.z(7 * pet[0], age=ages[0]).z, norm.z(pet[0], age=ages[0]).z, atol=1e-4)


def test_what_is_lost_shows_and_what_is_spared_does_not_look_hot():
    normal, ages, sexes = people(30)
    norm = UptakeNorm.fit(normal, ages=ages, sexes=sexes, grid=GRID)
    pet, ages, sexes = people(12, seed=1)
    patients = np.where(FAR, 0.6 * pet, pet)
    z = norm.z(patients, age=ages, sex=sexes).z
    spared = reference_of(GRID, "spared") > 0.9
    assert z[:, FAR].mean() < -2 and abs(z[:, spared].mean()) < 0.5
    # The same by the global mean, which falls with the disease: part of the loss hides, and the spared look hot.
    ours, theirs = (volumes / volumes.mean(axis=(1, 2, 3), keepdims=True) for volumes in (normal, patients))
    by_mean = (theirs - ours.mean(axis=0)) / ours.std(axis=0, ddof=1)
    assert by_mean[:, FAR].mean() > z[:, FAR].mean() + 1 and by_mean[:, spared].mean() > 2


def test_controls_are_the_first_visits_of_cognitively_normal_people():
    pairs = fake_pairs(24)
    pairs = dataclasses.replace(pairs, ages=(70.0,) * 12 + (80.0,) * 12, sexes=("F", "M") * 12)
    norm, why = norm_of_controls(pairs, Grid(32))
    assert (norm.count, norm.covariates, why) == (16, ("age", "sex"), "")
    patients = pairs.pet[[d == "AD" for d in pairs.diagnoses]]
    z, regions = norm.z(patients, age=75, sex="F").z, region_masks(Grid(32))
    assert z[:, regions["posterior_cingulate_precuneus"]].mean() < -1.5
    assert abs(z[:, regions["sensorimotor"]].mean()) < 0.7


@pytest.mark.parametrize(
    ("changes", "covariates", "missing"),
    [
        ({"ages": [None] * 14}, ("sex",), "no age known: not regressed out"),
        ({"ages": [70.0] * 5 + [None] * 9}, ("sex",), "age known of 5 CN (at least 10): not regressed out"),
        ({"ages": [70.0] * 14}, ("sex",), "all the same age: age not regressed out"),
        ({"sexes": ["F"] * 12 + ["M"] * 2}, ("age",), "fewer than 3 CN of one sex: sex not regressed out"),
        ({"sexes": [None] * 4 + ["F", "M"] * 5}, ("age", "sex"), "sex not known of 4 of 14 CN: taken as the mean"),
    ],
)
def test_what_is_missing_is_said_and_the_rest_given(changes, covariates, missing):
    norm = fit(14, **changes)
    assert norm.covariates == covariates and norm.missing == (missing,)
    assert np.isfinite(norm.z(people(1, seed=3)[0][0]).z).all()


def test_one_image_without_an_age_has_the_mean_age_and_a_note():
    norm = fit(20)
    pet = people(1, seed=3)[0][0]
    mean = float(norm.centres[0] * 10)
    unknown, known = norm.z(pet, sex="F"), norm.z(pet, age=mean, sex="F")
    np.testing.assert_allclose(unknown.z, known.z, atol=1e-5)
    assert unknown.notes == (f"age not known: the norm is that of {mean:.0f} years, the CN people's mean",)
    assert known.notes == ()
    low, high = norm.age_range
    (note,) = norm.z(pet, age=45, sex="F").notes
    assert note == f"age 45 outside of the CN people's {low:g} to {high:g} years: extrapolated"
    assert norm.z(pet, age=mean).notes == ("sex not known: the norm is that of the CN people's mix of women and men",)


def test_an_image_without_its_reference_has_no_z():
    norm, pet = fit(14), people(2, seed=3)[0]
    pet[0, :, :, :6] = 0  # the field of view ends above the cerebellum
    maps = norm.z(pet, age=[70, 71], sex="F")
    assert np.isnan(maps.z[0]).all() and np.isfinite(maps.z[1]).all()
    assert maps.notes == ("no z-map: the reference region is not in the image, or without uptake",)


def test_people_without_their_reference_are_left_out_of_the_norm():
    pet, ages, sexes = people(14)
    pet[3, :, :, :6] = 0
    norm = UptakeNorm.fit(pet, ages=ages, sexes=sexes, grid=GRID)
    assert norm.count == 13 and norm.missing == ("1 of 14 CN left out: no uptake in the reference region",)


def test_too_few_are_no_norm_and_a_visit_more_is_nobody_more():
    assert fit(2, ages=[70, 71], sexes=["F", "M"]) is None
    pairs = fake_pairs(9)
    few = dataclasses.replace(pairs, diagnoses=("AD",) * 7 + ("CN",) * 2)
    assert norm_of_controls(few, Grid(32)) == (None, "a norm needs at least 3 CN training subjects, found 2")
    visits = dataclasses.replace(pairs, participant_ids=("sub-1",) * 9)
    assert "found 1" in norm_of_controls(visits, Grid(32))[1]
    alone = norm_of_controls(pairs, Grid(32))[0]
    assert alone.missing == ("no age known: not regressed out", "no sex known: not regressed out")


def test_age_and_sex_that_go_together_are_no_reason_to_fail():
    pet, _, _ = people(14)
    norm = UptakeNorm.fit(pet, ages=[70.0] * 7 + [80.0] * 7, sexes=["F"] * 7 + ["M"] * 7, grid=GRID)
    either = UptakeNorm.fit(pet, ages=[70.0] * 7 + [80.0] * 7, sexes=[None] * 14, grid=GRID)
    np.testing.assert_allclose(norm.std, either.std, rtol=1e-4)
    z = norm.z(pet[0], age=70, sex="F").z
    np.testing.assert_allclose(z, either.z(pet[0], age=70).z, atol=1e-3)


def test_an_age_that_is_nan_is_not_known():
    norm, pet = fit(14, ages=[float("nan")] * 2 + [70.0, 75.0, 80.0] * 4), people(1, seed=3)[0][0]
    assert norm.missing == ("age not known of 2 of 14 CN: taken as the mean",) and norm.age_range == (70, 80)
    np.testing.assert_array_equal(norm.z(pet, age=float("nan"), sex="F").z, norm.z(pet, sex="F").z)


def test_agreement_by_chance_is_no_precision():
    pet = np.ones((5, *GRID.shape), np.float32)
    norm = UptakeNorm.fit(pet, ages=[None] * 5, sexes=[None] * 5, grid=GRID)
    np.testing.assert_allclose(norm.std, SMALLEST_RELATIVE_STD)


@pytest.mark.parametrize("reference", REFERENCES)
def test_it_survives_its_file(reference):
    norm = fit(14, reference=reference)
    again = UptakeNorm.from_arrays(norm.arrays(), json.loads(json.dumps(norm.describe())))
    assert {array.dtype for array in norm.arrays().values()} == {np.dtype(np.float32)}
    assert again.describe() == norm.describe()
    pet = people(1, seed=3)[0][0]
    np.testing.assert_allclose(again.z(pet, age=70, sex="F").z, norm.z(pet, age=70, sex="F").z, atol=1e-4)


def test_an_unknown_reference_is_refused():
    with pytest.raises(UserError, match=r"reference: expected one of spared, pons, cerebellum, found 'moon'\."):
        fit(14, reference="moon")
