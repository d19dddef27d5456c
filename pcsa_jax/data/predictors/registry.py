"""The trivial predictors under the names that tables, files and configs have for them."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from pcsa_jax.data.predictors.linear import MeanPET, VoxelwiseLinear
from pcsa_jax.data.predictors.local import LocalRidge
from pcsa_jax.data.predictors.ridge import WholeBrainRidge


class Predictor(Protocol):
    """What :attr:`TrivialPredictor.fit` returns."""

    def predict(self, mri: np.ndarray, *, clipped: bool = True) -> np.ndarray:
        """PET of grey-matter maps, both ``(n, x, y, z)``; in [0, 1], or as the model has it if not ``clipped``."""


class TrivialPredictor(NamedTuple):
    """An opponent of the generator.

    Attributes:
      label: its name for print.
      description: what it does, as a sentence goes on after its name.
      fit: (maps, PET) of the training subjects -> the predictor.
      reads_mri: False if it shows everybody the same PET: then it keeps no difference between people.
      kind: dataclass of arrays that ``fit`` returns, so that a model can carry it; None if no model can.
    """

    label: str
    description: str
    fit: Callable[[np.ndarray, np.ndarray], Predictor]
    reads_mri: bool = True
    kind: type | None = None


TRIVIAL_PREDICTORS: dict[str, TrivialPredictor] = {
    "ridge": TrivialPredictor(
        "whole-brain ridge",
        "adds to the linear predictor what the whole map says of its residual, in closed form",
        WholeBrainRidge.fit,
        kind=WholeBrainRidge,
    ),
    "linear": TrivialPredictor(
        "voxel-wise linear",
        "is a straight line from grey matter to uptake at each voxel by itself",
        VoxelwiseLinear.fit,
        kind=VoxelwiseLinear,
    ),
    "mean_pet": TrivialPredictor(
        "mean PET", "is the same volume for everybody", MeanPET.fit, reads_mri=False, kind=MeanPET
    ),
}
"""Name in tables and files -> the predictor, in the order in which tables show them: the one place to add another."""

PREDICTORS: dict[str, TrivialPredictor] = {
    **TRIVIAL_PREDICTORS,
    "local_ridge": TrivialPredictor(
        "local ridge",
        "corrects the whole-brain ridge by a linear filter that changes slowly from place to place, in closed form",
        LocalRidge.fit,
        kind=LocalRidge,
    ),
}
"""The same and those that are no opponents in tables: all that a generator can start from."""
