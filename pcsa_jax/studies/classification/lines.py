"""The lines of Table 3: who was scored by which classifiers, as arrays."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

ARM_LABELS = {
    "mri": "MRI only",
    "mri+real_pet": "MRI + real PET",
    "mri+synthetic_pet": "MRI + synthetic PET",
    "mri+mean_pet": "MRI + mean PET",
    "mri+mri": "MRI + MRI",
}
"""Order and names of what a classifier was trained on."""

PET_LABELS = {
    "none": "nothing",
    "real": "real PET",
    "synthetic": "synthetic PET",
    "mean": "mean PET",
    "mri": "the MRI again",
}
"""What a classifier's second branch was given when it scored."""

TRAINED_ON = dict(zip(ARM_LABELS, PET_LABELS, strict=True))
"""What each arm's second branch was given in training."""

PART_LABELS = {"pairs": "held-out pairs", "mri_only": "MRI-only subjects"}

COLUMNS = (
    "seed",
    "fold",
    "arm",
    "pet",
    "part",
    "participant_id",
    "session_id",
    "diagnosis",
    "probability",
    "threshold",
)

LineKey = tuple[str, str]
"""Arm and what its second branch was given when scored."""


def label_of(key: LineKey) -> str:
    """``MRI + real PET``; if it was scored with something else, that too."""
    arm, pet = key
    return ARM_LABELS[arm] if pet == TRAINED_ON[arm] else f"{ARM_LABELS[arm]}, given {PET_LABELS[pet]}"


@dataclasses.dataclass(frozen=True)
class Line:
    """All scores of one arm with one kind of second input on one part of the cohort.

    Attributes:
      key: arm and second input.
      part: ``pairs`` (each subject scored once per seed, by the fold that held it out) or ``mri_only`` (each subject
        scored by every classifier).
      people: n participants; one who converted between visits counts once in each diagnosis.
      is_ad: n.
      models: the classifiers, (seed, fold).
      probability: models x n, of AD, mean over a participant's visits; NaN where a classifier did not score.
      threshold: one per classifier, chosen on its own validation subjects.
    """

    key: LineKey
    part: str
    people: tuple[tuple[str, str], ...]
    is_ad: np.ndarray
    models: tuple[tuple[int, int], ...]
    probability: np.ndarray
    threshold: np.ndarray

    @property
    def label(self) -> str:
        return label_of(self.key)

    @property
    def scored(self) -> np.ndarray:
        """Models x n: which classifier scored whom."""
        return ~np.isnan(self.probability)

    @property
    def called_ad(self) -> np.ndarray:
        """Models x n: True where the probability reaches the classifier's own threshold."""
        return self.scored & (np.nan_to_num(self.probability) >= self.threshold[:, None])

    @property
    def pools(self) -> list[list[int]]:
        """Classifiers whose decisions together cover every subject once: a seed's folds, or each by itself."""
        if self.part == "mri_only":
            return [[model] for model in range(len(self.models))]
        seeds = sorted({seed for seed, _ in self.models})
        return [[i for i, (own, _) in enumerate(self.models) if own == seed] for seed in seeds]


def read_lines(probabilities: "pd.DataFrame") -> dict[str, dict[LineKey, Line]]:
    """Part -> key -> line, in the order of every table; parts and lines without scores are left out.

    Args:
      probabilities: ``COLUMNS``, one line per seed, fold, arm, second input, participant and session.

    Raises:
      UserError: if a probability is no number in [0, 1], a diagnosis is neither AD nor CN, nothing is there, a subject
        of the pairs was not scored once per seed, or the lines of a part are not of the same people and classifiers.
    """
    _check(probabilities)
    parts = {}
    for part in PART_LABELS:
        own = probabilities[probabilities["part"] == part]
        keys = [(arm, pet) for arm in ARM_LABELS for pet in PET_LABELS]
        tables = {key: own[(own["arm"] == key[0]) & (own["pet"] == key[1])] for key in keys}
        lines = {key: _line(key, part, table) for key, table in tables.items() if len(table)}
        if lines:
            _check_same(lines)
            parts[part] = lines
    return parts


def _check(probabilities: "pd.DataFrame") -> None:
    known = {"arm": ARM_LABELS, "pet": PET_LABELS, "part": PART_LABELS, "diagnosis": ("AD", "CN")}
    if not len(probabilities):
        raise UserError("probabilities: expected at least one scored subject, found none. Score the classifiers first.")
    for column, expected in known.items():
        found = sorted({str(value) for value in probabilities[column]} - set(expected))
        if found:
            names = ", ".join(expected)
            raise UserError(
                f"probabilities: expected {column} to be one of {names}, found {found[0]!r}. Mend that line."
            )
    repeated = probabilities[probabilities.duplicated(list(COLUMNS[:7]))]
    if len(repeated):
        who = repeated.iloc[0]
        raise UserError(
            f"probabilities: {who['participant_id']} {who['session_id']}, arm {who['arm']} given {who['pet']}: "
            f"expected one line for seed {who['seed']}, fold {who['fold']}, found several. Score the classifiers again."
        )
    values = probabilities["probability"].to_numpy(float)
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1)))
    if len(wrong):
        who = probabilities.iloc[wrong[0]]
        raise UserError(
            f"probabilities: arm {who['arm']}, seed {who['seed']}, fold {who['fold']}, {who['participant_id']}: "
            f"expected a probability in [0, 1], found {values[wrong[0]]:g}. It has diverged; train it again."
        )


def _line(key: LineKey, part: str, table: "pd.DataFrame") -> Line:
    classifier = ["seed", "fold"]
    thresholds = table.groupby(classifier)["threshold"]
    assert (thresholds.nunique() == 1).all(), "a classifier has one threshold"
    ordered = table.sort_values(list(COLUMNS))
    means = ordered.groupby([*classifier, "participant_id", "diagnosis"])["probability"].mean()
    matrix = means.unstack(["participant_id", "diagnosis"]).sort_index().sort_index(axis="columns")
    line = Line(
        key=key,
        part=part,
        people=tuple(matrix.columns),
        is_ad=np.array([diagnosis == "AD" for _, diagnosis in matrix.columns]),
        models=tuple((int(seed), int(fold)) for seed, fold in matrix.index),
        probability=matrix.to_numpy(float),
        threshold=thresholds.first().sort_index().to_numpy(float),
    )
    for pool in line.pools:
        times = line.scored[pool].sum(axis=0)
        if (times != 1).any():
            who, seed = line.people[int(np.argmax(times != 1))][0], line.models[pool[0]][0]
            raise UserError(
                f"probabilities: {line.label}, {PART_LABELS[part]}, seed {seed}: expected {who} to be scored once by "
                f"{'each classifier' if part == 'mri_only' else 'one fold'}, found {times[times != 1][0]} times. "
                "Score the missing folds first."
            )
    return line


def _check_same(lines: dict[LineKey, Line]) -> None:
    first, *others = lines.values()
    for line in others:
        same = line.people == first.people and line.models == first.models
        if not same or not np.array_equal(line.scored, first.scored):
            raise UserError(
                f"probabilities: {line.label}, {PART_LABELS[line.part]}: expected the subjects, seeds and folds of "
                f"{first.label} ({len(first.people)} subjects, {len(first.models)} classifiers), found others "
                f"({len(line.people)} subjects, {len(line.models)} classifiers). Score the missing ones first."
            )
