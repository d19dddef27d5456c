"""The table of regions: atlas labels, FDG uptake, and what age and Alzheimer's disease do to each."""

import csv
import dataclasses
import functools
import importlib.resources

import numpy as np

NUM_FACTORS = 5


@dataclasses.dataclass(frozen=True)
class Regions:
    """One row a region (n = 52), in the order of ``regions.tsv``.

    Source: uptake, spread and factors condense 537 pons-normalised FDG studies of 355 cognitively normal people
    (table of the MIT-licensed package fdg-neurosegmenter; Silva, Oliveira, Costa, Brain 2026,
    10.1093/brain/awag314). ``docs/phantom.md`` gives the sources of the disease columns.

    Attributes:
      names: ``precuneus_left``, ...; ``_left``/``_right`` except in the brain stem.
      labels: Desikan-Killiany (FreeSurfer) labels of each region.
      imaged_suvr: n, the measured mean, partial-volume effect included (SUVR, pons about 0.93).
      uptake: n, uptake of pure tissue before any blur (same units): calibrated so that the phantom's imaged means
        equal ``imaged_suvr``.
      cv: n, SD of the log uptake after each study is divided by its global mean.
      factors: n x 5, the largest factors of that log covariance.
      atrophy: n, fraction of grey matter lost at severity 1.
      hypometabolism: n, fraction of the uptake lost at full disease effect.
      age_decline: n, fraction of the uptake lost per year of brain age.
      side: n, -1 left, +1 right, 0 midline.
      mirror: n, index of the same region on the other side (itself on the midline).
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    imaged_suvr: np.ndarray
    uptake: np.ndarray
    cv: np.ndarray
    factors: np.ndarray
    atrophy: np.ndarray
    hypometabolism: np.ndarray
    age_decline: np.ndarray
    side: np.ndarray
    mirror: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, *stems: str) -> list[int]:
        """Indices of the regions whose name starts with any of ``stems``."""
        return [i for i, name in enumerate(self.names) if name.startswith(stems)]


def _mirror(name: str) -> str:
    if name.endswith("_left"):
        return name.removesuffix("_left") + "_right"
    if name.endswith("_right"):
        return name.removesuffix("_right") + "_left"
    return name


@functools.cache
def load_regions() -> Regions:
    """Reads ``regions.tsv``, which comes with the package."""
    text = importlib.resources.files(__package__).joinpath("regions.tsv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    names = tuple(row["region"] for row in rows)

    def column(key: str) -> np.ndarray:
        return np.array([float(row[key]) for row in rows])

    side = np.array([-1 if n.endswith("_left") else 1 if n.endswith("_right") else 0 for n in names])
    return Regions(
        names=names,
        labels=tuple(tuple(int(label) for label in row["labels"].split(",")) for row in rows),
        imaged_suvr=column("imaged_suvr"),
        uptake=column("uptake"),
        cv=column("cv"),
        factors=np.stack([column(f"factor_{k}") for k in range(1, NUM_FACTORS + 1)], axis=1),
        atrophy=column("atrophy"),
        hypometabolism=column("hypometabolism"),
        age_decline=column("age_decline"),
        side=side,
        mirror=np.array([names.index(_mirror(name)) for name in names]),
    )
