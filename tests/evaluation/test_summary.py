"""The summary's numbers, from rows small enough to check by hand."""

import json

import numpy as np
import pytest

from pcsa_jax.evaluation.summary import INDIVIDUAL_METRICS, METRICS, summarise
from tests.evaluation.evaluation_data import score_rows


def test_mean_and_sd_over_subjects():
    summary = summarise(score_rows({"model": [1.0, 2.0, 6.0]}))
    entry = summary["predictors"]["model"]["mae"]
    assert summary["n_subjects"] == 3
    assert summary["std_over"] == "test subjects"
    assert entry["mean"] == pytest.approx(3)
    assert entry["std"] == pytest.approx(np.std([1, 2, 6], ddof=1))
    assert entry["ci95"][0] < 3 < entry["ci95"][1]


def test_order_of_predictors_is_the_same_whatever_the_rows():
    order = ["model", "linear", "mean_pet", "predictable", "predictable_own_range"]
    rows = score_rows({name: [1.0, 2.0] for name in reversed(order)})
    assert list(summarise(rows)["predictors"]) == order


def test_sessions_of_one_participant_count_once():
    rows = score_rows(
        {"model": [1.0, 3.0, 10.0]},
        participant_ids=["sub-1", "sub-1", "sub-2"],
        session_ids=["ses-1", "ses-2", "ses-1"],
    )
    summary = summarise(rows)
    assert summary["n_subjects"] == 2
    assert summary["predictors"]["model"]["mae"]["mean"] == pytest.approx(6)


def test_same_seed_same_interval():
    rows = score_rows({"model": [1.0, 2.0, 4.0]})
    assert summarise(rows, seed=3) == summarise(rows, seed=3)


def test_paired_difference_sees_what_the_spread_between_subjects_hides():
    subjects = np.linspace(0, 10, 12)
    rows = score_rows({"model": list(subjects - 0.1), "linear": list(subjects)})
    paired = summarise(rows)["paired_differences"]["linear"]
    assert paired["mae"]["mean"] == pytest.approx(-0.1)
    assert paired["mae"]["verdict"] == "better"
    assert paired["mae"]["num_better"] == 12
    assert paired["psnr_db"]["verdict"] == "worse"
    assert paired["psnr_db"]["num_better"] == 0


def test_no_verdict_if_the_interval_holds_zero():
    rows = score_rows({"model": [1.0, 2.0, 3.0, 4.0], "linear": [2.0, 1.0, 4.0, 3.0]})
    assert summarise(rows)["paired_differences"]["linear"]["mae"]["verdict"] == "undecided"


def test_infinite_psnr_is_null_with_a_reason():
    summary = summarise(score_rows({"model": [np.inf, 30.0, 31.0], "linear": [np.inf, 20.0, 20.0]}))
    entry = summary["predictors"]["model"]["psnr_db"]
    assert entry["mean"] is None
    assert entry["ci95"] is None
    assert entry["reason"].startswith("not finite for 1 of 3 subjects")
    assert summary["paired_differences"]["linear"]["psnr_db"]["verdict"] == "undecided"
    json.dumps(summary, allow_nan=False)


def test_what_shows_the_person_is_summarised_like_the_rest():
    summary = summarise(score_rows({"model": [0.8, 0.9, 1.0], "mean_pet": [0.4, 0.6, 0.5]}))
    assert set(METRICS).isdisjoint(INDIVIDUAL_METRICS)
    for key, metric in INDIVIDUAL_METRICS.items():
        assert summary["predictors"]["model"][key]["mean"] == pytest.approx(0.9)
        paired = summary["paired_differences"]["mean_pet"][key]
        assert paired["mean"] == pytest.approx(0.4)
        assert paired["verdict"] == ("worse" if metric.lower_is_better else "better")


def test_an_undefined_value_has_its_reason_and_is_not_skipped():
    rows = score_rows(
        {"model": [0.5, 0.7, 0.9], "linear": [0.5, 0.7, 0.8]},
        participant_ids=["sub-1", "sub-1", "sub-2"], session_ids=["ses-1", "ses-2", "ses-1"],
    ).assign(identification=[np.nan, 0.7, 0.9] * 2)  # fmt: skip
    summary = summarise(rows)
    entry = summary["predictors"]["model"]["identification"]
    assert entry["mean"] is entry["ci95"] is None
    assert entry["reason"] == "not finite for 1 of 2 subjects (it needs the PET of another participant)"
    assert summary["paired_differences"]["linear"]["identification"]["verdict"] == "undecided"
    json.dumps(summary, allow_nan=False)


def test_one_subject_has_a_mean_and_no_spread():
    entry = summarise(score_rows({"model": [0.5]}))["predictors"]["model"]["mae"]
    assert entry == {"mean": 0.5, "std": None, "ci95": None, "reason": "needs at least 2 subjects"}


def test_two_subjects_have_a_spread_and_no_interval():
    """The percentile interval of two would end at the two: whatever they are, all of it on one side of the other's."""
    summary = summarise(score_rows({"model": [0.5, 0.7], "linear": [0.6, 0.8]}))
    entry = summary["predictors"]["model"]["mae"]
    assert entry["mean"] == pytest.approx(0.6) and entry["std"] == pytest.approx(0.02**0.5)
    assert (entry["ci95"], entry["reason"]) == (None, "an interval needs at least 3 subjects")
    difference = summary["paired_differences"]["linear"]["mae"]
    assert (difference["verdict"], difference["num_better"]) == ("undecided", 2)


def test_each_diagnosis_by_itself():
    rows = score_rows({"model": [1.0, 3.0, 10.0, 20.0]}, diagnoses=["AD", "AD", "CN", ""])
    groups = summarise(rows)["by_diagnosis"]
    assert {name: group["n_subjects"] for name, group in groups.items()} == {"AD": 2, "CN": 1}
    assert groups["AD"]["predictors"]["model"]["mae"]["mean"] == pytest.approx(2)


def test_predictors_scored_on_different_people_are_refused():
    rows = score_rows({"model": [1.0, 2.0], "linear": [1.0, 2.0]}).iloc[:-1]
    with pytest.raises(ValueError, match="'linear' was not scored on the same participants"):
        summarise(rows)
