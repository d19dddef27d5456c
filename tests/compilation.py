"""How the suite compiles: most of its time is XLA's, and most of its programs run once on a handful of voxels.

LLVM does without its expensive passes; what XLA makes of a program before that is the same, and
``tests/model/test_state_step.py`` compares a whole training step of both kinds. What is compiled once is kept for all
workers and processes of this run of the suite. ``JAX_DISABLE_MOST_OPTIMIZATIONS=false python -m pytest`` tests programs
as users run them; the tests of the cache itself always do.
"""

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager

FOLDER = "JAX_COMPILATION_CACHE_DIR"
OWNER = "PCSA_JAX_TESTS"
"""Set in the workers and processes of a run: the folder is there, and is not theirs to remove."""


def hasten() -> None:
    """Sets JAX's variables for this process and those that it starts; call it before anything imports jax."""
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
    if OWNER in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="pcsa_jax_tests_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        OWNER: folder,
        FOLDER: folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        # A limit, never reached: without one JAX writes and reads without a lock.
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**31),
    }


@contextmanager
def optimised():
    """Within it programs are compiled as users run them."""
    import jax

    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
