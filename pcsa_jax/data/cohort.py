"""Finding the subjects of a cohort on disk (BIDS derivatives)."""

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

from pcsa_jax.data.files import read_text
from pcsa_jax.data.layout import PARTICIPANT_COLUMNS, PHANTOM_GENERATOR
from pcsa_jax.errors import UserError

DIAGNOSES = ("AD", "CN")
PARTICIPANT_ID = re.compile(r"sub-[A-Za-z0-9]+")
MRI_GLOBS = ("anat/*_label-GM_probseg.nii*", "ses-*/anat/*_label-GM_probseg.nii*")
PET_SUFFIX = re.compile(r"_pet\.nii(\.gz)?$")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One visit of one participant.

    Attributes:
      participant_id: "sub-X".
      session_id: "ses-Y", or "" without sessions.
      diagnosis: "AD" or "CN".
      mri: path of the GM map.
      pet: path of the FDG-PET; None for MRI-only subjects.
      predictable: the phantom's PET without its unpredictable part; None in real cohorts.
    """

    participant_id: str
    session_id: str
    diagnosis: str
    mri: Path
    pet: Path | None
    predictable: Path | None

    @property
    def name(self) -> str:
        return f"{self.participant_id} {self.session_id}".strip()


@dataclasses.dataclass(frozen=True)
class Cohort:
    """The subjects of one folder, in the order of their names.

    Attributes:
      root: the folder.
      name: ``Name`` of its ``dataset_description.json``.
      is_phantom: True for the built-in cohort, as its ``GeneratedBy`` says.
      without_mri: participants that ``participants.tsv`` lists and no GM map belongs to.
    """

    root: Path
    name: str
    is_phantom: bool
    subjects: tuple[Subject, ...]
    without_mri: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[Subject, ...]:
        """The subjects with both modalities."""
        return tuple(subject for subject in self.subjects if subject.pet is not None)


def read_cohort(root: Path) -> Cohort:
    """Finds every subject below ``root`` that ``participants.tsv`` lists; volumes are not opened.

    Raises:
      UserError: if the folder, its tables or its GM maps are missing or contradict each other.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(
            f"cohort {root}: expected a folder, found none. Check --config.data.root, or leave it empty for the "
            "built-in cohort."
        )
    description = _read_description(root)
    diagnoses = _read_diagnoses(root)
    subjects = tuple(
        subject for participant_id in sorted(diagnoses) for subject in _visits(root, participant_id, diagnoses)
    )
    if not subjects:
        raise UserError(
            f"cohort {root}: expected GM maps named sub-*/[ses-*/]anat/*_label-GM_probseg.nii.gz, found none. "
            "README.md, 'Your own data', shows the layout."
        )
    generators = description.get("GeneratedBy") or [{}]
    return Cohort(
        root=root,
        name=description.get("Name", root.name),
        is_phantom=generators[0].get("Name") == PHANTOM_GENERATOR,
        subjects=subjects,
        without_mri=tuple(sorted(diagnoses.keys() - {subject.participant_id for subject in subjects})),
    )


def _read_description(root: Path) -> dict:
    path = root / "dataset_description.json"
    if not path.is_file():
        found = "an empty folder" if not any(root.iterdir()) else "none"
        raise UserError(
            f"cohort {root}: expected dataset_description.json (BIDS derivatives), found {found}. "
            "README.md, 'Your own data', shows the layout."
        )
    try:
        description = json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: expected JSON, found {error}. Mend the file.") from error
    if not isinstance(description, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(description).__name__}. Mend the file.")
    return description


def _read_diagnoses(root: Path) -> dict[str, str]:
    """participant_id -> diagnosis, from ``participants.tsv``."""
    path = root / "participants.tsv"
    if not path.is_file():
        columns = ", ".join(PARTICIPANT_COLUMNS)
        raise UserError(f"cohort {root}: expected participants.tsv ({columns}), found none. Write one line a person.")
    reader = csv.DictReader(io.StringIO(read_text(path)), delimiter="\t")
    missing = {"participant_id", "diagnosis"} - set(reader.fieldnames or ())
    if missing:
        raise UserError(
            f"{path}: expected the columns participant_id and diagnosis, found {reader.fieldnames}. "
            f"Add {', '.join(sorted(missing))} (tab-separated)."
        )
    rows = list(reader)
    diagnoses: dict[str, str] = {}
    for line, row in enumerate(rows, start=2):
        participant_id, diagnosis = (row["participant_id"] or "").strip(), (row["diagnosis"] or "").strip()
        if not PARTICIPANT_ID.fullmatch(participant_id):
            raise UserError(
                f"{path} line {line}: expected a participant_id like sub-0001, found {participant_id!r}. Rename it."
            )
        if diagnosis not in DIAGNOSES:
            raise UserError(
                f"{path} line {line}: {participant_id} has diagnosis {diagnosis!r}, expected one of "
                f"{', '.join(DIAGNOSES)}. Correct or remove the line."
            )
        if participant_id in diagnoses:
            raise UserError(f"{path} line {line}: {participant_id} is listed twice, expected once. Remove one line.")
        diagnoses[participant_id] = diagnosis
    return diagnoses


def _visits(root: Path, participant_id: str, diagnoses: dict[str, str]) -> list[Subject]:
    folder = root / participant_id
    visits: dict[str, Subject] = {}
    for mri in sorted(path for pattern in MRI_GLOBS for path in folder.glob(pattern)):
        visit = mri.parent.parent
        session_id = visit.name if visit != folder else ""
        if session_id in visits:
            raise UserError(
                f"{participant_id} {session_id}".strip()
                + f": expected one GM map, found {visits[session_id].mri.name} and {mri.name}. Keep one."
            )
        pet, predictable = _find_pet(visit, f"{participant_id} {session_id}".strip())
        visits[session_id] = Subject(participant_id, session_id, diagnoses[participant_id], mri, pet, predictable)
    return list(visits.values())


def _find_pet(visit: Path, name: str) -> tuple[Path | None, Path | None]:
    """The visit's measured PET and, in the phantom, its predictable part."""
    found = sorted(path for path in visit.glob("pet/*_trc-18FFDG_*") if PET_SUFFIX.search(path.name))
    predictable = [path for path in found if "_desc-predictable_" in path.name]
    measured = [path for path in found if "_desc-" not in path.name]
    if len(measured) > 1 or len(predictable) > 1:
        names = ", ".join(path.name for path in found)
        raise UserError(f"{name}: expected one FDG-PET volume, found {names}. Keep one.")
    return (measured[0] if measured else None), (predictable[0] if predictable else None)
