"""Whether the people of another cohort are others than those whom a run was trained on."""

import dataclasses
import re
from collections.abc import Iterable, Sequence

from pcsa_jax.data.cohort import why_none_to_train_on
from pcsa_jax.data.contents import Known, contents_of
from pcsa_jax.data.pairs import Pairs
from pcsa_jax.data.phantom.roster import read_origin
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import Cohort, Subject, counted, listing
from pcsa_jax.errors import UserError
from pcsa_jax.machine.progress import console

OTHER = "other:"
"""Before the ids of another cohort in every table, if some of them are ids of training participants too."""

OTHER_SCANS = "their scans are others; other visits of the same people would be no test"


@dataclasses.dataclass(frozen=True)
class Outsiders:
    """The pairs of another cohort than the run's, before their volumes are read.

    Attributes:
      cohort: the other one.
      pairs: its pairs.
      shared: ids that training participants have too.
      reason: why those are other people; "" if their scans alone say so.
      inside: visits of shared ids whose files are in the run's own cohort, where an id is one person's.
    """

    cohort: Cohort
    pairs: tuple[Subject, ...]
    shared: tuple[str, ...]
    reason: str
    inside: tuple[str, ...] = ()

    def check(self, read: Pairs, trained: Pairs, known: Known) -> None:
        """Compares the content of the scans, whatever the ids are: who has other scans under an id is somebody else.

        Args:
          read: of :attr:`pairs`.
          trained: the training subjects.
          known: what training has read, those who validate included.

        Raises:
          UserError: if a scan was trained on, one that training has read is here under another id, or another one of a
            training participant is in the run's own cohort.
        """
        owners = {digest: key for key, digest in known.contents.items() if digest}
        train = {digest: key for key, digest in contents_of(trained.inputs).items() if digest}
        same: dict[str, str] = {}
        for key, digest in contents_of(read.inputs).items():
            owner = train.get(digest) or owners.get(digest)
            if owner is not None and (digest in train or owner.participant_id != key.participant_id):
                here, there = visit_name(*key[:2]), visit_name(*owner[:2])
                same[here] = here if here == there else f"{here}, in training {there}"
        if same:
            raise UserError(
                f"cohort {self.cohort.root}: expected nobody whom the run was trained on, found {len(same)} of its "
                f"training scans, voxel for voxel ({_names([*same.values()])}). Take those participants out."
            )
        if self.inside and not self.reason:
            raise UserError(
                f"cohort {self.cohort.root}: expected nobody whom the run was trained on, found other scans of its "
                f"training participants in the run's own cohort ({listing(self.inside)}). Another visit of the same "
                "person is no test; if they are other people, pass --other-people."
            )
        if self.shared and not self.reason:
            console.print(
                f"{self.cohort.root}: {counted(len(self.shared), 'id')} of training participants with other scans "
                f"({listing(self.shared)}), taken for other people. If they are other visits of the same people, take "
                "them out: that is no test."
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
            f"people ({self.reason or OTHER_SCANS}), and every id of this cohort begins with {OTHER} here."
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
    inside = tuple(s.name for s in external.pairs if s.participant_id in shared and _is_in(s, cohort))
    return Outsiders(external, external.pairs, shared, reason, inside)


def _is_in(visit: Subject, cohort: Cohort) -> bool:
    """Whether a visit's map or PET lies in the folder of a cohort."""
    root = cohort.root.resolve()
    return root.is_dir() and any(path.resolve().is_relative_to(root) for path in (visit.mri, visit.pet))


def _names(names: Sequence[str]) -> str:
    return "; ".join(names[:5]) + ("; ..." if len(names) > 5 else "")


def _last_number(cohort: Cohort) -> int:
    """The highest number of a phantom's subjects."""
    return max(int(re.sub(r"\D", "", subject.participant_id) or 0) for subject in cohort.subjects)
