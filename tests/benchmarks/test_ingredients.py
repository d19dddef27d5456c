"""What each ingredient gains: scores are the metrics', tables hold what was scored, finished trainings are kept."""

import numpy as np
import pytest

from benchmarks import ingredients
from benchmarks.ingredients import MEASURES, differences, measure, scores, tabulate
from benchmarks.studies import DEMO, SETTINGS, STUDIES
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.experiment.config import parse_config
from tests.conftest import ROOT


@pytest.mark.parametrize("study", STUDIES)
def test_every_variant_is_a_config(study):
    for overrides in STUDIES[study].values():
        own = dict(overrides)
        row = own.pop("row", "pcsa")
        setting = SETTINGS.get(study, DEMO)
        words = [f"--config.{name}={value}" for name, value in {**setting.common, **own}.items()]
        assert parse_config([f"--config={ROOT / setting.config}:{row}", *words]).data.size == setting.size


def test_the_path_and_its_moving_average_lead_to_best():
    best = parse_config([f"--config={ROOT / 'configs' / 'demo.py'}:best"])
    overrides = STUDIES["path"]["+ no discriminator"] | STUDIES["path"]["+ moving average of its weights (0.99)"]
    words = [f"--config.{name}={value}" for name, value in overrides.items()]
    end = parse_config([f"--config={ROOT / 'configs' / 'demo.py'}", *words])
    assert best.recipe.to_dict() == end.recipe.to_dict() and best.loss.to_dict() == end.loss.to_dict()


def test_scores_are_those_of_the_brain():
    mask = brain_mask(Grid(16))
    pet = np.full((2, 16, 16, 16), 0.5, np.float32)
    pet[:, 8:] = 0.8
    fake = 0.5 * pet
    fake[1, ~mask] = 0.9
    found = scores(fake, pet)
    assert tuple(found) == MEASURES and all(len(values) == 2 for values in found.values())
    np.testing.assert_allclose(found["mae"], (0.5 * pet[:, mask]).mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["psnr_db"], -10 * np.log10((0.25 * pet[:, mask] ** 2).mean(axis=1)), rtol=1e-5)
    assert min(found["matched_psnr_db"]) > 60  # half of everything is right once it is doubled


def values(level):
    return {name: [level, level + 0.1, level + 0.2] for name in MEASURES}


def result():
    place = {"generator": values(1.0), "ridge": values(0.5)}
    other = {"generator": values(2.0), "ridge": values(0.5)}
    return {"best": {"seed0": {"home": place, "abroad": place}, "seed1": {"home": other, "abroad": other}}}


def test_tables_hold_means_over_people_and_seeds():
    lines = tabulate(result()).splitlines()
    assert lines[0].count("home: ") == lines[0].count("abroad: ") == 4
    assert lines[2].startswith("| best | 1.6000 ± 0.7071 | 1.60 ± 0.71 |")
    assert lines[3].startswith("| *ridge* | 0.6000 ± 0.0000 |")
    line = differences(result(), "best", ("ridge",))[0]
    assert line[:3] == ["home", "ridge", "+1.0000 (+1.0000 to +1.0000)"]


def test_a_variant_that_starts_from_a_closed_form_has_a_line_without_its_network():
    one, other = (own for own in result()["best"].values())
    one = {place: scored | {"without its network": values(0.9)} for place, scored in one.items()}
    lines = tabulate({"best": {"seed0": one}, "other": {"seed0": other}}).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["best", "… without its network", "other", "*ridge*"]


def test_what_is_scored_is_kept(tmp_path, monkeypatch):
    trainings = []

    def trained(out, name, seed, overrides, setting):
        trainings.append((name, seed, overrides))
        root = out / "runs" / name / f"seed{seed}"
        root.mkdir(parents=True, exist_ok=True)
        return root

    found = result()["best"]["seed0"] | {"train_seconds": 1.0, "step": 2}
    calls = []
    monkeypatch.setattr(ingredients, "cohort_of", lambda out, name, **numbers: out / name)
    monkeypatch.setattr(ingredients, "trained", trained)
    monkeypatch.setattr(ingredients, "score_run", lambda *arguments: calls.append(arguments) or found)
    for _ in range(2):
        measured = measure(tmp_path, "normalisation", tmp_path / "heads", range(2), {"num_epochs": "1"})
    assert len(calls) == 3 * 2 and len(trainings) == 2 * 3 * 2
    assert all(overrides["num_epochs"] == "1" for _, _, overrides in trainings)
    assert measured["minmax"]["seed1"] == found
    assert set(measure(tmp_path, "normalisation", tmp_path, range(1), {}, ["suvr"])) == {"suvr"}
    assert calls[0][1] == {"home": tmp_path / "others", "abroad": tmp_path / "heads"}
