"""Paired volumes of many subjects in memory."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.fingerprints import volume_hash
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import harmonise
from pcsa_jax.data.inputs import Input, check_together
from pcsa_jax.data.judgements import read_judged
from pcsa_jax.data.normalisation import IntensityRange, intensity_range
from pcsa_jax.data.placement import load_references
from pcsa_jax.data.regions import reference_weights
from pcsa_jax.data.subjects import Subject
from pcsa_jax.errors import UserError


class Normalisation(NamedTuple):
    """How PET intensities become [0, 1].

    Attributes:
      name: key of :data:`~pcsa_jax.data.normalisation.NORMALISATIONS`.
      reference_region: of :data:`~pcsa_jax.data.regions.REFERENCE_REGIONS`, for ``suvr``.
    """

    name: str
    reference_region: str = "pons"

    def range_of(self, pet: np.ndarray, grid: Grid, subject: str) -> IntensityRange:
        """The intensities of a PET on ``grid`` that become 0 and 1."""
        reference = reference_weights(grid, self.reference_region) if self.name == "suvr" else None
        return intensity_range(pet, self.name, subject, reference=reference)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Normalised MRI and PET of the same visits, one row a visit.

    Attributes:
      participant_ids, session_ids, diagnoses: one entry a row.
      mri: GM maps, float32 (n, x, y, z) in [0, 1].
      pet: real FDG-PET, the same.
      predictable: the phantom's PET without its unpredictable part, in the real PET's intensity range, clipped to
        [0, 1]; None if it was not asked for or any row lacks it.
      predictable_own: the same part, normalised by its own intensity range; None where ``predictable`` is.
      pet_ranges: the intensities (file units) that became 0 and 1 in ``pet``.
      inputs: the file and treatment of each volume, two a row.
      ages, sexes: years, and "F" or "M", one entry a row; None where no table says.
    """

    participant_ids: tuple[str, ...]
    session_ids: tuple[str, ...]
    diagnoses: tuple[str, ...]
    mri: np.ndarray
    pet: np.ndarray
    predictable: np.ndarray | None
    predictable_own: np.ndarray | None
    pet_ranges: tuple[IntensityRange, ...]
    inputs: tuple[Input, ...] = ()
    ages: tuple[float | None, ...] = ()
    sexes: tuple[str | None, ...] = ()

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
            predictable_own=None if self.predictable_own is None else self.predictable_own[index],
            pet_ranges=tuple(self.pet_ranges[i] for i in index),
            inputs=tuple(self.inputs[2 * i + k] for i in index for k in range(2)) if self.inputs else (),
            ages=tuple(self.ages[i] for i in index) if self.ages else (),
            sexes=tuple(self.sexes[i] for i in index) if self.sexes else (),
        )


class Loaded(NamedTuple):
    """One volume, ready for a network.

    Attributes:
      data: float32 x y z in [0, 1].
      intensities: what became 0 and 1, in the file's unit.
      source: the file and what was done to it.
    """

    data: np.ndarray
    intensities: IntensityRange
    source: Input


def load_pairs(
    subjects: Sequence[Subject],
    *,
    size: int,
    normalisation: str,
    reference_region: str = "pons",
    one_grid: bool = False,
    predictable: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pairs:
    """Reads, checks, harmonises and normalises both modalities of every subject.

    Args:
      subjects: visits that have a PET.
      size: voxels along each axis of the grid that the volumes are brought to.
      normalisation: key of :data:`~pcsa_jax.data.normalisation.NORMALISATIONS`.
      reference_region: of :data:`~pcsa_jax.data.regions.REFERENCE_REGIONS`, for ``suvr``.
      one_grid: refuse volumes of one modality on different grids, instead of bringing each to the cohort's.
      predictable: also read the phantom's predictable parts.
      progress: called with (subjects read, subjects in all).

    Raises:
      UserError: for the first subject with a file that :func:`~pcsa_jax.data.judgements.examine` finds a problem in; or
        if two files hold the same voxels, or lie on different grids and ``one_grid`` is asked for.
    """
    grid, how = Grid(size), Normalisation(normalisation, reference_region)
    # One allocation for all: lists of arrays would need the memory twice while they are stacked.
    mri, pet = (np.empty((len(subjects), *grid.shape), np.float32) for _ in range(2))
    wanted = predictable and bool(subjects) and all(subject.predictable for subject in subjects)
    expected, expected_own = (np.empty_like(pet) if wanted else None for _ in range(2))

    def load_row(row: int) -> tuple[Loaded, Loaded]:
        subject = subjects[row]
        loaded = load_volume(subject, "mri", grid, how), load_volume(subject, "pet", grid, how)
        mri[row], pet[row] = loaded[0].data, loaded[1].data
        if expected is not None:
            expected[row], expected_own[row] = _load_predictable(subject, grid, loaded[1].intensities, how)
        # The arrays hold the volumes: what is kept of each is its record.
        return loaded[0]._replace(data=np.empty(0)), loaded[1]._replace(data=np.empty(0))

    rows = []
    load_references()
    with ThreadPoolExecutor() as pool:
        for done, loaded in enumerate(pool.map(load_row, range(len(subjects))), start=1):
            rows.append(loaded)
            progress(done, len(subjects))
    inputs = tuple(volume.source for row in rows for volume in row)
    check_together(inputs, one_grid=one_grid)
    return Pairs(
        **_people(subjects),
        mri=mri,
        pet=pet,
        predictable=expected,
        predictable_own=expected_own,
        pet_ranges=tuple(pet.intensities for _, pet in rows),
        inputs=inputs,
    )


def _people(subjects: Sequence[Subject]) -> dict[str, tuple[Any, ...]]:
    """Who is in the rows of the pairs."""
    columns = {
        "participant_ids": "participant_id", "session_ids": "session_id", "diagnoses": "diagnosis", "ages": "age",
        "sexes": "sex",
    }  # fmt: skip
    return {name: tuple(getattr(subject, own) for subject in subjects) for name, own in columns.items()}


def load_volume(subject: Subject, modality: str, grid: Grid, normalisation: Normalisation) -> Loaded:
    """One volume, checked, brought to ``grid`` and to [0, 1].

    Args:
      subject: the visit.
      modality: "mri" or "pet".
      grid: that the volume is brought to.
      normalisation: of the PET. The GM map is a probability, so it is min-max normalised always (Eq. 13).

    Raises:
      UserError: for the first problem that :func:`~pcsa_jax.data.judgements.examine` finds.
    """
    name = f"{subject.name}: {modality.upper()}"
    path = getattr(subject, modality)
    if path is None:
        raise UserError(f"{name}: expected a PET beside the MRI, found none. Train on subjects with both.")
    volume = read_judged(path, modality, subject=name)
    found = harmonise(volume, grid, fwhm_mm=getattr(subject, f"{modality}_fwhm_mm"), subject=name)
    own = Normalisation("minmax") if modality == "mri" else normalisation
    intensities = own.range_of(found.data, grid, name)
    source = Input(
        subject.participant_id, subject.session_id, modality, path, volume.data.shape, volume.affine, found.steps,
        *intensities, intensities.count_clipped(found.data), volume_hash(volume.data, volume.affine),
        float(volume.data.min()), float(volume.data.max()), subject.pet_unit if modality == "pet" else "",
    )  # fmt: skip
    return Loaded(intensities.normalise(found.data), intensities, source)


def _load_predictable(
    subject: Subject, grid: Grid, real: IntensityRange, normalisation: Normalisation
) -> tuple[np.ndarray, np.ndarray]:
    """The phantom's predictable part, in the range of the real PET and in its own."""
    name = f"{subject.name}: predictable PET"
    volume = read_judged(subject.predictable, "predictable", subject=name)
    data = harmonise(volume, grid, fwhm_mm=subject.pet_fwhm_mm, subject=name).data
    return real.normalise(data), normalisation.range_of(data, grid, name).normalise(data)
