"""Training from a config and a folder: what is checked, opened and written before the loop runs."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
from ml_collections import ConfigDict

from pcsa_jax.data.contents import Known
from pcsa_jax.data.files import write_json, write_text
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.splits import write_splits
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import TRAINING, Schema, check_resumable, read_config, write_config
from pcsa_jax.experiment.environment import changed_environment, describe_environment, read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.devices import Devices
from pcsa_jax.machine.garbage import seldom_collected
from pcsa_jax.machine.processes import on_main, together
from pcsa_jax.machine.progress import console
from pcsa_jax.model.state import Nets
from pcsa_jax.training.checkpoints import State
from pcsa_jax.training.data import TrainingData, load_training_data
from pcsa_jax.training.feed import Volumes
from pcsa_jax.training.loop import Loop, Outcome, Parts, Plan
from pcsa_jax.training.prior import folds_of, known_of_training, prior_hash, read_prior, write_prior
from pcsa_jax.training.programs import Programs, gan_programs
from pcsa_jax.training.record import Record
from pcsa_jax.training.stamp import check_latest, stamp_of
from pcsa_jax.training.watch import Event


def train(config: ConfigDict, workdir: Workdir, *, elsewhere: Known | None = None) -> Outcome:
    """Trains, or resumes the run in ``workdir``; with the same config a finished run is left as it is.

    The result does not depend on how often the training was stopped and resumed, and beyond rounding not on the devices
    and processes that share the work either. Every process calls this; process 0 writes.

    Args:
      config: of the run.
      workdir: its folder.
      elsewhere: what other runs of the same experiment have read of the cohort.

    Raises:
      UserError: for a mistake in the config, the cohort or the folder, or if a loss becomes NaN or infinite.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(seldom_collected())
        is_resume, changes = on_main(lambda: enter(config, workdir, held))
        if is_resume:
            on_main(lambda: check_latest(workdir))
        data = load_training_data(config, workdir, is_resume=is_resume, elsewhere=elsewhere)
        plan = together(lambda: Plan.of(config, len(data.train.mri)))
        on_main(lambda: _write_data(workdir, data, is_resume=is_resume))
        prior = _open_prior(config, data, workdir, is_resume=is_resume)
        cohort = {"name": data.cohort, "is_phantom": data.is_phantom, "is_modulated": data.is_modulated}
        on_main(lambda: write_start(config, workdir, is_resume=is_resume, changes=changes, cohort=cohort))
        experiment, devices = build(config, num_steps=plan.num_steps), Devices.of(jax.devices())
        programs = gan_programs(
            config.row, experiment, devices, micro_batches=config.micro_batches, flip=config.recipe.flip,
            gradient_clips={net: config[f"{net}_optimizer"].gradient_clip for net in Nets._fields},
        )  # fmt: skip
        stamp = on_main(lambda: stamp_of(workdir)) | ({"prior_sha256": prior_hash(prior)} if prior else {})
        return carry_on(
            config, programs, plan, lambda: _inform(config, data, prior), devices, workdir,
            initial=experiment.initial_state(), stamp=stamp, closing=data.describe_left_out(),
        )  # fmt: skip


def enter(
    config: ConfigDict, workdir: Workdir, held: contextlib.ExitStack, schema: Schema = TRAINING
) -> tuple[bool, list[str]]:
    """Opens and locks the folder; True if it holds a run, and what of its config is changed.

    Raises:
      UserError: if it holds anything else or another run, or another process trains there.
    """
    is_resume = workdir.open()
    stored = read_config(workdir.config, schema) if is_resume else config
    changes = check_resumable(stored, config, workdir.root, schema)
    held.enter_context(workdir.lock())
    return is_resume, changes


def _open_prior(config: ConfigDict, data: TrainingData, workdir: Workdir, *, is_resume: bool) -> Prior | None:
    """The closed-form predictors of the run, if it has any.

    They are fitted once, by process 0, and read from the run's folder from then on.

    Raises:
      UserError: if they are damaged, or there are fewer people than folds.
    """
    names = config.recipe.channels
    if not names:
        return None
    together(lambda: folds_of(config, data.people))
    if not is_resume:
        console.print(f"Fitting {', '.join(names)} on all training subjects")
        on_main(lambda: write_prior(workdir.prior, fit_prior(config, data.train), config))
    return together(lambda: read_prior(workdir.prior, config))


def _inform(config: ConfigDict, data: TrainingData, prior: Prior | None) -> TrainingData:
    """The data with what the closed-form predictors say of each subject."""
    if prior is None:
        return data
    names, folds = ", ".join(config.recipe.channels), config.recipe.num_folds
    console.print(f"Fitting {names} without each of {folds} folds, for what they say of people they have not seen")
    train, validation = data.train, data.validation
    known = together(lambda: known_of_training(config, data.people, train.mri, train.pet, folder=data.folder))
    return data.inform(known, prior.predict(validation.mri))


def fit_prior(config: ConfigDict, train: Volumes) -> Prior:
    """The prior of a config from its training subjects."""
    recipe = config.recipe
    return Prior.fit(recipe.channels, train.mri, train.pet, deviations=recipe.deviations)


def _write_data(workdir: Workdir, data: TrainingData, *, is_resume: bool) -> None:
    if not is_resume:
        write_splits(workdir.splits, data.splits)
        write_text(workdir.inputs, data.inputs)


def write_start(
    config: ConfigDict, workdir: Workdir, *, is_resume: bool, changes: list[str], cohort: dict[str, Any] | None = None
) -> None:
    """Writes the files that make the folder a run, the config last.

    ``cohort`` goes into ``environment.json``: what the run was trained on must be known when the data have moved.
    """
    if not is_resume:
        write_json(workdir.environment, describe_environment() | ({"cohort": cohort} if cohort else {}))
    if not is_resume or changes:
        write_config(workdir.config, config)
    for change in changes:
        console.print(f"Resuming with another {change}")


def carry_on(
    config: ConfigDict,
    programs: Programs,
    plan: Plan,
    data: Callable[[], Parts],
    devices: Devices,
    workdir: Workdir,
    *,
    initial: State,
    stamp: Mapping[str, Any] = MappingProxyType({}),
    closing: str = "",
) -> Outcome:
    """Trains from the latest checkpoint, or from ``initial`` if there is none, to the end or to a signal.

    ``data`` makes what is read, which can take minutes, and is not called for a finished run. ``stamp`` is stored
    beside every state. ``closing`` is said when the training is over.
    """
    with Record(workdir, initial, best=programs.best, stamp=stamp) as record:
        state, meta = record.restore()
        start = int(state.step)
        if start >= plan.num_steps:
            console.print(f"{workdir.root}: this run is finished ({start} steps); nothing to do")
            return Outcome(start, None)
        parts = data()
        _announce(config, programs.name, plan, parts)
        if start:
            console.print(f"Resuming after step {start}")
        loop = Loop(config, programs, plan, parts, devices, record)
        outcome = loop.run(state, meta=meta, remarks=_remarks(workdir, start) if start else ())
        if closing and outcome.signal_number is None:
            console.print(closing)
        return outcome


def _remarks(workdir: Workdir, start: int) -> tuple[Event, ...]:
    """An event of the first step after ``start`` if its bits may not be those of a run that was not stopped."""
    if not workdir.environment.is_file():
        return ()
    changed = changed_environment(read_environment(workdir.environment))
    if not changed:
        return ()
    text = (
        f"resumed with another {'; '.join(changed)}: expected the same as at the start, or the last bits of the rest "
        "are not those of a run that was not stopped. The result is as good; docs/training.md says what is promised."
    )
    return (Event(start + 1, "another_environment", text),)


def _announce(config: ConfigDict, name: str, plan: Plan, data: Parts) -> None:
    kinds = ", ".join(sorted({device.device_kind for device in jax.devices()}))
    several = f"{jax.device_count()} x " if jax.device_count() > 1 else ""
    processes = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    console.print(
        f"Training {name} on {len(data.train[0])} subjects, validating on {len(data.validation[0])}: "
        f"{config.num_epochs} epochs, {plan.num_steps} steps of {config.batch_size} volumes, on {several}{kinds}"
        f"{processes}"
    )
