"""What a run ran on: versions, devices, git commit."""

import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from pcsa_jax.data.files import read_text
from pcsa_jax.data.phantom.roster import PHANTOM_VERSION
from pcsa_jax.errors import UserError

PACKAGES = ("pcsa_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "nibabel", "nilearn")


def read_environment(path: Path) -> dict[str, Any]:
    """Reads a run's ``environment.json``.

    Raises:
      UserError: if it is missing or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: expected the run's versions and devices, found {error}. Restore the file.") from error


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
