"""What :mod:`benchmarks.ingredients` compares: variants of the recipe, and what all variants of a study share."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """What all variants of a study are trained with.

    Attributes:
      config: file of the rows.
      size: voxels along an edge.
      pairs: people of the cohort.
      common: fields of every variant, which may differ from them.
    """

    config: str
    size: int
    pairs: int
    common: Mapping[str, Any]


DEMO = Setting("configs/demo.py", 32, 120, {})
FULL_SIZE = Setting("configs/pcsa.py", 64, 356, {
    "precision": "bfloat16", "batch_size": 4, "num_epochs": 50, "evaluate_every_epochs": 10,
    "checkpoint_every_epochs": 10, "generator_optimizer.learning_rate": 2e-3, "generator_optimizer.b1": 0.9,
    "generator_optimizer.b2": 0.99, "generator_optimizer.schedule": "one_cycle",
    "generator_optimizer.gradient_clip": 1.0, "discriminator_optimizer.learning_rate": 4e-4,
    "discriminator_optimizer.b1": 0.9,
})  # fmt: skip
"""The paper's grid and number of people with the demo's optimisers and a twentieth of its epochs; wants a GPU."""

_CHANNELS = {"recipe.channels": "('ridge','linear','mean_pet')"}
_RIDGE = _CHANNELS | {"recipe.anchor": "ridge"}
_LOCAL = {"recipe.channels": "('local_ridge','mean_pet')", "recipe.anchor": "local_ridge"}
_OWN = _LOCAL | {"recipe.output_range": "own"}
_DEVIATIONS = _OWN | {"recipe.deviations": True}
_ROW = {"row": "best"}

STUDIES: dict[str, dict[str, dict[str, Any]]] = {
    # From the paper's generator to the recipe, one step at a time.
    "path": {
        "the paper's generator": {},
        "+ moving average of its weights (0.99)": {"recipe.weight_average": 0.99},
        "its input: ridge, linear, mean PET as channels": _CHANNELS,
        "added to the linear prediction": {"recipe.channels": "('linear','mean_pet')", "recipe.anchor": "linear"},
        "added to the ridge's": _RIDGE,
        "added to the local ridge's": _LOCAL,
        "+ the range of its own": _OWN,
        "+ deviations as channels": _DEVIATIONS,
        "+ no discriminator": _DEVIATIONS | {"loss.adversarial": 0.0},
    },
    # The row with one value changed.
    "around": {
        "the recipe": _ROW,
        "no moving average": _ROW | {"recipe.weight_average": 0.0},
        "mirrored pairs (0.5), two views": _ROW | {"recipe.flip": 0.5, "recipe.views": 2},
        "two views": _ROW | {"recipe.views": 2},
        "coordinates": _ROW | {"recipe.coordinates": True},
        "L1 in the brain": _ROW | {"recipe.loss_region": "brain"},
        "MS-SSIM weight 1": _ROW | {"loss.ms_ssim": 1.0},
        "no MS-SSIM": _ROW | {"loss.ms_ssim": 0.0},
        "adversarial weight 0.01": _ROW | {"loss.adversarial": 0.01},
        "learning rate 2e-4": _ROW | {"generator_optimizer.learning_rate": 2e-4},
        "learning rate 2e-3": _ROW | {"generator_optimizer.learning_rate": 2e-3},
        "cosine": _ROW | {"generator_optimizer.schedule": "cosine"},
        "the paper's generator with a range of its own": {"recipe.output_range": "own"},
    },
    # Another unit, so other decibels: compare within a line.
    "normalisation": {
        "minmax": _ROW,
        "percentile": _ROW | {"data.normalisation": "percentile"},
        "suvr": _ROW | {"data.normalisation": "suvr", "recipe.output_range": "free"},
    },
    # Whole budget: what README and docs/transfer.md say.
    "final": {"the paper's generator": {}, "best": _ROW},
    "full_size": {"the paper's generator": {}, "best": _ROW | {"generator_optimizer.learning_rate": 5e-4}},
}
SETTINGS = {"full_size": FULL_SIZE}
"""Study -> setting, where it is not :data:`DEMO`."""
