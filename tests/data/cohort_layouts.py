"""The same few phantom visits in every layout that the readers know: BIDS derivatives, a manifest, a Clinica CAPS.

The participants are those of a longitudinal study: ``sub-0001`` was seen twice, ``sub-0006`` has no PET.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data import files
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.phantom.cohort import make_subject
from pcsa_jax.data.phantom.templates import load_templates

SIZE = 32
PETPREP = "space-MNI152NLin2009cAsym"
CLINICA_SHAPE = (61, 73, 61)
"""Clinica's field of view (SPM's bounding box) with 3 mm voxels: its own 121 x 145 x 121 of 1.5 mm are eight times as
many."""

CLINICA_AFFINE = np.array([[-3.0, 0, 0, 90], [0, 3, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]])
"""SPM counts the first axis from right to left."""


class Visit(NamedTuple):
    """One visit of the phantom; volumes are float32 on ``Grid(SIZE)``, smoothed to 8 mm, ``pet`` None without PET."""

    participant_id: str
    session_id: str
    diagnosis: str
    mri: np.ndarray
    pet: np.ndarray | None


@functools.cache
def visits() -> tuple[Visit, ...]:
    """Seven visits of six participants, five of whom have a PET; two of them AD."""
    templates, found = load_templates(), []
    people = [(1, "ses-M000"), (1, "ses-M012"), (2, "ses-M000"), (3, "ses-M000"), (4, "ses-M000"), (5, "ses-M000"),
              (6, "ses-M000")]  # fmt: skip
    for number, (person, session_id) in enumerate(people, start=1):
        made = make_subject(number, size=SIZE, seed=0, with_pet=person != 6, templates=templates)
        diagnosis = "AD" if person in (1, 4) else "CN"
        found.append(Visit(f"sub-{person:04d}", session_id, diagnosis, made.mri, made.pet))
    return tuple(found)


def write_tables(root: Path, found: tuple[Visit, ...], *, name: str = "Stand-in") -> None:
    """``dataset_description.json`` and ``participants.tsv``."""
    files.write_json(
        root / "dataset_description.json", {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    )
    people = dict.fromkeys((visit.participant_id, visit.diagnosis) for visit in found)
    rows = [("participant_id", "diagnosis"), *people]
    files.write_text(root / "participants.tsv", "".join("\t".join(row) + "\n" for row in rows))


def write_bids(root: Path, found: tuple[Visit, ...] | None = None, *, sessions: bool = True) -> Path:
    """BIDS derivatives; without sessions only the first visit of each participant."""
    found = visits() if found is None else found
    write_tables(root, found)
    written = set()
    for visit in found:
        if not sessions and visit.participant_id in written:
            continue
        written.add(visit.participant_id)
        parts = (visit.participant_id, visit.session_id) if sessions else (visit.participant_id,)
        folder, stem = Path(root, *parts), "_".join(parts)
        _write(folder / "anat" / f"{stem}_space-{SPACE}_res-{SIZE}_label-GM_probseg.nii.gz", visit.mri, sidecar=True)
        if visit.pet is not None:
            name = f"{stem}_trc-18FFDG_space-{SPACE}_res-{SIZE}_pet.nii.gz"
            _write(folder / "pet" / name, visit.pet, sidecar=True)
    return root


def write_manifest(root: Path, found: tuple[Visit, ...] | None = None, *, name: str = "manifest.tsv") -> Path:
    """A table and files whose names say nothing; returns the table."""
    found = visits() if found is None else found
    rows = [("participant_id", "session_id", "diagnosis", "mri", "pet", "mri_fwhm_mm", "pet_fwhm_mm")]
    for number, visit in enumerate(found):
        _write(root / "volumes" / f"{number}a.nii.gz", visit.mri)
        if visit.pet is not None:
            _write(root / "volumes" / f"{number}b.nii.gz", visit.pet)
        pet = f"volumes/{number}b.nii.gz" if visit.pet is not None else "n/a"
        rows.append((*visit[:3], f"volumes/{number}a.nii.gz", pet, "8", "8"))
    files.write_text(root / name, "".join("\t".join(row) + "\n" for row in rows))
    return root / name


def write_caps(root: Path, found: tuple[Visit, ...] | None = None, *, decoys: bool = True) -> Path:
    """A Clinica CAPS on SPM's grid; ``decoys`` are the variants that are not to be taken, with other values."""
    found = visits() if found is None else found
    write_tables(root, found)
    for visit in found:
        stem = f"{visit.participant_id}_{visit.session_id}"
        folder = root / "subjects" / visit.participant_id / visit.session_id
        mri, pet = (
            np.clip(_on_clinica_grid(visit.mri), 0, 1),
            None if visit.pet is None else _on_clinica_grid(visit.pet),
        )
        dartel = folder / "t1" / "spm" / "dartel" / "group-all"
        name = f"{stem}_T1w_segm-graymatter_space-Ixi549Space_modulated-"
        _write_clinica(dartel / f"{name}off_fwhm-8mm_probability.nii.gz", mri)
        if decoys:
            _write_clinica(dartel / f"{name}on_fwhm-8mm_probability.nii.gz", mri**2)
            _write_clinica(dartel / f"{name}off_probability.nii.gz", np.sqrt(mri))
            _write_clinica(dartel / f"{name.replace('graymatter', 'whitematter')}off_fwhm-8mm_probability.nii.gz", mri)
            segmentation = folder / "t1" / "spm" / "segmentation"
            _write_clinica(segmentation / "normalized_space" / f"{name}off_probability.nii.gz", np.sqrt(mri))
            native = segmentation / "native_space" / f"{stem}_T1w_segm-graymatter_probability.nii.gz"
            _write_clinica(native, mri[:, ::-1])
        if pet is None:
            continue
        preprocessing = folder / "pet" / "preprocessing" / "group-all"
        name = f"{stem}_trc-18FFDG_pet_space-Ixi549Space"
        _write_clinica(preprocessing / f"{name}_suvr-pons_mask-brain_fwhm-8mm_pet.nii.gz", pet)
        if decoys:
            for other in (
                f"{name}_pvc-rbv_suvr-pons_mask-brain_fwhm-8mm_pet.nii.gz", f"{name}_suvr-pons_mask-brain_pet.nii.gz",
                f"{name}_suvr-cerebellumPons_mask-brain_fwhm-8mm_pet.nii.gz", f"{name}_pet.nii.gz",
                f"{name.replace('18FFDG', '18FAV45')}_suvr-pons_mask-brain_fwhm-8mm_pet.nii.gz",
            ):  # fmt: skip
                _write_clinica(preprocessing / other, pet**2)
    return root


def write_petprep(root: Path, found: tuple[Visit, ...] | None = None, *, raw: Path) -> Path:
    """Derivatives as PETPrep 0.0.10 (sMRIPrep inside) writes them: diagnoses and tracer are with the ``raw`` data.

    One ``anat`` folder a person, one ``pet`` folder a session, names without ``trc-``; with a corrected variant.
    """
    found = visits() if found is None else found
    links = {"raw": "/data", "templateflow": "/templateflow"}
    files.write_json(root / "dataset_description.json", {"Name": "PETPrep", "DatasetType": "derivative",
                                                         "BIDSVersion": "1.10.0", "DatasetLinks": links})  # fmt: skip
    people = dict.fromkeys((visit.participant_id, visit.diagnosis) for visit in found)
    rows = [("participant_id", "diagnosis"), *people]
    files.write_text(raw / "participants.tsv", "".join("\t".join(row) + "\n" for row in rows))
    done = set()
    for visit in found:
        person, stem = visit.participant_id, f"{visit.participant_id}_{visit.session_id}"
        anat, pet = root / person / "anat", root / person / visit.session_id / "pet"
        if person not in done:
            _write_clinica(anat / f"{person}_{PETPREP}_label-GM_probseg.nii.gz", _on_clinica_grid(visit.mri).clip(0, 1))
            for other in ("label-GM_probseg", "label-WM_probseg", "desc-preproc_T1w", "desc-brain_mask", "dseg",
                          f"{PETPREP}_label-CSF_probseg", f"{PETPREP}_desc-preproc_T1w"):  # fmt: skip
                (anat / f"{person}_{other}.nii.gz").touch()
        done.add(person)
        if visit.pet is None:
            continue
        source = f"{person}/{visit.session_id}/pet/{stem}_pet"
        files.write_json(raw / f"{source}.json", {"TracerName": "Fludeoxyglucose", "TracerRadionuclide": "F18"})
        path = pet / f"{stem}_{PETPREP}_desc-preproc_pet.nii.gz"
        _write_clinica(path, _on_clinica_grid(visit.pet))
        sources = [
            f"bids:raw:{source}.nii.gz",
            "bids::sub-01/anat/sub-01_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.h5",
        ]
        files.write_json(pet / path.name.replace(".nii.gz", ".json"), {"Sources": sources, "SkullStripped": False})
        for other in (f"{PETPREP}_pvc-agtm_desc-preproc_pet", f"{PETPREP}_desc-brain_mask", "petref",
                      "space-T1w_desc-preproc_pet"):  # fmt: skip
            (pet / f"{stem}_{other}.nii.gz").touch()
    return root


def write_spm(root: Path, found: tuple[Visit, ...] | None = None) -> Path:
    """Maps and PET as SPM names them (``wc1``, ``sw``), with a manifest that says nothing of smoothness."""
    found = visits() if found is None else found
    rows = [("participant_id", "session_id", "diagnosis", "mri", "pet")]
    for visit in found:
        stem = f"{visit.participant_id}_{visit.session_id}"
        mri, pet = f"spm/s8wc1{stem}_T1w.nii.gz", f"spm/sw{stem}_pet.nii.gz"
        _write_clinica(root / mri, _on_clinica_grid(visit.mri).clip(0, 1))
        if visit.pet is not None:
            _write_clinica(root / pet, _on_clinica_grid(visit.pet))
        rows.append((*visit[:3], mri, pet if visit.pet is not None else "n/a"))
    files.write_text(root / "manifest.tsv", "".join("\t".join(row) + "\n" for row in rows))
    return root / "manifest.tsv"


def write_cat12(root: Path, found: tuple[Visit, ...] | None = None, *, raw: Path) -> Path:
    """CAT12's BIDS mode with smoothed maps, and PET of SPM beside; diagnoses are with the ``raw`` data."""
    found = visits() if found is None else found
    write_tables(raw, found)
    for visit in found:
        stem = f"{visit.participant_id}_{visit.session_id}"
        folder = root / visit.participant_id / visit.session_id
        _write_clinica(folder / "anat" / f"s8wp1{stem}_T1w.nii.gz", _on_clinica_grid(visit.mri).clip(0, 1))
        for prefix in ("s8mwp1", "wp1", "mwp1", "p0", "wm", "y_", "p1"):
            (folder / "anat" / f"{prefix}{stem}_T1w.nii.gz").touch()
        if visit.pet is not None:
            _write_clinica(folder / "pet" / f"s8w{stem}_trc-18FFDG_pet.nii.gz", _on_clinica_grid(visit.pet))
    return root


def _write(path: Path, data: np.ndarray, *, sidecar: bool = False) -> None:
    files.write_volume(path, data, Grid(SIZE).affine)
    if sidecar:
        files.write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), {"SmoothingFWHM": 8.0})


@functools.lru_cache(maxsize=4)
def _sampling() -> np.ndarray:
    voxels = np.stack(np.meshgrid(*map(np.arange, CLINICA_SHAPE), indexing="ij"), axis=-1)
    to_grid = np.linalg.inv(Grid(SIZE).affine) @ CLINICA_AFFINE
    return np.moveaxis(nib.affines.apply_affine(to_grid, voxels), -1, 0)


def _on_clinica_grid(data: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return np.clip(ndimage.map_coordinates(data, _sampling(), order=3), 0, None)


def _write_clinica(path: Path, data: np.ndarray) -> None:
    files.write_volume(path, data, CLINICA_AFFINE)
