"""Scored tiny runs and what is published of them."""

import json
import os
import shutil

import numpy as np
import pytest

from pcsa_jax.evaluation.summary import summarise
from pcsa_jax.presentation.tables import write_table
from pcsa_jax.training.trained import open_run
from tests.evaluation.evaluation_data import score_rows


def write_scores(root, *, first, step=None):
    """An evaluation of six people of the run in ``root``, numbered from ``first`` on."""
    people = [f"sub-{first + number:04d}" for number in range(6)]
    errors = np.linspace(1, 2, 6)
    rows = score_rows(
        {"model": errors, "ridge": errors + 0.2, "mean_pet": errors + 1}, participant_ids=people,
        session_ids=[""] * 6,
    ).assign(identification_rank=1)  # fmt: skip
    out = root / "evaluation" / "test"
    out.mkdir(parents=True)
    write_table(out / "subjects.tsv", rows)
    trust = {
        "familiarity": {"n": 6, "verdicts": {"as trained": 5, "outside": 1}},
        "intervals": {"level": 0.8, "people": {"mean": 0.79, "ci95": [0.7, 0.85]}},
    }
    summary = summarise(rows) | {
        "split": "test", "cohort": "phantom", "is_phantom": True, "trust": trust, "step": step or open_run(root).step,
    }  # fmt: skip
    (out / "summary.json").write_text(json.dumps(summary))


@pytest.fixture(scope="session")
def scored_run(tiny_run, tmp_path_factory):
    """A copy of the tiny run with an evaluation."""
    root = shutil.copytree(tiny_run, tmp_path_factory.mktemp("scored") / "run", copy_function=os.link)
    write_scores(root, first=1)
    return root


@pytest.fixture(scope="session")
def other_fold(tiny_config, tmp_path_factory):
    """Another fold of the same cohort, trained and scored."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    root = tmp_path_factory.mktemp("scored") / "fold1"
    train(tiny_config({"data.fold": 1}), Workdir(root))
    write_scores(root, first=7)
    return root


@pytest.fixture(scope="session")
def published(scored_run, tmp_path_factory):
    """The tiny run's published folder; not to be changed."""
    from pcsa_jax.publishing.publish import publish_model

    return publish_model([scored_run], tmp_path_factory.mktemp("published") / "tiny", authors="A. Nobody").folder


@pytest.fixture(scope="session")
def published_folds(scored_run, other_fold, tmp_path_factory):
    """Both folds, published as their mean."""
    from pcsa_jax.publishing.publish import publish_model

    return publish_model([scored_run, other_fold], tmp_path_factory.mktemp("published") / "folds").folder


@pytest.fixture(scope="session")
def maps():
    """Three maps on the tiny grid, in some unit."""
    return 7 + 3 * np.random.default_rng(0).random((3, 16, 16, 16), np.float32)
