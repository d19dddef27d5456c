"""Read every file of a cohort to its end and list every problem of every file. Exit status 1 if there is any.

Nothing is written unless --report names a file; COHORT itself is never written to.

Examples:
  python -m pcsa_jax check data/phantom
  python -m pcsa_jax check data/adni_caps --participants=data/adni_bids --report=problems.tsv --jobs=8
  python -m pcsa_jax check data/manifest.tsv
  python -m pcsa_jax check data/petprep --tracer=FDG --fwhm=8 --diagnosis=visit

The options of the last line say what files leave open; a training takes them as data.tracer, data.fwhm_mm and
data.diagnosis, and --accept-suspicious as data.accept_suspicious.
"""

import argparse

from pcsa_jax.commands.reading import add_reading
from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cohort", type=user_path, metavar="COHORT", help="folder (BIDS derivatives, CAPS) or manifest (.tsv)"
    )
    parser.add_argument(
        "--participants", type=user_path, metavar="FILE", help="participants.tsv, or its folder, if it is not in COHORT"
    )
    add_reading(parser)
    parser.add_argument(
        "--accept-suspicious", action="store_true", help="suspicious visits of preprocess (quality.tsv) are no problem"
    )
    parser.add_argument("--report", type=user_path, metavar="FILE.tsv", help="write all problems there, as a table")
    parser.add_argument(
        "--jobs", type=int, default=None, metavar="N", help="files read at a time (all cores, at most 8)"
    )
    parser.add_argument(
        "--one-grid",
        action="store_true",
        help="files of one modality on different grids are a problem (else each is brought to the cohort's by itself)",
    )


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import PlainConsole
    from pcsa_jax.preprocessing.checking import describe_inspection

    inspection = pcsa_jax.check(
        arguments.cohort, participants=arguments.participants, tracer=arguments.tracer,
        diagnosis=arguments.diagnosis, fwhm_mm=arguments.fwhm, accept_suspicious=arguments.accept_suspicious,
        report=arguments.report, jobs=arguments.jobs, one_grid=arguments.one_grid,
    )  # fmt: skip
    console = PlainConsole()
    if not console.is_terminal:
        console.width = max(console.width, 120)
    for part in describe_inspection(inspection, report=arguments.report):
        console.print(part)
    return 1 if inspection.problems else 0
