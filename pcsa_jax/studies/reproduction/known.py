"""What the runs of a plan have read of their cohort, so that no table mixes runs on different volumes."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pcsa_jax.data.contents import Key, Known, read_known
from pcsa_jax.errors import UserError
from pcsa_jax.studies.reproduction.plan import Run


def known_of(runs: Sequence[Run]) -> Known:
    """The volumes that training and evaluation of any of ``runs`` have read.

    Raises:
      UserError: if one name stands for different volumes.
    """
    place = Path(os.path.commonpath([run.workdir.root for run in runs])) if runs else Path()
    return and_of(Known(place, {}, "Put the former files back, or use another --out."), runs)


def and_of(known: Known, runs: Iterable[Run]) -> Known:
    """``known`` and what ``runs`` have read; raises as :func:`known_of`."""
    contents: dict[Key, str] = dict(known.contents)
    for run in runs:
        for path in (run.workdir.inputs, run.workdir.tested):
            for key, digest in read_known(path).contents.items():
                if digest and contents.setdefault(key, digest) != digest:
                    raise UserError(
                        f"{path}: expected the {key} that other runs below {known.source} have read, found other "
                        f"voxels or another grid. Remove {run.workdir.root} and start again, or use another --out."
                    )
    return known._replace(contents=contents)
