"""Train PCSA-GAN, or resume the run in WORKDIR.

Examples:
  python train.py --config=configs/demo.py --workdir=runs/demo          a few minutes on two CPU cores
  python train.py --config=configs/pcsa.py --workdir=runs/pcsa          the paper's recipe, on the built-in cohort
  python train.py --config=configs/pcsa.py:sa16 --workdir=runs/sa16     a row of the ablation tables
  python train.py --config=configs/pcsa.py --workdir=runs/mine --config.data.root=/data/cohort --config.batch_size=8

The same command resumes a run that was stopped. configs/pcsa.py lists every field with its unit.
Ctrl-C or SIGTERM saves after the current step and exits with status 130 or 143.
"""

import argparse
from pathlib import Path

from pcsa_jax.run.commands import config_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, metavar="FILE[:ROW]", help="config file and ablation row")
    parser.add_argument("--workdir", required=True, type=Path, metavar="DIR", help="folder of the run")
    parser.add_argument_group("config fields").add_argument(
        "--config.FIELD=VALUE", action="store_true", help="override a field, e.g. --config.num_epochs=100"
    )


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.run.config import parse_config

    config = parse_config(config_words(arguments))
    from pcsa_jax.run.training import train
    from pcsa_jax.run.workdir import Workdir

    outcome = train(config, Workdir(arguments.workdir))
    return 0 if outcome.signal_number is None else 128 + outcome.signal_number
