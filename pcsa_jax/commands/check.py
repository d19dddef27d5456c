"""Read every file of a cohort to its end and list every problem of every file. Exit status 1 if there is any.

Nothing is written unless --report names a file; COHORT itself is never written to.

Examples:
  python -m pcsa_jax check data/phantom
  python -m pcsa_jax check data/adni_caps --participants=data/adni_bids --report=problems.tsv --jobs=8
  python -m pcsa_jax check data/manifest.tsv
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cohort", type=Path, metavar="COHORT", help="folder (BIDS derivatives, CAPS) or manifest (.tsv)"
    )
    parser.add_argument(
        "--participants", type=Path, metavar="FILE", help="participants.tsv, or its folder, if it is not in COHORT"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.tsv", help="write all problems there, as a table")
    parser.add_argument(
        "--jobs", type=int, default=None, metavar="N", help="files read at a time (all cores, at most 8)"
    )


def run(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from pcsa_jax.data.cohort import survey
    from pcsa_jax.data.inspection import inspect_cohort
    from pcsa_jax.machine.progress import progress
    from pcsa_jax.preprocessing.checking import check_jobs, check_report_path, describe_inspection, write_report

    jobs = check_jobs(arguments.jobs)
    if arguments.report is not None:
        check_report_path(arguments.report, arguments.cohort)
    found = survey(arguments.cohort, participants=arguments.participants)
    with progress("Reading") as report:
        inspection = inspect_cohort(found, jobs=jobs, progress=report)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, 120)
    for part in describe_inspection(inspection, report=arguments.report):
        console.print(part)
    if arguments.report is not None:
        write_report(arguments.report, inspection.problems)
    return 1 if inspection.problems else 0
