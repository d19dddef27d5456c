"""Intervals, agreement and corrected p values, by hand and against SciPy."""

import numpy as np
import pytest

from pcsa_jax.presentation.statistics import (
    bland_altman,
    correlation,
    describe,
    group_difference,
    holm,
    percentile_interval,
    resampled_correlation,
    resampling_weights,
)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_has_no_p_does_not_count_in_holm():
    assert holm([None, 0.02, None, 0.03]) == [None, 0.04, None, 0.04]


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    weights = resampling_weights(30, seed=0)
    intervals = [describe(rng.normal(5, 2, 30), weights)["ci95"] for _ in range(150)]
    covered = np.mean([low <= 5 <= high for low, high in intervals])
    assert 0.88 <= covered <= 0.99


def test_bootstrap_interval_equals_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).exponential(size=40)
    expected = bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=2).confidence_interval
    assert describe(values, resampling_weights(40, seed=0))["ci95"] == pytest.approx(list(expected), abs=0.02)


def test_bland_altman():
    real = np.array([1.0, 2.0, 3.0])
    agreement = bland_altman(real, real + [0.1, 0.2, 0.3])
    assert agreement["bias"] == pytest.approx(0.2)
    assert agreement["limits"] == pytest.approx([0.2 - 1.96 * 0.1, 0.2 + 1.96 * 0.1])


def test_correlation_of_a_constant_is_none():
    real = np.array([1.0, 2.0, 3.0])
    assert correlation(real, 2 * real + 1) == pytest.approx(1)
    assert correlation(real, np.ones(3)) is None


def test_correlation_of_each_resample():
    rng = np.random.default_rng(0)
    real = rng.normal(50, 1, 12)
    synthetic = real + rng.normal(size=12)
    weights = resampling_weights(12, seed=0)
    found = resampled_correlation(real, synthetic, weights)
    assert found.shape == (len(weights),)
    for row in range(20):
        people = np.repeat(np.arange(12), np.round(12 * weights[row]).astype(int))
        assert found[row] == pytest.approx(np.corrcoef(real[people], synthetic[people])[0, 1])
    low, high = percentile_interval(found)
    assert low < correlation(real, synthetic) < high


def test_a_resample_of_one_subject_has_no_correlation():
    weights = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    found = resampled_correlation(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]), weights)
    assert np.isnan(found[0]) and found[1:] == pytest.approx([1, np.corrcoef([1, 2, 4], [1, 3, 2])[0, 1]])
    assert np.isnan(resampled_correlation(np.arange(3.0), np.ones(3), weights)).all()


def test_interval_of_the_resamples_that_have_a_value():
    values = np.linspace(0, 1, 1001)
    assert percentile_interval(values) == pytest.approx([0.025, 0.975])
    values[:50] = np.nan
    assert percentile_interval(values) is not None
    values[50:60] = np.nan
    assert percentile_interval(values) is None and percentile_interval(np.full(3, np.nan)) is None


def test_a_reason_is_the_callers():
    entry = describe(np.array([np.nan, 1.0]), resampling_weights(2, 0), undefined="nobody else")
    assert entry["reason"] == "not finite for 1 of 2 subjects (nobody else)"


def test_group_difference():
    values, diagnosis = np.array([1.0, 3.0, 5.0, 7.0]), np.array(["AD", "AD", "CN", "CN"])
    result = group_difference(values, diagnosis)
    assert result["difference"] == pytest.approx(-4)
    assert result["cohens_d"] == pytest.approx(-4 / np.sqrt(2))
    assert "found 0 and 4" in group_difference(values, np.array(["CN"] * 4))["reason"]
