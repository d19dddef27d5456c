"""How pictures are to look, for commands that draw volumes."""

import argparse

from pcsa_jax.presentation.viewing import COLOURS, CONVENTIONS, USUAL


def add_viewing(parser: argparse._ActionsContainer) -> None:
    """Adds ``--convention`` and ``--colours`` to a parser or a group of one."""
    parser.add_argument(
        "--convention", choices=tuple(CONVENTIONS), default=USUAL.convention,
        help=f"of axial and coronal planes: the subject's left on the left (neurological) or on the right "
        f"(radiological); default {USUAL.convention}",
    )  # fmt: skip
    parser.add_argument(
        "--colours", choices=tuple(COLOURS), default=USUAL.colours,
        help=f"hot metal or inverted grey; default {USUAL.colours}",
    )  # fmt: skip
