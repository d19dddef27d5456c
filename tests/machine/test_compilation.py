"""The persistent compilation cache: private, mended, optional; a warm start computes the same bits as a cold one."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import filelock
import jax
import pytest

from pcsa_jax.machine import compilation
from pcsa_jax.machine.compilation import MAX_BYTES, MIN_COMPILE_S, keep_compiled_programs, processor_name
from tests.compilation import as_users_run, prepare
from tests.conftest import ROOT

OPTIONS = (
    "jax_compilation_cache_dir", "jax_enable_compilation_cache", "jax_compilation_cache_max_size",
    "jax_persistent_cache_min_compile_time_secs",
)  # fmt: skip


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The cache folder of a process that has compiled nothing; JAX's options are put back at the end."""
    before = {name: getattr(jax.config, name) for name in OPTIONS}
    jax.config.update("jax_compilation_cache_dir", None)
    jax.config.update("jax_enable_compilation_cache", True)
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path / "cache"))
    for name in OPTIONS:
        monkeypatch.delenv(name.upper(), raising=False)
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)


def refusal(capsys):
    """The one line about a cache that is not used."""
    assert keep_compiled_programs() is None
    assert jax.config.jax_compilation_cache_dir is None
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith("Compiled programs are not kept: ")
    assert "Every start compiles anew; set PCSA_JAX_CACHE to a folder of your own" in printed
    return printed


def test_the_folder_is_the_user_s_alone(root, capsys):
    old = os.umask(0)
    try:
        root.mkdir(mode=0o755)
        folder = keep_compiled_programs()
    finally:
        os.umask(old)
    assert folder == root / f"compiled-{processor_name()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert jax.config.jax_compilation_cache_dir == str(folder)
    assert jax.config.jax_compilation_cache_max_size == MAX_BYTES
    assert jax.config.jax_persistent_cache_min_compile_time_secs == MIN_COMPILE_S
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_to_is_not_used(root, capsys, mode):
    folder = root / f"compiled-{processor_name()}"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert f"{folder} can be written by others (mode {mode:04o}), who could put code into it" in refusal(capsys)


def test_nor_is_one_in_a_place_that_everybody_can_write_to(root, capsys):
    root.mkdir()
    root.chmod(0o777)
    assert f"{root} can be written by others (mode 0777)" in refusal(capsys)
    root.chmod(0o775)
    assert keep_compiled_programs() is not None


def test_nor_is_one_of_another_user(root, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert f"{root} belongs to another user (uid {os.getuid()})" in refusal(capsys)


def test_nor_is_a_link(root, capsys, tmp_path):
    root.mkdir()
    folder = root / f"compiled-{processor_name()}"
    folder.symlink_to(tmp_path)
    assert f"expected a folder at {folder}, found a link or a file" in refusal(capsys)


def test_a_place_that_cannot_be_written(root, capsys):
    root.touch()
    assert f"{root / ('compiled-' + processor_name())} cannot be written (" in refusal(capsys)


def test_a_file_system_without_locks(root, capsys, monkeypatch):
    def acquire(self, *args, **kwargs):
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    assert "cannot be written (no locks here)" in refusal(capsys)


def test_a_lock_that_never_comes(root, capsys, monkeypatch):
    folder = keep_compiled_programs()
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setattr(compilation, "LOCK_TIMEOUT_S", 0.1)
    with filelock.FileLock(folder / ".lockfile", is_singleton=False):
        assert f"another process has held the lock of {folder} for 0.1 s" in refusal(capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [("jax_compilation_cache_dir", "mine"), ("jax_compilation_cache_dir", ""), ("jax_enable_compilation_cache", False)],
)
def test_the_user_s_own_settings_stand(root, capsys, name, value):
    jax.config.update(name, value)
    assert keep_compiled_programs() is None
    assert getattr(jax.config, name) == value
    assert not root.exists()
    assert capsys.readouterr().err == ""


def test_the_user_s_own_limits_stand(root, monkeypatch):
    before = jax.config.jax_compilation_cache_max_size
    monkeypatch.setenv("JAX_COMPILATION_CACHE_MAX_SIZE", str(before))
    assert keep_compiled_programs() is not None
    assert jax.config.jax_compilation_cache_max_size == before


def test_entries_cut_short_are_removed_and_whole_ones_stay(root):
    folder = keep_compiled_programs()
    jax.config.update("jax_compilation_cache_dir", None)
    for name in ("whole-cache", "whole-atime", "cut-cache"):
        (folder / name).write_bytes(b"12345678")
    assert keep_compiled_programs() == folder
    assert {path.name for path in folder.glob("*-*")} == {"whole-cache", "whole-atime"}


def test_another_processor_gets_another_folder(monkeypatch):
    def name_with(text):
        monkeypatch.setattr(Path, "read_text", lambda self, **kwargs: text)
        return processor_name()

    core = "processor : 0\nmodel : 17\nflags : sse avx\ncpu MHz : 2400.1\n"
    name = name_with(core)
    assert name == name_with(core.replace("2400.1", "1200.0") + core.replace("processor : 0", "processor : 1"))
    assert name != name_with(core.replace("avx", "avx avx512f"))
    monkeypatch.undo()
    assert processor_name() == processor_name()


def test_without_a_known_processor_the_host_s_name_decides(monkeypatch):
    def unreadable(self, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    monkeypatch.setattr(compilation.platform, "node", lambda: "one")
    one = processor_name()
    monkeypatch.setattr(compilation.platform, "node", lambda: "two")
    assert one != processor_name()


TRAIN_AND_COUNT = """
import collections, json, sys
import jax
from pcsa_jax.commands import run_command
counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event.rpartition("/")[2]]))
status = run_command("train", sys.argv[1:], prog="train.py")
print(json.dumps(counts))
sys.exit(status)
"""


def train_and_count(words, workdir, cache):
    """Trains in a process of its own; what JAX counted, and the run's record without the clock."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_COUNT, *words, f"--workdir={workdir}"], cwd=ROOT, capture_output=True,
        text=True, timeout=300, env=as_users_run() | {"PCSA_JAX_CACHE": str(cache)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    clocks = {"volumes_per_s", "data_wait_fraction"}
    return json.loads(done.stdout), [{n: v for n, v in row.items() if n not in clocks} for row in rows]


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_computes_the_same_bits(tiny_words, tmp_path):
    words = tiny_words({"num_epochs": 2, "loss.ms_ssim": 0.1})
    cold, cold_rows = train_and_count(words, tmp_path / "cold", tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    entries = {path.name for path in folder.glob("*-cache")}
    assert any(name.startswith("jit__step") or "step" in name for name in entries)
    assert cold["cache_misses"] == len(entries) >= 2  # the training step and the validation scores
    assert "cache_hits" not in cold
    warm, warm_rows = train_and_count(words, tmp_path / "warm", tmp_path / "cache")
    assert warm["cache_hits"] == cold["cache_misses"]
    assert {path.name for path in folder.glob("*-cache")} == entries
    assert "cache_misses" not in warm
    assert warm_rows == cold_rows
    # Another length, rate, weight and number of subjects: 4 train and 4 validate in place of 6 and 2.
    others = {
        "num_epochs": 5, "data.validation_fraction": 0.5, "generator_optimizer.learning_rate": 3e-3,
        "generator_optimizer.schedule": "one_cycle", "loss.ms_ssim": 0.2,
    }  # fmt: skip
    other, other_rows = train_and_count(tiny_words(others), tmp_path / "other", tmp_path / "cache")
    assert other["cache_hits"] == cold["cache_misses"] and "cache_misses" not in other
    assert {path.name for path in folder.glob("*-cache")} == entries
    assert (cold_rows[-1]["step"], other_rows[-1]["step"]) == (6, 10)


LIBRARY = """
import json, sys
import numpy as np
import pcsa_jax
assert "jax" not in sys.modules
import jax, jax.numpy as jnp
from pcsa_jax.machine import compilation
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event.rpartition("/")[2]))
jax.jit(lambda x: x + 1)(jnp.ones(3))  # JAX has looked for a cache and found none
compilation.MIN_COMPILE_S = 0.0
compilation.LONG_S = float(sys.argv[2])
generator = pcsa_jax.load_generator(sys.argv[1])
for _ in range(2):
    generator(np.arange(16**3).reshape(16, 16, 16))
names = ("jax_compilation_cache_dir", "jax_compilation_cache_max_size", "jax_persistent_cache_min_compile_time_secs")
kept = [getattr(jax.config, name) for name in names]
print(json.dumps({"hits": hits.count("cache_hits"), "misses": hits.count("cache_misses"), "settings": kept}))
"""


def call_generator(exported, cache, *, long_s=1e9, **environment):
    """Calls an exported generator in a plain process; what JAX counted and has for settings, and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY, str(exported), str(long_s)], cwd=ROOT, capture_output=True, text=True,
        timeout=120, env=as_users_run() | {"PCSA_JAX_CACHE": str(cache)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_a_generator_as_a_library_uses_the_same_cache_and_leaves_jax_as_it_was(exported, tmp_path):
    first, said = call_generator(exported, tmp_path / "cache", long_s=0.0)
    (folder,) = (tmp_path / "cache").iterdir()
    assert folder.name == f"compiled-{processor_name()}" and len(list(folder.glob("*-cache"))) == 1
    assert (first["hits"], first["misses"]) == (0, 1)
    assert first["settings"][0] is None
    assert said == f"Compiling the generator for 16 x 16 x 16 voxels (kept in {folder} for the next time)\n"
    second, said = call_generator(exported, tmp_path / "cache")
    assert (second["hits"], second["misses"]) == (1, 0)
    assert second["settings"] == first["settings"]
    assert said == ""


@pytest.mark.slow
def test_a_user_s_own_cache_serves_the_library_too(exported, tmp_path):
    own = tmp_path / "own"
    environment = {"JAX_COMPILATION_CACHE_DIR": str(own), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    found, said = call_generator(exported, tmp_path / "cache", long_s=0.0, **environment)
    assert found["settings"][0] == str(own) and list(own.glob("*-cache"))
    assert f"(kept in {own} for the next time)" in said
    assert not (tmp_path / "cache").exists()
    off, said = call_generator(exported, tmp_path / "cache", long_s=0.0, JAX_ENABLE_COMPILATION_CACHE="false")
    assert (off["hits"], off["misses"]) == (0, 0) and not (tmp_path / "cache").exists()
    assert said == "Compiling the generator for 16 x 16 x 16 voxels (not kept)\n"


def test_nobody_s_home_folder_is_no_error(root, capsys, monkeypatch):
    monkeypatch.delenv("PCSA_JAX_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # a container's user without a name
    assert "~/.cache: expected a home folder for ~, found none. Every start" in refusal(capsys)


@pytest.mark.parametrize(("mode", "kept"), [(0o755, True), (0o777, False)])
def test_what_the_suite_compiles_is_kept_under_the_same_rules(tmp_path, monkeypatch, mode, kept):
    monkeypatch.setenv("PCSA_JAX_CACHE", str(tmp_path))
    folder = tmp_path / "tests" / f"compiled-{processor_name()}"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(mode)
    (folder / "cut-cache").touch()
    assert prepare() == (str(folder) if kept else "")
    assert (folder / "cut-cache").exists() != kept, "what a killed process left is removed from a folder that is used"


def test_a_flag_that_xla_does_not_know_is_noticed():
    assert prepare("--xla_no_such_flag=true") is None
