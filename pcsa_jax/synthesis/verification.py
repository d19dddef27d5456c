"""What must hold for an exported file before anything is made of it: its card, its tensors, and that they fit."""

import hashlib
import json
import math
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.data.grid import SPACE, Grid
from pcsa_jax.data.json_objects import parse_object
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import config_of, resolved

FORMAT = "pcsa_jax generator 4"
"""First key of the card; the number changes when a reader of the old one could not read the new one."""

FORMER_FORMATS = ("pcsa_jax generator 3", "pcsa_jax generator 2", "pcsa_jax generator 1")
"""3 has nothing to judge single images by, 2 no checksum of the card, 1 no recipe: its generators see the map alone."""

HASHED_FORMATS = (FORMAT, FORMER_FORMATS[0])
"""Those whose card a checksum covers."""

ENSEMBLE_FORMAT = "pcsa_jax ensemble 1"
"""Of the card of a file that holds several generators, whose mean is meant; each has a card of its own in it."""

MOST_CARD_BYTES = 2**20
"""Of a card's text: ours have a few thousand."""

CARD_HASH = "card_sha256"
TRAINING_FIELDS = {
    "cohort": str, "is_phantom": bool | None, "row": str, "step": int, "checkpoint": str, "validation": dict,
    "splits_sha256": str, "config": dict,
}  # fmt: skip
"""What a card says of the training, with the type of each."""

TEXTS = ("notice", "intended_use", "input", "output")
"""What a card says to a person, if it says it."""


def card_hash(card: Mapping[str, Any]) -> str:
    """SHA-256 over all of a card but this hash, as JSON with sorted keys and no blanks (ASCII)."""
    content = {name: value for name, value in card.items() if name != CARD_HASH}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def content_hash(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names, types, shapes and values of a generator's tensors: the same of a run and its export."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def parse_card(path: Path, text: str | None) -> dict[str, Any]:
    """The JSON object of a card, of any format.

    Raises:
      UserError: if there is none.
    """
    if text is None:
        raise UserError(f"{path}: expected format {FORMAT!r}, found None. Export again with this version.")
    if len(text) > MOST_CARD_BYTES:
        raise _damaged(path, f"a card of {len(text)} characters")
    try:
        return parse_object(text, most_bytes=MOST_CARD_BYTES)
    except ValueError as error:
        raise _damaged(path, f"a card that holds {error}") from error


def read_ensemble_card(path: Path, text: str) -> dict[str, Any]:
    """The card of a file of several generators, whole and unchanged, each one's checked as by itself.

    Raises:
      UserError: if it is damaged or does not fit itself.
    """
    card = parse_card(path, text)
    if card.get(CARD_HASH) != card_hash(card):
        raise _damaged(path, "a card that was changed since (its SHA-256 is another)")
    members = card.get("members")
    if not isinstance(members, list) or len(members) < 2 or not all(isinstance(one, dict) for one in members):
        raise _damaged(path, "a card that names no generators")
    for member in members:
        read_card(path, json.dumps(member))
    if card.get("sha256") != ensemble_hash([member["sha256"] for member in members]):
        raise _damaged(path, "a card whose SHA-256 is not that of its generators")
    return card


def ensemble_hash(hashes: Sequence[str]) -> str:
    """SHA-256 of several generators together, in their order."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def read_card(path: Path, text: str | None) -> dict[str, Any]:
    """The card of a file, if it is one of ours, whole and unchanged.

    Args:
      path: of the file, for messages.
      text: its metadata.

    Raises:
      UserError: if it is missing, of another kind or format, damaged, or does not fit itself.
    """
    card = parse_card(path, text)
    if card.get("format") not in (FORMAT, *FORMER_FORMATS):
        found = str(card.get("format"))[:60]
        raise UserError(f"{path}: expected format {FORMAT!r}, found {found!r}. Export again with this version.")
    if card["format"] in HASHED_FORMATS and card.get(CARD_HASH) != card_hash(card):
        raise _damaged(path, "a card that was changed since (its SHA-256 is another)")
    _check_training(path, card)
    _check_against_config(path, card)
    sha256 = card.get("sha256")
    if not (isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= set(string.hexdigits)):
        raise _damaged(path, "a card without the parameters' SHA-256")
    return card


def _damaged(path: Path, found: str) -> UserError:
    return UserError(f"{path}: expected an exported generator, found {found}. Export again.")


def _check_training(path: Path, card: Mapping[str, Any]) -> None:
    """Raises UserError unless the card says of the training what a reader needs."""
    training = card.get("training")
    if not isinstance(training, dict):
        raise _damaged(path, "a card that says nothing of the training")
    for name, kind in TRAINING_FIELDS.items():
        value = training.get(name)
        if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):
            raise _damaged(path, f"a card whose training.{name} is {str(value)[:60]!r}")
    maps = training.get("maps", {})
    lists = list(maps.values()) if isinstance(maps, dict) else [None]
    if not all(isinstance(own, list) and all(isinstance(digest, str) for digest in own) for own in lists):
        raise _damaged(path, "a card whose training.maps are no hashes")
    scores = training["validation"].values()
    if not all(score is None or type(score) in (int, float) for score in scores):
        raise _damaged(path, "a card whose training.validation is no numbers")
    if not isinstance(training.get("is_modulated", False), bool):
        raise _damaged(path, f"a card whose training.is_modulated is {str(training['is_modulated'])[:60]!r}")
    for name in TEXTS:
        if not isinstance(card.get(name, ""), str):
            raise _damaged(path, f"a card whose {name} is no text")


def _check_against_config(path: Path, card: Mapping[str, Any]) -> None:
    """Raises UserError unless what the card says of the generator is what its own config makes."""
    config = config_of_card(path, card)
    expected = describe_network(config)
    for name, value in expected.items():
        if name == "pet" and card["format"] in HASHED_FORMATS:
            # The scale may be another version's: the card's hash vouches for it.
            if not _is_scale(card.get(name)):
                raise _damaged(path, "a card whose pet is no scale")
            continue
        if name not in card and card["format"] not in HASHED_FORMATS:
            continue  # cards were shorter once
        if not _same(card.get(name), value):
            raise _damaged(path, f"a card whose {name} is not what its config makes")


def describe_network(config: ConfigDict) -> dict[str, Any]:
    """The part of a card that follows from the config, as plain JSON values."""
    grid, values = Grid(config.data.size), resolved(config)
    normalisation = values["data"]["normalisation"]
    scale = NORMALISATIONS[normalisation].scale
    return {
        "system": values["system"],
        "generator": values["generator"],
        "recipe": values["recipe"],
        "grid": {
            "shape": list(grid.shape), "affine": grid.affine.tolist(), "space": SPACE,
            "voxel_size_mm": grid.voxel_size_mm,
        },
        "normalisation": {"mri": "minmax", "pet": normalisation},
        "pet": {
            "range": list(scale.range), "unit": scale.unit, "meaning": scale.meaning,
            "reference_region": values["data"]["reference_region"] if scale.unit == "SUVR" else None,
        },
    }  # fmt: skip


def _is_scale(pet: Any) -> bool:
    """Whether an entry says what 0 and 1 stand for, and in which unit."""
    if not isinstance(pet, dict) or not all(isinstance(pet.get(name), str) for name in ("unit", "meaning")):
        return False
    if not isinstance(pet.get("reference_region"), str | None):
        return False
    ends = pet.get("range")
    are_numbers = isinstance(ends, list) and len(ends) == 2 and all(type(end) in (int, float) for end in ends)
    return are_numbers and all(map(math.isfinite, ends)) and ends[0] < ends[1]


def _same(found: Any, expected: Any) -> bool:
    """Whether two JSON values are equal; ``expected`` decides which keys are compared, numbers within rounding."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(_same(found.get(key), value) for key, value in expected.items())
    if isinstance(expected, list | tuple):
        same_length = isinstance(found, list | tuple) and len(found) == len(expected)
        return same_length and all(_same(*pair) for pair in zip(found, expected, strict=True))
    if isinstance(expected, float):
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return is_number and math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return type(found) is type(expected) and found == expected


def config_of_card(path: Path, card: Mapping[str, Any]) -> ConfigDict:
    """The training's config of a card.

    Raises:
      UserError: if it is none.
    """
    try:
        return config_of(card["training"]["config"])
    except (UserError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _damaged(path, f"a card whose config is none ({reason})") from error


def check_parameters(path: Path, card: Mapping[str, Any], params: Mapping[str, np.ndarray]) -> None:
    """Raises UserError unless ``params`` are those of the network that the card describes, float32 and finite.

    Args:
      path: of the file, for messages.
      card: checked.
      params: name ("bottleneck.kernel") -> array.
    """
    experiment = build(config_of_card(path, card), num_steps=1)
    shapes = jax.eval_shape(experiment.initial_state).generator
    expected = {
        jax.tree_util.keystr(place, simple=True, separator="."): leaf.shape
        for place, leaf in jax.tree.leaves_with_path(shapes)
    }
    if odd := sorted(params.keys() ^ expected.keys()):
        what = "has" if odd[0] in params else "lacks"
        raise _damaged(path, f"a file that {what} the tensor {odd[0][:80]!r}, unlike its card")
    for name, array in params.items():
        if array.shape != expected[name] or array.dtype != np.float32:
            found = f"{array.dtype} {array.shape} in place of float32 {expected[name]}"
            raise _damaged(path, f"a tensor {name} of {found}")
        if not np.isfinite(array).all():
            raise _damaged(path, f"a tensor {name} with NaN or infinite values")
