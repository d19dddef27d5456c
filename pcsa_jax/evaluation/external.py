"""Whether the people of another cohort are others than those whom a run was trained on."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from pcsa_jax.data.cohort import why_none_to_train_on
from pcsa_jax.data.inputs import Input
from pcsa_jax.data.pairs import Pairs
from pcsa_jax.data.phantom.roster import read_origin
from pcsa_jax.data.subjects import Cohort, Subject, counted, listing
from pcsa_jax.errors import UserError

OTHER = "other:"
"""Before the ids of another cohort in every table, if some of them are ids of training participants too."""


@dataclasses.dataclass(frozen=True)
class Outsiders:
    """The pairs of another cohort than the run's, before their volumes are read.

    Attributes:
      cohort: the other one.
      pairs: its pairs.
      shared: ids that training participants have too.
      reason: why those are other people; "" if nobody knows, and the scans must be compared and the user asked.
    """

    cohort: Cohort
    pairs: tuple[Subject, ...]
    shared: tuple[str, ...]
    reason: str

    def check(self, read: Pairs, trained: Pairs) -> None:
        """Compares the content of the GM maps, whatever the ids are.

        Args:
          read: of :attr:`pairs`.
          trained: the training subjects.

        Raises:
          UserError: if a scan was trained on, or if ids are shared and nothing says that they are other people's.
        """
        known = {source.content_hash: source for source in _maps(trained.inputs)}
        same = [(source, known[source.content_hash]) for source in _maps(read.inputs) if source.content_hash in known]
        if same:
            names = [a.name if a.name == b.name else f"{a.name}, in training {b.name}" for a, b in same]
            raise UserError(
                f"cohort {self.cohort.root}: expected nobody whom the run was trained on, found {len(same)} of its "
                f"training scans, voxel for voxel ({_names(names)}). Take those participants out."
            )
        if self.shared and not self.reason:
            raise UserError(
                f"cohort {self.cohort.root}: expected nobody whom the run was trained on, found other scans under "
                f"{counted(len(self.shared), 'id')} of its training participants ({listing(self.shared)}). Another "
                "visit of the same person is no test; if they are other people, pass --other-people."
            )

    def mark(self, read: Pairs) -> Pairs:
        """``read`` with ids that no training participant has."""
        if not self.shared:
            return read
        return dataclasses.replace(read, participant_ids=tuple(f"{OTHER}{name}" for name in read.participant_ids))

    def describe(self) -> str:
        """One sentence for the report; "" where no ids are shared."""
        if not self.shared:
            return ""
        return (
            f"{counted(len(self.shared), 'id')} of this cohort are ids of training participants too; they are other "
            f"people ({self.reason}), and every id of this cohort begins with {OTHER} here."
        )


def outsiders(external: Cohort, cohort: Cohort, trained: Iterable[str], *, other_people: bool) -> Outsiders:
    """The pairs of ``external``, as far as tables alone tell who they are.

    Args:
      external: the cohort to be scored.
      cohort: the run's.
      trained: ids of the run's training participants.
      other_people: the user says that equal ids are other people.

    Raises:
      UserError: if there are no pairs, or if both are phantoms of one seed and share training participants.
    """
    if problem := why_none_to_train_on(external):
        raise UserError(f"{problem} Scores need a measured PET; python -m pcsa_jax synthesize does not.")
    shared = tuple(sorted({subject.participant_id for subject in external.pairs} & set(trained)))
    theirs, ours = read_origin(external), read_origin(cohort)
    if shared and theirs is not None and theirs == ours:
        raise UserError(
            f"cohort {external.root}: expected nobody whom the run was trained on, found {len(shared)} of its training "
            f"participants ({listing(shared)}): a phantom of the same seed ({ours.seed}) holds the same people. Make "
            f"others: python -m pcsa_jax phantom --first={_last_number(cohort) + 1}."
        )
    reason = ""
    if theirs is not None and ours is not None and theirs.seed != ours.seed:
        reason = f"a phantom of seed {theirs.seed}, not {ours.seed}"
    elif other_people:
        reason = "as --other-people says"
    return Outsiders(external, external.pairs, shared, reason)


def _maps(inputs: Iterable[Input]) -> list[Input]:
    return [source for source in inputs if source.modality == "mri"]


def _names(names: Sequence[str]) -> str:
    return "; ".join(names[:5]) + ("; ..." if len(names) > 5 else "")


def _last_number(cohort: Cohort) -> int:
    """The highest number of a phantom's subjects."""
    return max(int(re.sub(r"\D", "", subject.participant_id) or 0) for subject in cohort.subjects)
