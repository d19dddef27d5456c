"""Probabilities as real classifiers would give them: correlated between arms, because the MRI is the same."""

import numpy as np
import pandas as pd

from pcsa_jax.studies.classification.lines import TRAINED_ON

DROP_IN = ("mri+real_pet", "synthetic")
GAINS = {
    ("mri", "none"): 0.0,
    ("mri+real_pet", "real"): 0.8,
    DROP_IN: -0.1,
    ("mri+synthetic_pet", "synthetic"): 0.1,
    ("mri+mean_pet", "mean"): 0.0,
    ("mri+mri", "mri"): 0.0,
}
"""How much farther than with the MRI alone AD and CN lie apart, in SD."""


def fake_probabilities(*, pairs=120, mri_only=80, folds=3, seeds=1, gains=GAINS, distance=1.9, random_seed=0):
    """The table that ``present_classification`` reads; a third of the subjects have AD."""
    rng = np.random.default_rng(random_seed)
    anatomy = {part: rng.normal(size=n) for part, n in (("pairs", pairs), ("mri_only", mri_only))}
    rows = []
    for seed in range(seeds):
        for (arm, pet), gain in gains.items():
            for part, own in anatomy.items():
                if part == "mri_only" and pet == "real":
                    continue
                is_ad = np.arange(len(own)) % 3 == 0
                offset = rng.normal(0, 0.4, folds)
                for fold in range(folds):
                    noise = rng.normal(0, 0.35, len(own))
                    logit = 1.6 * ((distance + gain) * (is_ad - 0.5) + own + noise) + offset[fold]
                    members = (
                        range(len(own))
                        if part == "mri_only"
                        else [i for i in range(len(own)) if i // 3 % folds == fold]
                    )
                    threshold = 1 / (1 + np.exp(-offset[fold] - rng.normal(0, 0.5)))
                    rows += [
                        (seed, fold, arm, pet, part, f"sub-{part}{i:03d}", "ses-M000", "AD" if is_ad[i] else "CN",
                         1 / (1 + np.exp(-logit[i])), threshold)
                        for i in members
                    ]  # fmt: skip
    columns = ["seed", "fold", "arm", "pet", "part", "participant_id", "session_id", "diagnosis", "probability"]
    return pd.DataFrame(rows, columns=[*columns, "threshold"])


def table(probability, is_ad, *, arm="mri", part="pairs", folds=None, seeds=None, threshold=0.5):
    """One line's table, value by value; participants are numbered."""
    n = len(probability)
    return pd.DataFrame({
        "seed": seeds or [0] * n, "fold": folds or [0] * n, "arm": arm, "pet": TRAINED_ON[arm], "part": part,
        "participant_id": [f"sub-{i:03d}" for i in range(n)], "session_id": "ses-1",
        "diagnosis": ["AD" if ad else "CN" for ad in is_ad], "probability": np.asarray(probability, float),
        "threshold": threshold,
    })  # fmt: skip
