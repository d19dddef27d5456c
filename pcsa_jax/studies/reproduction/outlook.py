"""What a plan will cost: subjects, steps, disk, and time by the seconds of a step on this machine."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict
from rich.table import Table

from pcsa_jax.data.phantom.roster import cohort_bytes
from pcsa_jax.data.splits import SPLITS
from pcsa_jax.data.threads import count_cores
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.cohort import builtin_root
from pcsa_jax.experiment.config import flatten
from pcsa_jax.experiment.description import state_bytes
from pcsa_jax.machine.progress import PlainConsole, console, format_duration
from pcsa_jax.studies.reproduction.feasibility import has_mri_only
from pcsa_jax.studies.reproduction.plan import Plan, Run
from pcsa_jax.studies.reproduction.runner import Training, estimate_seconds, finished_paces, read_training
from pcsa_jax.training.checkpoints import NUM_LATEST
from pcsa_jax.training.data import array_bytes
from pcsa_jax.training.pace import Pace, expected_seconds, measure_pace

_PACELESS = ("row", "seed", "num_epochs", "log_every_steps", "evaluate_every_epochs", "checkpoint_every_epochs")
"""Fields on which the seconds of a step do not depend; of ``data`` they depend on the size alone."""


class Outlook(NamedTuple):
    """A plan and how much of it is done.

    Attributes:
      plan: the plan.
      done: name of a run -> its training.
    """

    plan: Plan
    done: Mapping[str, Training]

    @classmethod
    def of(cls, plan: Plan) -> "Outlook":
        return cls(plan, {run.name: training for run in plan.runs if (training := read_training(run))})

    @property
    def left(self) -> list[Run]:
        return [run for run in self.plan.runs if run.name not in self.done]

    def print_plan(self, *, with_time: bool = True) -> None:
        """Runs, subjects, steps and disk; and the time as far as finished runs tell it."""
        plan, out = self.plan, _output()
        request = plan.request
        out.print(self._table_of_runs())
        for note in plan.notes:
            out.print(f"{', '.join(plan.targets)}: {note}")
        people = f"{plan.cohort.name}: {len(plan.cohort.pairs)} pairs of {len(plan.cohort.diagnoses)} participants"
        out.print(f"{people}; each fold {_describe_parts(plan)}")
        if self.left:
            seconds = estimate_seconds(self.left, plan.runs, self.done)
            known = f"about {format_duration(seconds)}" if seconds else "not known before the first is finished"
            time = f"; time: {known}" if with_time else ""
            steps = sum(run.num_steps for run in self.left)
            batch = self.left[0].config.batch_size
            out.print(f"{len(self.left)} runs left, {steps:,} steps of {batch} volumes{time}")
            out.print(self._describe_disk(request.out))
        if "table3" in plan.targets and not has_mri_only(plan.cohort):
            out.print(
                "table3: no subjects without a PET, so classifiers are scored on held-out pairs only. The built-in "
                "cohort gets some with --config.data.mri_only=N."
            )

    def print_time(self, *, measure: bool) -> None:
        """The time that the runs left will take, from finished runs and steps that are timed now if ``measure``."""
        out = _output()
        if not self.left:
            out.print("Nothing is left to train")
            return
        paces = self._measure() if measure else {}
        measured = {row: pace.step_s for row, pace in paces.items()}
        seconds = estimate_seconds(self.left, self.plan.runs, self.done, measured)
        if seconds is None:
            out.print("Time: not measured. Leave --no-measure out to time a few training steps of each row.")
            return
        out.print(self._table_of_time(paces))
        out.print(
            f"Training: about {format_duration(seconds)} on {_describe_devices()}. An estimate: steps times seconds a "
            "step; compilation, validation, evaluation and pages come on top."
        )

    def _table_of_runs(self) -> Table:
        plan, request = self.plan, self.plan.request
        sizes = f"{len(plan.sizes) + 1} numbers of training subjects × " if plan.sizes else ""
        table = _table(
            f"{', '.join(plan.targets)}: {len(plan.rows)} rows × {sizes}{request.seeds} seeds × {request.folds} folds",
            ("runs", "finished", "steps each", "measured, each"),
        )
        for row, runs in self._runs_by_row().items():
            own = [self.done[run.name] for run in runs if run.name in self.done]
            seconds = format_duration(sum(one.train_seconds for one in own) / len(own)) if own else "n/a"
            table.add_row(row, str(len(runs)), str(len(own)), _span([run.num_steps for run in runs]), seconds)
        return table

    def _table_of_time(self, paces: Mapping[str, Pace]) -> Table:
        table = _table("Time, estimated", ("seconds a step", "from", "compilation", "each run", "runs left"))
        finished = finished_paces(self.plan.runs, self.done)
        for row, runs in self._runs_by_row().items():
            left = [run for run in runs if run in self.left]
            pace = paces.get(row)
            if row not in finished and pace is None:
                table.add_row(row, "n/a", "the other rows", "n/a", "n/a", str(len(left)))
                continue
            step_s = finished.get(row, pace and pace.step_s)
            source, compiled = ("finished runs", "n/a") if row in finished else ("steps", f"{pace.compile_s:.1f} s")
            longest = format_duration(step_s * max(run.num_steps for run in runs))
            table.add_row(row, f"{step_s:.3g}", source, compiled, longest, str(len(left)))
        return table

    def _runs_by_row(self) -> dict[str, list[Run]]:
        return {row: [run for run in self.plan.runs if run.row == row] for row in self.plan.rows}

    def _measure(self) -> dict[str, Pace]:
        """Row -> pace, of the rows that have runs left and none finished; rows that compute the same share one."""
        finished = finished_paces(self.plan.runs, self.done)
        wanted = {run.row: run for run in reversed(self.left) if run.row not in finished}
        groups: dict[str, list[str]] = {}
        for row in [row for row in self.plan.rows if row in wanted]:
            groups.setdefault(_program(wanted[row].config), []).append(row)
        expected = [expected_seconds(wanted[rows[0]].config) for rows in groups.values()]
        if expected:
            console.print(
                f"Timing a training step of {len(groups)} rows on random volumes: roughly "
                f"{format_duration(sum(expected))}. Ctrl-C stops it; --no-measure leaves it out."
            )
        found: dict[str, Pace] = {}
        for place, rows in enumerate(groups.values(), start=1):
            run = wanted[rows[0]]
            try:
                pace = measure_pace(run.config)
            except (jax.errors.JaxRuntimeError, MemoryError) as error:
                reason = " ".join(str(error).split())[:100]
                console.print(f"row {run.row}: no step could be timed ({reason}). Raise --config.micro_batches.")
                continue
            finally:
                jax.clear_caches()  # another row has other programs, and these are of no more use
            found |= dict.fromkeys(rows, pace)
            rest = sum(expected[place:])
            more = f"; roughly {format_duration(rest)} more" if rest else ""
            console.print(
                f"row {', '.join(rows)}: {pace.step_s:.3g} s a step, compiled in {pace.compile_s:.1f} s{more}"
            )
        return found

    def _describe_disk(self, out: Path) -> str:
        """Room that the runs left and the built-in cohort need."""
        data = self.left[0].config.data
        runs = sum(_run_bytes(run, self.plan.parts[run.fold]) for run in self.left)
        parts, total = [f"{_gb(runs)} checkpoints of the runs left in {out}"], runs
        if not data.root and not builtin_root(data).exists():
            phantom = cohort_bytes(pairs=data.pairs, mri_only=data.mri_only, size=data.size)
            parts.append(f"{_gb(phantom)} the built-in cohort in {builtin_root(data)}, not written yet")
            total += phantom
        place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
        free = shutil.disk_usage(place).free
        needed = f"Disk: at most about {_gb(total)} ({'; '.join(parts)})"
        return f"{needed}; {_gb(free)} are free. Tables and figures come on top."


def _run_bytes(run: Run, parts: Mapping[str, int]) -> int:
    """What a run keeps: its latest and its best checkpoint, and the arrays of a cohort that is too large for memory."""
    kept = (NUM_LATEST + 1) * state_bytes(build(run.config, num_steps=1))
    arrays = array_bytes(run.config, parts["train"] + parts["validation"])
    return kept + (arrays if arrays > run.config.data.resident_gib * 2**30 else 0)


def _program(config: ConfigDict) -> str:
    """All of a config that the seconds of a step depend on."""
    fields: dict[str, Any] = {
        name: value
        for name, value in flatten(config).items()
        if name not in _PACELESS and (not name.startswith("data.") or name == "data.size")
    }
    return repr(sorted(fields.items()))


def _describe_parts(plan: Plan) -> str:
    """``trains on 52 to 53, validates on 8 and tests on 60 pairs``."""
    verbs = dict(zip(SPLITS, ("trains on", "validates on", "tests on"), strict=True))
    train, validation, test = (f"{verb} {_span([own[part] for own in plan.parts])}" for part, verb in verbs.items())
    return f"{train}, {validation} and {test} pairs"


def _describe_devices() -> str:
    devices = jax.devices()
    kind = f"{len(devices)} × {devices[0].device_kind}" if len(devices) > 1 else devices[0].device_kind
    return f"{kind} ({count_cores()} cores)" if devices[0].platform == "cpu" else kind


def _span(numbers: list[int]) -> str:
    return " to ".join(f"{number:,}" for number in dict.fromkeys((min(numbers), max(numbers))))


def _gb(num_bytes: float) -> str:
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e7 else f"{num_bytes / 1e6:.2f} MB"


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("row", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _output() -> PlainConsole:
    return PlainConsole(soft_wrap=True)
