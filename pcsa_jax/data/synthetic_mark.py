"""How a synthetic PET is known again, whatever it is called and whatever was lost on the way: the mark in its header.

It stands in three places of the NIfTI header, as tools that rewrite headers differ in what they keep: ``descrip``,
``intent_name``, and an extension (comment, ecode 6) that is a JSON object. Any one of them, or the sidecar, is enough
for :func:`judge_origin`, which every reader of a scan asks.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
from nibabel.spatialimages import SpatialImage

from pcsa_jax import __version__
from pcsa_jax.data.headers import Finding
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.data.phantom_mark import SIDECAR_KEY as PHANTOM_KEY
from pcsa_jax.data.phantom_mark import sidecars_of
from pcsa_jax.data.problems import Problem
from pcsa_jax.data.subjects import Subject

SIDECAR_KEY = "Synthetic"
"""True in the sidecar of a synthetic PET, and of all that is derived from one."""

INTENDED_USE = "Research only: synthetic PET is a guess from anatomy, no measurement; not for diagnosis or treatment."

DESCRIPTION = "SYNTHETIC FDG-PET"
"""Begins the header's ``descrip``."""

INTENT = "synthetic FDG"
"""The header's ``intent_name``, of 16 bytes."""

DESCRIP_BYTES = 79
"""``descrip`` has 80, and C programs end it with 0."""

COMMENT = "comment"
"""The extension's kind by nibabel: ecode 6, text that any reader may show."""

SIGNATURE = b'{"Synthetic": true, "GeneratedBy": "pcsa_jax '
"""Begins the extension, and is found even where a tool has moved or padded it."""

FIELDS = {348: ((148, 80), (328, 16)), 540: ((240, 80), (508, 16))}
"""``sizeof_hdr`` -> first byte and length of ``descrip`` and of ``intent_name`` in NIfTI-1 and NIfTI-2."""

REMEDY = "Put the scan's own volume in its place: nothing is learnt from, or scored against, a guess"


class SyntheticMark(NamedTuple):
    """What a header says of a synthetic volume.

    Attributes:
      generators: SHA-256 of each generator's parameters.
      trained_on_phantom: whether any was trained on a phantom; None if nobody knows.
      is_of_phantom: whether the MRI is a phantom's.
      content: ``desc-`` of the volume: "synthetic", "syntheticStd", ...
      generated_by: software and version.
    """

    generators: tuple[str, ...]
    trained_on_phantom: bool | None
    is_of_phantom: bool
    content: str = "synthetic"
    generated_by: str = f"pcsa_jax {__version__}"

    @classmethod
    def of_sidecar(cls, card: Mapping[str, Any], *, content: str = "synthetic") -> "SyntheticMark":
        """The mark of a volume whose sidecar is ``card``."""
        trained = {generator["TrainedOnPhantom"] for generator in card["Generators"]}
        known = True if True in trained else None if None in trained else False
        hashes = tuple(generator["SHA256"] for generator in card["Generators"])
        return cls(hashes, known, card[PHANTOM_KEY] is True, content)

    @property
    def descrip(self) -> str:
        """One line of at most :data:`DESCRIP_BYTES`, ASCII."""
        what = self.content.removeprefix("synthetic")[:8]
        phantom = {
            (True, True): "; of and trained on a PHANTOM", (True, False): "; of a PHANTOM's MRI",
            (False, True): "; trained on a PHANTOM", (False, False): "",
        }[self.is_of_phantom, self.trained_on_phantom is True]  # fmt: skip
        return f"{DESCRIPTION}{' ' + what if what else ''}, not measured; pcsa_jax{phantom}"

    @property
    def comment(self) -> bytes:
        """The extension: begins with :data:`SIGNATURE`."""
        content = {
            SIDECAR_KEY: True,
            "GeneratedBy": self.generated_by,
            "Content": self.content,
            "GeneratorSHA256": list(self.generators),
            "TrainedOnPhantom": self.trained_on_phantom,
            "PhantomInput": self.is_of_phantom,
            "IntendedUse": INTENDED_USE,
        }
        return json.dumps(content).encode()


def mark_image(image: nib.Nifti1Image, mark: SyntheticMark) -> nib.Nifti1Image:
    """Writes ``mark`` into the header of ``image``, in place of an earlier one; returns the image.

    Whatever is made of a synthetic PET (its spread, its bounds, its deviation from a norm) goes through here before it
    is written or given away.
    """
    header = image.header
    header["descrip"], header["intent_name"] = mark.descrip.encode("ascii"), INTENT.encode("ascii")
    header.extensions[:] = [each for each in header.extensions if SIGNATURE not in _content(each)]
    header.extensions.append(nib.nifti1.Nifti1Extension(COMMENT, mark.comment))
    return image


def read_mark(header: nib.Nifti1Header) -> SyntheticMark | None:
    """The mark in the extension of a header; None where there is none, or none that can be read."""
    for each in header.extensions:
        content = _content(each).rstrip(b"\0")
        if not content.startswith(SIGNATURE):
            continue
        try:
            found = parse_object(
                content,
                {"GeneratorSHA256": list, "TrainedOnPhantom": bool | None, "PhantomInput": bool, "Content": str},
            )
        except ValueError:
            continue
        return SyntheticMark(
            tuple(map(str, found["GeneratorSHA256"])), found["TrainedOnPhantom"], found["PhantomInput"],
            found["Content"], found["GeneratedBy"],
        )  # fmt: skip
    return None


def judge_origin(before_voxels: bytes, volume: Path | None = None) -> Finding | None:
    """Says that a volume which is offered as one made from a scan is synthetic; None if nothing says so.

    Args:
      before_voxels: the file from its beginning up to its voxels, not compressed.
      volume: the file, whose sidecar is asked as well; None of one that has no file.
    """
    if volume is not None and says_synthetic(volume):
        return _finding("sidecar")
    return _finding("header") if _has_mark(before_voxels) else None


def judge_image(image: SpatialImage) -> Finding | None:
    """:func:`judge_origin` of an image in memory, and by the sidecar of the file that it was loaded from, if any."""
    file = image.get_filename()
    raw = _header_bytes(image.header) if isinstance(image, nib.Nifti1Image) else b""
    return judge_origin(raw, None if file is None else Path(file))


def find_synthetic(subjects: Iterable[Subject]) -> Iterator[Problem]:
    """:func:`judge_origin` of a cohort's visits by the sidecars alone: no volume is opened."""
    for subject in subjects:
        for path in (subject.mri, subject.pet):
            if path is not None and says_synthetic(path):
                finding = _finding("sidecar")
                yield Problem(subject.participant_id, subject.session_id, path, finding.found, finding.remedy)


def says_synthetic(volume: Path) -> bool:
    """Whether the sidecar of ``volume`` says so."""
    return any(found.get(SIDECAR_KEY) is True for found in sidecars_of(volume))


def _finding(place: str) -> Finding:
    return Finding(f"expected a volume made from a scan, found synthetic FDG-PET, not measured, by its {place}", REMEDY)


def _header_bytes(header: nib.Nifti1Header) -> bytes:
    """What stands before the voxels of a file with this header."""
    return header.binaryblock + b"".join(map(_content, header.extensions))


def _has_mark(raw: bytes) -> bool:
    sizes = [struct.unpack_from(f"{order}i", raw)[0] for order in "<>"] if len(raw) >= 4 else []
    fields = next((FIELDS[size] for size in sizes if size in FIELDS), ())
    texts = [raw[first : first + length] for first, length in fields]
    is_marked = any(text.startswith(start.encode()) for text, start in zip(texts, (DESCRIPTION, INTENT), strict=False))
    return is_marked or SIGNATURE in raw


def _content(extension: nib.nifti1.Nifti1Extension) -> bytes:
    content = extension.get_content()
    return content if isinstance(content, bytes) else str(content).encode()
