"""JSON files beside the volumes and at the root of a cohort."""

import json
import math
from pathlib import Path
from typing import Any

from pcsa_jax.data.layout import PHANTOM_GENERATOR, sidecar
from pcsa_jax.data.subjects import Findings


def read_object(path: Path, findings: Findings) -> dict[str, Any]:
    """The JSON object in ``path``; empty if the file is none, which is a problem."""
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        findings.add(path, f"expected JSON, found {reason}", "Mend the file")
        return {}
    if not isinstance(found, dict):
        findings.add(path, f"expected a JSON object, found {type(found).__name__}", "Mend the file")
        return {}
    return found


def read_sidecar(volume: Path, findings: Findings) -> dict[str, Any]:
    """The sidecar of a volume; empty without one."""
    path = sidecar(volume)
    return read_object(path, findings) if path.is_file() else {}


def smoothing_fwhm_mm(volume: Path, findings: Findings, *, visit: tuple[str, str]) -> float | None:
    """``SmoothingFWHM`` (mm) of a volume's sidecar; None if nobody says."""
    given = read_sidecar(volume, findings).get("SmoothingFWHM")
    if given is None:
        return None
    values = given if isinstance(given, list) else [given]
    if not all(is_fwhm(value) for value in values) or len(set(values)) != 1:
        found = f"expected SmoothingFWHM in mm, one number >= 0, found {given!r}"
        findings.add(sidecar(volume), found, "Correct it", visit=visit)
        return None
    return float(values[0])


def is_fwhm(value: object) -> bool:
    """True for a number of millimetres."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def describe_root(root: Path, findings: Findings, *, is_required: bool) -> tuple[str, bool]:
    """Name of the cohort in ``root`` and whether ``dataset_description.json`` calls it the phantom."""
    path = root / "dataset_description.json"
    fallback = root.resolve().name
    if not path.is_file():
        if is_required:
            remedy = 'Write {"Name": "...", "BIDSVersion": "1.10.0", "DatasetType": "derivative"} to it'
            findings.add(root, "expected dataset_description.json (BIDS derivatives), found none", remedy)
        return fallback, False
    description = read_object(path, findings)
    name, generators = description.get("Name"), description.get("GeneratedBy")
    first = generators[0] if isinstance(generators, list) and generators else {}
    is_phantom = isinstance(first, dict) and first.get("Name") == PHANTOM_GENERATOR
    return (name if isinstance(name, str) and name else fallback), is_phantom
