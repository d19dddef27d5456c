"""A trained generator as one self-describing file, and back: safetensors parameters with JSON metadata, no pickle."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import nibabel as nib
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pcsa_jax.data.files import finite_or_none, replacing
from pcsa_jax.data.given_map import GivenMap, is_of_phantom, prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import NORMALISATIONS, intensity_range
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.synthetic_mark import SyntheticMark, mark_image
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import PRECISIONS, build_generator
from pcsa_jax.experiment.cohort import describe_training
from pcsa_jax.experiment.config import resolved, tupled
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.experiment.fields import PAPER_RECIPE
from pcsa_jax.machine.home import user_path
from pcsa_jax.machine.progress import console
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.reading_cards import is_modulated, pet_scale, scale_note, training_maps
from pcsa_jax.synthesis.verification import (
    CARD_HASH,
    FORMAT,
    card_hash,
    check_parameters,
    content_hash,
    describe_network,
    read_card,
)
from pcsa_jax.training.trained import TrainedRun, open_run

PRIOR = "prior."
"""Before the names of the arrays of closed-form predictors, beside the network's parameters."""


def describe_generator(run: TrainedRun, *, cohort: str, is_phantom: bool | None) -> dict[str, Any]:
    """All that a user of the run's generator must know, as plain JSON values.

    Args:
      run: the trained run.
      cohort: name of the cohort that it was trained on.
      is_phantom: whether that is a phantom; None if nobody knows any more.
    """
    config = resolved(run.config)
    scale = NORMALISATIONS[config["data"]["normalisation"]].scale
    card = {
        "format": FORMAT,
        **describe_network(run.config),
        "input": "grey-matter probability map, MNI152, smoothed to 8 mm FWHM; min-max normalised when given (Eq. 13)",
        "output": f"FDG-PET in [0, 1]: {scale.meaning}" + scale_note(scale),
        "training": {
            "cohort": cohort, "is_phantom": is_phantom, "row": config["row"], "step": run.step,
            "checkpoint": run.checkpoint, "validation": run.meta.get("scores", {}), "splits_sha256": run.splits_sha256,
            "is_modulated": bool((run.environment.get("cohort") or {}).get("is_modulated")), "config": config,
            "maps": training_maps(run),
        },
        "environment": describe_environment(),
        "notice": TRAINED_ON_PHANTOM if is_phantom else "",
        "intended_use": "research on images like the training cohort's; not for diagnosis",
        "sha256": generator_hash(run),
    }  # fmt: skip
    # As it is read again: what is hashed is what stands in the file.
    card = json.loads(json.dumps(finite_or_none(card)))
    return card | {CARD_HASH: card_hash(card)}


def export_generator(run: TrainedRun, out: Path, *, cohort: str, is_phantom: bool) -> dict[str, Any]:
    """Writes the run's generator to ``out``; returns the metadata.

    Raises:
      UserError: if ``out`` exists already or cannot be written.
    """
    if out.exists():
        raise UserError(f"--out {out}: expected a new file, found one. Remove it or choose another name.")
    card = describe_generator(run, cohort=cohort, is_phantom=is_phantom)
    data = save(_tensors(run), metadata={"pcsa_jax": json.dumps(card, allow_nan=False)})
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose another place.") from error
    return card


class LoadedGenerator:
    """A trained generator from a run or an exported file, ready to call; its ``repr`` says what it was trained on.

    Attributes:
      card: grid, normalisation, training, versions: the metadata of its exported file; ``notice`` warns of a phantom.
      grid: on which it works.
      infer: normalised maps ``(n, x, y, z)`` to PET in [0, 1], without any check.
    """

    def __init__(self, card: Mapping[str, Any], params: Any, prior: Prior | None = None):
        self.card = dict(card)
        self.grid = Grid(card["grid"]["shape"][0])
        recipe = tupled(card.get("recipe", PAPER_RECIPE))
        self.infer = Inference(
            build_generator(card["system"], tupled(card["generator"]), recipe, card["normalisation"]["pet"]),
            params,
            dtype=PRECISIONS[card["training"]["config"]["precision"]],
            prior=prior,
            views=recipe["views"],
        )

    def __repr__(self) -> str:
        training = self.card["training"]
        notice = f". {TRAINED_ON_PHANTOM}" if training["is_phantom"] else ""
        return (
            f"<LoadedGenerator {self.card['system']}, row {training['row']}, {self.grid.size}^3 voxels of "
            f"{self.grid.voxel_size_mm:g} mm, trained on {training['cohort']}, {training['checkpoint']} checkpoint at "
            f"step {count(training['step'])}, SHA-256 {self.card['sha256'][:12]}{notice}>"
        )

    def __call__(self, mri: np.ndarray | GivenMap, *, fwhm_mm: float | None = None) -> np.ndarray | nib.Nifti1Image:
        """Synthetic FDG-PET of grey-matter maps.

        Args:
          mri: a NIfTI file or a nibabel image in MNI152 space, on any grid: prepared as ``python -m pcsa_jax
            synthesize`` does. Or an array, taken as it is: one map ``(x, y, z)`` or several ``(n, x, y, z)`` on
            :attr:`grid` (RAS+), smoothed to 8 mm, in any unit: each is min-max normalised as in training.
          fwhm_mm: of a file or image: what it has been smoothed with. None for what its name or sidecar says; if they
            say nothing, 8 mm on this software's own grids and 0 on others.

        Returns:
          Of a file or image, an image on its own grid in the generator's unit (``card["pet"]``), the same voxels as
          the command writes; of an array, float32 volumes in [0, 1] of its shape.

        Raises:
          UserError: for a map that cannot be used.
        """
        if isinstance(mri, str | os.PathLike):
            mri = user_path(mri)
        if isinstance(mri, GivenMap):
            return self._of_given(mri, fwhm_mm)
        if fwhm_mm is not None:
            raise UserError(
                "fwhm_mm: expected a file or an image beside it, found an array. Arrays are taken as they are; smooth "
                "it to 8 mm first."
            )
        return self._of_array(mri)

    def in_unit(self, mri: np.ndarray) -> np.ndarray:
        """PET of normalised maps ``(n, x, y, z)`` in the unit of ``card["pet"]``."""
        low, high = pet_scale(self.card).range
        return low + (high - low) * self.infer(mri)

    def _of_given(self, given: GivenMap, fwhm_mm: float | None) -> nib.Nifti1Image:
        prepared = prepare_given(
            given, self.grid, self.card["normalisation"]["mri"], fwhm_mm=fwhm_mm, is_modulated=is_modulated(self.card)
        )
        low, high = pet_scale(self.card).range
        image = prepared.own_grid.give_back(self.in_unit(prepared.mri[None])[0], self.grid, low=low, high=high)
        mark = SyntheticMark((self.card["sha256"],), self.card["training"]["is_phantom"], is_of_phantom(given))
        return mark_image(image, mark)

    def _of_array(self, mri: np.ndarray) -> np.ndarray:
        try:
            mri = np.asarray(mri, np.float32)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"mri: expected an array of numbers, a nibabel image or a path, found {type(mri).__name__}. Give one "
                "file or image at a time."
            ) from error
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
    """Opens a run folder (its best checkpoint) or a file written by ``python -m pcsa_jax export``.

    Neither needs a config file, and no code from them is run.

    Raises:
      UserError: if there is nothing, something of another kind or version, or a damaged run or file.
    """
    path = Path(path)
    return _read_run(path) if path.is_dir() else _read_file(path)


def _read_run(path: Path) -> LoadedGenerator:
    run = open_run(path)
    try:
        cohort, is_phantom = describe_training(run.config.data, run.environment)
    except UserError:  # the cohort may have moved since: it is not needed here
        cohort, is_phantom = Path(run.config.data.root).name, None
    return LoadedGenerator(describe_generator(run, cohort=cohort, is_phantom=is_phantom), run.params, run.prior)


def _read_file(path: Path) -> LoadedGenerator:
    if not path.is_file():
        raise UserError(
            f"{path}: expected a run folder or an exported generator, found nothing. Train one with train.py, or make "
            "a file of a run with python -m pcsa_jax export."
        )
    try:
        with safe_open(path, framework="numpy") as stream:
            card = read_card(path, (stream.metadata() or {}).get("pcsa_jax"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected an exported generator, found a damaged file ({reason}). Export again."
        ) from error
    if content_hash(tensors) != card["sha256"]:
        raise UserError(f"{path}: expected parameters with SHA-256 {card['sha256']}, found others. Export again.")
    check_parameters(path, card, {name: array for name, array in tensors.items() if not name.startswith(PRIOR)})
    if card["format"] != FORMAT:
        console.print(f"{path}: an older format, whose card no checksum covers; export again")
    return LoadedGenerator(card, _nested(tensors), _read_prior(path, card, tensors))


def _nested(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The network's parameters as the tree that it takes."""
    params: dict[str, Any] = {}
    for name, tensor in tensors.items():
        if name.startswith(PRIOR):
            continue
        *groups, leaf = name.split(".")
        node = params
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = tensor
    return params


def _read_prior(path: Path, card: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Prior | None:
    """The closed-form predictors among the tensors of a file; None if its generator starts from none."""
    recipe = card.get("recipe", PAPER_RECIPE)
    arrays = {name.removeprefix(PRIOR): tensor for name, tensor in tensors.items() if name.startswith(PRIOR)}
    if not recipe["channels"]:
        if arrays:
            raise UserError(f"{path}: expected no predictors, as its card has none, found some. Export again.")
        return None
    # Where people do not differ, their spread is infinite: a deviation from them is 0.
    odd = next(
        (name for name, array in arrays.items()
         if np.isnan(array).any() or (np.isinf(array).any() and name != "deviations.spread")),
        None,
    )  # fmt: skip
    if odd is not None:
        raise UserError(f"{path}: expected finite predictors, found NaN or infinite values in {odd}. Export again.")
    try:
        prior = Prior.from_arrays(recipe["channels"], arrays, deviations=recipe["deviations"])
    except ValueError as error:
        raise UserError(
            f"{path}: expected the predictors that its card names, found others ({error}). Export again."
        ) from error
    if prior.shape != tuple(card["grid"]["shape"]):
        raise UserError(
            f"{path}: expected predictors on the generator's grid {tuple(card['grid']['shape'])}, found {prior.shape}. "
            "Export again."
        )
    return prior


def generator_hash(run: TrainedRun) -> str:
    """SHA-256 of the run's generator: its card's, and its export's."""
    return content_hash(_tensors(run))


def _tensors(run: TrainedRun) -> dict[str, np.ndarray]:
    """All that the run's generator consists of."""
    prior = {} if run.prior is None else run.prior.arrays()
    return _named(run.params) | {f"{PRIOR}{name}": np.ascontiguousarray(array) for name, array in prior.items()}


def _named(params: Any) -> dict[str, np.ndarray]:
    """``{"bottleneck.kernel": array}``, sorted by name."""
    leaves = jax.tree.leaves_with_path(params)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="."): np.array(leaf, np.float32) for path, leaf in leaves
    }
    return dict(sorted(named.items()))
