"""Run by the Python of .venv-onnx: every row's generator, tiny, as ONNX beside JAX; prints JSON.

``python onnx_rows.py EXPORTED OUT``: the rows, and an exported generator by its command.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

import jax
import numpy as np
import onnxruntime

from pcsa_jax.commands import run_command
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.experiment.build import build_generator
from pcsa_jax.experiment.config import parse_config, resolved
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.model.platform_convolution import only_native
from pcsa_jax.publishing.onnx_file import convert, example_maps, largest_difference, maps_to_pet
from pcsa_jax.synthesis.program import Program, with_prior

ROOT = Path(__file__).parents[2]
GRID = Grid(16)
TINY = {
    "pcsa": {"bottleneck_features": 8, "skip_sizes": (4, 8, 16)},
    "unet": {"features": (2, 3, 4)},
    "cgan_unet": {"features": (2, 3), "decoder_features": (3, 2), "last_features": 2},
    "hgan": {"features": 2, "strided": 1, "blocks": 1},
    "gla_gan": {"global_features": (2, 3, 4), "local_features": (2, 3)},
}
"""System -> what is smaller than in its rows: layers of every kind, few of each."""


def tiny_config(row: str):
    """The row at 16^3: as many layers of the same kinds, fewer channels, features a quarter as large."""
    config = parse_config([f"--config={ROOT / 'configs' / 'pcsa.py'}:{row}"])
    own = config.generator
    with own.unlocked():
        for name, value in TINY[config.system].items():
            own[name] = value
        if config.system == "pcsa":
            own.stages = tuple(tuple((kernel, 2) for kernel, _ in branches) for branches in own.stages)
            own.attention_sizes = tuple(size // 4 for size in own.attention_sizes)
    return config


def options_config():
    """What no row sets: a percentile for the range, places, two views, other predictors, transposed convolutions."""
    config = tiny_config("best")
    config.data.normalisation = "percentile"
    config.generator.transposed = True
    config.recipe.channels, config.recipe.anchor = ("ridge", "linear"), "linear"
    config.recipe.coordinates, config.recipe.views = True, 2
    return config


def tiny_prior(recipe) -> Prior | None:
    if not recipe.channels:
        return None
    generator = np.random.default_rng(1)
    mri = example_maps(GRID)[[0, 1, 0, 1]] * generator.uniform(0.5, 1, (4, *GRID.shape)).astype(np.float32)
    return Prior.fit(recipe.channels, mri, np.sqrt(mri), deviations=recipe.deviations)


def made_up(path: tuple, leaf: jax.ShapeDtypeStruct, generator: np.random.Generator) -> np.ndarray:
    """Parameters of a size that keeps features near 1; gains, scales and biases hide nothing by being 0."""
    name = jax.tree_util.keystr(path)
    if leaf.ndim > 1:
        width = np.sqrt(np.prod(leaf.shape[:-1])) * (4 if "output" in name else 1)
        return (generator.standard_normal(leaf.shape) / width).astype(np.float32)
    return np.full(leaf.shape, 1 if "scale" in name else 0.2, np.float32)


def compare(config) -> tuple[float, float]:
    """Largest difference of one row's PET, and the part of its voxels that no clipping hides."""
    module = build_generator(config.system, config.generator, config.recipe, config.data.normalisation)
    prior, maps, generator = tiny_prior(config.recipe), example_maps(GRID), np.random.default_rng(0)
    given = [maps[:1, ..., None]] + ([] if prior is None else [prior.predict(maps[:1])])
    shapes = jax.eval_shape(module.init, jax.random.key(0), *given)["params"]
    params = jax.tree.map_with_path(lambda path, leaf: made_up(path, leaf, generator), shapes)
    program = Program(module, np.float32, config.recipe.views, tuple(config.recipe.channels), config.recipe.deviations)
    tensors = {name: np.asarray(array) for name, array in with_prior(params, prior).items()}
    function = maps_to_pet(program, tensors)
    with only_native():  # compiles in a third of the time; the generator of the command below is run as users run it
        pet = np.asarray(jax.jit(function)(maps))
    return largest_difference(convert(function, GRID.shape, {})[0], maps, pet), np.mean((pet > 0) & (pet < 1)).item()


def main(exported: str, out: str) -> None:
    found, known = {}, {}
    for row in read_rows("pcsa"):
        config = tiny_config(row)
        key = json.dumps([resolved(config)[name] for name in ("system", "generator", "recipe")])
        known[key] = found[row] = known[key] if key in known else compare(config)
    found["options"] = compare(options_config())
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        status = run_command("onnx", [f"--generator={exported}", f"--out={out}"], prog="onnx")
    print(json.dumps({"rows": found, "status": status, "told": told.getvalue(), **look_at(out)}))


def look_at(path: str) -> dict:
    """What others read of a file: its card, its tensors, and how one map's PET depends on the map beside it."""
    session = onnxruntime.InferenceSession(path)
    both, one = (session.run(None, {"map": maps})[0] for maps in (example_maps(GRID), example_maps(GRID)[1:]))
    return {
        "card": json.loads(session.get_modelmeta().custom_metadata_map["pcsa_jax"]),
        "shapes": {each.name: each.shape for each in [*session.get_inputs(), *session.get_outputs()]},
        "single": float(np.abs(both[1:] - one).max()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
