"""PCSA-GAN in JAX: FDG-PET from structural MRI (arXiv 2411.17420)."""

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036 (a clone is not stopped by requires-python)
    raise SystemExit(f"{sys.executable}: expected Python 3.11 or later, found {sys.version.split()[0]}. Use another.")

if TYPE_CHECKING:
    from pcsa_jax.synthesis.export import load_generator

__all__ = ["__version__", "load_generator"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported on first use: the package's name alone must not cost the start-up time of JAX.
    if name == "load_generator":
        from pcsa_jax.synthesis.export import load_generator

        return load_generator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
