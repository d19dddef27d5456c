"""The classification from a generator's run to the table of probabilities (section 4.8, Table 3, Fig. 6).

Paper: whom the classifier was trained on, its network, threshold and repetitions are not given. Here the generator's
own split says who trains, who chooses checkpoint and threshold, and who is tested, so that neither network has seen the
people who are tested.

The synthetic PET of the training and validation visits comes from the same generator as that of the test visits. For
the visits that the generator was trained on it is an in-sample output and looks more like the real PET than a new
visit's does; for the validation visits, which chose its checkpoint, and the test visits it is not.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from ml_collections import ConfigDict

from pcsa_jax.data.files import names_of_others
from pcsa_jax.data.inputs import check_together
from pcsa_jax.data.predictors.linear import MeanPET
from pcsa_jax.data.splits import check_splits, read_splits
from pcsa_jax.data.subjects import Cohort, Subject
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.cohort import check_phantom, describe_training, open_cohort
from pcsa_jax.experiment.config import check_resumable, read_config, write_config
from pcsa_jax.experiment.environment import read_environment
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console
from pcsa_jax.studies.classification.arms import ARMS, REAL
from pcsa_jax.studies.classification.config import CLASSIFICATION, with_arm, with_generator
from pcsa_jax.studies.classification.probabilities import COLUMNS, read_probabilities, write_probabilities
from pcsa_jax.studies.classification.thresholds import Threshold, best_threshold, write_thresholds
from pcsa_jax.studies.classification.training import TrainedArm, train_arm
from pcsa_jax.studies.classification.visits import MRI_ONLY, PAIRS, Visits, find_parts, read_mri_only, read_pairs
from pcsa_jax.training.remembered import check_remembered
from pcsa_jax.training.trained import TrainedRun, open_run

if TYPE_CHECKING:
    import pandas as pd

CONFIG, ARMS_FOLDER, THRESHOLDS, PROBABILITIES = "classification.json", "arms", "thresholds.tsv", "probabilities.tsv"
"""What a classification's folder holds."""


def classify(config: ConfigDict, generator_run: Path, workdir: Path) -> "pd.DataFrame":
    """Trains every arm and scores it on visits that nobody has seen; what is finished in ``workdir`` is not done again.

    The files of the visits that are scored are not opened before every arm is trained and every threshold is fixed.

    Args:
      config: of :data:`~pcsa_jax.studies.classification.config.CLASSIFIER`.
      generator_run: folder of the trained generator; its best checkpoint is used.
      workdir: folder of the classification.

    Returns:
      The content of ``probabilities.tsv``; ``pet`` is what the PET's branch was given, a key of
      :attr:`~pcsa_jax.studies.classification.visits.Visits.pets`, and ``part`` is ``pairs`` or ``mri_only``.

    Raises:
      UserError: for a mistake in config, run, cohort or folder.
      SystemExit: with 128 + its number, if a signal has stopped a training; the same call goes on from there.
    """
    generator, workdir = Workdir(Path(generator_run)), Path(workdir)
    run = open_run(generator.root)
    config = with_generator(config, run)
    name, is_phantom = describe_training(run.config.data, run.environment)
    if is_phantom:
        console.print(f"PHANTOM: generator and classifiers are trained and tested on {name}, not on people")
    with contextlib.ExitStack() as held:
        _enter(config, workdir, held)
        if (workdir / PROBABILITIES).is_file():
            console.print(f"{workdir}: this classification is finished; nothing to do")
            return read_probabilities(workdir / PROBABILITIES)
        cohort, parts = _find_people(run, generator)
        train, validation = (read_pairs(run, part, parts[part]) for part in ("train", "validation"))
        check_together(read := [*train.inputs, *validation.inputs], one_grid=run.config.data.one_grid)
        check_remembered(run, generator, read)
        mean = MeanPET.fit(train.mri, train.pets[REAL])
        train, validation = train.with_mean(mean), validation.with_mean(mean)
        arms = _train(config, workdir, train, validation, resident_gib=run.config.data.resident_gib)
        thresholds = {name: _threshold(name, arm, validation) for name, arm in arms.items()}
        write_thresholds(workdir / THRESHOLDS, thresholds, {name: arm.step for name, arm in arms.items()})
        # Everything is decided: only now are the visits opened that it is judged by.
        scored = {PAIRS: read_pairs(run, "test", parts[PAIRS])}
        if parts[MRI_ONLY]:
            scored[MRI_ONLY] = read_mri_only(run, parts[MRI_ONLY])
        else:
            console.print(f"{cohort.root}: nobody with AD or CN and without a PET, so the part {MRI_ONLY} is missing")
        inputs = [source for visits in (train, *scored.values()) for source in visits.inputs]
        check_together(inputs, one_grid=run.config.data.one_grid)
        check_remembered(run, generator, [source for visits in scored.values() for source in visits.inputs])
        table = _score(arms, thresholds, {part: visits.with_mean(mean) for part, visits in scored.items()})
        write_probabilities(workdir / PROBABILITIES, table)
        return read_probabilities(workdir / PROBABILITIES)


def _enter(config: ConfigDict, workdir: Path, held: contextlib.ExitStack) -> None:
    """Opens and locks the folder; what is there of another length of training is not finished any more."""
    path = workdir / CONFIG
    if not path.is_file():
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            others = names_of_others(workdir, {".lock"})
        except OSError as error:
            raise UserError(
                f"--workdir {workdir}: expected a folder that can be written, found {error.strerror}. Choose another."
            ) from error
        if others:
            raise UserError(
                f"--workdir {workdir}: expected an empty folder or a classification, found other files ({others[0]}, "
                f"{len(others)} in all). Choose another."
            )
    held.enter_context(Workdir(workdir).lock())
    changes = []
    if path.is_file():
        changes = check_resumable(read_config(path, CLASSIFICATION), config, workdir, CLASSIFICATION)
    if changes:
        (workdir / PROBABILITIES).unlink(missing_ok=True)
    if changes or not path.is_file():
        write_config(path, config)


def _find_people(run: TrainedRun, generator: Workdir) -> tuple[Cohort, dict[str, list[Subject]]]:
    """The generator's cohort and its visits, part by part; no volume is opened."""
    check_phantom(run.config.data, read_environment(generator.environment), generator.root)
    cohort = open_cohort(run.config.data)
    splits = read_splits(generator.splits)
    if cohort.pairs:
        check_splits(splits, list(cohort.diagnoses), source=generator.splits)
    return cohort, find_parts(cohort, splits)


def _train(
    config: ConfigDict, workdir: Path, train: Visits, validation: Visits, *, resident_gib: float
) -> dict[str, TrainedArm]:
    """Every arm at its best checkpoint."""
    arms = {}
    for name in ARMS:
        own, folder = with_arm(config, name), Workdir(workdir / ARMS_FOLDER / name)
        outcome = train_arm(own, folder, train, validation, resident_gib=resident_gib)
        if outcome.signal_number is not None:
            raise SystemExit(128 + outcome.signal_number)
        arms[name] = TrainedArm(own, folder, train)
    return arms


def _threshold(name: str, arm: TrainedArm, validation: Visits) -> Threshold:
    mri, pet, is_ad = validation.arrays(ARMS[name].trained_with)
    return best_threshold(arm(mri, pet), is_ad)


def _score(arms: dict[str, TrainedArm], thresholds: dict[str, Threshold], scored: dict[str, Visits]) -> "pd.DataFrame":
    """One line per arm, PET that it is given, and visit."""
    import pandas as pd

    rows = []
    for name, arm in arms.items():
        for pet in ARMS[name].scored_with:
            for part, visits in scored.items():
                if pet not in visits.pets:
                    continue
                for subject, probability in zip(visits.subjects, arm(visits.mri, visits.pets[pet]), strict=True):
                    who = (subject.participant_id, subject.session_id, subject.diagnosis)
                    rows.append((name, pet, part, *who, probability, thresholds[name].value))
    return pd.DataFrame(rows, columns=list(COLUMNS))
