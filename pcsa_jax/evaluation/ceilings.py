"""The ceilings of a phantom: its PET without the part that no MRI tells, which no predictor can be expected to pass."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pcsa_jax.data.pairs import Pairs

CEILING, CEILING_OWN_RANGE = "predictable", "predictable_own_range"
"""Names in tables and files: in the real PET's intensity range, and in the predictable part's own."""

CEILINGS = {CEILING: "ceiling", CEILING_OWN_RANGE: "ceiling, range not known"}
"""Name in tables and files -> name for print.

No predictors, so never the best of a column. Between the two lies what it is worth to know the two intensities of the
scored PET that became 0 and 1, which no MRI tells exactly.
"""


def ceiling_volumes(pairs: "Pairs") -> "dict[str, np.ndarray]":
    """Name -> n x y z in [0, 1]; empty where the pairs hold no predictable part."""
    volumes = {CEILING: pairs.predictable, CEILING_OWN_RANGE: pairs.predictable_own}
    return {name: own for name, own in volumes.items() if own is not None}
