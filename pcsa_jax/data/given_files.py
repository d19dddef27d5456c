"""Files that a user wants PET of: whose they are, by their names, and what they are."""

import dataclasses
import re
from collections import Counter
from pathlib import Path

from pcsa_jax.data.demographics import Person
from pcsa_jax.data.foreign_formats import unread_format
from pcsa_jax.data.grid import SPACE
from pcsa_jax.data.layouts.sidecars import Sidecars, dataset_of, smoothing_fwhm_mm
from pcsa_jax.data.map_folders import MAPS, beside_maps, choose_maps, find_maps
from pcsa_jax.data.names import NIFTI, Name, parse_name, why_no_grey_matter_map
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.subjects import Findings, counted
from pcsa_jax.errors import UserError

KEPT_ENTITIES = ("run", "space", "res")
"""Entities of an input's name, beside the participant and the session, that its outputs have too."""

NOBODY_KNOWN = Person()

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
      is_modulated: whether the name says that values are volumes; None if it does not say.
      person: age and sex, if the data set's tables say.
    """

    path: Path
    participant_id: str
    session_id: str
    entities: dict[str, str]
    dataset: Path | None
    fwhm_mm: float | None = None
    is_raw: bool = False
    is_modulated: bool | None = None
    person: Person = NOBODY_KNOWN

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)

    @property
    def source(self) -> str:
        """The path inside :attr:`dataset`, or the file's name alone."""
        if self.dataset is None or not self.path.is_relative_to(self.dataset):
            return self.path.name
        return self.path.relative_to(self.dataset).as_posix()


def file_input(path: Path, *, are_raw: bool = False) -> Input:
    """What one file is by its name; whether it can be used, :func:`check_name` tells.

    Args:
      path: a NIfTI file.
      are_raw: it is a T1w scan, whatever its name says.
    """
    name = parse_name(path)
    is_raw = are_raw or (name.suffix == "T1w" and not name.prefix)
    kept = {"run": name.entities["run"]} if "run" in name.entities else {}
    kept |= {"space": RAW_SPACE} if is_raw else kept_entities(name)
    fwhm_mm = None if is_raw else _known_fwhm_mm(path)
    return Input(
        path, name.participant_id or _safe_id(path), name.session_id, kept, dataset_of(path), fwhm_mm, is_raw,
        None if is_raw else name.is_modulated,
    )  # fmt: skip


def folder_inputs(folder: Path) -> tuple[list[Input], str]:
    """The grey-matter maps of a folder that is no cohort, and one line on its other files ("" without any).

    Raises:
      UserError: if there are volumes, and none of them may be such a map.
    """
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    known = beside_maps([path.name for path in files], folder / MAPS)
    maps: list[Path] = []
    others: Counter[str] = Counter()
    for path in [path for path in files if NIFTI.search(path.name) or unread_format(path.name)]:
        reason = unread_format(path.name) or why_no_grey_matter_map(parse_name(path))
        if not reason and path.name in known:
            reason = "a scan or a map in its space, by the normalised map of the same name"
        if reason:
            others[reason] += 1
        else:
            maps.append(path)
    shown = ", ".join(f"{count} {reason}" for reason, count in others.most_common(6))
    if others and not maps:
        below = find_maps(folder)
        where = f" (there are some in {below[0].parent})" if below else ""
        raise UserError(
            f"{folder}: expected grey-matter maps in MNI152 space, found by their names {shown}. Take the normalised "
            f"maps{where}, or give T1w scans one by one."
        )
    taken, choice = choose_maps(maps)
    notes = [f"{counted(others.total(), 'file')} left out by name ({shown})"] if others else []
    notes += [choice] if choice else []
    return [file_input(path) for path in taken], f"{folder}: {'; '.join(notes)}" if notes else ""


def check_name(each: Input, subject: str) -> None:
    """Raises UserError if the name of a file, called ``subject`` in the message, says that it is no such map."""
    if reason := why_no_grey_matter_map(parse_name(each.path)):
        raise UserError(
            f"{subject}: expected a grey-matter map in MNI152 space, found {reason}, by its name. Take the normalised "
            "grey-matter map, or start from the T1w scan."
        )


def kept_entities(name: Name) -> dict[str, str]:
    """Entities that the outputs have too; a map whose name says no space is taken for what the command asks for."""
    kept = {key: name.entities[key] for key in KEPT_ENTITIES if key in name.entities}
    space = name.space or SPACE
    # Clinica writes Ixi549Space.
    return {**kept, "space": "IXI549Space" if space.lower() == "ixi549space" else space}


def _known_fwhm_mm(path: Path) -> float | None:
    """What the name or a sidecar says; None if neither does."""
    findings = Findings()
    fwhm_mm = smoothing_fwhm_mm(path, Sidecars(dataset_of(path), findings), findings, visit=("", ""))
    if findings.problems:
        raise UserError(str(findings.problems[0]))
    return fwhm_mm


def _safe_id(path: Path) -> str:
    letters = re.sub(r"[^A-Za-z0-9]", "", NIFTI.sub("", path.name))
    if not letters:
        raise UserError(f"{path}: expected a name with letters a-z or digits, found none. Rename it to sub-X.nii.gz.")
    return f"sub-{letters}"
