"""BIDS derivatives: ``sub-X[/ses-Y]/{anat,pet}``, as this software, fMRIPrep, sMRIPrep and PETPrep write them."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.data.grid import SPACE
from pcsa_jax.data.layouts.assembly import assemble, files_of_visit, participants_to_read, without_mri
from pcsa_jax.data.layouts.sidecars import read_sidecar, smoothing_fwhm_mm
from pcsa_jax.data.subjects import SESSION_ID, Findings, Subject
from pcsa_jax.data.tables import read_people
from pcsa_jax.data.variants import Candidate, Visit

NAME = "BIDS derivatives"
CLAIM = "it holds sub-* folders"
MRI_NAME = re.compile(r"sub-.*_label-GM_probseg\.nii(\.gz)?")
PET_NAME = re.compile(r"sub-.*_pet\.nii(\.gz)?")
MNI_SPACE = re.compile(r"MNI152.*|IXI549Space", re.IGNORECASE)
"""Standard spaces within a few millimetres of MNI152. fMRIPrep's maps without ``space-`` are the scan's own."""

FDG_LABEL = re.compile(r"(18F)?FDG", re.IGNORECASE)
"""``trc-`` of FDG-PET."""

FDG_NAME = re.compile(r"fdg|fluoro-?deoxy-?glucose", re.IGNORECASE)
"""``TracerName`` of FDG-PET."""

NOT_MEASURED = ("predictable", "synthetic")
"""Beginnings of the ``desc-`` of a PET that no scanner has made."""

OWN_RESOLUTION = "64"


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    return CLAIM if any(path.glob("sub-*/")) else ""


def read(path: Path, participants: Path | None, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits below ``path`` that have a GM map in MNI space, and the participants that have none.

    Of several spaces or resolutions the whole cohort is read in one: this software's space before others in
    alphabetical order, 64 before other resolutions in ascending order, no ``desc-`` before any.
    """
    people = read_people(participants or path, findings)
    listed = participants_to_read(people, path.glob("sub-*"), findings)
    mri: dict[Visit, list[Candidate]] = {}
    pet: dict[Visit, list[Candidate]] = {}
    for participant_id in listed:
        for visit, folder in _visits(path / participant_id, findings):
            mri[visit] = _mri_candidates(folder, visit, findings)
            pet[visit] = _pet_candidates(folder, visit, findings)
    subjects = assemble(
        people, mri, pet, findings, predictable=_predictable,
        fwhm_mm=lambda volume, visit: smoothing_fwhm_mm(volume, findings, visit=visit),
    )  # fmt: skip
    missing = without_mri(listed, mri, findings)
    if not subjects and not any(problem.participant_id for problem in findings.problems):
        _add_nothing_found(path, findings)
    return subjects, missing


def _visits(folder: Path, findings: Findings) -> Iterator[tuple[Visit, Path]]:
    """The visit without session and those with one, where there are any files."""
    for place in [folder, *sorted(folder.glob("ses-*/"))]:
        visit = (folder.name, place.name if place != folder else "")
        if visit[1] and not SESSION_ID.fullmatch(visit[1]):
            found = "expected a session folder like ses-M00 (letters and digits), found another name"
            findings.add(place, found, "Rename it", visit=(folder.name, ""))
        elif place.is_dir() and not os.access(place, os.R_OK | os.X_OK):
            found = "expected a folder that can be read, found one without permission"
            findings.add(place, found, "Change its permissions", visit=visit)
        elif any((place / modality).is_dir() for modality in ("anat", "pet")):
            yield visit, place


def _entities(path: Path) -> dict[str, str]:
    return dict(part.split("-", 1) for part in path.name.split("_") if "-" in part)


def _candidate(path: Path) -> Candidate:
    entities = _entities(path)
    space, resolution, desc = (entities.get(key, "") for key in ("space", "res", "desc"))
    number = int(resolution) if resolution.isdecimal() else -1
    # Writers differ in the capitals of IXI549Space.
    place = (space.lower() != SPACE.lower(), space.lower())
    rank = (*place, resolution != OWN_RESOLUTION, number, resolution, desc != "", desc)
    words = " ".join(f"{key}-{entities[key]}" for key in ("space", "res", "desc") if key in entities)
    return Candidate(path, rank, words)


def _in_mni(paths: list[Path], modality: str, visit: Visit, findings: Findings) -> list[Candidate]:
    """The candidates among ``paths``; a problem if there are none but some in another space."""
    found = [_candidate(path) for path in paths if MNI_SPACE.fullmatch(_entities(path).get("space", ""))]
    if paths and not found:
        text = f"expected a {modality} in MNI152 space (space-MNI152... or space-IXI549Space), found only other spaces"
        remedy = "Write it in MNI152 space too (fMRIPrep: --output-spaces MNI152NLin2009cAsym)"
        findings.add(paths[0], text, remedy, visit=visit)
    return found


def _mri_candidates(folder: Path, visit: Visit, findings: Findings) -> list[Candidate]:
    paths = [path for path in (folder / "anat").glob("*") if MRI_NAME.fullmatch(path.name)]
    return _in_mni(files_of_visit(paths, visit, findings), "GM map", visit, findings)


def _pet_candidates(folder: Path, visit: Visit, findings: Findings) -> list[Candidate]:
    paths = [
        path for path in (folder / "pet").glob("*")
        if PET_NAME.fullmatch(path.name) and not _entities(path).get("desc", "").startswith(NOT_MEASURED)
    ]  # fmt: skip
    own = [path for path in files_of_visit(paths, visit, findings) if _is_fdg(path, visit, findings)]
    return _in_mni(own, "FDG-PET", visit, findings)


def _is_fdg(path: Path, visit: Visit, findings: Findings) -> bool:
    """True for FDG by the name's tracer, or by the sidecar's if the name has none."""
    label = _entities(path).get("trc")
    if label is not None:
        return bool(FDG_LABEL.fullmatch(label))
    tracer = read_sidecar(path, findings).get("TracerName")
    if not isinstance(tracer, str):
        found = "expected the tracer in the name (trc-18FFDG) or in the sidecar (TracerName), found neither"
        findings.add(path, found, "Rename the file or write its sidecar", visit=visit)
        return False
    return bool(FDG_NAME.search(tracer))


def _predictable(pet: Path) -> Path | None:
    path = pet.with_name(re.sub(r"_pet(?=\.nii)", "_desc-predictable_pet", pet.name))
    return path if path.is_file() else None


def _add_nothing_found(path: Path, findings: Findings) -> None:
    expected = "GM maps named sub-*/[ses-*/]anat/*_space-MNI152*_label-GM_probseg.nii.gz"
    if any(path.glob("sub-*/anat/*_T1w.nii*")) or any(path.glob("sub-*/ses-*/anat/*_T1w.nii*")):
        findings.add(path, f"expected {expected}, found only T1w scans", "Run python -m pcsa_jax preprocess first")
    else:
        findings.add(path, f"expected {expected}, found none", "README.md, 'Your own data', shows the layouts")
