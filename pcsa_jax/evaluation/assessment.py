"""From a trained run to its evaluation: reads the cohort, generates the PET of a split, hands both over."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.contents import Known
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import check_together, describe_preparation, inputs_table
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.phantom_mark import any_marked
from pcsa_jax.data.splits import SPLITS, check_splits, read_splits
from pcsa_jax.data.subjects import DIAGNOSES, Cohort, Subject
from pcsa_jax.evaluation.context import ReportContext
from pcsa_jax.evaluation.external import Outsiders, outsiders
from pcsa_jax.evaluation.predictions import check_out, evaluate_predictions
from pcsa_jax.experiment.cohort import check_phantom, describe_training, open_cohort
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.presentation.viewing import USUAL, Viewing
from pcsa_jax.synthesis.export import generator_hash
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.trust_file import trust_of_run
from pcsa_jax.training.data import reading
from pcsa_jax.training.events_log import describe_events, read_events
from pcsa_jax.training.remembered import check_remembered
from pcsa_jax.training.trained import TrainedRun

EXTERNAL = "external"
"""Name of the evaluated part where it is another cohort than the run's."""


def assess_run(
    run: TrainedRun, workdir: Workdir, *, split: str, out: Path, external: Cohort | None = None,
    other_people: bool = False, elsewhere: Known | None = None, viewing: Viewing = USUAL,
) -> dict[str, Any]:  # fmt: skip
    """Evaluates ``run`` on ``split`` of its cohort, or on all pairs of another one; returns the summary.

    The trivial predictors are fitted on the run's training subjects either way.

    Args:
      run: the trained run.
      workdir: its folder.
      split: part of the run's cohort.
      out: folder of tables, figures and report.
      external: another cohort, to be scored instead.
      other_people: participants of ``external`` with ids of training participants are other people.
      elsewhere: what other runs of the same experiment have read of the run's cohort.
      viewing: sides and colours of the pictures of many planes.

    Raises:
      UserError: if the cohort is not the one that was split, holds other volumes than were read before, or a file is
        damaged; or if somebody of ``external`` was trained on, by the content of the scans.
    """
    check_out(out)
    data, environment = run.config.data, read_environment(workdir.environment)
    check_phantom(data, environment, workdir.root)
    cohort = open_cohort(data)
    model = generator_hash(run)
    trust = trust_of_run(workdir.trust, model)
    subjects, others = _people(cohort, workdir, external, other_people=other_people)
    split = EXTERNAL if others else split
    train, test = _compare(run, workdir, *_read_parts(data, subjects["train"], subjects[split]), others, elsewhere)
    synthetic, unlearnt = synthesise(run, test), run.without_network()
    scored = external or cohort
    context = ReportContext(
        cohort=scored.name if external is None else f"{scored.name}; trained on {cohort.name}",
        is_phantom=scored.is_phantom or any_marked(subjects[split]),
        trained_on_phantom=describe_training(data, environment)[1] or any_marked(subjects["train"]),
        config=read_object(workdir.config, expected="the run's config"),
        environment=environment,
        split_counts=_counts(subjects),
        step=run.step,
        checkpoint=run.checkpoint,
        split=split,
        metrics_jsonl=workdir.metrics if workdir.metrics.is_file() else None,
        wall_time_s=run.meta.get("train_seconds"),
        preparation=describe_preparation(inputs_table([*train.inputs, *test.inputs])),
        people=others.describe() if others else "",
        uptake=_describe_uptake(data),
        events=describe_events(read_events(workdir.events)),
        model=model,
        viewing=viewing,
    )
    console.print(f"Scoring {len(test)} subjects and drawing the figures")
    return evaluate_predictions(
        out=out, train=train, test=test, synthetic=synthetic, grid=Grid(data.size), context=context,
        anchor=unlearnt and synthesise(unlearnt, test), trust=trust,
    )  # fmt: skip


def _subjects_by_part(cohort: Cohort, workdir: Workdir) -> dict[str, list[Subject]]:
    splits = read_splits(workdir.splits)
    check_splits(splits, list(cohort.diagnoses), source=workdir.splits)
    return {part: [s for s in cohort.pairs if splits[s.participant_id] == part] for part in SPLITS}


def _people(
    cohort: Cohort, workdir: Workdir, external: Cohort | None, *, other_people: bool
) -> tuple[dict[str, list[Subject]], Outsiders | None]:
    """Who is in each part, :data:`EXTERNAL` too if another cohort is scored, and what is known of those."""
    subjects = _subjects_by_part(cohort, workdir)
    if external is None:
        return subjects, None
    trained = {subject.participant_id for subject in subjects["train"]}
    others = outsiders(external, cohort, trained, other_people=other_people)
    return subjects | {EXTERNAL: list(others.pairs)}, others


def _read_parts(data: ConfigDict, train: Sequence[Subject], test: Sequence[Subject]) -> tuple[Pairs, Pairs]:
    """The volumes of both parts."""
    parts = []
    for name, subjects in (("train", train), ("what is scored", test)):
        with progress(f"Reading {name}") as report:
            # The predictable part is the ceiling of what is scored; the training part is only for the predictors.
            parts.append(load_pairs(subjects, **reading(data), predictable=bool(parts), progress=report))
    return parts[0], parts[1]


def _compare(
    run: TrainedRun, workdir: Workdir, train: Pairs, test: Pairs, others: Outsiders | None, elsewhere: Known | None
) -> tuple[Pairs, Pairs]:
    """Both parts, what is scored under ids that are nobody else's, if all is what it was and may stand side by side."""
    own = train.inputs if others else (*train.inputs, *test.inputs)
    check_together(own, one_grid=run.config.data.one_grid)
    check_remembered(run, workdir, own, elsewhere=elsewhere)
    if others is None:
        return train, test
    others.check(test, train, run.known)
    return train, others.mark(test)


def _counts(subjects: Mapping[str, Sequence[Subject]]) -> dict[str, dict[str, int]]:
    """Part -> diagnosis -> number of participants."""
    people = {part: {s.participant_id: s.diagnosis for s in reversed(own)} for part, own in subjects.items()}
    return {part: {d: list(own.values()).count(d) for d in DIAGNOSES} for part, own in people.items()}


def _describe_uptake(data: ConfigDict) -> str:
    """What the uptake values of the report are."""
    normalisation = NORMALISATIONS[data.normalisation]
    if normalisation.hottest:
        return (
            "Uptake is on each volume's own 0–1 scale, so a region's value depends on the "
            f"{normalisation.hottest} of the volume; it is not an SUVR."
        )
    return (
        f"Uptake is {normalisation.scale.unit} / {normalisation.scale.range[1]:g}, with the {data.reference_region} as "
        "reference region: one scale for everybody."
    )


def synthesise(run: TrainedRun, pairs: Pairs) -> np.ndarray:
    """The generated PET of every row, float32 (n, x, y, z) in [0, 1]."""
    infer = Inference.of_run(run)
    synthetic = np.empty_like(pairs.pet)
    with progress("Generating") as report:
        for start in range(0, len(pairs), infer.batch_size):
            rows = slice(start, start + infer.batch_size)
            synthetic[rows] = infer(pairs.mri[rows])
            report(min(rows.stop, len(pairs)), len(pairs))
    return synthetic
