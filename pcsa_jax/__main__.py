"""``python -m pcsa_jax COMMAND``."""

import sys

from pcsa_jax.commands import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m pcsa_jax"))
