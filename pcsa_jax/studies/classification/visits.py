"""The visits of a classification, part by part, and their volumes: grey-matter map, real PET, synthetic PET."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.inputs import Input, check_together
from pcsa_jax.data.pairs import Loaded, Normalisation, load_pairs, load_volume
from pcsa_jax.data.predictors.linear import MeanPET
from pcsa_jax.data.subjects import DIAGNOSES, Cohort, Subject
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import progress
from pcsa_jax.studies.classification.arms import MEAN, MRI, NONE, REAL, SYNTHETIC
from pcsa_jax.synthesis.inference import Inference
from pcsa_jax.training.data import reading
from pcsa_jax.training.trained import TrainedRun

PAIRS, MRI_ONLY = "pairs", "mri_only"
"""Parts that are scored: the generator's test fold, and people of whom there is no PET."""


class Visits(NamedTuple):
    """Visits of one part with all that a network may be given of them.

    Attributes:
      subjects: one a row.
      pets: what the PET's branch may be given (:mod:`~pcsa_jax.studies.classification.arms`) -> float32 (n, x, y, z);
        under ``none`` and ``mri`` the grey-matter maps.
      inputs: the files.
    """

    subjects: tuple[Subject, ...]
    pets: Mapping[str, np.ndarray]
    inputs: tuple[Input, ...]

    @property
    def mri(self) -> np.ndarray:
        """Grey-matter maps, float32 (n, x, y, z) in [0, 1]."""
        return self.pets[MRI]

    @property
    def is_ad(self) -> np.ndarray:
        """1 for AD, 0 for CN, float32 (n,)."""
        return np.asarray([subject.diagnosis == "AD" for subject in self.subjects], np.float32)

    def arrays(self, pet: str) -> list[np.ndarray]:
        """The fields of a batch for the PET's branch being given ``pet``."""
        return [self.mri, self.pets[pet], self.is_ad]

    def with_mean(self, mean: MeanPET) -> "Visits":
        """The same visits with the mean PET of others."""
        return self._replace(pets={**self.pets, MEAN: mean.predict(self.mri)})


def find_parts(cohort: Cohort, splits: Mapping[str, str]) -> dict[str, list[Subject]]:
    """The visits of ``train``, ``validation``, :data:`PAIRS` and :data:`MRI_ONLY`, from the cohort's tables alone.

    MRI-only are the visits of AD and CN without a PET, of people who are in no part of the generator's split.

    Raises:
      UserError: if there is no diagnosis, or a part in which both are needed lacks one.
    """
    if not cohort.pairs:
        raise UserError(
            f"cohort {cohort.root}: expected visits with GM map and PET and a diagnosis of AD or CN, found none. "
            "Classification needs diagnoses (participants.tsv); python -m pcsa_jax synthesize does not."
        )
    parts = {
        part: [subject for subject in cohort.pairs if splits[subject.participant_id] == split]
        for part, split in (("train", "train"), ("validation", "validation"), (PAIRS, "test"))
    }
    for part, subjects in parts.items():
        counts = Counter(subject.diagnosis for subject in subjects)
        missing = [diagnosis for diagnosis in DIAGNOSES if not counts[diagnosis]]
        if missing:
            found = ", ".join(f"{count} {diagnosis}" for diagnosis, count in counts.items()) or "nobody"
            raise UserError(
                f"cohort {cohort.root}: expected AD and CN in the generator's {'test' if part == PAIRS else part} "
                f"part, found {found}. Train a generator with more people, or another data.split_seed or "
                "data.validation_fraction."
            )
    parts[MRI_ONLY] = [
        subject
        for subject in cohort.subjects
        if subject.pet is None and subject.diagnosis in DIAGNOSES and subject.participant_id not in splits
    ]
    return parts


def read_pairs(run: TrainedRun, part: str, subjects: Sequence[Subject]) -> Visits:
    """Reads visits that have a PET and generates a second one.

    Raises:
      UserError: if a file cannot be used.
    """
    with progress(f"Reading {part}") as report:
        pairs = load_pairs(subjects, **reading(run.config.data), progress=report)
    pets = {NONE: pairs.mri, MRI: pairs.mri, REAL: pairs.pet, SYNTHETIC: _synthesise(run, part, pairs.mri)}
    return Visits(tuple(subjects), pets, pairs.inputs)


def read_mri_only(run: TrainedRun, subjects: Sequence[Subject]) -> Visits:
    """Reads visits that have no PET and generates one.

    Raises:
      UserError: if a file cannot be used, or they do not lie on one grid.
    """
    grid = Grid(run.config.data.size)

    def load(subject: Subject) -> Loaded:
        # A GM map is normalised in one way, whatever the PET's is.
        return load_volume(subject, "mri", grid, Normalisation("minmax"))

    mri = np.empty((len(subjects), *grid.shape), np.float32)
    inputs = []
    with progress("Reading MRI-only subjects") as report, ThreadPoolExecutor() as pool:
        for row, loaded in enumerate(pool.map(load, subjects)):
            mri[row] = loaded.data
            inputs.append(loaded.source)
            report(row + 1, len(subjects))
    check_together(inputs, one_grid=run.config.data.one_grid)
    pets = {NONE: mri, MRI: mri, SYNTHETIC: _synthesise(run, "MRI-only subjects", mri)}
    return Visits(tuple(subjects), pets, tuple(inputs))


def _synthesise(run: TrainedRun, part: str, mri: np.ndarray) -> np.ndarray:
    infer = Inference.of_run(run)
    synthetic = np.empty_like(mri)
    with progress(f"Generating PET of {part}") as report:
        for start in range(0, len(mri), infer.batch_size):
            rows = slice(start, start + infer.batch_size)
            synthetic[rows] = infer(mri[rows])
            report(min(rows.stop, len(mri)), len(mri))
    return synthetic
