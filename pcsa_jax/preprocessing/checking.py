"""What the check of a cohort has found, as tables for the console and as a file."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pcsa_jax.data.cohort import Reading, survey
from pcsa_jax.data.files import check_plain, write_text
from pcsa_jax.data.inspection import MODALITIES, Inspection, describe_grid, group_grids, inspect_cohort
from pcsa_jax.data.layout import may_hold
from pcsa_jax.data.phantom_mark import is_marked
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.threads import count_cores
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import progress
from pcsa_jax.text import printable, table_text

COLUMNS = ("participant_id", "session_id", "file", "problem", "remedy")
"""Of the report."""

MOST_SHOWN = 20
"""Problems on the console; the report has all of them."""

MOST_GRIDS = 3
MOST_JOBS = 8
"""Of the default: reading is bound by the disk before that, and every job holds volumes."""


def check_cohort(
    cohort: Path, reading: Reading, *, report: Path | None, jobs: int | None, one_grid: bool = False
) -> Inspection:
    """Reads every file of a cohort and writes the report, if one is wanted.

    Args:
      cohort: folder or manifest.
      reading: what the user says of it beside.
      report: where all problems go; None for nowhere.
      jobs: see :func:`check_jobs`.
      one_grid: see :func:`~pcsa_jax.data.inspection.inspect_cohort`.

    Raises:
      UserError: if there is no cohort at all, or ``report`` cannot be written.
    """
    jobs = check_jobs(jobs)
    if report is not None:
        check_report_path(report, cohort)
    found = survey(cohort, reading)
    with progress("Reading") as step:
        inspection = inspect_cohort(found, jobs=jobs, one_grid=one_grid, progress=step)
    if report is not None:
        write_report(report, inspection.problems)
    return inspection


def check_jobs(jobs: int | None) -> int:
    """The number of threads.

    Raises:
      UserError: if it is not positive.
    """
    if jobs is None:
        return min(MOST_JOBS, count_cores())
    if jobs < 1:
        raise UserError(f"--jobs: expected 1 or more, found {jobs}. Leave it out to use all cores.")
    return jobs


def check_report_path(path: Path, cohort: Path) -> None:
    """Makes sure, before hours of reading, that the report can go to ``path`` without harm.

    Raises:
      UserError: if ``path`` lies in the cohort, or holds something else than such a report.
    """
    if cohort.is_dir() and not may_hold(cohort, path):
        raise UserError(f"--report {path}: expected a place outside the cohort {cohort}, found one in it. Move it out.")
    if path.is_dir():
        raise UserError(f"--report {path}: expected a file, found a folder. Give the file's name.")
    check_plain(path)
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as stream:
            first = stream.readline(1000)
    except OSError as error:
        raise UserError(
            f"--report {path}: expected a new file or a report, found one that cannot be read ({error.strerror}). "
            "Give another name."
        ) from error
    if first.rstrip(b"\r\n") != "\t".join(COLUMNS).encode():
        raise UserError(
            f"--report {path}: expected a new file or a report of this command, found another file. Give another name."
        )


def write_report(path: Path, problems: Sequence[Problem]) -> None:
    """Writes one line a problem, tab-separated, whole or not at all.

    Raises:
      UserError: if it cannot be written.
    """
    rows = [COLUMNS, *((p.participant_id, p.session_id, str(p.file), p.found, p.remedy) for p in problems)]
    try:
        write_text(path, table_text(rows))
    except OSError as error:
        raise UserError(
            f"--report {path}: could not be written ({error.strerror}). Choose a folder with space and permission."
        ) from error


def describe_inspection(inspection: Inspection, *, report: Path | None = None) -> Iterator[RenderableType]:
    """Yields the tables and lines that a user reads, problems last.

    Args:
      inspection: what was found.
      report: where all problems are written; None if nowhere.
    """
    survey = inspection.survey
    reason = f" ({survey.reason})" if survey.reason else ""
    yield Text(printable(f"{survey.name}: {survey.layout}{reason}, {survey.root}"), style="bold")
    if survey.subjects:
        yield _visits_table(inspection)
    if inspection.files:
        yield _files_table(inspection)
    if not survey.is_phantom and any(is_marked(file.path) for file in inspection.files):
        yield Text("Note: PHANTOM, not people: simulated volumes, by their headers.")
    for note in inspection.notes:
        yield Text(printable(f"Note: {note}."))
    if not inspection.problems:
        yield Text(f"No problem found in {len(inspection.files)} files.", style="green")
        return
    shown = _choose(inspection.problems)
    yield _problems_table(shown, survey.root)
    num_files = len({problem.file for problem in inspection.problems})
    total = len(inspection.problems)
    more = "" if len(shown) == total else f", {len(shown)} of them shown"
    where = f"all in {report}" if report else "--report=FILE.tsv writes all of them to a table"
    yield Text(
        printable(f"{total} problem{'s' * (total > 1)} of {num_files} file{'s' * (num_files > 1)}{more}; {where}."),
        style="bold red",
    )


def _visits_table(inspection: Inspection) -> Table:
    """People and visits of each diagnosis, and which modality they lack."""
    table = Table("diagnosis", "participants", "visits", "MRI and PET", "MRI only", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    subjects = inspection.survey.subjects
    groups = defaultdict(list)
    for subject in subjects:
        groups[subject.diagnosis or "(none)"].append(subject)
    rows = sorted(groups.items()) + ([("all", subjects)] if len(groups) > 1 else [])
    for name, group in rows:
        people = len({subject.participant_id for subject in group})
        pairs = sum(subject.pet is not None for subject in group)
        numbers = (people, len(group), pairs, len(group) - pairs)
        table.add_row(Text(printable(name)), *map(str, numbers))
    if inspection.survey.without_mri:
        table.add_row("without any MRI", str(len(inspection.survey.without_mri)), "", "", "")
    return table


def _files_table(inspection: Inspection) -> Table:
    """Of each modality: how many files, on which grids, with which values."""
    table = Table("files", "read", "sound", "lowest", "largest (least to most)", "grid", box=box.SIMPLE_HEAD)
    faulty = Counter(problem.file for problem in inspection.problems)
    for modality, name in MODALITIES.items():
        own = [file for file in inspection.files if file.modality == modality]
        if not own:
            continue
        sound = sum(not faulty[file.path] for file in own)
        highs = [file.high for file in own if file.high is not None]
        lows = [file.low for file in own if file.low is not None]
        groups = group_grids(inspection.files, modality)
        grids = [f"{len(group)}: {describe_grid(inspection.files[group[0]])}" for group in groups[:MOST_GRIDS]]
        if len(groups) > MOST_GRIDS:
            grids.append(f"{sum(map(len, groups[MOST_GRIDS:]))}: {len(groups) - MOST_GRIDS} other grids")
        values = (f"{min(lows):.4g}", f"{min(highs):.4g} to {max(highs):.4g}") if highs else ("", "")
        table.add_row(name, str(len(own)), str(sound), *values, "\n".join(grids))
    return table


def _choose(problems: Sequence[Problem]) -> list[Problem]:
    """The problems to show: one of every remedy before a second of any, in their own order."""
    count: Counter[str] = Counter()
    ranked = []
    for place, problem in enumerate(problems):
        ranked.append((count[problem.remedy], place))
        count[problem.remedy] += 1
    return [problems[place] for place in sorted(place for _, place in sorted(ranked)[:MOST_SHOWN])]


def _problems_table(problems: Sequence[Problem], root: Path) -> Table:
    folder = root if root.is_dir() else root.parent
    table = Table("visit", "file, problem and remedy", box=box.SIMPLE_HEAD)
    table.columns[1].overflow = "fold"
    for problem in problems:
        file = problem.file.relative_to(folder) if problem.file.is_relative_to(folder) else problem.file
        # The file has a line of its own: names are long, and wanted whole.
        cell = Text.assemble((printable(str(file)), "bold"), "\n", printable(f"{problem.found}. {problem.remedy}."))
        table.add_row(Text("\n".join(map(printable, filter(None, (problem.participant_id, problem.session_id))))), cell)
    return table
