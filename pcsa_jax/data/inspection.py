"""Reading every file of a cohort to its end and collecting all that is wrong, instead of stopping at the first."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.cohort import Subject, Survey
from pcsa_jax.data.headers import Finding
from pcsa_jax.data.nan_outside import NAN_OUTSIDE
from pcsa_jax.data.placement import check_placement, load_references
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.volumes import AFFINE_TOLERANCE_MM, examine_volume

MODALITIES = {"mri": "GM map", "pet": "FDG-PET", "predictable": "predictable PET"}
"""Field of a subject that holds a path -> what a user calls it."""

PROBABILITY_TOLERANCE = 0.01
"""A GM map may leave [0, 1] by this: rounding to integers and interpolation do."""

LEAST_GREY_MATTER = 0.2
"""A GM map that nowhere reaches this shows no cortex; 8 mm of smoothing leave 0.6 and more."""

NEGATIVE_TOLERANCE = 0.1
"""A PET may fall below 0 by this part of its 99.9th percentile: reconstruction noise and splines at edges do."""

UPTAKE_RANGE = (1e-6, 1e7)
"""The largest value of a PET in any unit of the field (SUV, SUVR, Bq/ml) lies in between."""

TINY_NEGATIVE = "voxels slightly below 0 (noise, or interpolation at edges), taken as they are"


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
      digest: of voxels and shape; "" if they cannot be read.
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
    survey: Survey, *, jobs: int = 1, progress: Callable[[int, int], None] = lambda done, total: None
) -> Inspection:
    """Reads every file that the survey has found.

    Args:
      survey: what tables and names say. A file that it reports as absent is not reported again.
      jobs: threads; each holds about three times the largest volume.
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
    foreign, copies = _foreign_grids(files), _copies(files)
    problems = list(survey.problems)
    for place, file in enumerate(files):
        found = (*file.findings, *foreign.get(place, ()), *copies.get(place, ()))
        problems += [_problem(file, finding) for finding in found if not finding.is_note]
    return Inspection(survey, tuple(files), tuple(problems), (*survey.notes, *_notes(files)))


def inspect_file(subject: Subject, modality: str) -> File:
    """Reads one file and judges it by itself."""
    path = getattr(subject, modality)
    try:
        data, affine, findings, num_nan = examine_volume(path)
        if data is None:
            return File(subject, modality, findings)
        with np.errstate(all="ignore"):
            values = _judge_values(data, modality)
            # A place makes sense only where values and orientation do.
            if not [finding for finding in (*findings, *values) if not finding.is_note] and affine is not None:
                values += check_placement(data, affine, modality="mri" if modality == "mri" else "pet")
        is_finite = bool(np.isfinite(data).all())
        return File(
            subject, modality, (*findings, *values), data.shape, affine,
            low=float(data.min()) if is_finite else None,
            high=float(data.max()) if is_finite else None,
            num_negative=int((data < 0).sum()),
            num_nan=num_nan,
            digest=_digest(data),
        )  # fmt: skip
    except Exception as error:
        error.add_note(f"while inspecting {path}")
        raise


def _digest(data: np.ndarray) -> str:
    found = hashlib.sha256(repr(data.shape).encode())
    found.update(np.ascontiguousarray(data.T))
    return found.hexdigest()


def _judge_values(data: np.ndarray, modality: str) -> tuple[Finding, ...]:
    """What is wrong with the values of a volume; nothing if they are not finite, which the reader has told."""
    low, high = float(data.min()), float(data.max())
    if not np.isfinite((low, high)).all():
        return ()
    if low == high:
        return (Finding(f"expected a volume with contrast, found the constant {low:g}", "Make it again or exclude it"),)
    return tuple(_judge_probabilities(low, high) if modality == "mri" else _judge_uptake(data, low, high))


def _judge_probabilities(low: float, high: float) -> Iterator[Finding]:
    if low < -PROBABILITY_TOLERANCE or high > 1 + PROBABILITY_TOLERANCE:
        yield Finding(
            f"expected grey-matter probabilities from 0 to 1, found {low:.4g} to {high:.4g}",
            "Take the unmodulated map (Clinica: modulated-off), and divide it if it is stored in other units",
        )
    elif high < LEAST_GREY_MATTER:
        yield Finding(
            f"expected grey-matter probabilities up to about 1, found {high:.4g} at most",
            "Multiply it if it is stored in other units, else make it again",
        )


def _judge_uptake(data: np.ndarray, low: float, high: float) -> Iterator[Finding]:
    least, most = UPTAKE_RANGE
    if high < least or max(high, -low) > most:
        yield Finding(
            f"expected uptake with a largest value from {least:g} to {most:g}, found {low:.4g} to {high:.4g}",
            "Mend the scale (scl_slope) or make it again in SUV, SUVR or Bq/ml",
        )
    elif low < 0:
        scale = float(np.percentile(data, 99.9))
        count = int((data < 0).sum())
        if low < -NEGATIVE_TOLERANCE * scale:
            yield Finding(
                f"expected uptake of 0 or more, found {count} of {data.size} voxels below 0, down to {low:.4g} where "
                f"the brightest reach {scale:.4g}",
                "Look at it; make it again from the reconstruction",
            )
        else:
            yield Finding(TINY_NEGATIVE, "", is_note=True)


def _problem(file: File, finding: Finding) -> Problem:
    subject = file.subject
    return Problem(subject.participant_id, subject.session_id, file.path, finding.found, finding.remedy)


def group_grids(files: Sequence[File], modality: str) -> list[list[int]]:
    """Places (in ``files``) of one modality's files that lie on the same grid, the largest group first."""
    groups: list[list[int]] = []
    for place, file in enumerate(files):
        if file.modality != modality or file.shape is None or file.affine is None:
            continue
        for group in groups:
            first = files[group[0]]
            if first.shape == file.shape and np.allclose(first.affine, file.affine, atol=AFFINE_TOLERANCE_MM, rtol=0):
                group.append(place)
                break
        else:
            groups.append([place])
    return sorted(groups, key=len, reverse=True)


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
            remedy = "Make all of them in one way, or split the cohort"
            found.update({place: (Finding(text, remedy),) for place in group})
    return found


def _copies(files: Sequence[File]) -> dict[int, tuple[Finding, ...]]:
    """For each file whose voxels are also another's."""
    same = defaultdict(list)
    for place, file in enumerate(files):
        if file.digest and file.low != file.high:
            same[file.digest].append(place)
    found = {}
    for places in same.values():
        for place in places:
            # A path that two visits name is a fault of the manifest, and told there.
            others = [files[other] for other in places if files[other].path != files[place].path]
            if others:
                more = f" and {len(others) - 1} more" if others[1:] else ""
                name = f"{others[0].subject.name}: {others[0].path.name}{more}"
                text = f"expected voxels of its own, found those of {name}"
                found[place] = (Finding(text, "Find out whose they are and put the right file in its place"),)
    return found


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
