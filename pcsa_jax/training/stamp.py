"""What ties a checkpoint to its run's tables: who was trained on, and which volumes were read."""

from collections.abc import Mapping
from typing import Any

from pcsa_jax.data.fingerprints import file_hash
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.machine.progress import console
from pcsa_jax.training.checkpoints import Checkpoints


def stamp_of(workdir: Workdir) -> dict[str, str]:
    """What is stored beside every state: SHA-256 of ``splits.tsv`` and ``inputs.tsv``."""
    tables = {"splits_sha256": workdir.splits, "inputs_sha256": workdir.inputs}
    return {name: file_hash(path) for name, path in tables.items() if path.is_file()}


def check_stamp(workdir: Workdir, meta: Mapping[str, Any]) -> None:
    """Raises UserError if a table is not as it was when the checkpoint was written.

    Args:
      workdir: of the run.
      meta: what was stored beside the state; checkpoints of earlier versions hold no hash, and pass.
    """
    found = stamp_of(workdir)
    for name, path, what in (
        ("splits_sha256", workdir.splits, "who is trained on, who validates and who is tested"),
        ("inputs_sha256", workdir.inputs, "which volumes were read"),
    ):
        expected = meta.get(name)
        if name == "splits_sha256" and name not in found:
            continue  # whoever needs it says so; a generator works without
        if expected is not None and found.get(name) != expected:
            there = f"SHA-256 {found[name][:12]}" if name in found else "no file"
            raise UserError(
                f"{path}: expected the table that the run was trained with (SHA-256 {expected[:12]}), found {there}. "
                f"It says {what}: restore it, or start a new run in another --workdir."
            )


def check_latest(workdir: Workdir) -> None:
    """:func:`check_stamp` against the newest checkpoint, whatever its network; a run that has none yet passes."""
    if workdir.checkpoints.is_dir():
        with Checkpoints(workdir.checkpoints, {}) as checkpoints:
            check_stamp(workdir, checkpoints.latest_meta())


def note_unknown(workdir: Workdir) -> None:
    """Says that nobody can tell whether the volumes of an older run are still the same."""
    console.print(f"{workdir.inputs}: of a version that kept no hashes; volumes that changed since cannot be told")
