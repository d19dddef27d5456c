"""How the suite compiles: most of its time is XLA's, and most of its programs run once on a handful of voxels.

LLVM does without its expensive passes, and XLA writes its fusions with the emitters that it had before (a third of the
time, where this version of jax still has them); what XLA makes of a program before that is the same, and
``tests/model/test_state_step.py`` compares a whole training step of both kinds. What is compiled once is kept for all
workers and processes of this run of the suite. ``JAX_DISABLE_MOST_OPTIMIZATIONS=false python -m pytest`` tests programs
as users run them; the tests of the cache itself always do.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

HASTY, FLAGS, EMITTERS = "JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS", "xla_cpu_use_fusion_emitters"
FOLDER = "JAX_COMPILATION_CACHE_DIR"
OWNER = "PCSA_JAX_TESTS"
"""Set in the workers and processes of a run: the folder is there, and is not theirs to remove."""


def hasten() -> None:
    """Sets JAX's variables for this process and those that it starts; call it before anything imports jax."""
    os.environ.setdefault(HASTY, "true")
    if OWNER in os.environ:
        return
    if os.environ[HASTY].lower() in ("true", "1", "yes", "on") and _is_known(f"--{EMITTERS}=false"):
        os.environ[FLAGS] = with_flags(f"--{EMITTERS}=false")
    folder = tempfile.mkdtemp(prefix="pcsa_jax_tests_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        OWNER: folder,
        FOLDER: folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        # A limit, never reached: without one JAX writes and reads without a lock.
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**31),
    }


def _is_known(flag: str) -> bool:
    """Whether this version of XLA knows a flag; it ends a process that gives it another."""
    start = [sys.executable, "-c", "from jaxlib import xla_client; xla_client.make_cpu_client()"]
    return not subprocess.run(start, env=os.environ | {FLAGS: flag}, capture_output=True, check=False).returncode


def with_flags(*flags: str) -> str:
    """``XLA_FLAGS`` with more of them, for a process of its own."""
    return " ".join([*os.environ.get(FLAGS, "").split(), *flags])


def as_users_run() -> dict[str, str]:
    """The environment of a process that compiles as a user's does, into a cache of its own."""
    ours = {name for name in os.environ if name.startswith("JAX_")} | {FLAGS}
    return {name: value for name, value in os.environ.items() if name not in ours}


@contextmanager
def optimised() -> Iterator[dict[str, bool]]:
    """Within it programs are compiled as users run them, given the ``compiler_options`` that it yields."""
    import jax

    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield {EMITTERS: True} if EMITTERS in os.environ.get(FLAGS, "") else {}
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
