"""Writes the built-in cohort to disk in the layout every other cohort has (BIDS derivatives)."""

import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from pcsa_jax import __version__
from pcsa_jax.children import follow_parent, uninterrupted
from pcsa_jax.data import files, layout
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.phantom.regions import load_regions
from pcsa_jax.data.phantom.roster import COHORT_NAME, PHANTOM_VERSION, Origin
from pcsa_jax.data.phantom.subject import SMOOTHING_FWHM_MM, PhantomSubject, make_subject
from pcsa_jax.data.phantom.templates import Templates, load_templates
from pcsa_jax.data.phantom.traits import Traits, draw_traits, participant_id
from pcsa_jax.data.phantom_mark import HEADER_TEXT, SIDECAR_KEY, WARNING
from pcsa_jax.data.threads import count_cores
from pcsa_jax.errors import UserError

FEWEST_FOR_WORKERS = 8
"""Smaller cohorts are made in this process: starting others takes longer than the work."""

BIDS_VERSION = "1.10.0"


def write_cohort(
    out: Path,
    *,
    pairs: int = 356,
    mri_only: int = 328,
    size: int = 64,
    seed: int = 0,
    first: int = 1,
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes the cohort to ``out``, whole or not at all.

    Args:
      out: folder that does not exist yet or is empty.
      pairs: subjects with MRI and PET, numbered from ``first`` on.
      mri_only: subjects with MRI only, numbered after the pairs.
      size: voxels along each axis (a multiple of 16; 64 is 3 mm).
      seed: of the cohort; subject numbers mean the same person for every ``pairs``, ``mri_only`` and ``size``.
      first: number of the first subject; a cohort that starts after the end of another holds other people.
      jobs: processes; all cores if not given. The files do not depend on it.
      progress: called in this process with (subjects done, subjects in all).

    Returns:
      ``out``.

    Raises:
      UserError: for a bad value or a folder that holds something.
    """
    out = Path(out)
    _check(out, pairs=pairs, mri_only=mri_only, size=size, seed=seed, first=first, jobs=jobs)
    with files.new_folder(out) as partial:
        numbers = range(first, first + pairs + mri_only)
        _write_description(partial, numbers, pairs=pairs, size=size, seed=seed)
        write = functools.partial(_write_subject, partial, size=size, seed=seed, last_pair=first + pairs - 1)
        # Closed before the folder is taken away: what still works would write into it.
        with contextlib.closing(_run(write, numbers, jobs or count_cores())) as finished:
            for done, _ in enumerate(finished, start=1):
                if progress is not None:
                    progress(done, len(numbers))
    return out


def _check(out: Path, *, pairs: int, mri_only: int, size: int, seed: int, first: int, jobs: int | None) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out}: expected a new or empty folder; found files in it. Give another --out or delete it.")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: expected a new or empty folder; found a file. Give another --out or delete it.")
    given = (("pairs", pairs, 1), ("mri_only", mri_only, 0), ("seed", seed, 0), ("first", first, 1), ("jobs", jobs, 1))
    for name, value, least in given:
        if value is not None and value < least:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"phantom: {name} must be at least {least}; found {value}. Give {flag}={least} or more.")
    if size < 16 or size % 16:
        raise UserError(f"phantom: size must be a multiple of 16; found {size}. Give --size=16, 32, 48, 64 or more.")


_worker_templates: Templates | None = None


def _start_worker(templates: Templates) -> None:
    """Keeps the templates for all subjects of this worker."""
    global _worker_templates
    _worker_templates = templates
    follow_parent()


def _run(write: Callable[..., None], numbers: range, jobs: int) -> Iterator[None]:
    """Calls ``write(number)`` for every number, in ``jobs`` processes; yields after each.

    Left early, it ends when the subjects that are being made are.

    Raises:
      UserError: if a process is killed.
    """
    templates = load_templates()
    if jobs == 1 or len(numbers) < FEWEST_FOR_WORKERS:
        for number in numbers:
            yield write(number, templates=templates)
        return
    # Not fork: the parent may hold the threads of jax. Not multiprocessing.Pool: it waits for ever for a subject whose
    # process was killed.
    executor = ProcessPoolExecutor(
        min(jobs, len(numbers)), multiprocessing.get_context("spawn"), _start_worker, (templates,)
    )
    try:
        subjects = []
        for number in numbers:
            with uninterrupted():  # the first of these start the processes
                subjects.append(executor.submit(_in_worker, write, number))
        for subject in as_completed(subjects):
            yield subject.result()
    except BrokenProcessPool as error:
        raise UserError(
            "phantom: expected its processes to end their work, found one killed, as systems do when memory runs out. "
            "Start again with fewer --jobs."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _in_worker(write: Callable[..., None], number: int) -> None:
    write(number, templates=_worker_templates)


def _write_subject(root: Path, number: int, *, size: int, seed: int, last_pair: int, templates: Templates) -> None:
    subject = make_subject(number, size=size, seed=seed, with_pet=number <= last_pair, templates=templates)
    name, affine = subject.traits.participant_id, Grid(size).affine
    mri = layout.mri_path(root, name, size=size)
    files.write_volume(mri, subject.mri, affine, description=HEADER_TEXT)
    files.write_json(layout.sidecar(mri), _mri_sidecar(size))
    if subject.pet is None:
        return
    for desc, volume in (("", subject.pet), ("predictable", subject.predictable)):
        path = layout.pet_path(root, name, size=size, desc=desc)
        files.write_volume(path, volume, affine, description=HEADER_TEXT)
        files.write_json(layout.sidecar(path), _pet_sidecar(subject, size, desc))


def _resolution(size: int) -> str:
    return f"{size}x{size}x{size} voxels of {Grid(size).voxel_size_mm:g} mm, centred on the brain"


def _mri_sidecar(size: int) -> dict:
    return {
        SIDECAR_KEY: True,
        "Description": f"{WARNING} Grey-matter density, smoothed to {SMOOTHING_FWHM_MM:g} mm FWHM.",
        "Type": "Brain",
        "SkullStripped": True,
        "SmoothingFWHM": SMOOTHING_FWHM_MM,
        "SpatialReference": SPACE,
        "Resolution": _resolution(size),
    }


def _pet_sidecar(subject: PhantomSubject, size: int, desc: str) -> dict:
    what = "FDG-PET" if not desc else "FDG-PET with all that the MRI cannot tell at its expectation"
    return {
        SIDECAR_KEY: True,
        "Description": f"{WARNING} {what}, smoothed to {SMOOTHING_FWHM_MM:g} mm FWHM.",
        "SkullStripped": True,
        "SmoothingFWHM": SMOOTHING_FWHM_MM,
        "SpatialReference": SPACE,
        "Resolution": _resolution(size),
        "TracerName": "FDG",
        "TracerRadionuclide": "F18",
        "Units": "SUVR",
        "ReferenceRegion": "pons (about 0.93)",
        "ScannerFWHMmm": round(subject.traits.psf_fwhm_mm, 3),
    }


def _participants(numbers: range, seed: int) -> str:
    regions = load_regions()
    traits: Iterator[Traits] = (draw_traits(number, seed, regions) for number in numbers)
    rows = [(participant_id(t.number), t.diagnosis, f"{t.age:.1f}", t.sex) for t in traits]
    return "".join("\t".join(row) + "\n" for row in [layout.PARTICIPANT_COLUMNS, *rows])


def _write_description(root: Path, numbers: range, *, pairs: int, size: int, seed: int) -> None:
    origin, mri_only = Origin(PHANTOM_VERSION, seed).describe(), len(numbers) - pairs
    first = f", from number {numbers.start}" if numbers.start > 1 else ""
    generated_by = {
        "Name": layout.PHANTOM_GENERATOR,
        "Version": __version__,
        "Description": f"{WARNING} {origin}, size {size}, {pairs} + {mri_only} subjects{first}.",
    }
    description = {
        "Name": COHORT_NAME,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "License": "CC0",
        "GeneratedBy": [generated_by],
    }
    columns = {
        "participant_id": {"Description": "Subject of the phantom"},
        "diagnosis": {
            "Description": "Simulated diagnosis",
            "Levels": {"AD": "Alzheimer's disease", "CN": "cognitively normal"},
        },
        "age": {"Description": "Simulated age", "Units": "year"},
        "sex": {"Description": "Simulated sex", "Levels": {"F": "female", "M": "male"}},
    }
    files.write_json(root / "dataset_description.json", description)
    files.write_json(root / "participants.json", columns)
    files.write_text(root / "README", f"{WARNING}\nSee docs/phantom.md of pcsa_jax for the model.\n")
    files.write_text(root / "participants.tsv", _participants(numbers, seed))
