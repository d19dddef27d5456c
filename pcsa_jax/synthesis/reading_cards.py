"""What the card of a generator, of any format, says of its input and output."""

from collections.abc import Mapping
from typing import Any

from pcsa_jax.data.normalisation import NORMALISATIONS, PetScale
from pcsa_jax.data.splits import SPLITS
from pcsa_jax.training.trained import TrainedRun

DIGITS = 16
"""Of a map's hash in a card: two of a million maps share them with a chance of one in forty million."""


def pet_scale(card: Mapping[str, Any]) -> PetScale:
    """The scale of a generator's output; files written before cards had one hold one of the first two."""
    known = NORMALISATIONS[card["normalisation"]["pet"]].scale
    return known._replace(range=tuple(card.get("pet", {}).get("range", known.range)))


def is_modulated(card: Mapping[str, Any]) -> bool:
    """Whether a generator was trained on modulated maps; cards that do not say are of unmodulated ones."""
    return bool(card["training"].get("is_modulated"))


def training_maps(run: TrainedRun) -> dict[str, list[str]]:
    """What a card says of the maps that a training has read: part -> the beginning of each map's hash; {} if unknown.

    Whoever has a map can tell whether it was among them; nobody can tell more.
    """
    known = {part: set() for part in SPLITS[:2]} if run.known.contents else {}
    for key, digest in run.known.contents.items():
        if key.modality == "mri" and digest and run.splits.get(key.participant_id) in known:
            known[run.splits[key.participant_id]].add(digest[:DIGITS])
    return {part: sorted(own) for part, own in known.items()}


def training_part(card: Mapping[str, Any], content_hash: str) -> str:
    """Which part of the training read a map: "train", "validation", "none", or "unknown" of older cards."""
    maps = card["training"].get("maps")
    if not maps or not content_hash:
        return "unknown"
    return next((part for part, own in maps.items() if content_hash[:DIGITS] in own), "none")


def scale_note(scale: PetScale) -> str:
    """How 0 to 1 becomes the unit, or "" where it is the unit."""
    low, high = scale.range
    return "" if (low, high) == (0, 1) else f"; 0 stands for {low:g} and 1 for {high:g} {scale.unit}"
