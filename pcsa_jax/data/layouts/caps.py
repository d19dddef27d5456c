"""Clinica's CAPS: grey-matter maps of ``t1-volume`` and SUVR maps of ``pet-volume``, both in SPM's Ixi549Space."""

from collections.abc import Iterator
from pathlib import Path

from pcsa_jax.data.foreign_formats import unread_format
from pcsa_jax.data.layouts.assembly import Candidates, assemble, participants_to_read, visit_of, without_mri
from pcsa_jax.data.layouts.sidecars import Sidecars, smoothing_fwhm_mm
from pcsa_jax.data.names import NIFTI, is_fdg, is_mni, parse_name
from pcsa_jax.data.people import read_people
from pcsa_jax.data.subjects import SESSION_ID, Findings, Reading, Subject
from pcsa_jax.data.variants import Candidate, Visit, rank_of_fwhm

NAME = "Clinica CAPS"
MRI_GLOBS = ("t1/spm/dartel/group-*/*", "t1/spm/segmentation/normalized_space/*")
PET_GLOB = "pet/preprocessing/group-*/*"

SUVR_REGIONS = ("pons", "pons2", "cerebellumPons", "cerebellumPons2")
"""Reference regions that Clinica knows; the pons is FDG's."""


def claim(path: Path) -> str:
    """What tells that ``path`` is in this layout, or ""."""
    return "it holds subjects/sub-* folders" if any(path.glob("subjects/sub-*/")) else ""


def read(path: Path, reading: Reading, findings: Findings) -> tuple[list[Subject], tuple[str, ...]]:
    """The visits below ``path/subjects`` that have a GM map of ``t1-volume``, and the participants that have none.

    The whole cohort is read in one variant. GM maps: unmodulated before modulated ones, because only their values are
    probabilities; smoothed to 8 mm before not smoothed before other widths; DARTEL's before the segmentation's. PET:
    not corrected for partial volume before corrected; the pons before other reference regions; masked before unmasked;
    8 mm before not smoothed. The first group in alphabetical order.
    """
    remedy = "Copy that of the BIDS folder here, or set --config.data.participants to the BIDS folder"
    people = None
    if not reading.maps_only:
        people = read_people(reading.participants or path, findings, cohort=path / "subjects", remedy=remedy)
    listed = participants_to_read(people, path.glob("subjects/sub-*"), findings)
    sidecars = Sidecars(path, findings)
    mri: Candidates = {}
    pet: Candidates = {}
    for participant_id in listed:
        for visit, folder in _visits(path / "subjects" / participant_id):
            mri[visit] = list(_maps(folder, visit, findings))
            pet[visit] = [] if reading.maps_only else list(_scans(folder, visit, reading.tracer, findings))
    if reading.tracer and not findings.tracers[reading.tracer]:
        text = f"--tracer={reading.tracer}: expected PET whose name does not say the tracer, found none in a CAPS"
        findings.add(path, text, "Leave it out")
    subjects = assemble(
        people, mri, pet, findings, reading,
        fwhm_mm=lambda volume, visit: _said_fwhm_mm(volume, sidecars, visit, findings),
    )  # fmt: skip
    missing = without_mri(listed, mri, findings)
    if not subjects and not any(problem.is_of_all or problem.participant_id for problem in findings.problems):
        expected = "expected GM maps (*_segm-graymatter_space-Ixi549Space_modulated-*_probability.nii.gz), found "
        if formats := findings.describe_formats("GM map"):
            findings.add(path, f"{expected}only volumes of other formats", f"Of these, {formats}")
        else:
            findings.add(path, f"{expected}none", "Run clinica run t1-volume, and pet-volume for the PET")
    return subjects, missing


def _visits(folder: Path) -> Iterator[tuple[Visit, Path]]:
    for place in sorted(folder.glob("ses-*/")):
        if SESSION_ID.fullmatch(place.name):
            yield (folder.name, place.name), place


def _volumes(folder: Path, patterns: tuple[str, ...], modality: str, findings: Findings) -> list[Path]:
    """The NIfTI files that name somebody; volumes of other formats are counted."""
    found = []
    for path in [path for pattern in patterns for path in sorted(folder.glob(pattern))]:
        if other := unread_format(path.name):
            findings.leave(modality, "format", other)
        elif path.name.startswith("sub-") and NIFTI.search(path.name):
            found.append(path)
    return found


def _fwhm_mm(path: Path) -> float:
    """What the name says; Clinica writes no ``fwhm-`` on what it has not smoothed."""
    return parse_name(path).fwhm_mm or 0.0


def _said_fwhm_mm(path: Path, sidecars: Sidecars, visit: Visit, findings: Findings) -> float:
    """What a sidecar or the name says, or else 0."""
    return smoothing_fwhm_mm(path, sidecars, findings, visit=visit) or 0.0


def _words(fwhm_mm: float) -> str:
    return f"smoothed to {fwhm_mm:g} mm" if fwhm_mm else "not smoothed"


def _maps(folder: Path, visit: Visit, findings: Findings) -> Iterator[Candidate]:
    for path in _volumes(folder, MRI_GLOBS, "GM map", findings):
        name = parse_name(path)
        if name.suffix != "probability" or not name.tissue:
            findings.leave("GM map", "suffix", name.suffix or "without any")
        elif name.tissue != "grey matter":
            findings.leave("GM map", "label", name.tissue)
        elif not is_mni(name.space):
            findings.leave("GM map", "space", f"space-{name.space}" if name.space else "without space-")
        elif visit_of(path, visit, findings):
            fwhm, place = _fwhm_mm(path), path.parent.name  # group-X of DARTEL, or the segmentation's normalized_space
            rank = (bool(name.is_modulated), rank_of_fwhm(fwhm), place == "normalized_space", place)
            where = "segmentation" if place == "normalized_space" else f"DARTEL {place}"
            modulated = "on" if name.is_modulated else "off"
            yield Candidate(path, rank, f"modulated-{modulated}, {_words(fwhm)}, {where}")


def _scans(folder: Path, visit: Visit, given: str, findings: Findings) -> Iterator[Candidate]:
    for path in _volumes(folder, (PET_GLOB,), "FDG-PET", findings):
        name = parse_name(path)
        tracer = name.entities.get("trc") or name.entities.get("acq", "")  # early releases wrote acq-fdg
        if name.suffix != "pet":
            findings.leave("FDG-PET", "suffix", name.suffix or "without any")
            continue
        findings.tracers[f"trc-{tracer}" if tracer else given or "without trc-"] += 1
        tracer = tracer or given
        if not is_fdg(tracer):
            findings.leave("FDG-PET", "tracer", f"trc-{tracer}" if tracer else "without trc-")
        elif not is_mni(name.space):
            findings.leave("FDG-PET", "space", f"space-{name.space}" if name.space else "without space-")
        elif "suvr" not in name.entities:
            findings.leave("FDG-PET", "suvr", "not divided by a reference region")
        elif visit_of(path, visit, findings):
            yield _scan(path, name.entities)


def _scan(path: Path, entities: dict[str, str]) -> Candidate:
    fwhm, region, pvc, group = _fwhm_mm(path), entities["suvr"], entities.get("pvc", ""), path.parent.name
    rank_of_region = SUVR_REGIONS.index(region) if region in SUVR_REGIONS else len(SUVR_REGIONS)
    is_masked = entities.get("mask") == "brain"
    rank = (pvc != "", pvc, rank_of_region, region, not is_masked, rank_of_fwhm(fwhm), group)
    correction = f"pvc-{pvc}, " if pvc else ""
    mask = "masked" if is_masked else "not masked"
    return Candidate(path, rank, f"{correction}suvr-{region}, {mask}, {_words(fwhm)}, {group}")
