"""What is known of a PET before a network has learnt anything: predictors fitted on the training subjects."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self, get_type_hints

import numpy as np

from pcsa_jax.data.predictors.registry import PREDICTORS, Predictor
from pcsa_jax.data.predictors.volumes import check_pairs, mean_volume
from pcsa_jax.data.threads import in_order

DEVIATIONS = "deviations"
"""Before the names of the arrays of :class:`Deviations`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Deviations:
    """How a subject differs from the training subjects' mean, in units of how much they differ among each other.

    A network has to find small differences between people on top of a large mean that all share; shown apart and of
    unit size, they are there from the first step.

    Attributes:
      mean_map, mean_pet: x y z, of the training subjects.
      spread: root mean square of the map's deviations, then of each prediction's, over the training subjects and the
        voxels where the mean map is not 0; (1 + k,).
    """

    mean_map: np.ndarray
    mean_pet: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, predict: Callable[[np.ndarray], np.ndarray], mri: np.ndarray, pet: np.ndarray) -> Self:
        """Finds means and spreads; ``predict`` is (map ``(x, y, z)``) -> predictions ``(x, y, z, k)``."""
        check_pairs(mri, pet)
        mean_map, mean_pet = (mean_volume(volumes).astype(np.float32) for volumes in (mri, pet))
        inside = mean_map > 0

        def square(gm: np.ndarray) -> np.ndarray:
            shown = np.concatenate([(gm - mean_map)[..., None], predict(gm) - mean_pet[..., None]], axis=-1)
            return np.square(shown[inside], dtype=np.float64).mean(axis=0)

        spread = np.sqrt(sum(in_order(square, mri)) / len(mri))
        # What does not vary (the mean PET, or all of one subject's) stays 0 rather than rounding error over 0.
        return cls(mean_map, mean_pet, np.where(spread > 1e-6, spread, np.inf).astype(np.float32))

    def show(self, gm: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """Deviations of a map ``(x, y, z)`` and of its predictions ``(x, y, z, k)``, ``(x, y, z, 1 + k)``."""
        shown = np.concatenate([(gm - self.mean_map)[..., None], predictions - self.mean_pet[..., None]], axis=-1)
        return shown / self.spread


class Prior(NamedTuple):
    """Predictors whose PET a generator is given beside the map.

    Attributes:
      predictors: key of :data:`~pcsa_jax.data.predictors.registry.PREDICTORS` -> the fitted predictor, in the
        order of the generator's channels.
      deviations: what is shown after the predictions, see :class:`Deviations`; None for nothing.
    """

    predictors: Mapping[str, Predictor]
    deviations: Deviations | None = None

    @classmethod
    def fit(cls, names: Sequence[str], mri: np.ndarray, pet: np.ndarray, *, deviations: bool = False) -> Self:
        """Fits the predictors called ``names`` on the training subjects, both arrays ``(n, x, y, z)``."""
        prior = cls({name: PREDICTORS[name].fit(mri, pet) for name in names})
        return prior._replace(deviations=Deviations.fit(prior._predictions, mri, pet)) if deviations else prior

    @property
    def num_channels(self) -> int:
        """Of what it gives."""
        return count_channels(len(self.predictors), deviations=self.deviations is not None)

    def predict(self, mri: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """What is known of each of ``(n, x, y, z)`` maps, float32 ``(n, x, y, z, k)``: predictions, not clipped, first.

        Each subject's is computed by itself, so that it does not depend on who else is asked for.
        """
        out = np.empty((*mri.shape, self.num_channels), np.float32) if out is None else out
        count = len(self.predictors)
        for row, gm in enumerate(mri):
            out[row, ..., :count] = self._predictions(gm)
            if self.deviations is not None:
                out[row, ..., count:] = self.deviations.show(gm, out[row, ..., :count])
        return out

    def _predictions(self, gm: np.ndarray) -> np.ndarray:
        found = [predictor.predict(gm[None], clipped=False)[0] for predictor in self.predictors.values()]
        return np.stack(found, axis=-1)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the volumes that it takes."""
        return next(array for array in self.arrays().values() if array.ndim == 3).shape

    def arrays(self) -> dict[str, np.ndarray]:
        """All that it consists of, ``{"ridge.slope": array}``; :meth:`from_arrays` is the inverse."""
        found = {}
        for name, part in self._parts().items():
            found |= arrays_of(part, f"{name}.")
        return found

    def _parts(self) -> dict[str, Any]:
        return dict(self.predictors) | ({DEVIATIONS: self.deviations} if self.deviations is not None else {})

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray], *, deviations: bool = False) -> Self:
        """The prior that :meth:`arrays` came from.

        Raises:
          ValueError: if an array is missing, is none of its parts', or does not fit the others.
        """
        kinds = {name: PREDICTORS[name].kind for name in names} | ({DEVIATIONS: Deviations} if deviations else {})
        left = dict(arrays)
        parts = {name: made_of(kind, left, f"{name}.") for name, kind in kinds.items()}
        if left:
            raise ValueError(f"expected arrays of {', '.join(kinds)}, found {sorted(left)[0]}")
        found = parts.pop(DEVIATIONS, None)
        prior = cls(parts, found)
        prior._check_fit()
        return prior

    def _check_fit(self) -> None:
        """Raises ValueError unless all arrays have the types and the grid of a prior, and a map can be predicted."""
        arrays = self.arrays()
        if odd := next((name for name, array in arrays.items() if array.dtype not in (np.float32, np.bool_)), None):
            raise ValueError(f"expected {odd} in float32, found {arrays[odd].dtype}")
        shapes = sorted({array.shape for array in arrays.values() if array.ndim == 3})
        if len(shapes) != 1:
            raise ValueError(f"expected volumes of one grid, found {shapes}")
        try:
            with np.errstate(all="ignore"):
                self.predict(np.zeros((1, *shapes[0]), np.float32))
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"expected arrays that fit each other, found others ({error})") from error


def arrays_of(part: Any, prefix: str) -> dict[str, np.ndarray]:
    """The arrays of a dataclass and of those in it, under ``prefix`` and the fields' names."""
    found = {}
    for name, value in vars(part).items():
        is_nested = dataclasses.is_dataclass(value)
        found |= arrays_of(value, f"{prefix}{name}.") if is_nested else {f"{prefix}{name}": np.asarray(value)}
    return found


def made_of(kind: type, arrays: dict[str, np.ndarray], prefix: str) -> Any:
    """The dataclass that :func:`arrays_of` came from; takes its arrays out of ``arrays``.

    Raises:
      ValueError: if one is missing.
    """
    values = {}
    for name, own in get_type_hints(kind).items():
        path = f"{prefix}{name}"
        if dataclasses.is_dataclass(own):
            values[name] = made_of(own, arrays, f"{path}.")
        elif path in arrays:
            values[name] = arrays.pop(path)
        else:
            raise ValueError(f"expected the array {path}, found none")
    return kind(**values)


def count_channels(num_predictors: int, *, deviations: bool) -> int:
    """Channels that a prior of so many predictors gives."""
    return num_predictors + (1 + num_predictors if deviations and num_predictors else 0)
