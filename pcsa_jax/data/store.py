"""The normalised volumes of a cohort that is larger than the memory, as two arrays in files."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pcsa_jax.data.contents import MODALITIES, Known, contents_of
from pcsa_jax.data.files import check_plain, write_text
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import TARGET_FWHM_MM
from pcsa_jax.data.inputs import Input, check_together, inputs_table
from pcsa_jax.data.pairs import Loaded, Normalisation, load_volume
from pcsa_jax.data.placement import load_references
from pcsa_jax.data.subjects import Subject
from pcsa_jax.errors import UserError

AT_ONCE = 32
"""Subjects that are in memory while a store is written."""


INPUTS = "inputs.tsv"
"""What was done to each volume of a store, beside its arrays."""


def source_digest(
    subjects: Sequence[Subject], *, size: int, normalisation: Normalisation, one_grid: bool = False
) -> str:
    """SHA-256 over what a store is made from: the files' places, sizes and times of change, and how they are read."""
    entries: list[object] = [size, *normalisation, TARGET_FWHM_MM, *(["one_grid"] if one_grid else [])]
    for subject in subjects:
        for path, fwhm_mm in ((subject.mri, subject.mri_fwhm_mm), (subject.pet, subject.pet_fwhm_mm)):
            found = path.stat() if path is not None and path.exists() else None
            # The folder above the subject's may be mounted elsewhere next time.
            place = "/".join(path.parts[-4:]) if path is not None else ""
            entries.append([subject.name, place, fwhm_mm, found and found.st_size, found and found.st_mtime_ns])
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def write_store(
    folder: Path,
    subjects: Sequence[Subject],
    *,
    size: int,
    normalisation: str,
    reference_region: str = "pons",
    one_grid: bool = False,
    known: Known | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Writes the store of ``subjects`` to ``folder``, whole or not at all; one that is there and fits is left alone.

    Args: see :func:`~pcsa_jax.data.pairs.load_pairs`; here only a few subjects are in memory at a time.
      known: of the volumes from an earlier reading; a store of others does not take the place of the one that is there.

    Raises:
      UserError: for the first subject whose files cannot be used or are not what is known, or if the disk is full.
    """
    how = Normalisation(normalisation, reference_region)
    digest = source_digest(subjects, size=size, normalisation=how, one_grid=one_grid)
    if _digest(folder) == digest:
        return
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        inputs = _write_arrays(temporary, subjects, Grid(size), how, progress)
        check_together(inputs, one_grid=one_grid)
        if known is not None:
            known.check(contents_of(inputs), everybody=True)
        write_text(temporary / INPUTS, inputs_table(inputs))
        write_text(temporary / "source.sha256", digest + "\n")
        shutil.rmtree(folder, ignore_errors=True)  # not before: what the run was trained on is lost last
        os.replace(temporary, folder)
    except OSError as error:
        needed = 2 * 4 * size**3 * len(subjects) / 2**20
        raise UserError(
            f"{folder}: expected room for {needed:.1f} MiB of volumes, found {error.strerror}. Free some space, choose "
            "another --workdir, or raise data.resident_gib if the cohort fits into memory."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_store(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """MRI and PET of a store, float32 (n, x, y, z) in [0, 1], mapped from its files: a row is read when it is used.

    Raises:
      UserError: if a file is missing or none of ours.
    """
    for name in MODALITIES:
        check_plain(folder / f"{name}.npy")
    try:
        mri, pet = (np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in MODALITIES)
        if any(array.dtype != np.float32 or array.ndim != 4 for array in (mri, pet)) or mri.shape != pet.shape:
            raise ValueError(f"{mri.dtype} {mri.shape} and {pet.dtype} {pet.shape}")
    except Exception as error:  # NumPy parses a file's header as Python: damage may raise anything that a parser does
        raise UserError(
            f"{folder}: expected the run's volumes as two arrays, found {' '.join(str(error).split())[:200]}. Remove "
            "the folder; the same command writes it again."
        ) from error
    return mri, pet


def _digest(folder: Path) -> str:
    path = folder / "source.sha256"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _write_arrays(
    folder: Path,
    subjects: Sequence[Subject],
    grid: Grid,
    normalisation: Normalisation,
    progress: Callable[[int, int], None],
) -> list[Input]:
    def load(subject: Subject) -> list[Loaded]:
        return [load_volume(subject, modality, grid, normalisation) for modality in MODALITIES]

    inputs = []
    load_references()
    shape = (len(subjects), *grid.shape)
    # Written as a stream: a full disk is an error then, where a mapped file would end the process with a signal.
    with (folder / "mri.npy").open("wb") as mri, (folder / "pet.npy").open("wb") as pet, ThreadPoolExecutor() as pool:
        streams = (mri, pet)
        for stream in streams:
            _write_header(stream, shape)
        for start in range(0, len(subjects), AT_ONCE):
            for done, volumes in enumerate(pool.map(load, subjects[start : start + AT_ONCE]), start=start + 1):
                for stream, volume in zip(streams, volumes, strict=True):
                    stream.write(np.ascontiguousarray(volume.data, "<f4").tobytes())
                    inputs.append(volume.source)
                progress(done, len(subjects))
    return inputs


def _write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})
