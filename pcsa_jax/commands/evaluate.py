"""Score a trained run on subjects it has not seen, beside trivial predictors; write tables, figures and a report.

Examples:
  python evaluate.py --workdir=runs/demo
  python evaluate.py --workdir=runs/pcsa --split=validation --out=runs/look
  python evaluate.py --workdir=runs/pcsa --cohort=data/other --out=runs/pcsa_on_other     does it transfer?

Writes subjects.tsv, regions.tsv, zmaps.tsv, summary.json, figures/ and report.html to WORKDIR/evaluation/SPLIT.
"""

import argparse

from pcsa_jax.commands.reading import add_reading
from pcsa_jax.commands.viewing import add_viewing
from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workdir", required=True, type=user_path, metavar="DIR", help="folder of the trained run")
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="part of the cohort to score (test)"
    )
    other = parser.add_argument_group("another cohort than the one that was trained on")
    other.add_argument(
        "--cohort", type=user_path, metavar="PATH", help="score all its pairs (folder or manifest; needs --out)"
    )
    other.add_argument(
        "--participants",
        type=user_path,
        metavar="FILE",
        help="its participants.tsv, or the folder of it, if not in PATH",
    )
    add_reading(other)
    other.add_argument(
        "--other-people", action="store_true",
        help="participants with ids of training participants are other people, even in the run's own cohort",
    )  # fmt: skip
    add_viewing(parser.add_argument_group("pictures of many planes"))
    parser.add_argument("--out", type=user_path, metavar="DIR", help="where to write (WORKDIR/evaluation/SPLIT)")
    parser.add_argument(
        "--checkpoint", choices=("best", "latest"), default="best", help="best on validation data (default) or latest"
    )


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.evaluation.terminal import individual_table, summary_table
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.machine.progress import console

    summary = pcsa_jax.evaluate(
        arguments.workdir, split=arguments.split, out=arguments.out, cohort=arguments.cohort,
        participants=arguments.participants, tracer=arguments.tracer, diagnosis=arguments.diagnosis,
        fwhm_mm=arguments.fwhm, other_people=arguments.other_people, checkpoint=arguments.checkpoint,
        convention=arguments.convention, colours=arguments.colours,
    )  # fmt: skip
    console.print(summary_table(summary))
    console.print(individual_table(summary))
    out = arguments.out or Workdir(arguments.workdir).evaluation(arguments.split)
    console.print(f"Report: {out / 'report.html'}")
    return 0
