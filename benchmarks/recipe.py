"""The paper's whole recipe by the commands that a user types: cohort, training, evaluation."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contender import ROOT
from benchmarks.duel import Say
from benchmarks.results import Row, exact
from benchmarks.workload import override_words
from pcsa_jax.training.metrics_log import read_metrics

TARGET_S = 300.0
STOP_S = 60.0
CURVE_POINTS = 20
SCORES = ("mae", "psnr_db", "ssim", "mae_brain", "psnr_brain_db", "ssim_brain")


class Recipe(NamedTuple):
    """What is trained.

    Attributes:
      work: folder of the cohort and the run.
      pairs: subjects.
      overrides: config fields that differ from ``configs/pcsa.py``.
    """

    work: Path
    pairs: int
    size: int
    overrides: dict[str, Any]

    @property
    def run(self) -> Path:
        return self.work / "run"

    @property
    def train_words(self) -> list[str]:
        overrides = {"data.root": self.work / "cohort", "data.size": self.size} | self.overrides
        return ["train.py", "--config=configs/pcsa.py", f"--workdir={self.run}", *override_words(overrides)]


def start_cohort(recipe: Recipe) -> subprocess.Popen | None:
    """Begins to write the cohort in the background; None if it is there."""
    if (recipe.work / "cohort").exists():
        return None
    recipe.work.mkdir(parents=True, exist_ok=True)
    log = (recipe.work / "cohort.log").open("wb")
    words = [f"--out={recipe.work / 'cohort'}", f"--pairs={recipe.pairs}", "--mri-only=0", f"--size={recipe.size}"]
    return subprocess.Popen([sys.executable, "-m", "pcsa_jax", "phantom", *words], cwd=ROOT, stdout=log, stderr=log)


def train(recipe: Recipe, *, limit_s: float, say: Say) -> bool:
    """Trains, or goes on; True if finished. At the limit the run is told to save and stop.

    Raises:
      RuntimeError: if the training fails.
    """
    path = recipe.work / "train.log"
    with path.open("ab") as log:
        process = subprocess.Popen([sys.executable, *recipe.train_words], cwd=ROOT, stdout=log, stderr=log)
        try:
            code = process.wait(timeout=max(limit_s - STOP_S, 1))
        except subprocess.TimeoutExpired:
            say("the time is up: asking the training to save and stop")
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return False
    if code not in (0, 128 + signal.SIGTERM):
        raise RuntimeError(path.read_text(errors="replace").strip().splitlines()[-1][:300])
    return code == 0


def evaluate(recipe: Recipe, out: Path) -> None:
    """Scores the test subjects; the report and the curves go to ``out``."""
    with (recipe.work / "evaluate.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "evaluate.py", f"--workdir={recipe.run}"], cwd=ROOT, stdout=log, stderr=log, check=True
        )
    shutil.copy(recipe.run / "evaluation" / "test" / "report.html", out / "report.html")


def curve(recipe: Recipe) -> list[dict[str, float]]:
    """Validation scores along the training, thinned."""
    rows = [row for row in read_metrics(recipe.run / "metrics.jsonl") if "validation/mae_brain" in row]
    chosen = rows[:: max(1, len(rows) // CURVE_POINTS)]
    chosen += [] if not rows or chosen[-1] is rows[-1] else [rows[-1]]
    return [
        {"epoch": row["epoch"] + 1} | {k: v for k, v in row.items() if k.startswith("validation/")} for row in chosen
    ]


def wait_percent(recipe: Recipe) -> float | None:
    """Mean part of the time spent waiting for data."""
    rows = read_metrics(recipe.run / "metrics.jsonl")
    parts = [row["data_wait_fraction"] for row in rows if "data_wait_fraction" in row][1:]
    return 100 * sum(parts) / len(parts) if parts else None


def rows_of(recipe: Recipe, *, train_s: float, evaluate_s: float, calls: int) -> list[Row]:
    """Wall times, the wait for data."""
    note = "" if calls == 1 else f"in {calls} parts, each with its own start"
    rows = [
        Row("training, from the command to its end", "s", exact(train_s), target=TARGET_S, of="ours", note=note),
        Row("evaluation and report", "s", exact(evaluate_s)),
    ]
    percent = wait_percent(recipe)
    return rows if percent is None else [*rows, Row("waiting for data", "%", exact(percent), target=2.0, of="ours")]


def summary_of(recipe: Recipe) -> dict[str, Any]:
    """The evaluation table: predictor -> score -> mean and SD over subjects."""
    text = (recipe.run / "evaluation" / "test" / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text)
    return {
        "n_subjects": summary["n_subjects"],
        "predictors": {
            name: {score: {key: scores[score][key] for key in ("mean", "std")} for score in SCORES if score in scores}
            for name, scores in summary["predictors"].items()
        },
    }
