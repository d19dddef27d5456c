"""The training loop: steps, records, validation, checkpoints, clean stop; one loop for any number of devices."""

import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.batches import batch_order, epoch_batches, with_mirrored
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.field_checks import MOST_WHOLE
from pcsa_jax.machine.devices import Devices
from pcsa_jax.machine.interruption import watch_signals
from pcsa_jax.machine.processes import largest, on_main
from pcsa_jax.machine.progress import console, format_duration, progress
from pcsa_jax.training import feed
from pcsa_jax.training.checkpoints import State
from pcsa_jax.training.divergence import find_culprit, network_of
from pcsa_jax.training.programs import SAMPLES, Programs
from pcsa_jax.training.record import Record
from pcsa_jax.training.watch import Event, Watch

LARGEST_WAIT = 0.02
"""Part of the time that may be spent waiting for data before the user is told."""


class Outcome(NamedTuple):
    """How a training ended.

    Attributes:
      step: the last completed step.
      signal_number: the signal that stopped it, or came during its last step; else None.
    """

    step: int
    signal_number: int | None


class Parts(Protocol):
    """What a training reads.

    Attributes:
      train, validation: arrays with one row a subject, one array a field of the batch.
      is_resident: they fit the limit and may be copied to the devices.
    """

    @property
    def train(self) -> Sequence[np.ndarray]: ...
    @property
    def validation(self) -> Sequence[np.ndarray]: ...
    @property
    def is_resident(self) -> bool: ...


class Plan(NamedTuple):
    """The lengths of a training."""

    steps_per_epoch: int
    num_steps: int

    @classmethod
    def of(cls, config: ConfigDict, num_subjects: int) -> "Plan":
        per_epoch = len(epoch_batches(num_subjects, batch_size=config.batch_size, seed=config.seed, epoch=0))
        num_steps = per_epoch * config.num_epochs
        if num_steps > MOST_WHOLE:
            raise UserError(
                f"config.num_epochs: expected at most {MOST_WHOLE} steps in all, found {config.num_epochs} epochs of "
                f"{per_epoch}. Give fewer."
            )
        return cls(per_epoch, num_steps)


class Loop:
    """One training under way; every process runs the same."""

    def __init__(
        self,
        config: ConfigDict,
        programs: Programs,
        plan: Plan,
        data: Parts,
        devices: Devices,
        record: Record,
    ):
        self._config, self._programs, self._plan, self._data = config, programs, plan, data
        self._devices, self._record = devices, record
        # A copy beside the cohort in the same memory would gain nothing, and gathering from it is one more program.
        source = feed.resident if data.is_resident and devices.have_own_memory else feed.streamed
        self._load = source(data.train, devices, multiple=programs.multiple, batch=programs.batch)
        self._load_validation = feed.streamed(data.validation, devices, multiple=len(devices), batch=programs.batch)
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._waited = 0.0

    def run(self, state: State, *, meta: Mapping[str, Any], remarks: Sequence[Event] = ()) -> Outcome:
        """Trains from ``state``, host arrays, to the end of the plan or to a signal.

        Args:
          state: after the last completed step.
          meta: what was stored beside it; empty before the first.
          remarks: events to begin the record with.
        """
        start, config = int(state.step), self._config
        self._record.open_log(start)
        self._seconds_before, self._first_step = meta.get("train_seconds", 0.0), start + 1
        count, flip = len(self._data.train[0]), self._programs.flip
        order = batch_order(
            count, batch_size=config.batch_size, seed=config.seed, start=start, stop=self._plan.num_steps
        )
        order = with_mirrored(order, count, probability=flip, seed=config.seed) if flip else order
        state = self._devices.replicate(state)
        with watch_signals() as self._interruption, progress(f"Training {self._programs.name}") as report:
            # A signal is waited for from here on: the mean of a large cohort takes a while.
            self._watch = self._start_watch(start, meta.get("watch"))
            for event in remarks:
                self._tell(event)
            self._started = self._clock = time.monotonic()
            self._logged, self._report = start, report
            report(start, self._plan.num_steps, "compiling")
            with feed.Feed(self._load, order) as self._feed:
                return self._steps(state)

    def _start_watch(self, start: int, memory: Mapping[str, Any] | None) -> Watch:
        programs, yardstick = self._programs, None
        if programs.yardstick is not None:
            yardstick = programs.yardstick(self._data.train, self._data.validation)
            console.print(f"To be better than: the mean PET's validation {programs.best} {yardstick.score:.4f}")
        return Watch(
            steps_per_epoch=self._plan.steps_per_epoch, num_steps=self._plan.num_steps,
            batch_size=self._config.batch_size, best=programs.best, yardstick=yardstick, start=start, memory=memory,
        )  # fmt: skip

    def _steps(self, state: State) -> Outcome:
        plan, config = self._plan, self._config
        for step, batch in self._feed:
            epoch, index = divmod(step - 1, plan.steps_per_epoch)
            state, scalars = self._programs.step(state, batch)
            self._pending.append((step, scalars))
            is_last, is_epoch_end = step == plan.num_steps, index == plan.steps_per_epoch - 1
            saving = is_last or (is_epoch_end and (epoch + 1) % config.checkpoint_every_epochs == 0)
            # Every regular checkpoint is scored, or it could not be compared with the best so far.
            scoring = saving or (is_epoch_end and (epoch + 1) % config.evaluate_every_epochs == 0)
            logging = step == self._first_step or step % config.log_every_steps == 0 or scoring
            stop = self._stop_signal(logging)
            if logging or stop:
                self._log(epoch)
            scores = self._evaluate(state, step, epoch) if scoring else {}
            if saving or stop:
                self._record.save(state, scores=scores, meta=self._meta(epoch, scores))
                self._clock = time.monotonic()
            if stop and not is_last:
                name = signal.Signals(stop).name
                console.print(f"{name}: stopped after step {step}, saved; the same command goes on from there")
                return Outcome(step, stop)
        console.print(f"Finished after {plan.num_steps} steps; best checkpoint: step {self._record.best_step()}")
        self._tell_wait()
        # One that came since the last look is not lost: whoever called has more to do.
        if stop := self._stop_signal(logging=True):
            console.print(f"{signal.Signals(stop).name}: stopped after the last step, saved")
        return Outcome(plan.num_steps, stop or None)

    def _stop_signal(self, logging: bool) -> int:
        """The signal after which to stop here; 0 for none.

        A process alone stops after the step at which the signal arrives. Several stop after the same step, so they ask
        each other, and only where they wait for the device anyway.
        """
        own = self._interruption.signal_number or 0
        if jax.process_count() == 1:
            return own
        return largest(own) if logging else 0

    def _meta(self, epoch: int, scores: Mapping[str, float]) -> dict[str, Any]:
        """What is stored beside the state."""
        seconds = self._seconds_before + time.monotonic() - self._started
        return {"epoch": epoch, "scores": dict(scores), "train_seconds": seconds, "watch": self._watch.remember()}

    def _log(self, epoch: int) -> None:
        """Fetches the scalars of the steps since the last call, checks them all and logs the last."""
        fetched = jax.device_get(self._pending)
        self._pending = []
        rows = [(step, {name: float(value) for name, value in row.items()}) for step, row in fetched]
        for index, (step, row) in enumerate(rows):
            if find_culprit(row) is not None:
                self._diverged(rows[: index + 1])
            for event in self._watch.see_step(step, row):
                self._tell(event)
        # Not a mean since the last row: a resumed run has lost the steps before, and its record would differ.
        step, row = rows[-1]
        now = time.monotonic()
        seconds, count = now - self._clock, step - self._logged
        row["volumes_per_s"] = count * self._config.batch_size / seconds
        row["data_wait_fraction"] = (self._feed.waited_s - self._waited) / seconds
        self._record.write(step, epoch, row)
        if step == self._first_step:
            console.print(f"First step after {format_duration(seconds)} (compilation included)")
            self._second_step, self._waited_for_first = now, self._feed.waited_s
        self._clock, self._logged, self._waited = now, step, self._feed.waited_s
        self._report(step, self._plan.num_steps, f"epoch {epoch + 1} loss {row[self._programs.loss]:.4f}")

    def _tell(self, event: Event) -> None:
        self._note(event)
        console.print(f"warning: step {event.step}: {event.text}")

    def _note(self, event: Event) -> None:
        self._record.note(event, (event.step - 1) // self._plan.steps_per_epoch)

    def _diverged(self, rows: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """Ends the training at the last of ``rows``; the scalars of the step before it stay in the record."""
        for step, row in rows[:-1][-1:]:
            self._record.write(step, (step - 1) // self._plan.steps_per_epoch, row)
        on_main(lambda: self._refuse(*rows[-1]))

    def _refuse(self, step: int, row: Mapping[str, float]) -> None:
        name = find_culprit(row)
        net, steps = network_of(name), self._record.steps()
        saved = "no checkpoint was written yet, so resuming repeats every step"
        if steps:
            saved = f"the checkpoint of step {steps[-1]} is whole, and resuming repeats the steps after it"
        found = f"expected finite losses, found {name} = {row[name]}, of the {net}"
        text = f"{found}; {saved} (--config.log_every_steps=1 shows each). {self._programs.remedies[net]}."
        self._note(Event(step, f"{net}_is_not_finite", text))
        raise UserError(f"step {step}: {text}")

    def _evaluate(self, state: State, step: int, epoch: int) -> dict[str, float]:
        """Scores the validation part; logs and returns the means."""
        count, at_once = len(self._data.validation[0]), len(self._devices)
        sums = []
        for start in range(0, count, at_once):
            rows = np.arange(start, min(start + at_once, count))
            sums.append(self._programs.validate(state, self._load_validation(rows)))
        sums = jax.device_get(sums)
        samples = [part.pop(SAMPLES) for part in sums if SAMPLES in part]
        scores = {name: float(np.sum([part[name] for part in sums], dtype=np.float64) / count) for name in sums[0]}
        self._record.write(step, epoch, {f"validation/{name}": value for name, value in scores.items()})
        shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        console.print(f"epoch {epoch + 1}, step {step}: validation {shown}")
        # A last batch is filled up with subjects that do not count.
        made = np.concatenate(samples)[:count] if samples else None
        for event in self._watch.see_validation(step, scores, made):
            self._tell(event)
        self._clock = time.monotonic()
        return scores

    def _tell_wait(self) -> None:
        """Says how long the devices have waited for data; the first step, which compiles, does not count."""
        waited = self._feed.waited_s - self._waited_for_first
        part = waited / (time.monotonic() - self._second_step)
        text = f"Waiting for data took {waited:.1f} s, {100 * part:.0f} % of the time after the first step"
        if part > LARGEST_WAIT:
            text += (
                f" (expected at most {100 * LARGEST_WAIT:.0f} %). Put --workdir on a faster disk, or raise "
                "data.resident_gib."
            )
        console.print(text)
