"""Fits what single images are judged by: on the people of one run, or of several that share a cohort."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import check_together
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.regional_values import all_values, value_names
from pcsa_jax.data.splits import check_splits
from pcsa_jax.data.trust.familiarity import Familiarity
from pcsa_jax.data.trust.intervals import Intervals, level_for
from pcsa_jax.data.trust.statistics import TRIVIAL, VALUES, Trust
from pcsa_jax.data.trust.uptake_norm import norm_of_controls
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import check_phantom, open_cohort
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.processes import is_main
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.synthesis.export import generator_hash
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.trust_file import trust_of_run, write_trust
from pcsa_jax.training.data import reading
from pcsa_jax.training.remembered import check_remembered
from pcsa_jax.training.trained import TrainedRun, open_run

LEARNT_FROM = ("train", "unused")
"""Parts of whose people the errors say nothing: those trained on, and those that a training was told to leave alone."""


class Errors(NamedTuple):
    """What generators get wrong on people that they have not learnt from, one row a person.

    Attributes:
      volumes: real minus synthetic PET, float32 (n, x, y, z).
      regional: the same of the numbers of :func:`pcsa_jax.data.regional_values.all_values`, (n, m).
      spreads: SD over the generators that have not learnt from that person; None where somebody has but one.
    """

    volumes: np.ndarray
    regional: np.ndarray
    spreads: np.ndarray | None


def calibrate(roots: Sequence[Path], out: Path | None = None, *, checkpoint: str = "best") -> Trust:
    """Fits and writes it; what one run has already for its checkpoint is left as it is.

    The people of a run's test part stay closed, unless another of several runs has learnt from them.

    Args:
      roots: run folders: one, or folds or seeds of one cohort.
      out: file to write; of one run, its own ``trust.safetensors`` if not given.
      checkpoint: ``best`` or ``latest``.

    Raises:
      UserError: if a run cannot be opened, they do not fit together, or the cohort is not what they have read.
    """
    workdirs = [Workdir(Path(root)) for root in roots]
    if out is None and len(workdirs) > 1:
        raise UserError("--out: expected a file for what several runs have in common, found none. Say where it goes.")
    runs = [open_run(workdir.root, checkpoint=checkpoint) for workdir in workdirs]
    hashes = [generator_hash(run) for run in runs]
    path = workdirs[0].trust if out is None else out
    if out is None and (there := _kept(path, hashes[0])) is not None:
        return there
    _check_alike(runs, workdirs, hashes)
    pairs = _read(runs, workdirs)
    trust = fit_trust(runs, pairs)
    write_trust(path, trust, hashes)
    return trust


def _kept(path: Path, generator: str) -> Trust | None:
    """What a run has already; a damaged file is told and made again, as its remedy says; so is another checkpoint's."""
    try:
        found = trust_of_run(path, generator)
    except UserError as error:
        console.print(f"{error} It is made again now.")
        return None
    if found is None and path.is_file():
        console.print(f"{path}: was another checkpoint's, and is fitted anew")
    return found


def fit_trust(runs: Sequence[TrainedRun], pairs: Pairs) -> Trust:
    """From the pairs that any of the runs was trained or validated on."""
    grid = Grid(runs[0].config.data.size)
    learnt = [row for row, who in enumerate(pairs.participant_ids) if any(r.splits[who] == "train" for r in runs)]
    train = pairs.take(learnt)
    # One visit each: beside another visit of the same person every map would be usual, and a new person would not.
    people = list(_first_visits(train).values())
    with progress("Comparing maps") as report:
        familiarity = Familiarity.fit(train.mri[people], progress=report)
    norm, norm_missing = norm_of_controls(train, grid)
    trivial = Prior.fit(TRIVIAL, train.mri, train.pet)
    errors = held_out_errors(runs, pairs, grid)
    intervals = None if errors is None else Intervals.fit(*errors)
    about = {
        "training_people": len(people), "calibration_people": len(_held_out(runs, pairs)[0]),
        VALUES: value_names(), "norm": None if norm is None else norm.describe(), "norm_missing": norm_missing,
    }  # fmt: skip
    return Trust(familiarity, intervals, norm, trivial, about)


def held_out_errors(runs: Sequence[TrainedRun], pairs: Pairs, grid: Grid) -> Errors | None:
    """Of the first visit of everybody that some of the generators have not learnt from; None if they are too few.

    The prediction for a person is the mean over those generators alone: out of fold.
    """
    rows, held_out = _held_out(runs, pairs)
    if level_for(len(rows)) is None:
        return None
    total = np.zeros((len(rows), *grid.shape), np.float32)
    squares = np.zeros_like(total) if (held_out.sum(axis=0) > 1).all() else None
    with progress("Generating") as report:
        done = 0
        for run, own in zip(runs, held_out, strict=True):
            generate = Inference.of_run(run)
            for place in np.flatnonzero(own):
                made = generate(pairs.mri[rows[place]][None])[0]
                total[place] += made
                if squares is not None:
                    squares[place] += made**2
                done += 1
                report(done, int(held_out.sum()))
    count = held_out.sum(axis=0)[:, None, None, None]
    mean, spreads = total / count, None
    if squares is not None:
        spreads = np.sqrt(np.maximum(squares - count * mean**2, 0) / (count - 1)).astype(np.float32)
    real = pairs.pet[rows]
    return Errors(real - mean, all_values(real, grid) - all_values(mean, grid), spreads)


def _held_out(runs: Sequence[TrainedRun], pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Row of the first visit of everybody that some of the runs have not learnt from, and which runs (runs, people)."""
    first = _first_visits(pairs)
    held_out = np.array([[run.splits[who] not in LEARNT_FROM for who in first] for run in runs])
    used = held_out.any(axis=0)
    return np.array(list(first.values()))[used], held_out[:, used]


def _first_visits(pairs: Pairs) -> dict[str, int]:
    """Participant -> row of the first visit."""
    first: dict[str, int] = {}
    for row, who in enumerate(pairs.participant_ids):
        first.setdefault(who, row)
    return first


def _read(runs: Sequence[TrainedRun], workdirs: Sequence[Workdir]) -> Pairs:
    """Everybody that any of the runs was trained or validated on."""
    data = runs[0].config.data
    check_phantom(data, read_environment(workdirs[0].environment), workdirs[0].root)
    cohort = open_cohort(data)
    for run, workdir in zip(runs, workdirs, strict=True):
        check_splits(run.splits, list(cohort.diagnoses), source=workdir.splits)
    opened = [
        subject for subject in cohort.pairs
        if any(run.splits[subject.participant_id] in ("train", "validation") for run in runs)
    ]  # fmt: skip
    with progress("Reading") as report:
        pairs = load_pairs(opened, **reading(data), progress=report)
    check_together(pairs.inputs, one_grid=data.one_grid)
    for run, workdir in zip(runs, workdirs, strict=True):
        own = [one for one in pairs.inputs if run.splits[one.participant_id] in ("train", "validation")]
        check_remembered(run, workdir, own)
    return pairs


def _check_alike(runs: Sequence[TrainedRun], workdirs: Sequence[Workdir], hashes: Sequence[str]) -> None:
    """Raises UserError unless the runs are different generators of one cohort, read in one way."""
    names = ("root", "size", "pairs", "normalisation", "reference_region", "fwhm_mm", "tracer", "diagnosis")
    first, seen = runs[0].config.data, {}
    for run, workdir, digest in zip(runs, workdirs, hashes, strict=True):
        if digest in seen:
            raise UserError(f"{workdir.root}: expected another generator, found that of {seen[digest]}. Give it once.")
        seen[digest] = workdir.root
        if not run.splits:
            raise UserError(f"{workdir.splits}: expected the run's splits, found no file. Restore it.")
        other = next((name for name in names if run.config.data.get(name) != first.get(name)), None)
        if other is not None:
            raise UserError(
                f"{workdir.root}: expected data.{other} {first.get(other)!r} as in {workdirs[0].root}, found "
                f"{run.config.data.get(other)!r}. Calibrate runs of one cohort together."
            )


def describe_trust(trust: Trust) -> list[str]:
    """What is there and what is missing, one line each."""
    lines = []
    if trust.familiarity is not None:
        lines.append(f"Knows the grey matter of {trust.about['training_people']} training subjects")
    if trust.intervals is not None:
        lines.append(f"Intervals: {trust.intervals.describe()}")
    if trust.norm is not None:
        lines.append(f"Norm of {trust.norm.count} CN training subjects")
    return lines + trust.missing()


def calibrate_finished(root: Path) -> None:
    """:func:`calibrate` at the end of a training, and what it has found.

    Of several processes none does it: they would wait for one that reads everything again.
    """
    if jax.process_count() > 1:
        if is_main():
            console.print(f"What single images are judged by is not fitted yet: python -m pcsa_jax calibrate {root}")
        return
    trust = calibrate([root])
    for line in describe_trust(trust):
        console.print(line)
