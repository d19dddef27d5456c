"""What is usual uptake among cognitively normal people of an age and sex, and how far one PET lies from it.

Unlike :class:`~pcsa_jax.data.norms.Norm`, which takes the volumes as they are, this one is for reading a single image:
each PET is divided by its own reference region, age and sex are regressed out where they are known, and the SD is that
of a person who is not among those that the norm comes from.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import MIN_REFERENCE_FILLED
from pcsa_jax.data.norms import MIN_PEOPLE
from pcsa_jax.data.regions import REFERENCE_REGIONS, reference_weights, region_masks
from pcsa_jax.errors import UserError

if TYPE_CHECKING:
    from pcsa_jax.data.pairs import Pairs

REFERENCES = {"spared": ("pons", "cerebellum", "sensorimotor")} | {name: (name,) for name in REFERENCE_REGIONS}
"""Name -> the regions whose mean uptake every PET is divided by.

``spared`` are the three that Alzheimer's disease spares until late; together they are large, so that the mean has
little noise of its own, and a generator gets it right more easily than the pons alone.
Not the global mean: it falls with the disease, so that dividing by it hides part of what is lost and makes what is
spared look hot. Sources: Minoshima et al., J Comput Assist Tomogr 1995;19:541 (pons); Borghammer et al., NeuroImage
2009;46:981, and Yakushev et al., NeuroImage 2009;44:43 (a spared cluster instead of the global mean).
"""

SMALLEST_RELATIVE_STD = 0.02
"""Floor of the SD, in parts of the reference region's uptake: few people agree by chance somewhere."""

FEWEST_FOR_COVARIATE = 10
"""People with a known age (or sex), from which on it is regressed out."""

FEWEST_OF_A_SEX = 3

YEARS_PER_UNIT = 10.0
"""Of the age as the regression has it, so that all numbers are about 1."""

MALE = {"F": 0.0, "M": 1.0}


class ZMaps(NamedTuple):
    """Deviations from the norm.

    Attributes:
      z: as many volumes as were given, float32; NaN throughout where the reference region has no uptake.
      notes: one line each on what was missing, and what was done instead.
    """

    z: np.ndarray
    notes: tuple[str, ...]


def _finite(age: float | None) -> float | None:
    """An age as a float; None where it is NaN, as tables have what is not known."""
    return float(age) if age is not None and np.isfinite(age) else None


def reference_of(grid: Grid, reference: str) -> np.ndarray:
    """The part of each voxel that lies in a reference of :data:`REFERENCES`, float32 x y z in [0, 1]."""
    if reference not in REFERENCES:
        raise UserError(f"reference: expected one of {', '.join(REFERENCES)}, found {reference!r}.")
    parts = [
        reference_weights(grid, name) if name in REFERENCE_REGIONS else region_masks(grid)[name].astype(np.float32)
        for name in REFERENCES[reference]
    ]
    return np.max(parts, axis=0)


def reference_uptake(pet: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean uptake of each volume (n, x, y, z) in the reference region, n values; NaN where it is not in the image.

    A field of view or a brain mask that ends in the region would make everything else look hot.
    """
    inside = weights > 0
    own, values = weights[inside].astype(np.float64), pet[:, inside].astype(np.float64)
    uptake, filled = (rows @ own / own.sum() for rows in (values, values > 0))
    return np.where((filled >= MIN_REFERENCE_FILLED) & (uptake > 0), uptake, np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class UptakeNorm:
    """Linear regression of uptake on age and sex at every voxel, over cognitively normal people.

    Attributes:
      coefficients: p x y z, of the intercept and of each covariate about its mean; parts of the reference's uptake.
      std: x y z, of the residuals, n - p in the denominator, at least :data:`SMALLEST_RELATIVE_STD`.
      weights: x y z, part of each voxel in the reference region.
      spread: p x p, the (pseudo-)inverse of X'X, for the leverage of a new person.
      covariates: of "age" and "sex", those regressed out, in the order of the coefficients.
      centres: mean of each covariate (years / 10; part of men).
      count: people that the norm comes from.
      age_range: years, of those with a known age; None without any.
      reference: key of :data:`REFERENCES`.
      missing: one line each on what could not be had.
    """

    coefficients: np.ndarray
    std: np.ndarray
    weights: np.ndarray
    spread: np.ndarray
    covariates: tuple[str, ...]
    centres: tuple[float, ...]
    count: int
    age_range: tuple[float, float] | None
    reference: str
    missing: tuple[str, ...]

    @classmethod
    def fit(
        cls, pet: np.ndarray, *, ages: Sequence[float | None], sexes: Sequence[str | None], grid: Grid,
        reference: str = "spared",
    ) -> Self | None:  # fmt: skip
        """The norm of ``pet``; None if fewer than :data:`~pcsa_jax.data.norms.MIN_PEOPLE` can be used.

        Args:
          pet: n x y z, of n cognitively normal people, one visit each: further ones are not independent.
          ages: years, n; None where not known.
          sexes: "F" or "M", n; None where not known.
          grid: of the volumes.
          reference: key of :data:`REFERENCES`.

        Raises:
          UserError: if there is no such reference.
        """
        weights = reference_of(grid, reference)
        uptake = reference_uptake(pet, weights)
        used = np.flatnonzero(np.isfinite(uptake))
        missing = []
        if len(used) < len(pet):
            missing.append(f"{len(pet) - len(used)} of {len(pet)} CN left out: no uptake in the reference region")
        if len(used) < MIN_PEOPLE:
            return None
        known = {"age": [_finite(ages[i]) for i in used], "sex": [MALE.get(sexes[i] or "") for i in used]}
        design, covariates, centres = _design(known, missing)
        coefficients, std, spread = _regress(pet, used, uptake, design)
        years = [age for age in known["age"] if age is not None]
        return cls(
            coefficients, np.maximum(std, SMALLEST_RELATIVE_STD), weights, spread, covariates, centres, len(used),
            (min(years), max(years)) if years else None, reference, tuple(missing),
        )  # fmt: skip

    def z(
        self, pet: np.ndarray, *, age: float | Sequence[float | None] | None = None,
        sex: str | Sequence[str | None] | None = None,
    ) -> ZMaps:  # fmt: skip
        """``(pet / reference - expected) / SD`` of one volume (x y z) or many (n, x, y, z), with an entry each.

        The SD is that of a new person: the residual one times ``sqrt(1 + leverage)``, without which few people would
        make everybody look abnormal (Crawford & Howell, Clin Neuropsychol 1998;12:482).

        Args:
          pet: uptake, in any unit.
          age: years; the training people's mean where None.
          sex: "F" or "M"; the mean of both where None.
        """
        if pet.ndim == 3:
            maps = self.z(pet[None], age=[age], sex=[sex])
            return ZMaps(maps.z[0], maps.notes)
        ages, sexes = (list(own) if isinstance(own, list | tuple) else [own] * len(pet) for own in (age, sex))
        ages = [_finite(own) for own in ages]
        uptake, notes = reference_uptake(pet, self.weights), self._notes(ages, sexes)
        if np.isnan(uptake).any():
            notes.append("no z-map: the reference region is not in the image, or without uptake")
        found = np.empty(pet.shape, np.float32)
        for row, volume in enumerate(pet):  # one at a time: many volumes in float64 would be gigabytes
            x = self._row(ages[row], sexes[row])
            expected = np.tensordot(x.astype(np.float32), self.coefficients, axes=1)
            std = self.std * np.float32(np.sqrt(1 + x @ self.spread @ x))
            found[row] = (volume / np.float32(uptake[row]) - expected) / std
        return ZMaps(found, tuple(notes))

    def _row(self, age: float | None, sex: str | None) -> np.ndarray:
        """A person's line of the design; what is not known is the training people's mean."""
        known = {"age": None if age is None else age / YEARS_PER_UNIT, "sex": MALE.get(sex or "")}
        pairs = zip(self.covariates, self.centres, strict=True)
        return np.array([1.0, *(0.0 if known[name] is None else known[name] - centre for name, centre in pairs)])

    def _notes(self, ages: Sequence[float | None], sexes: Sequence[str | None]) -> list[str]:
        notes = []
        if "age" in self.covariates and None in ages:
            mean = YEARS_PER_UNIT * self.centres[self.covariates.index("age")]
            notes.append(f"age not known: the norm is that of {mean:.0f} years, the CN people's mean")
        if "age" in self.covariates and self.age_range is not None:
            low, high = self.age_range
            beyond = sorted({float(age) for age in ages if age is not None and not low <= age <= high})
            if beyond:
                words = ", ".join(f"{age:g}" for age in beyond[:3]) + (", ..." if beyond[3:] else "")
                notes.append(f"age {words} outside of the CN people's {low:g} to {high:g} years: extrapolated")
        if "sex" in self.covariates and any((sex or "") not in MALE for sex in sexes):
            notes.append("sex not known: the norm is that of the CN people's mix of women and men")
        return notes

    def describe(self) -> dict[str, Any]:
        """What a file's description holds beside :meth:`arrays`."""
        return {
            "count": self.count, "covariates": list(self.covariates), "centres": list(self.centres),
            "age_range": None if self.age_range is None else list(self.age_range), "reference": self.reference,
            "missing": list(self.missing),
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Name -> float32 array."""
        named = {name: getattr(self, name) for name in ("coefficients", "std", "weights", "spread")}
        return {name: np.ascontiguousarray(array, np.float32) for name, array in named.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> Self:
        """The norm whose :meth:`arrays` and :meth:`describe` these are."""
        age_range = description["age_range"]
        return cls(
            **{name: np.asarray(arrays[name], np.float32) for name in ("coefficients", "std", "weights", "spread")},
            covariates=tuple(description["covariates"]), centres=tuple(map(float, description["centres"])),
            count=int(description["count"]), age_range=age_range and (float(age_range[0]), float(age_range[1])),
            reference=str(description["reference"]), missing=tuple(description["missing"]),
        )  # fmt: skip


def norm_of_controls(pairs: "Pairs", grid: Grid, *, reference: str = "spared") -> tuple[UptakeNorm | None, str]:
    """The norm of the cognitively normal people of ``pairs``, the first visit of each; if there is none, why.

    Args:
      pairs: of the training.
      grid: of the volumes.
      reference: key of :data:`REFERENCES`.
    """
    first: dict[str, int] = {}
    for row, (who, diagnosis) in enumerate(zip(pairs.participant_ids, pairs.diagnoses, strict=True)):
        if diagnosis == "CN":
            first.setdefault(who, row)
    rows = list(first.values())
    ages, sexes = ([column[row] if column else None for row in rows] for column in (pairs.ages, pairs.sexes))
    norm = UptakeNorm.fit(pairs.pet[rows], ages=ages, sexes=sexes, grid=grid, reference=reference)
    if norm is not None:
        return norm, ""
    without = int(np.isnan(reference_uptake(pairs.pet[rows], reference_of(grid, reference))).sum())
    more = f", {without} of them without uptake in the reference region" if without else ""
    return None, f"a norm needs at least {MIN_PEOPLE} CN training subjects, found {len(rows)}{more}"


def _design(
    known: Mapping[str, Sequence[float | None]], missing: list[str]
) -> tuple[np.ndarray, tuple[str, ...], tuple[float, ...]]:
    """The regression's lines (n x p), the covariates in it and their means; adds to ``missing`` why others are not.

    Who has no value gets the mean, which leaves the slopes to the others.
    """
    columns, centres = {"": np.ones(len(known["age"]))}, []
    for name, own in known.items():
        values = np.array([np.nan if value is None else value for value in own], float)
        if name == "age":
            values /= YEARS_PER_UNIT
        there = values[np.isfinite(values)]
        if not len(there):
            missing.append(f"no {name} known: not regressed out")
        elif len(there) < FEWEST_FOR_COVARIATE:
            missing.append(f"{name} known of {len(there)} CN (at least {FEWEST_FOR_COVARIATE}): not regressed out")
        elif there.std() == 0 or (name == "sex" and min(there.sum(), (1 - there).sum()) < FEWEST_OF_A_SEX):
            alike = "all the same age" if name == "age" else f"fewer than {FEWEST_OF_A_SEX} CN of one sex"
            missing.append(f"{alike}: {name} not regressed out")
        else:
            if len(there) < len(values):
                missing.append(f"{name} not known of {len(values) - len(there)} of {len(values)} CN: taken as the mean")
            columns[name] = np.nan_to_num(values - there.mean())
            centres.append(float(there.mean()))
    return np.stack(list(columns.values()), axis=1), tuple(columns)[1:], tuple(centres)


def _regress(
    pet: np.ndarray, used: np.ndarray, uptake: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients (p x y z), residual SD (x y z) and the inverse of X'X, one volume in float64 at a time."""
    # The pseudo-inverse: where all women are younger than all men, age and sex may not be told apart.
    spread, rank = np.linalg.pinv(design.T @ design, hermitian=True), int(np.linalg.matrix_rank(design))
    coefficients = np.zeros((design.shape[1], *pet.shape[1:]))
    for row, weight in zip(used, (spread @ design.T).T, strict=True):
        coefficients += weight[:, None, None, None] * (pet[row] / uptake[row])
    squares = np.zeros(pet.shape[1:])
    for row, x in zip(used, design, strict=True):
        squares += (pet[row] / uptake[row] - np.tensordot(x, coefficients, axes=1)) ** 2
    std = np.sqrt(squares / (len(used) - rank))
    return coefficients.astype(np.float32), std.astype(np.float32), spread
