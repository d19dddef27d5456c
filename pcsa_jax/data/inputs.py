"""What became of each file that was read: its grid, what was done to it, and its normalisation (``inputs.tsv``)."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

from pcsa_jax.data.subjects import listing
from pcsa_jax.data.volumes import AFFINE_TOLERANCE_MM
from pcsa_jax.errors import UserError

COLUMNS = (
    "participant_id", "session_id", "modality", "file", "shape", "voxel_size_mm", "steps", "low", "high",
    "clipped_voxels",
)  # fmt: skip
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

    @property
    def name(self) -> str:
        return f"{self.participant_id} {self.session_id}".strip()

    @property
    def voxel_size_mm(self) -> str:
        return "x".join(f"{size:.4g}" for size in nib.affines.voxel_sizes(self.affine))

    @property
    def grid(self) -> str:
        """Its grid in words."""
        origin = ", ".join(f"{mm:g}" for mm in np.round(self.affine[:3, 3], 2))
        axes = "".join(nib.aff2axcodes(self.affine))
        return f"{'x'.join(map(str, self.shape))} voxels of {self.voxel_size_mm} mm, {axes}, first at ({origin}) mm"


def inputs_table(inputs: Sequence[Input]) -> str:
    """The content of ``inputs.tsv``: one line a volume."""
    rows = [COLUMNS]
    for found in inputs:
        shape, steps = "x".join(map(str, found.shape)), SEPARATOR.join(found.steps) or "n/a"
        rows.append((
            found.participant_id, found.session_id or "n/a", found.modality, str(found.file).replace("\t", " "), shape,
            found.voxel_size_mm, steps, f"{found.low:.6g}", f"{found.high:.6g}", str(found.clipped_voxels),
        ))  # fmt: skip
    return "".join("\t".join(row) + "\n" for row in rows)


def describe_preparation(table: str) -> str:
    """One sentence on how many volumes of ``inputs.tsv`` were not taken as they are."""
    header, *lines = table.splitlines()
    column = header.split("\t").index("steps")
    steps = [line.split("\t")[column] for line in lines]
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


def check_one_grid(inputs: Sequence[Input]) -> None:
    """Raises UserError if volumes of one modality lie on different grids: they were not prepared alike."""
    for modality in dict.fromkeys(found.modality for found in inputs):
        groups: list[list[Input]] = []
        for found in (found for found in inputs if found.modality == modality):
            for group in groups:
                if _is_same_grid(group[0], found):
                    group.append(found)
                    break
            else:
                groups.append([found])
        if len(groups) > 1:
            groups.sort(key=len, reverse=True)
            texts = [f"{len(group)} of {group[0].grid} ({listing(own.name for own in group)})" for group in groups]
            shown = "; ".join(texts[:4]) + (f"; and {len(texts) - 4} more" if len(texts) > 4 else "")
            raise UserError(
                f"{modality.upper()}: expected one grid for the whole cohort, found {len(groups)}: {shown}. Prepare "
                "all volumes alike, or make one cohort of each group."
            )


def _is_same_grid(one: Input, other: Input) -> bool:
    return one.shape == other.shape and np.allclose(one.affine, other.affine, atol=AFFINE_TOLERANCE_MM)
