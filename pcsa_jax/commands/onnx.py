"""Write an exported generator as one ONNX file, for software that has no JAX and for a browser.

Needs an environment of its own (make .venv-onnx; source .venv-onnx/bin/activate). What came of the conversion is run in
onnxruntime beside JAX before it is written.

Examples:
  python -m pcsa_jax onnx --generator=demo.safetensors --out=demo.onnx

The file takes "map", normalised grey-matter maps (n, x, y, z) in float32, and gives "pet", of the same shape.
"""

import argparse

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--generator", required=True, type=user_path, metavar="FILE", help="exported generator, or a published folder"
    )
    parser.add_argument("--out", required=True, type=user_path, metavar="FILE", help="file to write; must not exist")


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.machine.progress import console
    from pcsa_jax.publishing.onnx_file import TOLERANCE, write_onnx

    card = write_onnx(arguments.generator, arguments.out)
    size_mb = arguments.out.stat().st_size / 1e6
    console.print(
        f"Wrote {arguments.out} ({size_mb:.1f} MB, SHA-256 of the generator {card['sha256'][:12]}); its PET in "
        f"onnxruntime is JAX's to {TOLERANCE:g}"
    )
    if card["notice"]:
        console.print(card["notice"])
    return 0
