"""Finding the T1w scan and the FDG-PET of every visit in a raw BIDS data set; volumes are not opened."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pcsa_jax.data.foreign_formats import unread_format
from pcsa_jax.data.layouts.sidecars import Sidecars, read_object
from pcsa_jax.data.names import NIFTI, is_fdg, parse_name
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import PARTICIPANT_ID, SESSION_ID, Findings
from pcsa_jax.errors import UserError

CHOICES = ("run", "acq", "rec")
"""Entities that may tell several scans of one visit apart, and that the user may choose by."""


@dataclasses.dataclass(frozen=True)
class RawVisit:
    """The scans of one visit.

    Attributes:
      participant_id: "sub-X".
      session_id: "ses-Y", or "" without sessions.
      t1: path of the T1w scan.
      pet: path of the FDG-PET, one frame or several; None if there is none.
      pet_facts: the PET's sidecars, merged as BIDS says (the nearest file wins).
    """

    participant_id: str
    session_id: str
    t1: Path
    pet: Path | None
    pet_facts: Mapping[str, Any] = dataclasses.field(hash=False)

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)


@dataclasses.dataclass(frozen=True)
class RawCohort:
    """What a raw BIDS folder holds.

    Attributes:
      root: the folder.
      name: ``Name`` of its ``dataset_description.json``.
      visits: in the order of their names.
      notes: scans that are left out, and why; one line each.
    """

    root: Path
    name: str
    visits: tuple[RawVisit, ...]
    notes: tuple[str, ...]


def read_raw_cohort(
    root: Path, *, participants: Sequence[str] | None = None, choices: Mapping[str, str] | None = None
) -> RawCohort:
    """Finds the visits with a T1w scan.

    Args:
      root: a raw BIDS data set.
      participants: which to take ("01" or "sub-01"); all if not given.
      choices: entity of :data:`CHOICES` -> label ("run" -> "1"), for visits with several scans of a kind.

    Raises:
      UserError: if the folder is none of BIDS, a participant is not in it, a visit has several scans of a kind that
        ``choices`` does not decide between, or no T1w scan is found.
    """
    root = Path(root)
    name = _dataset_name(root)
    notes: list[str] = []
    visits: list[RawVisit] = []
    troubles: list[str] = []
    for folder in _participant_folders(root, participants, notes):
        for visit in _visit_folders(folder, notes):
            try:
                visits += _read_visit(root, visit, choices or {}, notes)
            except UserError as error:
                troubles.append(str(error))
    if troubles:
        more = f" (and {len(troubles) - 1} more visits like it)" if len(troubles) > 1 else ""
        raise UserError(troubles[0] + more)
    if not visits:
        raise UserError(
            f"{root}: expected T1w scans named sub-*/[ses-*/]anat/*_T1w.nii.gz, found none. Give a raw BIDS data set."
        )
    return RawCohort(root, name, tuple(visits), tuple(notes))


def _dataset_name(root: Path) -> str:
    path = root / "dataset_description.json"
    if not path.is_file():
        found = "no such file" if root.is_dir() else "no such folder"
        raise UserError(f"{root}: expected a raw BIDS data set with dataset_description.json, found {found}.")
    description = _read_object(path)
    if description.get("DatasetType", "raw") == "derivative":
        raise UserError(
            f"{root}: expected a raw BIDS data set, found derivatives (DatasetType in dataset_description.json). "
            "Give the folder of the scans themselves."
        )
    return str(description.get("Name") or root.resolve().name)


def _read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    findings = Findings()
    found = read_object(path, findings)
    _refuse(findings)
    return found


def _refuse(findings: Findings) -> None:
    """Raises UserError for the first problem."""
    if findings.problems:
        raise UserError(str(findings.problems[0]))


def _participant_folders(root: Path, wanted: Sequence[str] | None, notes: list[str]) -> list[Path]:
    found = {path.name: path for path in sorted(root.glob("sub-*")) if path.is_dir()}
    for name in [name for name in found if not PARTICIPANT_ID.fullmatch(name)]:
        notes.append(f"{found.pop(name)}: expected a name of letters and digits like sub-0001; left out")
    if wanted is None:
        return list(found.values())
    names = [name if name.startswith("sub-") else f"sub-{name}" for name in wanted]
    for name in names:
        if not PARTICIPANT_ID.fullmatch(name):
            raise UserError(f"--participants: expected names like 01 or sub-01, found {name!r}. Correct it.")
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(
            f"--participants: expected folders of {root}, found no {', '.join(missing)}. "
            f"The first of its {len(found)} participants is {next(iter(found), 'none')}."
        )
    return [found[name] for name in sorted(set(names))]


def _visit_folders(folder: Path, notes: list[str]) -> list[Path]:
    """The participant's sessions, or the participant's folder itself where scans lie right in it."""
    sessions = []
    for path in sorted(path for path in folder.glob("ses-*") if path.is_dir()):
        if SESSION_ID.fullmatch(path.name):
            sessions.append(path)
        else:
            notes.append(f"{path}: expected a name of letters and digits like ses-01; left out")
    own = [folder] if (folder / "anat").is_dir() or (folder / "pet").is_dir() else []
    return own + sessions


def _read_visit(root: Path, folder: Path, choices: Mapping[str, str], notes: list[str]) -> list[RawVisit]:
    session_id = folder.name if folder.name.startswith("ses-") else ""
    participant_id = folder.parent.name if session_id else folder.name
    stem = f"{participant_id}_{session_id}" if session_id else participant_id
    who = stem.replace("_", " ")
    scans = _scans(folder / "anat", stem, "T1w")
    findings = Findings()
    sidecars = Sidecars(root, findings)
    facts = {path: sidecars.of(path) for path in _scans(folder / "pet", stem, "pet")}
    _refuse(findings)
    tracers = {path: _is_fdg(path, facts[path]) for path in facts}
    for path, tracer in tracers.items():
        if not tracer.is_fdg:
            notes.append(f"{who}: {path.name} is not FDG-PET ({tracer.reason}); left out")
    fdg = [path for path, tracer in tracers.items() if tracer.is_fdg]
    if not scans:
        formats = {unread_format(path.name) for path in (folder / "anat").glob("[!.]*")} - {""}
        other = "; ".join(sorted(formats))
        of_other = f" (anat holds {other})" if other else ""
        notes.append(f"{who}: no T1w scan{of_other}" + (", only FDG-PET" if fdg else "") + "; left out")
        return []
    t1 = _choose(scans, choices, f"{who}: expected one T1w scan")
    pet = _choose(fdg, choices, f"{who}: expected one FDG-PET") if fdg else None
    for taken, paths, kind in ((t1, scans, "T1w scans"), (pet, fdg, "FDG-PET")):
        if taken and len(paths) > 1:
            notes.append(f"{who}: {taken.name} is taken of {len(paths)} {kind}, as chosen")
    return [RawVisit(participant_id, session_id, t1, pet, facts[pet] if pet else {})]


def _scans(folder: Path, stem: str, suffix: str) -> list[Path]:
    """NIfTI files of the visit; a dangling link counts, so that a scan that was never fetched is told."""
    paths = sorted(path for path in folder.glob(f"{stem}_*") if NIFTI.search(path.name))
    return [path for path in paths if parse_name(path).suffix == suffix]


def _choose(paths: list[Path], choices: Mapping[str, str], expected: str) -> Path:
    """The one path; of several, that with the entities chosen (one that none of them has does not choose)."""
    left = paths
    for entity, label in choices.items():
        if len(left) > 1 and any(entity in parse_name(path).entities for path in left):
            left = [path for path in left if _same(parse_name(path).entities.get(entity), label)]
    if len(left) == 1:
        return left[0]
    apart = [name for name in CHOICES if len({parse_name(path).entities.get(name) for path in paths}) > 1] or ["run"]
    names = ", ".join(path.name for path in paths)
    raise UserError(f"{expected}, found {names}. Choose with --{apart[0]}=LABEL, or keep one.")


def _same(found: str | None, wanted: str) -> bool:
    """Whether two labels are equal; "01" and "1" are one number."""
    if found is not None and found.isdecimal() and wanted.isdecimal():
        return int(found) == int(wanted)
    return found == wanted


@dataclasses.dataclass(frozen=True)
class _Tracer:
    is_fdg: bool
    reason: str


def _is_fdg(path: Path, facts: Mapping[str, Any]) -> _Tracer:
    label = parse_name(path).entities.get("trc")
    if label is not None:
        return _Tracer(is_fdg(label), f"trc-{label}")
    name = facts.get("TracerName")
    if isinstance(name, str):
        return _Tracer(is_fdg(name), f"TracerName {name!r}")
    return _Tracer(False, "neither a trc- entity nor TracerName in a sidecar says so")
