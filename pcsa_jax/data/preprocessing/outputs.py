"""Writing what was made of a visit in the layout of every cohort, and knowing it again."""

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from pcsa_jax import __version__
from pcsa_jax.data import files, layout
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.grid import SPACE
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.preprocessing.raw_bids import RawVisit
from pcsa_jax.data.preprocessing.settings import Settings
from pcsa_jax.data.preprocessing.steps import Step
from pcsa_jax.data.preprocessing.visit import GRID, Prepared
from pcsa_jax.errors import UserError

RECORD_FIELDS = {"Settings": dict, "SourcesSHA256": dict, "Quality": dict}
"""What the record of a finished visit says of its making."""

RAW = "raw"
"""Name of the raw data set in BIDS URIs; ``DatasetLinks`` of the description says where it is."""

PASSED_THROUGH = (
    "Units", "TracerName", "TracerRadionuclide", "InjectedRadioactivity", "InjectedRadioactivityUnits",
    "Manufacturer", "ManufacturersModelName", "BodyWeight",
)  # fmt: skip
"""Facts of the raw PET that still hold for what was made of it."""


def visit_folder(root: Path, visit: RawVisit) -> Path:
    """Folder of the visit below ``root``."""
    return layout.subject_folder(root, visit.participant_id, visit.session_id)


def record_path(root: Path, visit: RawVisit) -> Path:
    """The sidecar of the GM map, by which a finished visit is known."""
    return layout.sidecar(layout.mri_path(root, visit.participant_id, visit.session_id))


def picture_path(root: Path, visit: RawVisit) -> Path:
    """The picture to check the visit by."""
    stem = layout.subject_stem(visit.participant_id, visit.session_id)
    return visit_folder(root, visit) / "figures" / f"{stem}_preprocessing.png"


def anat_path(root: Path, visit: RawVisit, ending: str) -> Path:
    """A file beside the GM map: ``sub-X[_ses-Y]_<ending>``."""
    stem = layout.subject_stem(visit.participant_id, visit.session_id)
    return visit_folder(root, visit) / "anat" / f"{stem}_{ending}"


def pet_transform_path(root: Path, visit: RawVisit) -> Path:
    """The rigid transform from the PET to the T1."""
    stem = layout.subject_stem(visit.participant_id, visit.session_id)
    return visit_folder(root, visit) / "pet" / f"{stem}_from-pet_to-T1w_mode-image_xfm.mat"


def fingerprints(raw: Path, visit: RawVisit) -> dict[str, str]:
    """BIDS URI -> SHA-256 of every scan of the visit.

    Raises:
      UserError: if one cannot be read.
    """
    found = {}
    for path in (visit.t1, visit.pet):
        if path is not None:
            try:
                found[_uri(raw, path)] = file_hash(path)
            except OSError as error:
                why = "a link to a file that was not fetched" if path.is_symlink() else error.strerror
                raise UserError(
                    f"{visit.name}: expected a readable file at {path}, found {why}. Restore or fetch it."
                ) from error
    return found


def _uri(raw: Path, path: Path) -> str:
    return f"bids:{RAW}:{path.relative_to(raw).as_posix()}"


def write_visit(
    root: Path,
    visit: RawVisit,
    prepared: Prepared,
    settings: Settings,
    *,
    sources: Mapping[str, str],
    quality: Mapping[str, float],
) -> None:
    """Writes the volumes, transforms and sidecars of one visit below ``root``."""
    names = list(sources)
    record = {
        "Settings": settings.as_json(),
        "SourcesSHA256": dict(sources),
        "Quality": dict(quality),
        "Steps": _steps(prepared.steps),
    }
    if prepared.pet is not None:
        path = layout.pet_path(root, visit.participant_id, visit.session_id)
        files.write_volume(path, prepared.pet.data, GRID.affine)
        files.write_json(layout.sidecar(path), _pet_sidecar(visit, prepared, settings, names))
        _copy(prepared.pet.to_t1, pet_transform_path(root, visit))
    mask = anat_path(root, visit, "desc-brain_mask.nii.gz")
    write_mask(mask, prepared.brain_mask)
    files.write_json(layout.sidecar(mask), {
        "Description": "Brain, CSF between the gyri included, on the voxels of the T1w scan.",
        "Type": "Brain", "Sources": names[:1],
    })  # fmt: skip
    for there, back, file in (("T1w", SPACE, prepared.to_mni), (SPACE, "T1w", prepared.from_mni)):
        _copy(file, anat_path(root, visit, f"from-{there}_to-{back}_mode-image_xfm.nii.gz"))
    mri = layout.mri_path(root, visit.participant_id, visit.session_id)
    files.write_volume(mri, prepared.grey_matter, GRID.affine)
    what = "Grey-matter probability" + (" without cerebellum" if settings.remove_cerebellum else "")
    files.write_json(layout.sidecar(mri), _image_facts(what, settings, names[:1], skull_stripped=True) | record)


def _steps(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [{"Name": step.name, "Software": step.software, "Parameters": step.parameters} for step in steps]


def _image_facts(what: str, settings: Settings, sources: list[str], *, skull_stripped: bool) -> dict[str, Any]:
    return {
        "Description": f"{what} in {SPACE}, smoothed to {settings.fwhm_mm:g} mm FWHM. Made by pcsa_jax {__version__}.",
        "Sources": sources,
        "SkullStripped": skull_stripped,
        "SpatialReference": SPACE,
        "Resolution": f"{GRID.size}x{GRID.size}x{GRID.size} voxels of {GRID.voxel_size_mm:g} mm, centred on the brain",
        "SmoothingFWHM": settings.fwhm_mm,
        "SoftwareVersion": __version__,
    }


def _pet_sidecar(visit: RawVisit, prepared: Prepared, settings: Settings, names: list[str]) -> dict[str, Any]:
    where = "uptake outside the brain removed" if settings.mask_pet else "not masked to the brain"
    facts = _image_facts(f"FDG-PET ({where})", settings, [*names[1:], names[0]], skull_stripped=settings.mask_pet)
    known = {key: visit.pet_facts[key] for key in PASSED_THROUGH if key in visit.pet_facts}
    return facts | {"TracerName": "FDG", "TracerRadionuclide": "F18"} | known | {"Steps": _steps(prepared.pet.steps)}


def _copy(source: Path, target: Path) -> None:
    with files.replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def write_mask(path: Path, mask: nib.Nifti1Image) -> None:
    """Writes a mask of 0 and 1 in a scanner's own coordinates (qform and sform code 1)."""
    image = nib.Nifti1Image(np.asarray(mask.dataobj, np.uint8), mask.affine)
    image.set_sform(mask.affine, code="scanner")
    image.set_qform(mask.affine, code="scanner")
    image.header.set_xyzt_units("mm")
    with files.replacing(path) as temporary:
        temporary.write_bytes(gzip.compress(image.to_bytes(), compresslevel=3, mtime=0))


def read_record(root: Path, visit: RawVisit) -> dict[str, Any] | None:
    """The record of a finished visit; None if nothing has been written for it.

    Raises:
      UserError: if its folder holds something else than a finished visit.
    """
    folder = visit_folder(root, visit)
    parts = [name for name in ("anat", "pet", "figures") if (folder / name).exists()]
    if not parts:
        return None
    try:
        record = read_object(record_path(root, visit), RECORD_FIELDS, expected="a finished visit")
        sources, complete = record["SourcesSHA256"], True
    except UserError:
        complete = False
    if complete:
        wanted = [layout.mri_path(root, visit.participant_id, visit.session_id)]
        if len(sources) > 1:
            wanted.append(layout.pet_path(root, visit.participant_id, visit.session_id))
        complete = all(path.is_file() for path in wanted)
    if not complete:
        raise UserError(
            f"{visit.name}: expected a finished visit of preprocess in {folder}, found other or damaged files. "
            "Remove that folder, or give another OUT_DIR."
        )
    return record


def differences(record: Mapping[str, Any], settings: Settings, sources: Mapping[str, str]) -> Iterator[str]:
    """In what a finished visit differs from what would be made now."""
    former, now = record["Settings"], settings.as_json()
    for key in sorted(former.keys() | now.keys()):
        if former.get(key) != now.get(key):
            yield f"{key} was {json.dumps(former.get(key))}, is now {json.dumps(now.get(key))}"
    before = record["SourcesSHA256"]
    for uri in sorted(before.keys() | sources.keys()):
        if uri not in sources:
            yield f"{uri} was used, is not now"
        elif uri not in before:
            yield f"{uri} was not used, is now"
        elif before[uri] != sources[uri]:
            yield f"{uri} has changed"
