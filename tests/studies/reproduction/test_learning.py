"""``reproduce data``: numbers of training subjects, equally many steps, what each step bought, page and chart."""

import json

import numpy as np
import pandas as pd
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS
from pcsa_jax.data.splits import UNUSED, read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.evaluation import illustration
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.reproduction import runner
from pcsa_jax.studies.reproduction.learning import compute_learning
from pcsa_jax.studies.reproduction.learning_page import present_learning
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.rowsets import TARGETS
from tests.conftest import ROOT
from tests.studies.reproduction import quick_reproduction
from tests.studies.reproduction.quick_reproduction import CONFIG, words
from tests.studies.reproduction.reproduction_data import long_lines, page_context
from tests.training import quick_training

DEMO = str(ROOT / "configs" / "demo.py")
TINY_ROWS = (
    f"import importlib.util\nspec = importlib.util.spec_from_file_location('tiny', {str(CONFIG)!r})\n"
    "tiny = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(tiny)\n"
)
"""How a config file begins that changes the rows of ``tiny_rows.py``."""


@pytest.fixture
def few(monkeypatch):
    """The tiny cohort trains on 4: two of them, and numbers that there are not."""
    monkeypatch.setitem(TARGETS, "data", TARGETS["data"]._replace(sizes=(2, 25)))


@pytest.fixture
def alone(tmp_path):
    """A config without the row "best", so that half as many runs are trained."""
    path = tmp_path / "alone.py"
    path.write_text(TINY_ROWS + "tiny.ROWS.pop('best')\nROWS, get_config = tiny.ROWS, tiny.get_config\n")
    return path


@pytest.fixture
def request_of(cohort, tmp_path):
    def request_of(*overrides, config=CONFIG):
        return Request("data", str(config), (f"--config.data.root={cohort}", *overrides), 2, 1, tmp_path / "out")

    return request_of


def reproduce(arguments):
    return run_command("reproduce", arguments, prog="reproduce")


@pytest.mark.usefixtures("few")
def test_every_number_has_as_many_steps_and_a_folder_of_its_own(request_of, tmp_path):
    plan = make_plan(request_of())
    out, runs = tmp_path / "out" / "runs" / "pcsa", [run for run in plan.runs if run.row == "pcsa"]
    assert [(run.size, run.fold, run.workdir.root) for run in runs] == [
        (0, 0, out / "seed0" / "fold0"),
        (0, 1, out / "seed0" / "fold1"),
        (2, 0, out / "train2" / "seed0" / "fold0"),
        (2, 1, out / "train2" / "seed0" / "fold1"),
    ]
    # Four subjects in two steps an epoch, two of them in one.
    assert {run.num_steps for run in plan.runs} == {4}
    assert [(run.config.num_epochs, run.config.evaluate_every_epochs) for run in runs[1:3]] == [(2, 1), (4, 2)]
    assert [run.config.data.train_subjects for run in runs] == [0, 0, 2, 2]
    assert runs[2].name == "row pcsa, 2 training subjects, seed 0, fold 0"
    assert plan.notes == ("25 training subjects: not run, as the training part has 4 only",)


def test_the_demo_s_numbers_differ_by_no_more_than_half_an_epoch():
    plan = make_plan(Request("data", DEMO, (), 2, 1, ROOT / "none"))
    assert plan.sizes == (25,)
    assert plan.notes[0] == "50 training subjects: not run, as the training part has 53, hardly more"
    steps = {run.size: run.num_steps for run in plan.runs}
    assert abs(steps[25] - steps[0]) <= 25 / 2
    five = make_plan(Request("data", DEMO, (), 5, 1, ROOT / "none"))
    assert five.sizes == (25, 50) and len(five.runs) == 15 * len(five.rows)


@pytest.mark.usefixtures("few")
def test_a_number_in_the_config_is_refused(request_of):
    with pytest.raises(UserError) as caught:
        make_plan(request_of("--config.data.train_subjects=3"))
    assert str(caught.value) == (
        "config.data.train_subjects: expected 0 for data, which trains on 2, 25 and all participants, found 3. Leave "
        "it out."
    )


@pytest.mark.usefixtures("few")
def test_the_row_best_is_taken_along_where_there_is_one(request_of, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        TINY_ROWS + "tiny.ROWS['best'] = tiny.ROWS['mae']._replace(labels={'data': 'the best'})\n"
        "ROWS, get_config = tiny.ROWS, tiny.get_config\n"
    )
    assert make_plan(request_of(config=path)).rows == ("pcsa", "best")


@pytest.mark.usefixtures("few")
def test_one_command_makes_the_curve_and_repeats_nothing(cohort, tmp_path, monkeypatch, capsys):
    quick_reproduction.install(monkeypatch)
    out = tmp_path / "out"
    arguments = words(cohort, out, target="data", config=CONFIG)
    assert reproduce([*arguments, "--plan", "--no-measure"]) == 0
    shown = capsys.readouterr().out
    assert "data: 2 rows × 2 numbers of training subjects × 1 seeds × 2 folds" in shown
    assert "data: 25 training subjects: not run, as the training part has 4 only" in shown
    assert not out.exists()
    assert reproduce(arguments) == 0
    splits = read_splits(Workdir(out / "runs" / "pcsa" / "train2" / "seed0" / "fold0").splits)
    assert list(splits.values()).count(UNUSED) == list(splits.values()).count("train") == 2
    folder = out / "data"
    assert {path.name for path in folder.iterdir()} == {
        "subjects.tsv", "data.tsv", "data.png", "summary.json", "data.md",
    }  # fmt: skip
    scores = pd.read_csv(folder / "subjects.tsv", sep="\t")
    assert set(scores.train_subjects) == {2, 4}
    assert (scores[scores.predictor == "model"].groupby("train_subjects").participant_id.nunique() == 12).all()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["train_subjects"] == [2, 4] and set(summary["systems"]) == {"pcsa", "best", *TRIVIAL_PREDICTORS}
    assert summary["not_run"] == ["25 training subjects: not run, as the training part has 4 only"]
    # The predictors learnt from the fewer subjects too: another mean.
    means = [summary["systems"]["mean_pet"][number]["mae_brain"]["mean"] for number in ("2", "4")]
    assert means[0] != means[1]
    written = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    assert reproduce(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()} == written
    # The whole part's runs are those of every other target.
    assert {run.name for run in make_plan(Request("fig3", str(CONFIG), (f"--config.data.root={cohort}",), 2, 1, out))
            .runs if run.row == "pcsa"} == {"row pcsa, seed 0, fold 0", "row pcsa, seed 0, fold 1"}  # fmt: skip


@pytest.mark.usefixtures("few")
def test_a_signal_stops_it_and_the_same_command_goes_on(cohort, alone, tmp_path, monkeypatch):
    quick_reproduction.install(monkeypatch)
    arguments = words(cohort, tmp_path / "out", target="data", config=alone)
    with monkeypatch.context() as patch:
        quick_training.signal_after(patch, 1)
        assert reproduce(arguments) == 143
    assert not (tmp_path / "out" / "data").exists()
    assert reproduce(arguments) == 0
    assert (tmp_path / "out" / "data" / "data.md").is_file()


@pytest.mark.usefixtures("few")
def test_a_number_that_fails_leaves_the_row_out_and_is_named(cohort, alone, tmp_path, monkeypatch, capsys):
    quick_reproduction.install(monkeypatch)
    train = runner.train

    def failing(config, workdir, **words):
        if config.data.train_subjects == 2 and config.data.fold == 1:
            raise UserError("no.")
        return train(config, workdir, **words)

    monkeypatch.setattr(runner, "train", failing)
    assert reproduce(words(cohort, tmp_path / "out", target="data", config=alone)) == 1
    told = capsys.readouterr().err
    assert "data: left out, as runs are missing: pcsa (2 training subjects seed 0 fold 1)" in told


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_the_whole_way_with_networks(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])
    assert reproduce(words(cohort, tmp_path, "--config.num_epochs=1", target="data", config=CONFIG)) == 0
    summary = json.loads((tmp_path / "data" / "summary.json").read_text())
    scores = [summary["systems"]["pcsa"][number]["mae_brain"]["mean"] for number in ("2", "4")]
    assert all(0 < score < 1 for score in scores) and scores[0] != scores[1]
    assert {gain["system"] for gain in summary["gains"]} == {"pcsa", "best", *TRIVIAL_PREDICTORS}


@pytest.fixture
def scores():
    """PCSA gains 0.01 from 25 to 50 and nothing from 50 to 100; the mean PET gains nothing."""
    rng = np.random.default_rng(0)
    difficulty = 0.05 + 0.02 * rng.random(30)
    frames = []
    for size, gain in ((25, 0.0), (50, 0.01), (100, 0.01)):
        for predictor, level in {"model": -gain, "mean_pet": 0.02, "predictable": -0.03}.items():
            error = difficulty + level + (rng.normal(size=30) * 1e-4 if predictor != "predictable" else 0)
            quality = {key: 100 * (1 - error) for key in ("psnr_db", "psnr_brain_db")}
            quality |= {key: 1 - error for key in ("ssim", "ssim_brain")}
            frames.append(long_lines("pcsa", error, predictor=predictor, **quality).assign(train_subjects=size))
    return pd.concat(frames, ignore_index=True)


def test_gains_are_paired_and_per_doubling(scores):
    learning = compute_learning(scores, {"pcsa": "PCSA-GAN"})
    assert learning.sizes == (25, 50, 100) and list(learning.labels.values()) == ["PCSA-GAN", "mean PET"]
    gains = {(gain.system, gain.more, gain.comparison.metric): gain for gain in learning.gains}
    first, second = gains["pcsa", 50, "mae_brain"], gains["pcsa", 100, "mae_brain"]
    assert first.comparison.difference == pytest.approx(-0.01, abs=1e-4) == first.per_doubling
    # Paired: far narrower than the spread of the subjects.
    assert np.ptp(first.comparison.ci95) < 2e-4 and first.comparison.verdict == "better"
    assert second.comparison.verdict == gains["mean_pet", 50, "mae_brain"].comparison.verdict == "undecided"
    assert learning.ceiling["mae_brain"] == pytest.approx(scores[scores.predictor == "predictable"].mae_brain.mean())


def test_the_page_says_what_each_step_bought(scores, tmp_path):
    path = present_learning(
        tmp_path, scores, {"pcsa": "PCSA-GAN"}, context=page_context(), steps=(1075, 1100), notes=("200 are too many",)
    )
    page = path.read_text()
    assert "**equally many steps** (1,075 to 1,100)" in page and "* 200 are too many." in page
    assert "* **PCSA-GAN**, 25 to 50 subjects (×2): MAE −0.0100" in page.replace("−0.01001", "−0.0100")
    assert "The last step is not shown to have bought anything" in page
    assert "Below the ceiling, with all 100: PCSA-GAN" in page
    fewer = scores[scores.train_subjects < 100]
    page = present_learning(tmp_path, fewer, {"pcsa": "PCSA-GAN"}, context=page_context(), steps=(9, 9)).read_text()
    assert "The last step still bought something" in page and "(9) and as many checkpoints" in page


def test_one_number_alone_is_a_table_without_steps(scores, tmp_path):
    alone = scores[(scores.train_subjects == 50) & (scores.predictor != "predictable")]
    path = present_learning(tmp_path, alone, {"pcsa": "P"}, context=page_context(is_phantom=False), steps=(4, 4))
    page = path.read_text()
    assert "PHANTOM" not in page and "subjects (×" not in page and "ceiling," not in page.split("data.png")[0]
