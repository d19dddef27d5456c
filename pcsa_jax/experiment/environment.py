"""What a run ran on: versions, devices, git commit."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsa_jax.data.json_objects import check_fields, read_object
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION
from pcsa_jax.data.threads import count_cores
from pcsa_jax.errors import UserError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "XLA_FLAGS")
"""Variables that change the number of threads, and with it the order in which numbers are summed."""

BIT_PACKAGES = ("jax", "jaxlib", "numpy")
"""Packages whose version may change the last bits of a step or of a closed form."""

PACKAGES = ("pcsa_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "nibabel", "nilearn")

COHORT_FIELDS = {"name": str, "is_phantom": bool, "is_modulated": bool | None}
"""What a run has recorded of the cohort that it was trained on."""

_NO_COHORT = {"name": "", "is_phantom": False}


def read_environment(path: Path) -> dict[str, Any]:
    """Reads a run's ``environment.json``.

    Raises:
      UserError: if it is missing, or not what :func:`describe_environment` and a training make.
    """
    expected = "the run's versions and devices"
    found = read_object(path, {"cohort": dict | None}, expected=expected)
    try:
        check_fields(found.get("cohort") or _NO_COHORT, COHORT_FIELDS)
    except ValueError as error:
        raise UserError(f"{path}: expected {expected}, found {error} of the cohort. Restore the file.") from error
    return found


def describe_environment() -> dict[str, Any]:
    """Versions, devices and code state, as plain JSON values."""
    import jax

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": describe_threads(),
        "backend": jax.default_backend(),
        "devices": [device.device_kind for device in jax.devices()],
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
        "phantom_version": PHANTOM_VERSION,
    }


def describe_threads() -> dict[str, Any]:
    """How many threads compute: the cores that this process may use, and the variables that say otherwise."""
    return {"usable_cores": count_cores()} | {name: os.environ[name] for name in THREADS if name in os.environ}


def changed_environment(stored: Mapping[str, Any]) -> list[str]:
    """What of that on which a run's bits depend is another than in its ``environment.json``, as "name: old -> new".

    Nothing is said of what an older file does not hold.
    """
    import jax

    now = {"backend": jax.default_backend(), **{name: _version(name) for name in BIT_PACKAGES}, **describe_threads()}
    packages, threads = stored.get("packages"), stored.get("threads")
    before = {"backend": stored.get("backend")}
    before |= {name: packages.get(name) for name in BIT_PACKAGES} if isinstance(packages, Mapping) else {}
    changed = [name for name, old in before.items() if old is not None and old != now[name]]
    if isinstance(threads, Mapping):
        before |= {name: threads.get(name) for name in ("usable_cores", *THREADS)}
        changed += [name for name in ("usable_cores", *THREADS) if threads.get(name) != now.get(name)]
    return [f"{name}: {before[name] or 'unset'} -> {now.get(name) or 'unset'}" for name in changed]


def _version(name: str) -> str | None:
    if name == "pcsa_jax":
        from pcsa_jax import __version__

        return __version__
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """The commit of this checkout, with "+changes" if files differ from it; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
