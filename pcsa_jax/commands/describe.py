"""Print the networks of a config: each layer's output and parameters, FLOPs and memory of a training step.

Examples:
  python -m pcsa_jax describe --config=configs/pcsa.py
  python -m pcsa_jax describe --config=configs/pcsa.py:sa32 --config.batch_size=4
"""

import argparse

from pcsa_jax.commands.rows import rows_help
from pcsa_jax.experiment.words import config_words


def epilog() -> str:
    return rows_help("pcsa")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", required=True, metavar="CONFIG[:ROW]", help="config file or name (pcsa), ablation row"
    )


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.experiment.config import parse_config

    config = parse_config(config_words(arguments.config, arguments.overrides))
    from pcsa_jax.experiment.description import describe
    from pcsa_jax.machine.progress import PlainConsole

    console = PlainConsole()
    console.width = max(console.width, 100)
    for part in describe(config):
        console.print(part)
    console.print(rows_help(arguments.config.partition(":")[0]))
    return 0
