"""What a published model scores: its runs' evaluations, together, beside the trivial predictors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pcsa_jax.data.json_objects import read_object
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.summary import ROW_COLUMNS, summarise
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.presentation.tables import read_table
from pcsa_jax.training.trained import TrainedRun

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("participant_id", "session_id", "diagnosis", "predictor")
"""Columns of ``subjects.tsv`` that are no numbers."""


class Scores(NamedTuple):
    """The test parts of one or several runs.

    Attributes:
      summary: as ``summary.json`` has it, of all test subjects of all runs together.
      trust: of each run, the part of its summary that asks whether single images can be believed.
      cohorts: names of the cohorts that were scored.
      is_phantom: whether any of them is a phantom.
    """

    summary: Mapping[str, Any]
    trust: tuple[Mapping[str, Any], ...]
    cohorts: tuple[str, ...]
    is_phantom: bool


def read_scores(workdirs: Sequence[Workdir], runs: Sequence[TrainedRun]) -> Scores:
    """Reads the runs' evaluations of their test parts.

    Of folds, each person is scored by the generator that has not seen them; of seeds, a person counts once, with the
    mean over the generators.

    Raises:
      UserError: if a run has none, or one of another checkpoint.
    """
    summaries = [_summary_of(workdir, run) for workdir, run in zip(workdirs, runs, strict=True)]
    # From the table of subjects, whatever a summary has become since.
    summary = summaries[0] | summarise(_rows_of(workdirs))
    return Scores(
        summary,
        tuple(own.get("trust") or {} for own in summaries),
        tuple(dict.fromkeys(str(own.get("cohort", "")) for own in summaries)),
        any(own.get("is_phantom") for own in summaries),
    )


def _summary_of(workdir: Workdir, run: TrainedRun) -> dict[str, Any]:
    path = workdir.evaluation("test") / "summary.json"
    if not path.is_file():
        raise UserError(
            f"{workdir.root}: expected the scores of its test part, found none. Run python evaluate.py "
            f"--workdir={workdir.root} first, or publish with --unscored."
        )
    summary = read_object(path, {"step": int, "predictors": dict, "n_subjects": int}, expected="a summary")
    if summary["step"] != run.step:
        raise UserError(
            f"{path}: expected the scores of step {run.step} ({run.checkpoint}), found those of step "
            f"{summary['step']}. Run python evaluate.py --workdir={workdir.root} again."
        )
    return summary


def _rows_of(workdirs: Sequence[Workdir]) -> "pd.DataFrame":
    import pandas as pd

    tables = []
    for workdir in workdirs:
        path = workdir.evaluation("test") / "subjects.tsv"
        try:
            tables.append(read_table(path, ROW_COLUMNS, WORDS))
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path}: expected the scores of an evaluation, found {str(error).splitlines()[0]}. Run python "
                f"evaluate.py --workdir={workdir.root} again."
            ) from error
    # A predictor that only some runs have (the start without its network) is not one of all of them.
    common = set.intersection(*(set(table["predictor"]) for table in tables))
    rows = pd.concat(tables, ignore_index=True)
    return rows[rows["predictor"].isin(common)]
