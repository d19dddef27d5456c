"""A long table of scores in which every system is its own shift of the same subjects."""

import numpy as np
import pandas as pd

from pcsa_jax.evaluation.summary import METRICS
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.studies.reproduction.page import Context
from pcsa_jax.studies.reproduction.rowsets import RowSet, make_row_set

PAIR = RowSet("pair", "Two rows", "Table 0", ("one", "two"), "one", {"one": "First | row", "two": "Second"}, {})


def row_set(name):
    """A row set with the rows of configs/pcsa.py."""
    return make_row_set(name, read_rows("pcsa"))


def long_lines(row, values, *, predictor="model", seed=0, fold=0, participants=None, session="", **columns):
    """One line per value; every metric has the value, unless ``columns`` gives it."""
    values = list(values)
    return pd.DataFrame({
        "row": row,
        "seed": seed,
        "fold": fold,
        "participant_id": participants or [f"sub-{i:02d}" for i in range(len(values))],
        "session_id": session,
        "diagnosis": "CN",
        "predictor": predictor,
        **{metric: np.asarray(values, float) for metric in METRICS},
        **columns,
    })  # fmt: skip


def long_table(rows, *, subjects=8, folds=2, seeds=2, shift=0.01):
    """Rows that differ by ``shift`` in error (the first is best), with both trivial predictors and the ceilings."""
    rng = np.random.default_rng(0)
    difficulty = 0.05 + 0.02 * rng.random(subjects)
    people = [f"sub-{i:02d}" for i in range(subjects)]
    levels = {"linear": 0.05, "mean_pet": 0.06, "predictable": -0.03, "predictable_own_range": -0.02}
    frames = []
    for seed in range(seeds):
        for fold in range(folds):
            inside = np.arange(subjects) % folds == fold
            for place, row in enumerate(rows):
                for predictor, level in {"model": shift * place, **levels}.items():
                    error = difficulty[inside] + level
                    if predictor == "model":
                        error = error + 0.002 * rng.normal(size=inside.sum())
                    quality = {key: 1 - error for key, metric in METRICS.items() if not metric.lower_is_better}
                    who = [people[i] for i in np.flatnonzero(inside)]
                    common = {"predictor": predictor, "seed": seed, "fold": fold, "participants": who}
                    frames.append(long_lines(row, error, **common, **quality))
    return pd.concat(frames, ignore_index=True)


def page_context(**changes):
    values = {
        "cohort": "test cohort",
        "is_phantom": True,
        "protocol": "2 folds, 2 seeds.",
        "parameters": {"pcsa": 1_234_567},
        "train_seconds": {"pcsa": 75.0},
        "environment": {"devices": ["cpu"]},
    }
    return Context(**values | changes)
