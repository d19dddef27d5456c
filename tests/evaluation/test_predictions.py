"""An evaluation from arrays to files: values, fairness, and all or nothing."""

import dataclasses
import json
import re

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pcsa_jax.data.predictors.linear import VoxelwiseLinear
from pcsa_jax.data.regions import brain_mask, region_masks
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import charts, illustration, predictions, report
from pcsa_jax.evaluation.predictions import REGION_COLUMNS, evaluate_predictions, summary_table
from pcsa_jax.evaluation.scoring import score
from pcsa_jax.evaluation.summary import ROW_COLUMNS
from pcsa_jax.presentation import figures
from tests.evaluation.evaluation_data import GRID, fake_pairs, report_context


@pytest.fixture(scope="module")
def train():
    return fake_pairs(9, first=100)


@pytest.fixture(scope="module")
def test_pairs():
    return fake_pairs(6)


@pytest.fixture(scope="module")
def evaluated(train, test_pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "evaluation" / "test"
    synthetic = 0.5 * (test_pairs.predictable + test_pairs.pet) + 0.002
    log = out.parents[1] / "metrics.jsonl"
    log.write_text(json.dumps({"step": 1, "epoch": 0, "generator/total": 1.0}) + "\n", encoding="utf-8")
    summary = evaluate_predictions(
        out=out, train=train, test=test_pairs, synthetic=synthetic, grid=GRID, context=report_context(metrics_jsonl=log)
    )
    return out, summary, synthetic


def printed(summary):
    console = Console(width=80)
    with console.capture() as capture:
        console.print(summary_table(summary))
    return capture.get()


def no_figures(monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *_: [])


def test_files(evaluated):
    out, summary, _ = evaluated
    assert sorted(p.name for p in out.iterdir()) == [
        "figures", "regions.tsv", "report.html", "subjects.tsv", "summary.json",
    ]  # fmt: skip
    assert sorted(p.stem for p in (out / "figures").iterdir()) == [
        "groups", "predictors", "regions", "subject_best", "subject_median", "subject_worst", "training",
    ]  # fmt: skip
    assert [p.name for p in out.parent.iterdir()] == ["test"], "no temporary folder is left"
    assert json.loads((out / "summary.json").read_text()) == summary
    assert summary["n_subjects"] == 6
    html = (out / "report.html").read_text(encoding="utf-8")
    assert html.count("data:image/png;base64") == 7
    assert "http://" not in html and "https://" not in html


def test_tables_hold_what_the_metrics_say(evaluated, test_pairs, train):
    out, summary, synthetic = evaluated
    rows = pd.read_csv(out / "subjects.tsv", sep="\t", keep_default_na=False)
    assert tuple(rows.columns) == ROW_COLUMNS
    assert list(rows["predictor"].unique()) == ["model", "ridge", "linear", "mean_pet", "predictable"]
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
    for metric, values in expected.items():
        np.testing.assert_allclose(linear_rows[metric].astype(float), values, rtol=1e-4)


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


def test_terminal_table_fits_eighty_columns(evaluated):
    table = printed(evaluated[1])
    assert "…" not in table
    for text in ("voxel-wise linear", "PSNR (dB)", "in the brain", "whole volume", "6 test subjects, mean ± SD"):
        assert text in table


def test_terminal_table_has_the_best_predictor_bold(evaluated):
    """The generator of this test is half the ceiling: it is the best; a poor one is not."""
    summary = evaluated[1]
    poor = {**summary, "predictors": {**summary["predictors"], "model": summary["predictors"]["mean_pet"]}}
    bold = {}
    for name, own in (("good", summary), ("poor", poor)):
        console = Console(width=100, force_terminal=True, color_system="standard")
        with console.capture() as capture:
            console.print(summary_table(own))
        lines = [line for line in capture.get().splitlines() if "±" in line and "\x1b[1m" in line]
        bold[name] = {line.replace("\x1b[0m", "").split("│")[1].strip() for line in lines}
    assert bold == {"good": {"generator"}, "poor": {"voxel-wise linear", "whole-brain ridge"}}


@pytest.mark.parametrize(
    ("is_phantom", "trained_on_phantom", "start"),
    [(True, True, "PHANTOM: 6"), (False, True, "PHANTOM-trained generator: 6"), (False, False, "6 test")],
)
def test_terminal_table_says_what_is_a_phantom(evaluated, is_phantom, trained_on_phantom, start):
    summary = {**evaluated[1], "is_phantom": is_phantom, "trained_on_phantom": trained_on_phantom}
    assert printed(summary).startswith(start)


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
    assert len(drawn) == len(shown) == 7
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
