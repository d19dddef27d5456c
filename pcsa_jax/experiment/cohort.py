"""The cohort that a config names: a folder of the user's, or the built-in one from the per-user cache."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from pcsa_jax.data.cohort import Cohort, Reading, read_cohort, why_none_to_train_on
from pcsa_jax.data.phantom.cohort import write_cohort
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION, list_cohort
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.fields import AS_FILES_SAY
from pcsa_jax.machine.cache import cache_folder
from pcsa_jax.machine.progress import console, progress

PHANTOM_SEED = 0


def open_cohort(data: ConfigDict) -> Cohort:
    """Reads the cohort of a config's ``data`` group, writing the built-in one first if it is not in the cache.

    Raises:
      UserError: if the cohort cannot be read or written.
    """
    if data.root:
        return _read_own(data)
    _check_no_reading(data)
    root = builtin_root(data)
    if not root.exists():
        console.print(f"Writing the built-in cohort (a phantom: {data.pairs} pairs at {data.size}^3) to {root}")
        numbers = {"pairs": data.pairs, "mri_only": data.mri_only, "size": data.size, "seed": PHANTOM_SEED}
        try:
            with progress("Phantom") as report:
                write_cohort(root, **numbers, progress=report)
        except OSError as error:
            if root.exists():  # another first start wrote it meanwhile: the same bytes
                return read_cohort(root)
            raise UserError(
                f"built-in cohort: could not be written to {root} ({error.strerror}). Set PCSA_JAX_CACHE to a folder "
                "with space, or --config.data.root to a cohort."
            ) from error
    return read_cohort(root)


def look_at_cohort(data: ConfigDict) -> Cohort:
    """The cohort of :func:`open_cohort`, without writing anything: the built-in one's subjects are known beforehand.

    Raises:
      UserError: if the user's cohort cannot be read.
    """
    if data.root:
        return _read_own(data)
    _check_no_reading(data)
    return list_cohort(builtin_root(data), pairs=data.pairs, mri_only=data.mri_only, size=data.size)


def builtin_root(data: ConfigDict) -> Path:
    """Where the built-in cohort of a config is, or would be, in the cache."""
    people = f"{data.pairs}pairs" + (f"-{data.mri_only}mri" if data.mri_only else "")
    return cache_folder() / f"phantom-v{PHANTOM_VERSION}-seed{PHANTOM_SEED}-{data.size}-{people}"


def check_phantom(data: ConfigDict, environment: Mapping[str, Any], source: Path) -> None:
    """Raises UserError if a run was trained on another version of the built-in cohort than this software makes."""
    trained = environment.get("phantom_version")
    if not data.root and trained != PHANTOM_VERSION:
        raise UserError(
            f"{source}: expected a run on version {PHANTOM_VERSION} of the built-in cohort, found version {trained}. "
            "The subjects are not the same: train again, or use the software's former version."
        )


def describe_cohort(data: ConfigDict) -> tuple[str, bool]:
    """Name of the cohort of a config's ``data`` group and whether it is a phantom, without writing the built-in one."""
    if not data.root:
        return f"built-in phantom v{PHANTOM_VERSION}, {data.pairs} pairs", True
    cohort = _read_own(data)
    return cohort.name, cohort.is_phantom


def describe_training(data: ConfigDict, environment: Mapping[str, Any]) -> tuple[str, bool]:
    """Name of the cohort that a run was trained on and whether it is a phantom.

    What the run has recorded holds, even if the cohort is not there any more; older runs have not recorded it.

    Args:
      data: group of the run's config.
      environment: the run's ``environment.json``.

    Raises:
      UserError: if it was not recorded and the cohort cannot be read.
    """
    recorded = environment.get("cohort")
    return (recorded["name"], recorded["is_phantom"]) if recorded else describe_cohort(data)


def _check_no_reading(data: ConfigDict) -> None:
    """Raises UserError if a config says something of a cohort of the user's without naming any."""
    given = [name for name in ("participants", "tracer") if data[name]]
    given += ["diagnosis"] if data.diagnosis != "any" else []
    given += ["accept_suspicious"] if data.accept_suspicious else []
    given += ["fwhm_mm"] if data.fwhm_mm != AS_FILES_SAY else []
    if given:
        raise UserError(
            f"config.data.{given[0]}: expected a cohort that it is said of (--config.data.root), found none: it would "
            "have no effect on the built-in cohort. Leave it out."
        )


def _read_own(data: ConfigDict) -> Cohort:
    participants = Path(data.participants) if data.participants else None
    fwhm_mm = None if data.fwhm_mm == AS_FILES_SAY else data.fwhm_mm
    reading = Reading(participants, data.tracer, data.diagnosis, fwhm_mm, data.accept_suspicious)
    cohort = read_cohort(Path(data.root), reading)
    if problem := why_none_to_train_on(cohort):
        raise UserError(str(problem))
    return cohort
