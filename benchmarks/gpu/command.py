"""``python -m benchmarks gpu``: everything that needs a GPU, in one command that keeps to a time limit.

In order of importance: the full model's step beside its peers, the paper's whole recipe, memory of row ``sa32``, the
first layer's two forms, where the time goes, the step of every other row; ``--only`` takes some of them. Results are
written after each part; what no longer fits is skipped and said. The same command again, with the same folders, goes on
with what is missing.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import recipe as recipe_module
from benchmarks.contender import ROOT, Contender, ContenderError
from benchmarks.duel import Say
from benchmarks.gpu.grid import Grid
from benchmarks.recipe import Recipe
from benchmarks.results import Row, exact, read_results, write_section

ROWS = ("pcsa", "sa32", "sa16", "pca", "sa", "adversarial", "mae", "ms_ssim", "mae_ssim")
"""Rows of the ablation table that are different programs: ``sa4`` and ``mae_ms_ssim`` are ``pcsa``."""
PARTS = ("steps", "recipe", "memory", "first_layer", "where", "rows")
"""In order of importance."""
EVALUATION_S = 45.0
SHORTEST_TRAINING_S = 60.0


class Scale(NamedTuple):
    """How much is measured: the paper's sizes, or a rehearsal's.

    Attributes:
      platform: jax's name of it; torch's is ``device``.
      rows: ablation rows.
      steps: training steps a call.
      is_rehearsal: only the contenders that start fast.
      headline_share: part of the time that the full model's step may take at most.
      networks: config fields of every contender that differ from the row's.
      training: config fields of the recipe that differ from ``configs/pcsa.py``.
    """

    platform: str
    device: str
    rows: tuple[str, ...]
    size: int
    batch: int
    steps: int
    pairs: int
    is_rehearsal: bool
    headline_share: float
    networks: dict[str, Any]
    training: dict[str, Any]


FULL = Scale("gpu", "cuda", ROWS, 64, 16, 20, 356, False, 0.3, {}, {"precision": "bfloat16"})
SMALL = {
    "generator.stages": (((3, 2),), ((3, 3),)), "generator.bottleneck_features": 4, "generator.residual_blocks": 0,
    "discriminator.features": (2, 3),
}  # fmt: skip
REHEARSAL = Scale(
    "cpu", "cpu", ("pcsa",), 16, 2, 2, 9, True, 1.0, SMALL,
    SMALL | {"generator.attention_sizes": (1,), "generator.skip_sizes": (4, 8, 16), "num_epochs": 2, "batch_size": 2,
             "data.num_folds": 2, "data.validation_fraction": 0.4, "log_every_steps": 1, "evaluate_every_epochs": 1},
)  # fmt: skip


class Budget:
    """The time limit."""

    def __init__(self, minutes: float):
        self.total_s, self._end = 60 * minutes, time.monotonic() + 60 * minutes

    @property
    def left_s(self) -> float:
        return self._end - time.monotonic()

    @property
    def used_s(self) -> float:
        return self.total_s - self.left_s


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets gpu.json, report.html, figures")
    parser.add_argument("--work", type=Path, default=ROOT / "runs/gpu", metavar="DIR", help="cohort and run (runs/gpu)")
    parser.add_argument("--minutes", type=float, default=9.5, help="time limit (9.5)")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)} (all)"
    )
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on the CPU, to see that everything runs")
    return parser


def main(argv: list[str]) -> int:
    arguments = make_parser().parse_args(argv)
    scale, budget = REHEARSAL if arguments.rehearse else FULL, Budget(arguments.minutes)
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        print(f"[{budget.used_s:5.0f} s] {text}", flush=True)

    recipe = Recipe(arguments.work.resolve(), scale.pairs, scale.size, scale.training)
    command = "python -m benchmarks gpu --out=DIR" + (" --rehearse" if arguments.rehearse else "")
    session = Session(scale, budget, recipe, out, command, say)
    cohort = recipe_module.start_cohort(recipe) if "recipe" in arguments.only else None
    try:
        session.run(arguments.only)
    finally:
        if cohort and cohort.poll() is None:
            cohort.kill()
            cohort.wait()
    say(f"{len(session.skipped)} parts left out; the same command goes on" if session.skipped else "everything is done")
    for part in session.skipped:
        say(f"left out: {part}")
    return 0


class Session:
    """One call of the command."""

    def __init__(self, scale: Scale, budget: Budget, recipe: Recipe, out: Path, command: str, say: Say):
        self._scale, self._budget, self._recipe = scale, budget, recipe
        self._path, self._out, self._command, self._say = out / "gpu.json", out, command, say
        self.skipped: list[str] = []
        self._device: dict[str, Any] = {}

    def run(self, parts: Sequence[str] = PARTS) -> None:
        """Every one of these parts that fits, in order of importance."""
        scale, budget = self._scale, self._budget
        grid = Grid(scale, read_results(self._path).get("steps", {}).get("extra", {}).get("cells", {}), self._say)
        options = {"batch": scale.batch, "size": scale.size, "steps": scale.steps, "platform": scale.platform}
        full = options | {"networks": scale.networks, "row": "pcsa", "precision": "bfloat16"}
        forms = options | {"count": 1 if scale.is_rehearsal else 3}
        sections = {"parts": "part ", "profile": "operation "}
        steps: dict[str, Callable[[], None]] = {
            "steps": lambda: self._fill(grid, grid.headline(), budget.total_s * scale.headline_share, together=1),
            "recipe": self._paper_recipe,
            "memory": lambda: self._fill(grid, grid.memory(), budget.total_s, together=1),
            "first_layer": lambda: self._numbers(
                "first layer", "first_layer", forms, {"first_layer": ""}, estimate_s=30
            ),
            "where": lambda: self._numbers("where the time goes", "where", full, sections, estimate_s=60),
            "rows": lambda: self._fill(grid, grid.others(), budget.total_s, together=4),
        }
        for name, step in steps.items():
            if name in parts:
                step()

    def _write(self, name: str, rows: list[Row], extra: dict[str, Any] | None = None) -> None:
        write_section(self._path, name, self._command, rows, extra, machine=self._device)

    def _fill(self, grid: Grid, wanted: list[tuple[str, str]], until_s: float, *, together: int) -> None:
        """Measures cells of the grid, ``together`` of them prepared at a time; each is kept at once."""
        missing = [cell for cell in wanted if not grid.has(*cell)]
        while missing:
            chosen, missing = missing[:together], missing[together:]
            left = min(until_s - self._budget.used_s, self._budget.left_s)
            fitting = [cell for cell in chosen if grid.estimate_s(cell[1]) <= left or self._scale.is_rehearsal]
            self.skipped += [f"row {row}, {name}" for row, name in chosen if (row, name) not in fitting]
            if fitting:
                grid.measure(fitting, timeout_s=left)
                self._device = {"gpu": grid.device} if grid.device else self._device
                self._write("steps", grid.rows(), {"cells": grid.cells})
                self._write("memory", grid.memory_rows())

    def _numbers(
        self, title: str, function: str, options: dict[str, Any], prefixes: dict[str, str], *, estimate_s: float
    ) -> None:
        """A contender that reports milliseconds by name; ``prefixes``: section -> how its names begin."""
        if prefixes.keys() <= read_results(self._path).keys():
            return
        if self._budget.left_s < estimate_s and not self._scale.is_rehearsal:
            self.skipped.append(title)
            return
        self._say(title)
        try:
            with Contender(f"benchmarks.gpu.programs:{function}", options, timeout_s=self._budget.left_s) as contender:
                answer = contender.run(max(self._budget.left_s, 1))
        except ContenderError as error:
            self._say(f"{title}: {error}")
            self.skipped.append(f"{title} ({error})")
            return
        numbers = {name: value for name, value in answer.items() if name not in ("seconds", "peak_gb")}
        for section, prefix in prefixes.items():
            self._write(section, [
                Row(name.removeprefix(prefix), "ms", exact(value))
                for name, value in numbers.items() if name.startswith(prefix)
            ])  # fmt: skip

    def _paper_recipe(self) -> None:
        """The paper's training and its evaluation; a training that is cut off goes on in the next call."""
        known = read_results(self._path).get("recipe", {}).get("extra", {})
        if "summary" in known:
            return
        while not (self._recipe.work / "cohort" / "participants.tsv").exists() and self._budget.left_s > EVALUATION_S:
            time.sleep(0.2)
        limit = self._budget.left_s - EVALUATION_S
        if limit < SHORTEST_TRAINING_S and not self._scale.is_rehearsal:
            self.skipped.append("the paper's recipe")
            return
        self._say(f"the paper's recipe: {' '.join(self._recipe.train_words)}")
        start = time.monotonic()
        try:
            is_finished = recipe_module.train(self._recipe, limit_s=limit, say=self._say)
        except RuntimeError as error:
            self._say(f"training failed: {error}")
            self.skipped.append(f"the paper's recipe ({error})")
            return
        train_s, calls = known.get("train_s", 0.0) + time.monotonic() - start, known.get("calls", 0) + 1
        extra: dict[str, Any] = {"train_s": train_s, "calls": calls}
        self._say(f"training: {train_s:.0f} s" + ("" if is_finished else ", not finished"))
        if not is_finished:
            self.skipped.append("the rest of the paper's recipe")
            self._write("recipe", [], extra)
            return
        start = time.monotonic()
        recipe_module.evaluate(self._recipe, self._out)
        rows = recipe_module.rows_of(self._recipe, train_s=train_s, evaluate_s=time.monotonic() - start, calls=calls)
        extra |= {"summary": recipe_module.summary_of(self._recipe), "curve": recipe_module.curve(self._recipe)}
        self._write("recipe", rows, extra)
