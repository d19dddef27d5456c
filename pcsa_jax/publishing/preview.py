"""The picture of a published model: what it makes of a brain that belongs to nobody."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcsa_jax.data.normalisation import intensity_range
from pcsa_jax.data.phantom.subject import make_subject
from pcsa_jax.presentation.origin import synthetic_line
from pcsa_jax.synthesis.loaded import LoadedGenerator
from pcsa_jax.synthesis.panel import draw_panel
from pcsa_jax.synthesis.reading_cards import pet_scale

NUMBER = 9_001
"""Of the phantom that is shown: no cohort that is written without being asked for has so many."""


def preview_map(size: int) -> np.ndarray:
    """Normalised grey-matter map of the phantom that is shown, (x, y, z).

    A phantom's, whoever the model was trained on: pictures of people are theirs, and data use agreements forbid them.
    """
    gm = make_subject(NUMBER, size=size, with_pet=False).mri
    return intensity_range(gm, "minmax", "preview").normalise(gm)


def draw_preview(path: Path, generator: LoadedGenerator, gm: np.ndarray) -> Path:
    """Three planes of the phantom's map and of what the generator makes of it, as PNG.

    Args:
      path: to write.
      generator: whose PET is shown.
      gm: of :func:`preview_map`.
    """
    card: Mapping[str, Any] = generator.card
    line = synthetic_line(
        is_phantom=True, trained_on_phantom=bool(card["training"]["is_phantom"]), models=[card["sha256"]]
    )
    return draw_panel(
        path, mri=gm, mean=generator.in_unit(gm[None])[0], std=None, grid=generator.grid, scale=pet_scale(card),
        title="PHANTOM: nobody's brain", line=line,
    )  # fmt: skip
