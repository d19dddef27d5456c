"""PET of grey-matter maps by the model in this folder, its trainer's bits. Needs: pip install jax safetensors.

python pet.py maps.npy pet.npy

maps.npy: (x, y, z) or (n, x, y, z) on the grid that README.md names, MNI152, smoothed to 8 mm FWHM, in any unit.
pet.npy: float32 of the same shape in [0, 1]; README.md says what 0 and 1 stand for.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
from pathlib import Path

import jax
import numpy as np
from jax import export
from safetensors.numpy import load_file


def make_pet(folder, said, maps):
    """PET of maps (n, x, y, z); of several generators their mean."""
    tensors, mean = load_file(folder / "model.safetensors"), np.zeros(())
    options = said["compiler_options"].get(jax.default_backend())
    for index, name in enumerate(said["programs"]):
        first = f"member{index}." if len(said["programs"]) > 1 else ""
        own = {key.removeprefix(first): tensors[key] for key in tensors if key.startswith(first)}
        own = {key: array for key, array in own.items() if not key.startswith("trust.")}
        shapes = {key: jax.ShapeDtypeStruct(array.shape, array.dtype) for key, array in own.items()}
        batch = jax.ShapeDtypeStruct(export.symbolic_shape("b, {}, {}, {}".format(*said["shape"])), np.float32)
        same = jax.jit(lambda tensors, maps: maps, keep_unused=True)  # of the same arguments as the program in the file
        program = dataclasses.replace(
            export.export(same, platforms=said["platforms"])(shapes, batch),
            mlir_module_serialized=(folder / name).read_bytes(),
            calling_convention_version=said["calling_convention"],
        )
        call = compiled(program.call, options, own, normalised(maps[0])[None])
        pet = np.concatenate([call(own, normalised(gm)[None]) for gm in maps])
        mean = mean + (pet - mean) / (index + 1)
    return mean.astype(np.float32)


def compiled(program, options, *example):
    """The program, compiled as its trainer compiles it."""
    call = jax.jit(program, compiler_options=options)
    try:
        call(*example)
    except jax.errors.JaxRuntimeError as error:
        if "option" not in str(error):
            raise
        return jax.jit(program)  # an XLA that does not know the option: the last bits may differ
    return call


def normalised(gm):
    """A map in [0, 1] (Eq. 13)."""
    low, high = float(gm.min()), float(gm.max())
    return np.clip((gm - low) / (high - low), 0, 1).astype(np.float32)


def read(folder):
    """What config.json says of the program, if every file is the one that was published."""
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))["stablehlo"]
        found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in said["sha256"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        sys.exit(f"{folder}: expected config.json and its files, found {error!r:.200}. Download the folder again.")
    for name, digest in said["sha256"].items():
        if found[name] != digest:
            sys.exit(
                f"{name}: expected the file that was published, found a damaged or changed one. Download it again."
            )
    known = export.minimum_supported_calling_convention_version, export.maximum_supported_calling_convention_version
    if not known[0] <= said["calling_convention"] <= known[1]:
        sys.exit(too_old(said, f"calling convention {said['calling_convention']}, it knows {known[0]} to {known[1]}"))
    return said


def too_old(said, why):
    """One line on a program that this jax cannot run."""
    return (
        f"{said['programs'][0]}: written by jax {said['jax']}, readable by later ones until {said['readable_until']} "
        f"at least; found jax {jax.__version__}, which cannot run it ({why}). Install jax=={said['jax']} beside it, or "
        "publish the model again. model.safetensors does not expire."
    )


@contextlib.contextmanager
def quiet():
    """Without what the compiler prints of a program that it cannot read: the exception says it in one line."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def main():
    """From file to file."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    said = read(Path(__file__).parent)
    shape = tuple(said["shape"])
    try:
        maps = np.load(sys.argv[1], allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, TypeError, EOFError) as error:
        sys.exit(f"{sys.argv[1]}: expected maps that numpy.save has written, found {error!r:.200}.")
    if maps.shape[-3:] != shape or maps.ndim not in (3, 4) or not np.isfinite(maps).all():
        sys.exit(f"{sys.argv[1]}: expected finite voxels (n, {shape}), found {maps.shape}. Resample it to that grid.")
    if not (np.ptp(maps, axis=(-3, -2, -1)) > 0).all():
        sys.exit(f"{sys.argv[1]}: expected contrast, found a constant map. Leave it out.")
    try:
        with quiet():
            pet = make_pet(Path(__file__).parent, said, maps.reshape(-1, *shape))
    except Exception as error:
        sys.exit(too_old(said, " ".join(str(error).split())[:200]))
    np.save(sys.argv[2], pet.reshape(maps.shape))


if __name__ == "__main__":
    main()
