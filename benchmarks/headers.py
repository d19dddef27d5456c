"""NIfTI headers damaged byte by byte, and what the check of a cohort then says of the volume beside the others."""

import dataclasses
import functools
import random
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from benchmarks.outcomes import Noted

HEADERS = "headers"
FORMS = {
    "float32": (nib.Nifti1Image, np.float32),
    "nifti2": (nib.Nifti2Image, np.float32),
    "int16": (nib.Nifti1Image, np.int16),
    "uint16": (nib.Nifti1Image, np.uint16),
}
"""nibabel gives the two kinds of integers a slope; int16 an offset besides, as the lowest value is 0."""


def write_headers(folder: Path, cohort: Path) -> None:
    """The map and the PET of one person of a cohort, each in each form of NIfTI, to ``folder``."""
    from pcsa_jax.data.cohort import read_cohort

    folder.mkdir()
    subject = read_cohort(cohort).pairs[0]
    for modality in ("mri", "pet"):
        image = nib.load(getattr(subject, modality))
        for form, (make, dtype) in FORMS.items():
            made = make(image.get_fdata(dtype=np.float32), image.affine)
            made.set_data_dtype(dtype)
            nib.save(made, folder / f"{modality}_{form}.nii")


@functools.cache
def _others(cohort: Path) -> tuple[list[Any], Any]:
    """What the check finds of everybody but the person whose volumes are damaged, and that person."""
    from pcsa_jax.data.cohort import read_cohort
    from pcsa_jax.data.inspection import inspect_file

    subject, *others = read_cohort(cohort).pairs
    return [inspect_file(other, modality) for other in others for modality in ("mri", "pet")], subject


@functools.cache
def _notes_of_sound(folder: Path, path: Path) -> frozenset[str]:
    return frozenset(_beside_others(folder, path)[1])


def _beside_others(folder: Path, path: Path) -> tuple[str, list[str]]:
    """The voxels' and grid's hash of a volume, and what the check notes of it beside the others of its cohort."""
    from pcsa_jax.data.inspection import describe_files, inspect_file
    from pcsa_jax.data.volumes import refuse

    others, subject = _others(folder / "cohort")
    modality = path.name.split("_")[0]
    found = inspect_file(dataclasses.replace(subject, **{modality: path}), modality)
    refuse(found.findings, subject=subject.name, path=path)
    return found.digest, describe_files([found, *others])


def beside_cohort(folder: Path, path: Path) -> str:
    """The hash of a damaged volume that is taken without a word.

    Raises:
      Noted: if the check says a line on it that it does not say of the sound one.
    """
    digest, notes = _beside_others(folder, path)
    if new := set(notes) - _notes_of_sound(folder, path):
        raise Noted(min(new))
    return digest


def header_bytes(content: bytes, rng: random.Random) -> bytes:
    """One to four changes in the header of a NIfTI file, which keeps its length: bits, bytes, runs of bytes."""
    spoilt, size = bytearray(content), int.from_bytes(content[:4], "little")
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, kind = rng.randrange(size), rng.randrange(3)
        if kind == 0:
            spoilt[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            length = min(rng.choice((1, 2, 4, 8)), size - at)
            spoilt[at : at + length] = rng.randbytes(length)
        else:
            spoilt[at] = rng.choice((0, 1, 64, 128, 255))
    return bytes(spoilt)
