"""What is averaged before what, who is compared with whom, and what is missing."""

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.ceilings import CEILINGS
from pcsa_jax.studies.reproduction.statistics import compute_statistics
from tests.studies.reproduction.reproduction_data import PAIR, long_lines, long_table, row_set


def comparison(statistics, first, second, metric="mae"):
    (found,) = [c for c in statistics.comparisons if (c.first, c.second, c.metric) == (first, second, metric)]
    return found


def test_sessions_and_seeds_of_a_participant_are_averaged_first():
    """sub-1: seed 0 has sessions 1 and 3, seed 1 has 6, so (2 + 6) / 2 = 4; sub-2 has 10 in both seeds."""
    scores = pd.concat([
        long_lines("one", [1.0], participants=["sub-1"], session="ses-1"),
        long_lines("one", [3.0], participants=["sub-1"], session="ses-2"),
        long_lines("one", [6.0], participants=["sub-1"], session="ses-1", seed=1, fold=1),
        long_lines("one", [10.0], participants=["sub-2"], fold=1),
        long_lines("one", [10.0], participants=["sub-2"], seed=1),
    ])  # fmt: skip
    spread = compute_statistics(PAIR, scores).spreads["one"]["mae"]
    assert (spread.num_subjects, spread.mean) == (2, 7)
    assert spread.std == pytest.approx(np.std([4, 10], ddof=1))
    assert spread.ci95 is None  # of two participants there is none
    assert spread.num_runs == 4
    assert spread.std_runs == pytest.approx(np.std([2, 10, 6, 10], ddof=1))


def test_differences_are_taken_within_runs():
    """The second row lacks seed 1, in which the first is worse: only seed 0 is compared."""
    scores = pd.concat([
        long_lines("one", [1.0, 2.0, 3.0]),
        long_lines("one", [9.0, 9.0, 9.0], seed=1),
        long_lines("two", [1.5, 2.6, 3.7]),
    ])  # fmt: skip
    statistics = compute_statistics(PAIR, scores)
    assert comparison(statistics, "one", "two").difference == pytest.approx(-0.6)
    assert statistics.gaps == ("Second (`two`) was not scored in 1 of 2 runs: seed 1 fold 0.",)


def test_same_for_any_order_of_the_lines():
    scores = long_table(row_set("fig5").rows)
    shuffled = scores.sample(frac=1, random_state=0)
    assert compute_statistics(row_set("fig5"), shuffled) == compute_statistics(row_set("fig5"), scores)


def test_reference_and_plain_network_are_compared_with_all_others_once():
    others = row_set("fig5").rows[:-1]
    statistics = compute_statistics(row_set("fig5"), long_table(row_set("fig5").rows))
    pairs = [(c.first, c.second) for c in statistics.comparisons if c.metric == "mae"]
    assert pairs == [
        *(("pcsa", other) for other in (*others, "linear", "mean_pet")),
        *(("unet", other) for other in (*others, "linear", "mean_pet") if other != "unet"),
    ]


def test_correction_is_over_all_comparisons_of_a_metric():
    statistics = compute_statistics(row_set("fig5"), long_table(row_set("fig5").rows, subjects=12, shift=0.1))
    family = [c for c in statistics.comparisons if c.metric == "mae"]
    assert min(c.p for c in family) == pytest.approx(2 / 2**12)
    assert min(c.p_holm for c in family) == pytest.approx(len(family) * 2 / 2**12)


def test_trivial_predictors_are_those_of_the_reference_rows_runs():
    scores = pd.concat([
        *(long_lines(row, [1.0, 2.0]) for row in ("one", "two")),
        long_lines("one", [3.0, 4.0], predictor="linear"),
        long_lines("two", [8.0, 8.0], predictor="linear"),
    ])  # fmt: skip
    statistics = compute_statistics(PAIR, scores)
    assert statistics.spreads["linear"]["mae"].mean == 3.5
    assert list(statistics.spreads) == ["one", "two", "linear"]


def test_the_ceilings_are_no_opponents():
    statistics = compute_statistics(row_set("fig3"), long_table(row_set("fig3").rows))
    assert set(CEILINGS) < set(statistics.spreads)
    assert set(CEILINGS).isdisjoint(c.second for c in statistics.comparisons)


def test_identical_rows():
    scores = pd.concat([long_lines(row, np.linspace(0.1, 0.3, 9), seed=s) for row in ("one", "two") for s in (0, 1)])
    found = comparison(compute_statistics(PAIR, scores), "one", "two")
    assert (found.p, found.p_holm, found.verdict) == (1, 1, "undecided")


@pytest.mark.parametrize("subjects", [1, 2])
def test_one_run_and_few_subjects_say_what_is_missing(subjects):
    statistics = compute_statistics(
        row_set("fig3"), long_table(row_set("fig3").rows, subjects=subjects, folds=1, seeds=1)
    )
    spread = statistics.spreads["pcsa"]["mae"]
    assert spread.std_runs is None
    assert "SD over runs needs at least 2 runs (folds or seeds), found 1" in spread.reason
    assert ("needs at least 2 subjects" in spread.reason) == (subjects == 1)
    found = comparison(statistics, "pcsa", "pca")
    assert found.verdict == "undecided"
    assert f"p of {subjects} differing subjects is {2 / 2**subjects:.3g}" in found.reason


def test_values_that_are_not_finite_are_not_skipped():
    scores = pd.concat([
        long_lines("one", [1.0, 2.0, 3.0], psnr_db=[np.inf, 30.0, 30.0], ssim=[np.nan, 0.9, 0.9]),
        long_lines("two", [1.0, 2.0, 4.0], psnr_db=[np.inf, 20.0, 20.0]),
    ])  # fmt: skip
    statistics = compute_statistics(PAIR, scores)
    for metric in ("psnr_db", "ssim"):
        assert statistics.spreads["one"][metric].reason.startswith("not finite for 1 of 3")
        assert comparison(statistics, "one", "two", metric).reason.startswith("not finite for 1 of 3")
        assert statistics.spreads["one"][metric].std_runs is None
    assert statistics.spreads["one"]["mae"].mean == 2


def test_without_the_reference_there_is_no_comparison_but_a_gap():
    scores = long_table(("pca", "sa"))
    statistics = compute_statistics(row_set("fig3"), scores)
    assert list(statistics.spreads) == ["pca", "sa", "linear", "mean_pet", "predictable", "predictable_own_range"]
    assert statistics.comparisons == ()
    assert statistics.gaps == ("PCSA-GAN (`pcsa`) was not scored.",)


def test_nothing_scored_is_the_users_to_mend():
    with pytest.raises(UserError, match=r"table1: expected scores of at least one of its rows \(pcsa, sa16, sa32\)"):
        compute_statistics(row_set("table1"), long_table(("hgan",)))


def test_a_line_twice_is_an_error():
    scores = long_table(("pcsa",))
    with pytest.raises(ValueError, match="found some twice"):
        compute_statistics(row_set("fig3"), pd.concat([scores, scores.iloc[:1]]))
