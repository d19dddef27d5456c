"""Write a trained generator as one portable, self-describing file (safetensors, no pickle).

Examples:
  python -m pcsa_jax export --workdir=runs/demo --out=demo.safetensors

In Python, with no config file:
  import pcsa_jax
  pet = pcsa_jax.load_generator("demo.safetensors")(mri)
"""

import argparse

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workdir", required=True, type=user_path, metavar="DIR", help="folder of the trained run")
    parser.add_argument("--out", required=True, type=user_path, metavar="FILE", help="file to write; must not exist")
    parser.add_argument(
        "--checkpoint", choices=("best", "latest"), default="best", help="best on validation data (default) or latest"
    )


def run(arguments: argparse.Namespace) -> int:
    import pcsa_jax
    from pcsa_jax.machine.progress import console
    from pcsa_jax.presentation.numbers import count

    card = pcsa_jax.export(arguments.workdir, arguments.out, checkpoint=arguments.checkpoint)
    size_mb, step = arguments.out.stat().st_size / 1e6, count(card["training"]["step"])
    console.print(f"Wrote {arguments.out} ({size_mb:.1f} MB, step {step}, SHA-256 {card['sha256'][:12]})")
    if card["notice"]:
        console.print(card["notice"])
    return 0
