"""All that is kept beside a generator to judge single images by."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from pcsa_jax.data.predictors.prior import Prior, arrays_of, made_of
from pcsa_jax.data.trust.familiarity import LABELS, Familiarity
from pcsa_jax.data.trust.familiarity import MIN_PEOPLE as FAMILIAR_PEOPLE
from pcsa_jax.data.trust.intervals import LEVELS, Intervals
from pcsa_jax.data.trust.uptake_norm import UptakeNorm

TRIVIAL = ("linear", "mean_pet")
"""Keys of :data:`~pcsa_jax.data.predictors.registry.PREDICTORS` that are shown beside a synthetic PET."""

VALUES = "regional_values"
"""Key of :attr:`Trust.about`: the names of the regional values whose errors the intervals come from, in their order."""

UNKNOWN_MAP = "Whether the model knows a map cannot be said"
REMEDY = "python -m pcsa_jax calibrate RUN adds it"


class Trust(NamedTuple):
    """What is fitted on the people that a generator was trained and validated on; each part may be missing.

    Attributes:
      familiarity: of the training maps.
      intervals: from the errors on people that it has not learnt from.
      norm: of the cognitively normal training subjects' PET.
      trivial: the predictors of :data:`TRIVIAL`.
      about: plain JSON values: counts of people, the norm's description, and why a part is not there.
    """

    familiarity: Familiarity | None = None
    intervals: Intervals | None = None
    norm: UptakeNorm | None = None
    trivial: Prior | None = None
    about: Mapping[str, Any] = MappingProxyType({})

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array, ``{"familiarity.noise": array}``; :meth:`from_arrays` is the inverse."""
        found: dict[str, np.ndarray] = {}
        for name in ("familiarity", "intervals"):
            part = getattr(self, name)
            found |= arrays_of(part, f"{name}.") if part is not None else {}
        for name in ("norm", "trivial"):
            part = getattr(self, name)
            found |= {f"{name}.{key}": array for key, array in part.arrays().items()} if part is not None else {}
        return {name: np.ascontiguousarray(array, np.float32) for name, array in found.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> "Trust":
        """The same from its arrays.

        Raises:
          ValueError, KeyError, TypeError: if they are not those of one, or not of one grid.
        """
        groups: dict[str, dict[str, np.ndarray]] = {}
        for name, array in arrays.items():
            group, _, key = name.partition(".")
            groups.setdefault(group, {})[key] = array
        if unknown := groups.keys() - set(cls._fields[:-1]):
            raise ValueError(f"expected parts of {', '.join(cls._fields[:-1])}, found {sorted(unknown)[0]}")
        parts: dict[str, Any] = {}
        for name, kind in (("familiarity", Familiarity), ("intervals", Intervals)):
            if name in groups:
                parts[name] = made_of(kind, groups[name], "")
                if groups[name]:
                    raise ValueError(f"expected no array {name}.{sorted(groups[name])[0]}, found one")
        if "norm" in groups:
            parts["norm"] = UptakeNorm.from_arrays(groups["norm"], about["norm"])
        if "trivial" in groups:
            parts["trivial"] = Prior.from_arrays(TRIVIAL, groups["trivial"])
        found = cls(**parts, about=about)
        found._check_alike()
        return found

    def _check_alike(self) -> None:
        volumes = {array.shape[-3:] for array in self.arrays().values() if array.ndim >= 3}
        if len(volumes) > 1:
            raise ValueError(f"expected volumes of one grid, found {sorted(volumes)}")
        columns, names = (0 if self.intervals is None else self.intervals.regional.shape[1]), self.about.get(VALUES, [])
        if self.intervals is not None and columns != len(names):
            raise ValueError(f"expected a name for each of {columns} regional values, found {len(names)}")
        numbers = [] if self.familiarity is None else [self.familiarity.middle, self.familiarity.limit]
        other = next((array.shape for array in numbers if array.shape != (len(LABELS),)), None)
        if other is not None:
            raise ValueError(f"another version's numbers of a map, {other[0]} in place of {len(LABELS)}")
        odd = next((name for name, array in self.arrays().items() if np.isnan(array).any()), None)
        if odd is not None:
            raise ValueError(f"expected no NaN, found some in {odd}")

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of the volumes; None if there are none."""
        return next((array.shape[-3:] for array in self.arrays().values() if array.ndim >= 3), None)

    def missing(self) -> list[str]:
        """The lines of :meth:`missing_parts`."""
        return list(self.missing_parts().values())

    def missing_parts(self) -> dict[str, str]:
        """Each part that is not there -> one line: what cannot be said, why, and what would change it."""
        count = self.about.get("training_people")
        lines = {}
        if self.familiarity is None:
            few = count is not None and count < FAMILIAR_PEOPLE
            why = f"{count} training maps are fewer than {FAMILIAR_PEOPLE}" if few else REMEDY
            lines["familiarity"] = f"{UNKNOWN_MAP}: {why}"
        if self.intervals is None:
            held_out, least = self.about.get("calibration_people"), round(2 / (1 - LEVELS[-1])) - 1
            few = held_out is not None
            why = f"{held_out} people that it has not learnt from are fewer than {least}" if few else REMEDY
            if self.about.get("is_of_first"):
                why = "several generators need a file of theirs: python -m pcsa_jax calibrate RUN ... --out=FILE"
            lines["intervals"] = f"How sure the PET is cannot be said: {why}"
        if self.norm is None:
            known = self.about.get("norm_missing")
            lines["norm"] = f"Whether the PET is abnormal cannot be said: {known or REMEDY}"
        if self.trivial is None:
            lines["trivial"] = f"What a trivial predictor makes of the map cannot be shown: {REMEDY}"
        return lines
