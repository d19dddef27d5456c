"""The grey-matter maps (or T1w scans) that a user wants PET of: files by name, or whole cohorts."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.files import write_text
from pcsa_jax.data.foreign_formats import judge_place
from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.harmonisation import harmonise
from pcsa_jax.data.judgements import read_judged
from pcsa_jax.data.layouts.bids_derivatives import MNI_SPACE
from pcsa_jax.data.layouts.sidecars import smoothing_fwhm_mm
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.volumes import Volume, refuse
from pcsa_jax.errors import UserError

NIFTI = re.compile(r"\.nii(\.gz)?$")
ENTITY = re.compile(r"([a-zA-Z]+)-([A-Za-z0-9]+)")
KEPT_ENTITIES = ("run", "space", "res")
"""Entities of an input's name, beside the participant and the session, that its outputs have too."""

RAW_SPACE = "T1w"
"""``space-`` of PET on the grid of a T1w scan."""


@dataclasses.dataclass(frozen=True)
class Input:
    """One map or scan.

    Attributes:
      path: of the NIfTI file.
      participant_id, session_id: "sub-X"; "ses-Y" or "".
      entities: those of :data:`KEPT_ENTITIES` that the name holds; a grey-matter map always has a space.
      dataset: the BIDS folder that it belongs to; None for a loose file.
      fwhm_mm: what it has been smoothed with; None if nobody says (see :func:`~.harmonisation.harmonise`).
      is_raw: True for a T1w scan in its own space.
    """

    path: Path
    participant_id: str
    session_id: str
    entities: dict[str, str]
    dataset: Path | None
    fwhm_mm: float | None = None
    is_raw: bool = False

    @property
    def name(self) -> str:
        return f"{self.participant_id} {self.session_id}".strip()

    @property
    def source(self) -> str:
        """The path inside :attr:`dataset`, or the file's name alone."""
        if self.dataset is None or not self.path.is_relative_to(self.dataset):
            return self.path.name
        return self.path.relative_to(self.dataset).as_posix()


class Prepared(NamedTuple):
    """A map as the generator takes it.

    Attributes:
      mri: on the model's grid, normalised, float32 x y z.
      steps: what was done to it, in order.
      own_grid: of the file.
    """

    mri: np.ndarray
    steps: tuple[str, ...]
    own_grid: OwnGrid


def find_inputs(places: Sequence[Path], *, fwhm_mm: float | None, are_raw: bool = False) -> list[Input]:
    """What ``places`` name, in their order; a cohort's subjects without PET are among them.

    Args:
      places: NIfTI files, cohort folders, manifest tables.
      fwhm_mm: smoothness of all maps, over what a cohort says; None to leave it to the cohort.
      are_raw: take files for T1w scans whatever their names say.

    Raises:
      UserError: if a place does not exist, is of another kind, or names nobody.
    """
    inputs: list[Input] = []
    for place in places:
        if place.is_dir() or place.suffix == ".tsv":
            inputs += _cohort_inputs(place)
        elif NIFTI.search(place.name):
            inputs.append(_file_input(place, are_raw=are_raw))
        else:
            refuse(filter(None, [judge_place(place)]), subject=str(place), path=None)
            found = "another kind of file" if place.exists() else "nothing"
            raise UserError(f"{place}: expected a .nii or .nii.gz file or a cohort, found {found}. Check the path.")
    if fwhm_mm is not None:
        inputs = [dataclasses.replace(each, fwhm_mm=fwhm_mm) for each in inputs]
    return inputs


def check_identities(inputs: Iterable[Input]) -> None:
    """Raises UserError if two inputs would have outputs of one name, or two data sets a participant of one name."""
    by_output: dict[tuple[str, ...], Input] = {}
    by_person: dict[str, Input] = {}
    for each in inputs:
        words = (each.participant_id, each.session_id, *(f"{name}-{value}" for name, value in each.entities.items()))
        # Some file systems do not tell upper from lower case.
        other = by_output.setdefault(tuple(word.lower() for word in words), each)
        if other is each:
            other = by_person.setdefault(each.participant_id.lower(), each)
            if _origin(other) == _origin(each) and other.participant_id == each.participant_id:
                continue
        raise UserError(
            f"{each.path}: expected outputs of its own, found those of {other.path} under {each.name}. Rename one "
            "(sub-X[_ses-Y]_...), or give them different --out folders."
        )


def _origin(each: Input) -> Path | bool:
    """The data set; for a loose file whether its name says who it is."""
    return each.dataset or "sub" in entities_of(each.path)


def prepare(each: Input, grid: Grid, normalisation: str) -> Prepared:
    """Reads a grey-matter map, checks it, and brings it to the model's grid, smoothness and intensities.

    Args:
      each: not a raw scan.
      grid: the model's.
      normalisation: the model's, of its input.

    Raises:
      UserError: for the first problem that :func:`~pcsa_jax.data.judgements.examine` finds.
    """
    name = f"{each.name}: {each.path.name}"
    check_space(each, name)
    volume = read_judged(each.path, "mri", subject=name)
    return prepare_volume(volume, OwnGrid.of(each.path), grid, normalisation, fwhm_mm=each.fwhm_mm, name=name)


def check_space(each: Input, name: str) -> None:
    """Raises UserError if the name of a map, called ``name`` in the message, says another space than MNI152."""
    space = each.entities["space"]
    if not MNI_SPACE.fullmatch(space):
        raise UserError(
            f"{name}: expected a map in MNI152 space, found space-{space}. Take the normalised one, or start from the "
            "T1w scan."
        )


def prepare_volume(
    volume: Volume, own_grid: OwnGrid, grid: Grid, normalisation: str, *, fwhm_mm: float | None, name: str
) -> Prepared:
    """:func:`prepare` from the voxels on.

    Args:
      volume: what was read and judged.
      own_grid: where it lies.
      grid, normalisation: the model's.
      fwhm_mm: what it has been smoothed with; None if nobody says.
      name: what it is, for the message.

    Raises:
      UserError: if it is without contrast on the model's grid.
    """
    harmonised = harmonise(volume, grid, fwhm_mm=fwhm_mm, subject=name)
    mri = intensity_range(harmonised.data, normalisation, name).normalise(harmonised.data)
    return Prepared(mri, harmonised.steps, own_grid)


def write_skipped(path: Path, skipped: Iterable[tuple[Input, Exception]]) -> None:
    """Writes a table of the inputs that were left out, and why."""
    lines = ["participant_id\tsession_id\tfile\tproblem"]
    lines += [f"{each.participant_id}\t{each.session_id or 'n/a'}\t{each.path}\t{error}" for each, error in skipped]
    write_text(path, "\n".join(lines) + "\n")


def _cohort_inputs(place: Path) -> list[Input]:
    cohort = read_cohort(place, with_diagnoses=False)
    dataset = cohort.root if cohort.root.is_dir() else cohort.root.parent  # of a manifest
    return [
        Input(
            path=subject.mri, participant_id=subject.participant_id, session_id=subject.session_id,
            entities=_kept(entities_of(subject.mri)), dataset=dataset,
            fwhm_mm=subject.mri_fwhm_mm,
        )
        for subject in cohort.subjects
    ]  # fmt: skip


def _file_input(path: Path, *, are_raw: bool) -> Input:
    entities = entities_of(path)
    is_raw = are_raw or NIFTI.sub("", path.name).endswith("_T1w")
    participant_id = f"sub-{entities['sub']}" if "sub" in entities else _safe_id(path)
    session_id = f"ses-{entities['ses']}" if "sub" in entities and "ses" in entities else ""
    kept = _kept(entities)
    if is_raw:
        kept = {name: value for name, value in kept.items() if name == "run"} | {"space": RAW_SPACE}
    fwhm_mm = None if is_raw else _known_fwhm_mm(path, entities)
    return Input(path, participant_id, session_id, kept, _dataset_of(path), fwhm_mm, is_raw)


def _known_fwhm_mm(path: Path, entities: dict[str, str]) -> float | None:
    """What the name (Clinica: ``fwhm-8mm``) or the sidecar (``SmoothingFWHM``) says; None if neither does."""
    if match := re.fullmatch(r"(\d+)mm", entities.get("fwhm", "")):
        return float(match[1])
    findings = Findings()
    fwhm_mm = smoothing_fwhm_mm(path, findings, visit=("", ""))
    if findings.problems:
        raise UserError(str(findings.problems[0]))
    return fwhm_mm


def entities_of(path: Path) -> dict[str, str]:
    """The ``name-value`` parts of a BIDS file name, e.g. ``{"sub": "01", "space": "MNI152NLin6Asym"}``; {} if none."""
    words = NIFTI.sub("", path.name).split("_")
    found = dict(match.groups() for word in words if (match := ENTITY.fullmatch(word)))
    return found if words[0].startswith("sub-") and "sub" in found else {}


def _kept(entities: dict[str, str]) -> dict[str, str]:
    kept = {name: entities[name] for name in KEPT_ENTITIES if name in entities}
    # A map whose name says no space is taken for what the command asks for. Clinica writes Ixi549Space.
    space = kept.get("space", SPACE)
    return {**kept, "space": "IXI549Space" if space.lower() == "ixi549space" else space}


def _safe_id(path: Path) -> str:
    letters = re.sub(r"[^A-Za-z0-9]", "", NIFTI.sub("", path.name))
    if not letters:
        raise UserError(f"{path}: expected a name with letters a-z or digits, found none. Rename it to sub-X.nii.gz.")
    return f"sub-{letters}"


def _dataset_of(path: Path) -> Path | None:
    """The nearest folder above ``path`` that is a BIDS data set."""
    parents = path.absolute().parents
    return next((folder for folder in parents if (folder / "dataset_description.json").is_file()), None)
