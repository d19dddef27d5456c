"""A generator's program as a portable StableHLO file that jax alone runs, on a CPU or an NVIDIA GPU."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import export

from pcsa_jax.errors import UserError
from pcsa_jax.machine.devices import cpu_options
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.program import Program

PLATFORMS = ("cpu", "cuda")

PROMISE_DAYS = 180
"""How long a later jax has to read the file: jax.export promises six months; see the compatibility guarantees in its
documentation. Mostly it is longer."""

TOLERANCE = 1e-5
"""Between the file and the generator that it was made of, on the machine that writes it; on a CPU they are equal."""


class Written(NamedTuple):
    """A program's file.

    Attributes:
      content: portable StableHLO.
      calling_convention: version of how jax.export hands over arguments.
    """

    content: bytes
    calling_convention: int


def write_down(program: Program, tensors: Mapping[str, np.ndarray], size: int) -> Written:
    """The program from ``(tensors, maps (b, x, y, z))`` to PET for any number of maps.

    Args:
      program: of the generator.
      tensors: as the exported file names them; their shapes are part of the program, their values are not.
      size: voxels along each axis.
    """
    shapes = {name: jax.ShapeDtypeStruct(array.shape, array.dtype) for name, array in tensors.items()}
    maps = jax.ShapeDtypeStruct(export.symbolic_shape(f"b, {size}, {size}, {size}"), np.float32)
    # Arguments that are not used stay: whoever calls it gives all tensors of a file.
    exported = export.export(jax.jit(program, keep_unused=True), platforms=PLATFORMS)(shapes, maps)
    return Written(exported.mlir_module_serialized, exported.calling_convention_version)


def largest_difference(
    written: Written, tensors: Mapping[str, np.ndarray], infer: Inference, gm: np.ndarray, name: str
) -> float:
    """Of the file's PET from the generator's, on this machine, for one normalised map ``(x, y, z)``.

    Raises:
      UserError: if it is larger than rounding.
    """
    call = jax.jit(called(written, tensors, len(gm)).call, compiler_options=compiler_options()[jax.default_backend()])
    difference = float(np.abs(np.asarray(call(dict(tensors), gm[None]))[0] - infer(gm[None])[0]).max())
    if not difference <= TOLERANCE:
        raise UserError(
            f"{name}: expected the generator's PET to {TOLERANCE:g}, found a difference of {difference:.2g}. Please "
            "report it; --without-program publishes the rest."
        )
    return difference


def called(written: Written, tensors: Mapping[str, np.ndarray], size: int) -> export.Exported:
    """A file as something to call, as ``pet.py`` makes it: no code of jax but what is public."""
    shapes = {name: jax.ShapeDtypeStruct(array.shape, array.dtype) for name, array in tensors.items()}
    maps = jax.ShapeDtypeStruct(export.symbolic_shape(f"b, {size}, {size}, {size}"), np.float32)
    like = export.export(jax.jit(lambda tensors, maps: maps, keep_unused=True), platforms=PLATFORMS)(shapes, maps)
    return dataclasses.replace(
        like, mlir_module_serialized=written.content, calling_convention_version=written.calling_convention
    )


def compiler_options() -> dict[str, dict[str, Any] | None]:
    """Backend -> what XLA is told here when it compiles: told the same, it makes the same bits."""
    return {"cpu": cpu_options(), "gpu": None}


def describe_programs(
    files: Mapping[str, bytes],
    written: Sequence[Written],
    *,
    size: int,
    differences: Sequence[float],
    today: datetime.date,
) -> dict[str, Any]:
    """What ``config.json`` says of the programs, for the script that runs them.

    Args:
      files: name -> content of every file that the script reads: the tensors, then the programs in order.
      written: the programs.
      size: voxels along each axis.
      differences: of each program's PET from the generator's.
      today: date of publishing.
    """
    until = today + datetime.timedelta(days=PROMISE_DAYS)
    return {
        "programs": list(files)[1:],
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "platforms": list(PLATFORMS),
        "shape": [size] * 3,
        "calling_convention": written[0].calling_convention,
        "compiler_options": compiler_options(),
        "jax": jax.__version__,
        "made": today.isoformat(),
        "readable_until": until.isoformat(),
        "checked": {"backend": jax.default_backend(), "largest_differences": list(differences)},
    }


def script() -> str:
    """The text of ``pet.py``."""
    return Path(__file__).with_name("pet.py").read_text(encoding="utf-8")
