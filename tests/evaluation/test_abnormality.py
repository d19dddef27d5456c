"""Whether what is abnormal in the real PET is so in a predicted one."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.norms import LOW_Z
from pcsa_jax.data.regions import atlas_regions, brain_mask
from pcsa_jax.data.trust.uptake_norm import norm_of_controls
from pcsa_jax.evaluation import illustration
from pcsa_jax.evaluation.abnormality import (
    MAP_MEASURES,
    ZMAP_COLUMNS,
    Judge,
    abnormal_regions,
    map_measures,
    outcomes,
)
from pcsa_jax.evaluation.predictions import evaluate_predictions
from pcsa_jax.presentation.zmap_page import NO_ZMAP
from tests.evaluation.evaluation_data import GRID, fake_pairs, report_context


def lowered(pet, *names, factor=0.1):
    """The volume with hardly any uptake in some regions."""
    changed = pet.copy().ravel()
    for name in names:
        changed[atlas_regions(GRID)[name]] *= factor
    return changed.reshape(pet.shape)


def test_measures_are_of_their_own_map():
    real, synthetic = np.array([-3.0, -3, 0, 1]), np.array([-3.0, 0, 0, 2])
    found = map_measures(real, synthetic)
    assert set(found) == set(MAP_MEASURES)
    assert (found["low_real"], found["low_synthetic"]) == (0.5, 0.25)
    assert (found["std_real"], found["std_synthetic"]) == pytest.approx((real.std(), synthetic.std()))
    assert found["dice"] == pytest.approx(2 / 3)
    assert found["z_correlation"] == pytest.approx(np.corrcoef(real, synthetic)[0, 1])
    assert np.isnan(list(map_measures(np.full(4, np.nan), real).values())).all()


def test_a_region_is_abnormal_by_its_mean():
    z = np.zeros(GRID.shape).ravel()
    inside = atlas_regions(GRID)["Precuneus_L"]
    z[inside] = LOW_Z + 0.01
    assert abnormal_regions(z.reshape(GRID.shape), GRID) == set()
    z[inside] = LOW_Z - 0.01
    assert "Precuneus_L" in abnormal_regions(z.reshape(GRID.shape), GRID)
    assert outcomes({"a", "b"}, {"b", "c"}) == {"found": ["b"], "missed": ["a"], "invented": ["c"]}


@pytest.fixture(scope="module")
def judged():
    """Three people with two lesions; a generator that finds one, and makes one of its own."""
    train, test = fake_pairs(30, first=100), fake_pairs(3)
    normal = norm_of_controls(train, GRID)[0].coefficients[0] * 0.5
    pet = np.stack([lowered(normal, "Angular_L", "Precuneus_R")] * 3)
    test = dataclasses.replace(test, pet=pet, diagnoses=("AD", "AD", "CN"))
    predicted = np.stack([lowered(normal, "Angular_L", "Temporal_Inf_R")] * 3)
    judge = Judge.of(train, test, GRID)
    return judge, pd.concat([judge.rows("model", predicted), judge.rows("mean_pet", np.stack([normal] * 3))])


def test_what_is_found_missed_and_invented_is_told_region_by_region(judged):
    _, zmaps = judged
    assert tuple(zmaps.columns) == ZMAP_COLUMNS
    model, mean = zmaps[zmaps.predictor == "model"].iloc[0], zmaps[zmaps.predictor == "mean_pet"].iloc[0]
    for outcome, region in {"found": "Angular_L", "missed": "Precuneus_R", "invented": "Temporal_Inf_R"}.items():
        assert region in model[outcome].split(", ") and model[f"num_{outcome}"] == len(model[outcome].split(", "))
    assert (mean["num_found"], mean["num_invented"]) == (0, 0)
    assert mean["num_missed"] == model["num_found"] + model["num_missed"]
    assert 0 < model["dice"] < 1 and mean["dice"] == 0
    assert model["low_real"] > 0 == mean["low_synthetic"]


def test_the_sums_are_of_people_and_by_diagnosis(judged):
    judge, zmaps = judged
    one = zmaps[zmaps.predictor == "model"].iloc[0]
    summary = judge.summarise(zmaps)
    assert list(summary["groups"]) == ["all", "AD", "CN"] and summary["why_none"] == ""
    own = summary["groups"]["AD"]["model"]
    assert own["n_subjects"] == 2 and own["found"] == 2 * one["num_found"]
    assert own["sensitivity"] == one["num_found"] / (one["num_found"] + one["num_missed"])
    assert own["precision"] == one["num_found"] / (one["num_found"] + one["num_invented"])
    assert summary["groups"]["all"]["mean_pet"]["precision"] is None
    assert summary["regions"]["Precuneus_R"] == {"found": 0, "missed": 3, "invented": 0}
    assert list(summary["regions"])[-1] not in one["found"] + one["missed"], "invented alone comes last"
    visits = zmaps.assign(participant_id="sub-1", session_id=zmaps.participant_id)
    assert judge.summarise(visits)["groups"]["all"]["model"]["found"] == one["num_found"]


def test_a_pet_without_its_reference_is_neither_normal_nor_abnormal():
    test = fake_pairs(3)
    pet = test.pet.copy()
    pet[0, :, :, :12] = 0  # the field of view ends above the cerebellum
    judge = Judge.of(fake_pairs(9, first=100), dataclasses.replace(test, pet=pet), GRID)
    assert judge.notes == (f"{NO_ZMAP} (1 of 3)",)
    predicted = test.pet.copy()
    predicted[1] = 0
    rows = judge.rows("model", predicted)
    counted = rows[["num_found", "num_missed", "num_invented"]]
    assert counted.isna().all(axis=1).tolist() == [True, True, False] and counted.loc[2].notna().all()
    assert rows["z_correlation"].isna().tolist() == [True, True, False]
    own = judge.summarise(rows)["groups"]["all"]["model"]
    assert own["n_subjects"] == 1 and own["found"] == rows["num_found"][2]


def test_the_real_pet_agrees_with_itself():
    train, test = fake_pairs(9, first=100), fake_pairs(4)
    judge = Judge.of(train, test, GRID)
    rows = judge.rows("model", test.pet)
    np.testing.assert_allclose(rows["z_correlation"], 1)
    assert not rows["num_missed"].any() and not rows["num_invented"].any()
    np.testing.assert_array_equal(judge.real[0], judge.zmap(0, test.pet[0]).z[brain_mask(GRID)])


def test_without_cn_there_are_no_zmaps_and_the_rest_is_there(train, test_pairs, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        illustration, "draw_all", lambda folder, test, synthetic, grid, rows, regions, summary, context, judge, *_:
        drawn.extend(illustration._zmaps(folder, synthetic, rows, context, judge)) or [],
    )  # fmt: skip
    patients = dataclasses.replace(train, diagnoses=("AD",) * 9)
    summary = evaluate_predictions(
        out=tmp_path / "out", train=patients, test=test_pairs, synthetic=test_pairs.pet, grid=GRID,
        context=report_context(),
    )  # fmt: skip
    assert summary["abnormality"] == {"why_none": "a norm needs at least 3 CN training subjects, found 0"}
    assert summary["predictors"]["model"]["mae"]["mean"] == 0
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "There are no z-maps: a norm needs at least 3 CN training subjects, found 0." in html
    assert (tmp_path / "out" / "zmaps.tsv").read_text(encoding="utf-8").splitlines() == ["\t".join(ZMAP_COLUMNS)]
    assert drawn == []


def test_one_subject_without_age_has_its_zmap_and_the_report_says_what_was_missing(train, tmp_path, monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])
    aged = dataclasses.replace(fake_pairs(24, first=100), ages=tuple(60.0 + i for i in range(24)))
    summary = evaluate_predictions(
        out=tmp_path / "out", train=aged, test=fake_pairs(1), synthetic=fake_pairs(1).pet, grid=GRID,
        context=report_context(),
    )  # fmt: skip
    own = summary["abnormality"]
    assert own["norm"]["missing"] == ["no sex known: not regressed out"] and own["norm"]["covariates"] == ["age"]
    (note,) = own["notes"]
    assert re.fullmatch(r"age not known: the norm is that of \d+ years, the CN people's mean \(1 of 1\)", note)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"What was missing: no sex known: not regressed out; {note.replace(chr(39), '&#39;')}." in html
    assert "the pons, the cerebellum and the sensorimotor cortex" in html


def test_an_evaluation_has_it_all(evaluated):
    out, summary, _ = evaluated
    rows = pd.read_csv(out / "zmaps.tsv", sep="\t", keep_default_na=False)
    assert tuple(rows.columns) == ZMAP_COLUMNS and set(rows["age"]) == {"n/a"}
    assert set(rows["predictor"]) == set(summary["predictors"]) == set(summary["abnormality"]["groups"]["all"])
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "<h2>Is it abnormal?</h2>" in html
    assert html.count("Deviation from normal, simulated above synthetic PET") == 3
