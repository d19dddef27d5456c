"""A trained generator as one self-describing file, and back: safetensors parameters with JSON metadata, no pickle."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pcsa_jax.data.files import replacing
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.normalisation import MAX_SUVR, intensity_range
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import PRECISIONS
from pcsa_jax.experiment.config import resolved, tupled
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.training.trained import TrainedRun

FORMAT = "pcsa_jax generator 1"
"""First key of the metadata; the number changes when a reader of the old one could not read the new one."""


class PetScale(NamedTuple):
    """What the generator's 0 to 1 stands for.

    Attributes:
      range: the values, in the unit, that 0 and 1 stand for.
      unit: short.
      meaning: of the unit, in words.
    """

    range: tuple[float, float]
    unit: str
    meaning: str


PET_SCALES = {
    "minmax": PetScale((0.0, 1.0), "arbitrary", "relative to the volume's own range (minimum to maximum), not SUVR"),
    "percentile": PetScale(
        (0.0, 1.0), "arbitrary", "relative to the volume's own range (0 to its 99.9th percentile), not SUVR"
    ),
    "suvr": PetScale((0.0, MAX_SUVR), "SUVR", "FDG uptake relative to the mean of the reference region"),
}
"""Normalisation of the PET in training -> scale of the output."""


def pet_scale(card: Mapping[str, Any]) -> PetScale:
    """The scale of a generator's output; files written before cards had one hold one of the first two."""
    known = PET_SCALES[card["normalisation"]["pet"]]
    return known._replace(range=tuple(card.get("pet", {}).get("range", known.range)))


def describe_generator(run: TrainedRun, *, cohort: str, is_phantom: bool | None) -> dict[str, Any]:
    """All that a user of the run's generator must know, as plain JSON values.

    Args:
      run: the trained run.
      cohort: name of the cohort that it was trained on.
      is_phantom: whether that is a phantom; None if nobody knows any more.
    """
    grid, config = Grid(run.config.data.size), resolved(run.config)
    normalisation = config["data"]["normalisation"]
    scale = PET_SCALES[normalisation]
    return {
        "format": FORMAT,
        "system": config["system"],
        "generator": config["generator"],
        "grid": {
            "shape": grid.shape, "affine": grid.affine.tolist(), "space": SPACE, "voxel_size_mm": grid.voxel_size_mm,
        },
        "input": "grey-matter probability map, MNI152, smoothed to 8 mm FWHM; min-max normalised when given (Eq. 13)",
        "output": f"FDG-PET in [0, 1]: {scale.meaning}" + scale_note(scale),
        "normalisation": {"mri": "minmax", "pet": normalisation},
        "pet": {
            "range": scale.range, "unit": scale.unit, "meaning": scale.meaning,
            "reference_region": config["data"]["reference_region"] if scale.unit == "SUVR" else None,
        },
        "training": {
            "cohort": cohort, "is_phantom": is_phantom, "row": config["row"], "step": run.step,
            "checkpoint": run.checkpoint, "validation": run.meta.get("scores", {}), "splits_sha256": run.splits_sha256,
            "config": config,
        },
        "environment": describe_environment(),
        "notice": TRAINED_ON_PHANTOM if is_phantom else "",
        "intended_use": "research on images like the training cohort's; not for diagnosis",
        "sha256": _content_hash(_named(run.params)),
    }  # fmt: skip


def scale_note(scale: PetScale) -> str:
    """How 0 to 1 becomes the unit, or "" where it is the unit."""
    low, high = scale.range
    return "" if (low, high) == (0, 1) else f"; 0 stands for {low:g} and 1 for {high:g} {scale.unit}"


def export_generator(run: TrainedRun, out: Path, *, cohort: str, is_phantom: bool) -> dict[str, Any]:
    """Writes the run's generator to ``out``; returns the metadata.

    Raises:
      UserError: if ``out`` exists already or cannot be written.
    """
    if out.exists():
        raise UserError(f"--out {out}: expected a new file, found one. Remove it or choose another name.")
    card = describe_generator(run, cohort=cohort, is_phantom=is_phantom)
    data = save(_named(run.params), metadata={"pcsa_jax": json.dumps(card, allow_nan=False)})
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another place.") from error
    return card


class LoadedGenerator:
    """A generator from an exported file, ready to call; its ``repr`` says what it was trained on.

    Attributes:
      card: the file's metadata: grid, normalisation, training, versions; ``notice`` warns of a phantom.
      grid: on which it works.
      infer: normalised maps ``(n, x, y, z)`` to PET in [0, 1], without any check.
    """

    def __init__(self, card: Mapping[str, Any], params: Any):
        self.card = dict(card)
        self.grid = Grid(card["grid"]["shape"][0])
        self.infer = Inference(
            SYSTEMS[card["system"]].generator(**tupled(card["generator"])),
            params,
            dtype=PRECISIONS[card["training"]["config"]["precision"]],
        )

    def __repr__(self) -> str:
        training, size = self.card["training"], self.grid.size
        notice = f". {TRAINED_ON_PHANTOM}" if training["is_phantom"] else ""
        return (
            f"<generator on {size}^3 voxels, trained on {training['cohort']}, step {count(training['step'])}{notice}>"
        )

    def __call__(self, mri: np.ndarray) -> np.ndarray:
        """Synthetic FDG-PET of grey-matter maps.

        Args:
          mri: one map ``(x, y, z)`` or several ``(n, x, y, z)`` on :attr:`grid` (RAS+), in any unit: each is min-max
            normalised as in training.

        Returns:
          float32 volumes in [0, 1], of the shape of ``mri``.

        Raises:
          UserError: for another shape, NaN or infinite voxels, or a constant map.
        """
        mri = np.asarray(mri, np.float32)
        if mri.shape[-3:] != self.grid.shape or mri.ndim not in (3, 4):
            raise UserError(
                f"mri: expected shape {self.grid.shape} or (n, {', '.join(map(str, self.grid.shape))}), "
                f"found {mri.shape}. Resample it to the generator's grid (generator.grid.affine)."
            )
        if not np.isfinite(mri).all():
            count = int((~np.isfinite(mri)).sum())
            raise UserError(f"mri: expected finite voxels, found {count} NaN or infinite. Mend the map.")
        volumes = mri.reshape(-1, *self.grid.shape)
        normalisation = self.card["normalisation"]["mri"]
        normalised = np.empty_like(volumes)
        for row, volume in enumerate(volumes):
            normalised[row] = intensity_range(volume, normalisation, f"mri {row}").normalise(volume)
        return self.infer(normalised).reshape(mri.shape)


def load_generator(path: str | Path) -> LoadedGenerator:
    """Reads a file written by ``python -m pcsa_jax export``; needs no config file and runs no code from the file.

    Raises:
      UserError: if the file is missing, of another kind or version, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"{path}: expected an exported generator, found no file. Make one with python -m pcsa_jax export."
        )
    try:
        with safe_open(path, framework="numpy") as stream:
            card = json.loads((stream.metadata() or {}).get("pcsa_jax", "{}"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected an exported generator, found a damaged file ({error}). Export again."
        ) from error
    if card.get("format") != FORMAT:
        raise UserError(
            f"{path}: expected format {FORMAT!r}, found {card.get('format')!r}. Export again with this version."
        )
    if _content_hash(tensors) != card.get("sha256"):
        raise UserError(f"{path}: expected parameters with SHA-256 {card.get('sha256')}, found others. Export again.")
    params: dict[str, Any] = {}
    for name, tensor in tensors.items():
        *groups, leaf = name.split(".")
        node = params
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = tensor
    return LoadedGenerator(card, params)


def _named(params: Any) -> dict[str, np.ndarray]:
    """``{"bottleneck.kernel": array}``, sorted by name."""
    leaves = jax.tree.leaves_with_path(params)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="."): np.array(leaf, np.float32) for path, leaf in leaves
    }
    return dict(sorted(named.items()))


def _content_hash(tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
