"""Paired volumes of many subjects in memory."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pcsa_jax.data.cohort import Subject
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import IntensityRange, intensity_range
from pcsa_jax.data.volumes import check_grid, read_volume
from pcsa_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Normalised MRI and PET of the same visits, one row a visit.

    Attributes:
      participant_ids, session_ids, diagnoses: one entry a row.
      mri: GM maps, float32 (n, x, y, z) in [0, 1].
      pet: real FDG-PET, the same.
      predictable: the phantom's PET without its unpredictable part, in the real PET's intensity range, clipped to
        [0, 1]; None if any row lacks it.
      pet_ranges: the intensities (file units) that became 0 and 1 in ``pet``.
    """

    participant_ids: tuple[str, ...]
    session_ids: tuple[str, ...]
    diagnoses: tuple[str, ...]
    mri: np.ndarray
    pet: np.ndarray
    predictable: np.ndarray | None
    pet_ranges: tuple[IntensityRange, ...]

    def __len__(self) -> int:
        return len(self.participant_ids)

    def take(self, rows: Sequence[int]) -> "Pairs":
        """The given rows, in the given order."""
        index = np.asarray(rows, int)
        return Pairs(
            *(tuple(field[i] for i in index) for field in (self.participant_ids, self.session_ids, self.diagnoses)),
            mri=self.mri[index],
            pet=self.pet[index],
            predictable=None if self.predictable is None else self.predictable[index],
            pet_ranges=tuple(self.pet_ranges[i] for i in index),
        )


def load_pairs(
    subjects: Sequence[Subject],
    *,
    size: int,
    normalisation: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pairs:
    """Reads, checks and normalises both modalities of every subject.

    Args:
      subjects: visits that have a PET.
      size: voxels along each axis of the cohort's grid.
      normalisation: key of :data:`~pcsa_jax.data.normalisation.NORMALISATIONS`.
      progress: called with (subjects read, subjects in all).

    Raises:
      UserError: for the first subject whose files are missing, damaged, on another grid or without contrast.
    """
    grid = Grid(size)
    # One allocation for all: lists of arrays would need the memory twice while they are stacked.
    mri, pet = (np.empty((len(subjects), *grid.shape), np.float32) for _ in range(2))
    has_predictable = bool(subjects) and all(subject.predictable for subject in subjects)
    predictable = np.empty_like(pet) if has_predictable else None

    def load_row(row: int) -> IntensityRange:
        subject = subjects[row]
        mri[row] = load_volume(subject, "mri", grid, normalisation)[0]
        pet[row], pet_range = load_volume(subject, "pet", grid, normalisation)
        if predictable is not None:
            name = f"{subject.name}: predictable PET"
            volume = read_volume(subject.predictable, subject=name)
            check_grid(volume, shape=grid.shape, affine=grid.affine, subject=name)
            predictable[row] = pet_range.normalise(volume.data)
        return pet_range

    ranges = []
    with ThreadPoolExecutor() as pool:
        for done, pet_range in enumerate(pool.map(load_row, range(len(subjects))), start=1):
            ranges.append(pet_range)
            progress(done, len(subjects))
    return Pairs(
        participant_ids=tuple(subject.participant_id for subject in subjects),
        session_ids=tuple(subject.session_id for subject in subjects),
        diagnoses=tuple(subject.diagnosis for subject in subjects),
        mri=mri,
        pet=pet,
        predictable=predictable,
        pet_ranges=tuple(ranges),
    )


def load_volume(subject: Subject, modality: str, grid: Grid, normalisation: str) -> tuple[np.ndarray, IntensityRange]:
    """One volume, checked and brought to [0, 1], and the intensities that became 0 and 1.

    Args:
      subject: the visit.
      modality: "mri" or "pet".
      grid, normalisation: as for :func:`load_pairs`, with the grid itself.

    Raises:
      UserError: if the file is missing, damaged, on another grid or without contrast.
    """
    name = f"{subject.name}: {modality.upper()}"
    path = getattr(subject, modality)
    if path is None:
        raise UserError(f"{name}: expected a PET beside the MRI, found none. Train on subjects with both.")
    volume = read_volume(path, subject=name)
    check_grid(volume, shape=grid.shape, affine=grid.affine, subject=name)
    # The GM map is a probability, so it is min-max normalised whatever the PET's normalisation (Eq. 13).
    found = intensity_range(volume.data, "minmax" if modality == "mri" else normalisation, name)
    return found.normalise(volume.data), found
