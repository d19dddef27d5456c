"""JSON files beside the volumes and at the root of a cohort, inherited as BIDS has it."""

import json
import math
from pathlib import Path
from typing import Any

from pcsa_jax.data.foreign_formats import judge_pointer
from pcsa_jax.data.layout import PHANTOM_GENERATOR, sidecar
from pcsa_jax.data.names import ENTITY, parse_name
from pcsa_jax.data.subjects import Findings

TOLD = ("SmoothingFWHM", "TracerName")
"""Keys that decide on what is read: two files that contradict each other in one are told."""


class Sidecars:
    """What the JSON files of a data set say of its volumes, each file read once.

    A file applies to the volumes of its suffix, in its folder and below, whose names have all of its entities; the
    nearest and most particular one wins, key by key (BIDS, "the inheritance principle").

    Args:
      root: folder of the data set, above which nothing is looked for; None for a volume of no data set.
      findings: gets a problem for each file that is no JSON object.
    """

    def __init__(self, root: Path | None, findings: Findings):
        self._root, self._findings = root, findings
        self._listed: dict[Path, list[tuple[Path, tuple[str, dict[str, str]]]]] = {}
        self._read: dict[Path, dict[str, Any]] = {}
        self._told: set[tuple[str, Path, Path]] = set()

    def of(self, volume: Path) -> dict[str, Any]:
        """All that is said of a volume; empty if nothing is. The volume itself need not exist."""
        found: dict[str, Any] = {}
        origin: dict[str, Path] = {}
        for path in self._applicable(volume):
            for key, value in self._object(path).items():
                is_other = key in TOLD and key in found and found[key] != value
                if is_other and self._rank(path) == self._rank(origin[key]):
                    self._tell_conflict(key, origin[key], path)
                found[key], origin[key] = value, path
        return found

    def _rank(self, path: Path) -> tuple[Path, int]:
        """Folder and number of entities: of two files that are alike in both, neither is the nearer."""
        return path.parent, path.stem.count("_")

    def _tell_conflict(self, key: str, one: Path, other: Path) -> None:
        if (key, one, other) not in self._told:
            self._told.add((key, one, other))
            text = f"expected one {key}, found another in {one.name}, which holds for the same volumes"
            self._findings.add(other, text, "Keep one of the two")

    def source(self, volume: Path, key: str) -> Path:
        """The file that decides on ``key``, for messages."""
        paths = [path for path in self._applicable(volume) if key in self._object(path)]
        return paths[-1] if paths else sidecar(volume)

    def _applicable(self, volume: Path) -> list[Path]:
        """The files that apply, the most general first."""
        name, own = parse_name(volume), sidecar(volume)
        found = []
        for folder in self._folders(volume.parent):
            there = [
                (len(entities), path)
                for path, entities in self._in(folder, name.suffix)
                if path.name != own.name and entities.items() <= name.entities.items()
            ]
            found += [path for _, path in sorted(there)]
        return [*found, own] if own.is_file() or own.is_symlink() else found

    def _folders(self, folder: Path) -> list[Path]:
        """From the data set's root down to ``folder``."""
        root = self._root
        if root is not None and not folder.is_relative_to(root):
            folder, root = folder.absolute(), root.absolute()
        if root is None or not folder.is_relative_to(root):
            return [folder]
        below = folder.relative_to(root).parts
        return [root.joinpath(*below[:depth]) for depth in range(len(below) + 1)]

    def _in(self, folder: Path, suffix: str) -> list[tuple[Path, dict[str, str]]]:
        """The JSON files of a folder that hold for several volumes of a suffix, with their entities."""
        if folder not in self._listed:
            self._listed[folder] = [(path, found) for path in folder.glob("*.json") if (found := _inheritable(path))]
        return [(path, entities) for path, (own, entities) in self._listed[folder] if own == suffix]

    def _object(self, path: Path) -> dict[str, Any]:
        if path not in self._read:
            self._read[path] = read_object(path, self._findings)
        return self._read[path]


def _inheritable(path: Path) -> tuple[str, dict[str, str]] | None:
    """Suffix and entities of a JSON file whose name is made of nothing else; None if it can be one volume's only."""
    *words, suffix = path.stem.split("_")
    matches = [ENTITY.fullmatch(word) for word in words]
    if not all(matches) or ENTITY.fullmatch(suffix):
        return None
    return suffix, {match[1]: match[2] for match in matches}


def read_object(path: Path, findings: Findings) -> dict[str, Any]:
    """The JSON object in ``path``; empty if the file is none, which is a problem."""
    if path.is_symlink() and not path.exists():
        findings.check_presence(path, visit=("", ""))
        return {}
    try:
        raw = path.read_bytes()
        if pointer := judge_pointer(path.name, raw, expected="expected JSON"):
            findings.add(path, pointer.found, pointer.remedy)
            return {}
        found = json.loads(raw.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        findings.add(path, f"expected JSON, found {reason}", "Mend the file")
        return {}
    if not isinstance(found, dict):
        findings.add(path, f"expected a JSON object, found {type(found).__name__}", "Mend the file")
        return {}
    return found


def smoothing_fwhm_mm(volume: Path, sidecars: Sidecars, findings: Findings, *, visit: tuple[str, str]) -> float | None:
    """What a volume has been smoothed with (mm), by ``SmoothingFWHM`` or else by its name; None if nobody says."""
    given = sidecars.of(volume).get("SmoothingFWHM")
    if given is None:
        return parse_name(volume).fwhm_mm
    values = given if isinstance(given, list) else [given]
    if not all(is_fwhm(value) for value in values) or len(set(values)) != 1:
        found = f"expected SmoothingFWHM in mm, one number >= 0, found {given!r}"
        findings.add(sidecars.source(volume, "SmoothingFWHM"), found, "Correct it", visit=visit)
        return None
    return float(values[0])


def dataset_of(volume: Path) -> Path | None:
    """The nearest folder above ``volume`` that is a BIDS data set."""
    places = (*volume.parents, *volume.absolute().parents)
    return next((folder for folder in places if (folder / "dataset_description.json").is_file()), None)


def is_fwhm(value: object) -> bool:
    """True for a number of millimetres."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def describe_root(root: Path, findings: Findings, *, is_required: bool) -> tuple[str, bool]:
    """Name of the cohort in ``root`` and whether ``dataset_description.json`` calls it the phantom."""
    path = root / "dataset_description.json"
    fallback = root.resolve().name
    if not path.is_file() and not path.is_symlink():
        if is_required:
            remedy = 'Write {"Name": "...", "BIDSVersion": "1.10.0", "DatasetType": "derivative"} to it'
            findings.add(root, "expected dataset_description.json (BIDS derivatives), found none", remedy)
        return fallback, False
    description = read_object(path, findings)
    name, generators = description.get("Name"), description.get("GeneratedBy")
    first = generators[0] if isinstance(generators, list) and generators else {}
    is_phantom = isinstance(first, dict) and first.get("Name") == PHANTOM_GENERATOR
    return (name if isinstance(name, str) and name else fallback), is_phantom
