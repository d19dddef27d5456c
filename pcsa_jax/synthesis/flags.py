"""What a reader has to know of a synthetic PET before looking at it, from its sidecar alone."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pcsa_jax.data.phantom_mark import SIDECAR_KEY
from pcsa_jax.data.trust.statistics import UNKNOWN_MAP
from pcsa_jax.presentation.origin import TRAINED_ON_PHANTOM, phantom_mark, synthetic_line

BAD, NOTICE = "bad", "notice"
"""Levels: this picture is not what it looks like; this has to be known to read it."""

_READ_BY_TRAINING = {
    "train": (BAD, "Training has read this very map and its PET: what is shown is no test of the generator."),
    "validation": (NOTICE, "This very map was among those by which the generator was chosen."),
    "unknown": (NOTICE, "Whether training has read this map is not known."),
}
_FAMILIARITY = {
    "outside": (BAD, "This brain is OUTSIDE of what the generator was trained on: its PET cannot be relied on."),
    "unusual": (NOTICE, "This brain is unusual among those that the generator was trained on."),
}
_LIMITS = {
    "outside": "Fitted on other brains than this one, which is outside of them: it promises nothing here.",
    "unusual": "Fitted on other brains than this one, which is unusual among them: it may not hold here.",
}
CALIBRATE = "python -m pcsa_jax calibrate adds it to a run that has not."


class Flag(NamedTuple):
    """One line: :data:`BAD` or :data:`NOTICE`, what is to be known, and why, for those who want to know."""

    level: str
    text: str
    detail: str = ""


def _why(card: Mapping[str, Any]) -> str:
    """Why nothing is said of the map, as the sidecar has it; the remedy where it has nothing."""
    told = card.get("NotKnown")
    lines = map(str, told) if isinstance(told, list) else ()
    line = next((line for line in lines if line.startswith(UNKNOWN_MAP)), None)
    return CALIBRATE if line is None else f"{line}."


def is_trained_on_phantom(card: Mapping[str, Any]) -> bool:
    """Whether the sidecar names a generator that was."""
    return any(generator.get("TrainedOnPhantom") for generator in card.get("Generators", []))


def title_mark(card: Mapping[str, Any]) -> str:
    """How the title of every picture of the PET that a sidecar is of begins."""
    return phantom_mark(is_phantom=bool(card.get(SIDECAR_KEY)), trained_on_phantom=is_trained_on_phantom(card))


def line_of_card(card: Mapping[str, Any]) -> str:
    """What stands inside every picture of the PET that a sidecar is of."""
    return synthetic_line(
        is_phantom=bool(card.get(SIDECAR_KEY)), trained_on_phantom=is_trained_on_phantom(card),
        models=[generator["SHA256"] for generator in card.get("Generators", [])],
    )  # fmt: skip


def find_flags(card: Mapping[str, Any]) -> list[Flag]:
    """The flags of a synthetic PET, the worst first.

    Args:
      card: its sidecar; entries that it lacks flag nothing but that they are lacking.
    """
    flags = []
    if card.get(SIDECAR_KEY):
        flags.append(Flag(BAD, "The MRI is a PHANTOM's, nobody's brain."))
    if is_trained_on_phantom(card):
        text = "What it makes of a person's brain shows nothing of that person's metabolism."
        flags.append(Flag(BAD, f"{TRAINED_ON_PHANTOM} {text}"))
    part = _READ_BY_TRAINING.get(card.get("SeenInTraining", "unknown"))
    flags += [Flag(*part)] if part else []
    familiarity = card.get("Familiarity")
    if not isinstance(familiarity, Mapping):
        flags.append(Flag(NOTICE, f"Whether this brain is one that the generator knows is not known. {_why(card)}"))
    elif familiarity.get("Verdict") in _FAMILIARITY:
        level, text = _FAMILIARITY[familiarity["Verdict"]]
        reasons = "; ".join(map(str, familiarity.get("Reasons", [])))
        flags.append(Flag(level, text, f"{reasons[:1].upper()}{reasons[1:]}{'.' if reasons else ''}"))
    if card.get("Units") != "SUVR":
        text = "Uptake is no SUVR but relative to the volume's own range: compare ratios and asymmetry between people."
        flags.append(Flag(NOTICE, text))
    return sorted(flags, key=lambda flag: flag.level != BAD)


def find_limit(card: Mapping[str, Any]) -> str:
    """Why intervals and norm, which are fitted on people like those of the training, may not hold; "" if they may.

    Args:
      card: the sidecar of the synthetic PET.
    """
    if is_trained_on_phantom(card) and not card.get(SIDECAR_KEY):
        return "Fitted on phantoms: it promises nothing for a person."
    familiarity = card.get("Familiarity")
    return _LIMITS.get(familiarity.get("Verdict"), "") if isinstance(familiarity, Mapping) else ""
