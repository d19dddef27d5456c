"""Scales of volumes that may be right by themselves and are odd beside the rest, or beside what their sidecars say.

A changed ``scl_slope`` or ``scl_inter`` gives a sound file with other values. A cohort may mix units, and min-max
normalisation takes a factor out again: so it is noted, by the check of a cohort and where one is read, not refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.units import likely_units, unit_of

FACTOR = 10.0
"""Between a largest value and the median of its cohort, whatever the units: those of different people lie within 4."""

FEWEST = 3
"""Volumes that have a median worth comparing with."""

NEAR, NEAR_OF_MAPS = 5.0, 2.0
"""The same among volumes of one unit, and among GM maps, whose largest value is 0.6 (smoothed) to 1."""

FEWEST_NEAR = 5

OFFSET = 0.02
"""Part of the largest value that the lowest is at most: outside of the head there is neither uptake nor grey matter."""

MOST_NAMED = 5


class Values(NamedTuple):
    """The range of one volume's values, in its file's unit, and whose it is.

    Attributes:
      name: of the visit.
      lowest, largest: value.
      unit: as sidecar or name say; "" if neither does.
    """

    name: str
    lowest: float
    largest: float
    unit: str = ""


def describe_odd(what: str, volumes: Sequence[Values], *, is_map: bool = False) -> list[str]:
    """One line for each way in which some of the volumes of one modality are odd.

    Args:
      what: the modality, in the singular.
      volumes: of all that were read.
      is_map: they are GM maps.
    """
    positive = [volume for volume in volumes if volume.largest > 0]
    others = [volume for volume in positive if not _is_of_another_unit(volume)]
    lines = [line for unit in _units(positive) for line in _other_unit(what, positive, unit)]
    median = _median(positive)
    far = [v for v in others if not _is_within(FACTOR, v, median)] if len(positive) >= FEWEST else []
    if far:
        lines.append(
            _beside(f"{len(far)} of {len(volumes)} {what}s", far, FACTOR, f"the cohort's median, {median:.3g}")
        )
    for unit in _units(others):
        own = [volume for volume in others if volume.unit == unit]
        near = NEAR_OF_MAPS if is_map else NEAR
        median = _median(own)
        odd = [v for v in own if v not in far and not _is_within(near, v, median)] if len(own) >= FEWEST_NEAR else []
        if odd:
            named = f"{len(odd)} of {len(own)} {what}s" + (f" in {unit}" if unit else "")
            lines.append(_beside(named, odd, near, f"their median, {median:.3g}"))
    raised = [v for v in volumes if v.lowest > OFFSET * abs(v.largest)]
    shown = _listed([f"{v.name} {v.lowest:.3g} to {v.largest:.3g}" for v in raised])
    lines += [
        f"{len(raised)} of {len(volumes)} {what}s: expected values near 0 outside of the head, found {shown}. A wrong "
        "scl_inter, or a volume cut to the brain?"
    ] * bool(raised)
    return lines


def _units(volumes: Sequence[Values]) -> list[str]:
    return list(dict.fromkeys(volume.unit for volume in volumes))


def _median(volumes: Sequence[Values]) -> float:
    return float(np.median([volume.largest for volume in volumes])) if volumes else 0.0


def _is_within(factor: float, volume: Values, median: float) -> bool:
    return 1 / factor <= volume.largest / median <= factor


def _beside(named: str, odd: Sequence[Values], factor: float, median: str) -> str:
    shown = _listed([f"{v.name} {v.largest:.3g}" for v in odd])
    return (
        f"{named}: expected a largest value within {factor:g} times {median}, found {shown}. Another unit, or a wrong "
        "scl_slope? Compare with the sidecar (Units)"
    )


def _is_of_another_unit(volume: Values) -> bool:
    """Whether the values are not those of the unit that is said of them."""
    unit = unit_of(volume.unit)
    return unit is not None and not unit.least <= volume.largest <= unit.most


def _other_unit(what: str, volumes: Sequence[Values], name: str) -> list[str]:
    """A line on the volumes of one unit whose values are another's."""
    own = [volume for volume in volumes if volume.unit == name]
    odd = [volume for volume in own if _is_of_another_unit(volume)]
    if not odd:
        return []
    unit, likely = unit_of(name), likely_units(_median(odd))
    remedy = f"Are they in {' or '.join(likely)}" if likely else "Are they in another unit"
    shown = _listed([f"{v.name} {v.largest:.3g}" for v in odd])
    return [
        f"{len(odd)} of {len(own)} {what}s in {unit.name} by sidecar or name: expected a largest value from "
        f"{unit.least:g} to {unit.most:g}, as FDG in a brain has, found {shown}. {remedy}, or is scl_slope wrong?"
    ]


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return ", ".join(texts[:MOST_NAMED]) + more
