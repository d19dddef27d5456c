"""Intervals, agreement and corrected p values, by hand and against SciPy."""

import numpy as np
import pytest

from pcsa_jax.presentation.statistics import (
    bland_altman,
    correlation,
    describe,
    group_difference,
    holm,
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


def test_group_difference():
    values, diagnosis = np.array([1.0, 3.0, 5.0, 7.0]), np.array(["AD", "AD", "CN", "CN"])
    result = group_difference(values, diagnosis)
    assert result["difference"] == pytest.approx(-4)
    assert result["cohens_d"] == pytest.approx(-4 / np.sqrt(2))
    assert "found 0 and 4" in group_difference(values, np.array(["CN"] * 4))["reason"]
