"""What lies in the place of a NIfTI volume: a pointer to content that was not fetched, or a volume of another format.

Told by name and first bytes, with the command that mends it: "not a gzipped file" hides the cause.
"""

import contextlib
import itertools
import os
import re
import shlex
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pcsa_jax.data.headers import READABLE, Finding

SNIFFED_BYTES = 540
"""First bytes that are looked at: a DICOM file says what it is at byte 128."""

ANNEX_LINK = re.compile(rb"(\.\./)*\.git/annex/objects/\S+\s*")
"""A link into the annex as a file system without links holds it: its target as text."""

ANNEX, LFS = "a git-annex pointer", "a Git LFS pointer"
MGH_TYPES = {0, 1, 3, 4, 10}
MOST_LISTED = 20
"""Files of a folder that are looked at for DICOM."""


class Format(NamedTuple):
    """A format of volumes that is not read.

    Attributes:
      name: in words.
      suffixes: by which a file is told; the first one is the format's usual.
      command: that converts a file; ``{file}``, ``{out}`` and ``{folder}`` are filled in.
    """

    name: str
    suffixes: tuple[str, ...]
    command: str


FREESURFER = Format(
    "a FreeSurfer volume", (".mgz", ".mgh", ".mgh.gz"), "mri_convert {file} {out} (or nib-convert {file} {out})"
)
PAIR = Format("one file of a pair (.hdr and .img)", (".img", ".hdr", ".img.gz", ".hdr.gz"), "nib-convert {file} {out}")
MINC = Format("a MINC volume", (".mnc", ".mnc.gz", ".mnc2"), "mri_convert {file} {out} (or nib-convert {file} {out})")
NRRD = Format("an NRRD volume", (".nrrd", ".nhdr"), "c3d {file} -o {out}")
METAIMAGE = Format("a MetaImage volume", (".mha", ".mhd"), "c3d {file} -o {out}")
AFNI = Format("an AFNI volume", (".head", ".brik", ".brik.gz"), "3dAFNItoNIFTI -prefix {out} {file}")
DICOM = Format("a DICOM file", (".dcm", ".ima"), "dcm2niix -z y {folder}")
ECAT = Format("an ECAT volume", (".v",), "nib-convert {file} {out}")
MAGIC = (
    (DICOM, 128, (b"DICM",)),
    (NRRD, 0, (b"NRRD",)),
    (MINC, 0, (b"CDF\x01", b"CDF\x02", b"\x89HDF\r\n\x1a\n")),
    (ECAT, 0, (b"MATRIX7",)),
    (METAIMAGE, 0, (b"ObjectType = Image", b"NDims = ")),
)
"""Format, byte at which it says what it is, how."""

FORMATS = (FREESURFER, PAIR, MINC, NRRD, METAIMAGE, AFNI, DICOM, ECAT)


def pointer_in(raw: bytes) -> str | None:
    """What kind of pointer a file of any type is whose content was not fetched; None if it is none.

    Args:
      raw: the first bytes of the file as it is on disk, :data:`SNIFFED_BYTES` or more.
    """
    if raw.startswith((b"/annex/objects/", b"\\annex\\objects\\")) or ANNEX_LINK.fullmatch(raw.strip()):
        return ANNEX
    if raw.startswith(b"version https://git-lfs.github.com/spec/"):
        return LFS
    return None


def judge_pointer(name: str, raw: bytes, *, expected: str) -> Finding | None:
    """Says that a file is a pointer, and how to get the content; None if it is none.

    Args:
      name: of the file.
      raw: as for :func:`pointer_in`.
      expected: what the file should be ("expected a readable NIfTI file").
    """
    kind = pointer_in(raw)
    if kind is None:
        return None
    file = shlex.quote(name)
    if kind == ANNEX:
        remedy = f"Get the content: datalad get {file} (or git annex get {file})"
    else:
        remedy = f"Get the content: git lfs pull (or git lfs pull --include={file})"
    return Finding(f"{expected}, found {kind}, not the content", remedy)


def judge_foreign(name: str, raw: bytes) -> Finding | None:
    """Says what a file is in the place of a NIfTI volume; None if it may be one.

    Args:
      name: of the file.
      raw: its first :data:`SNIFFED_BYTES` bytes (fewer if it is shorter), as on disk or decompressed.
    """
    pointer = judge_pointer(name, raw, expected=READABLE)
    if pointer:
        return pointer
    if raw[344:348] == b"n+1\0" or raw[4:8] == b"n+2\0":
        return None  # one file, whatever its name
    by_name, by_content = _format_by_name(name), _format_by_content(raw)
    found = by_content or by_name
    if found is None:
        return None
    stem, suffix = _split(name, found)
    # A converter goes by the name, so a file that is named NIfTI needs its own name first.
    is_renamed = by_name is not found and "{file}" in found.command
    shown = stem + (found.suffixes[0] if is_renamed else suffix)
    command = found.command.format(file=shlex.quote(shown), out=shlex.quote(f"{stem}.nii.gz"), folder="FOLDER")
    remedy = f"Rename it to {shown} and convert it: {command}" if is_renamed else f"Convert it: {command}"
    return Finding(f"{READABLE} (.nii, .nii.gz), found {found.name}", remedy)


def judge_place(path: Path) -> Finding | None:
    """:func:`judge_foreign` of a file on disk; of a folder whether it holds DICOM files. None if it cannot be read."""
    if path.is_file():
        return next((judge_foreign(path.name, raw) for raw in _starts([path])), None)
    if path.is_dir() and any(_format_by_content(raw) is DICOM for raw in _starts(_files_in(path))):
        found = f"{READABLE} (.nii, .nii.gz), found a folder of DICOM files"
        return Finding(found, f"Convert it: {DICOM.command.format(folder=shlex.quote(path.name))}")
    return None


def _files_in(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from itertools.islice((Path(entry.path) for entry in entries if entry.is_file()), MOST_LISTED)
    except OSError:
        return


def _starts(paths: Iterable[Path]) -> Iterator[bytes]:
    """The first bytes of those files that can be read."""
    for path in paths:
        with contextlib.suppress(OSError), path.open("rb") as stream:
            yield stream.read(SNIFFED_BYTES)


def unread_format(name: str) -> str:
    """What kind of volume a file is that no reader takes, and what converts it; "" for NIfTI and what is no volume."""
    if name.lower().endswith((".nii", ".nii.gz")) and not name.endswith((".nii", ".nii.gz")):
        return "NIfTI with its ending in capitals: rename it"
    found = _format_by_name(name)
    if found is None:
        return ""
    stem, _ = _split(name, found)
    command = found.command.format(file=f"FILE{name[len(stem) :]}", out="FILE.nii.gz", folder="FOLDER")
    return f"{found.name}: {command}"


def _format_by_name(name: str) -> Format | None:
    return next((each for each in FORMATS if name.lower().endswith(each.suffixes)), None)


def _split(name: str, found: Format) -> tuple[str, str]:
    """The name without and the suffix of its format, or that of NIfTI."""
    suffixes = sorted((*found.suffixes, ".nii", ".nii.gz"), key=len, reverse=True)
    suffix = next((each for each in suffixes if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)], name[len(name) - len(suffix) :]


def _format_by_content(raw: bytes) -> Format | None:
    found = next((form for form, place, magics in MAGIC if raw[place:].startswith(magics)), None)
    return found or (FREESURFER if len(raw) >= 28 and _is_mgh(raw) else None)


def _is_mgh(raw: bytes) -> bool:
    version, *extents, num_frames, code = struct.unpack_from(">6i", raw)
    return version == 1 and code in MGH_TYPES and all(0 < extent < 2**15 for extent in (*extents, num_frames))
