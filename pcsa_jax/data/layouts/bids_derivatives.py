"""BIDS derivatives: ``sub-X[/ses-Y]/{anat,pet}`` of this software, fMRIPrep, sMRIPrep, PETPrep and CAT12."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.data.foreign_formats import unread_format
from pcsa_jax.data.grid import SPACE
from pcsa_jax.data.layouts.assembly import Candidates, assemble, participants_to_read, visit_of, without_mri
from pcsa_jax.data.layouts.sidecars import Sidecars, smoothing_fwhm_mm
from pcsa_jax.data.layouts.tracers import Tracers
from pcsa_jax.data.map_folders import describe_maps
from pcsa_jax.data.names import (
    NIFTI,
    NOT_MEASURED,
    PROBABILITY_SUFFIXES,
    is_fdg,
    is_mni,
    parse_name,
    why_no_grey_matter_map,
)
from pcsa_jax.data.people import read_people
from pcsa_jax.data.subjects import SESSION_ID, Findings, Reading, Subject
from pcsa_jax.data.variants import Candidate, Visit, rank_of_prefix

NAME = "BIDS derivatives"
CLAIM = "it holds sub-* folders"
OWN_RESOLUTION = "64"
MAP_FOLDERS = ("anat", "anat/mri", "mri")
"""Where maps lie in a visit's folder: CAT12 writes to ``mri`` beside the scan, in its BIDS mode to ``anat`` itself."""

PET_FOLDERS = ("pet",)
UNDESCRIBED = "cat12"
"""What the folders are called (in small letters) of software that writes no ``dataset_description.json``."""

PVC = "pvc"
"""Entity of PETPrep: the partial volume correction that was made."""


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    return CLAIM if any(path.glob("sub-*/")) else ""


def is_described(path: Path) -> bool:
    """Whether a folder in this layout is to hold ``dataset_description.json``: CAT12's own has none."""
    return not path.resolve().name.lower().startswith(UNDESCRIBED)


def read(path: Path, reading: Reading, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits below ``path`` that have a GM map in MNI space, and the participants that have none.

    Of several spaces or resolutions the whole cohort is read in one: PET that is not corrected for partial volume
    before corrected, this software's space before others in alphabetical order, 64 before other resolutions in
    ascending order, no ``desc-`` before any; of SPM's and CAT12's names unmodulated maps before modulated ones.
    """
    people = None if reading.maps_only else read_people(reading.participants or path, findings, cohort=path)
    listed = participants_to_read(people, path.glob("sub-*"), findings)
    sidecars = Sidecars(path, findings)
    tracers = Tracers(path, sidecars, findings, given=reading.tracer)
    mri: Candidates = {}
    pet: Candidates = {}
    for participant_id in listed:
        for visit, folder in _visits(path / participant_id, findings):
            scans = () if reading.maps_only else _scans(folder, visit, tracers, findings)
            for found, own in ((mri, _maps(folder, visit, findings)), (pet, scans)):
                found.setdefault(visit, [])
                for own_visit, candidate in own:
                    found.setdefault(own_visit, []).append(candidate)
    tracers.check_given()
    subjects = assemble(
        people, mri, pet, findings, reading, predictable=_predictable,
        fwhm_mm=lambda volume, visit: smoothing_fwhm_mm(volume, sidecars, findings, visit=visit),
    )  # fmt: skip
    missing = without_mri(listed, mri, findings)
    if not subjects and (below := _cohorts_below(path)):
        findings.problems[:] = []  # of files that are not meant
        _add_nothing_found(path, below, findings)
    elif not subjects and not any(problem.is_of_all or problem.participant_id for problem in findings.problems):
        _add_nothing_found(path, [], findings)
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
        elif any((place / modality).is_dir() for modality in (*MAP_FOLDERS, *PET_FOLDERS)):
            yield visit, place


def _volumes(folder: Path, places: tuple[str, ...], modality: str, findings: Findings) -> list[Path]:
    """The NIfTI files of a visit's folders that name somebody; others and volumes of other formats are counted."""
    found = []
    for path in [path for place in places for path in sorted((folder / place).glob("[!.]*"))]:
        if other := unread_format(path.name):
            findings.leave(modality, "format", other)
        elif NIFTI.search(path.name) and parse_name(path).participant_id:
            found.append(path)
        elif NIFTI.search(path.name):
            findings.leave(modality, "name", "without sub-")
    return found


def _candidate(path: Path) -> Candidate:
    name = parse_name(path)
    entities, space = name.entities, name.space
    resolution, desc, pvc = (entities.get(key, "") for key in ("res", "desc", PVC))
    number = int(resolution) if resolution.isdecimal() else -1
    # Writers differ in the capitals of IXI549Space.
    place = (space.lower() != SPACE.lower(), space.lower())
    rank = (
        bool(name.is_modulated), pvc != "", pvc, *place, resolution != OWN_RESOLUTION, number, resolution, desc != "",
        desc, rank_of_prefix(name),
    )  # fmt: skip
    words = [f"{name.prefix}*"] if name.prefix else []
    words += [f"{key}-{entities[key]}" for key in ("space", "res", PVC, "desc") if key in entities]
    words += ["modulated"] if name.is_modulated else []
    return Candidate(path, rank, " ".join(words))


def _in_mni(paths: list[Path], modality: str, visit: Visit, findings: Findings) -> Iterator[tuple[Visit, Candidate]]:
    """The candidates among ``paths``, each with its visit; a problem if there are none but some in another space."""
    own = [path for path in paths if is_mni(parse_name(path).space)]
    for path in paths:
        space = parse_name(path).space
        if own and path not in own:
            findings.leave(modality, "space", f"space-{space}" if space else "of the scan's own, without space-")
    if paths and not own:
        text = f"expected a {modality} in MNI152 space (space-MNI152... or space-IXI549Space), found only other spaces"
        remedy = "Write it in MNI152 space too (fMRIPrep: --output-spaces MNI152NLin2009cAsym; SPM, CAT12: w)"
        findings.add(paths[0], text, remedy, visit=visit)
    for path in own:
        if own_visit := visit_of(path, visit, findings):
            yield own_visit, _candidate(path)


def _maps(folder: Path, visit: Visit, findings: Findings) -> Iterator[tuple[Visit, Candidate]]:
    paths = []
    for path in _volumes(folder, MAP_FOLDERS, "GM map", findings):
        name = parse_name(path)
        if name.product or (name.spm and name.spm["average"]):
            findings.leave("GM map", "prefix", why_no_grey_matter_map(name))
        elif not name.spm and name.suffix not in PROBABILITY_SUFFIXES:
            findings.leave(
                "GM map", "suffix", f"{name.prefix}*{name.suffix}" if name.prefix else name.suffix or "without any"
            )
        elif name.tissue != "grey matter":
            findings.leave("GM map", "label", name.tissue or "without any")
        else:
            paths.append(path)
    return _in_mni(paths, "GM map", visit, findings)


def _scans(folder: Path, visit: Visit, tracers: Tracers, findings: Findings) -> Iterator[tuple[Visit, Candidate]]:
    paths = []
    for path in _volumes(folder, PET_FOLDERS, "FDG-PET", findings):
        name = parse_name(path)
        desc = name.entities.get("desc", "")
        if name.product or name.suffix != "pet":
            findings.leave("FDG-PET", "suffix", name.suffix or "without any")
        elif desc.startswith(NOT_MEASURED):
            if desc != "predictable":  # the phantom's, which its PET brings along
                findings.leave("FDG-PET", "desc", f"desc-{desc}, not measured")
        else:
            # Of a PET in another space nobody needs to know: it is not taken anyway.
            is_candidate = is_mni(name.space)
            tracer = tracers.of(path, visit, must_be_known=is_candidate)
            if is_fdg(tracer) or not (tracer or is_candidate):
                paths.append(path)
            elif tracer:
                findings.leave("FDG-PET", "tracer", tracer)
    return _in_mni(paths, "FDG-PET", visit, findings)


def _predictable(pet: Path) -> Path | None:
    path = pet.with_name(re.sub(r"_pet(?=\.nii)", "_desc-predictable_pet", pet.name))
    return path if path.is_file() else None


def _add_nothing_found(path: Path, below: list[Path], findings: Findings) -> None:
    expected = "GM maps named sub-*/[ses-*/]anat/*_space-MNI152*_label-GM_probseg.nii.gz"
    if below:
        remedy = f"Give the folder of the derivatives: {below[0]}"
        findings.add(path, f"expected {expected}, found none, but the folder derivatives", remedy)
    elif any(path.glob("sub-*/anat/*_T1w.nii*")) or any(path.glob("sub-*/ses-*/anat/*_T1w.nii*")):
        findings.add(path, f"expected {expected}, found only T1w scans", "Run python -m pcsa_jax preprocess first")
    elif formats := findings.describe_formats("GM map"):
        findings.add(path, f"expected {expected}, found only volumes of other formats", f"Of these, {formats}")
    elif maps := describe_maps(path):
        findings.add(path, f"expected {expected}, found {maps[0]}", maps[1])
    else:
        findings.add(path, f"expected {expected}, found none", "README.md, 'Your own data', shows the layouts")


def _cohorts_below(path: Path) -> list[Path]:
    """The derivatives of a data set that hold people; a CAPS around its own folder of subjects."""
    if path.name == "subjects" and any(path.glob("sub-*/ses-*/t1/")):
        return [path.parent]
    return [folder.parent for folder in sorted(path.glob("derivatives/*/sub-*/"))][:1]
