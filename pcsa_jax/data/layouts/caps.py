"""Clinica's CAPS: grey-matter maps of ``t1-volume`` and SUVR maps of ``pet-volume``, both in SPM's Ixi549Space."""

import re
from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.data.layouts.assembly import assemble, files_of_visit, participants_to_read, without_mri
from pcsa_jax.data.layouts.bids_derivatives import FDG_LABEL
from pcsa_jax.data.subjects import SESSION_ID, Findings, Subject
from pcsa_jax.data.tables import read_people
from pcsa_jax.data.variants import Candidate, Visit

NAME = "Clinica CAPS"
MRI_GLOBS = ("t1/spm/dartel/group-*/*", "t1/spm/segmentation/normalized_space/*")
PET_GLOB = "pet/preprocessing/group-*/*"
FWHM = r"(?:_fwhm-(?P<fwhm>\d+(?:\.\d+)?)mm)?"
MRI_NAME = re.compile(
    rf"sub-.*_segm-graymatter_space-Ixi549Space_modulated-(?P<modulated>on|off){FWHM}_probability\.nii(?:\.gz)?"
)
PET_NAME = re.compile(
    r"sub-.*_(?:trc|acq)-(?P<tracer>[A-Za-z0-9]+)(?:_.*)?_pet_space-Ixi549Space(?:_pvc-(?P<pvc>[a-z]+))?"
    rf"_suvr-(?P<suvr>[A-Za-z0-9]+)(?P<mask>_mask-brain)?{FWHM}_pet\.nii(?:\.gz)?"
)
"""Early releases of Clinica wrote ``acq-fdg`` for ``trc-18FFDG``."""

SUVR_REGIONS = ("pons", "pons2", "cerebellumPons", "cerebellumPons2")
"""Reference regions that Clinica knows; the pons is FDG's."""

BEST_FWHM_MM = 8.0


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    return "it holds subjects/sub-* folders" if any(path.glob("subjects/sub-*/")) else ""


def read(path: Path, participants: Path | None, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits below ``path/subjects`` that have a GM map of ``t1-volume``, and the participants that have none.

    The whole cohort is read in one variant. GM maps: unmodulated before modulated ones, because only their values are
    probabilities; smoothed to 8 mm before not smoothed before other widths; DARTEL's before the segmentation's. PET:
    not corrected for partial volume before corrected; the pons before other reference regions; masked before unmasked;
    8 mm before not smoothed. The first group in alphabetical order.
    """
    remedy = "Copy that of the BIDS folder here, or set --config.data.participants to the BIDS folder"
    people = read_people(participants or path, findings, remedy=remedy)
    listed = participants_to_read(people, path.glob("subjects/sub-*"), findings)
    mri: dict[Visit, list[Candidate]] = {}
    pet: dict[Visit, list[Candidate]] = {}
    for participant_id in listed:
        for visit, folder in _visits(path / "subjects" / participant_id):
            mri[visit] = _mri_candidates(folder, visit, findings)
            pet[visit] = _pet_candidates(folder, visit, findings)
    subjects = assemble(people, mri, pet, findings, fwhm_mm=lambda volume, visit: _fwhm_mm(volume))
    if subjects and "_modulated-on" in subjects[0].mri.name:
        findings.notes.append("GM map: the modulated one is read, whose values are volumes, not probabilities")
    missing = without_mri(listed, mri, findings)
    if not subjects and not any(problem.participant_id for problem in findings.problems):
        found = "expected GM maps (*_segm-graymatter_space-Ixi549Space_modulated-*_probability.nii.gz), found none"
        findings.add(path, found, "Run clinica run t1-volume, and pet-volume for the PET")
    return subjects, missing


def _visits(folder: Path) -> Iterator[tuple[Visit, Path]]:
    for place in sorted(folder.glob("ses-*/")):
        if SESSION_ID.fullmatch(place.name):
            yield (folder.name, place.name), place


def _fwhm_mm(path: Path) -> float:
    """What the name says; Clinica writes no ``fwhm-`` on what it has not smoothed."""
    match = MRI_NAME.fullmatch(path.name) or PET_NAME.fullmatch(path.name)
    return float((match and match["fwhm"]) or 0)


def _rank_of_fwhm(fwhm_mm: float) -> tuple[int, float]:
    return {BEST_FWHM_MM: 0, 0.0: 1}.get(fwhm_mm, 2), fwhm_mm


def _words(fwhm_mm: float) -> str:
    return f"smoothed to {fwhm_mm:g} mm" if fwhm_mm else "not smoothed"


def _mri_candidates(folder: Path, visit: Visit, findings: Findings) -> list[Candidate]:
    paths = [path for pattern in MRI_GLOBS for path in folder.glob(pattern) if MRI_NAME.fullmatch(path.name)]
    found = []
    for path in files_of_visit(paths, visit, findings):
        modulated, fwhm = MRI_NAME.fullmatch(path.name)["modulated"], _fwhm_mm(path)
        place = path.parent.name  # group-X of DARTEL, or the segmentation's normalized_space
        rank = (modulated == "on", _rank_of_fwhm(fwhm), place == "normalized_space", place)
        where = "segmentation" if place == "normalized_space" else f"DARTEL {place}"
        found.append(Candidate(path, rank, f"modulated-{modulated}, {_words(fwhm)}, {where}"))
    return found


def _pet_candidates(folder: Path, visit: Visit, findings: Findings) -> list[Candidate]:
    paths = [path for path in folder.glob(PET_GLOB) if PET_NAME.fullmatch(path.name)]
    found = []
    for path in files_of_visit(paths, visit, findings):
        name, fwhm = PET_NAME.fullmatch(path.name), _fwhm_mm(path)
        if not FDG_LABEL.fullmatch(name["tracer"]):
            continue
        region, pvc, group = name["suvr"], name["pvc"] or "", path.parent.name
        rank_of_region = SUVR_REGIONS.index(region) if region in SUVR_REGIONS else len(SUVR_REGIONS)
        rank = (pvc != "", pvc, rank_of_region, region, not name["mask"], _rank_of_fwhm(fwhm), group)
        correction = f"pvc-{pvc}, " if pvc else ""
        mask = "masked" if name["mask"] else "not masked"
        found.append(Candidate(path, rank, f"{correction}suvr-{region}, {mask}, {_words(fwhm)}, {group}"))
    return found
