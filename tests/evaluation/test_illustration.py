"""Which subjects are shown is a rule."""

import numpy as np

from pcsa_jax.evaluation.illustration import shown_subjects


def test_best_median_and_worst():
    assert shown_subjects(np.array([0.3, 0.1, 0.2, 0.9])) == {"best": 1, "median": 2, "worst": 3}
    assert shown_subjects(np.array([0.3])) == {"best": 0, "median": 0, "worst": 0}
