"""Reading every file of a cohort to its end and collecting all that is wrong, instead of stopping at the first."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.cohort import Subject, Survey, why_none_to_train_on
from pcsa_jax.data.fingerprints import volume_hash
from pcsa_jax.data.grid import by_grid
from pcsa_jax.data.harmonisation import guess_fwhm_mm
from pcsa_jax.data.headers import Finding
from pcsa_jax.data.inputs import several_grids
from pcsa_jax.data.judgements import TINY_NEGATIVE, Content, examine, find_copies
from pcsa_jax.data.nan_outside import NAN_OUTSIDE
from pcsa_jax.data.placement import load_references
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.scales import Values, describe_odd

MODALITIES = {"mri": "GM map", "pet": "FDG-PET", "predictable": "predictable PET"}
"""Field of a subject that holds a path -> what a user calls it."""


class File(NamedTuple):
    """One file and what is wrong with it.

    Attributes:
      subject: whose it is.
      modality: key of :data:`MODALITIES`.
      findings: problems and notes.
      shape, affine: its grid; None if it cannot be told.
      low, high: range of its values; None if they cannot be read or are not finite.
      num_negative: voxels below 0.
      num_nan: voxels outside the brain that were NaN and count as 0.
      digest: :func:`~pcsa_jax.data.fingerprints.volume_hash`; "" if the voxels cannot be read or nobody knows where
        they lie.
    """

    subject: Subject
    modality: str
    findings: tuple[Finding, ...]
    shape: tuple[int, int, int] | None = None
    affine: np.ndarray | None = None
    low: float | None = None
    high: float | None = None
    num_negative: int = 0
    num_nan: int = 0
    digest: str = ""

    @property
    def path(self) -> Path:
        return getattr(self.subject, self.modality)

    @property
    def is_sound(self) -> bool:
        """True if nothing is wrong with the file by itself."""
        return all(finding.is_note for finding in self.findings)


class Inspection(NamedTuple):
    """A cohort after every file was read.

    Attributes:
      survey: what its tables and names say.
      files: all that there are, in the order of the subjects.
      problems: of tables and names, then of each file, in order; a cohort that can be used has none.
      notes: one line each, on what is worth knowing but no fault.
    """

    survey: Survey
    files: tuple[File, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def inspect_cohort(
    survey: Survey,
    *,
    jobs: int = 1,
    one_grid: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Inspection:
    """Reads every file that the survey has found.

    Args:
      survey: what tables and names say. A file that it reports as absent is not reported again.
      jobs: threads; each holds about three times the largest volume.
      one_grid: files of one modality on different grids are a problem, not a note.
      progress: called with (files read, files in all).
    """
    reported = {problem.file for problem in survey.problems}
    wanted = [
        (subject, modality)
        for subject in survey.subjects
        for modality in MODALITIES
        if (path := getattr(subject, modality)) is not None and not (path in reported and not path.exists())
    ]
    files = []
    progress(0, len(wanted))
    load_references()
    pool = ThreadPoolExecutor(jobs)
    try:
        for file in pool.map(lambda what: inspect_file(*what), wanted):
            files.append(file)
            progress(len(files), len(wanted))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C: what has not begun is dropped
    foreign, copies = _foreign_grids(files) if one_grid else {}, _copies(files)
    # Where tables or names are at fault, those tell why.
    nothing = None if survey.problems else why_none_to_train_on(survey)
    problems = [*survey.problems, *([nothing] if nothing else [])]
    for place, file in enumerate(files):
        found = (*file.findings, *foreign.get(place, ()), *copies.get(place, ()))
        told = [_problem(file, finding) for finding in found if not finding.is_note]
        # What a sidecar says, the survey has told.
        problems += [problem for problem in told if problem not in survey.problems]
    return Inspection(survey, tuple(files), tuple(problems), (*survey.notes, *describe_files(files)))


def describe_files(files: Sequence[File]) -> list[str]:
    """One line for each thing that is worth knowing of the files of a cohort, and no fault."""
    return [*_notes(files), *_odd_scales(files), *_several_grids(files), *_guesses(files)]


def inspect_file(subject: Subject, modality: str) -> File:
    """Reads one file and judges it by itself."""
    path = getattr(subject, modality)
    try:
        data, affine, findings, num_nan = examine(path, modality)
        if data is None:
            return File(subject, modality, findings)
        is_finite = bool(np.isfinite(data).all())
        return File(
            subject, modality, findings, data.shape, affine,
            low=float(data.min()) if is_finite else None,
            high=float(data.max()) if is_finite else None,
            num_negative=int((data < 0).sum()),
            num_nan=num_nan,
            digest=volume_hash(data, affine) if is_finite and affine is not None else "",
        )  # fmt: skip
    except Exception as error:
        error.add_note(f"while inspecting {path}")
        raise


def _problem(file: File, finding: Finding) -> Problem:
    subject = file.subject
    return Problem(subject.participant_id, subject.session_id, file.path, finding.found, finding.remedy)


def group_grids(files: Sequence[File], modality: str) -> list[list[int]]:
    """Places (in ``files``) of one modality's files that lie on the same grid, the largest group first."""
    places = [
        place
        for place, file in enumerate(files)
        if file.modality == modality and file.shape is not None and file.affine is not None
    ]
    return [[places[own] for own in group] for group in by_grid([files[place] for place in places])]


def describe_grid(file: File) -> str:
    """Shape, voxel size and axes of a file's grid, and where its first voxel is."""
    sizes = " x ".join(f"{size:.3g}" for size in nib.affines.voxel_sizes(file.affine))
    axes = "".join(name or "?" for name in nib.aff2axcodes(file.affine))
    origin = ", ".join(f"{value:.4g}" for value in file.affine[:3, 3])
    return f"{'x'.join(map(str, file.shape))} of {sizes} mm, {axes}, from ({origin})"


def _foreign_grids(files: Sequence[File]) -> dict[int, tuple[Finding, ...]]:
    """For each file that is not on the grid of most files of its modality."""
    found = {}
    for modality, name in MODALITIES.items():
        groups = group_grids(files, modality)
        for group in groups[1:]:
            text = (
                f"expected the grid of the cohort's other {name}s ({describe_grid(files[groups[0][0]])}; "
                f"{len(groups[0])} files), found {describe_grid(files[group[0]])} ({len(group)} files)"
            )
            remedy = "Make all of them in one way, split the cohort, or do not ask for one grid"
            found.update({place: (Finding(text, remedy),) for place in group})
    return found


def _odd_scales(files: Sequence[File]) -> list[str]:
    """One note for each modality and way in which the scale of some sound files is odd."""
    notes = []
    for modality, name in MODALITIES.items():
        own = [file for file in files if file.modality == modality and file.is_sound and file.low is not None]
        is_map = modality == "mri"
        values = [Values(f.subject.name, f.low, f.high, "" if is_map else f.subject.pet_unit) for f in own]
        notes += describe_odd(name, values, is_map=is_map)
    return notes


def _several_grids(files: Sequence[File]) -> list[str]:
    """One note for each modality whose files lie on several grids."""
    notes = []
    for modality, name in MODALITIES.items():
        groups = group_grids(files, modality)
        if len(groups) > 1:
            notes.append(several_grids(f"{name}s", [(describe_grid(files[own[0]]), len(own)) for own in groups]))
    return notes


def _guesses(files: Sequence[File]) -> list[str]:
    """One note for each modality and guess at what files have been smoothed with."""
    counts: Counter[tuple[str, float]] = Counter()
    for file in files:
        known = file.subject.mri_fwhm_mm if file.modality == "mri" else file.subject.pet_fwhm_mm
        if known is None and file.shape is not None and file.affine is not None and file.modality != "predictable":
            counts[file.modality, guess_fwhm_mm(file.shape, file.affine)] += 1
    notes = []
    for (modality, fwhm_mm), count in sorted(counts.items()):
        total = sum(file.modality == modality for file in files)
        taken = "not smoothed, so that training smooths them"
        if fwhm_mm:
            taken = f"smoothed to {fwhm_mm:g} mm, as they lie on a grid of this software"
        notes.append(
            f"{count} of {total} {MODALITIES[modality]}s: nobody says what they were smoothed with (name, "
            f"SmoothingFWHM, manifest), taken as {taken}; --fwhm=MM, in a training data.fwhm_mm, says otherwise"
        )
    return notes


def _copies(files: Sequence[File]) -> dict[int, tuple[Finding, ...]]:
    """For each file whose voxels are also another's."""
    contents = [Content(file.subject.name, file.path, file.digest if file.low != file.high else "") for file in files]
    return {place: (finding,) for place, finding in find_copies(contents).items()}


def _notes(files: Sequence[File]) -> list[str]:
    """The files' notes, each once with its number of files."""
    counts = Counter((file.modality, finding.found) for file in files for finding in file.findings if finding.is_note)
    notes = []
    for (modality, text), count in counts.items():
        detail = ""
        if text == TINY_NEGATIVE:
            own = [file for file in files if file.modality == modality and (file.low or 0) < 0 and file.is_sound]
            parts = [file.num_negative / np.prod(file.shape) for file in own]
            if own:
                detail = f" (lowest {min(file.low for file in own):.3g}, at most {max(parts):.2%} of the voxels)"
        if text == NAN_OUTSIDE:
            own = [file for file in files if file.modality == modality and file.num_nan]
            detail = f" (at most {max(file.num_nan / np.prod(file.shape) for file in own):.2%} of the voxels)"
        total = sum(file.modality == modality for file in files)
        notes.append(f"{count} of {total} {MODALITIES[modality]}s: {text}{detail}")
    return notes
