"""Effect sizes, the share of a difference that is kept, and what small groups do to them."""

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.studies.disease.effects import AGREEMENT_COLUMNS, group_effects, regional_table, shared_lows
from pcsa_jax.studies.disease.lesions import SUMMARY_COLUMNS, lesion_summary
from tests.studies.disease.disease_data import following


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    diagnosis = np.array(["AD"] * 20 + ["CN"] * 30)
    return 0.6 - 0.1 * (diagnosis == "AD") + 0.03 * rng.normal(size=50), diagnosis


def test_half_the_difference_is_half_kept(groups):
    real, diagnosis = groups
    found = group_effects(real, 0.3 + 0.5 * real, diagnosis)
    assert found["share_kept"] == pytest.approx(0.5)
    assert (found["share_kept_low"], found["share_kept_high"]) == pytest.approx((0.5, 0.5)), "paired resamples"
    assert found["d_synthetic"] == pytest.approx(found["d_real"]), "d does not see that half is lost"
    assert found["d_real_low"] < found["d_real"] < found["d_real_high"] < 0
    assert found["reason"] == ""


def test_intervals_of_d_are_those_of_a_plain_bootstrap(groups):
    real, diagnosis = groups
    rng, draws = np.random.default_rng(1), []
    ad, cn = real[diagnosis == "AD"], real[diagnosis == "CN"]
    for _ in range(4000):
        one, other = rng.choice(ad, len(ad)), rng.choice(cn, len(cn))
        pooled = np.sqrt((19 * one.var(ddof=1) + 29 * other.var(ddof=1)) / 48)
        draws.append((one.mean() - other.mean()) / pooled)
    found = group_effects(real, real, diagnosis)
    np.testing.assert_allclose(
        [found["d_real_low"], found["d_real_high"]], np.percentile(draws, [2.5, 97.5]), rtol=0.05
    )


def test_share_of_no_difference_is_not_given():
    rng = np.random.default_rng(3)
    diagnosis, real = np.array(["AD", "CN"] * 10), rng.normal(0.5, 0.1, 20)
    real[diagnosis == "AD"] += real[diagnosis == "CN"].mean() - real[diagnosis == "AD"].mean()
    found = group_effects(real, real, diagnosis)
    assert "share_kept" not in found
    assert found["reason"] == "AD and CN do not differ in the PET of the cohort itself (the 95 % interval holds 0)"


@pytest.mark.parametrize(
    ("diagnosis", "reason"),
    [(["AD", "AD", "AD"], "needs at least 2 AD and 2 CN subjects, found 3 and 0"),
     (["CN"], "needs at least 2 AD and 2 CN subjects, found 0 and 1"),
     (["AD", "AD", "CN", "CN"], "an interval needs at least 3 AD and 3 CN subjects, found 2 and 2")],
)  # fmt: skip
def test_small_groups_have_a_reason(diagnosis, reason):
    values = np.linspace(0.4, 0.6, len(diagnosis))
    found = group_effects(values, values, np.array(diagnosis))
    assert found["reason"] == reason
    assert "share_kept" not in found and "d_real_low" not in found


def test_lows_are_counted_in_ad_only():
    diagnosis = np.array(["AD", "AD", "AD", "AD", "CN"])
    real = np.array([-2.0, -2, -2, 0, -2])
    synthetic = np.array([-2.0, -2, 0, -2, -2])
    found = shared_lows(real, synthetic, diagnosis)
    assert found == {
        "num_ad_low_real": 3, "num_ad_low_synthetic": 3, "num_ad_low_both": 2, "sensitivity": 2 / 3,
        "precision": 2 / 3,
    }  # fmt: skip
    assert shared_lows(real, real, diagnosis)["sensitivity"] == 1
    nothing = shared_lows(np.full(5, np.nan), real, diagnosis)
    assert (nothing["num_ad_low_real"], nothing["sensitivity"], nothing["precision"]) == (0, None, None)


def test_sessions_of_one_person_count_once():
    rows = pd.DataFrame(
        {"participant_id": ["b", "a", "a"], "diagnosis": ["CN", "AD", "AD"], "region": "x", "real": [1.0, 2.0, 4.0]}
    )
    people = one_row_each(rows, ["region"], ["real"])
    assert people["participant_id"].tolist() == ["a", "b"]
    assert people["diagnosis"].tolist() == ["AD", "CN"]
    assert people["real"].tolist() == [3.0, 1.0]


def test_regional_table():
    table = regional_table(following().regions.assign(fold=0))
    assert tuple(table.columns) == AGREEMENT_COLUMNS
    assert len(table) == 5 * 6
    cingulate = table[table["region"] == "posterior_cingulate_precuneus"].set_index("predictor")
    assert list(cingulate.index) == [
        "model", "ridge", "linear", "mean_pet", "predictable", "predictable_own_range",
    ]  # fmt: skip
    assert (cingulate["num_ad"] == 3).all() and (cingulate["num_cn"] == 6).all()
    assert (cingulate["d_real"] < -1).all()
    assert cingulate.loc["predictable", "share_kept"] == pytest.approx(1, abs=0.3)
    own = following().regions
    own = own[(own["region"] == "posterior_cingulate_precuneus") & (own["predictor"] == "model")]
    assert cingulate.loc["model", "mae"] == pytest.approx((own["synthetic"] - own["real"]).abs().mean())


def test_mean_pet_of_several_folds_correlates_with_nobody():
    """Between folds it differs by whose PET it was fitted on; that is no agreement."""
    regions = following().regions
    people = list(regions["participant_id"].unique())
    fold = regions["participant_id"].map(people.index) % 2
    shifted = regions.assign(fold=fold)
    shifted.loc[shifted["predictor"] == "mean_pet", "synthetic"] += 0.01 * fold
    table = regional_table(shifted)
    mean = table[table["predictor"] == "mean_pet"]
    assert mean["pearson_r"].isna().all() and mean["d_synthetic"].isna().all()
    assert table[table["predictor"] == "linear"]["pearson_r"].notna().all()


def test_lesion_summary():
    summary = lesion_summary(following().lesions)
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    assert (summary["n_subjects"] == 9).all()
    own = summary[(summary["predictor"] == "model") & (summary["kind"] == "mri") & (summary["depth"] > 0)]
    np.testing.assert_allclose(own["share_followed"].astype(float), 1, rtol=1e-4)
    np.testing.assert_allclose(summary["error"], summary["synthetic"] - summary["real"], atol=1e-9)
    one = following().lesions
    one = lesion_summary(one[one["participant_id"] == "sub-001"])
    assert one["response_low"].isna().all() and one["response"].notna().all()
