"""The threshold: best balanced accuracy, in the middle between neighbours, nearest to 0.5."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from pcsa_jax.studies.classification.thresholds import Threshold, best_threshold, write_thresholds


@pytest.mark.parametrize(
    ("ad", "cn", "value", "accuracy"),
    [
        # Separable: between the lowest AD and the highest CN.
        ([0.9, 0.7], [0.1, 0.2, 0.3], 0.5, 1.0),
        ([0.9, 0.8], [0.6, 0.7], 0.75, 1.0),
        # One AD below all CN: it is given up.
        ([0.05, 0.9], [0.1, 0.2], 0.55, 0.75),
        # 0.3 and 0.75 are equally good; 0.3 is nearer to 0.5.
        ([0.4, 0.9], [0.2, 0.6], 0.3, 0.75),
        # Nothing can be told apart.
        ([0.5, 0.5], [0.5, 0.5], 0.25, 0.5),
    ],
)
def test_by_hand(ad, cn, value, accuracy):
    found = best_threshold(np.asarray([*ad, *cn]), np.asarray([1] * len(ad) + [0] * len(cn), np.float32))
    assert found == pytest.approx((value, accuracy))


def test_no_cut_is_better():
    rng = np.random.default_rng(0)
    for _ in range(10):
        is_ad = (np.arange(15) < rng.integers(1, 14)).astype(np.float32)
        probability = rng.random(15).round(1).clip(0.05, 0.95)
        found = best_threshold(probability, is_ad)
        others = [balanced_accuracy_score(is_ad, probability >= cut) for cut in np.linspace(0, 1.01, 300)]
        assert found.balanced_accuracy == pytest.approx(max(others))
        assert balanced_accuracy_score(is_ad, probability >= found.value) == pytest.approx(max(others))


def test_the_table(tmp_path):
    write_thresholds(tmp_path / "thresholds.tsv", {"mri": Threshold(1 / 3, 0.75)}, {"mri": 12})
    assert (tmp_path / "thresholds.tsv").read_text() == (
        "arm\tstep\tthreshold\tvalidation_balanced_accuracy\nmri\t12\t0.333333333\t0.75\n"
    )
