"""One evaluation from arrays to files, which several tests look at."""

import json

import pytest

from pcsa_jax.evaluation.predictions import evaluate_predictions
from tests.conftest import leave_unpainted
from tests.evaluation.evaluation_data import GRID, fake_pairs, report_context


@pytest.fixture(scope="session")
def train():
    return fake_pairs(9, first=100)


@pytest.fixture(scope="session")
def test_pairs():
    return fake_pairs(6)


@pytest.fixture(scope="session")
def evaluated(train, test_pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "evaluation" / "test"
    synthetic = 0.5 * (test_pairs.predictable + test_pairs.pet) + 0.002
    log = out.parents[1] / "metrics.jsonl"
    log.write_text(json.dumps({"step": 1, "epoch": 0, "generator/total": 1.0}) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        leave_unpainted(patch)
        summary = evaluate_predictions(
            out=out, train=train, test=test_pairs, synthetic=synthetic, grid=GRID,
            context=report_context(metrics_jsonl=log),
        )  # fmt: skip
    return out, summary, synthetic
