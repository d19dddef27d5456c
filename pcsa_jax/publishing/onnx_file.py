"""A trained generator as one ONNX file, for software that knows no JAX: other languages, other devices, a browser.

jax2onnx converts what JAX traces. It holds an older Orbax than training needs, so it has an environment of its own
(``requirements-onnx.txt``); nothing of it is imported before a conversion.
"""

import importlib
import importlib.util
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.extend.core
import numpy as np
from jaxtyping import Array, Float
from scipy.ndimage import gaussian_filter

from pcsa_jax import __version__
from pcsa_jax.data.files import check_writable, replacing
from pcsa_jax.data.grid import CENTRE_MM, Grid
from pcsa_jax.errors import UserError
from pcsa_jax.model.platform_convolution import only_native
from pcsa_jax.model.step import generate
from pcsa_jax.publishing.onnx_card import FORMAT, METADATA, sealed
from pcsa_jax.synthesis.closed_form import known_of, part_of
from pcsa_jax.synthesis.generator_file import GeneratorFile, read_generator_file
from pcsa_jax.synthesis.program import PRIOR, Program, Tensors, nested, with_prior
from pcsa_jax.synthesis.published_folder import is_published, read_published

OPSET = 21
"""Of the file: every onnxruntime since 1.20 runs it, onnxruntime-web included."""

INPUT, OUTPUT = "map", "pet"
"""Names of the file's tensors: normalised maps ``(n, x, y, z)`` to PET in [0, 1], both float32."""

TOLERANCE = 1e-5
"""How far onnxruntime's PET may be from JAX's: both are float32, and add in other orders."""

MOST_BYTES = 2_000_000_000
"""Protobuf, and so one ONNX file, ends at 2 GiB."""

PACKAGES = ("jax2onnx", "onnx", "onnxruntime")

Convertible = Callable[[Float[Array, "n x y z"]], Float[Array, "n x y z"]]


def write_onnx(source: Path, out: Path) -> dict[str, Any]:
    """Converts an exported generator, runs what came of it beside JAX, and writes it to ``out``.

    Args:
      source: what ``python -m pcsa_jax export`` or ``publish`` wrote.
      out: file to write; must not exist.

    Returns:
      The file's card.

    Raises:
      UserError: if the packages are missing, ``source`` is no exported generator or cannot be converted, what came of
        it does not make JAX's PET, or ``out`` exists or cannot be written.
    """
    if out.exists():
        raise UserError(f"--out {out}: expected a new file, found one. Remove it or choose another name.")
    check_packages()
    check_writable(out.parent, f"--out {out}")
    file = _read(source)
    _check_size(source, file)
    function, told = function_of(file), describe_onnx(file)
    grid = Grid(told["grid"]["shape"][0])
    (model, card), maps = convert(function, grid.shape, told), example_maps(grid)
    difference = largest_difference(model, maps, np.asarray(jax.jit(function)(maps)))
    if not difference <= TOLERANCE:
        raise UserError(
            f"{source}: expected onnxruntime's PET within {TOLERANCE:g} of JAX's, found {difference:.2g}. Nothing was "
            "written; install the versions of requirements-onnx.txt."
        )
    with replacing(out) as temporary:
        temporary.write_bytes(model)
    return card


def check_packages() -> None:
    """Raises UserError unless what converts and runs ONNX is installed here."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"{sys.executable}: expected {', '.join(PACKAGES)}, found no {missing[0]}. They have an environment of "
            "their own: make .venv-onnx, then .venv-onnx/bin/python -m pcsa_jax onnx (docs/onnx.md)."
        )


def _read(source: Path) -> GeneratorFile:
    """The generators of a file or published folder; a run's checkpoints need the Orbax that this environment lacks."""
    if not source.is_dir():
        return read_generator_file(source)
    if not is_published(source):
        raise UserError(
            f"{source}: expected an exported generator or a published folder, found another folder. Make a file of a "
            "run with python -m pcsa_jax export."
        )
    return read_published(source)


def _check_size(source: Path, file: GeneratorFile) -> None:
    """Raises UserError if one ONNX file cannot hold the tensors."""
    tensors = (array for part in file.parts for array in with_prior(part.params, part.prior).values())
    num_bytes = sum(np.asarray(array).nbytes for array in tensors)
    if num_bytes > MOST_BYTES:
        raise UserError(
            f"{source}: expected at most {MOST_BYTES / 1e9:.1f} GB of tensors, which is what one ONNX file holds, "
            f"found {num_bytes / 1e9:.1f} GB. Convert a single generator, or train one on a coarser grid or without "
            "predictors."
        )


def describe_onnx(file: GeneratorFile) -> dict[str, Any]:
    """All that a user of the file must know, as plain JSON values: the generator's card without its training's."""
    card = file.parts[0].card
    told = {
        "format": FORMAT,
        **{name: card[name] for name in ("system", "grid", "normalisation", "pet", "input", "output")},
        "training": {
            name: card["training"].get(name)
            for name in ("cohort", "is_phantom", "row", "step", "checkpoint", "is_modulated")
        },
        **{name: card[name] for name in ("notice", "intended_use")},
        "sha256": file.card["sha256"],
        "num_members": len(file.parts),
        "tensors": {"input": INPUT, "output": OUTPUT, "precision": "float32"},
        "generated_by": f"pcsa_jax {__version__}",
    }
    return json.loads(json.dumps(told))


def function_of(file: GeneratorFile) -> Convertible:
    """What is converted: normalised maps to PET, tensors included, all maps at once; of several generators the mean."""
    members = [maps_to_pet(Program.of_card(part.card), with_prior(part.params, part.prior)) for part in file.parts]
    if len(members) == 1:
        return members[0]
    return lambda maps: sum(member(maps) for member in members) / len(members)


def maps_to_pet(program: Program, tensors: Tensors) -> Convertible:
    """A program with its tensors, in float32, for any number of maps.

    A program makes one map after the other, which in ONNX would be a loop that hides its body from every optimiser.
    """
    params = nested({name: array for name, array in tensors.items() if not name.startswith(f"{PRIOR}.")})
    prior = part_of(tensors, PRIOR)

    def known(gm: Float[Array, "x y z"]) -> Float[Array, "x y z k"]:
        return known_of(prior, program.predictors, gm, deviations=program.deviations)

    def pet(maps: Float[Array, "n x y z"]) -> Float[Array, "n x y z"]:
        told = jax.vmap(known)(maps) if program.predictors else None
        return generate(program.module, params, maps[..., None], told, views=program.views)[..., 0]

    return pet


def convert(function: Convertible, shape: tuple[int, int, int], told: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The ONNX file of a function from maps of ``shape`` to PET, and the card in it: ``told``, and its hashes.

    Raises:
      UserError: if the function has a step that jax2onnx does not know.
    """
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # of each shape whose type it leaves open, a line
    onnx, jax2onnx = (importlib.import_module(name) for name in ("onnx", "jax2onnx"))
    _teach_volumes()
    maps = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("n"), *shape), np.float32)
    with only_native():
        # Traced here: to_onnx puts functions of its own in the place of jax.numpy's, some of which vmap breaks.
        traced = jax.make_jaxpr(function)(maps)
    try:
        model = jax2onnx.to_onnx(
            jax.extend.core.jaxpr_as_fun(traced), [maps], opset=OPSET, model_name="pcsa_jax", input_names=[INPUT],
            output_names=[OUTPUT],
        )  # fmt: skip
    except (NotImplementedError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"onnx: expected steps that jax2onnx converts, found another ({reason}). Install the versions of "
            "requirements-onnx.txt; a generator with layers of your own needs a converter of theirs."
        ) from error
    model.producer_name, model.producer_version = "pcsa_jax", __version__
    card = sealed(told, model.SerializeToString())
    onnx.helper.set_model_props(model, {METADATA: json.dumps(card)})
    onnx.checker.check_model(model)
    return model.SerializeToString(), card


def _teach_volumes() -> None:
    """Tells jax2onnx 0.17 of convolutions of volumes: its tables end at two axes, the rest of its rule does not."""
    rules = importlib.import_module("jax2onnx.plugins.jax.lax.conv")
    channels_last = (0, 4, 1, 2, 3)
    if channels_last in rules._LAYOUT_MAP:
        return
    rules._LAYOUT_MAP[channels_last] = rules._OUTPUT_LAYOUT_MAP[channels_last] = "NDHWC"
    rules._FILTER_LAYOUT_MAP[4, 3, 0, 1, 2] = "DHWIO"
    input_layout, kernel_layout = rules._canonical_input_layout, rules._canonical_kernel_layout

    def volume_input_layout(layout: str) -> str:
        return "NCDHW" if len(layout) == 5 else input_layout(layout)

    def volume_kernel_layout(layout: str, *, is_transpose: bool) -> str:
        if len(layout) == 5:
            return "IODHW" if is_transpose else "OIDHW"
        return kernel_layout(layout, is_transpose=is_transpose)

    rules._canonical_input_layout, rules._canonical_kernel_layout = volume_input_layout, volume_kernel_layout


def largest_difference(model: bytes, maps: np.ndarray, pet: np.ndarray) -> float:
    """Largest distance of onnxruntime's PET from JAX's ``pet``, of several maps at once; NaN if one has a NaN."""
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone: it warns of what it removes
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUT], {INPUT: maps})
    return float(np.abs(found - pet).max())


def example_maps(grid: Grid) -> np.ndarray:
    """Two maps that look like grey matter to a network: a blurred shell of a brain's size with folds, ``(2, x, y, z)``.

    No map of a person or phantom is at hand where files are converted.
    """
    place = np.stack(np.meshgrid(*(np.arange(size) for size in grid.shape), indexing="ij"), axis=-1)
    offset_mm = place * grid.voxel_size_mm + grid.affine[:3, 3] - CENTRE_MM
    radius = np.linalg.norm(offset_mm / (68, 85, 62), axis=-1)
    generator = np.random.default_rng(0)
    maps = []
    for width in (0.12, 0.16):
        folds = gaussian_filter(generator.standard_normal(grid.shape), 6 / grid.voxel_size_mm)
        shell = np.exp(-(((radius - 0.85 + 0.1 * folds / folds.std()) / width) ** 2))
        gm = gaussian_filter(shell, 3.4 / grid.voxel_size_mm)
        maps.append((gm - gm.min()) / (gm.max() - gm.min()))
    return np.stack(maps).astype(np.float32)
