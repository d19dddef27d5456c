"""Small recorded experiments on validation data for the choices that the paper leaves open.

``python -m benchmarks.choices --out=runs/choices STUDY [STUDY ...]`` trains every variant of a study with one budget
on one split of the built-in cohort and prints the validation scores as a Markdown table for ``docs/decisions.md``.
Test subjects are not opened. A finished variant is not trained again.
"""

import argparse
from pathlib import Path

from pcsa_jax.experiment.config import parse_config

HGAN_L1 = {"row": "hgan", "loss.adversarial": 0.0, "loss.cycle": 0.0}
SLOWLY = {"generator_optimizer.learning_rate": 5e-4}

# Everything not named is as in configs/demo.py or given by --set; one budget for all variants of a study. "row" is the
# row that a variant starts from, if not the full model.
STUDIES = {
    "attention": {
        "softmax_sigmoid (literal)": {"generator.channel_attention": "softmax_sigmoid"},
        "softmax": {"generator.channel_attention": "softmax"},
        "sigmoid": {"generator.channel_attention": "sigmoid"},
        "none": {"generator.channel_attention": "none"},
    },
    "skips": {
        "none": {"generator.skip_sizes": ()},
        "pooled stages": {"generator.skip_sizes": (8, 16)},
        "pooled stages and full size": {"generator.skip_sizes": (8, 16, 32)},
    },
    "output": {
        "none": {"generator.output": "none"},
        "sigmoid": {"generator.output": "sigmoid"},
        "relu": {"generator.output": "relu"},
    },
    "weights": {
        f"adversarial {adversarial:g}, ms_ssim {ms_ssim:g}": {"loss.adversarial": adversarial, "loss.ms_ssim": ms_ssim}
        for adversarial, ms_ssim in ((0, 0), (0, 0.1), (0, 1), (0.001, 0.1), (0.01, 0.1), (0.1, 0.1), (0.01, 1))
    },
    # Where there is no L1 term, this is the weight against D's 0.01.
    "ms_ssim_alone": {
        f"ms_ssim {weight:g}, no l1": {"loss.l1": 0.0, "loss.ms_ssim": weight} for weight in (0.1, 0.3, 1.0, 3.0)
    },
    # Why HGAN is below the mean PET; with its other terms: benchmarks.tuning.
    "hgan": {
        "L1 alone": HGAN_L1,
        "L1 alone, 3^3 first and last": HGAN_L1 | {"generator.kernel_size": 3},
        "L1 alone, lr 5e-4": HGAN_L1 | SLOWLY,
        "L1 alone, lr 5e-4, one strided layer": HGAN_L1 | SLOWLY | {"generator.strided": 1},
        "tuned, 13 epochs": {"row": "hgan", "loss.adversarial": 0.1, "num_epochs": 13} | SLOWLY,
    },
    "conditional": {
        "conditional D": {},
        "PET-only D": {"discriminator.conditional": "False"},
    },
    "rate": {f"lr {rate:g}": {"generator_optimizer.learning_rate": rate} for rate in (5e-4, 1e-3, 2e-3, 4e-3)},
    "recipe": {
        "batch 2": {"batch_size": 2},
        "batch 1, twice the steps": {"batch_size": 1},
        "batch 1, b2 0.99": {"batch_size": 1, "generator_optimizer.b2": 0.99},
    },
}


def run_variant(workdir: Path, overrides: dict[str, object]) -> dict[str, float]:
    """Trains one variant unless it is finished; its last validation scores and the seconds it took."""
    from pcsa_jax.experiment.workdir import Workdir
    from pcsa_jax.training.metrics_log import read_metrics
    from pcsa_jax.training.train import train

    row = overrides.get("row", "pcsa")
    words = [f"--config.{name}={value}" for name, value in overrides.items() if name != "row"]
    train(parse_config([f"--config=configs/demo.py:{row}", *words]), Workdir(workdir))
    rows = read_metrics(workdir / "metrics.jsonl")
    return [row for row in rows if "validation/mae_brain" in row][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="for every variant")
    parser.add_argument("studies", nargs="+", choices=list(STUDIES))
    arguments = parser.parse_args()
    common = dict(word.split("=", 1) for word in arguments.set)
    for study in arguments.studies:
        print(f"\n| {study} | MAE brain | PSNR brain (dB) | SSIM brain |\n|---|---|---|---|", flush=True)
        for index, (name, overrides) in enumerate(STUDIES[study].items()):
            row = run_variant(arguments.out / f"{study}{index}", common | overrides)
            scores = [row[f"validation/{metric}"] for metric in ("mae_brain", "psnr_brain_db", "ssim_brain")]
            print(f"| {name} | {scores[0]:.4f} | {scores[1]:.2f} | {scores[2]:.4f} |", flush=True)


if __name__ == "__main__":
    main()
