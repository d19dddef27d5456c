"""How a volume of the phantom is known again, wherever it was copied and whatever it is called there.

Two marks travel with each volume: one in its sidecar, which is read wherever a cohort is found, and one in its NIfTI
header, for volumes that lost the sidecar. The header is looked at where the volume is read anyway: a test subject's
file is not opened before.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib

from pcsa_jax.data.json_objects import parse_object, read_limited
from pcsa_jax.data.layout import sidecar
from pcsa_jax.data.subjects import Subject, counted, listing

SIDECAR_KEY = "Phantom"
"""True in the sidecar of a simulated volume."""

WARNING = "PHANTOM: simulated from an average anatomy; not a measurement of any person."
"""Begins the ``Description`` of the sidecar; volumes of former versions have no other mark."""

HEADER_TEXT = "PHANTOM: simulated by pcsa_jax, not a measurement of any person"
"""The header's ``descrip``, at most 79 bytes."""

HEADER_PLACES = (148, 240)
"""Byte at which ``descrip`` begins in NIfTI-1 and in NIfTI-2."""


def is_marked(volume: Path) -> bool:
    """Whether the sidecar or the header says that ``volume`` was simulated; False for what cannot be read."""
    return has_marked_sidecar(volume) or _has_marked_header(volume)


def is_marked_header(header: nib.Nifti1Header) -> bool:
    """Whether the header of an image in memory does."""
    return header["descrip"].item().startswith(HEADER_TEXT.encode())


def has_marked_sidecar(volume: Path) -> bool:
    """Whether the sidecar does; the volume is not opened."""
    return any(
        found.get(SIDECAR_KEY) is True or str(found.get("Description", "")).startswith(WARNING)
        for found in sidecars_of(volume)
    )


def sidecars_of(volume: Path) -> Iterator[dict[str, Any]]:
    """The sidecars beside ``volume`` and beside what it links to, those that can be read."""
    # A link may lie in a folder without sidecars.
    for path in map(sidecar, {volume, volume.resolve()}):
        if not path.is_file():
            continue
        try:
            found = parse_object(read_limited(path))
        except (OSError, ValueError):
            continue
        yield found


def any_marked(subjects: Iterable[Subject]) -> bool:
    """Whether any volume of ``subjects``, whose files are opened, was simulated."""
    return any(is_marked(path) for subject in subjects for path in (subject.mri, subject.pet) if path)


def _has_marked_header(path: Path) -> bool:
    text = HEADER_TEXT.encode()
    if not path.is_file():  # nor a pipe, which would be waited for
        return False
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            start = stream.read(HEADER_PLACES[-1] + len(text))
    except (OSError, EOFError, ValueError):
        return False
    return any(start[place:].startswith(text) for place in HEADER_PLACES)


def note_phantom(subjects: Sequence[Subject]) -> str:
    """One line on the visits whose sidecars speak of a simulated volume; empty if there are none."""
    found = [
        subject.name
        for subject in subjects
        if any(has_marked_sidecar(path) for path in (subject.mri, subject.pet) if path)
    ]
    visits = f"{counted(len(found), 'visit')} ({listing(found)})"
    return f"PHANTOM, not people: simulated volumes, by their sidecars, of {visits}" if found else ""
