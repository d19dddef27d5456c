"""What is known of a PET before a network has learnt anything: predictors fitted on the training subjects."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from pcsa_jax.data.predictors.registry import TRIVIAL_PREDICTORS, Predictor


class Prior(NamedTuple):
    """Predictors whose PET a generator is given beside the map.

    Attributes:
      predictors: key of :data:`~pcsa_jax.data.predictors.registry.TRIVIAL_PREDICTORS` -> the fitted predictor, in the
        order of the generator's channels.
    """

    predictors: Mapping[str, Predictor]

    @classmethod
    def fit(cls, names: Sequence[str], mri: np.ndarray, pet: np.ndarray) -> Self:
        """Fits the predictors called ``names`` on the training subjects, both arrays ``(n, x, y, z)``."""
        return cls({name: TRIVIAL_PREDICTORS[name].fit(mri, pet) for name in names})

    def predict(self, mri: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """PET of ``(n, x, y, z)`` maps by each predictor, float32 ``(n, x, y, z, k)``, not clipped.

        Each subject's is computed by itself, so that it does not depend on who else is asked for.
        """
        out = np.empty((*mri.shape, len(self.predictors)), np.float32) if out is None else out
        for row in range(len(mri)):
            for channel, predictor in enumerate(self.predictors.values()):
                out[row, ..., channel] = predictor.predict(mri[row : row + 1], clipped=False)[0]
        return out

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the volumes that it takes."""
        arrays = (array for array in self.arrays().values() if array.ndim == 3)
        return next(arrays).shape

    def arrays(self) -> dict[str, np.ndarray]:
        """All that it consists of, ``{"ridge.slope": array}``; :meth:`from_arrays` is the inverse."""
        return {
            f"{name}.{field}": np.asarray(array)
            for name, predictor in self.predictors.items()
            for field, array in vars(predictor).items()
        }

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Self:
        """The prior that :meth:`arrays` came from.

        Raises:
          ValueError: if an array is missing or is none of its predictors'.
        """
        fields: dict[str, dict[str, np.ndarray]] = {name: {} for name in names}
        for path, array in arrays.items():
            name, _, field = path.partition(".")
            if name not in fields:
                raise ValueError(f"expected arrays of {', '.join(names)}, found {path}")
            fields[name][field] = array
        predictors = {}
        for name, own in fields.items():
            kind = TRIVIAL_PREDICTORS[name].kind
            wanted = set(kind.__dataclass_fields__)
            if own.keys() != wanted:
                raise ValueError(f"expected of {name} the arrays {sorted(wanted)}, found {sorted(own)}")
            predictors[name] = kind(**own)
        return cls(predictors)
