"""An evaluation from arrays to files: values, fairness, and all or nothing."""

import dataclasses
import json
import re

import matplotlib.text
import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.predictors.linear import VoxelwiseLinear
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import charts, illustration, predictions, report
from pcsa_jax.evaluation.predictions import REGION_COLUMNS, evaluate_predictions
from pcsa_jax.evaluation.scoring import score
from pcsa_jax.evaluation.summary import ROW_COLUMNS
from pcsa_jax.evaluation.terminal import individual_table
from pcsa_jax.presentation import figures
from tests.evaluation.evaluation_data import GRID, fake_pairs, printed, report_context


def no_figures(monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])


def test_files(evaluated):
    out, summary, _ = evaluated
    assert sorted(p.name for p in out.iterdir()) == [
        "figures", "regions.tsv", "report.html", "subjects.tsv", "summary.json", "zmaps.tsv",
    ]  # fmt: skip
    assert sorted(p.stem for p in (out / "figures").iterdir()) == [
        "groups", "planes_best", "planes_median", "planes_worst", "predictors", "regions", "subject_best",
        "subject_median", "subject_worst", "training", "zmap_best", "zmap_median", "zmap_worst",
    ]  # fmt: skip
    assert [p.name for p in out.parent.iterdir()] == ["test"], "no temporary folder is left"
    assert json.loads((out / "summary.json").read_text()) == summary
    assert summary["n_subjects"] == 6
    html = (out / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64") == 13, "every figure of the folder"
    assert "http://" not in html and "https://" not in html


def test_tables_hold_what_the_metrics_say(evaluated, test_pairs, train):
    out, summary, synthetic = evaluated
    rows = pd.read_csv(out / "subjects.tsv", sep="\t", keep_default_na=False)
    assert tuple(rows.columns) == ROW_COLUMNS
    assert list(rows["predictor"].unique()) == [
        "model", "ridge", "linear", "mean_pet", "predictable", "predictable_own_range",
    ]  # fmt: skip
    own = rows[rows["predictor"] == "model"].set_index("participant_id")
    mask = brain_mask(GRID)
    error = np.abs(np.clip(synthetic, 0, 1) - test_pairs.pet)
    np.testing.assert_allclose(
        own.loc[list(test_pairs.participant_ids), "mae_brain"], error[:, mask].mean(axis=1), rtol=1e-4
    )
    np.testing.assert_allclose(own["mae"], error.mean(axis=(1, 2, 3)), rtol=1e-4)
    assert summary["predictors"]["model"]["mae"]["mean"] == pytest.approx(own["mae"].mean(), rel=1e-4)

    linear = VoxelwiseLinear.fit(train.mri, train.pet).predict(test_pairs.mri)
    expected = score(linear, test_pairs.pet, mask)
    linear_rows = rows[rows["predictor"] == "linear"]
    assert "psnr_brain_matched_db" in expected
    for metric, values in expected.items():
        np.testing.assert_allclose(linear_rows[metric].astype(float), values, rtol=1e-4)


def test_whose_brain_it_is(evaluated, test_pairs):
    """Half the ceiling, half the real PET: always recognised; the mean PET never but by chance."""
    out, summary, _ = evaluated
    means = {name: scores["identification"]["mean"] for name, scores in summary["predictors"].items()}
    assert means["model"] == means["predictable"] == 1
    assert means["mean_pet"] == pytest.approx(0.5, abs=1e-12)
    assert summary["predictors"]["model"]["regional_correlation"]["mean"] > 0.9
    assert summary["predictors"]["mean_pet"]["regional_correlation"]["mean"] is None
    rows = pd.read_csv(out / "subjects.tsv", sep="\t")
    assert set(rows[rows.predictor == "model"].identification_rank) == {1}
    assert sorted(rows[rows.predictor == "mean_pet"].identification_rank) == [1, 2, 3, 4, 5, 6]
    regions = pd.read_csv(out / "regions.tsv", sep="\t")
    errors = (regions.asymmetry_synthetic - regions.asymmetry_real).abs().groupby(regions.participant_id).mean()
    own = rows[rows.predictor == "model"].set_index("participant_id").asymmetry_error
    pd.testing.assert_series_equal(own.sort_index(), errors.sort_index(), check_names=False, rtol=1e-4)
    cingulate = summary["regions"]["posterior_cingulate_precuneus"]["predictors"]["model"]
    assert cingulate["pearson_r_ci95"][0] <= cingulate["pearson_r"] <= cingulate["pearson_r_ci95"][1]
    assert cingulate["asymmetry"]["mae"]["mean"] == pytest.approx(
        (regions.asymmetry_synthetic - regions.asymmetry_real).abs()[regions.region.str.startswith("post")].mean(),
        rel=1e-4,
    )


def test_the_ceiling_that_knows_the_range_is_the_higher_one(evaluated):
    known, own = (evaluated[1]["predictors"][name] for name in ("predictable", "predictable_own_range"))
    assert known["psnr_brain_db"]["mean"] > own["psnr_brain_db"]["mean"]
    assert known["psnr_brain_matched_db"]["mean"] == pytest.approx(own["psnr_brain_matched_db"]["mean"], rel=1e-3)


def test_regions(evaluated, test_pairs):
    out, summary, _ = evaluated
    rows = pd.read_csv(out / "regions.tsv", sep="\t")
    assert tuple(rows.columns) == REGION_COLUMNS
    assert len(rows) == 6 * len(region_masks(GRID))
    mask = region_masks(GRID)["hippocampus"]
    real = rows[rows["region"] == "hippocampus"]["real"]
    np.testing.assert_allclose(real, test_pairs.pet[:, mask].mean(axis=1), rtol=1e-4)
    cingulate = summary["regions"]["posterior_cingulate_precuneus"]
    assert cingulate["real"]["ad_minus_cn"]["difference"] < 0
    assert cingulate["predictors"]["mean_pet"]["share_of_difference_kept"] == pytest.approx(0, abs=1e-6)
    assert cingulate["predictors"]["mean_pet"]["pearson_r"] is None


def test_scores_do_not_depend_on_the_batches(test_pairs):
    synthetic, mask = test_pairs.mri, brain_mask(GRID)
    whole, one = (score(synthetic, test_pairs.pet, mask, batch_size=size) for size in (4, 1))
    for key, values in whole.items():
        assert values.shape == (6,)
        np.testing.assert_allclose(values, one[key], rtol=1e-5)


@pytest.mark.usefixtures("without_figures")
def test_perfect_prediction(train, test_pairs, tmp_path):
    arguments = {"train": train, "test": test_pairs, "grid": GRID, "context": report_context()}
    evaluate_predictions(out=tmp_path / "out", synthetic=test_pairs.pet, **arguments)
    text = (tmp_path / "out" / "summary.json").read_text()
    assert "Infinity" not in text and "NaN" not in text
    model = json.loads(text)["predictors"]["model"]
    assert model["mae"]["mean"] == 0
    assert model["ssim_brain"]["mean"] == pytest.approx(1)
    assert model["psnr_db"]["mean"] is None
    assert "identical volumes" in model["psnr_db"]["reason"]
    assert "not finite" in printed(json.loads(text))


def test_without_a_ceiling_there_is_no_such_row(train, tmp_path, monkeypatch):
    no_figures(monkeypatch)
    test = fake_pairs(3, predictable=False)
    summary = evaluate_predictions(
        out=tmp_path / "out",
        train=train,
        test=test,
        synthetic=test.mri,
        grid=GRID,
        context=report_context(is_phantom=False),
    )
    assert list(summary["predictors"]) == ["model", "ridge", "linear", "mean_pet"]


@pytest.mark.usefixtures("unpainted")
def test_one_subject_without_a_diagnosis(train, tmp_path):
    one = dataclasses.replace(fake_pairs(1), diagnoses=("",))
    context = report_context(split_counts={"test": {"": 1}}, wall_time_s=None)
    summary = evaluate_predictions(
        out=tmp_path / "out", train=train, test=one, synthetic=one.mri, grid=GRID, context=context
    )
    assert summary["by_diagnosis"] == {}
    assert summary["predictors"]["model"]["mae"]["std"] is None
    assert not (tmp_path / "out" / "figures" / "groups.png").exists()
    assert "No difference here: needs at least 2 AD and 2 CN" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "generator" in printed(summary)
    entry = summary["predictors"]["model"]["identification"]
    assert entry["mean"] is None and "needs the PET of another participant" in entry["reason"]
    assert summary["predictors"]["model"]["regional_correlation"]["reason"] == "needs at least 3 subjects"
    assert "needs the PET of another participant" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "not finite" in printed(summary, individual_table)


FEW = {"1 subject": (1, ("a",)), "2 visits": (1, ("a", "b")), "2 subjects": (2, ("", ""))}


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("name", FEW)
def test_few_subjects_are_shown_once_and_without_intervals(train, tmp_path, name):
    num_subjects, sessions = FEW[name]
    visits = fake_pairs(len(sessions))
    ids = visits.participant_ids if num_subjects == len(sessions) else ("sub-001",) * len(sessions)
    visits = dataclasses.replace(visits, participant_ids=ids, session_ids=sessions, diagnoses=("AD",) * len(sessions))
    summary = evaluate_predictions(
        out=tmp_path / "out", train=train, test=visits, synthetic=visits.pet, grid=GRID, context=report_context()
    )
    entry = summary["predictors"]["model"]["mae_brain"]
    assert summary["n_subjects"] == num_subjects and entry["ci95"] is None and "subjects" in entry["reason"]
    drawn = {path.stem for path in (tmp_path / "out" / "figures").glob("subject_*")}
    assert drawn == ({"subject_only"} if name == "1 subject" else {"subject_best", "subject_worst"})
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    text = " ".join(re.sub("<[^>]+>", " ", html[html.index("<body>") :]).split())
    heading = {"1 subject": "The subject", "2 visits": "Both visits", "2 subjects": "Both subjects"}[name]
    assert f"<h2>{heading}</h2>" in html and "Three subjects" not in text
    found = "There is one subject" if num_subjects == 1 else "There are 2 subjects"
    assert f"{found}, and a confidence interval needs at least 3: whether the generator is better" in text
    for claim in (
        "No clear difference",
        "beats the",
        "95 % CI",
        "bootstrap",
        "1 test subjects",
        "three figures",
        "± –",
    ):
        assert claim not in text, claim


def test_two_visits_of_one_participant(train, test_pairs, tmp_path, monkeypatch):
    no_figures(monkeypatch)
    visits = dataclasses.replace(
        test_pairs, participant_ids=("sub-001", *test_pairs.participant_ids[:5]), session_ids=("a", "b", *[""] * 4)
    )
    summary = evaluate_predictions(
        out=tmp_path / "out", train=train, test=visits, synthetic=visits.pet, grid=GRID, context=report_context()
    )
    assert summary["n_subjects"] == 5
    assert summary["predictors"]["mean_pet"]["identification"]["mean"] == pytest.approx(0.5, abs=1e-12)
    assert summary["predictors"]["model"]["identification"]["mean"] == 1


def test_failure_leaves_the_former_evaluation(train, test_pairs, tmp_path, monkeypatch):
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    (out / "summary.json").write_text("former")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(illustration, "draw_all", fail)
    arguments = {"train": train, "test": test_pairs, "grid": GRID, "context": report_context()}
    with pytest.raises(KeyboardInterrupt):
        evaluate_predictions(out=out, synthetic=test_pairs.mri, **arguments)
    assert (out / "summary.json").read_text() == "former"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]

    no_figures(monkeypatch)
    evaluate_predictions(out=out, synthetic=test_pairs.mri, **arguments)
    assert json.loads((out / "summary.json").read_text())["n_subjects"] == 6
    assert not (out / "figures").exists(), "nothing of the former evaluation is left"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_failed_swap_puts_the_former_evaluation_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "summary.json").write_text("former")
    replace = predictions.os.replace

    def fail_for_new(source, target):
        if source.name == "new":
            raise OSError("no space")
        replace(source, target)

    monkeypatch.setattr(predictions.os, "replace", fail_for_new)
    with pytest.raises(OSError, match="no space"), predictions._replacing_folder(out):
        pass
    assert (out / "summary.json").read_text() == "former"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("as_file", [True, False])
def test_other_files_are_never_replaced(as_file, tmp_path):
    out = tmp_path / "out"
    if as_file:
        out.write_text("mine")
    else:
        out.mkdir()
        (out / "thesis.doc").write_text("mine")
    with (
        pytest.raises(UserError, match="expected a new folder or a former evaluation"),
        predictions._replacing_folder(out),
    ):
        pytest.fail("not reached")


def test_user_errors(train, test_pairs, tmp_path):
    arguments = {"out": tmp_path / "out", "grid": GRID, "context": report_context()}
    with pytest.raises(UserError, match=r"no participant in both .* found 6 \(sub-001"):
        evaluate_predictions(train=test_pairs, test=test_pairs, synthetic=test_pairs.pet, **arguments)
    broken = test_pairs.pet.copy()
    broken[2, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match=r"NaN or infinity for 1 of 6 subjects \(sub-003\)"):
        evaluate_predictions(train=train, test=test_pairs, synthetic=broken, **arguments)
    nobody = fake_pairs(1)
    nobody = type(nobody)((), (), (), nobody.mri[:0], nobody.pet[:0])
    with pytest.raises(UserError, match="at least 1 training and 1 test subject, found 9 and 0"):
        evaluate_predictions(train=train, test=nobody, synthetic=nobody.pet, **arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "mark", "name"),
    [
        ({"is_phantom": True, "trained_on_phantom": True}, "PHANTOM: ", "simulated"),
        ({"is_phantom": False, "trained_on_phantom": True}, "PHANTOM-trained generator: ", "real"),
        ({"is_phantom": False}, "", "real"),
    ],
)
def test_every_figure_and_caption_says_whose_pet_it_is(train, test_pairs, tmp_path, monkeypatch, changes, mark, name):
    drawn = {}
    for module in (figures, charts):
        monkeypatch.setattr(module, "save", lambda figure, path: drawn.setdefault(path.stem, figure) and path)
    shown = []
    monkeypatch.setattr(report, "_picture", lambda illustration: shown.append(illustration) or illustration)
    monkeypatch.setattr(report, "render", lambda *_, **__: "")
    log = tmp_path / "metrics.jsonl"
    log.write_text(json.dumps({"step": 1, "discriminator/real_accuracy": 1.0}), encoding="utf-8")
    evaluate_predictions(
        out=tmp_path / "out", train=train, test=test_pairs, synthetic=test_pairs.mri, grid=GRID,
        context=report_context(metrics_jsonl=log, **changes),
    )  # fmt: skip
    assert len(drawn) == len(shown) == 13
    assert {stem for stem in drawn if stem.startswith("planes")} == {"planes_best", "planes_median", "planes_worst"}
    titles = {stem: figure.get_suptitle() for stem, figure in drawn.items()}
    training = titles.pop("training")
    assert all(title.startswith(mark) and title[len(mark) :][:7] != "PHANTOM" for title in titles.values())
    assert training == ("PHANTOM: training" if changes.get("trained_on_phantom") else "training")
    other = {"real": "simulated", "simulated": "real"}[name]
    drawn.pop("training")
    for stem, figure in drawn.items():
        words = " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
        assert not re.search(rf"\b{other}\b", words, re.I), stem
        if stem != "predictors":
            assert re.search(rf"\b{name}\b", words, re.I), stem
    for each in shown:
        assert not re.search(rf"\b{other}\b", each.caption + each.alt, re.I)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            lambda test: np.full_like(test.pet, 0.5),
            ["nearly constant in the brain", "nearly the same volume to everyb"],
        ),
        (lambda test: np.broadcast_to(test.pet[:1], test.pet.shape), ["nearly the same volume to everybody"]),
        (lambda test: test.predictable, []),
    ],
    ids=["constant", "the same", "good"],
)
def test_output_that_hardly_differs_is_told_everywhere(train, test_pairs, tmp_path, monkeypatch, capsys, made, told):
    no_figures(monkeypatch)
    events = ("Epoch 3, step 9: <something> was noticed.",)
    summary = evaluate_predictions(
        out=tmp_path / "out", train=train, test=test_pairs, synthetic=made(test_pairs), grid=GRID,
        context=report_context(events=events),
    )  # fmt: skip
    html = (tmp_path / "out" / "report.html").read_text()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")]
    assert len(summary["warnings"]) == len(said) == html.count("<li>Here: ") == len(told)
    for text, warning, line in zip(told, summary["warnings"], said, strict=True):
        assert text in warning and line == f"warning: {warning}"
    assert "<li>Epoch 3, step 9: &lt;something&gt; was noticed.</li>" in html


def test_a_report_without_warnings_and_events_has_no_such_notice(evaluated):
    out, summary, _ = evaluated
    assert summary["warnings"] == []
    assert "was noticed in its training" not in (out / "report.html").read_text(encoding="utf-8")
