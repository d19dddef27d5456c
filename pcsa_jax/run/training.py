"""The training loop: steps, records, validation, checkpoints, exact resume, clean stop."""

import signal
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.batches import epoch_batches
from pcsa_jax.data.files import write_json
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.splits import SPLITS, check_splits, make_splits, read_splits, write_splits
from pcsa_jax.errors import UserError
from pcsa_jax.model.metrics import mae, psnr
from pcsa_jax.model.ssim import ssim
from pcsa_jax.model.state import GANState
from pcsa_jax.model.step import Batch, generate, train_step
from pcsa_jax.run.builtin import check_phantom, open_cohort
from pcsa_jax.run.checkpoints import Checkpoints
from pcsa_jax.run.config import check_resumable, read_config, write_config
from pcsa_jax.run.environment import describe_environment, read_environment
from pcsa_jax.run.experiment import Experiment, build
from pcsa_jax.run.interruption import Interruption, watch_signals
from pcsa_jax.run.metrics_log import MetricsLog
from pcsa_jax.run.progress import Report, console, format_duration, progress
from pcsa_jax.run.workdir import Workdir


class Outcome(NamedTuple):
    """How a training ended.

    Attributes:
      step: the last completed step.
      signal_number: the signal that stopped it, or None if it is finished.
    """

    step: int
    signal_number: int | None


def train(config: ConfigDict, workdir: Workdir) -> Outcome:
    """Trains, or resumes the run in ``workdir``; with the same config a finished run is left as it is.

    The result does not depend on how often the training was stopped and resumed.

    Raises:
      UserError: for a mistake in the config, the cohort or the folder, or if a loss becomes NaN or infinite.
    """
    is_resume = workdir.open()
    changes = check_resumable(read_config(workdir.config), config, workdir.root) if is_resume else []
    with workdir.lock():
        pairs, splits = _load(config, workdir, is_resume)
        plan = Plan.of(config, len(pairs["train"]))
        experiment = build(config, num_steps=plan.num_steps)
        if not is_resume:
            write_splits(workdir.splits, splits)
            write_json(workdir.environment, describe_environment())
        if not is_resume or changes:
            write_config(workdir.config, config)
        for change in changes:
            console.print(f"Resuming with another {change}")
        devices = ", ".join(sorted({device.device_kind for device in jax.devices()}))
        console.print(
            f"Training {config.row} on {len(pairs['train'])} subjects, validating on {len(pairs['validation'])}: "
            f"{config.num_epochs} epochs, {plan.num_steps} steps of {config.batch_size} volumes, on {devices}"
        )
        return _Loop(config, workdir, experiment, plan, pairs).run()


def _load(config: ConfigDict, workdir: Workdir, is_resume: bool) -> tuple[dict[str, Pairs], dict[str, str]]:
    """The training and validation pairs, and everyone's part; the test subjects' volumes are not opened."""
    cohort = open_cohort(config.data)
    diagnoses = {subject.participant_id: subject.diagnosis for subject in cohort.pairs}
    if cohort.without_mri:
        names = ", ".join(cohort.without_mri[:5]) + (", ..." if len(cohort.without_mri) > 5 else "")
        console.print(f"Left out: {len(cohort.without_mri)} participants without a GM map ({names})")
    without_pet = len({subject.participant_id for subject in cohort.subjects} - diagnoses.keys())
    if without_pet:
        console.print(f"Left out: {without_pet} participants without a PET")
    if is_resume:
        check_phantom(config.data, read_environment(workdir.environment), workdir.root)
        splits = read_splits(workdir.splits)
        check_splits(splits, list(diagnoses), source=workdir.splits)
    else:
        data = config.data
        splits = make_splits(
            diagnoses, fold=data.fold, num_folds=data.num_folds, validation_fraction=data.validation_fraction,
            seed=config.seed,
        )  # fmt: skip
    pairs = {}
    for split in SPLITS[:2]:
        subjects = [subject for subject in cohort.pairs if splits[subject.participant_id] == split]
        with progress(f"Reading {split}") as report:
            pairs[split] = load_pairs(
                subjects, size=config.data.size, normalisation=config.data.normalisation, progress=report
            )
    return pairs, splits


class Plan(NamedTuple):
    """The lengths of a training."""

    steps_per_epoch: int
    num_steps: int

    @classmethod
    def of(cls, config: ConfigDict, num_subjects: int) -> "Plan":
        per_epoch = len(epoch_batches(num_subjects, batch_size=config.batch_size, seed=config.seed, epoch=0))
        return cls(per_epoch, per_epoch * config.num_epochs)


class _Loop:
    """One training under way."""

    def __init__(
        self, config: ConfigDict, workdir: Workdir, experiment: Experiment, plan: Plan, pairs: Mapping[str, Pairs]
    ):
        self._config, self._workdir, self._experiment, self._plan = config, workdir, experiment, plan
        self._pairs = pairs["validation"]
        # The whole cohort lives on the device: a step then needs only the rows of its batch.
        self._volumes = Batch(*(jnp.asarray(v[..., None]) for v in (pairs["train"].mri, pairs["train"].pet)))
        self._mask = jnp.asarray(brain_mask(Grid(config.data.size)))
        self._step = jax.jit(partial(_step_on_rows, experiment=experiment), donate_argnums=0)
        self._validate = jax.jit(partial(_validation_scores, experiment=experiment))
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []

    def run(self) -> Outcome:
        plan, config = self._plan, self._config
        initial = self._experiment.initial_state()
        with Checkpoints(self._workdir.checkpoints, initial) as self._checkpoints:
            restored = self._checkpoints.restore_latest()
            state = jax.device_put(restored.state) if restored else initial
            start = int(state.step)
            self._seconds_before = restored.meta["train_seconds"] if restored else 0.0
            if start >= plan.num_steps:
                console.print(f"{self._workdir.root}: this run is finished ({start} steps); nothing to do")
                return Outcome(start, None)
            if start:
                console.print(f"Resuming after step {start}")
            log = MetricsLog(self._workdir.metrics, self._workdir.tensorboard, resume_step=start)
            with log as self._log, watch_signals() as interruption, progress(f"Training {config.row}") as report:
                return self._steps(state, start, interruption, report)

    def _steps(self, state: GANState, start: int, interruption: Interruption, report: Report) -> Outcome:
        plan, config = self._plan, self._config
        self._clock, self._logged, self._started = time.monotonic(), start, time.monotonic()
        self._first_step = start + 1
        report(start, plan.num_steps, "compiling")
        for step in range(start + 1, plan.num_steps + 1):
            epoch, index = divmod(step - 1, plan.steps_per_epoch)
            if index == 0 or step == start + 1:
                batches = epoch_batches(
                    len(self._volumes.mri), batch_size=config.batch_size, seed=config.seed, epoch=epoch
                )
            state, scalars = self._step(state, self._volumes, batches[index])
            self._pending.append((step, scalars))
            is_last, is_epoch_end = step == plan.num_steps, index == plan.steps_per_epoch - 1
            stopping = interruption.signal_number is not None
            if step == start + 1 or step % config.log_every_steps == 0 or is_last or stopping:
                self._record(epoch, report)
            saving = is_last or (is_epoch_end and (epoch + 1) % config.checkpoint_every_epochs == 0)
            scores = {}
            # Every regular checkpoint is scored, or it could not be compared with the best so far.
            if saving or (is_epoch_end and (epoch + 1) % config.evaluate_every_epochs == 0):
                self._record(epoch, report)
                scores = self._evaluate(state, step, epoch)
            if saving or stopping:
                self._checkpoints.save(state, scores=scores, meta=self._meta(epoch, scores))
                self._clock = time.monotonic()
            if stopping and not is_last:
                name = signal.Signals(interruption.signal_number).name
                console.print(f"{name}: stopped after step {step}, saved; the same command goes on from there")
                return Outcome(step, interruption.signal_number)
        console.print(f"Finished after {plan.num_steps} steps; best checkpoint: step {self._checkpoints.best_step()}")
        return Outcome(plan.num_steps, None)

    def _meta(self, epoch: int, scores: Mapping[str, float]) -> dict[str, Any]:
        """What is stored beside the state."""
        seconds = self._seconds_before + time.monotonic() - self._started
        return {"epoch": epoch, "scores": dict(scores), "train_seconds": seconds}

    def _record(self, epoch: int, report: Report) -> None:
        """Fetches the scalars of the steps since the last call, checks them all and logs the last."""
        if not self._pending:
            return
        rows = [
            (step, {name: float(value) for name, value in row.items()}) for step, row in jax.device_get(self._pending)
        ]
        self._pending = []
        for step, row in rows:
            self._check_finite(step, row)
        # Not a mean since the last row: a resumed run has lost the steps before, and its record would differ.
        step, row = rows[-1]
        now = time.monotonic()
        seconds, count = now - self._clock, step - self._logged
        row["volumes_per_s"] = count * self._config.batch_size / seconds
        self._log.write(step, epoch, row)
        if step == self._first_step:
            console.print(f"First step after {format_duration(seconds)} (compilation included)")
        self._clock, self._logged = now, step
        report(step, self._plan.num_steps, f"epoch {epoch + 1} loss {row['generator/total']:.4f}")

    def _check_finite(self, step: int, row: Mapping[str, float]) -> None:
        bad = [name for name, value in row.items() if not np.isfinite(value)]
        if bad:
            steps = self._checkpoints.steps()
            saved = f"the checkpoint of step {steps[-1]} is whole" if steps else "no checkpoint was written yet"
            raise UserError(
                f"step {step}: expected finite losses, found {bad[0]} = {row[bad[0]]}; {saved}. Lower "
                "generator_optimizer.learning_rate or set gradient_clip to 1; resuming repeats these steps."
            )

    def _evaluate(self, state: GANState, step: int, epoch: int) -> dict[str, float]:
        """Scores the validation part; logs and returns the means."""
        rows: dict[str, list[float]] = {}
        for row in range(len(self._pairs)):
            volumes = (jnp.asarray(v[row : row + 1, ..., None]) for v in (self._pairs.mri, self._pairs.pet))
            for name, value in self._validate(state.params.generator, *volumes, self._mask).items():
                rows.setdefault(name, []).append(float(value[0]))
        scores = {name: float(np.mean(values)) for name, values in rows.items()}
        self._log.write(step, epoch, {f"validation/{name}": value for name, value in scores.items()})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        console.print(f"epoch {epoch + 1}, step {step}: validation {shown}")
        self._clock = time.monotonic()
        return scores


def _step_on_rows(
    state: GANState, volumes: Batch, rows: jax.Array, *, experiment: Experiment
) -> tuple[GANState, dict[str, jax.Array]]:
    """:func:`train_step` on rows of the cohort that lives on the device."""
    batch = Batch(*(jnp.take(volume, rows, axis=0) for volume in volumes))
    return train_step(
        state, batch, modules=experiment.modules, optimizers=experiment.optimizers, loss=experiment.loss,
        dtype=experiment.dtype,
    )  # fmt: skip


def _validation_scores(
    params: Any, mri: jax.Array, pet: jax.Array, mask: jax.Array, *, experiment: Experiment
) -> dict[str, jax.Array]:
    """Scores in the brain, one value a volume."""
    fake = generate(experiment.modules.generator, params, mri.astype(experiment.dtype))
    return {
        "mae_brain": mae(fake, pet, mask=mask),
        "psnr_brain_db": psnr(fake, pet, data_range=1.0, mask=mask),
        "ssim_brain": ssim(fake, pet, data_range=1.0, mask=mask),
    }
