"""Calls that make or look at a cohort."""

from pathlib import Path
from typing import TYPE_CHECKING

from pcsa_jax.calls.places import AnyPath, given
from pcsa_jax.errors import UserError
from pcsa_jax.machine.home import user_path

if TYPE_CHECKING:
    from pcsa_jax.data.inspection import Inspection


def phantom(
    out: AnyPath, *, pairs: int = 356, mri_only: int = 328, first: int = 1, size: int = 64, seed: int = 0,
    jobs: int | None = None,
) -> Path:  # fmt: skip
    """Writes the built-in cohort: paired grey-matter maps and FDG-PET made from the MNI152 templates. A phantom.

    Args:
      out: folder to write; must not hold anything.
      pairs: subjects with both modalities.
      mri_only: subjects without PET.
      first: number of the first subject; other numbers are other people.
      size: voxels along each axis, a multiple of 16.
      seed: of the cohort; a subject is a function of seed and number.
      jobs: processes; all cores if not given.

    Returns:
      ``out``.

    Raises:
      UserError: for a number out of range or a folder that cannot be written.
    """
    from pcsa_jax.data.phantom.cohort import write_cohort
    from pcsa_jax.machine.progress import progress

    numbers = {"pairs": pairs, "mri_only": mri_only, "first": first, "size": size, "seed": seed}
    try:
        with progress("Phantom") as report:
            return write_cohort(user_path(out), **numbers, jobs=jobs, progress=report)
    except OSError as error:
        raise UserError(f"--out {out}: could not be written ({error.strerror}). Choose a folder with space.") from error


def check(
    cohort: AnyPath, *, participants: AnyPath | None = None, tracer: str = "", diagnosis: str = "any",
    fwhm_mm: float | None = None, accept_suspicious: bool = False, report: AnyPath | None = None,
    jobs: int | None = None, one_grid: bool = False,
) -> "Inspection":  # fmt: skip
    """Reads every file of a cohort to its end and lists every problem of every file.

    Args:
      cohort: folder (BIDS derivatives, CAPS) or manifest (.tsv); never written to.
      participants: ``participants.tsv`` or its folder, if it is not in the cohort.
      tracer, diagnosis, fwhm_mm, accept_suspicious: what files leave open, see
        :class:`pcsa_jax.data.subjects.Reading`.
      report: TSV file for all problems.
      jobs: files read at a time; all cores, at most 8, if not given.
      one_grid: files of one modality on different grids are a problem; else each is brought to the cohort's by itself.

    Returns:
      What was found; the cohort is sound if its ``problems`` are empty.

    Raises:
      UserError: if there is no cohort at all, or ``report`` cannot be written.
    """
    from pcsa_jax.data.cohort import Reading
    from pcsa_jax.preprocessing.checking import check_cohort

    reading = Reading(given(participants), tracer, diagnosis, fwhm_mm, accept_suspicious)
    return check_cohort(user_path(cohort), reading, report=given(report), jobs=jobs, one_grid=one_grid)
