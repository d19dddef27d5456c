"""The phantom before and after beside real heads, each half of the heads held out of the fit once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.phantom import measures, segmentation_fit, uptake
from benchmarks.phantom.heads import COARSE, Heads, at_coarse, at_six_mm, read_heads
from pcsa_jax.data.phantom import fields
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.data.phantom.templates import Templates, load_templates, with_segmentation
from pcsa_jax.data.phantom.traits import diagnosis

TRAINING, NEW, FIRST_NEW = 84, 60, 1001
"""As many subjects as the demo trains on, the first ones, and CN subjects that come after."""

PETS = 60
MEAN_CORRELATION, NEAREST, OWN_NEAREST = "GM map: correlation of the means", "distance: heads", "distance: new subjects"
RATIO = "distance to the nearest training map, real over new"
PERSON = {
    "FDG: deep white matter": 0.57,
    "FDG: pons": 0.72,
    "FDG: cortex over deep white matter": 1.88,
    "FDG: caudate": 0.94,
    "FDG: occipital": 1.33,
    "FDG: correlation with the own GM map": 0.557,
    "FDG: correlation with the measured template, one CN subject": 0.888,
}
"""One person's measured FDG and T1 after ``preprocess``: figures that came with the request for this page."""


class Phantom(NamedTuple):
    """Maps of a phantom, on the 3 mm grid: those of a training part and those of people who come new (CN)."""

    training: np.ndarray
    new: np.ndarray


def of_templates(templates: Templates) -> Phantom:
    """The phantom that is made from ``templates``, seed 0."""
    training = segmentation_fit.make_maps(templates, TRAINING, group=None)
    return Phantom(training, segmentation_fit.make_maps(templates, NEW, first=FIRST_NEW))


def of_cohort(people: Heads) -> Phantom:
    """The phantom of a cohort: its first 84 people, and the CN of the rest."""
    return Phantom(people.grey_matter[:TRAINING], people.grey_matter[TRAINING:][people.is_cn[TRAINING:]])


def grey(phantom: Phantom, real: Heads) -> dict[str, float]:
    """Rows of grey matter of a phantom, those that need real heads beside it among them."""
    training, new, heads = (at_six_mm(maps) for maps in (*phantom, real.grey_matter))
    distances = [measures.nearest_distance(maps, training) for maps in (heads, new)]
    return measures.grey_rows(phantom.new) | {
        MEAN_CORRELATION: measures.correlation(new.mean(axis=0), heads.mean(axis=0)),
        NEAREST: distances[0], OWN_NEAREST: distances[1], RATIO: distances[0] / distances[1],
    }  # fmt: skip


def fdg(pets: np.ndarray, maps: np.ndarray | None) -> dict[str, float]:
    """Rows of FDG of people (n x 64^3)."""
    coarse = [None if volumes is None else at_coarse(volumes) for volumes in (pets, maps)]
    template = uptake.measured_template()
    return measures.pet_rows(*coarse, None if template is None else fields.resample(template, COARSE.size))


def measure(heads: Heads, before: Path | None, scan: np.ndarray | None, say: Callable[[str], None]) -> dict[str, Any]:
    """All rows: of the heads, of the former phantom, of this one, and of two that were fitted to one half each.

    Args:
      heads: maps of real heads.
      before: cohort folder of the former phantom, or None.
      scan: map (64^3) of a measured T1, or None; one head more in regional means and ranges, not in the rest.
      say: told what is being done.
    """
    former = read_heads(before, needs_pet=True) if before else None
    templates = load_templates()
    halves = [list(range(k, len(heads.names), 2)) for k in (0, 1)]
    rows: dict[str, Any] = {"real": real_rows(heads, scan), "held_out": []}
    say("the phantom as it is")
    rows["after"] = grey(of_templates(templates), heads)
    people = [make_subject(n) for n in range(1, 2 * PETS) if diagnosis(n) == "CN"][:PETS]
    rows["after"] |= fdg(np.array([p.pet for p in people]), np.array([p.mri for p in people]))
    if former:
        say("the former phantom")
        cn = former.take(np.flatnonzero(former.is_cn).tolist())
        rows["before"] = grey(of_cohort(former), heads) | fdg(cn.pet, cn.grey_matter)
    for ours, others in (halves, halves[::-1]):
        say(f"a fit to {len(ours)} heads, measured on the {len(others)} others")
        fitted = segmentation_fit.fit(heads.take(ours), templates, stem=segmentation_fit.STEM_IN_THE_T1)
        found = grey(of_templates(with_segmentation(templates, fitted)), heads.take(others))
        rows["held_out"].append(
            {"fitted_on": [heads.names[i] for i in ours], "folding": fitted.folding, "warp_mm": fitted.warp_mm,
             "phantom": found, "real": real_rows(heads.take(others), scan)}
        )  # fmt: skip
    return rows


def real_rows(heads: Heads, scan: np.ndarray | None) -> dict[str, Any]:
    """Mean and range over heads of each row of grey matter; figures of FDG of a person and of the template."""
    maps = heads.grey_matter if scan is None else np.concatenate([heads.grey_matter, scan[None]])
    template = uptake.measured_template()
    each = [measures.region_means_of(one) for one in at_six_mm(maps)]
    return {
        "heads": measures.grey_rows(heads.grey_matter)
        | {name: float(np.mean([e[name] for e in each])) for name in each[0]},
        "range": {name: [min(e[name] for e in each), max(e[name] for e in each)] for name in each[0]},
        "person": PERSON,
        "template": {} if template is None else fdg(template[None], None),
    }
