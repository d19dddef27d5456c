"""Failures that are nobody's bug, as one line each: places and disks, memory, devices, packages that are missing."""

import errno
import os
import traceback

from pcsa_jax.errors import UserError
from pcsa_jax.machine.requirements import missing_requirement

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Any part of a command may meet them."""

REMEDIES = {
    errno.EACCES: "Change the permissions of the file or folder, or choose another",
    errno.EPERM: "Change the permissions of the file or folder, or choose another",
    errno.EROFS: "Choose a folder on a disk that can be written",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ENOENT: "Check the path, and whether something removes files meanwhile",
    errno.EEXIST: "Choose another path, or move what is there away",
    errno.ENOTDIR: "Choose a path whose parents are folders",
    errno.EISDIR: "Choose a file, or move the folder away",
    errno.ENOTEMPTY: "Choose another path, or move what is there away",
    errno.ELOOP: "Mend the links that lead round in a circle",
    errno.ENXIO: "Put a plain file in its place",
    errno.ENODEV: "Put a plain file in its place",
    errno.ESPIPE: "Put a plain file in its place",
    errno.EINVAL: "Choose another path",
    errno.EXDEV: "Choose a path on the same disk",
    errno.EFBIG: "Choose a disk that takes larger files, or raise ulimit -f",
    errno.EBUSY: "Wait for what uses it, or choose another path",
    errno.ETXTBSY: "Wait for what uses it, or choose another path",
    errno.EMFILE: "Raise the limit of open files (ulimit -n)",
    errno.ENFILE: "Close other programs: the system has no more open files to give",
    errno.EIO: "Look after the disk (dmesg), then start the same command again",
    errno.ESTALE: "Mount the disk again, then start the same command again",
    errno.ETIMEDOUT: "Mount the disk again, then start the same command again",
    errno.EHOSTDOWN: "Mount the disk again, then start the same command again",
    errno.ENOTCONN: "Mount the disk again, then start the same command again",
}
"""What the system says of a place -> what its user can do."""

SYSTEM_WIDE = (errno.EMFILE, errno.ENFILE, errno.EIO)
"""Those that no bug of ours explains, even where the system names no file."""

LONGEST_PATH = 160
"""Characters of a path in a message."""


def describe_failure(error: BaseException) -> str | None:
    """One line on what went wrong: subject, expected, found, what to do; None if it may be a bug of ours."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return missing_requirement(error)
    if isinstance(error, OSError):
        return _describe_place(error)
    if isinstance(error, MemoryError):
        return (
            f"memory: expected enough for this, found too little ({_line(error) or 'no more to be had'}). End other "
            "programs, take less at a time (smaller batches, fewer --jobs), or use a larger machine."
        )
    return _describe_device(error)


def _describe_place(error: OSError) -> str | None:
    if error.errno in DISK_FULL:
        return (
            f"{_shown(error.filename) or 'output'}: expected room on the disk, found none ({error.strerror}). Free "
            "some and start the same command again; what was written whole stays."
        )
    if error.errno not in REMEDIES or (error.filename is None and error.errno not in SYSTEM_WIDE):
        return None
    where = _shown(error.filename) or "system"
    return f"{where}: expected a place that can be used, found {error.strerror}. {REMEDIES[error.errno]}."


def _describe_device(error: BaseException) -> str | None:
    """What jax says of devices that are not there, or have no memory left; jax is not imported to know."""
    text = _line(error)
    if type(error).__name__ in ("XlaRuntimeError", "JaxRuntimeError"):
        if "RESOURCE_EXHAUSTED" not in text:
            return None
        return (
            f"device: expected enough memory for this, found too little ({text[:200]}). Take less at a time (a smaller "
            "--config.batch_size, more --config.micro_batches), end what else runs there, or use a larger device."
        )
    frames = traceback.extract_tb(error.__traceback__)
    is_bare = isinstance(error, AssertionError) and frames and frames[-1].filename.endswith("jax/_src/xla_bridge.py")
    if not is_bare and not (isinstance(error, RuntimeError) and text.startswith("Unable to initialize backend")):
        return None
    asked = os.environ.get("JAX_PLATFORMS", "")
    found = f" ({text[:200]})" if text else ""
    return (
        f"JAX_PLATFORMS={asked}: expected devices that jax can use here, found none{found}. Install jax's plugin for "
        "them (the README says which), or unset JAX_PLATFORMS."
    )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _shown(path: object) -> str:
    """A path for a message; a very long one by its beginning."""
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "" if path is None else str(path)
    return text if len(text) <= LONGEST_PATH else f"{text[:LONGEST_PATH]}... ({len(text)} characters)"
