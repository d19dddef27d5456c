"""Commands as a user meets them: help, the first step of a training, waiting for data, the built-in cohort."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contender import ROOT
from benchmarks.duel import Say
from benchmarks.results import Row, Spread
from pcsa_jax.training.metrics_log import read_metrics

DEMO_PAIRS = 120
STEPS_FOR_WAIT = 84


def measure_help(say: Say) -> list[Row]:
    """``--help`` of the command line."""
    rows = []
    for words in (["-m", "pcsa_jax", "--help"], ["train.py", "--help"]):
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
        name = f"python {' '.join(words)}"
        say(f"{name}: {seconds[-1]:.2f} s")
        rows.append(Row(name, "s", Spread.of(seconds), target=1.0, of="ours"))
    return rows


def measure_start(say: Say) -> list[Row]:
    """From the command to the first training step of the demo, and how long its steps wait for data."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        say(f"writing {DEMO_PAIRS} pairs at 32^3")
        subprocess.run(
            [sys.executable, "-m", "pcsa_jax", "phantom", f"--out={root / 'cohort'}", f"--pairs={DEMO_PAIRS}",
             "--mri-only=0", "--size=32"], cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        seconds: dict[str, list[float]] = {"empty": [], "warm": []}
        for repetition in range(2):
            cache = root / f"cache{repetition}"
            for kind in seconds:
                seconds[kind].append(_first_step(root, cache, f"{kind}{repetition}"))
                say(f"first step, {kind} cache: {seconds[kind][-1]:.1f} s")
        rows = [
            Row(f"start to first step, demo, {kind} cache", "s", Spread.of(values), target=limit, of="ours")
            for (kind, values), limit in zip(seconds.items(), (10.0, 3.0), strict=True)
        ]
        return [*rows, _data_wait(root, root / "cache0", say)]


@contextlib.contextmanager
def _training(root: Path, cache: Path, name: str) -> Iterator[tuple[subprocess.Popen, Path]]:
    """The demo under way, and its folder; stopped at the end of the block."""
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"PCSA_JAX_CACHE": str(cache), "XDG_CACHE_HOME": str(cache)}
    workdir = root / name
    with (root / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "train.py", "--config=configs/demo.py", f"--workdir={workdir}",
             f"--config.data.root={root / 'cohort'}"], cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield process, workdir
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _rows_of(workdir: Path) -> list[dict]:
    """The whole lines of the run's record."""
    path = workdir / "metrics.jsonl"
    return read_metrics(path) if path.exists() else []


def _wait_for_step(process: subprocess.Popen, workdir: Path, step: int, limit_s: float) -> None:
    """Returns when the record holds ``step``; it is looked at every 20 ms."""
    end = time.monotonic() + limit_s
    while not any(row["step"] >= step for row in _rows_of(workdir)):
        if process.poll() is not None or time.monotonic() > end:
            log = workdir.with_suffix(".log").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"training did not reach step {step}: {log[-1] if log else 'no output'}")
        time.sleep(0.02)


def _first_step(root: Path, cache: Path, name: str) -> float:
    start = time.perf_counter()
    with _training(root, cache, name) as (process, workdir):
        _wait_for_step(process, workdir, 1, limit_s=180)
        return time.perf_counter() - start


def _data_wait(root: Path, cache: Path, say: Say) -> Row:
    say(f"{STEPS_FOR_WAIT} steps of the demo, for the time they wait for data")
    with _training(root, cache, "wait") as (process, workdir):
        _wait_for_step(process, workdir, STEPS_FOR_WAIT, limit_s=300)
        rows = _rows_of(workdir)[1:]
    percent = [100 * row["data_wait_fraction"] for row in rows if "data_wait_fraction" in row]
    name = "part of step time spent waiting for data, demo"
    if not percent:
        return Row(name, "%", None, target=2.0, of="ours", note="metrics.jsonl has no data_wait_fraction")
    return Row(name, "%", Spread.of(percent), target=2.0, of="ours")


def measure_cohort(say: Say) -> list[Row]:
    """The whole built-in cohort: 356 pairs and 328 MRI-only subjects at 64^3."""
    with tempfile.TemporaryDirectory() as folder:
        say("writing 684 subjects")
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pcsa_jax", "phantom", f"--out={Path(folder) / 'cohort'}"], cwd=ROOT, check=True,
            capture_output=True,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    return [Row("built-in cohort, 684 subjects at 64^3", "s", Spread.of([seconds]), target=300.0, of="ours")]
