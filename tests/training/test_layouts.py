"""The same training on one device, on eight, and in two processes over loopback: numbers, files, errors, signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from pcsa_jax.experiment.build import build
from pcsa_jax.experiment.workdir import Workdir
from pcsa_jax.training.checkpoints import Checkpoints
from pcsa_jax.training.train import Outcome, train
from tests.compilation import FLAGS, with_flags
from tests.conftest import ROOT
from tests.training import quick_training

pytestmark = pytest.mark.slow

TRAIN = [sys.executable, str(ROOT / "train.py")]
QUICK = (
    "import sys\n"
    "import pytest\n"
    "from pcsa_jax.commands import run_command\n"
    "from tests.training import quick_training\n"
    "quick_training.install(pytest.MonkeyPatch())\n"
    "sys.exit(run_command('train', sys.argv[1:], prog='train.py'))\n"
)
"""``train.py`` with a step that compiles at once."""


def start(words, *, program=TRAIN, devices=1):
    # With the flags of all others, a process on one device finds what they have compiled.
    more = {FLAGS: with_flags(f"--xla_force_host_platform_device_count={devices}")} if devices > 1 else {}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*program, *words], cwd=ROOT, env=os.environ | more, **pipes)


def start_two(words, **options):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = [f"--coordinator=127.0.0.1:{port}", "--num-processes=2"]
    return [start([*words, *place, f"--process-id={index}"], **options) for index in range(2)]


def finished(*processes):
    """[(exit status, what it said on stderr)] of each."""
    try:
        said = [process.communicate(timeout=150)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def words_for(workdir, words, *changes):
    return [f"--workdir={workdir.root}", *words, *(f"--config.{change}" for change in changes)]


def rows(workdir):
    return [json.loads(line) for line in workdir.metrics.read_text().splitlines()]


def assert_same_training(config, found, expected, *, rtol):
    """Every row of ``expected`` is in ``found`` once, to rounding, and the last states are the same."""
    keys = [(row["step"], "validation/mae_brain" in row) for row in rows(found)]
    assert keys == sorted(set(keys))
    by_key = dict(zip(keys, rows(found), strict=True))
    for wanted in rows(expected):
        row = by_key[wanted["step"], "validation/mae_brain" in wanted]
        assert row.keys() == wanted.keys()
        for name in row.keys() - {"volumes_per_s", "data_wait_fraction"}:
            np.testing.assert_allclose(row[name], wanted[name], rtol=rtol, atol=1e-5, err_msg=f"{row['step']} {name}")
    states = []
    for workdir in (found, expected):
        with Checkpoints(workdir.checkpoints, build(config, num_steps=1).initial_state()) as checkpoints:
            states.append(checkpoints.restore_latest().state)
    for left, right in zip(*(jax.tree.leaves(state.params) for state in states), strict=True):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-4)
    assert int(states[0].step) == int(states[1].step)


def test_every_layout_continues_the_run_of_another_with_the_same_numbers(tiny_words, tiny_config, tiny_run, tmp_path):
    workdir, words = Workdir(tmp_path / "run"), tiny_words({"log_every_steps": 1})
    # From scratch in two processes that read from files; one of them gets a signal while it compiles.
    two = start_two(words_for(workdir, words, "data.resident_gib=0"))
    deadline = time.monotonic() + 60
    while not workdir.tensorboard.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    two[1].send_signal(signal.SIGTERM)
    (status, said), (other_status, other_said) = finished(*two)
    assert (status, other_status) == (143, 143), said + other_said
    assert "on 2 x cpu of 2 processes" in said
    assert "SIGTERM: stopped after step 1, saved; the same command goes on from there" in said
    assert "Training" not in other_said and "stopped" not in other_said
    assert [row["step"] for row in rows(workdir)] == [1]
    # Eight devices, of which six have nothing but fillers, in two micro-batches.
    ((status, said),) = finished(
        start(words_for(workdir, words, "num_epochs=2", "micro_batches=2", "data.resident_gib=0"), devices=8)
    )
    assert status == 0, said
    assert "Resuming after step 1" in said and "on 8 x cpu" in said
    assert train(tiny_config({"log_every_steps": 2}), workdir) == Outcome(12, None)
    assert {row["step"] for row in rows(workdir)} == {1, 2, 3, 4, 5, 6, 7, 8, 10, 12}
    assert_same_training(tiny_config(), workdir, Workdir(tiny_run), rtol=2e-3)
    names = {
        ".lock",
        "arrays",
        "checkpoints",
        "config.json",
        "environment.json",
        "metrics.jsonl",
        "splits.tsv",
        "inputs.tsv",
        "events.jsonl",  # resumed on eight devices
        "trust.safetensors",  # of the end of its two epochs
    }
    assert {path.name for path in workdir.root.iterdir()} == names | {"tensorboard"}


def test_one_device_then_eight_then_two_processes_is_one_run(tiny_words, tiny_config, tmp_path, monkeypatch):
    workdir, expected, words = Workdir(tmp_path / "run"), Workdir(tmp_path / "expected"), tiny_words({"batch_size": 3})
    quick = [sys.executable, "-c", QUICK]
    with monkeypatch.context() as patch:
        quick_training.install(patch)
        train(tiny_config({"batch_size": 3, "num_epochs": 6}), expected)
        train(tiny_config({"batch_size": 3, "num_epochs": 2}), workdir)
    ((status, said),) = finished(start(words_for(workdir, words, "num_epochs=4"), program=quick, devices=8))
    assert status == 0 and "Resuming after step 4" in said, said
    two = start_two(words_for(workdir, words, "num_epochs=6"), program=quick, devices=2)
    (status, said), (other_status, other_said) = finished(*two)
    assert (status, other_status) == (0, 0), said + other_said
    assert "Resuming after step 8" in said and "on 4 x cpu of 2 processes" in said
    assert_same_training(tiny_config(), workdir, expected, rtol=1e-5)


def test_a_mistake_ends_all_processes_with_one_line(tiny_words, tmp_path):
    workdir = Workdir(tmp_path / "run")
    (status, said), (other_status, other_said) = finished(*start_two(words_for(workdir, tiny_words(), "batch_size=7")))
    assert (status, other_status) == (1, 1)
    assert said.splitlines()[-1] == (
        "train.py: error: batch_size: expected at most the 6 training subjects, found 7. Set --config.batch_size lower."
    )
    assert "error" not in other_said
    assert {path.name for path in workdir.root.iterdir()} == {".lock"}
