"""What became of each file that was read: its grid, what was done to it, and its normalisation (``inputs.tsv``)."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.grid import by_grid
from pcsa_jax.data.judgements import Content, find_copies
from pcsa_jax.data.problems import visit_name
from pcsa_jax.data.scales import Values, describe_odd
from pcsa_jax.data.subjects import listing
from pcsa_jax.data.volumes import refuse
from pcsa_jax.errors import UserError
from pcsa_jax.text import table_rows, table_text

COLUMNS = (
    "participant_id", "session_id", "modality", "file", "shape", "voxel_size_mm", "axes", "first_voxel_mm", "steps",
    "low", "high", "clipped_voxels", "lowest", "largest", "sha256", "unit",
)  # fmt: skip
HASH = "sha256"
NONE = "n/a"
"""Of a column that says nothing."""

MOST_GRIDS = 4
"""Grids of one modality that a line tells."""

SEPARATOR = "; "
"""Between the steps of one volume."""


class Input(NamedTuple):
    """One volume as it was read.

    Attributes:
      participant_id, session_id: whose it is.
      modality: "mri" or "pet".
      file: where it was.
      shape, affine: its own grid (voxel to MNI152, mm).
      steps: what brought it to the cohort's grid and smoothness; empty if it was taken as it is.
      low, high: the intensities (file units) that became 0 and 1.
      clipped_voxels: voxels outside of them.
      content_hash: :func:`~pcsa_jax.data.fingerprints.volume_hash` of the volume as read; "" if it was not taken.
      lowest, largest: value of the volume as read, in the file's unit; NaN if nobody has looked.
      unit: of a PET's values, as its sidecar or name says; "" if neither does.
    """

    participant_id: str
    session_id: str
    modality: str
    file: Path
    shape: tuple[int, ...]
    affine: np.ndarray
    steps: tuple[str, ...]
    low: float
    high: float
    clipped_voxels: int
    content_hash: str = ""
    lowest: float = math.nan
    largest: float = math.nan
    unit: str = ""

    @property
    def name(self) -> str:
        return visit_name(self.participant_id, self.session_id)

    @property
    def voxel_size_mm(self) -> str:
        return "x".join(f"{size:.4g}" for size in nib.affines.voxel_sizes(self.affine))

    @property
    def grid(self) -> str:
        """Its grid in words."""
        return _describe_grid("x".join(map(str, self.shape)), self.voxel_size_mm, self.axes, self.first_voxel_mm)

    @property
    def axes(self) -> str:
        return "".join(nib.aff2axcodes(self.affine))

    @property
    def first_voxel_mm(self) -> str:
        return ", ".join(f"{mm:g}" for mm in np.round(self.affine[:3, 3], 2) + 0.0)


def inputs_table(inputs: Sequence[Input]) -> str:
    """The content of ``inputs.tsv``: one line a volume."""
    rows = [COLUMNS]
    for found in inputs:
        shape, steps = "x".join(map(str, found.shape)), SEPARATOR.join(found.steps) or NONE
        rows.append((
            found.participant_id, found.session_id or NONE, found.modality, str(found.file), shape,
            found.voxel_size_mm, found.axes, found.first_voxel_mm, steps, f"{found.low:.6g}", f"{found.high:.6g}",
            str(found.clipped_voxels), f"{found.lowest:.6g}", f"{found.largest:.6g}", found.content_hash or NONE,
            found.unit or NONE,
        ))  # fmt: skip
    return table_text(rows)


def describe_preparation(table: str) -> str:
    """One sentence on how many volumes of ``inputs.tsv`` were not taken as they are."""
    steps = [row["steps"] for row in _rows(table)]
    counts = [
        (sum(word in own for own in steps), what)
        for word, what in (
            ("resampled", "resampled"),
            ("smoothed with", "smoothed"),
            ("turned", "turned to RAS axes"),
            ("read as 0", "read with 0 for NaN outside the brain"),
        )
    ]
    parts = [f"{count} were {what}" for count, what in counts if count]
    if not parts:
        return f"All {len(steps)} volumes were taken as they are on disk."
    return f"Of {len(steps)} volumes, {', '.join(parts)}."


def describe_grids(table: str) -> tuple[str, ...]:
    """For each modality of ``inputs.tsv`` whose files lie on several grids, one line that tells them."""
    grids: dict[str, Counter[str]] = {}
    for row in _rows(table):
        if "axes" not in row:  # written by an earlier version
            return ()
        grid = _describe_grid(row["shape"], row["voxel_size_mm"], row["axes"], row["first_voxel_mm"])
        grids.setdefault(row["modality"], Counter())[grid] += 1
    return tuple(several_grids(modality.upper(), own.most_common()) for modality, own in grids.items() if len(own) > 1)


def describe_scales(table: str) -> tuple[str, ...]:
    """For each modality of ``inputs.tsv``, one line for each way in which the scale of some volumes is odd."""
    volumes: dict[str, list[Values]] = {}
    for row in _rows(table):
        if "largest" in row:  # an earlier version has not written it
            name = visit_name(row["participant_id"], row["session_id"].replace(NONE, ""))
            unit = row.get("unit", NONE).replace(NONE, "")
            found = Values(name, float(row["lowest"]), float(row["largest"]), unit)
            volumes.setdefault(row["modality"], []).append(found)
    return tuple(
        line
        for modality, own in volumes.items()
        for line in describe_odd(modality.upper(), own, is_map=modality == "mri")
    )


def describe_clipping(table: str) -> str:
    """How many voxels of ``inputs.tsv`` lay outside the range that became 0 to 1, as the end of a sentence."""
    counts = [int(row["clipped_voxels"]) for row in _rows(table)]
    if not any(counts):
        return "clipped nothing."
    return f"clipped {sum(counts)} voxels of {sum(count > 0 for count in counts)} of {len(counts)} volumes to [0, 1]."


def _rows(table: str) -> list[dict[str, str]]:
    header, *lines = table_rows(table)
    return [dict(zip(header, line, strict=True)) for line in lines]


def several_grids(name: str, grids: Sequence[tuple[str, int]]) -> str:
    """One line on the grids of a modality, each with its number of files, the most frequent first."""
    shown = "; ".join(f"{count} on {grid}" for grid, count in grids[:MOST_GRIDS])
    more = f"; and {len(grids) - MOST_GRIDS} more" if len(grids) > MOST_GRIDS else ""
    return f"{name}: {len(grids)} grids, each volume brought to the cohort's by itself: {shown}{more}"


def _describe_grid(shape: str, voxel_size_mm: str, axes: str, first_voxel_mm: str) -> str:
    return f"{shape} voxels of {voxel_size_mm} mm, {axes}, first at ({first_voxel_mm}) mm"


def check_together(inputs: Sequence[Input], *, one_grid: bool) -> None:
    """Raises UserError if a volume is a copy of another's, or if one grid is asked for and there are several.

    Volumes may be among ``inputs`` more than once.
    """
    contents = [Content(found.name, found.file, found.content_hash) for found in inputs]
    for place, finding in find_copies(contents).items():
        found = inputs[place]
        refuse([finding], subject=f"{found.name}: {found.modality.upper()}", path=found.file)
    if one_grid:
        check_one_grid(inputs)


def check_one_grid(inputs: Sequence[Input]) -> None:
    """Raises UserError if volumes of one modality lie on different grids: they were not prepared alike."""
    for modality in dict.fromkeys(found.modality for found in inputs):
        own = [found for found in inputs if found.modality == modality]
        groups = [[own[place] for place in group] for group in by_grid(own)]
        if len(groups) > 1:
            texts = [f"{len(group)} of {group[0].grid} ({listing(found.name for found in group)})" for group in groups]
            shown = "; ".join(texts[:MOST_GRIDS])
            if len(texts) > MOST_GRIDS:
                shown += f"; and {len(texts) - MOST_GRIDS} more"
            raise UserError(
                f"{modality.upper()}: expected one grid for the whole cohort, found {len(groups)}: {shown}. Prepare "
                "all volumes alike, make one cohort of each group, or do not ask for one grid (data.one_grid)."
            )
