"""What evaluated runs have in common on paper: the long table of scores, the context, the subject shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.data.contents import contents_of
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.splits import read_splits
from pcsa_jax.data.subjects import DIAGNOSES
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import synthesise
from pcsa_jax.evaluation.summary import SCORE_COLUMNS
from pcsa_jax.experiment.cohort import describe_training
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.presentation.markdown import markdown_text
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.tables import read_table
from pcsa_jax.studies.reproduction.known import known_of
from pcsa_jax.studies.reproduction.page import Context
from pcsa_jax.studies.reproduction.plan import Plan, Run
from pcsa_jax.studies.reproduction.presentation import Panel
from pcsa_jax.studies.reproduction.rowsets import RowSet
from pcsa_jax.studies.reproduction.runner import Progress
from pcsa_jax.training.data import reading
from pcsa_jax.training.trained import open_run

if TYPE_CHECKING:
    import pandas as pd

PAPER_SIZE = 64
"""Voxels along each axis of the paper's volumes (4.1)."""

COLUMNS = ("row", "seed", "fold", *SCORE_COLUMNS)
"""Of the long table."""


def complete_rows(plan: Plan, rows: Sequence[str], progress: Progress) -> tuple[list[str], list[str]]:
    """The rows all of whose runs came through; and for each other row, what is missing."""
    complete, missing = [], []
    for row in rows:
        lacking = [run for run in plan.runs if run.row == row and run.name not in progress.done]
        if lacking:
            missing.append(f"{row} ({', '.join(_where(run) for run in lacking)})")
        else:
            complete.append(row)
    return complete, missing


def _where(run: Run) -> str:
    people = f"{run.size} training subjects " if run.size else ""
    return f"{people}seed {run.seed} fold {run.fold}"


def collect_scores(runs: Sequence[Run]) -> "pd.DataFrame":
    """The long table: one line per row, seed, fold, visit and predictor, from the runs' ``subjects.tsv``.

    Raises:
      UserError: if a table is missing or damaged, or a participant was tested in two folds of a seed.
    """
    import pandas as pd

    tables = [_read_subjects(run).assign(row=run.row, seed=run.seed, fold=run.fold) for run in runs]
    scores = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    folds = scores.groupby(["row", "seed", "participant_id"])["fold"].nunique()
    if (folds > 1).any():
        row, seed, person = folds[folds > 1].index[0]
        raise UserError(
            f"row {row}, seed {seed}: expected {person} in the test part of one fold, found it in {folds.max()}. "
            "The runs were not made with the same folds: use another --out."
        )
    return scores


def _read_subjects(run: Run) -> "pd.DataFrame":
    path = run.workdir.evaluation("test") / "subjects.tsv"
    try:
        return read_table(path, SCORE_COLUMNS, ("participant_id", "session_id", "diagnosis", "predictor"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected the scores of an evaluation, found {str(error).splitlines()[0]}. Delete "
            f"{path.parent}: it is evaluated again."
        ) from error


def count_trained(runs: Sequence[Run]) -> int:
    """Participants that the runs were trained on, rounded: folds may differ by one."""
    counts = [list(read_splits(run.workdir.splits).values()).count("train") for run in runs]
    return round(sum(counts) / len(counts))


def describe_context(plan: Plan, rows: Sequence[str], progress: Progress) -> Context:
    """What a page says about the runs of ``rows``, which are complete, besides their scores."""
    runs = [run for run in plan.runs if run.row in rows and not run.size]
    trainings = {row: [progress.done[run.name] for run in runs if run.row == row] for row in rows}
    environment = read_environment(runs[0].workdir.environment)
    return Context(
        cohort=plan.cohort.name,
        is_phantom=plan.cohort.is_phantom or describe_training(runs[0].config.data, environment)[1],
        protocol=describe_protocol(plan, runs),
        parameters={row: own[0].parameters for row, own in trainings.items()},
        train_seconds={row: float(np.mean([one.train_seconds for one in own])) for row, own in trainings.items()},
        environment=environment,
    )


def describe_protocol(plan: Plan, runs: Sequence[Run]) -> str:
    """One paragraph on subjects, folds, budget and the choice of the checkpoint, from the plan."""
    request, cohort, config = plan.request, plan.cohort, runs[0].config
    diagnoses = list(cohort.diagnoses.values())
    groups = ", ".join(f"{diagnoses.count(name)} {name}" for name in DIAGNOSES)
    visits = f", {len(cohort.pairs)} visits" if len(cohort.pairs) != len(diagnoses) else ""
    seeds = f"{request.seeds} seeds" if request.seeds > 1 else "one seed"
    steps = sorted({run.num_steps for run in runs})
    budget = count(steps[0]) if len(steps) == 1 else f"{count(steps[0])} to {count(steps[-1])}"
    part = config.data.size / PAPER_SIZE
    grid = f" A size of features in a name is the paper's, at 64³; here it is {part:g} times that." if part != 1 else ""
    return (
        f"{markdown_text(cohort.name)}: {len(diagnoses)} participants ({groups}){visits} at {config.data.size}³ "
        f"voxels. {request.folds} folds by participant, stratified by diagnosis, and {seeds}; the folds are the same "
        "for every row and seed, and each participant is tested in one. Of the participants outside the test fold "
        f"{100 * config.data.validation_fraction:.3g} % validate: they alone chose the checkpoint (MAE in the brain). "
        f"Every run had {count(config.num_epochs)} epochs of {config.batch_size} volumes a step ({budget} steps). A "
        f"fold's test subjects were not read before its training was over.{grid}"
    )


def show_subject(plan: Plan, rowset: RowSet, scores: "pd.DataFrame") -> Panel:
    """The test subject with the (lower) median error of the reference row in the first run, as every row sees it."""
    rows = [row for row in rowset.rows if (scores["row"] == row).any()]
    reference = rowset.reference if rowset.reference in rows else rows[0]
    own = scores[(scores["row"] == reference) & (scores["seed"] == 0) & (scores["fold"] == 0)]
    ranked = own[own["predictor"] == "model"].sort_values(["mae_brain", "participant_id", "session_id"])
    who = ranked.iloc[(len(ranked) - 1) // 2]
    subject = next(
        subject
        for subject in plan.cohort.pairs
        if (subject.participant_id, subject.session_id) == (who["participant_id"], who["session_id"])
    )
    data = plan.runs[0].config.data
    pairs = load_pairs([subject], **reading(data))
    known_of(plan.runs).check_volumes(contents_of(pairs.inputs))
    runs = {run.row: run for run in plan.runs if run.row in rows and (run.seed, run.fold) == (0, 0)}
    synthetic = {row: synthesise(open_run(runs[row].workdir.root), pairs)[0] for row in rows}
    return Panel(subject.participant_id, subject.diagnosis, pairs.mri[0], pairs.pet[0], synthetic, Grid(data.size))
