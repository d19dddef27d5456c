"""What is drawn beside a synthetic PET: a panel of three planes, and the page that a person reads."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcsa_jax.data.derivatives import Outputs
from pcsa_jax.data.phantom_mark import SIDECAR_KEY
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.presentation.viewing import Viewing
from pcsa_jax.synthesis.flags import line_of_card
from pcsa_jax.synthesis.generators import Ensemble, Synthetic

ONE_AT_A_TIME = threading.Lock()
"""Matplotlib is not made for several threads."""


def draw_pictures(
    outputs: Outputs, name: str, *, prepared: Prepared, synthetic: Synthetic, ensemble: Ensemble,
    card: Mapping[str, Any], viewing: Viewing | None,
) -> None:  # fmt: skip
    """Draws what ``outputs`` asks for.

    Args:
      outputs: of one input.
      name: of the input.
      prepared: what was made of it.
      synthetic: its PET, x y z on the generators' grid.
      ensemble: the generators.
      card: the sidecar.
      viewing: of the page.
    """
    if outputs.has_panel:
        from pcsa_jax.synthesis.panel import draw_panel

        marks = ["PHANTOM: "] if card[SIDECAR_KEY] else []
        marks += ["PHANTOM-trained generator\n"] if ensemble.is_phantom else []
        with ONE_AT_A_TIME:
            draw_panel(
                outputs.panel, mri=np.asarray(prepared.mri), mean=synthetic.mean, std=synthetic.std,
                grid=ensemble.grid, scale=ensemble.scale, title=f"{''.join(marks)}{name}", line=line_of_card(card),
            )  # fmt: skip
    if viewing is not None and outputs.page_look:
        from pcsa_jax.synthesis.page import PageContent, write_page

        content = PageContent(
            name, mean=synthetic.mean, std=synthetic.std, grid=ensemble.grid, scale=ensemble.scale, card=card
        )
        with ONE_AT_A_TIME:
            write_page(outputs.page, content, viewing)
