"""Raw scans of a whole BIDS data set to a cohort: which visits are left to do, doing them, what is told at the end."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.preprocessing import dataset, outputs
from pcsa_jax.data.preprocessing.dataset import Failure
from pcsa_jax.data.preprocessing.participants import ParticipantTable, read_participants
from pcsa_jax.data.preprocessing.quality import MEASURES, measure
from pcsa_jax.data.preprocessing.raw_bids import RawVisit, read_raw_cohort
from pcsa_jax.data.preprocessing.settings import Settings
from pcsa_jax.data.preprocessing.visit import GRID, PICTURE_GRID, Prepared, prepare_visit
from pcsa_jax.data.quality_table import Quality, write_quality
from pcsa_jax.data.threads import count_cores
from pcsa_jax.errors import UserError
from pcsa_jax.machine.isolation import Outcome, run_isolated
from pcsa_jax.machine.progress import Report, console, format_duration, progress
from pcsa_jax.preprocessing.figure import visit_picture
from pcsa_jax.preprocessing.page import write_page

CORES_PER_JOB = 4
"""One visit gains little from more."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One visit to work through.

    Attributes:
      raw: the raw BIDS data set.
      visit: which.
      settings: how.
      folder: scratch; the result appears in ``folder / "result"``.
    """

    raw: Path
    visit: RawVisit
    settings: Settings
    folder: Path


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run did.

    Attributes:
      num_done: visits worked through.
      num_skipped: visits that were finished before.
      failures: of this run.
      notes: what was left out of the raw data, and what is missing in its tables; one line each.
      suspicious: visits in the folder, whichever run made them, that nobody has decided on.
      page: to look at.
    """

    num_done: int
    num_skipped: int
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    suspicious: tuple[Quality, ...]
    page: Path


def process_visit(job: Job) -> None:
    """Works through one visit, in a process of its own."""
    make_result(job, prepare_visit)


def make_result(job: Job, prepare: Callable[[RawVisit, Settings, Path], Prepared]) -> None:
    """Writes all files of a visit to ``job.folder / "result"``."""
    sources = outputs.fingerprints(job.raw, job.visit)
    scratch, result = job.folder / "scratch", job.folder / "result"
    scratch.mkdir(parents=True)
    prepared = prepare(job.visit, job.settings, scratch)
    voxel_ml = abs(float(np.linalg.det(prepared.brain_mask.affine[:3, :3]))) / 1000
    pet = None if prepared.pet is None else prepared.pet.data
    quality = measure(
        prepared.grey_matter, pet, GRID, t1_coverage=prepared.t1_coverage,
        brain_ml=float(np.asarray(prepared.brain_mask.dataobj).sum()) * voxel_ml,
        pet_coverage=None if prepared.pet is None else prepared.pet.coverage,
    )  # fmt: skip
    outputs.write_visit(result, job.visit, prepared, job.settings, sources=sources, quality=quality)
    visit_picture(
        outputs.picture_path(result, job.visit), title=job.visit.name, t1=(prepared.t1, PICTURE_GRID),
        grey_matter=prepared.grey_matter, pet=pet, grid=GRID,
    )  # fmt: skip


def preprocess(
    raw: Path,
    out: Path,
    settings: Settings,
    *,
    participants: Sequence[str] | None = None,
    choices: Mapping[str, str] | None = None,
    jobs: int | None = None,
    work: Callable[[Job], None] = process_visit,
) -> Result:
    """Works through every visit of ``raw`` that ``out`` does not hold yet.

    Args:
      raw: a raw BIDS data set; nothing is written there.
      out: folder for the cohort.
      settings: how to work.
      participants: which to take; all if not given.
      choices: entity -> label, for visits with several scans of a kind.
      jobs: visits at a time; one for every four cores if not given.
      work: what is done for a visit; writes ``job.folder / "result"``.

    Raises:
      UserError: if the data set cannot be read, or ``out`` is in use, no place to write, or was made otherwise.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: expected 1 or more, found {jobs}. Leave it out for one job for every four cores.")
    cohort = read_raw_cohort(raw, participants=participants, choices=choices)
    dataset.check_places(raw, out)
    table = read_participants(raw).completed_by(out / "participants.tsv")
    dataset.read_decisions(out)  # told before the work, if they cannot be
    for slip in table.slips:  # and at the end: the work is the same with the column mended
        console.print(f"warning: {slip}")
    cores = count_cores()
    jobs = jobs or max(1, cores // CORES_PER_JOB)
    with _alone(out):
        todo = _left_to_do(cohort.root, out, cohort.visits, settings)
        dataset.open_dataset(raw, out, name=cohort.name, settings=settings.as_json())
        ended: dict[RawVisit, str | None] = {}
        try:
            with _scratch(out) as scratch, progress("Preprocess") as report:
                tasks = [Job(cohort.root, visit, settings, scratch / str(n)) for n, visit in enumerate(todo)]
                logs, threads = scratch / dataset.LOGS, max(1, cores // jobs)
                with contextlib.closing(run_isolated(work, tasks, jobs=jobs, threads=threads, logs=logs)) as outcomes:
                    _collect(out, outcomes, ended, len(tasks), report)
        finally:
            written = _write_tables(raw, out, table, ended, [*cohort.notes, *table.slips])
    failures = tuple(_failure(visit, error) for visit, error in ended.items() if error is not None)
    notes = [*cohort.notes, *table.slips]
    if written.unknown:
        notes.append(f"no diagnosis in participants.tsv: {', '.join(written.unknown)}; training leaves them out")
    return Result(
        len(todo) - len(failures), len(cohort.visits) - len(todo), failures, tuple(notes),
        tuple(visit for visit in written.quality if visit.is_open), written.page,
    )  # fmt: skip


def _failure(visit: RawVisit, error: str) -> Failure:
    return Failure(visit.participant_id, visit.session_id, error)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Holds the folder's lock, so that no two runs write there."""
    import filelock

    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(out / dataset.LOCK)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(f"OUT_DIR {out}: another run is writing there. Wait for it, or give another folder.") from error
    except OSError as error:
        raise UserError(f"OUT_DIR {out}: could not be written ({error.strerror}). Give another folder.") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """A folder beside the results, so that a finished visit is moved by renaming it."""
    parent = out / dataset.SCRATCH
    parent.mkdir(exist_ok=True)
    try:
        yield Path(tempfile.mkdtemp(dir=parent))
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _left_to_do(raw: Path, out: Path, visits: Sequence[RawVisit], settings: Settings) -> list[RawVisit]:
    """The visits that are not finished.

    Raises:
      UserError: if one was finished with other settings or from other scans.
    """
    todo, different = [], []
    with progress("Looking at finished visits") as report:
        for done, visit in enumerate(visits, start=1):
            record = outputs.read_record(out, visit)
            if record is None:
                todo.append(visit)
                continue
            found = list(outputs.differences(record, settings, outputs.fingerprints(raw, visit)))
            if found:
                different.append(f"{visit.name}: was preprocessed otherwise ({'; '.join(found)})")
            report(done, len(visits))
    if different:
        more = f" So were {len(different) - 1} more visits." if len(different) > 1 else ""
        raise UserError(f"{different[0]}.{more} Give another OUT_DIR, or remove the folders of those visits.")
    return todo


def _collect(
    out: Path, outcomes: Iterator[Outcome[Job]], ended: dict[RawVisit, str | None], total: int, report: Report
) -> None:
    """Moves every finished visit to its place and keeps the log of every other."""
    for outcome in outcomes:
        visit = outcome.task.visit
        log = out / dataset.LOGS / f"{visit.name.replace(' ', '_')}.txt"
        if outcome.error is None:
            _publish(outcome.task.folder / "result", out, visit)
            log.unlink(missing_ok=True)
        else:
            log.parent.mkdir(exist_ok=True)
            os.replace(outcome.log, log)
            console.print(f"{visit.name} failed: {outcome.error}")
        shutil.rmtree(outcome.task.folder, ignore_errors=True)
        ended[visit] = outcome.error
        failed = sum(error is not None for error in ended.values())
        status = f"{visit.name} took {format_duration(outcome.seconds)}"
        report(len(ended), total, f"({status}{f'; {failed} failed' if failed else ''})")


def _publish(result: Path, out: Path, visit: RawVisit) -> None:
    """Puts a visit in its place at once; beside sessions, folder by folder, the one with the record last."""
    source, target = outputs.visit_folder(result, visit), outputs.visit_folder(out, visit)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.replace(source, target)
        return
    for name in ("figures", "pet", "anat"):
        if (source / name).exists():
            os.replace(source / name, target / name)


class Written(NamedTuple):
    """What stands at the top of the folder: the page, who has no diagnosis, the numbers of every visit."""

    page: Path
    unknown: list[str]
    quality: list[Quality]


def _write_tables(
    raw: Path, out: Path, table: ParticipantTable, ended: Mapping[RawVisit, str | None], notes: Sequence[str]
) -> Written:
    """Brings tables and page up to date with what the folder holds."""
    finished = dataset.find_finished(out)
    participants = {visit.participant_id for visit in finished}
    table.write(out / "participants.tsv", participants)
    dataset.pass_through(raw, out, participants)
    tried = {(visit.participant_id, visit.session_id) for visit in ended}
    done = {(visit.participant_id, visit.session_id) for visit in finished}
    failures = [f for f in dataset.read_failures(out) if (f.participant_id, f.session_id) not in tried | done]
    failures += [_failure(visit, error) for visit, error in ended.items() if error is not None]
    dataset.write_failures(out, failures)
    logs = out / dataset.LOGS
    if logs.is_dir() and not any(logs.iterdir()):
        logs.rmdir()
    quality = dataset.assess(finished, dataset.read_decisions(out))  # made while this run went on, perhaps
    write_quality(out, quality, MEASURES)
    page = out / dataset.PAGE
    write_page(page, finished=finished, failures=sorted(failures), notes=notes, table=table)
    return Written(page, table.without_diagnosis(participants), quality)
