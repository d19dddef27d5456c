"""The runs of a plan one after another: trained or resumed, then evaluated; one that fails stops no other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from pcsa_jax.data.files import write_json
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation.assessment import assess_run
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console, format_duration
from pcsa_jax.studies.reproduction.known import and_of, known_of
from pcsa_jax.studies.reproduction.plan import Run
from pcsa_jax.training.checkpoints import Checkpoints
from pcsa_jax.training.train import train
from pcsa_jax.training.trained import open_run


class Training(NamedTuple):
    """What a finished training is remembered by, in the run's ``training.json``.

    Attributes:
      steps: of the whole training.
      best_step: of the checkpoint that the validation part has chosen.
      train_seconds: wall time, over all its starts.
      parameters: of the generator.
    """

    steps: int
    best_step: int
    train_seconds: float
    parameters: int


class Progress(NamedTuple):
    """How far the runs of a plan have come.

    Attributes:
      done: name of a run -> its training, of those that came through.
      failed: name of a run -> why it did not.
      signal_number: the signal that stopped the work, or None.
    """

    done: Mapping[str, Training]
    failed: Mapping[str, str]
    signal_number: int | None = None


def read_training(run: Run) -> Training | None:
    """How ``run`` was trained; None if it is not finished."""
    try:
        path = run.workdir.root / "training.json"
        training = Training(**read_object(path, Training.__annotations__, expected="a finished training"))
    except (UserError, TypeError):  # it is written again from the checkpoints
        return None
    return training if training.steps == run.num_steps and run.workdir.config.is_file() else None


def train_runs(runs: Sequence[Run]) -> Progress:
    """Trains what is not finished; files of a run's test subjects are not opened.

    Raises:
      UserError: if runs that are there were made with different volumes.
    """
    done = {run.name: training for run in runs if (training := read_training(run))}
    failed: dict[str, str] = {}
    left = [run for run in runs if run.name not in done]
    former_row, known = "", known_of(runs)
    for place, run in enumerate(left):
        if run.row != former_row:
            # Another row has other networks: its programs are of no more use, and stay in memory otherwise.
            jax.clear_caches()
            former_row = run.row
        time_left = estimate_seconds(left[place:], runs, done)
        about = f"; about {format_duration(time_left)} of training left" if time_left else ""
        console.print(f"Run {len(runs) - len(left) + place + 1} of {len(runs)}: {run.name}{about}")
        try:
            outcome = train(run.config, run.workdir, elsewhere=known)
            if outcome.signal_number is not None:
                return Progress(done, failed, outcome.signal_number)
            done[run.name], known = _remember(run), and_of(known, [run])
        except UserError as error:
            failed[run.name] = str(error)
            console.print(f"{run.name}: failed: {error}")
    return Progress(done, failed)


def estimate_seconds(
    left: Sequence[Run],
    runs: Sequence[Run],
    done: Mapping[str, Training],
    measured: Mapping[str, float] | None = None,
) -> float | None:
    """Seconds that the runs ``left`` will take; None if nothing is known.

    Args:
      left: runs to be estimated.
      runs: all of the plan.
      done: name of a run -> its training.
      measured: row -> seconds a step, where a row has no finished run. A row that has neither is taken to need the mean
        of the others' seconds a step.
    """
    of_row = {**(measured or {}), **finished_paces(runs, done)}
    if not of_row:
        return None
    overall = sum(of_row.values()) / len(of_row)
    return sum(of_row.get(run.row, overall) * run.num_steps for run in left)


def finished_paces(runs: Sequence[Run], done: Mapping[str, Training]) -> dict[str, float]:
    """Row -> seconds a step, over its finished trainings."""
    paces: dict[str, list[float]] = {}
    for run in runs:
        if run.name in done:
            paces.setdefault(run.row, []).append(done[run.name].train_seconds / run.num_steps)
    return {row: sum(own) / len(own) for row, own in paces.items()}


def _remember(run: Run) -> Training:
    """Writes ``training.json`` from the run's checkpoints."""
    initial = build(run.config, num_steps=1).initial_state()
    with Checkpoints(run.workdir.checkpoints, initial) as checkpoints:
        latest, best_step = checkpoints.restore_latest(), checkpoints.best_step()
    parameters = sum(leaf.size for leaf in jax.tree.leaves(latest.state.generator))
    training = Training(int(latest.state.step), best_step, latest.meta["train_seconds"], parameters)
    write_json(run.workdir.root / "training.json", training._asdict())
    return training


def evaluate_runs(runs: Sequence[Run], progress: Progress) -> Progress:
    """Evaluates every trained run on its test part, at the checkpoint that its validation part has chosen."""
    known = known_of(runs)

    def evaluate(run: Run, training: Training) -> None:
        nonlocal known
        out = run.workdir.evaluation("test")
        if evaluated_step(run.workdir) != training.best_step:
            trained = open_run(run.workdir.root)
            assess_run(trained, run.workdir, split="test", out=out, elsewhere=known)
            known = and_of(known, [run])

    return each_trained("Evaluation", runs, progress, evaluate)


def each_trained(what: str, runs: Sequence[Run], progress: Progress, work: Callable[[Run, Training], Any]) -> Progress:
    """Does ``work`` with every run that has come so far; those in which it fails count as failed from here on."""
    done, failed = dict(progress.done), dict(progress.failed)
    trained = [run for run in runs if run.name in done]
    for place, run in enumerate(trained, start=1):
        console.print(f"{what} {place} of {len(trained)}: {run.name}")
        try:
            work(run, done[run.name])
        except UserError as error:
            del done[run.name]
            failed[run.name] = str(error)
            console.print(f"{run.name}: failed: {error}")
    return progress._replace(done=done, failed=failed)


def evaluated_step(workdir: Workdir) -> int | None:
    """The step of the checkpoint that the run's evaluation on test subjects is of; None if there is none."""
    try:
        return read_object(workdir.evaluation("test") / "summary.json", {"step": int}, expected="a summary")["step"]
    except UserError:
        return None
