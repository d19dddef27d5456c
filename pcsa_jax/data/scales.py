"""Scales of volumes that may be right by themselves and are odd beside the rest.

A changed ``scl_slope`` or ``scl_inter`` gives a sound file with other values. A cohort may mix units, and min-max
normalisation takes a factor out again: so it is noted, by the check of a cohort and where one is read, not refused.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FACTOR = 10.0
"""Between a largest value and the median of its cohort: SUV, SUVR or Bq/ml of different people lie within 4."""

FEWEST = 3
"""Volumes that have a median worth comparing with."""

OFFSET = 0.1
"""Part of the largest value that the lowest is at most: outside of the head there is neither uptake nor grey matter."""

MOST_NAMED = 5


class Values(NamedTuple):
    """The range of one volume's values, in its file's unit, and whose it is."""

    name: str
    lowest: float
    largest: float


def describe_odd(what: str, volumes: Sequence[Values]) -> list[str]:
    """One line for each way in which some of the volumes of one modality are odd.

    Args:
      what: the modality, in the singular.
      volumes: of all that were read.
    """
    largest = [volume.largest for volume in volumes if volume.largest > 0]
    lines = []
    if len(largest) >= FEWEST:
        median = float(np.median(largest))
        far = [v for v in volumes if v.largest > 0 and not 1 / FACTOR <= v.largest / median <= FACTOR]
        shown = _listed([f"{v.name} {v.largest:.3g}" for v in far])
        lines += [
            f"{len(far)} of {len(volumes)} {what}s: expected a largest value within {FACTOR:g} times the cohort's "
            f"median, {median:.3g}, found {shown}. Another unit, or a wrong scl_slope? Compare with the sidecar (Units)"
        ] * bool(far)
    raised = [v for v in volumes if v.lowest > OFFSET * abs(v.largest)]
    shown = _listed([f"{v.name} {v.lowest:.3g} to {v.largest:.3g}" for v in raised])
    lines += [
        f"{len(raised)} of {len(volumes)} {what}s: expected values near 0 outside of the head, found {shown}. A wrong "
        "scl_inter, or a volume cut to the brain?"
    ] * bool(raised)
    return lines


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_NAMED} more" if len(texts) > MOST_NAMED else ""
    return ", ".join(texts[:MOST_NAMED]) + more
