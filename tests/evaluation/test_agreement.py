"""Regions over participants: correlation with its interval, asymmetry, and visits of one person."""

import json

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.evaluation.agreement import regional_correlation, summarise_regions


def region_rows(n=8, *, predictors=("model",), regions=("angular", "hippocampus"), noise=0.05, seed=0):
    rng = np.random.default_rng(seed)
    frames = []
    for region in regions:
        real, index = rng.uniform(0.3, 0.7, n), rng.normal(0, 5, n)
        for name in predictors:
            same = name == "mean_pet"
            frames.append(
                pd.DataFrame({
                    "participant_id": [f"sub-{i}" for i in range(n)],
                    "session_id": "",
                    "diagnosis": ["AD", "CN"] * (n // 2) + ["CN"] * (n % 2),
                    "predictor": name,
                    "region": region,
                    "real": real,
                    "synthetic": 0.5 if same else real + noise * rng.normal(size=n),
                    "asymmetry_real": index,
                    "asymmetry_synthetic": 1.0 if same else index + rng.normal(size=n),
                })
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_r_has_its_interval():
    rows = region_rows(30)
    own = summarise_regions(rows)["angular"]["predictors"]["model"]
    first = rows[rows["region"] == "angular"]
    assert own["pearson_r"] == pytest.approx(np.corrcoef(first["real"], first["synthetic"])[0, 1])
    low, high = own["pearson_r_ci95"]
    assert low < own["pearson_r"] < high <= 1


def test_asymmetry_by_hand():
    rows = region_rows(4, regions=("angular",))
    rows["asymmetry_real"] = [1.0, -2.0, 3.0, 0.0]
    rows["asymmetry_synthetic"] = [2.0, -4.0, 6.0, 0.0]
    own = summarise_regions(rows)["angular"]["predictors"]["model"]["asymmetry"]
    assert list(own) == ["mae", "pearson_r", "pearson_r_ci95"]
    assert own["mae"]["mean"] == pytest.approx(1.5) and own["mae"]["ci95"][0] < 1.5 < own["mae"]["ci95"][1]
    assert own["pearson_r"] == pytest.approx(1)


def test_what_is_the_same_for_everybody_has_no_r_and_says_so():
    rows = region_rows(predictors=("model", "mean_pet"))
    own = summarise_regions(rows)["angular"]["predictors"]["mean_pet"]
    assert own["pearson_r"] is own["pearson_r_ci95"] is None
    assert own["asymmetry"]["pearson_r"] is own["asymmetry"]["pearson_r_ci95"] is None
    entry = regional_correlation(rows)["mean_pet"]
    assert entry == {"mean": None, "std": None, "ci95": None, "reason": "the same uptake for everybody"}


def test_regional_correlation_is_the_mean_over_the_regions():
    rows = region_rows(20)
    regions = summarise_regions(rows)
    entry = regional_correlation(rows)["model"]
    assert entry["mean"] == pytest.approx(np.mean([regions[r]["predictors"]["model"]["pearson_r"] for r in regions]))
    assert entry["ci95"][0] < entry["mean"] < entry["ci95"][1]
    widths = [np.ptp(regions[region]["predictors"]["model"]["pearson_r_ci95"]) for region in regions]
    assert np.ptp(entry["ci95"]) < max(widths), "a mean over regions is known better than one of them"
    assert regional_correlation(rows) == regional_correlation(rows), "the seed is fixed"


@pytest.mark.parametrize("n", [1, 2])
def test_few_participants_have_no_r(n):
    rows = region_rows(n)
    own = summarise_regions(rows)["angular"]["predictors"]["model"]
    assert own["pearson_r"] is own["pearson_r_ci95"] is None
    assert regional_correlation(rows)["model"]["reason"] == "needs at least 3 subjects"
    json.dumps(summarise_regions(rows), allow_nan=False)


def test_visits_of_one_participant_count_once():
    """Errors are averaged, not taken of averages: +0.1 and -0.1 are an error of 0.1."""
    rows = region_rows(6, regions=("angular",))
    again = rows.iloc[:1].copy()
    rows.loc[0, "synthetic"], again["synthetic"] = rows["real"][0] + 0.1, rows["real"][0] - 0.1
    again["session_id"] = "ses-2"
    visits = pd.concat([rows, again], ignore_index=True)
    once = rows.assign(synthetic=[rows["real"][0], *rows["synthetic"][1:]])
    found, expected = (summarise_regions(table)["angular"]["predictors"]["model"] for table in (visits, once))
    for key in ("pearson_r", "bias", "std"):
        assert found[key] == pytest.approx(expected[key])
    assert found["pearson_r_ci95"] == pytest.approx(expected["pearson_r_ci95"])
    assert found["mae"] == pytest.approx(expected["mae"] + 0.1 / 6)


def test_the_order_of_the_lines_does_not_matter():
    rows = region_rows(predictors=("model", "linear"))
    shuffled = rows.sample(frac=1, random_state=1)
    assert regional_correlation(shuffled)["linear"] == regional_correlation(rows)["linear"]
