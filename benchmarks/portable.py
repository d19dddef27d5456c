"""Whether the StableHLO file of every row makes the bits of the generator that it was written of, on this machine.

Every row of a config at its full width, with parameters off their initial values: what a training would change
are numbers, and the program holds none.

Examples:
  python -m benchmarks.portable                                      all rows at 32^3, ten minutes on two cores
  python -m benchmarks.portable --config=configs/pcsa.py pcsa best   some at the paper's size
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.results import RESULTS
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.presentation.markdown import markdown_table
from pcsa_jax.publishing.stablehlo import largest_difference, write_down
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.program import Program, with_prior

SUBJECTS = 5
"""Whom the closed-form predictors of row ``best`` are fitted on."""


def measure(config_file: str, row: str) -> dict[str, Any]:
    """One row's file, and its PET beside the generator's."""
    config = parse_config([f"--config={config_file}:{row}"])
    size = config.data.size
    experiment, rng, prior = build(config, num_steps=1), np.random.default_rng(0), None

    def moved(leaf: jax.Array) -> np.ndarray:
        return np.asarray(leaf) + 0.01 * rng.standard_normal(leaf.shape).astype(np.float32)

    params = jax.tree.map(moved, experiment.initial_state().generator)
    if config.recipe.channels:
        maps = rng.random((SUBJECTS, *(size,) * 3), np.float32)
        pet = 0.5 * maps + 0.3 * maps[::-1]
        prior = Prior.fit(tuple(config.recipe.channels), maps, pet, deviations=config.recipe.deviations)
    program = Program.of(experiment, prior)
    tensors = {name: np.asarray(array) for name, array in with_prior(params, prior).items()}
    start = time.perf_counter()
    written = write_down(program, tensors, size)
    seconds, gm = time.perf_counter() - start, rng.random((size,) * 3, np.float32)
    infer = Inference(program, params, prior)
    return {
        "row": row, "size": size, "kilobytes": len(written.content) / 1000, "seconds_to_write": seconds,
        "largest_difference": largest_difference(written, tensors, infer, gm, row),
        "std_of_pet": float(infer(gm[None]).std()),
    }  # fmt: skip


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.portable", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows (all)")
    parser.add_argument("--config", default="configs/demo.py", metavar="FILE", help="config (configs/demo.py: 32^3)")
    parser.add_argument("--out", type=Path, default=RESULTS / "portable.json", metavar="FILE", help="figures to add to")
    return parser


def main(argv: list[str]) -> int:
    arguments = make_parser().parse_args(argv)
    kept = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {"rows": []}
    rows = []
    for row in arguments.rows or read_rows(arguments.config):
        rows.append(measure(arguments.config, row))
        print(f"{row}: {rows[-1]['largest_difference']:g}", file=sys.stderr, flush=True)
    new = {(one["row"], one["size"]) for one in rows}
    rows = [one for one in kept["rows"] if (one["row"], one["size"]) not in new] + rows
    order = list(read_rows(arguments.config))
    rows.sort(key=lambda one: (one["size"], order.index(one["row"])))
    arguments.out.write_text(json.dumps({"rows": rows, "environment": describe_environment()}, indent=1) + "\n")
    print(table(rows))
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    cells = [
        [one["row"], f"{one['size']}^3", f"{one['kilobytes']:.0f}", f"{one['seconds_to_write']:.1f}",
         "none" if one["largest_difference"] == 0 else f"{one['largest_difference']:.1g}"]
        for one in rows
    ]  # fmt: skip
    return markdown_table(["row", "grid", "kB", "s to write", "largest difference"], cells)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
