"""What every framework is given: the same config and the same volumes."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from pcsa_jax.experiment.config import parse_config, tupled

ROOT = Path(__file__).parents[1]


def config_of(
    row: str = "pcsa", *, size: int = 64, precision: str = "float32", fields: Mapping[str, Any] = MappingProxyType({})
) -> ConfigDict:
    """A row of the paper's config on a grid of ``size``^3, with other ``fields`` where they are given.

    Sizes of features follow the grid, so the layers that have attention and skip connections stay the same ones.
    """
    plain = parse_config([f"--config={ROOT / 'configs' / 'pcsa.py'}:{row}"])
    overrides: dict[str, Any] = {"data.size": size, "precision": precision}
    for name in ("attention_sizes", "skip_sizes"):
        overrides[f"generator.{name}"] = tuple(edge * size // 64 for edge in plain.generator[name])
    return parse_config([f"--config={ROOT / 'configs' / 'pcsa.py'}:{row}", *override_words(overrides | dict(fields))])


def override_words(fields: Mapping[str, Any]) -> list[str]:
    """``{"group.field": value}`` as words of a command line."""
    return [f"--config.{name}={tupled(value)}" for name, value in fields.items()]


def volumes(batch: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth random GM map and PET, ``(b, x, y, z, 1)`` in [0, 1], the same for everybody."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(size=(2, batch, size // 4, size // 4, size // 4)).astype(np.float32)
    fine = coarse.repeat(4, axis=2).repeat(4, axis=3).repeat(4, axis=4)
    mri, pet = np.clip(fine + 0.05 * rng.standard_normal(fine.shape).astype(np.float32), 0, 1)[..., None]
    return mri, pet
