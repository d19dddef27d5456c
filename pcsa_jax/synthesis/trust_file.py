"""What single images are judged by, as a file beside a run's checkpoints or as a part of an exported one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pcsa_jax.data.files import replacing
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.data.trust.statistics import Trust
from pcsa_jax.errors import UserError
from pcsa_jax.synthesis.verification import content_hash

FORMAT = "pcsa_jax trust 1"
PREFIX = "trust."
"""Before the names of its arrays in an exported generator."""

MOST_BYTES = 2**20
"""Of what a file says of itself."""

REMEDY = "Make it again: python -m pcsa_jax calibrate"


class TrustFile(NamedTuple):
    """What a file holds.

    Attributes:
      generators: SHA-256 of each generator that it is of, sorted.
      trust: the content.
    """

    generators: tuple[str, ...]
    trust: Trust


def write_trust(path: Path, trust: Trust, generators: Sequence[str]) -> None:
    """Writes the file, whole or not at all; a former one is replaced.

    Raises:
      UserError: if it cannot be written.
    """
    tensors = trust.arrays()
    description = {
        "format": FORMAT, "generators": sorted(generators), "about": dict(trust.about), "sha256": content_hash(tensors),
    }  # fmt: skip
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(save(tensors, metadata={"trust": json.dumps(description, allow_nan=False)}))
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error.strerror}). Free some space.") from error


def read_trust(path: Path) -> TrustFile:
    """Reads what :func:`write_trust` has written.

    Raises:
      UserError: if it is missing, damaged or of another kind.
    """
    if not path.is_file():
        raise UserError(f"{path}: expected a file of python -m pcsa_jax calibrate, found none. {REMEDY}.")
    try:
        with safe_open(path, framework="numpy") as stream:
            description = parse_object((stream.metadata() or {}).get("trust", "{}"), most_bytes=MOST_BYTES)
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
        if description.get("format") != FORMAT:
            raise ValueError(f"format {str(description.get('format'))[:60]!r} in place of {FORMAT!r}")
        generators = description["generators"]
        if not isinstance(generators, list) or not all(isinstance(one, str) for one in generators):
            raise ValueError("no list of generators")
        if description["sha256"] != content_hash(tensors):
            raise ValueError("other arrays than were written (their SHA-256 is another)")
        return TrustFile(tuple(generators), restore(tensors, description["about"]))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: expected a file of python -m pcsa_jax calibrate, found a damaged one ({reason}). {REMEDY}."
        ) from error


def restore(tensors: Mapping[str, np.ndarray], about: Any) -> Trust:
    """The content from its arrays and what is said of them.

    Raises:
      ValueError, KeyError, TypeError: if they do not fit.
    """
    if not isinstance(about, dict):
        raise ValueError("nothing said about the arrays")
    odd = next((name for name, array in tensors.items() if array.dtype != np.float32), None)
    if odd is not None:
        raise ValueError(f"{odd} in {tensors[odd].dtype}")
    return Trust.from_arrays(tensors, about)


def trust_of_run(path: Path, generator: str) -> Trust | None:
    """What lies beside a run's checkpoint; None if there is none, or it is another checkpoint's.

    Raises:
      UserError: if the file is damaged.
    """
    if not path.is_file():
        return None
    found = read_trust(path)
    return found.trust if found.generators == (generator,) else None
