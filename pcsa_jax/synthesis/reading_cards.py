"""What the card of a generator, of any format, says of its input and output."""

from collections.abc import Mapping
from typing import Any

from pcsa_jax.data.normalisation import NORMALISATIONS, PetScale


def pet_scale(card: Mapping[str, Any]) -> PetScale:
    """The scale of a generator's output; files written before cards had one hold one of the first two."""
    known = NORMALISATIONS[card["normalisation"]["pet"]].scale
    return known._replace(range=tuple(card.get("pet", {}).get("range", known.range)))


def is_modulated(card: Mapping[str, Any]) -> bool:
    """Whether a generator was trained on modulated maps; cards that do not say are of unmodulated ones."""
    return bool(card["training"].get("is_modulated"))


def scale_note(scale: PetScale) -> str:
    """How 0 to 1 becomes the unit, or "" where it is the unit."""
    low, high = scale.range
    return "" if (low, high) == (0, 1) else f"; 0 stands for {low:g} and 1 for {high:g} {scale.unit}"
