"""Score a trained run and make its figures and report: ``python evaluate.py --workdir=DIR``."""

import sys

from pcsa_jax.commands import run_command

if __name__ == "__main__":
    sys.exit(run_command("evaluate", sys.argv[1:], prog="evaluate.py"))
