"""One of several trainings beside their mean: which runs are made, and what is averaged."""

import numpy as np
import pytest

from benchmarks import ensembles
from benchmarks.ensembles import measure, tabulate


class Run:
    config = type("Config", (), {"data": None})


class Pairs:
    mri = np.zeros((3, 16, 16, 16), np.float32)
    pet = np.full((3, 16, 16, 16), 0.5, np.float32)


def test_the_mean_of_two_is_scored_beside_one_of_them(monkeypatch, tmp_path):
    made = []

    def trained(out, name, seed, overrides):
        made.append((name, overrides))
        return name

    class Inference:
        @staticmethod
        def of_run(root):
            # The two members err to the other side by as much.
            return lambda mri: np.full(mri.shape, 0.4 if root.endswith("0") else 0.6, np.float32)

    monkeypatch.setattr(ensembles, "trained", trained)
    monkeypatch.setattr(ensembles, "cohort_of", lambda out, name, **numbers: tmp_path / name)
    monkeypatch.setattr(ensembles, "read", lambda root, data: Pairs)
    monkeypatch.setattr("pcsa_jax.synthesis.inference.Inference", Inference)

    class Named(str):
        config = Run.config

    monkeypatch.setattr("pcsa_jax.training.trained.open_run", Named)
    result = measure(tmp_path, tmp_path / "heads", 2, {"num_epochs": "1"})
    assert [name for name, _ in made] == [f"ensembles-{kind}{i}" for kind in ("folds", "seeds") for i in range(2)]
    assert made[1][1] == {"row": "best", "data.fold": 1, "num_epochs": "1"} and made[3][1]["seed"] == 1
    for kind in ("folds", "seeds"):
        for place in ("home", "abroad"):
            found = result[kind][place]
            assert found["one"]["mae"] == pytest.approx(0.1) and found["mean of all"]["mae"] == pytest.approx(
                0, abs=1e-6
            )
    table = tabulate(result, 2).splitlines()
    assert table[2].startswith("| one of 2 folds | 0.1000 | 20.00 |") and len(table) == 6
