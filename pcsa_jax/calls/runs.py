"""Calls that train networks and measure them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pcsa_jax.calls.places import AnyPath, given
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.words import config_words
from pcsa_jax.machine.home import user_path

if TYPE_CHECKING:
    from pcsa_jax.data.trust.statistics import Trust
    from pcsa_jax.training.loop import Outcome


def train(
    config: AnyPath, workdir: AnyPath, *, cohort: AnyPath | None = None, participants: AnyPath | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (), coordinator: str | None = None,
    num_processes: int | None = None, process_id: int | None = None,
) -> "Outcome":  # fmt: skip
    """Trains, or resumes the run in ``workdir``.

    Args:
      config: config file or name, and row, as in ``pcsa:sa16``.
      workdir: folder of the run.
      cohort: folder or manifest, in place of the config's ``data.root``.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      overrides: ``{"group.field": value}``, or the words ``--config.group.field=value``.
      coordinator, num_processes, process_id: of several processes that srun or mpirun did not start.

    Returns:
      The last step, and the signal that stopped the training if one did.

    Raises:
      UserError: for a mistake in config, cohort or folder, or if a loss becomes NaN or infinite.
    """
    from pcsa_jax.experiment.config import parse_config

    resolved = parse_config(config_words(config, overrides, cohort=cohort, participants=participants))
    from pcsa_jax.machine.processes import start_processes

    start_processes(coordinator, num_processes, process_id)
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.training import train as training

    keep_compiled_programs()
    folder = Workdir(user_path(workdir))
    outcome = training.train(resolved, folder)
    if outcome.signal_number is None:
        from pcsa_jax.synthesis.calibration import calibrate_finished

        calibrate_finished(folder.root)
    return outcome


def calibrate(runs: Sequence[AnyPath], *, out: AnyPath | None = None, checkpoint: str = "best") -> "Trust":
    """Fits what single images are judged by: familiarity of a map, intervals and norm of its PET.

    Every finished training does it for itself; older runs, and several runs together, need the call.

    Args:
      runs: folder of a run, or of folds or seeds of one cohort that are used together.
      out: file to write; ``RUN/trust.safetensors`` of a single run if not given.
      checkpoint: ``best`` on validation data or ``latest``.

    Returns:
      What was fitted, or was there already; its ``missing()`` says what could not be.

    Raises:
      UserError: if a run cannot be opened, they do not fit together, or the cohort is not what they have read.
    """
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.synthesis.calibration import calibrate as fit

    keep_compiled_programs()
    return fit([user_path(run) for run in runs], given(out), checkpoint=checkpoint)


def evaluate(
    workdir: AnyPath,
    *,
    split: str = "test",
    out: AnyPath | None = None,
    cohort: AnyPath | None = None,
    participants: AnyPath | None = None,
    tracer: str = "",
    diagnosis: str = "any",
    fwhm_mm: float | None = None,
    other_people: bool = False,
    checkpoint: str = "best",
    convention: str = "neurological",
    colours: str = "hot",
) -> dict[str, Any]:
    """Scores a trained run beside trivial predictors; writes tables, figures and a report.

    Args:
      workdir: folder of the run.
      split: part of its cohort to score, ``test`` or ``validation``.
      out: where to write; ``WORKDIR/evaluation/SPLIT`` if not given.
      cohort: score all pairs of this other cohort instead; needs ``out``.
      participants: ``participants.tsv`` of that cohort or its folder, if it is not in there.
      tracer, diagnosis, fwhm_mm: of that cohort, as for :func:`check`.
      other_people: nobody of that cohort was trained on, though ids coincide.
      checkpoint: ``best`` on validation data or ``latest``.
      convention, colours: of the pictures of many planes, as for :func:`pcsa_jax.synthesize`.

    Returns:
      The content of ``summary.json``.

    Raises:
      UserError: if the run or the cohort cannot be read, or somebody of the other cohort was trained on.
    """
    from pcsa_jax.data.cohort import Reading, read_cohort
    from pcsa_jax.evaluation.assessment import assess_run
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.machine.compilation import keep_compiled_programs
    from pcsa_jax.presentation.viewing import choose_viewing
    from pcsa_jax.training.trained import open_run

    external, viewing = None, choose_viewing(convention, colours)
    for option, is_given in (("--other-people", other_people), ("--participants", participants is not None)):
        if is_given and cohort is None:
            raise UserError(f"{option}: expected --cohort=PATH beside it, found none. It says who is in that cohort.")
    if cohort is not None:
        if out is None:
            raise UserError("--cohort: expected --out=DIR beside it, found none. Say where its evaluation goes.")
        external = read_cohort(user_path(cohort), Reading(given(participants), tracer, diagnosis, fwhm_mm))
    keep_compiled_programs()
    folder = Workdir(user_path(workdir))
    trained = open_run(folder.root, checkpoint=checkpoint)
    out = folder.evaluation(split) if out is None else user_path(out)
    return assess_run(
        trained, folder, split=split, out=out, external=external, other_people=other_people, viewing=viewing
    )


def reproduce(
    target: str,
    out: AnyPath,
    *,
    config: AnyPath = "pcsa",
    folds: int = 5,
    seeds: int = 1,
    cohort: AnyPath | None = None,
    participants: AnyPath | None = None,
    classifier_config: str = "",
    overrides: Mapping[str, Any] | Sequence[str] = (),
    only_plan: bool = False,
    measure: bool = True,
) -> int:
    """Trains the rows of a table or figure of the paper under one protocol, evaluates them, and makes it.

    Args:
      target: ``fig3``, ``table1``, ...; ``all``.
      out: folder of runs, tables and figures.
      config: config file or name, of the rows.
      folds: by participant; all are run.
      seeds: trainings of each row and fold.
      cohort: folder or manifest, in place of the config's.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      classifier_config: of ``table3``; the one beside ``config`` if not given.
      overrides: ``{"group.field": value}`` for every row, or the words ``--config.group.field=value``.
      only_plan: print what would be run and what it costs, write nothing, and stop.
      measure: with ``only_plan``, time a few steps of each row on this machine.

    Returns:
      0: everything is there. 1: some runs failed. 130, 143: stopped by a signal.

    Raises:
      UserError: for a request that cannot work, before anything is trained.
    """
    from pcsa_jax.studies.reproduction import reproduce as reproduction
    from pcsa_jax.studies.reproduction.plan import Request

    _, *words = config_words(config, overrides, cohort=cohort, participants=participants)
    request = Request(target, str(config), tuple(words), folds, seeds, user_path(out), classifier_config)
    return reproduction.reproduce(request, only_plan=only_plan, measure=measure)
