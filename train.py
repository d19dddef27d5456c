"""Train PCSA-GAN, or resume a run: ``python train.py --config=configs/pcsa.py --workdir=DIR``."""

import sys

from pcsa_jax.commands import run_command

if __name__ == "__main__":
    sys.exit(run_command("train", sys.argv[1:], prog="train.py"))
