"""What each ingredient of the recipe gains, at home and abroad.

  python -m benchmarks.ingredients --heads=DIR --out=runs/ingredients STUDY [--seeds=2] [--set FIELD=VALUE ...]

Every variant of a study (``benchmarks/studies.py``) is trained with one budget, for each seed on a phantom cohort of
that seed and with that seed, and scored on people of two kinds whom no table of the tests shows: 100 other phantom
subjects (home) and the cohort of ``benchmarks.real_anatomy`` (abroad). The training cohorts' test subjects are not
opened. Beside them stand the closed-form predictors of the same training subjects. Finished trainings and cohorts are
kept; figures go to ``benchmarks/results/ingredients_STUDY.json`` and, as Markdown for ``docs/decisions.md``, to the
terminal.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.results import RESULTS
from benchmarks.studies import DEMO, SETTINGS, STUDIES, Setting
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

HOME_PEOPLE, HOME_FIRST = 100, 1001
MEASURES = ("mae", "psnr_db", "matched_psnr_db", "ssim")
"""All in the brain."""

START = "without its network"


def cohort_of(out: Path, name: str, *, size: int = DEMO.size, **numbers: int) -> Path:
    """A phantom cohort, written unless it is there."""
    from pcsa_jax.calls import phantom

    root = out / (name if size == DEMO.size else f"{name}_{size}")
    return root if root.exists() else phantom(root, mri_only=0, size=size, **numbers)


def training_cohort(out: Path, seed: int, setting: Setting = DEMO) -> Path:
    """The cohort that variants of this seed learn from."""
    return cohort_of(out, f"phantom{seed}", size=setting.size, pairs=setting.pairs, seed=seed)


def trained(out: Path, name: str, seed: int, overrides: Mapping[str, Any], setting: Setting = DEMO) -> Path:
    """The run of one variant and seed, trained unless it is finished."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.train import train

    overrides = {**setting.common, **overrides}
    row = overrides.pop("row", "pcsa")
    overrides = {"data.root": training_cohort(out, seed, setting), "seed": seed} | overrides
    words = [f"--config.{field}={value}" for field, value in overrides.items()]
    config = parse_config([f"--config={setting.config}:{row}", *words])
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


def measure(
    out: Path, study: str, heads: Path, seeds: range, common: Mapping[str, str], only: Sequence[str] = ()
) -> dict[str, Any]:
    """Variant -> seed -> scores; what was scored already is read from its run's folder.

    Args:
      only: these variants alone.
    """
    setting = SETTINGS.get(study, DEMO)
    home = cohort_of(out, "others", size=setting.size, pairs=HOME_PEOPLE, first=HOME_FIRST)
    places = {"home": home, "abroad": heads}
    result: dict[str, Any] = {}
    for variant, overrides in STUDIES[study].items():
        if only and variant not in only:
            continue
        for seed in seeds:
            name = "".join(c if c.isalnum() else "_" for c in variant)
            root = trained(out, f"{study}-{name}", seed, overrides | dict(common), setting)
            kept = root / "scores.json"
            if not kept.is_file():
                write_json(kept, score_run(root, places, training_cohort(out, seed, setting)))
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
    parser.add_argument("--only", action="append", default=[], metavar="VARIANT", help="writes no figures then")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="for every variant")
    return parser


def main() -> None:
    arguments = make_parser().parse_args()
    common = dict(word.split("=", 1) for word in arguments.set)
    out, study, seeds = arguments.out, arguments.study, range(arguments.seeds)
    result = measure(out, study, arguments.heads, seeds, common, arguments.only)
    print(tabulate(result))
    if arguments.only:
        return
    if study in ("final", "full_size"):
        others = tuple(entry.label for entry in PREDICTORS.values()) + (START,)
        print(markdown_table(["people", "minus", *MEASURES], differences(result, "best", others)))
    environment = describe_environment()
    write_json(
        RESULTS / f"ingredients_{study}.json",
        {"set": {**SETTINGS.get(study, DEMO).common, **common}, "environment": environment, "result": _summary(result)},
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
