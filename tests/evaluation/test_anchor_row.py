"""A generator that starts from a closed-form prediction is scored beside itself without its network."""

import re

import numpy as np
import pytest

from pcsa_jax.evaluation.predictions import evaluate_predictions
from pcsa_jax.evaluation.report import verdicts
from pcsa_jax.evaluation.terminal import summary_table
from tests.conftest import leave_unpainted
from tests.evaluation.evaluation_data import GRID, printed, report_context
from tests.training.test_informed_training import RECIPE


@pytest.fixture(scope="module")
def anchored(train, test_pairs, tmp_path_factory):
    """Summary and page of a generator whose network takes half of its anchor's error away."""
    out = tmp_path_factory.mktemp("anchored") / "test"
    anchor = test_pairs.pet + 0.04
    with pytest.MonkeyPatch.context() as patch:
        leave_unpainted(patch)
        summary = evaluate_predictions(
            out=out, train=train, test=test_pairs, synthetic=test_pairs.pet + 0.02, anchor=np.clip(anchor, 0, 1),
            grid=GRID, context=report_context(),
        )  # fmt: skip
    return summary, (out / "report.html").read_text(encoding="utf-8")


def test_it_is_a_row_of_table_and_report(anchored):
    summary, html = anchored
    assert list(summary["predictors"])[:2] == ["model", "anchor"]
    assert "without its network" in printed(summary) and "without its network" in html
    assert "<em>Without its network</em> is the closed-form prediction" in html
    assert "without its network" not in printed({**summary, "predictors": {"model": summary["predictors"]["model"]}})
    assert summary_table(summary).row_count > 0


def test_the_report_says_what_the_network_adds(anchored):
    sentence = verdicts(anchored[0])[-1]
    assert sentence.startswith("The generator starts from a closed-form prediction, and the rest of its lead is that")
    assert re.search(r"What its network adds: MAE [-−]0\.0", sentence) and "better in 6 of 6 subjects" in sentence
    assert sentence.replace("'", "&#39;") in anchored[1] or sentence in anchored[1]


def test_a_generator_without_anchor_has_no_such_row(evaluated):
    summary = evaluated[1]
    assert "anchor" not in summary["predictors"] and "closed-form" not in " ".join(verdicts(summary))


@pytest.mark.usefixtures("without_figures")
def test_a_trained_run_without_its_network_is_its_anchor(tiny_config, tmp_path):
    from pcsa_jax.evaluation.assessment import assess_run, synthesise
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train
    from pcsa_jax.training.trained import open_run

    workdir = Workdir(tmp_path / "run")
    train(tiny_config(RECIPE | {"num_epochs": 2}), workdir)
    run = open_run(workdir.root)
    summary = assess_run(run, workdir, split="validation", out=tmp_path / "out")
    assert list(summary["predictors"])[:5] == ["model", "anchor", "ridge", "linear", "mean_pet"]
    assert run.without_network().without_network().params["gain"] == 0

    class Pairs:
        mri = np.random.default_rng(0).uniform(0, 1, (1, 16, 16, 16)).astype(np.float32)
        pet = mri

        def __len__(self):
            return 1

    ridge = run.prior.predictors["ridge"].predict(Pairs.mri, clipped=False)
    mirrored = run.prior.predict(Pairs.mri)[..., 0][:, ::-1]
    np.testing.assert_allclose(mirrored[:, ::-1], ridge, atol=1e-6)
    expected = np.clip(ridge * run.params["scale"] / ridge.max(), 0, 1)
    np.testing.assert_allclose(synthesise(run.without_network(), Pairs()), expected, atol=1e-5)
