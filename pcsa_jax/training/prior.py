"""The prior of a run: fitted once, kept in the run's folder, and what it says of each subject."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pcsa_jax.data.files import replacing, reserve
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.data.predictors.cross_fitting import assign_folds, cross_fitted
from pcsa_jax.data.predictors.prior import Prior, count_channels
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import progress

_REMEDY = "Restore the run's own file, or train again."


def describe_prior(config: ConfigDict) -> dict[str, Any]:
    """What a prior must agree with the config of its run on."""
    data, recipe = config.data, config.recipe
    return {
        "channels": list(recipe.channels), "deviations": recipe.deviations, "size": data.size,
        "normalisation": data.normalisation,
        "reference_region": data.reference_region if data.normalisation == "suvr" else "",
    }  # fmt: skip


def prior_hash(prior: Prior) -> str:
    """SHA-256 over the bytes of its arrays."""
    digest = hashlib.sha256()
    for name, array in sorted(prior.arrays().items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write_prior(path: Path, prior: Prior, config: ConfigDict) -> None:
    """Writes ``prior.safetensors``, whole or not at all.

    Raises:
      UserError: if it cannot be written.
    """
    metadata = {"prior": json.dumps(describe_prior(config))}
    tensors = {name: np.ascontiguousarray(array) for name, array in prior.arrays().items()}
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(save(tensors, metadata=metadata))
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror}). Free some space.") from error


def read_prior(path: Path, config: ConfigDict) -> Prior:
    """Reads ``prior.safetensors``.

    Raises:
      UserError: if it is missing, damaged, or fitted on another grid, normalisation or for other channels.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected the closed-form predictors of the run, found no file. {_REMEDY}")
    try:
        with safe_open(path, framework="numpy") as stream:
            found = parse_object((stream.metadata() or {}).get("prior", "{}"))
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
        expected = describe_prior(config)
        for name, value in expected.items():
            if found.get(name) != value:
                raise UserError(f"{path}: expected a prior with {name} {value!r}, found {found.get(name)!r}. {_REMEDY}")
        prior = Prior.from_arrays(expected["channels"], arrays, deviations=expected["deviations"])
    except (SafetensorError, OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: expected a prior, found a damaged file ({error}). {_REMEDY}") from error
    shape = (config.data.size,) * 3
    if prior.shape != shape:
        raise UserError(f"{path}: expected a prior of {shape} voxels, found {prior.shape}. {_REMEDY}")
    return prior


def check_prior(prior: Prior, meta: Mapping[str, Any], path: Path) -> None:
    """Raises UserError unless a checkpoint was trained with this prior."""
    recorded, found = meta.get("prior_sha256"), prior_hash(prior)
    if recorded != found:
        raise UserError(
            f"{path}: expected the prior with which the checkpoint was trained (SHA-256 {str(recorded)[:12]}), found "
            f"{found[:12]}. {_REMEDY}"
        )


def folds_of(config: ConfigDict, people: Sequence[str]) -> np.ndarray:
    """The fold of each training row in which the predictors are not fitted.

    Raises:
      UserError: if there are fewer people than folds.
    """
    return assign_folds(people, num_folds=config.recipe.num_folds, seed=config.data.split_seed)


def known_of_training(
    config: ConfigDict, people: Sequence[str], mri: np.ndarray, pet: np.ndarray, *, folder: Path | None = None
) -> np.ndarray:
    """What predictors say of each training subject that were fitted on people in other folds, ``(n, x, y, z, k)``.

    Args:
      config: of the training.
      people: participant of each row.
      mri, pet: of the training subjects.
      folder: where the array is kept if it does not fit into memory; None for in memory.

    Raises:
      UserError: if there are fewer people than folds, or the disk is full.
    """
    recipe = config.recipe
    folds = folds_of(config, people)
    out = _room((*mri.shape, count_channels(len(recipe.channels), deviations=recipe.deviations)), folder)
    with progress("Cross-fitting") as report:
        cross_fitted(recipe.channels, mri, pet, folds, out=out, deviations=recipe.deviations, progress=report)
    return out


def _room(shape: tuple[int, ...], folder: Path | None) -> np.ndarray:
    """A float32 array in memory, or mapped from a file whose blocks are reserved: a full disk is an error then."""
    if folder is None:
        return np.empty(shape, np.float32)
    path = folder / "known.npy"
    try:
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        with path.open("r+b") as stream:
            reserve(stream, path.stat().st_size)
    except OSError as error:
        needed = 4 * int(np.prod(shape)) / 2**20
        raise UserError(
            f"{path}: expected room for {needed:.1f} MiB of predictions, found {error.strerror}. Free some space, or "
            "raise data.resident_gib if they fit into memory."
        ) from error
    return array
