"""The maps that synthetic PET on disk was made from, as its sidecars say."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from pcsa_jax.data.derivatives import SYNTHETIC
from pcsa_jax.data.json_objects import read_object
from pcsa_jax.data.judgements import Content
from pcsa_jax.data.names import parse_name
from pcsa_jax.data.problems import visit_name
from pcsa_jax.errors import UserError

VOXELS = "InputVoxelsSHA256"
"""Key of a sidecar: :func:`~pcsa_jax.data.fingerprints.volume_hash` of the map that the PET was made from."""


def finished_contents(root: Path, but: Collection[Path]) -> list[Content]:
    """The maps of data sets that the synthetic PET in ``root`` was made from, as its sidecars say.

    Args:
      root: folder of the outputs.
      but: synthetic PET that is left out: what is to be made now.
    """
    found = []
    for path in sorted(root.glob(f"sub-*/**/pet/*_desc-{SYNTHETIC}_pet.json")):
        if path.with_suffix(".nii.gz") in but:
            continue
        with contextlib.suppress(UserError):  # what is wrong with it is told where it is in the way
            card = read_object(path, {VOXELS: str, "Sources": list}, expected="a sidecar")
            source, name = str(next(iter(card["Sources"]), "")), parse_name(path)
            if source.startswith("bids:"):
                found.append(Content(visit_name(name.participant_id, name.session_id), Path(source), card[VOXELS]))
    return found
