"""What the page of the classification is told besides its numbers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ClassificationContext:
    """What the page says about the experiment besides its numbers.

    Attributes:
      cohort: name of the cohort.
      is_phantom: True for the built-in cohort.
      protocol: in one line: folds, seeds, who trained the generator and the classifiers.
    """

    cohort: str
    is_phantom: bool
    protocol: str
