"""Paired tests between arms, and agreement under a frozen classifier."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from pcsa_jax.presentation.statistics import holm
from pcsa_jax.studies.classification.aggregation import distributions, resample
from pcsa_jax.studies.classification.comparison import (
    COMPARED,
    COMPARISONS,
    DROP_IN,
    MRI,
    REAL,
    SYNTHETIC,
    agreement,
    bootstrap_p,
    compare,
    mcnemar,
)
from pcsa_jax.studies.classification.lines import read_lines
from tests.studies.classification.fake_probabilities import fake_probabilities, table

IS_AD = [True, True, True, False, False, False]


def compared(rows, part="pairs"):
    lines = read_lines(rows)[part]
    counts = resample(next(iter(lines.values())).is_ad)
    tests = compare(lines, {key: distributions(line, counts) for key, line in lines.items()})
    return {(test.first, test.second, test.measure): test for test in tests}


def two_arms(first, second, **options):
    """``first`` for MRI + synthetic PET, ``second`` for MRI only."""
    return pd.concat([table(first, IS_AD, arm="mri+synthetic_pet", **options), table(second, IS_AD, **options)])


@pytest.mark.parametrize("seeds", [1, 3])
def test_identical_arms_differ_by_nothing(seeds):
    rows = fake_probabilities(pairs=36, mri_only=0, seeds=seeds, gains={MRI: 0})
    same = rows.assign(arm="mri+synthetic_pet", pet="synthetic")
    tests = compared(pd.concat([rows, same]))
    assert len(tests) == len(COMPARED)
    for test in tests.values():
        assert (test.difference.value, test.difference.ci95, test.p, test.p_holm) == (0, (0, 0), 1, 1)
        assert test.verdict == test.corrected_verdict == "undecided"
        assert test.first_right == test.second_right == 0


def test_better_and_worse_are_each_others_mirror():
    perfect, inverted = np.array(IS_AD, float), 1 - np.array(IS_AD, float)
    better, worse = (compared(two_arms(*arms)) for arms in ((perfect, inverted), (inverted, perfect)))
    assert better[SYNTHETIC, MRI, "auc"].difference.value == 1 == -worse[SYNTHETIC, MRI, "auc"].difference.value
    assert better[SYNTHETIC, MRI, "auc"].corrected_verdict == "better"
    assert worse[SYNTHETIC, MRI, "auc"].corrected_verdict == "worse"


def test_the_same_subjects_are_resampled_for_both_arms():
    """A tiny but constant advantage is found although the arms' own intervals overlap almost entirely."""
    rng = np.random.default_rng(0)
    is_ad = np.arange(150) % 3 == 0
    score = np.where(is_ad, 0.62, 0.5) + rng.normal(0, 0.1, 150)
    helped = np.clip(score + 0.02 * np.where(is_ad, 1, -1), 0, 1)
    rows = pd.concat([table(helped, is_ad, arm="mri+synthetic_pet"), table(np.clip(score, 0, 1), is_ad)])
    test = compared(rows)[SYNTHETIC, MRI, "auc"]
    assert test.difference.ci95[0] > 0
    assert test.difference.value < 0.1
    assert test.p < 0.01


def test_mcnemar_is_the_exact_binomial_test_of_the_discordant_subjects():
    rows = two_arms([0.9, 0.9, 0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.9, 0.9, 0.1, 0.1])
    lines = read_lines(rows)["pairs"]
    ahead, behind, p = mcnemar(lines[SYNTHETIC], lines[MRI])
    assert (ahead, behind) == (3, 1)
    assert p == pytest.approx(2 * (1 + 4) / 2**4)
    assert compared(rows)[SYNTHETIC, MRI, "acc"].p == p


def test_seeds_do_not_multiply_the_subjects():
    rows = two_arms([0.9, 0.9, 0.9, 0.1, 0.1, 0.1], [0.9, 0.1, 0.1, 0.9, 0.1, 0.1])
    lines = read_lines(pd.concat([rows.assign(seed=seed) for seed in range(5)]))["pairs"]
    assert mcnemar(lines[SYNTHETIC], lines[MRI]) == (3, 0, binomtest(3, 3).pvalue)


def test_bootstrap_p():
    assert bootstrap_p(np.concatenate([[0.1], np.full(99, 0.1)])) == pytest.approx(2 / 100)
    assert bootstrap_p(np.concatenate([[0.1], np.full(95, 0.1), np.full(4, -0.1)])) == pytest.approx(2 * 5 / 100)
    assert bootstrap_p(np.array([0.1])) is None
    assert bootstrap_p(np.full(100, np.nan)) is None


def test_bootstrap_p_is_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    is_ad = np.arange(60) % 2 == 0
    line, counts, p = read_lines(table(is_ad, is_ad))["pairs"][MRI], resample(is_ad)[:1001], []
    for _ in range(120):
        anatomy = is_ad + rng.normal(size=60)
        arms = (1 / (1 + np.exp(-anatomy - rng.normal(0, 0.7, 60))) for _ in range(2))
        lines = (dataclasses.replace(line, probability=arm[None]) for arm in arms)
        first, second = (distributions(own, counts)["auc"] for own in lines)
        p.append(bootstrap_p(first - second))
    assert np.mean(np.array(p) < 0.05) <= 0.12
    assert 0.35 < np.mean(np.array(p) < 0.5) < 0.65


def test_family_is_one_part_and_measure():
    tests = compared(fake_probabilities(pairs=60, mri_only=30))
    assert {(first, second) for first, second, _ in tests} == set(COMPARISONS)
    for measure in COMPARED:
        family = [test for test in tests.values() if test.measure == measure]
        assert [test.p_holm for test in family] == holm([test.p for test in family])
        assert {test.num_comparisons for test in family} == {8}


def test_mri_only_has_no_comparison_with_real_pet():
    tests = compared(fake_probabilities(pairs=0, mri_only=30), part="mri_only")
    assert (DROP_IN, MRI, "auc") in tests
    assert not [key for key in tests if REAL in key[:2]]


def test_one_diagnosis_has_no_interval_and_no_verdict():
    rows = pd.concat([table([0.9, 0.8, 0.1], [True] * 3, arm="mri+mri"), table([0.9, 0.2, 0.1], [True] * 3)])
    for test in compared(rows).values():
        assert test.difference.ci95 is None and test.corrected_verdict == "undecided"


def drop_in(real, synthetic, is_ad, **options):
    first = table(real, is_ad, arm="mri+real_pet", **options)
    second = table(synthetic, is_ad, arm="mri+real_pet", **options).assign(pet="synthetic")
    lines = read_lines(pd.concat([first, second]))["pairs"]
    return agreement(lines[REAL], lines[DROP_IN])


def test_agreement_against_scikit_learn_and_numpy():
    rng = np.random.default_rng(0)
    is_ad = np.arange(80) % 2 == 0
    logit = 2 * is_ad - 1 + rng.normal(size=80)
    other = 0.7 * logit + rng.normal(0, 0.5, 80) - 0.3
    real, synthetic = 1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-other))
    found = drop_in(real, synthetic, is_ad)
    assert found["kappa"].value == pytest.approx(cohen_kappa_score(real >= 0.5, synthetic >= 0.5))
    assert found["logit_correlation"].value == pytest.approx(np.corrcoef(logit, other)[0, 1])
    assert found["shift"].value == pytest.approx(np.mean(synthetic - real))
    assert found["shift_ad"].value == pytest.approx(np.mean((synthetic - real)[is_ad]))
    for entry in found.values():
        assert entry.ci95[0] < entry.value < entry.ci95[1]


def test_correlation_is_taken_within_folds():
    """Two folds on different scales, uncorrelated within each: thrown together they would correlate."""
    real, synthetic = [0.1, 0.1, 0.2, 0.2, 0.8, 0.8, 0.9, 0.9], [0.1, 0.2, 0.1, 0.2, 0.8, 0.9, 0.8, 0.9]
    found = drop_in(real, synthetic, [True, False] * 4, folds=[0] * 4 + [1] * 4)
    assert found["logit_correlation"].value == pytest.approx(0, abs=1e-9)


def test_same_pet_agrees_wholly():
    found = drop_in(*[[0.9, 0.6, 0.2, 0.4, 0.1, 1.0]] * 2, IS_AD)
    assert (found["kappa"].value, found["shift"].value) == (1, 0)
    assert found["logit_correlation"].value == pytest.approx(1)


def test_agreement_is_not_defined_where_nothing_varies():
    found = drop_in([0.9] * 6, [0.9] * 6, IS_AD)
    assert found["kappa"].reason == "every subject was called the same"
    assert found["logit_correlation"].reason == "the logits of a fold do not vary"
