"""Training, validation and test parts by participant, stratified by diagnosis."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pcsa_jax.data.files import read_text, write_text
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows, table_text

SPLITS = ("train", "validation", "test")

UNUSED = "unused"
"""Of the training part, whom a training on fewer participants leaves out: neither read nor fitted on nor scored."""


def make_splits(
    diagnoses: Mapping[str, str],
    *,
    fold: int,
    num_folds: int,
    validation_fraction: float,
    seed: int,
    train_participants: int = 0,
) -> dict[str, str]:
    """Assigns each participant to one part.

    The participants of each diagnosis are shuffled once and dealt to the folds in turn, so every fold has the cohort's
    proportions and each participant is tested in exactly one fold. The validation part is taken from the others in the
    same way.

    Paper: split, folds and validation are not given.

    Args:
      diagnoses: participant_id -> diagnosis.
      fold: which fold is the test part, from 0.
      num_folds: number of folds.
      validation_fraction: part of the non-test participants used for validation, in (0, 1).
      seed: of the shuffle.
      train_participants: kept of the training part, in its proportions, the fewer among the more. 0: all.

    Returns:
      participant_id -> "train", "validation", "test" or "unused", in the order of ``diagnoses``.

    Raises:
      UserError: if there are too few participants for a non-empty part, or fewer than ``train_participants``.
    """
    if len(diagnoses) < num_folds:
        raise UserError(
            f"split: expected at least {num_folds} participants for {num_folds} folds, found {len(diagnoses)}. "
            "Set --config.data.num_folds lower."
        )
    rng = np.random.default_rng([seed, num_folds])
    splits = dict.fromkeys(diagnoses, "train")
    order: list[tuple[float, str, str]] = []  # of the training part: place within the diagnosis, from 0 to 1
    offset = 0
    for diagnosis in sorted(set(diagnoses.values())):
        members = sorted(person for person, found in diagnoses.items() if found == diagnosis)
        shuffled = [members[i] for i in rng.permutation(len(members))]
        # Each diagnosis starts dealing where the last one stopped: the folds stay within one person of each other.
        folds = [(offset + rank) % num_folds for rank in range(len(shuffled))]
        offset += len(shuffled)
        rest = [person for person, own in zip(shuffled, folds, strict=True) if own != fold]
        splits |= {person: "test" for person, own in zip(shuffled, folds, strict=True) if own == fold}
        num_validation = round(validation_fraction * len(rest))
        splits |= dict.fromkeys(rest[:num_validation], "validation")
        trained = rest[num_validation:]
        order += [((rank + 0.5) / len(trained), diagnosis, person) for rank, person in enumerate(trained)]
    for split in SPLITS:
        if split not in splits.values():
            raise UserError(
                f"split: expected participants in every part, found none in {split} ({len(diagnoses)} participants, "
                f"{num_folds} folds, validation fraction {validation_fraction:g}). Use more people or fewer folds."
            )
    left_out = _left_out(order, train_participants, fold) if train_participants else []
    return splits | dict.fromkeys(left_out, UNUSED)


def _left_out(order: Sequence[tuple[float, str, str]], number: int, fold: int) -> list[str]:
    """Whom a training on ``number`` participants leaves out; every beginning of the order has the proportions."""
    if number > len(order):
        raise UserError(
            f"config.data.train_subjects: expected at most {len(order)}, the participants of the training part of fold "
            f"{fold}, found {number}. 0 takes all."
        )
    return [person for _, _, person in sorted(order)[number:]]


def write_splits(path: Path, splits: Mapping[str, str]) -> None:
    """Writes ``splits.tsv`` (participant_id, split)."""
    rows = [("participant_id", "split"), *splits.items()]
    write_text(path, table_text(rows))


def read_splits(path: Path) -> dict[str, str]:
    """Reads ``splits.tsv``.

    Raises:
      UserError: if it is missing or malformed, or a participant is in two parts.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected the run's splits, found no file. Restore it or start a new run.")
    splits: dict[str, str] = {}
    columns, *rows = table_rows(read_text(path)) or [[]]
    if columns != ["participant_id", "split"]:
        raise UserError(f"{path}: expected the columns participant_id and split, found {columns or None}. Restore it.")
    for line, row in enumerate(rows, start=2):
        if len(row) > 2:
            raise UserError(f"{path} line {line}: expected a participant_id and a split, found {row}. Restore it.")
        person, split = (*row, None)[:2]
        if split not in (*SPLITS, UNUSED):
            raise UserError(
                f"{path} line {line}: {person} has split {split!r}, expected one of {', '.join((*SPLITS, UNUSED))}."
            )
        if person in splits:
            raise UserError(
                f"{path} line {line}: {person} is in {splits[person]} and in {split}, expected one part. "
                "A person in two parts makes every test score worthless; restore the file."
            )
        splits[person] = split
    return splits


def check_splits(splits: Mapping[str, str], participant_ids: Sequence[str], *, source: Path) -> None:
    """Raises UserError unless ``splits`` names exactly the cohort's participants."""
    known, expected = set(splits), set(participant_ids)
    if known != expected:
        example = sorted(known ^ expected)[0]
        raise UserError(
            f"{source}: expected the cohort's {len(expected)} participants, found {len(known)} "
            f"({len(known ^ expected)} differ, first {example}). This run was made with another cohort: "
            "use its cohort or another --workdir."
        )
