"""Where what can be made again is kept: built-in cohorts and compiled programs."""

import os
from pathlib import Path

from pcsa_jax.machine.home import user_path


def cache_folder() -> Path:
    """``$PCSA_JAX_CACHE``, or ``pcsa_jax`` in the user's cache folder."""
    given = os.environ.get("PCSA_JAX_CACHE")
    if given:
        return user_path(given)
    return user_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "pcsa_jax"
