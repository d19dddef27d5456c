"""A trained generator from a run or an exported file, ready to call."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from safetensors import SafetensorError, safe_open

from pcsa_jax.data.given_map import GivenMap, is_of_phantom, prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.predictors.prior import Prior
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.data.synthetic_mark import SyntheticMark, mark_image
from pcsa_jax.data.trust.familiarity import MIN_PEOPLE, Assessment
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import PRECISIONS, build_generator
from pcsa_jax.experiment.cohort import describe_training
from pcsa_jax.experiment.config import tupled
from pcsa_jax.experiment.fields import PAPER_RECIPE
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.home import user_path
from pcsa_jax.machine.progress import console
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.export import describe_generator
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.synthesis.program import PRIOR, nested, part_of, with_prior
from pcsa_jax.synthesis.reading_cards import is_modulated, pet_scale
from pcsa_jax.synthesis.trust_file import PREFIX, restore, trust_of_run
from pcsa_jax.synthesis.verification import HASHED_FORMATS, check_parameters, content_hash, read_card
from pcsa_jax.training.trained import open_run


class LoadedGenerator:
    """A trained generator from a run or an exported file, ready to call; its ``repr`` says what it was trained on.

    Attributes:
      card: grid, normalisation, training, versions: the metadata of its exported file; ``notice`` warns of a phantom.
      grid: on which it works.
      infer: normalised maps ``(n, x, y, z)`` to PET in [0, 1], without any check.
      trust: what single images are judged by; its parts are None where it has not been fitted.
      tensors: of network and prior, as an exported file names them.
    """

    def __init__(
        self, card: Mapping[str, Any], params: Any, prior: Prior | None = None, trust: Trust | None = None
    ):  # fmt: skip
        self.trust = Trust() if trust is None else trust
        self.card, self.tensors = dict(card), with_prior(params, prior)
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

    def assess(self, mri: np.ndarray | GivenMap, *, fwhm_mm: float | None = None) -> Assessment:
        """Whether a grey-matter map is one that the generator knows: its distance to the training maps.

        Args:
          mri: as for a call; one map.
          fwhm_mm: the same.

        Returns:
          Verdict (as trained, unusual, outside), percentile among the training subjects, and the reasons.

        Raises:
          UserError: for a map that cannot be used, or if nothing was fitted to compare it with.
        """
        if self.trust.familiarity is None:
            raise UserError(
                f"assess: expected statistics of at least {MIN_PEOPLE} training maps, found none. "
                f"{self.trust.missing()[0]}."
            )
        if isinstance(mri, str | os.PathLike):
            mri = user_path(mri)
        if isinstance(mri, GivenMap):
            return self.trust.familiarity.assess(self._prepare(mri, fwhm_mm).mri)
        maps = self._normalised(mri)
        if len(maps) != 1:
            raise UserError(f"assess: expected one map, found {len(maps)}. Assess one at a time.")
        return self.trust.familiarity.assess(maps[0])

    def in_unit(self, mri: np.ndarray) -> np.ndarray:
        """PET of normalised maps ``(n, x, y, z)`` in the unit of ``card["pet"]``."""
        low, high = pet_scale(self.card).range
        return low + (high - low) * self.infer(mri)

    def _of_given(self, given: GivenMap, fwhm_mm: float | None) -> nib.Nifti1Image:
        prepared = self._prepare(given, fwhm_mm)
        low, high = pet_scale(self.card).range
        image = prepared.own_grid.give_back(self.in_unit(prepared.mri[None])[0], self.grid, low=low, high=high)
        mark = SyntheticMark((self.card["sha256"],), self.card["training"]["is_phantom"], is_of_phantom(given))
        return mark_image(image, mark)

    def _prepare(self, given: GivenMap, fwhm_mm: float | None) -> Prepared:
        return prepare_given(
            given, self.grid, self.card["normalisation"]["mri"], fwhm_mm=fwhm_mm, is_modulated=is_modulated(self.card)
        )

    def _of_array(self, mri: np.ndarray) -> np.ndarray:
        return self.infer(self._normalised(mri)).reshape(np.shape(mri))

    def _normalised(self, mri: np.ndarray) -> np.ndarray:
        """One or several maps on the grid, each min-max normalised, (n, x, y, z)."""
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
        return normalised


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
    card = describe_generator(run, cohort=cohort, is_phantom=is_phantom)
    return LoadedGenerator(card, run.params, run.prior, trust_of_run(Workdir(path).trust, card["sha256"]))


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
    judging = {name.removeprefix(PREFIX): tensors.pop(name) for name in list(tensors) if name.startswith(PREFIX)}
    trust = _read_trust(path, card, judging)
    if content_hash(tensors) != card["sha256"]:
        raise UserError(f"{path}: expected parameters with SHA-256 {card['sha256']}, found others. Export again.")
    network = {name: array for name, array in tensors.items() if not name.startswith(f"{PRIOR}.")}
    check_parameters(path, card, network)
    if card["format"] not in HASHED_FORMATS:
        console.print(f"{path}: an older format, whose card no checksum covers; export again")
    return LoadedGenerator(card, nested(network), _read_prior(path, card, tensors), trust)


def _read_trust(path: Path, card: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Trust | None:
    """What single images are judged by among the tensors of a file; None if it has none."""
    said = card.get("trust")
    try:
        if said is None:
            if arrays:
                raise ValueError("arrays that its card does not name")
            return None
        if said["sha256"] != content_hash(arrays):
            raise ValueError("other arrays than its card names")
        trust = restore(arrays, said["about"])
        if trust.shape not in (None, tuple(card["grid"]["shape"])):
            raise ValueError(f"arrays of {trust.shape} voxels")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected an exported generator, found trust statistics that are damaged ({reason}). Export again."
        ) from error
    return trust


def _read_prior(path: Path, card: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Prior | None:
    """The closed-form predictors among the tensors of a file; None if its generator starts from none."""
    recipe = card.get("recipe", PAPER_RECIPE)
    arrays = part_of(tensors, PRIOR)
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
