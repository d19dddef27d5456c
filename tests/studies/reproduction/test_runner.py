"""Runs one after another: finished ones stay, stopped ones go on, a failed one stops no other."""

import signal

import nibabel as nib
import numpy as np
import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.contents import read_known
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.studies.reproduction import runner
from pcsa_jax.studies.reproduction.known import known_of
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.studies.reproduction.runner import Progress, Training, estimate_seconds, evaluate_runs, train_runs
from pcsa_jax.training.checkpoints import Checkpoints
from tests.studies.reproduction import quick_reproduction
from tests.studies.reproduction.quick_reproduction import TWO_ROWS
from tests.training import quick_training


@pytest.fixture
def plan(cohort, tmp_path, monkeypatch):
    quick_reproduction.install(monkeypatch)
    return make_plan(Request("fig3", str(TWO_ROWS), (f"--config.data.root={cohort}",), 2, 1, tmp_path / "out"))


@pytest.fixture
def trained(monkeypatch):
    """Names of the rows and folds that were trained, in this order."""
    calls, train = [], runner.train

    def noting(config, workdir, **words):
        calls.append((config.row, config.data.fold))
        return train(config, workdir, **words)

    monkeypatch.setattr(runner, "train", noting)
    return calls


def best_of(run):
    with Checkpoints(run.workdir.checkpoints, build(run.config, num_steps=1).initial_state()) as checkpoints:
        return checkpoints.best_step()


def test_finished_runs_are_not_run_again(plan, trained, capsys):
    runs = plan.runs[:2]
    first = train_runs(runs)
    assert trained == [("pcsa", 0), ("pcsa", 1)]
    assert first.failed == {} and first.signal_number is None
    for run in runs:
        training = first.done[run.name]
        assert training.steps == run.num_steps
        assert training.best_step == best_of(run)
        assert training.train_seconds > 0 and training.parameters > 1000
    assert "Run 1 of 2: row pcsa, seed 0, fold 0\n" in capsys.readouterr().err
    assert train_runs(runs) == first
    assert len(trained) == 2
    # Without its record a finished run is recognised by its checkpoints.
    (runs[0].workdir.root / "training.json").write_text("{")
    assert train_runs(runs) == first


def test_a_stopped_run_goes_on_and_those_after_it_wait(plan, trained, monkeypatch):
    with monkeypatch.context() as patch:
        quick_training.signal_after(patch, 1)
        stopped = train_runs(plan.runs[:2])
    assert stopped == Progress({}, {}, signal.SIGTERM)
    assert trained == [("pcsa", 0)]
    done = train_runs(plan.runs[:2])
    assert trained == [("pcsa", 0), ("pcsa", 0), ("pcsa", 1)]
    assert set(done.done) == {run.name for run in plan.runs[:2]}


def test_a_run_that_diverges_stops_no_other(plan, trained, monkeypatch, capsys):
    runs = (plan.runs[0], plan.runs[2])
    with monkeypatch.context() as patch:
        quick_training.install(patch, nan_at=2)
        failing = train_runs(runs[:1])
    assert failing.done == {}
    assert "step 2: expected finite losses, found generator/total = nan" in failing.failed[runs[0].name]
    assert f"{runs[0].name}: failed: step 2" in capsys.readouterr().err
    done = train_runs(runs)
    assert set(done.done) == {run.name for run in runs}
    assert done.failed == {}


def test_a_row_that_fails_lets_the_next_row_run(plan, monkeypatch):
    train = runner.train

    def failing(config, workdir, **words):
        if config.row == "pcsa":
            raise runner.UserError("step 3: expected finite losses, found nan.")
        return train(config, workdir, **words)

    monkeypatch.setattr(runner, "train", failing)
    done = train_runs((plan.runs[0], plan.runs[2]))
    assert done.failed == {"row pcsa, seed 0, fold 0": "step 3: expected finite losses, found nan."}
    assert set(done.done) == {"row pca, seed 0, fold 0"}


def test_evaluations_of_another_checkpoint_are_made_again(plan, monkeypatch):
    runs = plan.runs[:1]
    done = evaluate_runs(runs, train_runs(runs))
    summary = runs[0].workdir.evaluation("test") / "summary.json"
    written = summary.stat().st_mtime_ns
    assert runner.evaluated_step(runs[0].workdir) == best_of(runs[0])
    assert evaluate_runs(runs, done) == done
    assert summary.stat().st_mtime_ns == written
    summary.write_text(summary.read_text().replace(f'"step": {best_of(runs[0])}', '"step": 1'))
    assert runner.evaluated_step(runs[0].workdir) == 1
    evaluate_runs(runs, done)
    assert runner.evaluated_step(runs[0].workdir) == best_of(runs[0])


def test_a_run_that_cannot_be_evaluated_counts_as_failed(plan, monkeypatch):
    runs = plan.runs[:2]
    done = train_runs(runs)
    (runs[0].workdir.splits).unlink()
    after = evaluate_runs(runs, done)
    assert set(after.done) == {runs[1].name}
    assert "expected the run's splits, found no file" in after.failed[runs[0].name]


def test_the_time_left_is_that_of_the_row_or_of_all_rows(plan):
    pcsa, _, pca, other = runs = plan.runs
    assert estimate_seconds(runs, runs, {}) is None
    done = {pcsa.name: Training(pcsa.num_steps, 2, 8.0, 10)}
    assert estimate_seconds([pca, other], runs, done) == pytest.approx(16.0)
    done[pca.name] = Training(pca.num_steps, 2, 4.0, 10)
    assert estimate_seconds([other], runs, done) == pytest.approx(4.0)
    longer = other._replace(num_steps=2 * other.num_steps)
    assert estimate_seconds([longer], runs, done) == pytest.approx(8.0)


def test_a_measured_step_counts_where_no_run_of_the_row_is_finished(plan):
    pcsa, _, pca, _ = runs = plan.runs
    assert estimate_seconds([pcsa, pca], runs, {}, {"pcsa": 3.0, "pca": 0.5}) == pytest.approx(3.5 * pcsa.num_steps)
    done = {pcsa.name: Training(pcsa.num_steps, 2, 8.0, 10)}
    assert estimate_seconds([runs[1]], runs, done, {"pcsa": 3.0}) == pytest.approx(8.0)
    assert estimate_seconds([pca], runs, {}, {"pcsa": 3.0}) == pytest.approx(3 * pca.num_steps)


def test_runs_on_different_volumes_do_not_meet(copy_of_cohort, overwrite, tmp_path, monkeypatch):
    """Who is tested in one fold is trained on in the other: a volume that changes in between is told."""
    quick_reproduction.install(monkeypatch)
    words = (f"--config.data.root={copy_of_cohort}",)
    runs = make_plan(Request("fig3", str(TWO_ROWS), words, 2, 1, tmp_path / "out")).runs[:2]
    done = evaluate_runs(runs[:1], train_runs(runs[:1]))
    who = min(known_of(runs[:1]).contents.keys() - read_known(runs[0].workdir.inputs).contents.keys()).participant_id
    path = layout.mri_path(copy_of_cohort, who, size=runs[0].config.data.size)
    image = nib.load(path)
    nib.Nifti1Image(0.98 * image.get_fdata(dtype=np.float32), image.affine).to_filename(tmp_path / "other.nii.gz")
    overwrite(path, (tmp_path / "other.nii.gz").read_bytes())
    found = train_runs(runs)
    assert found.done == done.done
    assert found.failed == {
        runs[1].name: f"{tmp_path / 'out' / 'runs' / 'pcsa' / 'seed0'}: expected the voxels and grids that were read "
        f"before, found others in 1 of 12 volumes ({who} MRI). Put the former files back, or use another --out."
    }
    assert not runs[1].workdir.config.exists()


def test_tables_that_contradict_each_other_are_told(plan, tmp_path):
    for run, digest in zip(plan.runs[:2], "ab", strict=True):
        table = f"participant_id\tsession_id\tmodality\tsha256\nsub-1\tn/a\tmri\t{digest * 64}\n"
        run.workdir.root.mkdir(parents=True)
        run.workdir.inputs.write_text(table)
    root = plan.runs[0].workdir.root.parent
    with pytest.raises(UserError) as caught:
        known_of(plan.runs[:2])
    assert str(caught.value) == (
        f"{root / 'fold1' / 'inputs.tsv'}: expected the sub-1 MRI that other runs below {root} have read, found other "
        f"voxels or another grid. Remove {root / 'fold1'} and start again, or use another --out."
    )
