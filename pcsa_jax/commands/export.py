"""Write a trained generator as one portable, self-describing file (safetensors, no pickle).

Examples:
  python -m pcsa_jax export --workdir=runs/demo --out=demo.safetensors

In Python, with no config file:
  import pcsa_jax
  pet = pcsa_jax.load_generator("demo.safetensors")(mri)
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workdir", required=True, type=Path, metavar="DIR", help="folder of the trained run")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write; must not exist")
    parser.add_argument(
        "--checkpoint", choices=("best", "latest"), default="best", help="best on validation data (default) or latest"
    )


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.experiment.cohort import describe_training
    from pcsa_jax.machine.progress import console
    from pcsa_jax.presentation.numbers import count
    from pcsa_jax.synthesis.export import export_generator
    from pcsa_jax.training.trained import open_run

    trained = open_run(arguments.workdir, checkpoint=arguments.checkpoint)
    name, is_phantom = describe_training(trained.config.data, trained.environment)
    card = export_generator(trained, arguments.out, cohort=name, is_phantom=is_phantom)
    size_mb = arguments.out.stat().st_size / 1e6
    console.print(
        f"Wrote {arguments.out} ({size_mb:.1f} MB, step {count(trained.step)}, SHA-256 {card['sha256'][:12]})"
    )
    if card["notice"]:
        console.print(card["notice"])
    return 0
