"""Which subjects are shown is a rule."""

import numpy as np

from pcsa_jax.evaluation.choice import shown_subjects


def test_best_median_and_worst():
    assert shown_subjects(np.array([0.3, 0.1, 0.2, 0.9])) == {"best": 1, "median": 2, "worst": 3}


def test_nobody_is_shown_twice():
    assert shown_subjects(np.array([0.3])) == {"only": 0}
    assert shown_subjects(np.array([0.3, 0.1])) == {"best": 1, "worst": 0}
    for n in range(1, 6):
        shown = shown_subjects(np.zeros(n)).values()
        assert len(set(shown)) == len(shown) == min(n, 3)
