"""From a trained run to its evaluation: reads the cohort, generates the PET of a split, hands both over."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.batches import padded
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import check_one_grid, describe_preparation, inputs_table
from pcsa_jax.data.normalisation import MAX_SUVR
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.splits import SPLITS, check_splits, read_splits
from pcsa_jax.run.builtin import check_phantom, open_cohort
from pcsa_jax.run.devices import Devices
from pcsa_jax.run.environment import read_environment
from pcsa_jax.run.evaluation import ReportContext, evaluate_predictions
from pcsa_jax.run.programs import compile_generation
from pcsa_jax.run.progress import console, progress
from pcsa_jax.run.trained import TrainedRun
from pcsa_jax.run.training_data import reading
from pcsa_jax.run.workdir import Workdir


def assess_run(run: TrainedRun, workdir: Workdir, *, split: str, out: Path) -> dict[str, Any]:
    """Evaluates ``run`` on ``split``; returns the summary.

    Raises:
      UserError: if the cohort is not the one that was split, or a file is damaged.
    """
    data = run.config.data
    environment = read_environment(workdir.environment)
    check_phantom(data, environment, workdir.root)
    cohort = open_cohort(data)
    splits = read_splits(workdir.splits)
    diagnoses = cohort.diagnoses
    check_splits(splits, list(diagnoses), source=workdir.splits)
    parts = {}
    for part in ("train", split):
        subjects = [subject for subject in cohort.pairs if splits[subject.participant_id] == part]
        with progress(f"Reading {part}") as report:
            # The predictable part is the ceiling of what is scored; the training part is only for the predictors.
            parts[part] = load_pairs(subjects, **reading(data), predictable=part == split, progress=report)
    sources = [source for part in parts.values() for source in part.inputs]
    check_one_grid(sources)
    synthetic = synthesise(run, parts[split])
    counts = Counter((splits[person], diagnosis) for person, diagnosis in diagnoses.items())
    context = ReportContext(
        cohort=cohort.name,
        is_phantom=cohort.is_phantom,
        config=json.loads(workdir.config.read_text(encoding="utf-8")),
        environment=environment,
        split_counts={part: {d: counts[part, d] for d in ("AD", "CN")} for part in SPLITS},
        step=run.step,
        checkpoint=f"{run.checkpoint} (step {run.step})",
        split=split,
        metrics_jsonl=workdir.metrics if workdir.metrics.is_file() else None,
        wall_time_s=run.meta.get("train_seconds"),
        preparation=describe_preparation(inputs_table(sources)),
        uptake=_describe_uptake(data),
    )
    console.print(f"Scoring {len(parts[split])} subjects and drawing the figures")
    return evaluate_predictions(
        out=out, train=parts["train"], test=parts[split], synthetic=synthetic, grid=Grid(data.size), context=context
    )


def _describe_uptake(data: ConfigDict) -> str:
    """What the uptake values of the report are."""
    if data.normalisation == "suvr":
        return (
            f"Uptake is SUVR / {MAX_SUVR:g}, with the {data.reference_region} as reference region: one scale for "
            "everybody."
        )
    hottest = "hottest voxel" if data.normalisation == "minmax" else "99.9th percentile"
    return (
        f"Uptake is on each volume's own 0–1 scale, so a region's value depends on the {hottest} of the volume; it is "
        "not an SUVR."
    )


def synthesise(run: TrainedRun, pairs: Pairs) -> np.ndarray:
    """The generated PET of every row, float32 (n, x, y, z) in [0, 1]."""
    devices = Devices.of(jax.local_devices())
    generate = compile_generation(run.experiment, devices)
    params = devices.replicate(run.params)
    synthetic = np.empty_like(pairs.pet)
    with progress("Generating") as report:
        for start in range(0, len(pairs), len(devices)):
            rows = np.arange(start, min(start + len(devices), len(pairs)))
            mri = devices.share(pairs.mri[padded(rows, len(devices))[0], ..., None])
            synthetic[rows] = np.asarray(generate(params, mri))[: len(rows), ..., 0]
            report(rows[-1] + 1, len(pairs))
    return synthetic
