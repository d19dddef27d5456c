"""Estimates and intervals over folds, seeds and subjects."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from pcsa_jax.evaluation import summary
from pcsa_jax.studies.classification.aggregation import (
    classifier_rows,
    distributions,
    estimate,
    estimates,
    resample,
    spread_over_classifiers,
)
from pcsa_jax.studies.classification.lines import read_lines
from pcsa_jax.studies.classification.measures import MEASURES
from tests.studies.classification.fake_probabilities import fake_probabilities, table


def mri_line(rows, part="pairs"):
    return read_lines(rows)[part]["mri", "none"]


def found_for(line):
    return estimates(line, distributions(line, resample(line.is_ad)))


def random_line(*, n=60, folds=1, part="pairs", random_seed=0):
    rng = np.random.default_rng(random_seed)
    is_ad = np.arange(n) % 3 == 0
    probability = 1 / (1 + np.exp(-(2 * is_ad - 1 + rng.normal(size=n))))
    return mri_line(table(probability, is_ad, folds=list(rng.permutation(np.arange(n) % folds)), part=part))


def test_resamples_keep_the_numbers_of_ad_and_cn():
    is_ad = np.array([True, False, False, True, False])
    counts = resample(is_ad)
    assert counts.shape == (1 + summary.NUM_RESAMPLES, 5)
    assert (counts[0] == 1).all()
    assert (counts[:, is_ad].sum(axis=1) == 2).all() and (counts[:, ~is_ad].sum(axis=1) == 3).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.05)


def test_one_fold_is_scikit_learn():
    line = random_line()
    found, single = found_for(line), classifier_rows(line)[0]
    assert {key: entry.value for key, entry in found.items()} == pytest.approx({key: single[key] for key in MEASURES})
    for entry in found.values():
        assert entry.ci95[0] < entry.value < entry.ci95[1]


def test_auc_of_pairs_is_the_mean_of_the_folds_weighted_by_their_pairs():
    line = random_line(folds=4)
    rows = classifier_rows(line)
    weights = [row["n_ad"] * row["n_cn"] for row in rows]
    assert len(set(weights)) > 1
    expected = np.average([row["auc"] for row in rows], weights=weights)
    assert found_for(line)["auc"].value == pytest.approx(expected)


def test_folds_on_different_scales_do_not_spoil_the_auc():
    """Perfect within each fold, useless if the probabilities of both were thrown together."""
    is_ad = [True, False] * 4
    probability = [0.3, 0.2] * 2 + [0.9, 0.8] * 2
    folds = [0] * 4 + [1] * 4
    rows = table(probability, is_ad, folds=folds, threshold=[0.25] * 4 + [0.85] * 4)
    assert metrics.roc_auc_score(is_ad, probability) < 0.8
    found = found_for(mri_line(rows))
    assert found["auc"].value == found["acc"].value == 1


def test_decisions_of_folds_are_pooled_and_seeds_averaged():
    is_ad = [True, True, False, False]
    seeds = [table(p, is_ad).assign(seed=seed) for seed, p in enumerate(([0.9, 0.1, 0.9, 0.1], [0.9, 0.9, 0.1, 0.1]))]
    found = found_for(mri_line(pd.concat(seeds)))
    assert found["acc"].value == pytest.approx((0.5 + 1) / 2)
    assert found["precision"].value == pytest.approx((1 / 2 + 1) / 2)


def test_mri_only_is_the_mean_over_the_classifiers():
    line = mri_line(fake_probabilities(pairs=0, mri_only=30, seeds=2), part="mri_only")
    rows = pd.DataFrame(classifier_rows(line))
    assert len(rows) == 6
    found = found_for(line)
    for key in MEASURES:
        assert found[key].value == pytest.approx(spread_over_classifiers(rows[key].to_numpy())[0])


def test_auc_interval_is_about_that_of_delong():
    line = random_line(n=150, random_seed=3)
    ad, cn = line.probability[0, line.is_ad], line.probability[0, ~line.is_ad]
    above = (ad[:, None] > cn).astype(float)
    error = np.sqrt(above.mean(axis=1).var(ddof=1) / len(ad) + above.mean(axis=0).var(ddof=1) / len(cn))
    expected = above.mean() + 1.96 * error * np.array([-1, 1])
    assert found_for(line)["auc"].ci95 == pytest.approx(expected, abs=0.015)


def test_sensitivity_interval_is_binomial():
    line = random_line(n=300, random_seed=4)
    entry = found_for(line)["sen"]
    error = np.sqrt(entry.value * (1 - entry.value) / 100)
    assert entry.ci95 == pytest.approx((entry.value - 1.96 * error, entry.value + 1.96 * error), abs=0.015)


def test_one_diagnosis_only():
    found = found_for(mri_line(table([0.9, 0.8, 0.1], [True] * 3)))
    assert found["sen"].value == pytest.approx(2 / 3)
    assert found["sen"].ci95 is None
    assert found["auc"].value is None
    assert found["auc"].reason == "needs AD and CN subjects, found 3 and 0"


def test_folds_of_one_diagnosis_have_no_auc_but_pooled_decisions():
    line = mri_line(table([0.9, 0.8, 0.1, 0.2], [True, True, False, False], folds=[0, 0, 1, 1]))
    found = found_for(line)
    assert found["acc"].value == 1
    assert found["auc"].reason == "no fold has both AD and CN subjects"


def test_nobody_called_ad_has_no_precision():
    found = found_for(mri_line(table([0.3, 0.2, 0.1, 0.2], [True, True, False, False])))
    assert found["precision"].value is None
    assert found["precision"].reason == "a classifier called nobody AD"
    assert found["auc"].value == pytest.approx(0.875)


def test_no_interval_where_many_resamples_have_no_value():
    values = np.ones(101)
    values[1:11] = np.nan
    assert estimate(values, "").reason == "not defined in 10 of 100 resamples"
    values[1:9] = 1
    assert estimate(values, "").ci95 == (1, 1)


def test_spread_needs_every_fold_and_two_of_them():
    assert spread_over_classifiers(np.array([1.0, 3.0])) == (2, pytest.approx(np.sqrt(2)))
    assert spread_over_classifiers(np.array([1.0, np.nan])) == (None, None)
    assert spread_over_classifiers(np.array([1.0])) == (1, None)
