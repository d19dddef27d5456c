"""Train classifiers of AD and CN with and without a PET, and score them on people whom nobody has seen.

Examples:
  python -m pcsa_jax classify --config=configs/classifier.py:demo --generator=runs/demo --workdir=runs/demo_ad
  python -m pcsa_jax classify --config=configs/classifier.py --generator=runs/pcsa --workdir=runs/pcsa_ad
  python -m pcsa_jax classify --config=configs/classifier.py --generator=runs/mine --workdir=runs/ad --config.seed=1

The arms are mri, mri+real_pet and mri+synthetic_pet, and the controls mri+mean_pet and mri+mri: the same network,
budget and seed. Cohort, grid, normalisation and parts are those of the generator's run: its training subjects train,
its validation subjects choose checkpoint and threshold, and what is scored is its test fold and the subjects of the
cohort that have no PET. Their files are opened when all else is decided.

The same command resumes what was stopped. Writes thresholds.tsv and probabilities.tsv to WORKDIR, and one run folder
an arm to WORKDIR/arms.
"""

import argparse

from pcsa_jax.experiment.words import config_words
from pcsa_jax.machine.home import user_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", required=True, metavar="CONFIG[:ROW]", help="config file or name (classifier)")
    parser.add_argument(
        "--generator", required=True, type=user_path, metavar="RUN", help="folder of a trained generator"
    )
    parser.add_argument("--workdir", required=True, type=user_path, metavar="DIR", help="folder of the classification")
    parser.add_argument_group("config fields").add_argument(
        "--config.FIELD=VALUE", action="store_true", help="override a field, e.g. --config.num_epochs=100"
    )


def run(arguments: argparse.Namespace) -> int:
    from pcsa_jax.experiment.config import parse_config
    from pcsa_jax.studies.classification.config import CLASSIFIER

    config = parse_config(config_words(arguments.config, arguments.overrides), CLASSIFIER)
    from pcsa_jax.machine.compilation import keep_compiled_programs

    keep_compiled_programs()
    from pcsa_jax.machine.progress import console
    from pcsa_jax.studies.classification.probabilities import summary_table
    from pcsa_jax.studies.classification.protocol import PROBABILITIES, classify

    table = classify(config, arguments.generator, arguments.workdir)
    console.print(summary_table(table))
    console.print(f"Probabilities: {arguments.workdir / PROBABILITIES}")
    return 0
