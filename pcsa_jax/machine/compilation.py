"""Compiled programs kept from one process to the next: JAX's persistent compilation cache in a private folder."""

import hashlib
import os
import platform
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import jax
from jax.experimental.compilation_cache import compilation_cache

from pcsa_jax.errors import UserError
from pcsa_jax.machine.cache import cache_folder
from pcsa_jax.machine.progress import console

MAX_BYTES = 2**30
"""Size of the folder; JAX drops the programs unused for longest. A training step is about 1 MB."""

MIN_COMPILE_S = 0.5
"""What compiles faster is not kept: reading it back would gain little."""

LONG_S = 1.0
"""A longer wait for the compiler is said."""

LOCK_TIMEOUT_S = 10.0
_ENTRY, _LAST_USE, _LOCK = "-cache", "-atime", ".lockfile"
"""Endings and names of JAX's files in the folder (``jax/_src/lru_cache.py``)."""

_PROCESSOR_FIELDS = frozenset({
    "vendor_id", "cpu family", "model", "flags",  # x86
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features",  # Arm
})  # fmt: skip
"""Lines of /proc/cpuinfo that say which instructions there are; the others change with time or from core to core."""


_CACHE_DIR, _MIN_COMPILE, _MAX_SIZE = (
    "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_compilation_cache_max_size",
)  # fmt: skip


def keep_compiled_programs() -> Path | None:
    """Turns the persistent compilation cache on, for the programs of this process that are not compiled yet.

    The folder is ``compiled-PROCESSOR`` in :func:`~pcsa_jax.machine.cache.cache_folder`. JAX runs the machine code
    that it finds there, so the folder is made for its owner alone and is not used if others could write to it. Where
    there is no usable folder, one line says so and everything is compiled as without a cache.

    A user's own ``JAX_COMPILATION_CACHE_DIR`` or ``JAX_ENABLE_COMPILATION_CACHE=false`` is left as it is, and so are
    JAX's variables for the limits.

    Returns:
      The folder, or None if this function turned nothing on.
    """
    if jax.config.jax_compilation_cache_dir is not None or not jax.config.jax_enable_compilation_cache:
        return None
    try:
        folder = cache_folder() / f"compiled-{processor_name()}"
        problem = _prepare(folder)
    except UserError as error:  # nobody knows the home folder, as in a container under a number without a name
        problem = str(error).partition(". ")[0]
    if problem:
        console.print(
            f"Compiled programs are not kept: {problem}. Every start compiles anew; set PCSA_JAX_CACHE to a folder of "
            "your own, or JAX_ENABLE_COMPILATION_CACHE=false to silence this."
        )
        return None
    for name, value in {_MIN_COMPILE: MIN_COMPILE_S, _MAX_SIZE: MAX_BYTES}.items():
        if name.upper() not in os.environ:
            jax.config.update(name, value)
    jax.config.update(_CACHE_DIR, str(folder))
    # JAX looks once, at the first program that it compiles: without this a process that has compiled something already
    # would go on without a cache.
    compilation_cache.reset_cache()
    return folder


def compile_patiently(lowered: jax.stages.Lowered, what: str) -> Callable[..., Any]:
    """The program compiled or read from the cache, and the user told on stderr where that takes a while.

    For use as a library: the cache is on while this compiles, and afterwards JAX's settings are the caller's again.

    Args:
      lowered: what ``jax.jit(function).lower(...)`` returns.
      what: of the program, for the user.
    """
    with _caller_s_settings() as folder:
        folder = folder or (jax.config.jax_enable_compilation_cache and jax.config.jax_compilation_cache_dir)
        kept = f"kept in {folder} for the next time" if folder else "not kept"
        notice = threading.Timer(LONG_S, console.print, [f"Compiling {what} ({kept})"], {"markup": False})
        notice.daemon = True
        notice.start()
        try:
            return lowered.compile()
        finally:
            notice.cancel()


@contextmanager
def _caller_s_settings() -> Iterator[Path | None]:
    """The cache as :func:`keep_compiled_programs` turns it on, and off again at the end."""
    before = {name: getattr(jax.config, name) for name in (_CACHE_DIR, _MIN_COMPILE, _MAX_SIZE)}
    folder = keep_compiled_programs()
    try:
        yield folder
    finally:
        if folder is not None:
            for name, value in before.items():
                jax.config.update(name, value)
            compilation_cache.reset_cache()


def processor_name() -> str:
    """Architecture and a hash of the instruction set, as in ``x86_64-1f3870be``; of the host's name where unknown.

    XLA compiles for the very processor it runs on, and its loader only warns of instructions that this one lacks
    before it runs into them (SIGILL). In a home directory that several machines share each kind gets its own folder.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {line for line in lines if line.partition(":")[0].strip() in _PROCESSOR_FIELDS}
    known = "\n".join(sorted(fields)) or platform.node()
    return f"{platform.machine() or 'unknown'}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"


def _prepare(folder: Path) -> str:
    """Makes the folder, checks that nobody else can write to it and mends it; what is wrong with it, or ""."""
    root = folder.parent
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        # The folder must not be a link, which its owner could turn elsewhere later. Its parent holds the built-in
        # cohort too, and is writable by the user's group where that is the system's habit.
        problem = _exposure(root, root.stat(), stat.S_IWOTH)
        problem = problem or _exposure(folder, folder.lstat(), stat.S_IWOTH | stat.S_IWGRP)
        if not problem:
            _drop_unfinished(folder)
        return problem
    except filelock.Timeout:
        return f"another process has held the lock of {folder} for {LOCK_TIMEOUT_S:g} s"
    except (OSError, NotImplementedError) as error:  # the latter is filelock's where there are no locks
        return f"{folder} cannot be written ({getattr(error, 'strerror', None) or error})"


def _exposure(folder: Path, found: os.stat_result, forbidden: int) -> str:
    """Who else could put files into ``folder`` (``forbidden``: bits of its mode), or ""."""
    if not stat.S_ISDIR(found.st_mode):
        return f"expected a folder at {folder}, found a link or a file"
    if found.st_uid != os.geteuid():
        return f"{folder} belongs to another user (uid {found.st_uid}), who could put code into it"
    if found.st_mode & forbidden:
        return f"{folder} can be written by others (mode {stat.S_IMODE(found.st_mode):04o}), who could put code into it"
    return ""


def _drop_unfinished(folder: Path) -> None:
    """Removes entries that a killed process or a full disk cut short.

    JAX would warn of each at every start, never write it anew, and refuse all new entries because it cannot date
    them. It writes an entry's time of last use after the entry, under the same lock, so an entry without one is
    unfinished. Taking the lock also shows whether this file system has locks and room for a file.
    """
    with filelock.FileLock(folder / _LOCK, timeout=LOCK_TIMEOUT_S):
        dated = {path.name.removesuffix(_LAST_USE) for path in folder.glob(f"*{_LAST_USE}")}
        for path in folder.glob(f"*{_ENTRY}"):
            if path.name.removesuffix(_ENTRY) not in dated:
                path.unlink()
