"""What one fold found, and its files: three tables and one archive of arrays."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from pcsa_jax.data.files import replacing
from pcsa_jax.errors import UserError
from pcsa_jax.presentation.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

PEOPLE = ("participant_id", "session_id", "diagnosis")

TABLES = {
    "regions": (*PEOPLE, "predictor", "region", "real", "synthetic", "real_z", "synthetic_z"),
    "lesions": (
        *PEOPLE, "predictor", "place", "kind", "depth", "response", "outside", "real", "synthetic", "error",
    ),
    "zmaps": (
        *PEOPLE, "predictor", "z_correlation", "dice", "low_real", "low_synthetic", "std_real", "std_synthetic",
        "severity_real", "severity_synthetic",
    ),
}  # fmt: skip
"""Table -> its columns; the attributes of :class:`FoldFindings` say what they hold."""

WORDS = (*PEOPLE, "predictor", "region", "place", "kind")
"""Columns of text."""

VOLUMES = "volumes.npz"


@dataclasses.dataclass(frozen=True, eq=False)
class FoldFindings:
    """What one run found on the subjects that it tests.

    Attributes:
      regions: per subject, predictor and region: mean uptake and mean z, of the real PET and of the predictor's.
      lesions: per subject, predictor, place, kind and depth: how the output answered (see ``lesion_rows``).
      zmaps: per subject and predictor: agreement of the two z-maps in the brain (see ``z_rows``).
      slices: "real_sagittal" and so on -> z of each subject's real or synthetic PET (n x size x size, float16, the two
        axes in volume order), in the order of ``zmaps``' rows of one predictor; empty without a norm.
      changes: "real_PLACE" and "synthetic_PLACE" -> mean over the subjects of the change of the PET that the deepest
        lesion with an MRI correlate makes, x y z.
      size: voxels along each axis of the grid.
      norm_count: CN training volumes behind the z-maps; 0 if there were too few.
      step: of the checkpoint.
    """

    regions: "pd.DataFrame"
    lesions: "pd.DataFrame"
    zmaps: "pd.DataFrame"
    slices: dict[str, np.ndarray]
    changes: dict[str, np.ndarray]
    size: int
    norm_count: int
    step: int

    @property
    def num_subjects(self) -> int:
        """Tested visits."""
        return len(self.regions[list(PEOPLE)].drop_duplicates())

    def write_findings(self, folder: Path) -> None:
        """Writes ``regions.tsv``, ``lesions.tsv``, ``zmaps.tsv`` and, at the very end, ``volumes.npz``."""
        folder = Path(folder)
        (folder / VOLUMES).unlink(missing_ok=True)
        for name, columns in TABLES.items():
            write_table(folder / f"{name}.tsv", getattr(self, name), columns)
        arrays = {f"slices.{key}": value for key, value in self.slices.items()}
        arrays |= {f"changes.{key}": value for key, value in self.changes.items()}
        numbers = {key: np.int64(getattr(self, key)) for key in ("size", "norm_count", "step")}
        with replacing(folder / VOLUMES) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays, **numbers)

    @classmethod
    def read_findings(cls, folder: Path) -> Self | None:
        """Reads what :meth:`write_findings` wrote; None if no fold was finished in ``folder``.

        Raises:
          UserError: if a file is missing or damaged.
        """
        folder = Path(folder)
        if not (folder / VOLUMES).is_file():
            return None
        tables = {name: _read_table(folder / f"{name}.tsv", columns) for name, columns in TABLES.items()}
        try:
            with np.load(folder / VOLUMES, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            numbers = {key: int(arrays.pop(key)) for key in ("size", "norm_count", "step")}
        except Exception as error:  # NumPy parses a header as Python: damage may raise anything that a parser does
            raise _damaged(folder / VOLUMES, "an archive of arrays", f"{type(error).__name__}: {error}") from error
        groups = {
            group: {key.removeprefix(f"{group}."): value for key, value in arrays.items() if key.startswith(group)}
            for group in ("slices", "changes")
        }
        return cls(**tables, **groups, **numbers)


def _read_table(path: Path, columns: tuple[str, ...]) -> "pd.DataFrame":
    try:
        return read_table(path, columns, WORDS)
    except (OSError, ValueError) as error:
        raise _damaged(path, f"a table with the columns {', '.join(columns)}", str(error).splitlines()[0]) from error


def _damaged(path: Path, expected: str, found: str) -> UserError:
    return UserError(f"{path}: expected {expected}, found {found}. Delete its folder: the fold is assessed again.")
