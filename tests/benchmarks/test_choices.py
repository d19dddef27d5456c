"""Every variant of every study is a config, and starts from the row that it names."""

import json

import pytest

from benchmarks.choices import STUDIES, main, run_variant
from pcsa_jax.training import train as training

VARIANTS = [(study, name) for study, variants in STUDIES.items() for name in variants]


@pytest.fixture
def trained(monkeypatch):
    """The configs that were trained, with one score for all."""
    configs = []

    def train(config, workdir):
        configs.append(config)
        workdir.root.mkdir(parents=True)
        scores = {"validation/mae_brain": 0.05, "validation/psnr_brain_db": 24.0, "validation/ssim_brain": 0.9}
        workdir.metrics.write_text(json.dumps({"step": 1} | scores) + "\n")

    monkeypatch.setattr(training, "train", train)
    return configs


@pytest.mark.parametrize(("study", "name"), VARIANTS)
def test_every_variant_can_be_trained(study, name, trained, tmp_path):
    overrides = STUDIES[study][name]
    run_variant(tmp_path / "run", overrides)
    assert trained[0].row == overrides.get("row", "pcsa")


def test_a_study_is_a_table_and_set_is_for_every_variant(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["choices", f"--out={tmp_path}", "--set", "num_epochs=4", "ms_ssim_alone"])
    main()
    assert [(config.num_epochs, config.loss.l1) for config in trained] == [(4, 0.0)] * 4
    assert [config.loss.ms_ssim for config in trained] == [0.1, 0.3, 1.0, 3.0]
    assert "| ms_ssim 0.3, no l1 | 0.0500 | 24.00 | 0.9000 |" in capsys.readouterr().out
