"""From a trained run to its evaluation: reads the cohort, generates the PET of a split, hands both over."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pcsa_jax.data.batches import padded
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.splits import SPLITS, check_splits, read_splits
from pcsa_jax.run.builtin import check_phantom, open_cohort
from pcsa_jax.run.devices import Devices
from pcsa_jax.run.environment import read_environment
from pcsa_jax.run.evaluation import ReportContext, evaluate_predictions
from pcsa_jax.run.programs import compile_generation
from pcsa_jax.run.progress import console, progress
from pcsa_jax.run.trained import TrainedRun
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
    diagnoses = {subject.participant_id: subject.diagnosis for subject in cohort.pairs}
    check_splits(splits, list(diagnoses), source=workdir.splits)
    parts = {}
    for part in ("train", split):
        subjects = [subject for subject in cohort.pairs if splits[subject.participant_id] == part]
        with progress(f"Reading {part}") as report:
            parts[part] = load_pairs(subjects, size=data.size, normalisation=data.normalisation, progress=report)
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
    )
    console.print(f"Scoring {len(parts[split])} subjects and drawing the figures")
    return evaluate_predictions(
        out=out, train=parts["train"], test=parts[split], synthetic=synthetic, grid=Grid(data.size), context=context
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
