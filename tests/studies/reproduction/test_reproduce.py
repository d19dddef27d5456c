"""``python -m pcsa_jax reproduce``: from one command to tables, the test part read last; every row once for real."""

import json
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.splits import read_splits
from pcsa_jax.evaluation import illustration
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.studies.reproduction import reproduce as module
from pcsa_jax.studies.reproduction import runner
from pcsa_jax.studies.reproduction.rowsets import TARGETS, row_sets, rows_of
from tests.conftest import leave_unpainted
from tests.studies.reproduction import quick_reproduction
from tests.studies.reproduction.quick_reproduction import ROWS, words
from tests.training import quick_training

PAGES = ("fig3.tsv", "fig3_tests.tsv", "fig3_scores.png", "fig3_subject.png", "fig3.md", "subjects.tsv")


class Opened:
    """The volumes that Python opens, and what goes on meanwhile; an audit hook cannot be taken away, only be idle."""

    def __init__(self):
        self.events, self.phase = None, ""
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        if self.events is not None and event == "open" and str(arguments[0]).endswith((".nii", ".nii.gz")):
            self.events.append((self.phase, Path(os.fsdecode(arguments[0])).name))


OPENED = Opened()


@pytest.fixture
def phases(monkeypatch):
    """(phase, name) of every volume that is opened; the phases are ("train" or "test", workdir) and ""."""
    train, assess = runner.train, runner.assess_run

    def in_phase(name, work):
        def inside(first, workdir, **options):
            OPENED.phase = (name, workdir.root)
            try:
                return work(first, workdir, **options)
            finally:
                OPENED.phase = ""

        return inside

    monkeypatch.setattr(runner, "train", in_phase("train", train))
    monkeypatch.setattr(runner, "assess_run", in_phase("test", assess))
    OPENED.events = []
    yield OPENED.events
    OPENED.events = None


def reproduce(arguments):
    return run_command("reproduce", arguments, prog="reproduce")


@pytest.fixture
def quick(monkeypatch):
    quick_reproduction.install(monkeypatch)


@pytest.mark.usefixtures("quick")
def test_one_command_makes_the_tables_and_repeats_nothing(cohort, tmp_path, phases, capsys):
    out = tmp_path / "out"
    assert reproduce(words(cohort, out)) == 0
    first = [path for path in phases]
    check_phases(first, cohort, out)
    check_tables(out)
    check_checkpoints(out)
    written = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert reproduce(words(cohort, out)) == 0
    assert "Run 1" not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()} == written


def check_phases(opened, cohort, out):
    """No volume of a fold's test subject is opened before every training is over."""
    order = [phase for place, (phase, _) in enumerate(opened) if place == 0 or opened[place - 1][0] != phase]
    runs = [out / "runs" / row / "seed0" / f"fold{fold}" for row in ROWS for fold in range(2)]
    # Nothing is opened outside; the last is the subject of the figure.
    assert order == [*(("train", root) for root in runs), *(("test", root) for root in runs), ""]
    pairs = {subject.participant_id: subject for subject in read_cohort(cohort).pairs}
    for root in runs:
        splits = read_splits(Workdir(root).splits)
        of = {part: {person for person, split in splits.items() if split == part} for part in ("train", "test")}
        seen = {name for phase, name in opened if phase == ("train", root)}
        for person, subject in pairs.items():
            files = {subject.mri.name, subject.pet.name}
            assert seen & files == (set() if person in of["test"] else files)
            assert subject.predictable.name not in seen
        seen = {name for phase, name in opened if phase == ("test", root)}
        assert {pairs[person].predictable.name for person in of["test"]} <= seen
    assert not {subject.mri.name for subject in read_cohort(cohort).subjects if subject.pet is None} & {
        name for _, name in opened
    }


def check_tables(out):
    assert {path.name for path in (out / "fig3").iterdir()} == set(PAGES)
    scores = pd.read_csv(out / "fig3" / "subjects.tsv", sep="\t")
    models = scores[scores.predictor == "model"]
    assert set(models.row) == set(ROWS)
    assert (models.groupby("row").participant_id.nunique() == 12).all()
    page = (out / "fig3" / "fig3.md").read_text()
    assert "PHANTOM" in page and "12 participants (4 AD, 8 CN) at 16³ voxels" in page
    means = models.groupby("row").mae_brain.mean()
    assert means["pcsa"] < means["pca"]


def check_checkpoints(out):
    """The checkpoint that is evaluated is the best on validation subjects, in the order of the log."""
    for summary in out.rglob("summary.json"):
        workdir = Workdir(summary.parents[2])
        rows = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
        scores = {row["step"]: row["validation/mae_brain"] for row in rows if "validation/mae_brain" in row}
        assert len(scores) == 2
        assert json.loads(summary.read_text())["step"] == min(scores, key=scores.get)


@pytest.mark.usefixtures("quick")
def test_a_signal_stops_it_before_anybody_is_tested_and_the_same_command_goes_on(cohort, tmp_path, phases, monkeypatch):
    out = tmp_path / "out"
    first, second = [("train", out / "runs" / "pcsa" / "seed0" / f"fold{fold}") for fold in range(2)]
    for step, begun in ((4, {first}), (1, {first, second})):  # at the last step of a run, and on the way of the next
        with monkeypatch.context() as patch:
            quick_training.signal_after(patch, step)
            assert reproduce(words(cohort, out)) == 143
        assert {phase for phase, _ in phases} == begun
        assert not (out / "fig3").exists()
    assert reproduce(words(cohort, out)) == 0
    assert (out / "fig3" / "fig3.md").is_file()


@pytest.mark.usefixtures("quick")
def test_a_row_that_fails_is_left_out_and_named(cohort, tmp_path, monkeypatch, capsys):
    out, train = tmp_path / "out", runner.train

    def failing(config, workdir, **known):
        if config.row == "pca" and config.data.fold == 1:
            quick_training.install(monkeypatch, nan_at=3)
        return train(config, workdir, **known)

    monkeypatch.setattr(runner, "train", failing)
    assert reproduce(words(cohort, out)) == 1
    told = capsys.readouterr().err
    assert "fig3: left out, as runs are missing: pca (seed 0 fold 1)" in told
    assert (
        "1 runs failed; the same command tries them again:\n  row pca, seed 0, fold 1: step 3: expected finite" in told
    )
    page = (out / "fig3" / "fig3.md").read_text()
    assert "PCA-GAN (`pca`) was not scored" in page
    assert set(pd.read_csv(out / "fig3" / "subjects.tsv", sep="\t").row) == {"pcsa"}


@pytest.mark.usefixtures("quick")
def test_nothing_complete_is_an_error_in_one_line(cohort, tmp_path, monkeypatch, capsys):
    def failing(config, workdir, **_):
        raise runner.UserError("no.")

    monkeypatch.setattr(runner, "train", failing)
    assert reproduce(words(cohort, tmp_path / "out")) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "reproduce: error: fig3: expected at least one row with all of its runs, found none. See the failed runs."
    )


def test_the_plan_is_printed_and_nothing_written(cohort, tmp_path, capsys):
    assert reproduce(words(cohort, tmp_path / "out", "--plan", "--seeds=2", target="table3")) == 1
    assert "table3: expected the classifiers' config at" in capsys.readouterr().err
    arguments = words(cohort, tmp_path / "out", "--plan", "--no-measure", "--seeds=2", target="table1", folds=3)
    assert reproduce(arguments) == 0
    shown = capsys.readouterr().out
    assert "table1: 3 rows × 2 seeds × 3 folds" in shown
    line = next(line for line in shown.splitlines() if "sa16" in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == ["sa16", "6", "0", "4", "n/a"]
    assert "18 runs left, 72 steps of 2 volumes\n" in shown and "Time: not measured. Leave --no-measure out" in shown
    assert not (tmp_path / "out").exists()


def test_several_processes_are_refused(cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        module, "find_launch", lambda *given: type("Launch", (), {"num_processes": 4, "launcher": "slurm"})
    )
    assert reproduce(words(cohort, tmp_path / "out")) == 1
    assert capsys.readouterr().err == (
        "reproduce: error: reproduce: expected one process, found 4 (slurm). Start it once, without srun or mpirun: it "
        "uses all devices of its machine.\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("target", row_sets())
def test_every_row_trains_and_evaluates_with_its_networks(cohort, tmp_path_factory, target, monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])
    if target != "fig3":  # one set's pictures are painted, the others' are like them
        leave_unpainted(monkeypatch)
    # One folder for all: a row that several share is trained once, in whichever comes first.
    out = tmp_path_factory.getbasetemp() / "every_row"
    assert reproduce(words(cohort, out, "--config.num_epochs=1", target=target, config=quick_reproduction.CONFIG)) == 0
    scores = pd.read_csv(out / target / "subjects.tsv", sep="\t")
    models = scores[scores.predictor == "model"]
    assert set(models.row) == set(rows_of(target, read_rows(str(quick_reproduction.CONFIG))))
    assert (models.groupby("row").participant_id.nunique() == 12).all()
    assert models.mae_brain.between(0, 1).all()
    assert (out / target / f"{target}.md").is_file()
    assert (out / target / f"{target}_subject.png").is_file() == TARGETS[target].shows_subject


@pytest.mark.slow
@pytest.mark.parametrize("target", ["table3", "disease"])
def test_the_generators_are_classified_with_and_examined(cohort, tmp_path_factory, target, monkeypatch):
    monkeypatch.setattr(illustration, "draw_all", lambda *arguments: [])
    out = tmp_path_factory.getbasetemp() / "every_row"
    config = f"--classifier-config={quick_reproduction.CONFIG.with_name('tiny_classifier.py')}"
    arguments = words(cohort, out, "--config.num_epochs=1", config, target=target, config=quick_reproduction.CONFIG)
    assert reproduce(arguments) == 0
    page = out / ("table3/table3.md" if target == "table3" else "disease/seed0/disease.md")
    assert "phantom" in page.read_text().lower()
