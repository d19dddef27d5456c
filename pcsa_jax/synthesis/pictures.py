"""What is drawn beside a synthetic PET: a panel of three planes, and the page that a person reads."""

import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcsa_jax.data.derivatives import Outputs
from pcsa_jax.data.phantom_mark import SIDECAR_KEY
from pcsa_jax.data.synthesis_inputs import Prepared
from pcsa_jax.data.trust.uptake_norm import REFERENCES
from pcsa_jax.presentation.viewing import Viewing
from pcsa_jax.synthesis.flags import line_of_card, title_mark
from pcsa_jax.synthesis.generators import Ensemble, Synthetic
from pcsa_jax.synthesis.judging import Judged, trivial_volumes

if TYPE_CHECKING:
    from pcsa_jax.synthesis.page import Picture

ONE_AT_A_TIME = threading.Lock()
"""Matplotlib is not made for several threads."""


def draw_pictures(
    outputs: Outputs, name: str, *, prepared: Prepared, synthetic: Synthetic, ensemble: Ensemble,
    card: Mapping[str, Any], viewing: Viewing | None, judged: Judged,
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
      judged: what is known of the PET.
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

        trust = ensemble.trust
        with ONE_AT_A_TIME:
            content = PageContent(
                name, mean=synthetic.mean, std=synthetic.std, grid=ensemble.grid, scale=ensemble.scale, card=card,
                trivial=trivial_volumes(trust, prepared.mri, ensemble.scale), low=judged.low, high=judged.high,
                intervals=judged.regions, coverage=trust.intervals.describe() if trust.intervals else "",
                norm=_zmap_pictures(name, judged, ensemble, card, viewing),
                missing={part: f"{line}." for part, line in trust.missing_parts().items()},
            )  # fmt: skip
            write_page(outputs.page, content, viewing)


def _zmap_pictures(
    name: str, judged: Judged, ensemble: Ensemble, card: Mapping[str, Any], viewing: Viewing
) -> "list[Picture]":  # fmt: skip
    """The deviation from normal, if it is known."""
    if judged.z is None:
        return []
    from pcsa_jax.presentation.zmap_page import draw_zmap_page
    from pcsa_jax.synthesis.page import Picture

    norm = ensemble.trust.norm
    by = f", {' and '.join(norm.covariates)} regressed out" if norm.covariates else ""
    who = "cognitively normal training subjects"
    who += " (PHANTOMS, with simulated PET)" if ensemble.is_phantom else ""
    notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in (*norm.missing, *judged.z_notes))
    caption = (
        f"Deviation from {norm.count} {who}{by}: blue is low. Divided by the uptake of "
        f"{', '.join(REFERENCES[norm.reference])}, not by the global mean, which falls with the disease.{notes} A "
        "synthetic PET has less spread than a real one: it finds too little, and nothing that the MRI does not show."
    )
    with tempfile.TemporaryDirectory() as folder:
        path = draw_zmap_page(
            Path(folder, "z.png"), {"Synthetic PET": judged.z}, ensemble.grid,
            f"{title_mark(card)}{name}, synthetic FDG-PET: deviation from normal", is_phantom=False,
            line=line_of_card(card), viewing=viewing,
        )  # fmt: skip
        return [Picture(path.read_bytes(), caption)]
