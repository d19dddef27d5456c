"""Measures of one classifier, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from pcsa_jax.studies.classification.measures import COUNTS, MEASURES, concordance, measure, measures_of_counts

IS_AD = np.array([True, True, True, False, False, False, False, False])
PROBABILITY = np.array([0.9, 0.6, 0.2, 0.7, 0.4, 0.2, 0.1, 0.0])


def test_by_hand():
    found = measure(IS_AD, PROBABILITY, 0.5)
    assert [found[key] for key in COUNTS] == [2, 1, 1, 4]
    expected = {"acc": 6 / 8, "bacc": (2 / 3 + 4 / 5) / 2, "sen": 2 / 3, "spe": 4 / 5, "precision": 2 / 3, "f1": 2 / 3}
    expected["auc"] = (5 + 4 + 2.5) / 15
    assert {key: found[key] for key in MEASURES} == pytest.approx(expected)
    assert found["reasons"] == {}


def test_threshold_itself_is_called_ad():
    assert measure(IS_AD, PROBABILITY, 0.6)["tp"] == 2
    assert measure(IS_AD, PROBABILITY, 0.6 + 1e-9)["tp"] == 1


@pytest.mark.parametrize(
    ("probability", "auc", "acc"),
    [(IS_AD.astype(float), 1, 1), (1 - IS_AD, 0, 0), (np.full(8, 0.5), 0.5, 3 / 8)],
    ids=["perfect", "inverted", "all the same"],
)
def test_extremes(probability, auc, acc):
    found = measure(IS_AD, probability, 0.5)
    assert (found["auc"], found["acc"]) == pytest.approx((auc, acc))


def test_one_class_only():
    found = measure(np.ones(4, bool), np.array([0.9, 0.8, 0.1, 0.7]), 0.5)
    assert (found["sen"], found["acc"], found["precision"]) == (0.75, 0.75, 1)
    assert [found[key] for key in ("spe", "bacc", "auc")] == [None] * 3
    assert found["reasons"] == dict.fromkeys(("spe", "bacc", "auc"), "no CN subjects")


def test_nobody_called_ad():
    found = measure(IS_AD, PROBABILITY, 0.95)
    assert found["precision"] is None
    assert found["reasons"] == {"precision": "nobody was called AD"}
    assert found["f1"] == 0


def test_no_subject_with_ad_and_none_called_so():
    found = measure(np.zeros(3, bool), np.zeros(3), 0.5)
    assert found["f1"] is None and found["sen"] is None and found["spe"] == 1


def test_formulas_for_many_counts_equal_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        is_ad, called = rng.random(30) < 0.4, rng.random(30) < 0.5
        tp, fn, fp, tn = metrics.confusion_matrix(is_ad, called, labels=[True, False]).ravel().astype(float)
        found = measures_of_counts(*(np.array([count]) for count in (tp, fn, fp, tn)))
        expected = {
            "acc": metrics.accuracy_score(is_ad, called),
            "bacc": metrics.balanced_accuracy_score(is_ad, called),
            "sen": metrics.recall_score(is_ad, called),
            "spe": metrics.recall_score(is_ad, called, pos_label=False),
            "precision": metrics.precision_score(is_ad, called),
            "f1": metrics.f1_score(is_ad, called),
        }
        assert {key: values.item() for key, values in found.items()} == pytest.approx(expected)


def test_undefined_formulas_are_nan():
    values = measures_of_counts(*(np.array([count]) for count in (0.0, 0.0, 0.0, 5.0)))
    assert np.isnan([values[key][0] for key in ("sen", "bacc", "precision", "f1")]).all()
    assert values["spe"] == values["acc"] == 1


def test_concordance_is_the_auc_even_with_ties():
    rng = np.random.default_rng(1)
    is_ad, probability = rng.random(60) < 0.3, rng.integers(0, 6, 60) / 5
    expected = metrics.roc_auc_score(is_ad, probability)
    assert concordance(probability[is_ad], probability[~is_ad]).mean() == pytest.approx(expected)
