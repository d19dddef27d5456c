"""What is told of the judgement of single images: counts that are known, and trainings with their own seeds."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import ingredients, trust
from benchmarks.oddities import ODDITIES
from benchmarks.trust import (
    coverage,
    false_alarms,
    judge,
    oddities,
    tabulate_coverage,
    tabulate_false_alarms,
    tabulate_oddities,
)
from pcsa_jax.data.regional_values import value_names
from pcsa_jax.data.trust.familiarity import Assessment, Finding
from pcsa_jax.data.trust.intervals import Intervals
from pcsa_jax.data.trust.statistics import Trust

SIZE = 16


class Fake:
    """Knows maps that are dark."""

    @staticmethod
    def assess(volume):
        assert volume.flags.c_contiguous and volume.dtype == np.float32
        odd = float(volume.max())
        verdict = "as trained" if odd < 1 else "unusual" if odd < 2 else "outside"
        name = "volume" if odd < 2 else "smoothness"
        return Assessment(verdict, 50.0, odd, (Finding(name, odd, 0, 1, odd),))

    @classmethod
    def fit(cls, maps):
        assert len(maps) == 3
        return cls()


class Pairs:
    def __init__(self, *levels):
        self.mri = np.stack([np.full((SIZE,) * 3, level, np.float32) for level in levels])
        self.pet = np.full_like(self.mri, 0.5)

    def __len__(self):
        return len(self.mri)


def test_verdicts_are_counted():
    found = judge(Fake, Pairs(0.5, 1.5, 3.0, 4.0).mri)
    assert found == {
        "n": 4, "verdicts": {"as trained": 1, "unusual": 1, "outside": 2}, "median_oddity": 2.25,
        "oddest": found["oddest"],
    }  # fmt: skip
    assert found["oddest"] in ("volume", "smoothness")


def test_every_oddity_and_both_places_have_a_line(monkeypatch):
    monkeypatch.setattr(trust, "ODDITIES", {"doubled": lambda v, mm: 2 * v, "as it was": lambda v, mm: v})
    found = oddities(Fake, {"home": Pairs(0.5, 0.6), "abroad": Pairs(1.5)})
    assert list(found) == [
        "nothing wrong: home", "nothing wrong: abroad", "doubled", "as it was", "the PET in place of the map",
    ]  # fmt: skip
    assert found["doubled"]["verdicts"] == {"as trained": 0, "unusual": 2, "outside": 0}
    lines = tabulate_oddities(found).splitlines()
    assert lines[3].startswith("| nothing wrong: abroad | 1 of 1 (21–100 %) | 0 | 1.50 | volume |")
    assert len(lines) == 7 and len(ODDITIES) == 25


def test_coverage_of_the_mean_of_generators_with_their_sd():
    errors = np.linspace(-0.1, 0.1, 19, dtype=np.float32)[:, None, None, None] * np.ones((SIZE,) * 3, np.float32)
    regional = np.linspace(-9, 9, 19)[:, None].repeat(len(value_names()), 1)
    plain, scaled = Intervals.fit(errors, regional), Intervals.fit(errors, regional, np.full_like(errors, 0.1))
    pairs = Pairs(0.5, 0.5, 0.5)
    members = [lambda mri: np.full_like(mri, 0.3), lambda mri: np.full_like(mri, 0.5)]
    one = coverage(Trust(intervals=plain), members[1:], pairs)
    assert (one["n"], one["people"]["mean"], one["is_scaled"]) == (3, 1.0, False)
    assert one["mean_width"] == pytest.approx(0.2, rel=1e-4)
    both = coverage(Trust(intervals=scaled), members, pairs)
    assert both["is_scaled"] and both["mean_width"] == pytest.approx(0.2 * (0.1414 + 0.1) / 0.2, rel=1e-2)
    table = tabulate_coverage({"one": {"home": one}, "seeds": {"home": both}}).splitlines()
    assert table[2].startswith("| one | 19 | 90 % | home | 100.0 (100.0–100.0) % |")
    assert table[3].startswith("| seeds, scaled by the SD | 19 |")


def test_false_alarms_are_of_people_whom_the_statistics_have_not_seen(monkeypatch, tmp_path):
    maps = {"phantom0": Pairs(0.5, 0.5, 0.5), "phantom1": Pairs(0.5, 1.5, 3), "others": Pairs(0.5, 0.5, 1.5)}
    monkeypatch.setattr(trust, "Familiarity", Fake)
    monkeypatch.setattr(trust, "cohort_of", lambda out, name, **numbers: name)
    monkeypatch.setattr(trust, "training_cohort", lambda out, seed: f"phantom{seed}")
    monkeypatch.setattr(trust, "read", lambda root, data: maps[root])
    found = false_alarms(tmp_path, 2, None)
    assert {name: list(own) for name, own in found.items()} == {
        "phantom 0": ["phantom 1", "others"], "phantom 1": ["phantom 0", "others"],
    }  # fmt: skip
    assert found["phantom 0"]["phantom 1"] == {"as trained": 1, "unusual": 1, "outside": 1, "n": 3}
    lines = tabulate_false_alarms(found).splitlines()
    assert lines[0] == "| trained on | others (%) | phantom 0 (%) | phantom 1 (%) |"
    assert lines[2] == "| phantom 0 | 33.3 (0 outside) | – | 66.7 (1 outside) |"


def test_members_of_an_ensemble_of_seeds_have_different_seeds(monkeypatch, tmp_path):
    """An override of the seed counts; the cohort stays that of the seed that was given."""
    configs = []
    monkeypatch.setattr(ingredients, "training_cohort", lambda out, seed, setting: tmp_path / f"phantom{seed}")
    monkeypatch.setattr("pcsa_jax.training.train.train", lambda config, workdir: configs.append(config))
    for member in range(2):
        ingredients.trained(tmp_path, f"x{member}", 0, {"row": "best", "seed": member, "num_epochs": "1"})
    ingredients.trained(tmp_path, "y", 3, {})
    assert [config.seed for config in configs] == [0, 1, 3]
    assert [config.data.root.rsplit("/")[-1] for config in configs] == ["phantom0", "phantom0", "phantom3"]
    assert [config.row for config in configs] == ["best", "best", "pcsa"]
    assert configs[0].num_epochs == 1


def test_one_folds_and_seeds_are_calibrated_each_for_itself(monkeypatch, tmp_path):
    calibrated = []

    def calibrate(group, out):
        calibrated.append((list(group), out.name))
        return SimpleNamespace(familiarity=Fake, intervals=SimpleNamespace(is_scaled="seeds0" in str(group)),
                               _replace=lambda intervals: SimpleNamespace(intervals=intervals))  # fmt: skip

    run = SimpleNamespace(config=SimpleNamespace(data=None))
    monkeypatch.setattr("pcsa_jax.calibrate", calibrate, raising=False)
    monkeypatch.setattr("pcsa_jax.training.trained.open_run", lambda root: run)
    monkeypatch.setattr("pcsa_jax.synthesis.inference.Inference", SimpleNamespace(of_run=lambda run: None))
    monkeypatch.setattr(trust, "trained", lambda out, name, seed, overrides: name)
    monkeypatch.setattr(trust, "cohort_of", lambda out, name, **numbers: name)
    monkeypatch.setattr(trust, "read", lambda root, data: root)
    monkeypatch.setattr(trust, "false_alarms", lambda *_: {})
    monkeypatch.setattr(trust, "oddities", lambda familiarity, pairs: "odd")
    monkeypatch.setattr(trust, "unscaled", lambda roots: "plain")
    monkeypatch.setattr(trust, "coverage", lambda own, generators, pairs: len(generators))
    found = trust.measure(tmp_path, tmp_path / "heads", 2, {})
    assert calibrated == [
        (["ensembles-folds0"], "trust_one.safetensors"),
        (["ensembles-folds0", "ensembles-folds1"], "trust_folds.safetensors"),
        (["ensembles-seeds0", "ensembles-seeds1"], "trust_seeds.safetensors"),
    ]
    assert {name: own["home"] for name, own in found["coverage"].items()} == {
        "one": 1, "folds": 2, "seeds": 2, "seeds, not scaled": 2,
    }  # fmt: skip
    assert found["oddities"] == "odd"
