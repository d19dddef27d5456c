"""Finding the subjects of a cohort on disk, in whatever layout it is."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pcsa_jax.data import quality_table
from pcsa_jax.data.foreign_formats import judge_place, unread_format
from pcsa_jax.data.layouts import bids_derivatives, caps, manifest
from pcsa_jax.data.layouts.sidecars import describe_root, is_fwhm
from pcsa_jax.data.map_folders import describe_maps
from pcsa_jax.data.names import NIFTI, is_fdg
from pcsa_jax.data.phantom_mark import note_phantom
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.subjects import (
    DIAGNOSES_FROM,
    Cohort,
    Findings,
    Reading,
    Seen,
    Subject,
    Survey,
    counted,
    describe_left_out,
    listing,
)
from pcsa_jax.data.synthetic_mark import find_synthetic
from pcsa_jax.data.units import with_units
from pcsa_jax.errors import UserError

__all__ = ["Cohort", "Reading", "Subject", "Survey", "read_cohort", "survey", "why_none_to_train_on"]

AS_IT_IS = Reading()
"""Nothing said beside what the files say."""

LAYOUTS = (manifest, caps, bids_derivatives)
"""In this order: a manifest was written to be read; a CAPS has folders that BIDS derivatives have not."""


def claims(path: Path) -> list[tuple[ModuleType, str]]:
    """The layouts that a folder or manifest may be in, each with what tells, the one that is read first."""
    return [(layout, reason) for layout in LAYOUTS if (reason := layout.claim(path))]


def survey(path: Path, reading: Reading = AS_IT_IS) -> Survey:
    """Finds every visit of a cohort and every problem of its tables and names; volumes are not opened.

    Args:
      path: a folder, or a manifest (.tsv).
      reading: what the user says of it beside.

    Raises:
      UserError: if there is nothing at ``path`` or ``reading.participants``, or ``reading`` holds no such value.
    """
    path, participants = Path(path), reading.participants
    _check_reading(reading)
    for place, what in ((path, "a folder or a manifest (.tsv)"), (participants, "participants.tsv or its folder")):
        if place is not None and not (Path(place).is_dir() or Path(place).is_file()):
            raise UserError(f"cohort {place}: expected {what}, found none. Check the path.")
    if path.is_file() and (NIFTI.search(path.name) or unread_format(path.name)):
        raise UserError(f"cohort {path}: expected a folder or a manifest (.tsv), found a volume. Give its folder.")
    found = claims(path)
    if not found and any((path / name).is_file() for name in ("dataset_description.json", "participants.tsv")):
        found = [(bids_derivatives, "it holds the tables of one")]
    if not found:
        return _nothing(path)
    layout, reason = found[0]
    findings = Findings()
    if found[1:]:
        others = ", ".join(f"{other.NAME} ({why})" for other, why in found[1:])
        findings.notes.append(f"Read as {layout.NAME} ({reason}), which comes before {others}")
    root = path if path.is_dir() else path.parent
    is_required = layout is bids_derivatives and bids_derivatives.is_described(path) and not reading.maps_only
    name, is_phantom = describe_root(root, findings, is_required=is_required)
    subjects, without_mri = layout.read(path, reading, findings)
    subjects, folders = quality_table.heed(root, subjects, findings, accept=reading.accept_suspicious)
    findings.notes.extend(findings.describe_unread())
    findings.notes.extend([] if reading.maps_only else describe_left_out(subjects))
    subjects = with_units(_with_given_fwhm(path, subjects, reading.fwhm_mm, findings))
    if not reading.maps_only:  # of maps alone, reading one tells: it is one bad input, not a bad cohort
        findings.problems.extend(find_synthetic(subjects))
    if reading.accept_suspicious and not reading.maps_only:
        findings.notes.extend(quality_table.describe_no_effect(root, folders, findings))
    if not is_phantom and (note := note_phantom(subjects)):
        # The folder does not say so: a manifest, or files that were copied out of theirs.
        is_phantom = True
        findings.notes.insert(0, note)
    return Survey(
        root=path,
        name=name,
        layout=layout.NAME,
        reason=reason,
        is_phantom=is_phantom,
        subjects=tuple(subjects),
        without_mri=without_mri,
        problems=tuple(findings.problems),
        notes=tuple(findings.notes),
        seen=Seen(tuple(sorted(findings.tracers.items())), tuple(findings.unmet)),
    )


def _check_reading(reading: Reading) -> None:
    if reading.tracer and not is_fdg(reading.tracer):
        raise UserError(f"--tracer: expected FDG, found {reading.tracer!r}. PET of other tracers is not read.")
    if reading.diagnosis not in DIAGNOSES_FROM:
        known = " or ".join(DIAGNOSES_FROM)
        raise UserError(f"--diagnosis: expected {known}, found {reading.diagnosis!r}. Correct it.")
    if reading.fwhm_mm is not None and not is_fwhm(reading.fwhm_mm):
        raise UserError(f"--fwhm: expected millimetres, 0 or more, found {reading.fwhm_mm!r}. Correct it.")


def _with_given_fwhm(
    path: Path, subjects: Sequence[Subject], fwhm_mm: float | None, findings: Findings
) -> list[Subject]:
    """``subjects`` with the user's word on the volumes of which nobody else says what they were smoothed with."""
    if fwhm_mm is None:
        return list(subjects)
    found = []
    for subject in subjects:
        open_fields = {
            f"{modality}_fwhm_mm": fwhm_mm
            for modality in ("mri", "pet")
            if getattr(subject, modality) is not None and getattr(subject, f"{modality}_fwhm_mm") is None
        }
        found.append(dataclasses.replace(subject, **open_fields))
    if subjects and found == list(subjects):
        text = f"--fwhm={fwhm_mm:g}: expected volumes of which nobody says what they were smoothed with, found none"
        findings.add(path, text, "Leave it out")
    return found


def _nothing(path: Path) -> Survey:
    """The survey of a folder that holds no cohort, with the cohorts below it that may be meant."""
    below = [folder for folder in _folders_below(path) if claims(folder)]
    remedy = "README.md, 'Your own data', shows the layouts"
    if below:
        found = f"folders that hold some: {listing(str(folder.relative_to(path)) for folder in below)}"
        remedy = f"Give that which is meant, such as {below[0]}"
    elif maps := describe_maps(path):
        found, remedy = maps
    elif dicom := judge_place(path):
        found, remedy = "a folder of DICOM files", dicom.remedy
    else:
        found = "other files" if any(path.iterdir()) else "an empty folder"
    problem = Problem(
        "", "", path,
        f"expected a cohort (sub-* folders, subjects/sub-* folders of a Clinica CAPS, or manifest.tsv), found {found}",
        remedy,
    )  # fmt: skip
    return Survey(path, path.resolve().name, "", "", False, (), (), (problem,), ())


def _folders_below(path: Path) -> list[Path]:
    """Those right below, and right below a folder ``derivatives``."""
    return [folder for pattern in ("*/", "derivatives/*/") for folder in sorted(path.glob(pattern))]


def read_cohort(root: Path, reading: Reading = AS_IT_IS) -> Cohort:
    """The cohort at ``root``, if nothing is wrong with its tables and names; volumes are not opened.

    Args:
      root, reading: see :func:`survey`.

    Raises:
      UserError: with the first problem and the number of the others.
    """
    found = survey(root, reading)
    problems = found.problems
    if problems:
        raise UserError(f"{problems[0]}{_others(problems, root)}")
    return Cohort(
        root=found.root,
        name=found.name,
        is_phantom=found.is_phantom,
        subjects=found.subjects,
        without_mri=found.without_mri,
        layout=found.layout,
        reason=found.reason,
        notes=found.notes,
        seen=found.seen,
    )


def _others(problems: Sequence[Problem], root: Path) -> str:
    """How many there are beside the first, with the visits where all are the same table's suspicion."""
    others = problems[1:]
    if not others:
        return ""
    same = all(problem.file == problems[0].file and problem.file.name == quality_table.FILE for problem in others)
    visits = f" ({listing(problem.visit for problem in others)})" if same else ""
    return f" ... and {len(others)} more{visits}: python -m pcsa_jax check {root} lists them all."


def why_none_to_train_on(found: Cohort | Survey) -> Problem | None:
    """The problem of a cohort without a single pair, with the counts that lead to it; None if there are any."""
    subjects = found.subjects
    if any(subject.is_pair for subject in subjects):
        return None
    with_pet = [subject for subject in subjects if subject.pet is not None]
    diagnoses = Counter(subject.diagnosis or "none" for subject in subjects)
    parts = [f"{counted(len(subjects), 'visit')} with a GM map", f"{len(with_pet)} of them with an FDG-PET"]
    if found.seen.tracers:
        parts.append("tracers of PET " + ", ".join(f"{name} ({count})" for name, count in found.seen.tracers))
    if found.seen.unmet:
        parts.append(f"sessions that did not meet: {listing(found.seen.unmet)}")
    if subjects:
        parts.append("diagnoses " + ", ".join(f"{name} ({count})" for name, count in sorted(diagnoses.items())))
    text = "expected visits with a GM map, an FDG-PET and the diagnosis AD or CN, found none: " + "; ".join(parts)
    return Problem("", "", found.root, text, _remedy_for_none(found, with_pet))


def _remedy_for_none(found: Cohort | Survey, with_pet: Sequence[Subject]) -> str:
    if with_pet:
        return "Write AD or CN for these visits to participants.tsv or a sessions table"
    if found.seen.unmet:
        return "Make a GM map of the session of each PET, or one of each participant"
    if any(not is_fdg(tracer) for tracer, _ in found.seen.tracers) or not found.subjects:
        return "Only FDG-PET is trained on"
    return "Put each visit's FDG-PET beside its GM map (README.md, 'Your own data')"
