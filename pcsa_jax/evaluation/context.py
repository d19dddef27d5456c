"""What a report is told about the run besides its scores."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsa_jax.presentation.origin import phantom_mark, synthetic_line
from pcsa_jax.presentation.viewing import USUAL, Viewing


@dataclasses.dataclass(frozen=True)
class ReportContext:
    """What the report says about the run besides its scores.

    Attributes:
      cohort: name or folder of the cohort.
      is_phantom: True if the cohort that is scored was simulated; the report then says so in a banner.
      config: the run's ``config.json``.
      environment: the run's ``environment.json``.
      split_counts: split -> diagnosis -> number of participants, of the whole split table.
      step: of the checkpoint.
      checkpoint: which one, in words or as a path.
      split: the part of the cohort that is scored.
      metrics_jsonl: of the run, for the training curves; None if there is none.
      wall_time_s: of the training; None if not known.
      problems: one line for each subject that could not be evaluated, and why.
      preparation: one sentence on how many of the volumes were resampled or smoothed.
      people: one sentence on whose ids are marked, if some are ids of training participants too.
      uptake: one sentence on what the uptake values are.
      trained_on_phantom: True if the generator's own cohort was simulated, whatever is scored.
      events: one line for each thing that the training has noticed of itself.
      model: SHA-256 of the generator's parameters; "" if not known.
      viewing: sides and colours of the pictures of many planes.
    """

    cohort: str
    is_phantom: bool
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    split_counts: Mapping[str, Mapping[str, int]]
    step: int
    checkpoint: str
    split: str = "test"
    metrics_jsonl: Path | None = None
    wall_time_s: float | None = None
    problems: tuple[str, ...] = ()
    preparation: str = ""
    people: str = ""
    uptake: str = "Uptake is on each volume's own 0–1 scale; it is not an SUVR."
    trained_on_phantom: bool = False
    events: tuple[str, ...] = ()
    model: str = ""
    viewing: Viewing = USUAL

    @property
    def mark(self) -> str:
        """The beginning of every figure's title."""
        return phantom_mark(is_phantom=self.is_phantom, trained_on_phantom=self.trained_on_phantom)

    @property
    def line(self) -> str:
        """What stands inside every picture of synthetic PET."""
        return synthetic_line(
            is_phantom=self.is_phantom, trained_on_phantom=self.trained_on_phantom,
            models=[self.model] if self.model else [],
        )  # fmt: skip
