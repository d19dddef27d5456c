"""Files written whole or not at all: every output goes to a temporary name first and is renamed at the end.

What is read is looked at first: a pipe would be waited for, a device may have no end.
"""

import contextlib
import errno
import gzip
import json
import math
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np

from pcsa_jax.errors import UserError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` and renames it to ``path`` if the block succeeds.

    Raises:
      UserError: if there is a device, pipe or socket at ``path``, which would be gone.
    """
    path = Path(path)
    check_plain(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``out`` that becomes ``out`` if the block succeeds; else nothing of it is left.

    Raises:
      OSError: if it cannot be made, or ``out`` is something else than an empty folder by then.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _umask() -> int:
    """What the user wants withheld from others; a temporary file or folder is the owner's alone."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


NO_FALLOCATE = (None, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
"""What is said where blocks cannot be taken ahead; None: Python has no call for it."""

BLOCK_BYTES = 2**20


def odd_kind(path: Path) -> str:
    """What ``path`` leads to, if that is neither a file nor a folder; "" if it is, or cannot be looked at."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a disk"),
    )
    return next((kind for is_kind, kind in kinds if is_kind(mode)), "")


def check_plain(path: Path) -> None:
    """Raises UserError if ``path`` leads to a pipe, device or socket: reading it might never end."""
    if kind := odd_kind(path):
        raise UserError(f"{path}: expected a plain file, found {kind}. Put the file in its place, or choose another.")


def check_writable(folder: Path, subject: str) -> None:
    """Makes sure, before work that takes long, that ``folder`` can be made or written; nothing is left there.

    Args:
      folder: may not exist yet.
      subject: what the user knows it by, such as "--out PATH".

    Raises:
      UserError: if it cannot.
    """
    place = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), folder)
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            stream.write(b"0")
    except OSError as error:
        raise UserError(
            f"{subject}: expected a place that can be written, found {error.strerror}. Choose another folder."
        ) from error


def reserve(stream: IO[bytes], num_bytes: int) -> None:
    """Takes the blocks of an open file before it is mapped into memory.

    Without them, a full disk ends the process with SIGBUS at some later assignment.

    Raises:
      OSError: if the disk has no room for them.
    """
    try:
        os.posix_fallocate(stream.fileno(), 0, max(1, num_bytes))
    except (AttributeError, OSError) as error:  # macOS has no such call, and some disks do not know it
        if getattr(error, "errno", None) not in NO_FALLOCATE:
            raise
        _fill(stream, num_bytes)


def _fill(stream: IO[bytes], num_bytes: int) -> None:
    """The same by writing what is there again and zeros behind it, which takes the time of writing them."""
    for start in range(0, num_bytes, BLOCK_BYTES):
        size = min(BLOCK_BYTES, num_bytes - start)
        stream.seek(start)
        found = stream.read(size)
        stream.seek(start)
        stream.write(found.ljust(size, b"\0"))
    stream.flush()
    stream.seek(0)


_LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp")
"""Name of what :func:`replacing` and ``tempfile`` leave where the process is killed before it is renamed."""


def names_of_others(folder: Path, own: Collection[str] = ()) -> list[str]:
    """Names in a folder, sorted, but for ``own`` and what a killed process of ours has left half done.

    Raises:
      OSError: if the folder cannot be listed.
    """
    return sorted(path.name for path in folder.iterdir() if path.name not in own and not _LEFTOVER.fullmatch(path.name))


def read_text(path: Path) -> str:
    """Reads UTF-8 text, with or without a byte-order mark.

    Raises:
      UserError: if it is in another encoding, or a device, pipe or socket.
    """
    check_plain(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: expected UTF-8 text, found another encoding. Save it as UTF-8.") from error


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def finite_or_none(value: Any) -> Any:
    """``value`` with every NaN or infinity (which JSON cannot hold) replaced by None, recursively."""
    if isinstance(value, dict):
        return {key: finite_or_none(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_none(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented, standard JSON (null in place of NaN and infinity)."""
    write_text(path, json.dumps(finite_or_none(value), indent=2, allow_nan=False) + "\n")


def write_volume(path: Path, data: np.ndarray, affine: np.ndarray, *, description: str = "") -> None:
    """Writes a volume as float32 gzipped NIfTI-1 in MNI152 coordinates (qform and sform code 4).

    The gzip header holds neither time nor name, so the same volume gives the same bytes. ``description`` (at most 79
    bytes) is the header's ``descrip``.
    """
    image = nib.Nifti1Image(np.asarray(data, np.float32), affine)
    image.set_sform(affine, code="mni")
    image.set_qform(affine, code="mni")
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description
    with replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(image.to_bytes(), compresslevel=3, mtime=0))
