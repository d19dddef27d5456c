"""Tests and effect sizes against hand computation and scipy."""

import numpy as np
import pytest
from scipy import stats

from pcsa_jax.studies.reproduction.comparisons import cohens_dz, compare, signed_rank, with_verdicts


def test_signed_rank_by_hand():
    """Ranks of 1 2 3 4 5 with only 2 negative: W- = 2, W+ = 13; 3 of 32 sign patterns have W- <= 2, so p = 6 / 32."""
    p, rank_biserial, remark = signed_rank(np.array([1.0, -2.0, 3.0, 4.0, 5.0]))
    assert p == pytest.approx(6 / 32)
    assert rank_biserial == pytest.approx((13 - 2) / 15)
    assert remark == "the smallest possible p of 5 differing subjects is 0.0625"


def test_signed_rank_is_scipys_and_leaves_zeros_out():
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    p, rank_biserial, remark = signed_rank(np.concatenate([values, np.zeros(3)]))
    expected = stats.wilcoxon(values)
    assert p == pytest.approx(expected.pvalue)
    total = 40 * 41 / 2
    assert abs(rank_biserial) == pytest.approx((total - 2 * expected.statistic) / total)
    assert remark == ""


def test_ties_share_ranks():
    """1 1 2, all but one of the ones positive: ranks 1.5 1.5 3."""
    assert signed_rank(np.array([1.0, -1.0, 2.0]))[1] == pytest.approx((4.5 - 1.5) / 6)


def test_other_sign_other_direction_same_p():
    values = np.random.default_rng(1).normal(1, 1, 12)
    (p, r, _), (p_turned, r_turned, _) = signed_rank(values), signed_rank(-values)
    assert p == pytest.approx(p_turned)
    assert r == pytest.approx(-r_turned)


def test_p_is_small_about_as_often_as_it_says_without_a_difference():
    rng = np.random.default_rng(0)
    small = np.mean([signed_rank(rng.normal(size=30))[0] < 0.05 for _ in range(400)])
    assert 0.02 < small < 0.09


def test_cohens_dz():
    assert cohens_dz(np.array([1.0, 2.0, 3.0])) == pytest.approx(2)
    assert cohens_dz(np.zeros(4)) == 0
    assert cohens_dz(np.full(4, 0.1)) is None
    assert cohens_dz(np.array([0.1])) is None


@pytest.mark.parametrize(("metric", "verdict", "num_better"), [("mae", "better", 12), ("ssim", "worse", 0)])
def test_lower_error_is_better_and_lower_similarity_worse(metric, verdict, num_better):
    differences = -0.1 - 0.01 * np.arange(12)
    (comparison,) = with_verdicts([compare(metric, "a", "b", differences)])
    assert comparison.difference == pytest.approx(differences.mean())
    assert (comparison.verdict, comparison.num_better) == (verdict, num_better)
    sign = 1 if verdict == "better" else -1
    assert comparison.rank_biserial == sign
    assert np.sign(comparison.cohens_dz) == sign


def test_identical_systems_are_undecided_with_p_1():
    (comparison,) = with_verdicts([compare("mae", "a", "b", np.zeros(10))])
    assert (comparison.p, comparison.p_holm, comparison.rank_biserial, comparison.cohens_dz) == (1, 1, 0, 0)
    assert (comparison.difference, comparison.ci95) == (0, (0, 0))
    assert (comparison.verdict, comparison.reason) == ("undecided", "all differences are zero")


def test_the_correction_decides():
    """p = 2 / 2^8 is below 0.05 alone and above it among seven."""
    differences = 0.1 + 0.01 * np.arange(8)
    assert with_verdicts([compare("ssim", "a", "b", differences)])[0].verdict == "better"
    family = with_verdicts([compare("ssim", "a", "b", differences)] * 7)
    assert family[0].p_holm == pytest.approx(7 * 2 / 2**8)
    assert family[0].verdict == "undecided"


def test_mean_and_ranks_on_different_sides_decide_nothing():
    differences = np.concatenate([0.01 + 0.001 * np.arange(40), [-9.0]])
    (comparison,) = with_verdicts([compare("ssim", "a", "b", differences)])
    assert comparison.p_holm < 0.05
    assert comparison.difference < 0 < comparison.rank_biserial
    assert comparison.verdict == "undecided"


def test_infinite_and_nobody_have_reasons_not_numbers():
    infinite, nobody = with_verdicts(
        [compare("psnr_db", "a", "b", np.array([np.inf, 1.0])), compare("mae", "a", "b", np.array([]))]
    )
    assert infinite.reason.startswith("not finite for 1 of 2 subjects")
    assert nobody.reason == "no participant was scored in the same runs of both"
    assert infinite.p is infinite.p_holm is nobody.p is nobody.difference is None
