"""The tuning of the systems of Fig. 5: one budget for all, nothing trained twice, a table and a file of the trials."""

import json
from collections import Counter

import pytest

from benchmarks import tuning
from benchmarks.tuning import SYSTEMS, Trial, main, search, weight_of
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.training import train as training
from pcsa_jax.training.loop import Outcome

BEST = Trial(1.8e-3, "cosine", 0.001)


def distance(trial):
    """A score that is best at ``BEST``, coordinate by coordinate."""
    wrong = abs(trial.learning_rate - BEST.learning_rate) + (trial.schedule != BEST.schedule)
    return {"mae_brain": wrong + abs(trial.adversarial - BEST.adversarial), "psnr_brain_db": 20.0, "ssim_brain": 0.9}


@pytest.mark.parametrize("weight", [0.01, 1.0, 0.0])
def test_every_system_has_seven_trials(weight):
    results = search(weight, distance)
    assert len(results) == len({result.trial for result in results}) == 7
    assert results[0].trial == Trial(2e-3, "one_cycle", weight)


def test_learning_rate_and_adversarial_weight_are_tried_together_and_the_schedule_at_the_best():
    results = search(0.01, distance)
    assert Counter((result.trial.learning_rate, result.trial.adversarial) for result in results) == {
        (rate, weight): 2 if (rate, weight) == (2e-3, 0.001) else 1
        for rate in (2e-3, 5e-4)
        for weight in (0.01, 0.001, 0)
    }
    assert results[-1].trial == BEST._replace(learning_rate=2e-3) == min(results, key=lambda result: result.rank).trial


def test_without_an_adversarial_term_more_rates_are_tried():
    results = search(0.0, distance)
    assert len({result.trial.learning_rate for result in results}) == 6
    assert {result.trial.adversarial for result in results} == {0}


def test_a_trial_that_diverged_is_not_the_best():
    results = search(1.0, lambda trial: {} if trial.learning_rate == 2e-3 else distance(trial))
    assert min(results, key=lambda result: result.rank).trial.learning_rate < 2e-3


def test_the_systems_are_rows_of_fig_5():
    fig5 = {name for name, row in read_rows("demo").items() if "fig5" in row.labels}
    # All that the paper or we compare it with; best is no system but our own recipe.
    assert set(SYSTEMS) == {name for name in fig5 if not name.endswith("_tuned")} - {"best"}
    assert {f"{system}_tuned" for system in SYSTEMS} < fig5
    assert {system: weight_of(system) for system in ("pcsa", "hgan", "unet")} == {"pcsa": 0.01, "hgan": 1, "unet": 0}


@pytest.fixture
def trained(monkeypatch):
    """The configs that were trained; their scores are those of ``distance``."""
    configs = []

    def train(config, workdir):
        configs.append(config)
        trial = Trial(config.generator_optimizer.learning_rate, config.generator_optimizer.schedule,
                      config.loss.adversarial)  # fmt: skip
        if trial.schedule == "cosine":
            raise UserError("step 9: expected finite losses, found generator/total = nan; no checkpoint yet.")
        workdir.root.mkdir(parents=True)
        row = {"step": 336} | {f"validation/{name}": value for name, value in distance(trial).items()}
        workdir.metrics.write_text(json.dumps({"step": 1}) + "\n" + json.dumps(row) + "\n")
        return Outcome(336, None)

    monkeypatch.setattr(training, "train", train)
    return configs


def test_the_command_trains_each_trial_once_and_writes_them_down(trained, tmp_path, capsys):
    words = [f"--out={tmp_path / 'out'}", f"--results={tmp_path / 'tuning.json'}", "--system=hgan", "--system=unet"]
    main(words)
    assert len(trained) == 14
    assert {(config.num_epochs, config.seed, config.data.root, config.batch_size) for config in trained} == {
        (4, 0, "", 1)
    }
    found = json.loads((tmp_path / "tuning.json").read_text())
    assert (found["epochs"], found["seed"]) == (4, 0) and set(found["systems"]) == {"hgan", "unet"}
    hgan = found["systems"]["hgan"]
    assert len(hgan["trials"]) == 7 and hgan["best"] in hgan["trials"]
    assert [trial["schedule"] for trial in hgan["trials"] if "mae_brain" not in trial] == ["cosine"]
    shown = capsys.readouterr().out
    assert "| hgan: learning rate | schedule |" in shown and "| diverged |" in shown and "**20.00**" in shown
    main(words)
    assert len(trained) == 14 and capsys.readouterr().out == shown


def test_another_mistake_is_not_taken_for_a_divergence(tmp_path, monkeypatch):
    def train(config, workdir):
        raise UserError("no cohort.")

    monkeypatch.setattr(training, "train", train)
    with pytest.raises(UserError, match="no cohort"):
        tuning.run_trial("pcsa", BEST, tmp_path)


def test_a_signal_ends_the_command_and_the_trial_is_not_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "train", lambda config, workdir: Outcome(9, 15))
    with pytest.raises(SystemExit) as caught:
        tuning.run_trial("pcsa", BEST, tmp_path)
    assert caught.value.code == 143 and not list(tmp_path.rglob("*.json"))
