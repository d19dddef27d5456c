"""What closed-form predictors say of a map, in JAX: a part of the program that makes PET, on any device and in a file.

The same formulas as :mod:`pcsa_jax.data.predictors`, which fits them, to rounding error: one program from map to PET
gives the same bits wherever it runs on one kind of processor, and a file of it needs no NumPy.
"""

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float
from scipy.ndimage import gaussian_filter1d

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.predictors.local import NEIGHBOUR_MM, WIDTHS_MM
from pcsa_jax.data.predictors.prior import DEVIATIONS

Volume = Float[Array, "x y z"]
Arrays = Mapping[str, Array]


def known_of(arrays: Arrays, names: Sequence[str], gm: Volume, *, deviations: bool) -> Float[Array, "x y z k"]:
    """What :meth:`~pcsa_jax.data.predictors.prior.Prior.predict` gives for one map.

    Args:
      arrays: of a prior, as :meth:`~pcsa_jax.data.predictors.prior.Prior.arrays` names them.
      names: of its predictors, in order.
      gm: normalised grey-matter map.
      deviations: whether it shows deviations after the predictions.
    """
    predictions = [PREDICTIONS[name](part_of(arrays, name), gm) for name in names]
    channels = [*predictions]
    if deviations:
        own = part_of(arrays, DEVIATIONS)
        shown = [gm - own["mean_map"], *(prediction - own["mean_pet"] for prediction in predictions)]
        channels += [deviation / own["spread"][index] for index, deviation in enumerate(shown)]
    return jnp.stack(channels, axis=-1)


def part_of(arrays: Arrays, name: str) -> dict[str, Array]:
    """The arrays below ``name.``, without it."""
    return {path.removeprefix(f"{name}."): array for path, array in arrays.items() if path.startswith(f"{name}.")}


def mean_pet(arrays: Arrays, gm: Volume) -> Volume:
    """See :class:`~pcsa_jax.data.predictors.linear.MeanPET`."""
    return jnp.broadcast_to(arrays["mean"], gm.shape)


def voxelwise_linear(arrays: Arrays, gm: Volume) -> Volume:
    """See :class:`~pcsa_jax.data.predictors.linear.VoxelwiseLinear`."""
    return gm * arrays["slope"] + arrays["intercept"]


def whole_brain_ridge(arrays: Arrays, gm: Volume) -> Volume:
    """See :class:`~pcsa_jax.data.predictors.ridge.WholeBrainRidge`."""
    deviation = inside_of(gm, arrays["inside"], len(arrays["centre"])) - arrays["centre"]
    scores = jnp.dot(deviation, arrays["components"].T, precision=lax.Precision.HIGHEST)
    residual = jnp.dot(scores, arrays["loadings"], precision=lax.Precision.HIGHEST)
    return voxelwise_linear(arrays, gm) + put_inside(residual, arrays["reached"])


def local_ridge(arrays: Arrays, gm: Volume) -> Volume:
    """See :class:`~pcsa_jax.data.predictors.local.LocalRidge`."""
    ridge = part_of(arrays, "ridge")
    pet = whole_brain_ridge(ridge, gm)
    weights, inside = arrays["weights"], ridge["inside"]
    correction = jnp.zeros(weights.shape[1:], jnp.float32)
    for index, seen in enumerate(_looked_at(gm - arrays["mean_map"], pet - arrays["mean_pet"])):
        found = inside_of(seen, inside, weights.shape[1]) / arrays["scales"][index]
        correction += found * weights[index]
    return pet + put_inside(correction, inside)


PREDICTIONS: dict[str, Callable[[Arrays, Volume], Volume]] = {
    "ridge": whole_brain_ridge,
    "linear": voxelwise_linear,
    "mean_pet": mean_pet,
    "local_ridge": local_ridge,
}
"""Key of :data:`~pcsa_jax.data.predictors.registry.PREDICTORS` -> (its arrays, map) -> PET, not clipped."""


def inside_of(volume: Volume, mask: Bool[Array, "x y z"], count: int) -> Float[Array, " v"]:
    """The ``count`` voxels of a volume that ``mask`` marks, in order."""
    # A mask that is a constant while a program is traced (in an ONNX file) leaves one gather.
    is_constant = isinstance(mask, np.ndarray)
    places = np.flatnonzero(mask) if is_constant else jnp.flatnonzero(mask, size=count)
    return volume.reshape(-1)[places]


def put_inside(values: Float[Array, " v"], mask: Bool[Array, "x y z"]) -> Volume:
    """A volume that has ``values`` where ``mask`` is, in order, and 0 elsewhere."""
    if not len(values):
        return jnp.zeros(mask.shape, jnp.float32)
    numpy = np if isinstance(mask, np.ndarray) else jnp
    # Gathered: scattered values would be added in any order on a GPU, and few other formats know them.
    places = numpy.maximum(numpy.cumsum(mask.reshape(-1), dtype=np.int32) - 1, 0)
    return jnp.where(mask, values[places].reshape(mask.shape), 0)


def _looked_at(map_deviation: Volume, pet_deviation: Volume) -> list[Volume]:
    """What :func:`pcsa_jax.data.predictors.local.look` stacks."""
    size = map_deviation.shape[0]
    voxel_size_mm = Grid(size).voxel_size_mm
    steps = max(1, round(NEIGHBOUR_MM / voxel_size_mm))
    seen = [map_deviation]
    seen += [_shifted(map_deviation, axis, by) for axis in range(3) for by in (-steps, steps)]
    seen += [pet_deviation]
    for volume in (map_deviation, pet_deviation):
        seen += [_blurred(volume, width / voxel_size_mm) for width in WIDTHS_MM]
    return seen


def _shifted(volume: Volume, axis: int, by: int) -> Volume:
    """``volume`` moved along an axis; 0 comes in."""
    # Put together, not padded: jax2onnx cannot pad what has a symbolic axis.
    size, steps = volume.shape[axis], abs(by)
    nothing = jnp.zeros_like(lax.slice_in_dim(volume, 0, steps, axis=axis))
    kept = lax.slice_in_dim(volume, max(0, -by), size - max(0, by), axis=axis)
    return jnp.concatenate([nothing, kept] if by > 0 else [kept, nothing], axis)


def _blurred(volume: Volume, width: float) -> Volume:
    """SciPy's ``gaussian_filter`` with zeros outside; one product with a matrix an axis."""
    for axis, spec in enumerate(("ux,xyz->uyz", "uy,xyz->xuz", "uz,xyz->xyu")):
        matrix = gaussian_filter1d(np.eye(volume.shape[axis]), width, axis=0, mode="constant").astype(np.float32)
        volume = jnp.einsum(spec, matrix, volume, precision=lax.Precision.HIGHEST)
    return volume
