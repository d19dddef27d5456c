"""Where an arm's probabilities are cut: chosen on the validation part, before anybody else is looked at."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pcsa_jax.data.files import write_text
from pcsa_jax.text import table_text


class Threshold(NamedTuple):
    """From which P(AD) on a visit is called AD.

    Attributes:
      value: the probability.
      balanced_accuracy: of the validation part at it.
    """

    value: float
    balanced_accuracy: float


def best_threshold(probability: np.ndarray, is_ad: np.ndarray) -> Threshold:
    """The threshold with the best balanced accuracy; of several the one nearest to 0.5.

    Candidates lie in the middle between neighbouring probabilities, 0 and 1 included.

    Args:
      probability: P(AD) of each visit, (n,).
      is_ad: 1 for AD, 0 for CN; both occur.
    """
    edges = np.unique([0.0, *probability, 1.0])
    candidates = (edges[:-1] + edges[1:]) / 2
    called = probability >= candidates[:, None]
    scores = (called[:, is_ad > 0].mean(axis=1) + (~called[:, is_ad == 0]).mean(axis=1)) / 2
    # Equal fractions may differ in their last bit.
    best = candidates[scores > scores.max() - 1e-9]
    value = best[np.abs(best - 0.5).argmin()]
    return Threshold(float(value), float(scores.max()))


def write_thresholds(path: Path, thresholds: dict[str, Threshold], steps: dict[str, int]) -> None:
    """Writes ``thresholds.tsv``: arm, step of its checkpoint, threshold, balanced accuracy of the validation part."""
    rows = [("arm", "step", "threshold", "validation_balanced_accuracy")]
    rows += [(arm, str(steps[arm]), f"{own.value:.9g}", f"{own.balanced_accuracy:.6g}")
             for arm, own in thresholds.items()]  # fmt: skip
    write_text(path, table_text(rows))
