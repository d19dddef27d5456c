"""A plan writes nothing, knows everybody without a cohort, and its time is steps times seconds a step."""

import json
import re

import jax
import pytest

from pcsa_jax.commands import run_command
from pcsa_jax.data.phantom.roster import COHORT_NAME, PHANTOM_VERSION
from pcsa_jax.experiment.cohort import look_at_cohort, open_cohort
from pcsa_jax.studies.reproduction import outlook, reproduce
from pcsa_jax.studies.reproduction.ledger import write_record
from pcsa_jax.studies.reproduction.plan import Request, make_plan
from pcsa_jax.training.pace import Pace
from tests.studies.reproduction.quick_reproduction import CONFIG
from tests.training import quick_training

SECONDS = {"pcsa": 0.5, "pca": 0.25, "sa": 2.0, "sa16": 1.0, "sa32": 4.0}


@pytest.fixture
def paces(monkeypatch):
    """Known paces in place of measured ones; returns the row of every measurement."""
    calls = []

    def measure_pace(config):
        calls.append(config.row)
        return Pace(SECONDS[config.row], 30.0)

    monkeypatch.setattr(outlook, "measure_pace", measure_pace)
    monkeypatch.setattr(reproduce, "keep_compiled_programs", lambda: None)
    return calls


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Prints the plan of a target on the built-in cohort, with empty folders for cache, work and output."""
    for name in ("cache", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "work")

    def plan(*words, target="fig3"):
        arguments = [target, "--plan", f"--config={CONFIG}", "--folds=2", f"--out={tmp_path / 'out'}", *words]
        assert run_command("reproduce", arguments, prog="reproduce") == 0
        return capsys.readouterr()

    return plan


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def cells(text, row):
    """The lines of ``row`` in the tables of a plan."""
    lines = [line for line in text.splitlines() if re.match(rf"│ {row} ", line)]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


@pytest.mark.parametrize("words", [["--no-measure"], []])
def test_nothing_is_written(plan, tmp_path, paces, words):
    before = tree(tmp_path)
    shown = plan(*words).out
    assert tree(tmp_path) == before
    assert f"{COHORT_NAME}: 12 pairs of 12 participants; each" in shown


def test_nothing_is_written_by_real_steps_either(plan, tmp_path, monkeypatch):
    quick_training.install(monkeypatch)
    monkeypatch.setattr(reproduce, "keep_compiled_programs", lambda: None)
    before = tree(tmp_path)
    assert float(cells(plan().out, "pca")[1][1]) > 0
    assert tree(tmp_path) == before


def test_folds_are_exact_before_the_cohort_is_there(plan, tmp_path, paces):
    request = Request("fig3", str(CONFIG), (), 2, 1, tmp_path / "out")
    before = make_plan(request)
    data = before.runs[0].config.data
    assert look_at_cohort(data) == before.cohort
    written = open_cohort(data)
    assert written == before.cohort
    after = make_plan(request._replace(overrides=(f"--config.data.root={written.root}",)))
    assert after.parts == before.parts == ({"test": 6, "validation": 2, "train": 4},) * 2
    assert [run.num_steps for run in after.runs] == [run.num_steps for run in before.runs]
    assert "each fold trains on 4, validates on 2 and tests on 6 pairs" in plan("--no-measure").out


def test_the_time_is_steps_times_seconds(plan, paces):
    shown = plan("--config.num_epochs=100")
    # 4 training subjects in steps of 2: 200 steps a run, two folds of each row.
    assert paces == ["pcsa", "pca", "sa"]
    assert cells(shown.out, "sa") == [
        ["sa", "2", "0", "200", "n/a"],
        ["sa", "2", "steps", "30.0 s", "6 min 40 s", "2"],
    ]
    assert "6 runs left, 1,200 steps of 2 volumes\n" in shown.out
    # 400 * (0.5 + 0.25 + 2) s
    assert "Training: about 18 min 20 s on " in shown.out
    assert "An estimate: steps times seconds a step; compilation, validation, evaluation and pages" in shown.out
    assert re.search(r"Timing a training step of 3 rows on random volumes: roughly 1 min \d\d s. Ctrl-C", shown.err)
    assert "--no-measure leaves it out." in shown.err
    assert re.search(r"row pcsa: 0.5 s a step, compiled in 30.0 s; roughly 1 min \d\d s more\n", shown.err)
    assert "row sa: 2 s a step, compiled in 30.0 s\n" in shown.err


def test_without_measuring_it_says_what_it_needs(plan, paces):
    shown = plan("--no-measure")
    assert paces == [] and "Timing" not in shown.err
    assert "Time: not measured. Leave --no-measure out to time a few training steps of each row.\n" in shown.out


def finish(root, steps, seconds):
    root.mkdir(parents=True)
    (root / "config.json").write_text("{}")
    record = {"steps": steps, "best_step": 1, "train_seconds": seconds, "parameters": 1}
    (root / "training.json").write_text(json.dumps(record))


def test_finished_runs_count_as_done_and_tell_their_row_s_pace(plan, paces, tmp_path):
    runs = make_plan(Request("fig3", str(CONFIG), (), 2, 1, tmp_path / "out")).runs
    (tmp_path / "out").mkdir()
    write_record(make_plan(Request("fig3", str(CONFIG), (), 2, 1, tmp_path / "out")))
    finish(runs[0].workdir.root, 4, 40.0)
    before = tree(tmp_path)
    shown = plan().out
    assert tree(tmp_path) == before
    assert paces == ["pca", "sa"]
    assert cells(shown, "pcsa") == [
        ["pcsa", "2", "1", "4", "40 s"],
        ["pcsa", "10", "finished runs", "n/a", "40 s", "1"],
    ]
    # 4 * 10 s of pcsa, 8 * 0.25 of pca, 8 * 2 of sa
    assert "Training: about 58 s on " in shown
    for run in runs[1:]:
        finish(run.workdir.root, 4, 40.0)
    shown = plan().out
    assert shown.endswith("Nothing is left to train\n") and "Disk" not in shown


def test_rows_that_compute_the_same_are_timed_once(plan, paces, monkeypatch):
    monkeypatch.setattr(outlook, "_program", lambda config: str(config.row == "sa"))
    shown = plan()
    assert paces == ["pcsa", "sa"]
    assert "row pcsa, pca: 0.5 s a step" in shown.err
    assert cells(shown.out, "pca")[1][1] == "0.5"


def test_what_a_step_depends_on(tmp_path):
    runs = make_plan(Request("fig3", str(CONFIG), (), 2, 2, tmp_path / "out")).runs
    programs = {outlook._program(run.config) for run in runs if run.row == "pcsa"}
    assert len(programs) == 1  # seeds and folds
    assert len({outlook._program(run.config) for run in runs}) == 3
    larger = make_plan(Request("fig3", str(CONFIG), ("--config.batch_size=1",), 2, 1, tmp_path / "out")).runs[0]
    assert outlook._program(larger.config) not in programs


def test_a_step_that_does_not_fit_is_told_and_the_others_are_timed(plan, paces, monkeypatch):
    known = outlook.measure_pace

    def measure_pace(config):
        if config.row == "sa":
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\n while allocating")
        return known(config)

    monkeypatch.setattr(outlook, "measure_pace", measure_pace)
    shown = plan()
    assert (
        "row sa: no step could be timed (RESOURCE_EXHAUSTED: Out of memory while allocating). Raise "
        "--config.micro_batches.\n" in shown.err
    )
    assert cells(shown.out, "sa")[1] == ["sa", "n/a", "the other rows", "n/a", "n/a", "2"]
    # 8 * (0.5 + 0.25) s, and sa like the mean of the two
    assert "Training: about 9 s on " in shown.out


def test_the_disk_that_is_needed(plan, paces, tmp_path):
    (line,) = [line for line in plan("--no-measure").out.splitlines() if line.startswith("Disk")]
    root = tmp_path / "cache" / f"phantom-v{PHANTOM_VERSION}-seed0-16-12pairs-2mri"
    found = re.fullmatch(
        rf"Disk: at most about (\S+) MB \((\S+) MB checkpoints of the runs left in {tmp_path / 'out'}; (\S+) MB the "
        rf"built-in cohort in {root}, not written yet\); \S+ GB are free. Tables and figures come on top.",
        line,
    )
    total, runs, phantom = (float(word) for word in found.groups())
    assert total == pytest.approx(runs + phantom, abs=0.02)
    config = make_plan(Request("fig3", str(CONFIG), (), 2, 1, tmp_path / "out")).runs[0].config
    open_cohort(config.data)
    (line,) = [line for line in plan("--no-measure").out.splitlines() if line.startswith("Disk")]
    assert "built-in" not in line
    # A cohort that is too large for memory is kept as arrays by every run: 6 subjects, two volumes of 16^3 float32.
    (line,) = [
        line
        for line in plan("--no-measure", "--config.data.resident_gib=0.0").out.splitlines()
        if line.startswith("Disk")
    ]
    assert float(line.split()[4]) == pytest.approx(runs + 6 * 6 * 2 * 4 * 16**3 / 1e6, abs=0.02)


def test_no_measure_belongs_to_a_plan(tmp_path, capsys):
    words = ["fig3", f"--config={CONFIG}", f"--out={tmp_path / 'out'}", "--no-measure"]
    assert run_command("reproduce", words, prog="reproduce") == 1
    assert capsys.readouterr().err == (
        "reproduce: error: --no-measure: expected --plan beside it, found none. Without --plan nothing is timed.\n"
    )
