"""All results of one part of the cohort, from its lines."""

import dataclasses
from typing import TYPE_CHECKING

from pcsa_jax.studies.classification.aggregation import (
    Estimate,
    classifier_rows,
    distributions,
    estimates,
    resample,
    spread_over_classifiers,
)
from pcsa_jax.studies.classification.comparison import PairedTest, compare
from pcsa_jax.studies.classification.lines import Line, LineKey

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class PartResults:
    """What the tables, figures and the page of one part are made from.

    Attributes:
      lines: key -> scores.
      found: key -> measure -> estimate.
      tests: between lines.
      classifiers: one row per line, seed and fold (``classifier_rows``).
    """

    lines: dict[LineKey, Line]
    found: dict[LineKey, dict[str, Estimate]]
    tests: list[PairedTest]
    classifiers: "pd.DataFrame"

    def classifiers_of(self, key: LineKey) -> "pd.DataFrame":
        """The rows of one line's classifiers."""
        return self.classifiers[(self.classifiers["arm"] == key[0]) & (self.classifiers["pet"] == key[1])]

    def spread(self, key: LineKey, measure: str) -> tuple[float | None, float | None]:
        """Mean and SD of a measure over a line's classifiers."""
        return spread_over_classifiers(self.classifiers_of(key)[measure].to_numpy(float))


def evaluate_part(lines: dict[LineKey, Line]) -> PartResults:
    """Estimates, tests and per-classifier rows, all arms on the same resamples of the subjects."""
    import pandas as pd

    counts = resample(next(iter(lines.values())).is_ad)
    values = {key: distributions(line, counts) for key, line in lines.items()}
    return PartResults(
        lines=lines,
        found={key: estimates(line, values[key]) for key, line in lines.items()},
        tests=compare(lines, values),
        classifiers=pd.DataFrame([row for line in lines.values() for row in classifier_rows(line)]),
    )
