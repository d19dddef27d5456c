"""The few directions in which a set of maps differ most, and the same without each of them in turn."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from pcsa_jax.data.predictors.volumes import mean_volume


@dataclasses.dataclass(frozen=True, eq=False)
class Subspace:
    """Principal components of maps.

    Attributes:
      mean: of the maps, x y z, float32.
      components: orthonormal, (k, x, y, z), float32.
      spread: SD of the maps' coordinates along each, (k,), float32.
    """

    mean: np.ndarray
    components: np.ndarray
    spread: np.ndarray

    def split(self, volume: np.ndarray) -> tuple[float, np.ndarray]:
        """How far a map ``(x, y, z)`` lies from the mean within the subspace, and what lies outside of it.

        Returns:
          Root mean square of its coordinates in SDs (about 1 for a map like the others), and the rest (x y z).
        """
        deviation = volume - self.mean
        coordinates = np.tensordot(self.components, deviation, axes=3)
        rest = deviation - np.tensordot(coordinates, self.components, axes=1)
        squares = (coordinates / self.spread) ** 2
        # Maps that are all the same have no components to be far along.
        return float(np.sqrt(squares.mean())) if len(squares) else 0.0, rest.astype(np.float32)


def fit_subspace(maps: np.ndarray, number: int) -> Subspace:
    """The first ``number`` principal components of ``maps`` (n, x, y, z); n > number."""
    return _solve(maps, _products(maps), mean_volume(maps), np.ones(len(maps), bool), number)


def left_out(maps: np.ndarray, number: int) -> Iterator[tuple[int, Subspace]]:
    """For each row the subspace of all other maps.

    The products of all pairs are formed once: what is left for each row is an eigenproblem of n by n.
    """
    products, mean, count = _products(maps), mean_volume(maps), len(maps)
    for row in range(count):
        others = np.arange(count) != row
        yield row, _solve(maps, products, (count * mean - maps[row]) / (count - 1), others, number)


def _products(maps: np.ndarray) -> np.ndarray:
    """Scalar products of all pairs, float64 (n, n)."""
    flat = maps.reshape(len(maps), -1)
    return (flat @ flat.T).astype(np.float64)


def _solve(maps: np.ndarray, products: np.ndarray, mean: np.ndarray, chosen: np.ndarray, number: int) -> Subspace:
    """Principal components of the chosen rows from the products of all."""
    own, count = products[np.ix_(chosen, chosen)], int(chosen.sum())
    centred = own - own.mean(axis=0) - own.mean(axis=1)[:, None] + own.mean()
    values, vectors = np.linalg.eigh(centred)
    values, vectors = values[::-1][:number], vectors[:, ::-1][:, :number]
    # Maps that do not differ in as many ways as are asked for, or not at all: directions of rounding error (the
    # products are sums in float32) would say anything.
    is_real = values > max(values[0] * 1e-5, np.trace(own) * 1e-6)
    values, vectors = values[is_real], vectors[:, is_real]
    weights = np.zeros((len(maps), len(values)), np.float32)
    weights[chosen] = vectors / np.sqrt(values)
    flat = weights.T @ maps.reshape(len(maps), -1)
    components = flat.reshape(-1, *maps.shape[1:]) - weights.sum(axis=0)[:, None, None, None] * mean
    return Subspace(
        mean.astype(np.float32), components.astype(np.float32), np.sqrt(values / (count - 1)).astype(np.float32)
    )
