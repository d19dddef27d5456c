"""What a start of ``synthesize`` has to do: one task for each input that is not finished."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pcsa_jax.data.derivatives import Outputs, is_finished, name_outputs
from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.data.given_files import Input
from pcsa_jax.data.threads import count_cores
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.generators import Ensemble

WORKERS = min(8, count_cores())
"""Threads that read, resample and write; most of their work is in zlib and SciPy, which let others run."""


class Task(NamedTuple):
    """One input and what is to become of it.

    Attributes:
      source: the input.
      outputs: its files.
      recipe: the entries of the sidecar that decide on the voxels.
    """

    source: Input
    outputs: Outputs
    recipe: dict[str, Any]


class Outcome(NamedTuple):
    """How many inputs were written, were finished before, were left out as bad; the signal that stopped it, or None."""

    written: int
    finished: int
    skipped: int
    signal_number: int | None


def plan_tasks(
    ensemble: Ensemble, inputs: Sequence[Input], out: Path, *, extras: Sequence[str], has_panel: bool, page_look: str,
    overwrite: bool,
) -> list[Task]:  # fmt: skip
    """What is to be done; inputs whose outputs are finished are not among it.

    Args:
      ensemble: the generators.
      inputs: maps and scans.
      out: folder of the outputs.
      extras, has_panel, page_look: as for :func:`~pcsa_jax.data.derivatives.name_outputs`.
      overwrite: outputs of other inputs or generators may be replaced.

    Raises:
      UserError: if one is in the way.
    """

    def plan(source: Input) -> Task | None:
        outputs = name_outputs(
            out, source.participant_id, source.session_id, source.entities, extras=extras, has_panel=has_panel,
            page_look=page_look,
        )  # fmt: skip
        # A file that cannot be read has no hash; reading it will say why.
        is_readable = source.path.is_file() and os.access(source.path, os.R_OK)
        digest = file_hash(source.path) if is_readable else ""
        recipe = {
            "InputSHA256": digest, "InputFWHM": source.fwhm_mm, "GeneratorSHA256": sorted(ensemble.hashes),
        }  # fmt: skip
        try:
            done = is_finished(outputs, recipe, calibration=ensemble.calibration)
        except UserError:
            if not overwrite:
                raise
            done = False
        return None if done else Task(source, outputs, recipe)

    with ThreadPoolExecutor(WORKERS) as pool:
        return [task for task in pool.map(plan, inputs) if task is not None]


def settle(waiting: list[Future], *, leave: int) -> int:
    """Waits until at most ``leave`` of the oldest-first ``waiting`` are left; returns how many are done with."""
    count = 0
    while len(waiting) > leave:
        waiting.pop(0).result()
        count += 1
    return count
