"""How the suite compiles: most of its time is XLA's, and most of its programs run once on a handful of voxels.

LLVM does without its expensive passes, and XLA writes its fusions with the emitters that it had before (a third of the
time, where this version of jax still has them); what XLA makes of a program before that is the same, and
``tests/model/test_state_step.py`` compares a whole training step of both kinds. What is compiled once is kept for all
workers and processes of this run of the suite and for the next runs, in ``tests`` beside what the software itself keeps
(``PCSA_JAX_CACHE`` puts both elsewhere) and under its rules: a folder that others could write to is not used, and then,
as under ``JAX_ENABLE_COMPILATION_CACHE=false``, a run has one of its own that goes with it. JAX finds a program by a
hash of all its text, its options and the compiler's version, so what has changed is compiled anew.
``JAX_DISABLE_MOST_OPTIMIZATIONS=false python -m pytest`` tests programs as users run them; the tests of the cache
itself always do, with caches of their own.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HASTY, FLAGS, EMITTERS = "JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS", "xla_cpu_use_fusion_emitters"
FOLDER, SWITCH = "JAX_COMPILATION_CACHE_DIR", "JAX_ENABLE_COMPILATION_CACHE"
THRESHOLD, LIMIT = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "JAX_COMPILATION_CACHE_MAX_SIZE"
OWNER = "PCSA_JAX_TESTS"
"""Set in the workers and processes of a run: the folder is there, and is not theirs to remove."""

MAX_BYTES = 2**30
"""JAX drops the programs unused for longest; tests/training leave about 10 MB."""

ROOT = Path(__file__).parents[1]


def hasten() -> None:
    """Sets JAX's variables for this process and those that it starts; call it before anything imports jax."""
    os.environ.setdefault(HASTY, "true")
    if OWNER in os.environ:
        return
    hasty = os.environ[HASTY].lower() in ("true", "1", "yes", "on")
    folder = prepare(f"--{EMITTERS}=false") if hasty else None
    if folder is not None:
        os.environ[FLAGS] = with_flags(f"--{EMITTERS}=false")
    else:
        folder = prepare()
    if not folder:
        folder = tempfile.mkdtemp(prefix="pcsa_jax_tests_")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # A limit is needed: without one JAX writes and reads without a lock.
    os.environ |= {OWNER: folder, FOLDER: folder, THRESHOLD: "0.1", LIMIT: str(MAX_BYTES)}


PREPARE = """
import os
from jaxlib import xla_client
xla_client.make_cpu_client()
from pcsa_jax.errors import UserError
from pcsa_jax.machine.cache import cache_folder
from pcsa_jax.machine.compilation import keep_compiled_programs
try:
    os.environ["PCSA_JAX_CACHE"] = str(cache_folder() / "tests")
except UserError:  # nobody's home folder
    raise SystemExit
print(keep_compiled_programs() or "")
"""


def prepare(*flags: str) -> str | None:
    """The folder for what is compiled, made and mended as the software does with its own; "" where it is not used.

    None if this version of XLA does not know a flag: it ends a process that gives it one.
    """
    switch = {SWITCH: os.environ[SWITCH]} if SWITCH in os.environ else {}
    environment = as_users_run() | switch | {FLAGS: with_flags(*flags)}
    start = [sys.executable, "-c", PREPARE]
    done = subprocess.run(start, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


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
