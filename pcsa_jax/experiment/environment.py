"""What a run ran on: versions, devices, git commit."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from pcsa_jax.data.json_objects import check_fields, read_object
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION
from pcsa_jax.errors import UserError

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
        "backend": jax.default_backend(),
        "devices": [device.device_kind for device in jax.devices()],
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
        "phantom_version": PHANTOM_VERSION,
    }


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
