"""From a config's cohort to the volumes that training reads: in memory, or in files if they are too many."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.contents import Known, parse_known, volumes_of
from pcsa_jax.data.files import read_text
from pcsa_jax.data.harmonisation import NOBODY_SAYS
from pcsa_jax.data.inputs import (
    check_together,
    describe_clipping,
    describe_grids,
    describe_preparation,
    describe_scales,
    inputs_table,
)
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.phantom_mark import any_marked
from pcsa_jax.data.predictors.prior import count_channels
from pcsa_jax.data.splits import SPLITS, check_splits, make_splits, read_splits
from pcsa_jax.data.store import INPUTS, open_store, write_store
from pcsa_jax.data.subjects import Cohort, Subject
from pcsa_jax.experiment.cohort import check_phantom, open_cohort
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.processes import on_main, together
from pcsa_jax.machine.progress import console, progress
from pcsa_jax.training.feed import InformedVolumes, Volumes
from pcsa_jax.training.stamp import note_unknown


class TrainingData(NamedTuple):
    """What a training reads.

    Attributes:
      train, validation: the volumes of those parts of the cohort.
      is_resident: they fit the limit and may be copied to the devices; else they are mapped from files.
      splits: everyone's part.
      inputs: content of ``inputs.tsv``: which files were read, and what was done to them.
      cohort: name of the cohort.
      is_phantom: whether it was simulated by this software.
      is_modulated: whether the GM maps' names say that they are modulated.
      people: participant of each training row.
      folder: of arrays that do not fit into memory; None if they do.
      num_skipped: visits of the cohort that nothing can be learnt from: without a PET, or neither AD nor CN.
    """

    train: Volumes | InformedVolumes
    validation: Volumes | InformedVolumes
    is_resident: bool
    splits: dict[str, str]
    inputs: str
    cohort: str
    is_phantom: bool
    is_modulated: bool = False
    people: tuple[str, ...] = ()
    folder: Path | None = None
    num_skipped: int = 0

    def describe_left_out(self) -> str:
        """One sentence on what was not taken as it is: visits that were skipped, voxels that were clipped."""
        skipped = f"Skipped {self.num_skipped} visits without an FDG-PET or the diagnosis AD or CN"
        return f"{skipped}; {describe_clipping(self.inputs)}"

    def inform(self, train: np.ndarray, validation: np.ndarray) -> "TrainingData":
        """The same with what is known of each PET without a network, ``(n, x, y, z, k)``."""
        parts = ((self.train, train), (self.validation, validation))
        informed = [InformedVolumes(part.mri, part.pet, known) for part, known in parts]
        return self._replace(train=informed[0], validation=informed[1])


def load_training_data(
    config: ConfigDict, workdir: Workdir, *, is_resume: bool, elsewhere: Known | None = None
) -> TrainingData:
    """The training and validation volumes; those of the test subjects are not opened.

    Every process reads the volumes by itself; what has to be written first (the built-in cohort, the arrays of a large
    one) process 0 writes, while the others wait.

    Args:
      config: of the run.
      workdir: its folder.
      is_resume: the folder holds a run, whose volumes must be the same.
      elsewhere: what other runs, which this one is to be compared with, have read of the cohort.

    Raises:
      UserError: if the cohort cannot be read or is not the one that was split, or holds other volumes than were read.
    """
    data = config.data
    on_main(lambda: open_cohort(data).name)  # writes the built-in one
    cohort = together(lambda: open_cohort(data))
    splits = on_main(lambda: _splits(config, workdir, cohort, is_resume))
    train, validation = (
        [subject for subject in cohort.pairs if splits[subject.participant_id] == split] for split in SPLITS[:2]
    )
    known = _known(workdir, is_resume=is_resume)
    # The visits before any is read: a table that was edited must not open the files of a test subject.
    together(lambda: known.check(volumes_of(train + validation), everybody=True))
    is_resident = array_bytes(config, len(train + validation)) <= data.resident_gib * 2**30
    if is_resident:
        pairs = [_read(data, *part) for part in zip(SPLITS[:2], (train, validation), strict=True)]
        sources = [source for part in pairs for source in part.inputs]
        together(lambda: check_together(sources, one_grid=data.one_grid))
        parts, inputs = [Volumes(part.mri, part.pet) for part in pairs], inputs_table(sources)
    else:
        parts = _map(data, workdir, train, validation, known)
        inputs = (workdir.arrays / INPUTS).read_text(encoding="utf-8")
    found = parse_known(inputs, workdir.arrays / INPUTS).contents
    together(lambda: known.check(found, everybody=bool(found)))
    together(lambda: elsewhere and elsewhere.check(found))
    is_phantom = cohort.is_phantom or any_marked(train + validation)
    if is_phantom and not cohort.is_phantom:
        console.print(f"PHANTOM, not people: simulated volumes in {cohort.root}, by their headers")
    console.print(describe_preparation(inputs))
    for line in describe_grids(inputs):
        console.print(line)
    for line in describe_scales(inputs):
        console.print(line)
    if guessed := inputs.count(NOBODY_SAYS):
        console.print(
            f"Taken as not smoothed, as nobody says: {guessed} volumes. If they were, say so: SmoothingFWHM in a "
            "sidecar, mri_fwhm_mm in a manifest, or --config.data.fwhm_mm=MM"
        )
    people = tuple(subject.participant_id for subject in train)
    folder = None if is_resident else workdir.arrays
    is_modulated = any(parse_name(subject.mri).is_modulated for subject in train)
    num_skipped = len(cohort.subjects) - len(cohort.pairs)
    return TrainingData(
        *parts, is_resident, splits, inputs, cohort.name, is_phantom, is_modulated, people, folder, num_skipped
    )


def array_bytes(config: ConfigDict, num_subjects: int) -> int:
    """Bytes of so many subjects' MRI, PET and predictions in float32: in memory, or in the run's folder."""
    recipe = config.recipe
    return (
        (2 + count_channels(len(recipe.channels), deviations=recipe.deviations))
        * 4
        * config.data.size**3
        * num_subjects
    )


def _splits(config: ConfigDict, workdir: Workdir, cohort: Cohort, is_resume: bool) -> dict[str, str]:
    diagnoses = cohort.diagnoses
    if config.data.root:
        console.print(f"{cohort.root}: read as {cohort.layout} ({cohort.reason})")
    for note in cohort.notes:
        console.print(note)
    if is_resume:
        check_phantom(config.data, read_environment(workdir.environment), workdir.root)
        splits = read_splits(workdir.splits)
        check_splits(splits, list(diagnoses), source=workdir.splits)
        return splits
    data = config.data
    return make_splits(
        diagnoses, fold=data.fold, num_folds=data.num_folds, validation_fraction=data.validation_fraction,
        seed=data.split_seed, train_participants=data.train_subjects,
    )  # fmt: skip


def _read(data: ConfigDict, split: str, subjects: Sequence[Subject]) -> Pairs:
    with progress(f"Reading {split}") as report:
        return together(lambda: load_pairs(subjects, **reading(data), progress=report))


def reading(data: ConfigDict) -> dict[str, Any]:
    """How a config's ``data`` group has volumes read, as :func:`~pcsa_jax.data.pairs.load_pairs` takes it."""
    names = ("size", "normalisation", "reference_region", "one_grid")
    return {name: data[name] for name in names}


def _known(workdir: Workdir, *, is_resume: bool) -> Known:
    """What the run has read before."""
    table = on_main(lambda: read_text(workdir.inputs) if is_resume and workdir.inputs.is_file() else "")
    known = together(lambda: parse_known(table, workdir.inputs))
    if is_resume and not known.contents:
        note_unknown(workdir)
    return known


def _map(
    data: ConfigDict, workdir: Workdir, train: list[Subject], validation: list[Subject], known: Known
) -> list[Volumes]:
    """Both parts as rows of one store in the run's folder, which is written if it does not hold them already."""
    subjects = train + validation
    console.print(f"More than data.resident_gib = {data.resident_gib:g} GiB: volumes are read from {workdir.arrays}")
    with progress("Writing arrays") as report:
        on_main(lambda: write_store(workdir.arrays, subjects, **reading(data), known=known, progress=report))
    volumes = Volumes(*open_store(workdir.arrays))
    count = len(train)
    return [Volumes(*(v[:count] for v in volumes)), Volumes(*(v[count:] for v in volumes))]
