"""A trained generator from a run or an exported file, ready to call."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from pcsa_jax.data.given_map import GivenMap, is_of_phantom, prepare_given
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.data.synthetic_mark import SyntheticMark, mark_image
from pcsa_jax.data.trust.familiarity import MIN_PEOPLE, Assessment
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import describe_training
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.home import user_path
from pcsa_jax.presentation.numbers import count
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM
from pcsa_jax.synthesis.export import describe_generator
from pcsa_jax.synthesis.generator_file import GeneratorFile, read_generator_file
from pcsa_jax.synthesis.inference import Inference, MeanInference, mean_and_std
from pcsa_jax.synthesis.published_folder import is_published, read_published
from pcsa_jax.synthesis.reading_cards import is_modulated, pet_scale
from pcsa_jax.synthesis.trust_file import trust_of_run
from pcsa_jax.training.trained import open_run


class LoadedGenerator:
    """A trained generator from a run or an exported file, ready to call; its ``repr`` says what it was trained on.

    Attributes:
      card: grid, normalisation, training, versions: the metadata of its exported file; ``notice`` warns of a phantom.
      grid: on which it works.
      infer: normalised maps ``(n, x, y, z)`` to PET in [0, 1], without any check.
      trust: what single images are judged by; its parts are None where it has not been fitted.
    """

    def __init__(
        self, card: Mapping[str, Any], infer: Inference | MeanInference, trust: Trust | None = None,
        members: Sequence["LoadedGenerator"] = (),
    ):  # fmt: skip
        self.trust = Trust() if trust is None else trust
        self.card = dict(card)
        self.grid = Grid(card["grid"]["shape"][0])
        self.infer = infer
        self._several = tuple(members)

    @property
    def members(self) -> tuple["LoadedGenerator", ...]:
        """The generators whose mean it is; itself alone if it is one."""
        return self._several or (self,)

    def __repr__(self) -> str:
        training = self.card["training"]
        notice = f". {TRAINED_ON_PHANTOM}" if training["is_phantom"] else ""
        many = f"mean of {len(self.members)}, " if len(self.members) > 1 else ""
        return (
            f"<LoadedGenerator {self.card['system']}, row {training['row']}, {many}{self.grid.size}^3 voxels of "
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
        if len(self.members) > 1:
            return mean_and_std(member.in_unit(mri) for member in self.members)[0]
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
            found = intensity_range(volume, normalisation, f"mri {row}")
            if float(found.high) - float(found.low) > float(np.finfo(np.float32).max):
                raise UserError(
                    f"mri {row}: expected values that float32 can tell apart, found {found.low:g} to {found.high:g}. "
                    "Mend the map."
                )
            normalised[row] = found.normalise(volume)
        return normalised


def load_generator(path: str | Path) -> LoadedGenerator:
    """Opens a run folder (its best checkpoint), a published folder or a file of ``python -m pcsa_jax export``.

    None needs a config file, and no code from them is run.

    Raises:
      UserError: if there is nothing, something of another kind or version, or a damaged run or file.
    """
    path = Path(path)
    if not path.is_dir():
        return _of_file(read_generator_file(path))
    if is_published(path):
        return _of_file(read_published(path))
    return _read_run(path)


def _read_run(path: Path) -> LoadedGenerator:
    run = open_run(path)
    try:
        cohort, is_phantom = describe_training(run.config.data, run.environment)
    except UserError:  # the cohort may have moved since: it is not needed here
        cohort, is_phantom = Path(run.config.data.root).name, None
    card = describe_generator(run, cohort=cohort, is_phantom=is_phantom)
    return LoadedGenerator(card, Inference.of_run(run), trust_of_run(Workdir(path).trust, card["sha256"]))


def _of_file(file: GeneratorFile) -> LoadedGenerator:
    members = [LoadedGenerator(part.card, Inference.of_card(part.card, part.params, part.prior)) for part in file.parts]
    if "members" not in file.card:
        return LoadedGenerator(file.card, members[0].infer, file.trust)
    # What one says of itself is true of all: only the hash is that of all together.
    card = members[0].card | {"sha256": file.card["sha256"], "members": [member.card for member in members]}
    return LoadedGenerator(card, MeanInference([member.infer for member in members]), file.trust, members)
