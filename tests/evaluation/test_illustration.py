"""Who is shown stands beside the prediction that a network has to beat, in many planes, as the reader wants it."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.evaluation import illustration
from pcsa_jax.evaluation.predictions import _score_all
from pcsa_jax.presentation.viewing import Viewing
from tests.evaluation.evaluation_data import GRID, report_context


@pytest.fixture
def drawn(monkeypatch):
    found = {}
    monkeypatch.setattr(
        illustration, "draw_comparison", lambda path, rows, **look: found.setdefault(path.stem, (rows, look)) and path
    )
    return found


def test_real_synthetic_and_best_trivial_pet_of_the_same_person(train, test_pairs, drawn, tmp_path):
    two = dataclasses.replace(
        test_pairs, **{field.name: getattr(test_pairs, field.name)[:2] for field in dataclasses.fields(test_pairs)}
    )
    synthetic = np.stack([two.pet[0] + 0.01, two.pet[1]])
    no_judge = SimpleNamespace(rows=lambda *_: pd.DataFrame({"predictor": []}))
    scores, _, _, trivial = _score_all(train, two, {"model": synthetic}, GRID, no_judge)
    assert set(trivial) == set(TRIVIAL_PREDICTORS) and all(set(own) == {0, 1} for own in trivial.values())
    best = scores[scores["predictor"].isin(list(trivial))].groupby("predictor")["mae_brain"].mean().idxmin()
    predicted = TRIVIAL_PREDICTORS[best].fit(train.mri, train.pet).predict(two.mri)
    context = report_context(is_phantom=False, viewing=Viewing("radiological", "grey"))
    shown = list(illustration._many_planes(tmp_path, two, synthetic, GRID, scores, context, trivial))
    assert [each.path.stem for each in shown] == ["planes_best", "planes_worst"]
    for stem, row in (("planes_best", 1), ("planes_worst", 0)):
        rows, look = drawn[stem]
        assert [each.name for each in rows] == ["Real PET", "Synthetic PET", TRIVIAL_PREDICTORS[best].label]
        for each, volume in zip(rows, (two.pet[row], synthetic[row], predicted[row]), strict=True):
            np.testing.assert_allclose(each.volume, volume, atol=1e-5)
        assert look["viewing"] == context.viewing and (look["scale"].low, look["scale"].high) == (0, 1)
    assert all("Radiological convention: left of the picture = the subject's RIGHT" in each.caption for each in shown)


def test_the_best_trivial_predictor_has_the_lowest_mean_error():
    rows = pd.DataFrame({
        "predictor": ["model", "linear", "linear", "mean_pet", "mean_pet"], "mae_brain": [0.0, 0.1, 0.5, 0.2, 0.2],
    })  # fmt: skip
    assert illustration.best_trivial(rows) == "mean_pet"
