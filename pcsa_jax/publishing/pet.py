"""PET of grey-matter maps by the model in this folder, its trainer's bits. Needs: pip install jax safetensors.

python pet.py maps.npy pet.npy

maps.npy: (x, y, z) or (n, x, y, z) on the grid that README.md names, MNI152, smoothed to 8 mm FWHM, in any unit.
pet.npy: float32 of the same shape in [0, 1], a new file; README.md says what 0 and 1 stand for.
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


def read_said(folder):
    """What config.json says of the program, if every file is the one that was published."""
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8-sig"))["stablehlo"]
        found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in said["sha256"]}
        said["shape"] = [int(edge) for edge in said["shape"]]
        for name, kind in (("programs", list), ("platforms", list), ("compiler_options", dict), ("jax", str),
                           ("readable_until", str), ("calling_convention", int)):  # fmt: skip
            if not isinstance(said[name], kind) or not said[name]:
                raise ValueError(f"stablehlo.{name} is {said[name]!r}")
        if len(said["shape"]) != 3 or not set(said["programs"]) <= set(found):
            raise ValueError("a shape or programs that do not fit")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        sys.exit(f"{folder}: expected config.json and its files, found {error!r:.200}. Download the folder again.")
    for name, digest in said["sha256"].items():
        if found[name] != digest:
            sys.exit(
                f"{name}: expected the file that was published, found a damaged or changed one. Download it again."
            )
    known = export.minimum_supported_calling_convention_version, export.maximum_supported_calling_convention_version
    if not known[0] <= said["calling_convention"] <= known[1]:
        sys.exit(
            failure(said, f"calling convention {said['calling_convention']}, where it knows {known[0]} to {known[1]}")
        )
    return said


def read_maps(path, shape):
    """The maps in a file of numpy.save, (n, x, y, z)."""
    try:
        if path.endswith((".nii", ".nii.gz")):
            raise ValueError("a NIfTI file: numpy.save its voxels, on the model's grid")
        maps = np.load(path, allow_pickle=False)
        if not isinstance(maps, np.ndarray) or maps.dtype.kind not in "fiub":
            raise ValueError(f"{getattr(maps, 'dtype', 'an archive')}")
    except (OSError, ValueError, TypeError, EOFError) as error:
        sys.exit(f"{path}: expected an array of numbers that numpy.save has written, found {error!s:.200}.")
    if maps.ndim not in (3, 4) or list(maps.shape[-3:]) != shape or not maps.size:
        sys.exit(f"{path}: expected maps {tuple(shape)} or (n, ...), found {maps.shape}. Resample them to that grid.")
    with np.errstate(all="ignore"):
        maps = maps.astype(np.float32)
        spread = np.ptp(maps, axis=(-3, -2, -1))
    if not np.isfinite(spread).all():
        sys.exit(f"{path}: expected finite voxels, found NaN, infinite or too large ones. Mend the map.")
    if not (spread > 0).all():
        sys.exit(f"{path}: expected contrast, found a constant map. Leave it out.")
    return maps


def check_place(path):
    """Ends the script, before the work, if the PET has no place."""
    place = Path(path)
    if place.exists() or not place.resolve().parent.is_dir():
        found = "something there" if place.exists() else "no such folder"
        sys.exit(f"{path}: expected a new file in a folder that is there, found {found}. Choose another name.")


def write(path, pet):
    """Writes the PET, whole or not at all."""
    partial = Path(f"{path}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as stream:
            np.save(stream, pet)
        partial.replace(path)
    except OSError as error:
        sys.exit(f"{path}: could not be written ({error.strerror or error}). Choose another place.")
    finally:
        partial.unlink(missing_ok=True)


def failure(said, why):
    """One line on a program that did not run."""
    return (
        f"{said['programs'][0]}: expected PET, found {why}. It was written by jax {said['jax']}, and later ones read "
        f"it until {said['readable_until']} at least; this is jax {jax.__version__}. If that is why, install "
        f"jax=={said['jax']}, or publish the model again: model.safetensors does not expire."
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
    if len(sys.argv) == 2 and sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    folder = Path(__file__).parent
    said = read_said(folder)
    maps = read_maps(sys.argv[1], said["shape"])
    check_place(sys.argv[2])
    try:
        with quiet():
            pet = make_pet(folder, said, maps.reshape(-1, *said["shape"]))
    except Exception as error:
        sys.exit(failure(said, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"))
    write(sys.argv[2], pet.reshape(maps.shape))


if __name__ == "__main__":
    main()
