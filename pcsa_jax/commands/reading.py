"""Options that say of a cohort what its files leave open."""

import argparse


def add_reading(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds ``--tracer``, ``--diagnosis`` and ``--fwhm``."""
    parser.add_argument("--tracer", default="", metavar="FDG", help="of the PET whose names and sidecars do not say it")
    parser.add_argument(
        "--diagnosis", default="any", metavar="FROM",
        help="visit: only a visit's own row gives it a diagnosis; any: or else the participant's (any)",
    )  # fmt: skip
    parser.add_argument(
        "--fwhm", type=float, metavar="MM", help="what the volumes have been smoothed with of which nobody says"
    )
