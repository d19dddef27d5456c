"""The grey-matter maps (or T1w scans) that a user wants PET of: files by name, or whole cohorts."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.cohort import Reading, claims, read_cohort
from pcsa_jax.data.files import write_text
from pcsa_jax.data.fingerprints import volume_hash
from pcsa_jax.data.foreign_formats import judge_place, unread_format
from pcsa_jax.data.given_files import Input, check_name, file_input, folder_inputs, kept_entities
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.harmonisation import harmonise
from pcsa_jax.data.judgements import Content, find_copies, read_judged
from pcsa_jax.data.layout import may_hold
from pcsa_jax.data.layouts.sidecars import dataset_of
from pcsa_jax.data.names import NIFTI, parse_name
from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.own_grid import OwnGrid
from pcsa_jax.data.people import read_people
from pcsa_jax.data.quality_table import check_map
from pcsa_jax.data.subjects import Findings
from pcsa_jax.data.volumes import Volume, refuse
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_text

MANIFESTS = (".tsv", ".txt")
"""Endings of files that are read as a manifest."""


class Prepared(NamedTuple):
    """A map as the generator takes it.

    Attributes:
      mri: on the model's grid, normalised, float32 x y z.
      steps: what was done to it, in order.
      own_grid: of the file.
      quality: of a raw scan, the numbers by the keys of :data:`pcsa_jax.data.preprocessing.quality.MEASURES`.
      content_hash: :func:`~pcsa_jax.data.fingerprints.volume_hash` of the map as read; "" of a raw scan.
    """

    mri: np.ndarray
    steps: tuple[str, ...]
    own_grid: OwnGrid
    quality: Mapping[str, float] = MappingProxyType({})
    content_hash: str = ""


def find_inputs(
    places: Sequence[Path],
    *,
    fwhm_mm: float | None,
    are_raw: bool = False,
    note: Callable[[str], None] = lambda text: None,
) -> list[Input]:
    """What ``places`` name, in their order; a cohort's subjects without PET are among them.

    Args:
      places: NIfTI files, cohort folders, manifest tables, folders of maps.
      fwhm_mm: smoothness of all maps, over what a cohort says; None to leave it to the cohort.
      are_raw: take files for T1w scans whatever their names say.
      note: gets one line on each place that holds files which are left out.

    Raises:
      UserError: if a place does not exist, is of another kind, or names nobody.
    """
    inputs: list[Input] = []
    for place in places:
        if place.is_dir() and _is_flat(place):
            found, left_out = folder_inputs(place)
            inputs += found
            if left_out:
                note(left_out)
        elif place.is_dir() or place.suffix.lower() in MANIFESTS:
            inputs += _cohort_inputs(place, note)
        elif NIFTI.search(place.name):
            inputs.append(file_input(place, are_raw=are_raw))
        else:
            refuse(filter(None, [judge_place(place)]), subject=str(place), path=None)
            found = "another kind of file" if place.exists() else "nothing"
            raise UserError(f"{place}: expected a .nii or .nii.gz file or a cohort, found {found}. Check the path.")
    if fwhm_mm is not None:
        inputs = [dataclasses.replace(each, fwhm_mm=fwhm_mm) for each in inputs]
    return _with_ages(inputs)


def _with_ages(inputs: Sequence[Input]) -> list[Input]:
    """The same with age and sex, of data sets whose ``participants.tsv`` says them."""
    people = {}
    for dataset in {each.dataset for each in inputs if each.dataset is not None}:
        if (dataset / "participants.tsv").is_file():
            # What is wrong with the table is no problem of a map: its check tells.
            people[dataset] = read_people(dataset, Findings())
    return [
        each if people.get(each.dataset) is None
        else dataclasses.replace(each, person=people[each.dataset].person(each.participant_id, each.session_id))
        for each in inputs
    ]  # fmt: skip


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


def check_place(inputs: Sequence[Input], out: Path) -> None:
    """Raises UserError if ``out`` is inside a data set that inputs come from, or inputs are inside ``out``."""
    target = out.resolve()
    for each in inputs:
        if each.dataset is not None and not may_hold(each.dataset, target):
            raise UserError(
                f"--out {out}: expected a folder outside of the inputs' data set, found one inside {each.dataset}. "
                f"Choose another, or {each.dataset / 'derivatives' / 'pcsa_jax'}."
            )
        if each.path.resolve().is_relative_to(target) or each.path.absolute().is_relative_to(out.absolute()):
            raise UserError(f"--out {out}: expected a folder without inputs, found {each.path} in it. Choose another.")


def _origin(each: Input) -> Path | bool:
    """The data set; for a loose file whether its name says who it is."""
    return each.dataset or bool(parse_name(each.path).participant_id)


def find_doubles(inputs: Sequence[tuple[Input, Prepared]], finished: Sequence[Content] = ()) -> dict[int, UserError]:
    """For each place in ``inputs`` whose map has the voxels of somebody else's in a cohort: what to tell.

    Names of loose files are the user's to choose, and claim nothing of who it is.

    Args:
      inputs: of this start.
      finished: the maps of earlier ones, by the sidecars of what was made of them.
    """
    contents = [
        Content(each.name, each.path, prepared.content_hash if each.dataset is not None else "")
        for each, prepared in inputs
    ]
    owners = defaultdict(set)
    for content in (*contents, *finished):
        owners[content.digest].add(content.name.split()[0])
    told = [
        each._replace(digest=each.digest if len(owners[each.digest]) > 1 else "") for each in (*contents, *finished)
    ]
    return {
        place: UserError(f"{told[place].name}: {told[place].path}: {finding.found}. {finding.remedy}.")
        for place, finding in find_copies(told).items()
        if place < len(inputs)
    }


def prepare(each: Input, grid: Grid, normalisation: str, *, is_modulated: bool = False) -> Prepared:
    """Reads a grey-matter map, checks it, and brings it to the model's grid, smoothness and intensities.

    Args:
      each: not a raw scan.
      grid: the model's.
      normalisation: the model's, of its input.
      is_modulated: whether the model was trained on modulated maps.

    Raises:
      UserError: for the first problem that :func:`~pcsa_jax.data.judgements.examine` finds.
    """
    name = f"{each.name}: {each.path.name}"
    check_name(each, name)
    check_kind(each, name, is_modulated=is_modulated)
    if each.dataset is not None:
        check_map(each.dataset, (each.participant_id, each.session_id), name)
    volume = read_judged(each.path, "mri", subject=name)
    return prepare_volume(volume, OwnGrid.of(each.path), grid, normalisation, fwhm_mm=each.fwhm_mm, name=name)


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
    content_hash = volume_hash(volume.data, volume.affine)
    return Prepared(mri, harmonised.steps, own_grid, content_hash=content_hash)


def check_kind(each: Input, subject: str, *, is_modulated: bool) -> None:
    """Raises UserError if the name says another kind of map than the model was trained on."""
    if each.is_modulated not in (None, is_modulated):
        kinds = {True: "modulated", False: "unmodulated"}
        raise UserError(
            f"{subject}: expected {kinds[is_modulated]} grey matter, as the generator was trained on, found "
            f"{kinds[each.is_modulated]} by its name. Take the segmentation's other output (unmodulated: Clinica's "
            "modulated-off, SPM's wc1, CAT12's wp1)."
        )


def write_skipped(path: Path, skipped: Iterable[tuple[Input, Exception]]) -> None:
    """Writes a table of the inputs that were left out, and why."""
    rows = [("participant_id", "session_id", "file", "problem")]
    rows += [(each.participant_id, each.session_id or "n/a", str(each.path), str(error)) for each, error in skipped]
    write_text(path, table_text(rows))


def _cohort_inputs(place: Path, note: Callable[[str], None]) -> list[Input]:
    """One input a GM map: a map that serves several visits is made PET of once, under its own session."""
    # Whose map is not to be taken, prepare() tells: one suspicious visit is one bad input.
    cohort = read_cohort(place, Reading(maps_only=True, accept_suspicious=True))
    for text in cohort.notes:
        note(text)
    found: dict[Path, Input] = {}
    for subject in cohort.subjects:
        name = parse_name(subject.mri)
        session_id = subject.session_id if subject.mri_session_id is None else subject.mri_session_id
        dataset = cohort.root if cohort.root.is_dir() else dataset_of(subject.mri)
        each = Input(
            path=subject.mri, participant_id=subject.participant_id, session_id=session_id,
            entities=kept_entities(name), dataset=dataset, fwhm_mm=subject.mri_fwhm_mm, is_modulated=name.is_modulated,
        )  # fmt: skip
        found.setdefault(subject.mri, each)
    return list(found.values())


def _is_flat(place: Path) -> bool:
    """Whether a folder holds volumes and no cohort."""
    return not claims(place) and any(
        NIFTI.search(path.name) or unread_format(path.name) for path in place.iterdir() if not path.name.startswith(".")
    )
