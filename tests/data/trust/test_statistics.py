"""The parts as arrays and back; what is missing is said with its reason and its remedy."""

import numpy as np
import pytest

from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.trust.familiarity import Familiarity
from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.data.trust.statistics import TRIVIAL, VALUES, Trust
from pcsa_jax.data.trust.uptake_norm import UptakeNorm

SIZE = 16


def whole():
    rng = np.random.default_rng(0)
    mri, pet = rng.random((2, 24, SIZE, SIZE, SIZE), np.float32)
    from pcsa_jax.data.grid import Grid

    norm = UptakeNorm.fit(pet + 1, ages=[60.0 + i for i in range(24)], sexes=["F", "M"] * 12, grid=Grid(SIZE))
    about = {
        "training_people": 24,
        "calibration_people": 24,
        "norm": norm.describe(),
        "norm_missing": "",
        VALUES: ["a", "b", "c", "d"],
    }
    intervals = Intervals.fit(pet - mri, rng.normal(size=(24, 4)))
    return Trust(Familiarity.fit(mri), intervals, norm, Prior.fit(TRIVIAL, mri, pet), about), mri, pet


@pytest.fixture(scope="module")
def trust():
    return whole()


def test_arrays_and_back(trust):
    found, mri, pet = trust
    arrays = found.arrays()
    assert all(array.dtype == np.float32 for array in arrays.values())
    again = Trust.from_arrays(arrays, found.about)
    assert again.familiarity.assess(mri[0]) == found.familiarity.assess(mri[0])
    for one, other in zip(again.intervals.around(pet[0]), found.intervals.around(pet[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(again.norm.z(pet[0], age=70).z, found.norm.z(pet[0], age=70).z, atol=1e-4)
    np.testing.assert_array_equal(again.trivial.predict(mri[:1]), found.trivial.predict(mri[:1]))
    assert found.missing() == []
    assert found.shape == (SIZE,) * 3


@pytest.mark.parametrize("part", ["familiarity", "intervals", "norm", "trivial"])
def test_any_part_may_be_missing(trust, part):
    lacking = trust[0]._replace(**{part: None})
    again = Trust.from_arrays(lacking.arrays(), lacking.about)
    assert getattr(again, part) is None
    assert len(again.missing()) == 1
    assert "cannot be" in again.missing()[0]


def test_what_is_missing_says_why_or_what_to_do():
    old = Trust().missing()
    assert all(line.endswith("python -m pcsa_jax calibrate RUN adds it") for line in old)
    few = Trust(about={"training_people": 1, "calibration_people": 2, "norm_missing": "no CN"}).missing()
    assert few[0] == "Whether the model knows a map cannot be said: 1 training maps are fewer than 20"
    assert few[1] == ("How sure the PET is cannot be said: 2 people that it has not learnt from are fewer than 9")
    assert few[2] == "Whether the PET is abnormal cannot be said: no CN"


def test_each_missing_part_has_its_own_line():
    lines = Trust(about={"training_people": 1, "norm_missing": "no CN"}).missing_parts()
    assert list(lines) == ["familiarity", "intervals", "norm", "trivial"]
    assert "sure" in lines["intervals"] and lines["norm"].endswith("abnormal cannot be said: no CN")


def test_arrays_of_something_else_are_refused(trust):
    arrays = trust[0].arrays()
    with pytest.raises(ValueError, match="found other"):
        Trust.from_arrays(arrays | {"other.mean": arrays["intervals.low"]}, trust[0].about)
    with pytest.raises(ValueError, match="a name for each of 4 regional values, found 0"):
        Trust.from_arrays(arrays, {**trust[0].about, VALUES: []})
    with pytest.raises(ValueError, match="volumes of one grid"):
        Trust.from_arrays(arrays | {"intervals.low": np.zeros((8, 8, 8), np.float32)}, trust[0].about)
    with pytest.raises(ValueError, match="no NaN, found some in intervals.high"):
        Trust.from_arrays(arrays | {"intervals.high": np.full((SIZE,) * 3, np.nan, np.float32)}, trust[0].about)
    with pytest.raises(ValueError, match=r"familiarity\.extra"):
        Trust.from_arrays(arrays | {"familiarity.extra": arrays["intervals.low"]}, trust[0].about)
