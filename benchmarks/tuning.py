"""The same small tuning budget for every system of Fig. 5, on validation subjects of the built-in cohort.

``python -m benchmarks.tuning --out=runs/tuning [--system NAME ...]`` tries two learning rates of the generator with
three weights of the adversarial term each, as the two depend on each other, then another schedule with the best of
them. Every system gets as many trials, all of ``configs/demo.py`` with 4 epochs and seed 0; one without an adversarial
term spends them on more learning rates. Test subjects are not opened. A finished trial is not trained again.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcsa_jax.data.files import write_json
from pcsa_jax.errors import UserError
from pcsa_jax.experiment.config import parse_config

SYSTEMS = ("pcsa", "cgan_unet", "hgan", "gla_gan", "unet")
"""Rows of Fig. 5."""

EPOCHS = 4
RATES = (2e-3, 5e-4)  # the demo's, and one nearer to the documented ones
FACTORS = (1.0, 0.1, 0.0)  # of the adversarial weight
MORE_RATES = (1e-3, 4e-3, 2.5e-4, 1.4e-3)  # where there is no adversarial term
SCHEDULES = ("one_cycle", "cosine")  # the demo's first
SCORES = {"mae_brain": 4, "psnr_brain_db": 2, "ssim_brain": 4}  # validation score -> decimals
RESULTS = Path(__file__).parent / "results" / "tuning.json"


class Trial(NamedTuple):
    """What one training is given in place of the row's own."""

    learning_rate: float
    schedule: str
    adversarial: float

    @property
    def name(self) -> str:
        return f"rate{self.learning_rate:g}_{self.schedule}_adversarial{self.adversarial:g}"

    @property
    def words(self) -> list[str]:
        fields = {
            "generator_optimizer.learning_rate": self.learning_rate,
            "generator_optimizer.schedule": self.schedule,
            "loss.adversarial": self.adversarial,
        }
        return [f"--config.{name}={value}" for name, value in fields.items()]


class Result(NamedTuple):
    """A trial and its validation scores; ``scores`` is empty if it diverged."""

    trial: Trial
    scores: Mapping[str, float]

    @property
    def rank(self) -> float:
        return self.scores.get("mae_brain", float("inf"))


Measure = Callable[[Trial], Mapping[str, float]]


def search(weight: float, measure: Measure) -> list[Result]:
    """Every trial of one system, in order; the first of equals is the best.

    Args:
      weight: of the adversarial term in the row; 0 if it has none.
      measure: trains a trial, returns its validation scores.
    """
    results: list[Result] = []

    def best() -> Trial:
        return min(results, key=lambda result: result.rank).trial

    def try_all(trials: Sequence[Trial]) -> None:
        known = {result.trial for result in results}
        results.extend(Result(trial, measure(trial)) for trial in trials if trial not in known)

    rates, weights = (RATES, [factor * weight for factor in FACTORS]) if weight else (RATES + MORE_RATES, [0.0])
    try_all([Trial(rate, SCHEDULES[0], own) for rate in rates for own in weights])
    try_all([best()._replace(schedule=schedule) for schedule in SCHEDULES])
    return results


def run_trial(system: str, trial: Trial, out: Path) -> dict[str, float]:
    """Trains one trial unless it is finished; its last validation scores, none if a loss was not finite."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.metrics_log import read_metrics
    from pcsa_jax.training.train import train

    folder, record = out / system / trial.name, out / system / f"{trial.name}.json"
    if record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))
    words = ["--config.seed=0", f"--config.num_epochs={EPOCHS}", *trial.words]
    config = parse_config([f"--config=configs/demo.py:{system}", *words])
    scores = {}
    try:
        outcome = train(config, Workdir(folder))
        if outcome.signal_number is not None:
            raise SystemExit(128 + outcome.signal_number)
        last = [row for row in read_metrics(folder / "metrics.jsonl") if "validation/mae_brain" in row][-1]
        scores = {name: last[f"validation/{name}"] for name in SCORES}
    except UserError as error:
        if "expected finite losses" not in str(error):
            raise
    write_json(record, scores)
    return scores


def weight_of(system: str) -> float:
    """The adversarial weight that the row has."""
    return float(parse_config([f"--config=configs/demo.py:{system}"]).loss.adversarial)


def tune(system: str, out: Path) -> list[Result]:
    """All trials of a system."""
    return search(weight_of(system), lambda trial: run_trial(system, trial, out))


def describe(results: Sequence[Result]) -> dict[str, Any]:
    """A system's trials for the JSON file, and the best of them."""
    trials = [result.trial._asdict() | dict(result.scores) for result in results]
    best = min(range(len(results)), key=lambda place: results[place].rank)
    return {"trials": trials, "best": trials[best]}


def table(system: str, found: Mapping[str, Any]) -> Iterator[str]:
    """Markdown lines; the best trial is in bold."""
    yield f"| {system}: learning rate | schedule | adversarial | MAE brain | PSNR brain (dB) | SSIM brain |"
    yield "|---|---|---|---|---|---|"
    for trial in found["trials"]:
        cells = [f"{trial['learning_rate']:g}", trial["schedule"], f"{trial['adversarial']:g}"]
        shown = [f"{trial[name]:.{digits}f}" if name in trial else "diverged" for name, digits in SCORES.items()]
        cells += [f"**{cell}**" if trial == found["best"] else cell for cell in shown]
        yield f"| {' | '.join(cells)} |"


def write_results(path: Path, system: str, found: Mapping[str, Any]) -> None:
    """Puts one system's trials into the file beside the others'."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"systems": {}}
    known |= {"config": "configs/demo.py", "epochs": EPOCHS, "seed": 0, "scored": "validation subjects"}
    known["systems"] = {**known["systems"], system: found}
    write_json(path, known)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the trials")
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="one of them; may be repeated (all)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file that the scores are put into")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    arguments = make_parser().parse_args(words)
    for system in arguments.system or SYSTEMS:
        found = describe(tune(system, arguments.out))
        write_results(arguments.results, system, found)
        print("\n".join(["", *table(system, found)]), flush=True)


if __name__ == "__main__":
    main()
