"""The training loop end to end: exact resume, clean stop, no test subject read, nothing written by a mistake."""

import json
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from pcsa_jax.data import layout
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.splits import make_splits, read_splits
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.config import flatten, parse_config, read_config
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.training import plain_paths
from pcsa_jax.training import train as training
from pcsa_jax.training.checkpoints import Checkpoints, state_hash
from pcsa_jax.training.events_log import read_events
from pcsa_jax.training.train import Outcome, train
from tests.conftest import ROOT, SIZE
from tests.training import quick_training
from tests.training.quick_training import signal_after

STEPS = 12  # 4 epochs of 3 steps; scores and checkpoints after steps 6 and 12


@pytest.fixture
def quick(monkeypatch):
    """A step without networks: what is claimed is about the loop around it."""
    quick_training.install(monkeypatch)


def final_state(config, workdir):
    with Checkpoints(workdir.checkpoints, build(config, num_steps=STEPS).initial_state()) as checkpoints:
        return checkpoints.steps(), checkpoints.restore_latest()


def rows(workdir, of="generator/total"):
    found = [json.loads(line) for line in workdir.metrics.read_text().splitlines()]
    return [row for row in found if of in row]


def without_clock(row):
    return {name: value for name, value in row.items() if name not in ("volumes_per_s", "data_wait_fraction")}


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def uninterrupted(tiny_config, tmp_path_factory):
    """A quick run from beginning to end."""
    workdir = Workdir(tmp_path_factory.mktemp("uninterrupted") / "run")
    with pytest.MonkeyPatch.context() as patch:
        quick_training.install(patch)
        assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    return workdir


def assert_same_run(config, workdir, expected, *, is_same_plan=True):
    """The same parameters to the bit, and the expected run's rows among those of ``workdir``, each step once.

    Runs of one length have the same events too.
    """
    (_, found), (_, wanted) = final_state(config, workdir), final_state(config, expected)
    assert int(found.state.step) == STEPS
    assert state_hash(found.state) == state_hash(wanted.state)
    steps = [row["step"] for row in rows(workdir)]
    assert steps == sorted(set(steps))
    by_step = {row["step"]: without_clock(row) for row in rows(workdir)}
    for row in rows(expected):
        assert by_step[row["step"]] == without_clock(row)
    of = "validation/mae_brain"
    assert rows(workdir, of) == rows(expected, of)
    if is_same_plan:
        assert read_events(workdir.events) == read_events(expected.events) != []
    assert [row["step"] for row in rows(workdir, of)] == [6, 12]


@pytest.mark.usefixtures("quick")
def test_a_run_leaves_its_files(tiny_config, uninterrupted):
    config, workdir = tiny_config(), uninterrupted
    assert flatten(read_config(workdir.config)) == flatten(config)
    splits = list(read_splits(workdir.splits).values())
    assert [splits.count(part) for part in ("train", "validation", "test")] == [6, 2, 4]
    environment = json.loads(workdir.environment.read_text())
    assert environment["packages"]["jax"] and environment["devices"]
    assert [row["step"] for row in rows(workdir)] == [1, 2, 4, 6, 8, 10, 12]
    assert [row["epoch"] for row in rows(workdir)] == [0, 0, 1, 1, 2, 3, 3]
    assert all(row["volumes_per_s"] > 0 for row in rows(workdir))
    assert all(0 <= row["data_wait_fraction"] < 1 for row in rows(workdir))
    steps, latest = final_state(config, workdir)
    assert steps == [6, 12]
    assert latest.meta["epoch"] == 3 and latest.meta["train_seconds"] > 0
    assert latest.meta["scores"]["mae_brain"] == rows(workdir, "validation/mae_brain")[-1]["validation/mae_brain"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_within_an_epoch_and_resumed_is_the_same_run(
    tiny_config, workdir, uninterrupted, monkeypatch, capsys, number, status
):
    with monkeypatch.context() as patch:
        signal_after(patch, 4, number)
        handler = signal.getsignal(number)
        outcome = train(tiny_config(), workdir)
    assert outcome == Outcome(5, number) and 128 + outcome.signal_number == status
    assert signal.getsignal(number) == handler
    assert f"{number.name}: stopped after step 5, saved; the same command goes on from there" in capsys.readouterr().err
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert "Resuming after step 5" in capsys.readouterr().err
    assert_same_run(tiny_config(), workdir, uninterrupted)


@pytest.mark.usefixtures("quick")
def test_a_signal_at_the_last_step_is_not_lost(tiny_config, workdir, uninterrupted, monkeypatch, capsys):
    """Nothing is left to train, but whoever started the training has more to do."""
    with monkeypatch.context() as patch:
        signal_after(patch, STEPS)
        assert train(tiny_config(), workdir) == Outcome(STEPS, signal.SIGTERM)
    assert "SIGTERM: stopped after the last step, saved" in capsys.readouterr().err
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert_same_run(tiny_config(), workdir, uninterrupted)


@pytest.mark.slow
def test_killed_without_warning_and_resumed_is_the_same_run(
    tiny_config, tiny_words, workdir, uninterrupted, monkeypatch
):
    script = (
        "import os, pathlib, signal, sys\n"
        "import pytest\n"
        "from pcsa_jax.experiment.config import parse_config\n"
        "from pcsa_jax.training.metrics_log import MetricsLog\n"
        "from pcsa_jax.training.train import train\n"
        "from pcsa_jax.experiment.workdir import Workdir\n"
        "from tests.training import quick_training\n"
        "patch = pytest.MonkeyPatch()\n"
        "quick_training.install(patch)\n"
        "write = MetricsLog.write\n"
        "def write_and_die(self, step, epoch, values):\n"
        "    write(self, step, epoch, values)\n"
        "    if step == 10:\n"
        '        self._stream.write(\'{"step": 11, "epo\')\n'
        "        self._stream.flush()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "patch.setattr(MetricsLog, 'write', write_and_die)\n"
        "train(parse_config(sys.argv[2:]), Workdir(pathlib.Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", script, str(workdir.root), *tiny_words()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert workdir.metrics.read_text().endswith('{"step": 11, "epo')
    quick_training.install(monkeypatch)
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert_same_run(tiny_config(), workdir, uninterrupted)


@pytest.mark.slow
def test_with_the_networks_a_stopped_run_is_the_uninterrupted_one_to_the_bit(
    tiny_config, tiny_run, workdir, monkeypatch
):
    config, whole = tiny_config(), Workdir(tiny_run)
    with monkeypatch.context() as patch:
        signal_after(patch, 4)
        assert train(config, workdir).step == 5
    assert train(config, workdir) == Outcome(STEPS, None)
    assert_same_run(config, workdir, whole)
    losses = [row["generator/total"] for row in rows(whole)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


@pytest.mark.usefixtures("quick")
def test_events_are_told_once_and_come_back_after_a_kill(tiny_config, workdir, uninterrupted, capsys):
    train(tiny_config({"num_epochs": 2}), workdir)
    told = capsys.readouterr().err
    assert [row["step"] for row in read_events(workdir.events)] == [6]
    assert told.count("warning: step 6: expected a validation mae_brain below the mean PET's, 0.") == 1
    # A kill right after step 12's events: they are dropped with the steps, and come again.
    with workdir.events.open("a") as stream:
        stream.write('{"step": 8, "epoch": 2, "event": "x", "text": "y"}\n{"step": 12, "ep')
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert [(row["step"], row["event"]) for row in read_events(workdir.events)] == [(6, "behind_the_mean_pet")]
    assert_same_run(tiny_config(), workdir, uninterrupted, is_same_plan=False)


@pytest.mark.usefixtures("quick")
def test_the_end_says_what_was_waited_for_skipped_and_clipped(tiny_config, workdir, capsys):
    train(tiny_config({"num_epochs": 1, "data.normalisation": "percentile"}), workdir)
    said = capsys.readouterr().err
    assert re.search(r"Waiting for data took \d+\.\d s, \d+ % of the time after the first step", said)
    pets = [line.split("\t") for line in workdir.inputs.read_text().splitlines()[1:]]
    clipped = [int(row[11]) for row in pets if int(row[11])]
    assert clipped
    assert said.rstrip().endswith(
        "Skipped 2 visits without an FDG-PET or the diagnosis AD or CN; clipped "
        f"{sum(clipped)} voxels of {len(clipped)} of 16 volumes to [0, 1]."
    )


@pytest.mark.usefixtures("quick")
def test_a_resume_on_another_machine_is_told_and_kept(tiny_config, workdir, capsys):
    train(tiny_config({"num_epochs": 2}), workdir)
    stored = json.loads(workdir.environment.read_text())
    stored["threads"]["usable_cores"] = 99
    workdir.environment.write_text(json.dumps(stored))
    capsys.readouterr()
    train(tiny_config(), workdir)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "resumed with another" in line]
    assert line.startswith("warning: step 7: resumed with another usable_cores: 99 -> ")
    assert "docs/training.md says what is promised." in line
    assert (7, "another_environment") in [(row["step"], row["event"]) for row in read_events(workdir.events)]


@pytest.mark.usefixtures("quick")
def test_the_order_of_a_file_system_changes_nothing(tiny_config, workdir, uninterrupted, monkeypatch):
    listdir, scandir, glob = os.listdir, os.scandir, []

    class Backwards:
        def __init__(self, path="."):
            with scandir(path) as entries:
                self._entries = iter(list(entries)[::-1])
            glob.append(path)

        def __enter__(self):
            return self._entries

        def __exit__(self, *_):
            return None

        def __iter__(self):
            return self._entries

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", Backwards)
        patch.setattr(os, "listdir", lambda path=".": glob.append(path) or listdir(path)[::-1])
        assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert any("cohort" in str(path) for path in glob), "the cohort was listed backwards"
    assert workdir.splits.read_bytes() == uninterrupted.splits.read_bytes()
    assert workdir.inputs.read_bytes() == uninterrupted.inputs.read_bytes()
    assert_same_run(tiny_config(), workdir, uninterrupted)


@pytest.mark.usefixtures("quick")
def test_another_seed_is_another_run(tiny_config, workdir, uninterrupted):
    config = tiny_config({"seed": 1})
    train(config, workdir)
    assert read_splits(workdir.splits) == read_splits(uninterrupted.splits)
    assert state_hash(final_state(config, workdir)[1].state) != state_hash(final_state(config, uninterrupted)[1].state)


@pytest.mark.usefixtures("quick")
def test_the_folds_have_a_seed_of_their_own(tiny_config, workdir, uninterrupted):
    train(tiny_config({"data.split_seed": 1}), workdir)
    assert read_splits(workdir.splits) != read_splits(uninterrupted.splits)


@pytest.mark.usefixtures("quick")
def test_a_finished_run_is_left_as_it_is(tiny_config, workdir, capsys):
    train(tiny_config({"num_epochs": 2}), workdir)
    before = content(workdir.root)
    assert train(tiny_config({"num_epochs": 2}), workdir) == Outcome(6, None)
    assert f"{workdir.root}: this run is finished (6 steps); nothing to do" in capsys.readouterr().err
    assert content(workdir.root) == before


@pytest.mark.usefixtures("quick")
def test_a_finished_run_goes_on_for_more_epochs(tiny_config, workdir, uninterrupted, capsys):
    train(tiny_config({"num_epochs": 2}), workdir)
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert "Resuming with another num_epochs: 2 -> 4" in capsys.readouterr().err
    assert read_config(workdir.config).num_epochs == 4
    assert_same_run(tiny_config(), workdir, uninterrupted, is_same_plan=False)


@pytest.mark.usefixtures("quick")
def test_a_damaged_last_checkpoint_is_made_again(tiny_config, workdir, uninterrupted):
    train(tiny_config(), workdir)
    for path in (workdir.checkpoints / "12" / "state").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert train(tiny_config(), workdir) == Outcome(STEPS, None)
    assert_same_run(tiny_config(), workdir, uninterrupted)


@pytest.mark.parametrize(
    ("nan_at", "saved"),
    [
        (5, "no checkpoint was written yet, so resuming repeats every step"),
        (9, "the checkpoint of step 6 is whole, and resuming repeats the steps after it"),
    ],
)
def test_a_loss_that_is_not_finite_stops_the_run(tiny_config, workdir, monkeypatch, nan_at, saved):
    quick_training.install(monkeypatch, nan_at=nan_at)
    with pytest.raises(UserError) as caught:
        train(tiny_config(), workdir)
    # Steps 5 and 9 are not logged ones: their losses are looked at all the same.
    assert str(caught.value) == (
        f"step {nan_at}: expected finite losses, found generator/total = nan, of the generator; {saved} "
        "(--config.log_every_steps=1 shows each). Go on with a lower generator_optimizer.learning_rate, or train anew "
        "with generator_optimizer.gradient_clip = 1."
    )
    # The step before can be looked at, and what happened stands in the record.
    assert rows(workdir)[-1]["step"] == nan_at - 1
    last = read_events(workdir.events)[-1]
    assert (last["step"], last["event"]) == (nan_at, "generator_is_not_finite")
    assert str(caught.value) == f"step {nan_at}: {last['text']}"
    steps = final_state(tiny_config(), workdir)[0]
    assert steps == [step for step in (6,) if step < nan_at]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Orbax leaves an event loop behind
@pytest.mark.usefixtures("quick")
def test_a_place_that_loses_checkpoints_ends_the_training_at_the_first(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(plain_paths, "is_plain", lambda path: True)
    workdir = Workdir(tmp_path / "[x]" / "run")
    with pytest.raises(
        UserError, match="It was written a moment ago, so this place does not give back what it is given"
    ):
        train(tiny_config(), workdir)
    assert rows(workdir)[-1]["step"] == 6


@pytest.mark.usefixtures("quick")
def test_the_files_of_test_subjects_are_never_opened(tiny_words, copy_of_cohort, overwrite, workdir):
    config = parse_config(tiny_words({"data.root": copy_of_cohort}))
    diagnoses = {subject.participant_id: subject.diagnosis for subject in read_cohort(copy_of_cohort).pairs}
    data = config.data
    splits = make_splits(
        diagnoses, fold=data.fold, num_folds=data.num_folds, validation_fraction=data.validation_fraction,
        seed=config.seed,
    )  # fmt: skip
    tested = [person for person, split in splits.items() if split == "test"]
    assert len(tested) == 4
    for person in tested:
        for path in (copy_of_cohort / person).rglob("*.nii.gz"):
            overwrite(path, "not a volume")
    assert train(config, workdir) == Outcome(STEPS, None)
    # The same damage in the training part is found, so the test would see a test subject being read.
    person = next(person for person, split in splits.items() if split == "train")
    overwrite(layout.mri_path(copy_of_cohort, person, size=SIZE), "not a volume")
    with pytest.raises(UserError, match=f"{person}: MRI: expected a readable NIfTI file"):
        train(config, workdir)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 3}, "holds a run with batch_size = 2, found 3. Use the same config"),
        ({"generator.bottleneck_features": 5}, "holds a run with generator.bottleneck_features = 4, found 5."),
        ({"seed": 1}, "holds a run with seed = 0, found 1."),
    ],
)
def test_another_config_does_not_touch_a_run(tiny_config, uninterrupted, changes, message):
    before = content(uninterrupted.root)
    with pytest.raises(UserError, match=f"{uninterrupted.root}: {message}"):
        train(tiny_config(changes), uninterrupted)
    assert content(uninterrupted.root) == before


@pytest.mark.usefixtures("quick")
def test_another_cohort_does_not_touch_a_run(tiny_words, copy_of_cohort, overwrite, uninterrupted):
    table = copy_of_cohort / "participants.tsv"
    overwrite(table, "".join(line for line in table.read_text().splitlines(True) if not line.startswith("sub-0003")))
    before = content(uninterrupted.root)
    with pytest.raises(UserError) as caught:
        train(parse_config(tiny_words({"data.root": copy_of_cohort})), uninterrupted)
    assert str(caught.value).startswith(
        f"{uninterrupted.splits}: expected the cohort's 11 participants, found 12 (1 differ, first sub-0003)."
    )
    assert content(uninterrupted.root) == before


@pytest.mark.usefixtures("quick")
def test_someone_else_s_folder_is_left_as_it_is(tiny_config, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="expected an empty folder or a run, found other files"):
        train(tiny_config(), Workdir(tmp_path))
    assert content(tmp_path) == {"thesis.tex": b"mine"}


@pytest.mark.usefixtures("quick")
def test_a_start_that_fails_can_be_repeated(tiny_config, workdir):
    with pytest.raises(UserError, match="batch_size: expected at most the 6 training subjects, found 7"):
        train(tiny_config({"batch_size": 7}), workdir)
    assert set(content(workdir.root)) <= {".lock"}
    assert train(tiny_config({"num_epochs": 1}), workdir) == Outcome(3, None)


@pytest.mark.usefixtures("quick")
def test_a_second_training_in_the_folder_is_refused(tiny_config, uninterrupted):
    with uninterrupted.lock(), pytest.raises(UserError, match="expected no other process, found one that trains there"):
        train(tiny_config(), uninterrupted)


def test_the_plan():
    class Config:
        batch_size, num_epochs, seed = 4, 10, 0

    assert training.Plan.of(Config, 11) == training.Plan(steps_per_epoch=2, num_steps=20)
