"""Numbers, durations and settings in print, the same on every page."""

from collections.abc import Mapping, Sequence
from typing import Any

from pcsa_jax.machine.progress import format_duration

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """A number for print, with a true minus sign; a dash where there is none."""
    if value is None:
        return NONE
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", MINUS)


def count(value: int) -> str:
    """A whole number for print, as steps, epochs and parameters are: ``1,040``."""
    return f"{value:,}"


def interval(bounds: Sequence[float] | None, digits: int, *, signed: bool = False) -> str:
    """Two bounds in words (``to``, as a dash would look like a minus sign)."""
    if bounds is None:
        return NONE
    return f"{number(bounds[0], digits, signed=signed)} to {number(bounds[1], digits, signed=signed)}"


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, value) lines."""
    lines = []
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            lines += flatten(value, f"{name}.")
        elif isinstance(value, list | tuple) and not any(isinstance(item, list | tuple | Mapping) for item in value):
            lines.append((name, ", ".join(map(str, value)) or "none"))
        else:
            lines.append((name, NONE if value is None or value == "" else str(value)))
    return lines


def duration(seconds: float | None) -> str:
    """Seconds in words; a run that did not record its time says so."""
    return "not recorded" if seconds is None else format_duration(seconds)
