"""What each ingredient of the recipe gains, at home and abroad.

  python -m benchmarks.ingredients --heads=DIR --out=runs/ingredients STUDY [--seeds=2] [--set FIELD=VALUE ...]

Every variant of a study is trained by ``configs/demo.py`` with one budget, for each seed on a phantom cohort of
that seed and with that seed, and scored on people of two kinds whom no table of the tests shows: 100 other phantom
subjects (home) and the cohort of ``benchmarks.real_anatomy`` (abroad). The training cohorts' test subjects are not
opened. Beside them stand the closed-form predictors of the same training subjects. Finished trainings and cohorts are
kept; figures go to ``benchmarks/results/ingredients_STUDY.json`` and, as Markdown for ``docs/decisions.md``, to the
terminal.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.results import RESULTS
from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.files import write_json
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import Pairs, load_pairs
from pcsa_jax.data.predictors.registry import PREDICTORS
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.data.splits import read_splits
from pcsa_jax.experiment.config import parse_config
from pcsa_jax.experiment.environment import describe_environment
from pcsa_jax.model.metrics import mae, psnr, scale_matched_psnr
from pcsa_jax.model.ssim import ssim
from pcsa_jax.presentation.markdown import markdown_table
from pcsa_jax.presentation.statistics import describe, resampling_weights

CONFIG = "configs/demo.py"
HOME_PEOPLE, HOME_FIRST, PAIRS = 100, 1001, 120
MEASURES = ("mae", "psnr_db", "matched_psnr_db", "ssim")
"""All in the brain."""

START = "without its network"

_CHANNELS = {"recipe.channels": "('ridge','linear','mean_pet')"}
_RIDGE = _CHANNELS | {"recipe.anchor": "ridge"}
_LOCAL = {"recipe.channels": "('local_ridge','mean_pet')", "recipe.anchor": "local_ridge"}
_OWN = _LOCAL | {"recipe.output_range": "own"}
_DEVIATIONS = _OWN | {"recipe.deviations": True}
_ROW = {"row": "best"}

STUDIES: dict[str, dict[str, dict[str, Any]]] = {
    # From the paper's generator to the recipe, one step at a time.
    "path": {
        "the paper's generator": {},
        "+ moving average of its weights (0.99)": {"recipe.weight_average": 0.99},
        "its input: ridge, linear, mean PET as channels": _CHANNELS,
        "added to the linear prediction": {"recipe.channels": "('linear','mean_pet')", "recipe.anchor": "linear"},
        "added to the ridge's": _RIDGE,
        "added to the local ridge's": _LOCAL,
        "+ the range of its own": _OWN,
        "+ deviations as channels": _DEVIATIONS,
        "+ no discriminator": _DEVIATIONS | {"loss.adversarial": 0.0},
    },
    # The row with one value changed.
    "around": {
        "the recipe": _ROW,
        "no moving average": _ROW | {"recipe.weight_average": 0.0},
        "mirrored pairs (0.5), two views": _ROW | {"recipe.flip": 0.5, "recipe.views": 2},
        "two views": _ROW | {"recipe.views": 2},
        "coordinates": _ROW | {"recipe.coordinates": True},
        "L1 in the brain": _ROW | {"recipe.loss_region": "brain"},
        "MS-SSIM weight 1": _ROW | {"loss.ms_ssim": 1.0},
        "no MS-SSIM": _ROW | {"loss.ms_ssim": 0.0},
        "adversarial weight 0.01": _ROW | {"loss.adversarial": 0.01},
        "learning rate 2e-4": _ROW | {"generator_optimizer.learning_rate": 2e-4},
        "learning rate 2e-3": _ROW | {"generator_optimizer.learning_rate": 2e-3},
        "cosine": _ROW | {"generator_optimizer.schedule": "cosine"},
        "the paper's generator with a range of its own": {"recipe.output_range": "own"},
    },
    # Another unit, so other decibels: compare within a line.
    "normalisation": {
        "minmax": _ROW,
        "percentile": _ROW | {"data.normalisation": "percentile"},
        "suvr": _ROW | {"data.normalisation": "suvr", "recipe.output_range": "free"},
    },
    # Whole budget: what README and docs/transfer.md say.
    "final": {"the paper's generator": {}, "best": _ROW},
}


def cohort_of(out: Path, name: str, **numbers: int) -> Path:
    """A phantom cohort at 32^3, written unless it is there."""
    from pcsa_jax.calls import phantom

    root = out / name
    return root if root.exists() else phantom(root, mri_only=0, size=32, **numbers)


def trained(out: Path, name: str, seed: int, overrides: Mapping[str, Any]) -> Path:
    """The run of one variant and seed, trained unless it is finished."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    overrides = dict(overrides)
    row = overrides.pop("row", "pcsa")
    cohort = cohort_of(out, f"phantom{seed}", pairs=PAIRS, seed=seed)
    words = [f"--config.{field}={value}" for field, value in overrides.items()]
    config = parse_config([f"--config={CONFIG}:{row}", f"--config.data.root={cohort}", f"--config.seed={seed}", *words])
    train(config, Workdir(out / "runs" / name / f"seed{seed}"))
    return out / "runs" / name / f"seed{seed}"


def read(root: Path, data: ConfigDict, part: str | None = None, splits: Mapping[str, str] | None = None) -> Pairs:
    """All pairs of a cohort, or those of one part, as a run with these settings sees them."""
    people = [s for s in read_cohort(root).pairs if part is None or splits[s.participant_id] == part]
    return load_pairs(people, size=data.size, normalisation=data.normalisation, reference_region=data.reference_region)


def scores(synthetic: np.ndarray, pet: np.ndarray) -> dict[str, list[float]]:
    """Of each subject, in the brain; both n x y z in [0, 1]."""
    mask = jnp.asarray(brain_mask(Grid(pet.shape[1])))
    columns: dict[str, list[float]] = {name: [] for name in MEASURES}
    for fake, real in zip(np.clip(synthetic, 0, 1), pet, strict=True):
        fake, real = (jnp.asarray(volume[None, ..., None], jnp.float32) for volume in (fake, real))
        found = (
            mae(fake, real, mask=mask), psnr(fake, real, data_range=1.0, mask=mask),
            scale_matched_psnr(fake, real, data_range=1.0, mask=mask), ssim(fake, real, data_range=1.0, mask=mask),
        )  # fmt: skip
        for name, value in zip(MEASURES, found, strict=True):
            columns[name].append(float(value[0]))
    return columns


def score_run(root: Path, places: Mapping[str, Path], cohort: Path) -> dict[str, Any]:
    """Place -> predictor -> measure -> values, of a run, of it without its network, and of the closed forms."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.synthesis.inference import Inference
    from pcsa_jax.training.trained import open_run

    run = open_run(root)
    train = read(cohort, run.config.data, "train", read_splits(Workdir(root).splits))
    makers = {"generator": Inference.of_run(run)}
    if (start := run.without_network()) is not None:
        makers[START] = Inference.of_run(start)
    makers |= {entry.label: entry.fit(train.mri, train.pet).predict for entry in PREDICTORS.values()}
    found = {}
    for place, people in places.items():
        pairs = read(people, run.config.data)
        found[place] = {name: scores(make(pairs.mri), pairs.pet) for name, make in makers.items()}
    return found | {"train_seconds": run.meta.get("train_seconds"), "step": run.step}


def measure(out: Path, study: str, heads: Path, seeds: range, common: Mapping[str, str]) -> dict[str, Any]:
    """Variant -> seed -> scores; what was scored already is read from its run's folder."""
    places = {"home": cohort_of(out, "others", pairs=HOME_PEOPLE, first=HOME_FIRST), "abroad": heads}
    result: dict[str, Any] = {}
    for variant, overrides in STUDIES[study].items():
        for seed in seeds:
            name = "".join(c if c.isalnum() else "_" for c in variant)
            root = trained(out, f"{study}-{name}", seed, overrides | dict(common))
            kept = root / "scores.json"
            if not kept.is_file():
                write_json(kept, score_run(root, places, out / f"phantom{seed}"))
            result.setdefault(variant, {})[f"seed{seed}"] = json.loads(kept.read_text())
        print(tabulate({variant: result[variant]}), flush=True)
    return result


def tabulate(result: Mapping[str, Any]) -> str:
    """One line a variant: means over people and seeds; ± is the SD of the seeds' means.

    A variant that starts from a closed form has a second line without its network; the closed forms come last.
    """
    lines, seen = [], {}
    for variant, by_seed in result.items():
        runs = list(by_seed.values())
        lines.append([variant, *_cells(runs, "generator")])
        lines += [[f"… {START}", *_cells(runs, START)]] if START in runs[0]["home"] else []
        seen |= {name: by_seed for name in runs[0]["home"] if name not in ("generator", START, *seen)}
    lines += [[f"*{name}*", *_cells(list(by_seed.values()), name)] for name, by_seed in seen.items()]
    titles = [f"{place}: {what}" for place in ("home", "abroad") for what in ("MAE", "PSNR", "scale-matched", "SSIM")]
    return markdown_table(["variant", *titles], lines)


def _cells(runs: list[Mapping[str, Any]], predictor: str) -> list[str]:
    cells = []
    for place in ("home", "abroad"):
        for name in MEASURES:
            means = [np.mean(run[place][predictor][name]) for run in runs]
            digits = 2 if name.endswith("db") else 4
            spread = f" ± {np.std(means, ddof=1):.{digits}f}" if len(means) > 1 else ""
            cells.append(f"{np.mean(means):.{digits}f}{spread}")
    return cells


def differences(result: Mapping[str, Any], variant: str, others: tuple[str, ...]) -> list[list[str]]:
    """Generator minus each other predictor, person by person over all seeds, with 95 % intervals over people."""
    lines = []
    for place in ("home", "abroad"):
        for other in others:
            cells = [place, other]
            for name in MEASURES:
                runs = list(result[variant].values())
                values = [np.subtract(run[place]["generator"][name], run[place][other][name]) for run in runs]
                people = np.mean(values, axis=0)
                entry = describe(people, resampling_weights(len(people), 0))
                digits = 2 if name.endswith("db") else 4
                low, high = entry["ci95"]
                cells.append(f"{entry['mean']:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})")
            lines.append(cells)
    return lines


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=list(STUDIES))
    parser.add_argument("--heads", type=Path, required=True, metavar="DIR", help="cohort of benchmarks.real_anatomy")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="cohorts and runs")
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="of cohort and training (2)")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="for every variant")
    return parser


def main() -> None:
    arguments = make_parser().parse_args()
    common = dict(word.split("=", 1) for word in arguments.set)
    result = measure(arguments.out, arguments.study, arguments.heads, range(arguments.seeds), common)
    print(tabulate(result))
    if arguments.study == "final":
        others = tuple(entry.label for entry in PREDICTORS.values()) + (START,)
        print(markdown_table(["people", "minus", *MEASURES], differences(result, "best", others)))
    environment = describe_environment()
    write_json(
        RESULTS / f"ingredients_{arguments.study}.json",
        {"set": common, "environment": environment, "result": _summary(result)},
    )


def _summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """Means over people: variant -> seed -> place -> predictor -> measure."""
    return {
        variant: {
            seed: {
                place: {
                    name: {key: round(float(np.mean(values)), 5) for key, values in own.items()}
                    for name, own in found[place].items()
                }
                for place in ("home", "abroad")
            }
            | {"train_seconds": found["train_seconds"], "step": found["step"]}
            for seed, found in by_seed.items()
        }
        for variant, by_seed in result.items()
    }


if __name__ == "__main__":
    main()
