"""Who is in a cohort: visits, the cohort that is read, and what a survey of a folder finds."""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.problems import Problem, visit_name

DIAGNOSES = ("AD", "CN")
"""The two groups of the paper: the visits that are trained and tested on."""

OTHER_DIAGNOSES = ("MCI", "EMCI", "LMCI", "SMC")
"""Known in ADNI's tables; such visits are read, but are no pairs to train on. So are those without a diagnosis."""

DIAGNOSES_FROM = ("any", "visit")
"""Which row of the tables gives a visit its diagnosis: its own or else the participant's; its own alone."""

# Labels become parts of file names, of which no disk takes more than 255 characters.
PARTICIPANT_ID = re.compile(r"sub-[A-Za-z0-9]{1,100}")
SESSION_ID = re.compile(r"ses-[A-Za-z0-9]{1,100}")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One visit of one participant.

    Attributes:
      participant_id: "sub-X".
      session_id: "ses-Y", or "" without sessions.
      diagnosis: one of ``DIAGNOSES`` or ``OTHER_DIAGNOSES``, or "" if none is known.
      mri: path of the GM map.
      pet: path of the FDG-PET; None for MRI-only subjects.
      predictable: the phantom's PET without its unpredictable part; None in real cohorts.
      mri_fwhm_mm, pet_fwhm_mm: what the volume has been smoothed with, as name, sidecar or manifest say; None if
        nobody says (see :func:`~pcsa_jax.data.harmonisation.harmonise`).
      mri_session_id: session of the GM map, "" if it has none, where it serves the PET of another session; else None.
      age, sex: years, and "F" or "M", as a table says; None if none does. They do not tell visits apart.
      pet_unit: unit of the PET's values ("SUVR", "Bq/mL", ...) as its sidecar or name says; "" if neither does. It does
        not tell visits apart.
    """

    participant_id: str
    session_id: str
    diagnosis: str
    mri: Path
    pet: Path | None
    predictable: Path | None = None
    mri_fwhm_mm: float | None = None
    pet_fwhm_mm: float | None = None
    mri_session_id: str | None = None
    age: float | None = dataclasses.field(default=None, compare=False)
    sex: str | None = dataclasses.field(default=None, compare=False)
    pet_unit: str = dataclasses.field(default="", compare=False)

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)

    @property
    def is_pair(self) -> bool:
        """True with both modalities and one of the two diagnoses."""
        return self.pet is not None and self.diagnosis in DIAGNOSES


class Reading(NamedTuple):
    """What a user says of a cohort that its files leave open.

    Attributes:
      participants: ``participants.tsv`` or its folder, if not in the cohort.
      tracer: that of the PET whose name and sidecars do not say; "" if nobody knows.
      diagnosis: key of :data:`DIAGNOSES_FROM`.
      fwhm_mm: what the volumes have been smoothed with of which nobody says; None for the rule of
        :func:`~pcsa_jax.data.harmonisation.harmonise`.
      accept_suspicious: take the visits that ``quality.tsv`` calls suspicious without a decision on each.
      maps_only: read the GM maps of everybody whose folder holds one, and neither PET nor diagnoses: for synthesis.
    """

    participants: Path | None = None
    tracer: str = ""
    diagnosis: str = "any"
    fwhm_mm: float | None = None
    accept_suspicious: bool = False
    maps_only: bool = False


class Seen(NamedTuple):
    """What the readers met on their way to the visits, for the case that none can be trained on.

    Attributes:
      tracers: tracer in a PET's name or sidecar -> files.
      unmet: visits with an FDG-PET of a session that none of the person's several GM maps belongs to.
    """

    tracers: tuple[tuple[str, int], ...] = ()
    unmet: tuple[str, ...] = ()


NOTHING_SEEN = Seen()


@dataclasses.dataclass(frozen=True)
class Cohort:
    """The visits of one folder or manifest, in the order of their names.

    Attributes:
      root: the folder or the manifest.
      name: ``Name`` of its ``dataset_description.json``, or of the folder.
      is_phantom: True if its ``GeneratedBy`` or the sidecar of any volume says that it was simulated here.
      subjects: every visit with a GM map, whatever its diagnosis, with or without PET.
      without_mri: participants that the table lists and no GM map belongs to.
      layout: how it was read ("BIDS derivatives", "Clinica CAPS", "manifest").
      reason: what told the layout.
      notes: one line each on what was chosen and what was left out.
      seen: what else there was.
    """

    root: Path
    name: str
    is_phantom: bool
    subjects: tuple[Subject, ...]
    without_mri: tuple[str, ...] = ()
    layout: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    seen: Seen = NOTHING_SEEN

    @property
    def pairs(self) -> tuple[Subject, ...]:
        """The visits that are trained and tested on: both modalities, AD or CN."""
        return tuple(subject for subject in self.subjects if subject.is_pair)

    @property
    def diagnoses(self) -> dict[str, str]:
        """participant_id -> diagnosis at the first of its pairs: a split stratifies people, who may convert later."""
        found: dict[str, str] = {}
        for subject in self.pairs:
            found.setdefault(subject.participant_id, subject.diagnosis)
        return found


@dataclasses.dataclass(frozen=True)
class Survey:
    """A cohort as it stands on disk, with every problem of its tables and names; no volume has been opened.

    Attributes: those of :class:`Cohort`, and
      problems: in the order in which they were met; a cohort with any cannot be trained on.
    """

    root: Path
    name: str
    layout: str
    reason: str
    is_phantom: bool
    subjects: tuple[Subject, ...]
    without_mri: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    seen: Seen = NOTHING_SEEN


@dataclasses.dataclass(frozen=True)
class Findings:
    """What the readers come across on their way, collected.

    Attributes:
      problems: faults, each of which keeps a training from starting.
      notes: choices and omissions that a user wants to know of.
      unread: (modality, reason) -> what it was -> files: those that were seen and not taken.
      tracers: tracer -> PET files.
      unmet: see :class:`Seen`.
      by_name: files whose names say the session that their folder does not.
      accepted: suspicious visits that are taken although nobody has decided on them.
    """

    problems: list[Problem] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    unread: dict[tuple[str, str], Counter[str]] = dataclasses.field(default_factory=lambda: defaultdict(Counter))
    tracers: Counter[str] = dataclasses.field(default_factory=Counter)
    unmet: list[str] = dataclasses.field(default_factory=list)
    by_name: list[Path] = dataclasses.field(default_factory=list)
    accepted: list[str] = dataclasses.field(default_factory=list)

    def add(
        self, file: Path, found: str, remedy: str, *, visit: tuple[str, str] = ("", ""),
        is_of_all: bool = False,
    ) -> None:  # fmt: skip
        """Adds a problem of ``file``; ``visit`` is its (participant_id, session_id)."""
        self.problems.append(Problem(*visit, file, found, remedy, is_of_all))

    def leave(self, modality: str, reason: str, what: str) -> None:
        """Counts a file that was seen and is not taken: ``modality`` "GM map", "FDG-PET", ..., ``reason`` "tracer"."""
        self.unread[modality, reason][what] += 1

    def describe_unread(self) -> list[str]:
        """One note a reason."""
        notes = []
        for (modality, reason), counts in self.unread.items():
            words = [f"{-number} {what}" for number, what in sorted((-number, what) for what, number in counts.items())]
            shown = ", ".join(words[:8]) + (", ..." if words[8:] else "")
            notes.append(f"Not taken for {modality}s, by {reason}: {counted(counts.total(), 'file')} ({shown})")
        return notes

    def describe_formats(self, modality: str) -> str:
        """The volumes of formats that no reader takes, and what converts them; "" without any."""
        counts = self.unread.get((modality, "format"), Counter()).most_common()
        return ", ".join(f"{count} {what}" for what, count in counts)

    def check_presence(self, path: Path, *, visit: tuple[str, str]) -> None:
        """Adds a problem if ``path`` does not lead to anything."""
        if path.exists():
            return
        if path.is_symlink():
            found = "expected a file, found a link to nothing (DataLad or git-annex: not fetched)"
            self.add(path, found, "Fetch it (datalad get FILE) or remove the visit", visit=visit)
        else:
            self.add(path, "expected a file, found none", "Restore it or remove the visit", visit=visit)


def counted(count: int, noun: str) -> str:
    """``3 visits``."""
    return f"{count} {noun}{'s' if count != 1 else ''}"


def listing(names: Iterable[str]) -> str:
    """The first names of a list that may be long."""
    names = list(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def describe_left_out(subjects: Iterable[Subject]) -> list[str]:
    """Notes on the visits that are no pairs: how many, and why."""
    subjects = list(subjects)
    notes = []
    without_pet = [subject.name for subject in subjects if subject.pet is None]
    if without_pet:
        notes.append(f"Not trained on: {counted(len(without_pet), 'visit')} without a PET ({listing(without_pet)})")
    others = Counter(subject.diagnosis for subject in subjects if subject.diagnosis not in DIAGNOSES)
    if others:
        counts = ", ".join(f"{others[name]} {name or 'without a diagnosis'}" for name in sorted(others))
        notes.append(f"Not trained on: {counted(others.total(), 'visit')} neither AD nor CN ({counts})")
    return notes
