"""Fit what single images are judged by: does the model know a map, how sure is its PET, is the PET abnormal.

Examples:
  python -m pcsa_jax calibrate runs/demo
  python -m pcsa_jax calibrate runs/fold0 runs/fold1 runs/fold2 --out=runs/folds.safetensors

Every finished training does it for itself (RUN/trust.safetensors): the command is for runs of earlier versions, and for
folds or seeds of one cohort that are used together (synthesize --calibration=FILE). It reads the people that the runs
were trained and validated on. docs/trust.md has the details.
"""

import argparse

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=user_path, metavar="RUN", help="folder of a trained run")
    parser.add_argument(
        "--out", type=user_path, metavar="FILE", help="file to write (RUN/trust.safetensors; needed for several runs)"
    )
    parser.add_argument(
        "--checkpoint", choices=("best", "latest"), default="best", help="best on validation data (default) or latest"
    )


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import console
    from pcsa_jax.synthesis.calibration import describe_trust

    trust = pcsa_jax.calibrate(arguments.runs, out=arguments.out, checkpoint=arguments.checkpoint)
    for line in describe_trust(trust):
        console.print(line)
    return 0
