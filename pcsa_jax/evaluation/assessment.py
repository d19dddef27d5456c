"""From a trained run to its evaluation: reads the cohort, generates the PET of a split, hands both over."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import check_one_grid, describe_preparation, inputs_table
from pcsa_jax.data.normalisation import MAX_SUVR
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.phantom_mark import any_marked
from pcsa_jax.data.splits import SPLITS, check_splits, read_splits
from pcsa_jax.data.subjects import DIAGNOSES, Cohort, Subject, listing
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.context import ReportContext
from pcsa_jax.evaluation.predictions import evaluate_predictions
from pcsa_jax.experiment.cohort import check_phantom, describe_training, open_cohort
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.training.data import reading
from pcsa_jax.training.trained import TrainedRun

EXTERNAL = "external"
"""Name of the evaluated part where it is another cohort than the run's."""


def assess_run(
    run: TrainedRun, workdir: Workdir, *, split: str, out: Path, external: Cohort | None = None
) -> dict[str, Any]:
    """Evaluates ``run`` on ``split`` of its cohort, or on all pairs of another one; returns the summary.

    The trivial predictors are fitted on the run's training subjects either way.

    Raises:
      UserError: if the cohort is not the one that was split, or a file is damaged; or if a participant of ``external``
        has the id of a training subject.
    """
    data = run.config.data
    environment = read_environment(workdir.environment)
    check_phantom(data, environment, workdir.root)
    cohort = open_cohort(data)
    splits = read_splits(workdir.splits)
    diagnoses = cohort.diagnoses
    check_splits(splits, list(diagnoses), source=workdir.splits)
    subjects = {part: [s for s in cohort.pairs if splits[s.participant_id] == part] for part in SPLITS}
    if external is not None:
        split, subjects[EXTERNAL] = EXTERNAL, _pairs_of(external, {s.participant_id for s in subjects["train"]})
    parts = {}
    for part in ("train", split):
        with progress(f"Reading {part}") as report:
            # The predictable part is the ceiling of what is scored; the training part is only for the predictors.
            parts[part] = load_pairs(subjects[part], **reading(data), predictable=part == split, progress=report)
    sources = [source for part in parts.values() for source in part.inputs]
    if external is None:
        check_one_grid(sources)
    synthetic = synthesise(run, parts[split])
    scored = external or cohort
    context = ReportContext(
        cohort=scored.name if external is None else f"{scored.name}; trained on {cohort.name}",
        is_phantom=scored.is_phantom or any_marked(subjects[split]),
        trained_on_phantom=describe_training(data, environment)[1] or any_marked(subjects["train"]),
        config=json.loads(workdir.config.read_text(encoding="utf-8")),
        environment=environment,
        split_counts=_counts(subjects),
        step=run.step,
        checkpoint=run.checkpoint,
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


def _pairs_of(external: Cohort, trained: set[str]) -> list[Subject]:
    """The pairs of another cohort, none of whom may have been trained on."""
    both = sorted({subject.participant_id for subject in external.pairs} & trained)
    if both:
        raise UserError(
            f"cohort {external.root}: expected nobody whom the run was trained on, found {len(both)} of its training "
            f"participants ({listing(both)}). If they are other people, give them other ids (manifest.tsv)."
        )
    if not external.pairs:
        raise UserError(
            f"cohort {external.root}: expected visits with GM map and PET and a diagnosis of AD or CN, found none. "
            "Scores need a measured PET; python -m pcsa_jax synthesize does not."
        )
    return list(external.pairs)


def _counts(subjects: Mapping[str, Sequence[Subject]]) -> dict[str, dict[str, int]]:
    """Part -> diagnosis -> number of participants."""
    people = {part: {s.participant_id: s.diagnosis for s in reversed(own)} for part, own in subjects.items()}
    return {part: {d: list(own.values()).count(d) for d in DIAGNOSES} for part, own in people.items()}


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
    infer = Inference(run.experiment.modules.generator, run.params, dtype=run.experiment.dtype)
    synthetic = np.empty_like(pairs.pet)
    with progress("Generating") as report:
        for start in range(0, len(pairs), infer.batch_size):
            rows = slice(start, start + infer.batch_size)
            synthetic[rows] = infer(pairs.mri[rows])
            report(min(rows.stop, len(pairs)), len(pairs))
    return synthetic
