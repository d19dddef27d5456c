"""PCSA-GAN in JAX: FDG-PET from structural MRI (arXiv 2411.17420)."""

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036 (a clone is not stopped by requires-python)
    raise SystemExit(f"{sys.executable}: expected Python 3.11 or later, found {sys.version.split()[0]}. Use another.")

if TYPE_CHECKING:
    from pcsa_jax.calls import (
        calibrate,
        check,
        evaluate,
        export,
        load_generator,
        phantom,
        publish,
        reproduce,
        synthesize,
        train,
    )

__all__ = [
    "calibrate",
    "check",
    "evaluate",
    "export",
    "load_generator",
    "phantom",
    "publish",
    "reproduce",
    "synthesize",
    "train",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Looked up on first use: the package's name alone must not cost the start-up time of what the calls need.
    if name in __all__:
        from pcsa_jax import calls

        return getattr(calls, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
