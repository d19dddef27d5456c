"""What is judged of a volume when it is read, in one place: values, tissue, place; and copies among many.

The check of a cohort, training, evaluation and synthesis all read through here: none takes what another refuses, and
all say it in the same words.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.headers import Finding
from pcsa_jax.data.placement import check_placement
from pcsa_jax.data.volumes import Examined, Volume, examine_volume, refuse

PROBABILITY_TOLERANCE = 0.05
"""A GM map may leave [0, 1] by this: rounding to integers does, and splines overshoot at edges (0.02 in our tests)."""

LEAST_GREY_MATTER = 0.2
"""A GM map that nowhere reaches this shows no cortex; 8 mm of smoothing leave 0.6 and more."""

NEGATIVE_TOLERANCE = 0.1
"""A PET may fall below 0 by this part of its 99.9th percentile: reconstruction noise and splines at edges do."""

UPTAKE_RANGE = (1e-6, 1e7)
"""The largest value of a PET in any unit of the field (SUV, SUVR, Bq/ml) lies in between."""

HOT = 3.0
"""The largest value of a PET is at most this many times its 99.9th percentile: one hot voxel would squeeze all others.

Mean of 116 real FDG scans 1.1, 14 real heads and 108 phantom PETs 1.0 to 1.4, one with the noise of single counts 1.8.
"""

TINY_NEGATIVE = "voxels slightly below 0 (noise, or interpolation at edges), taken as they are"


class Content(NamedTuple):
    """What a file holds, to be compared with others.

    Attributes:
      name: whose it is.
      path: the file.
      digest: :func:`~pcsa_jax.data.fingerprints.volume_hash`; "" if the file is not to be compared.
    """

    name: str
    path: Path
    digest: str


def examine(path: Path, modality: str) -> Examined:
    """Reads a file of a cohort and tells all that is wrong with it by itself.

    Args:
      path: a ``.nii`` or ``.nii.gz`` file in MNI152 space.
      modality: "mri" (a GM map), "pet", or "predictable" (the phantom's PET without noise).
    """
    examined = examine_volume(path)
    if examined.data is None:
        return examined
    found = judge(examined.data, examined.affine, modality, already=examined.findings)
    return examined._replace(findings=(*examined.findings, *found))


def read_judged(path: Path, modality: str, *, subject: str) -> Volume:
    """Reads a volume that may be trained on.

    Args:
      path, modality: as for :func:`examine`.
      subject: who and what it is ("sub-0001: PET"), the beginning of every message.

    Raises:
      UserError: for the first problem that :func:`examine` finds.
    """
    examined = examine(Path(path), modality)
    refuse(examined.findings, subject=subject, path=path)
    return Volume(examined.data, examined.affine, examined.steps)


def judge(
    data: np.ndarray, affine: np.ndarray | None, modality: str, *, already: Sequence[Finding] = ()
) -> tuple[Finding, ...]:
    """What is wrong with the values of a volume, and if nothing is, with what it shows and where.

    Args:
      data: x y z, float32; nothing is said of values that are not finite, which the reader has told.
      affine: voxel to world (mm, RAS+); None if nobody knows.
      modality: as for :func:`examine`.
      already: what reading has found; a place makes sense only where the header is sound.
    """
    is_map = modality == "mri"
    with np.errstate(all="ignore"):
        values = tuple(_judge_values(data, is_map=is_map))
        if affine is None or not all(finding.is_note for finding in (*already, *values)):
            return values
        return (*values, *check_placement(data, affine, modality="mri" if is_map else "pet"))


def _judge_values(data: np.ndarray, *, is_map: bool) -> Iterator[Finding]:
    low, high = float(data.min()), float(data.max())
    if not np.isfinite((low, high)).all():
        return
    if low == high:
        yield Finding(f"expected a volume with contrast, found the constant {low:g}", "Make it again or exclude it")
    elif is_map:
        yield from _judge_probabilities(low, high)
    else:
        yield from _judge_uptake(data, low, high)


def _judge_probabilities(low: float, high: float) -> Iterator[Finding]:
    if low < -PROBABILITY_TOLERANCE or high > 1 + PROBABILITY_TOLERANCE:
        yield Finding(
            f"expected grey-matter probabilities from 0 to 1, found {low:.4g} to {high:.4g}",
            "Take the unmodulated map of a segmentation (Clinica: modulated-off), and divide it if it is stored in "
            "other units; a T1w scan needs preprocessing (preprocess, or synthesize --raw)",
        )
    elif high < LEAST_GREY_MATTER:
        yield Finding(
            f"expected grey-matter probabilities up to about 1, found {high:.4g} at most",
            "Multiply it if it is stored in other units, else make it again",
        )


def _judge_uptake(data: np.ndarray, low: float, high: float) -> Iterator[Finding]:
    least, most = UPTAKE_RANGE
    scale = float(np.percentile(data, 99.9))
    if high < least or max(high, -low) > most:
        yield Finding(
            f"expected uptake with a largest value from {least:g} to {most:g}, found {low:.4g} to {high:.4g}",
            "Mend the scale (scl_slope) or make it again in SUV, SUVR or Bq/ml",
        )
        return
    if low < -NEGATIVE_TOLERANCE * scale:
        count = int((data < 0).sum())
        yield Finding(
            f"expected uptake of 0 or more, found {count} of {data.size} voxels below 0, down to {low:.4g} where "
            f"the brightest reach {scale:.4g}",
            "Look at it; make it again from the reconstruction",
        )
    elif low < 0:
        yield Finding(TINY_NEGATIVE, "", is_note=True)
    if high > HOT * scale:
        yield Finding(
            f"expected a largest value near that of the brightest tissue ({scale:.4g}, the 99.9th percentile; at most "
            f"{HOT:g} times it), found {high:.4g} in {int((data > HOT * scale).sum())} of {data.size} voxels",
            "Look at these voxels; make it again from the reconstruction",
        )


def find_copies(contents: Sequence[Content]) -> dict[int, Finding]:
    """For each place in ``contents`` whose voxels are also another's: whose.

    A path that two visits name is a fault of the manifest, and told there.
    """
    same = defaultdict(list)
    for place, content in enumerate(contents):
        if content.digest:
            same[content.digest].append(place)
    found = {}
    for places in same.values():
        for place in places:
            others = [contents[other] for other in places if contents[other].path != contents[place].path]
            if others:
                more = f" and {len(others) - 1} more" if others[1:] else ""
                text = f"expected voxels of its own, found those of {others[0].name}: {others[0].path.name}{more}"
                found[place] = Finding(text, "Find out whose they are and put the right file in its place")
    return found
