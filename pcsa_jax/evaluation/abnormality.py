"""Is it abnormal? Whether a predicted PET shows as abnormal what the real PET of the same person shows."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.norms import LOW_Z, dice_of_low
from pcsa_jax.data.regions import atlas_regions, brain_mask
from pcsa_jax.data.trust.uptake_norm import UptakeNorm, ZMaps, norm_of_controls
from pcsa_jax.evaluation.people import one_row_each
from pcsa_jax.presentation.statistics import correlation

if TYPE_CHECKING:
    import pandas as pd

    from pcsa_jax.data.pairs import Pairs

MAP_MEASURES = ("z_correlation", "dice", "low_real", "low_synthetic", "std_real", "std_synthetic")
"""Of two z-maps of one person, over the voxels of the brain; see :func:`map_measures`."""

OUTCOMES = ("found", "missed", "invented")
"""Abnormal in both PET, in the real one alone, in the synthetic one alone."""

COUNTS = tuple(f"num_{outcome}" for outcome in OUTCOMES)
ZMAP_COLUMNS = (
    "participant_id", "session_id", "diagnosis", "age", "sex", "predictor", *MAP_MEASURES, *COUNTS, *OUTCOMES,
)  # fmt: skip
"""Columns of ``zmaps.tsv``."""


def map_measures(real: np.ndarray, synthetic: np.ndarray) -> dict[str, float]:
    """How alike two z-maps are.

    Args:
      real, synthetic: z of the brain's voxels, n values each.

    Returns:
      ``z_correlation`` (Pearson's r), ``dice`` (of the voxels below :data:`~pcsa_jax.data.norms.LOW_Z`), ``low_*``
      (share of the brain below it), ``std_*`` (SD of z over the brain); NaN where there is no answer.
    """
    if not (np.isfinite(real).all() and np.isfinite(synthetic).all()):
        return dict.fromkeys(MAP_MEASURES, float("nan"))
    r = correlation(real.astype(float), synthetic.astype(float))
    found = {"z_correlation": float("nan") if r is None else r, "dice": dice_of_low(real, synthetic)}
    for name, z in (("real", real), ("synthetic", synthetic)):
        found |= {f"low_{name}": float((z < LOW_Z).mean()), f"std_{name}": float(z.std(dtype=float))}
    return found


def abnormal_regions(z: np.ndarray, grid: Grid) -> set[str]:
    """The regions of :func:`~pcsa_jax.data.regions.atlas_regions` whose mean z (x y z) is below ``LOW_Z``."""
    flat = z.ravel()
    return {name for name, voxels in atlas_regions(grid).items() if flat[voxels].mean(dtype=float) < LOW_Z}


def outcomes(real: set[str], synthetic: set[str]) -> dict[str, list[str]]:
    """Outcome of :data:`OUTCOMES` -> the abnormal regions of two PET of one person, in the order of their names."""
    sets = (real & synthetic, real - synthetic, synthetic - real)
    return {name: sorted(regions) for name, regions in zip(OUTCOMES, sets, strict=True)}


def readable(region: str) -> str:
    """``Cingulate_Post_L`` -> ``Cingulate Post L``."""
    return region.replace("_", " ")


@dataclasses.dataclass(frozen=True)
class Judge:
    """The norm of the training people, and what it says of the real PET of those who are tested.

    Attributes:
      test: pairs that are judged.
      grid: of all volumes.
      norm: None if there is none.
      why_none: why; "" if there is one.
      real: rows x the brain's voxels, z of the real PET; empty without a norm.
      abnormal: of each row, the abnormal regions of the real PET.
      notes: one line each on what was missing of those who are tested.
    """

    test: "Pairs"
    grid: Grid
    norm: UptakeNorm | None
    why_none: str
    real: np.ndarray
    abnormal: tuple[set[str], ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, train: "Pairs", test: "Pairs", grid: Grid) -> Self:
        """The judge of ``test`` by the cognitively normal people of ``train``, whose volumes are in memory."""
        norm, why = norm_of_controls(train, grid)
        brain = brain_mask(grid)
        judge = cls(test, grid, norm, why, np.empty((0, int(brain.sum())), np.float32), (), ())
        if norm is None:
            return judge
        real, abnormal, notes = np.empty((len(test.pet), judge.real.shape[1]), np.float32), [], {}
        for row, pet in enumerate(test.pet):
            maps = judge.zmap(row, pet)
            real[row] = maps.z[brain]
            abnormal.append(abnormal_regions(maps.z, grid))
            for note in maps.notes:
                notes[note] = notes.get(note, 0) + 1
        told = tuple(f"{note} ({count} of {len(real)})" for note, count in notes.items())
        return dataclasses.replace(judge, real=real, abnormal=tuple(abnormal), notes=told)

    def zmap(self, row: int, pet: np.ndarray) -> ZMaps:
        """Z of a PET (x y z) of the person in ``row``, with that person's age and sex."""
        if self.norm is None:
            raise ValueError(self.why_none)
        who = self._person(row)
        return self.norm.z(pet, age=who["age"], sex=who["sex"])

    def rows(self, predictor: str, predicted: np.ndarray) -> "pd.DataFrame":
        """The lines of ``zmaps.tsv`` of one predictor (n x y z, in the order of the test rows); none without a norm."""
        import pandas as pd

        brain, lines = brain_mask(self.grid), []
        for row, real in enumerate(self.real):
            z = self.zmap(row, predicted[row]).z
            regions = self.outcomes(row, z)
            line = self._person(row) | {"predictor": predictor} | map_measures(real, z[brain])
            for outcome in OUTCOMES:
                count = len(regions[outcome]) if regions else float("nan")
                line |= {f"num_{outcome}": count, outcome: ", ".join(regions.get(outcome, ()))}
            lines.append(line)
        return pd.DataFrame(lines, columns=list(ZMAP_COLUMNS))

    def outcomes(self, row: int, z: np.ndarray) -> dict[str, list[str]]:
        """The regions of each outcome, of a predicted PET's z (x y z); empty where either PET has no z-map."""
        if not (np.isfinite(self.real[row]).all() and np.isfinite(z).all()):
            return {}
        return outcomes(self.abnormal[row], abnormal_regions(z, self.grid))

    def _person(self, row: int) -> dict[str, Any]:
        """The columns of ``zmaps.tsv`` that say who is in a row."""
        columns = ("participant_ids", "session_ids", "diagnoses", "ages", "sexes")
        known = ((getattr(self.test, name) or {row: None})[row] for name in columns)
        return dict(zip(ZMAP_COLUMNS, known, strict=False))

    def summarise(self, zmaps: "pd.DataFrame") -> dict[str, Any]:
        """What ``summary.json`` says: the norm, and per predictor and diagnosis how well abnormal regions agree.

        A participant with several sessions counts once, with the mean over the sessions.
        """
        if self.norm is None:
            return {"why_none": self.why_none}
        people = one_row_each(zmaps, ["predictor"], [*MAP_MEASURES, *COUNTS])
        groups = [("all", people), *((name, own) for name, own in people.groupby("diagnosis") if name)]
        return {
            "why_none": "",
            "threshold": LOW_Z,
            "norm": self.norm.describe(),
            "notes": list(self.notes),
            "groups": {
                group: {str(name): _agreement(own) for name, own in members.groupby("predictor", sort=False)}
                for group, members in groups
            },
            "regions": _by_region(zmaps[zmaps["predictor"] == "model"]),
        }


def _agreement(people: "pd.DataFrame") -> dict[str, Any]:
    """Sums of the regions' outcomes, and means of the maps' measures, over the people of one predictor with z-maps."""
    found, missed, invented = (float(people[name].sum()) for name in COUNTS)
    means = people[list(MAP_MEASURES)].mean()
    return {
        "n_subjects": int(people[COUNTS[0]].notna().sum()),
        "found": found,
        "missed": missed,
        "invented": invented,
        "sensitivity": found / (found + missed) if found + missed else None,
        "precision": found / (found + invented) if found + invented else None,
        **{name: float(means[name]) for name in MAP_MEASURES},
    }


def _by_region(zmaps: "pd.DataFrame") -> dict[str, Mapping[str, int]]:
    """Region -> outcome -> visits, those first that are abnormal in most real PET."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in OUTCOMES:
        for cell in zmaps[outcome]:
            for region in filter(None, cell.split(", ")):
                counts.setdefault(region, dict.fromkeys(OUTCOMES, 0))[outcome] += 1
    order = sorted(counts, key=lambda name: (-counts[name]["found"] - counts[name]["missed"], name))
    return {name: counts[name] for name in order}
