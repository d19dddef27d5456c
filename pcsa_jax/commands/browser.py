"""Gather a static page that runs an ONNX file in the browser of whoever opens it; nothing leaves their machine.

Examples:
  python -m pcsa_jax browser --model=demo.onnx --out=page

It copies what npm has installed here:
  npm install --ignore-scripts nifti-reader-js@0.8.0 onnxruntime-web@1.30.0

The folder needs no program on the server: any host of static files takes it. To look at it: http.server of Python.
"""

import argparse
from pathlib import Path

from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, type=user_path, metavar="FILE", help="ONNX file, as the command onnx writes it"
    )
    parser.add_argument("--out", required=True, type=user_path, metavar="DIR", help="folder to write; must not exist")
    parser.add_argument(
        "--packages", type=user_path, metavar="DIR", default=Path("node_modules"),
        help="npm's packages (default: node_modules)",
    )  # fmt: skip
    parser.add_argument(
        "--example", type=user_path, metavar="FILE", help="a phantom's grey-matter map that the page offers to show"
    )


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.machine.progress import console
    from pcsa_jax.publishing.browser_page import write_browser_page

    told = write_browser_page(arguments.model, arguments.packages, arguments.out, example=arguments.example)
    size_mb = sum(path.stat().st_size for path in arguments.out.rglob("*") if path.is_file()) / 1e6
    console.print(
        f"Wrote {arguments.out} ({size_mb:.1f} MB). Serve it: python -m http.server --directory {arguments.out}"
    )
    if told["notice"]:
        console.print(told["notice"])
    return 0
