"""Where what can be made again is kept: built-in cohorts and compiled programs."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$PCSA_JAX_CACHE``, or ``pcsa_jax`` in the user's cache folder."""
    given = os.environ.get("PCSA_JAX_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pcsa_jax")
