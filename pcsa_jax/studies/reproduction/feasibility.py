"""Whether a cohort has the participants that a reproduction needs, and their parts in every fold."""

from collections.abc import Sequence

from ml_collections import ConfigDict

from pcsa_jax.data.splits import SPLITS, make_splits
from pcsa_jax.data.subjects import DIAGNOSES, Cohort
from pcsa_jax.errors import UserError
from pcsa_jax.studies.reproduction.rowsets import TARGETS, row_sets


def check_cohort(cohort: Cohort, targets: Sequence[str], folds: int) -> None:
    """Raises UserError if the cohort's participants do not suffice for ``targets`` in ``folds`` folds."""
    subject = f"cohort {cohort.root}"
    found = list(cohort.diagnoses.values())
    counts = {diagnosis: found.count(diagnosis) for diagnosis in DIAGNOSES}
    if not found:
        raise UserError(
            f"{subject}: expected participants with GM map, PET and a diagnosis of AD or CN, found none. Nothing can "
            "be reproduced on it; python -m pcsa_jax synthesize needs neither PET nor diagnoses."
        )
    shown = " and ".join(f"{count} {diagnosis}" for diagnosis, count in counts.items())
    wanting = [target for target in targets if TARGETS[target].compares_groups]
    if wanting and not all(counts.values()):
        raise UserError(
            f"{subject}: expected participants of both diagnoses for {' and '.join(wanting)}, found {shown}. "
            f"{', '.join(row_sets())} can be run on it."
        )
    least = min(count for count in counts.values() if count)
    if least < folds:
        remedy = (
            f"--folds={least} can be run" if least > 1 else "Take that participant out, or add others of the diagnosis"
        )
        raise UserError(
            f"{subject}: expected at least {folds} participants of a diagnosis, one for each of {folds} folds, found "
            f"{shown}. {remedy}."
        )


def has_mri_only(cohort: Cohort) -> bool:
    """True if there are subjects without a PET whom classifiers can be tested on."""
    return any(subject.pet is None and subject.diagnosis in DIAGNOSES for subject in cohort.subjects)


def split_folds(
    data: ConfigDict, cohort: Cohort, folds: int, targets: Sequence[str], size: int = 0
) -> list[dict[str, str]]:
    """Everyone's part in each fold, the same for all rows and seeds; with ``size`` participants to train on, if any."""
    diagnoses = cohort.diagnoses
    splits = [
        make_splits(
            diagnoses, fold=fold, num_folds=folds, validation_fraction=data.validation_fraction, seed=data.split_seed,
            train_participants=size or data.train_subjects,
        )
        for fold in range(folds)
    ]  # fmt: skip
    if "table3" not in targets:
        return splits
    for fold, own in enumerate(splits):
        for part in SPLITS:
            missing = set(DIAGNOSES) - {diagnoses[person] for person, split in own.items() if split == part}
            if missing:
                raise UserError(
                    f"split: expected AD and CN in every part for table3, found no {min(missing)} in {part} of fold "
                    f"{fold}. Raise --config.data.validation_fraction (now {data.validation_fraction:g}) or use fewer "
                    f"folds; {', '.join(row_sets())} and disease can be run as it is."
                )
    return splits
