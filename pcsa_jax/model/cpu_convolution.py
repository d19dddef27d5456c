"""Exact rewrites of the 3-D convolution into what XLA:CPU computes fast: 2-D convolutions and matrix products.

XLA:CPU has a fast 2-D convolution, a slow 3-D one and slower filter gradients. Along x a convolution is therefore
a sum over slabs (one slab: the y-z plane at one x), in the plane it is XLA's 2-D convolution, and the sum over slabs is
tiled with fewer products than taps (:class:`Tiling`). The same tiling gives the filter gradient, as 2-D convolutions
of the input's channels with the cotangent as the window. One or two channels are too few for a matrix product and have
rewrites of their own. ``docs/decisions.md`` has the measured table behind every choice made here.

All arithmetic is float32: the CPU has no faster type, and the tiling would lose half the digits of a bfloat16.
"""

import math
from collections.abc import Sequence
from functools import cache, partial, reduce
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

FEW = 2
"""Up to this many channels count as few."""

LONGEST_SUM = 9
"""Up to so many terms a sum of shifted volumes is one fast loop."""

LARGE = 32**3
"""Volumes of so many voxels go through one at a time."""

POINTS = (0, 1, -1, 2, -0.5, 0.5, -2)
"""Where the tiling evaluates its polynomials, in this order, and last at infinity; small numbers keep the rounding
error of a tile of 4 near 1e-6 of the largest value."""


class Tiling(NamedTuple):
    """Minimal filtering: ``outputs`` neighbouring values of a ``taps``-tap filter from ``outputs + taps - 1`` products.

    ``output = combine @ ((kernel @ taps) * (window @ inputs))`` with ``outputs + taps - 1`` inputs, so that
    4 outputs of 3 taps take 6 products instead of 12, of 5 taps 8 instead of 20.

    Source: Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016 (arXiv 1509.09308), section 4.

    Attributes:
      combine: (outputs, products).
      kernel: (products, taps).
      window: (products, outputs + taps - 1).
    """

    combine: np.ndarray
    kernel: np.ndarray
    window: np.ndarray


@cache
def tiling(outputs: int, taps: int) -> Tiling:
    """The tiling by Toom-Cook interpolation at :data:`POINTS`; for one output, one product a tap.

    The product of two polynomials is interpolated from its values at the points; the transpose of that map is the
    filter.
    """
    if outputs == 1:
        return Tiling(np.ones((1, taps)), np.eye(taps), np.eye(taps))
    window = outputs + taps - 1
    points = np.asarray(POINTS[: window - 1], float)

    def values(degree: int) -> np.ndarray:
        """Polynomials of ``degree`` coefficients at the points; at infinity the leading coefficient remains."""
        return np.vstack([np.vander(points, degree, increasing=True), np.eye(degree)[-1]])

    return Tiling(values(outputs).T, values(taps), np.linalg.inv(values(window)).T)


def _tiling_for(size: int, taps: int) -> Tiling:
    """Tiles of 4 where the volume holds one and the points suffice."""
    return tiling(4 if size >= 4 and 1 < taps <= len(POINTS) - 2 else 1, taps)


def convolution(x: Float[Array, "b x y z c"], kernel: Float[Array, "k1 k2 k3 c f"]) -> Float[Array, "b x y z f"]:
    """Cross-correlation with stride 1 and zero padding ("SAME"); kernel edges are odd."""
    channels, features = kernel.shape[3:]
    if channels <= FEW and kernel.shape[0] <= 5:
        is_short = math.prod(kernel.shape[1:4]) <= LONGEST_SUM
        return _sum_of_shifts(x, kernel) if is_short else _taps_as_channels(x, kernel)
    if features <= FEW and channels > 1:
        return _spread_over_taps(x, kernel)
    rewrite = _spread_along_x if channels == 1 else _tiled
    if _one_at_a_time(x):
        return lax.map(lambda volume: rewrite(volume[None], kernel)[0], x)
    return rewrite(x, kernel)


def _one_at_a_time(x: Array) -> bool:
    """Whether two volumes would drive each other out of the caches."""
    return x.shape[0] > 1 and math.prod(x.shape[1:4]) >= LARGE


def kernel_gradient(
    x: Float[Array, "b x y z c"], cotangent: Float[Array, "b x y z f"], edges: tuple[int, int, int]
) -> Float[Array, "k1 k2 k3 c f"]:
    """Gradient of :func:`convolution` with respect to the kernel."""
    if x.shape[-1] > cotangent.shape[-1]:
        # A convolution with exchanged roles: what reads x one step ahead meets the cotangent one step behind.
        mirrored = kernel_gradient(cotangent, x, edges)
        return jnp.swapaxes(mirrored[::-1, ::-1, ::-1], 3, 4)
    if x.shape[-1] <= FEW and max(edges) <= 3:
        return _tap_rows_kernel_gradient(x, cotangent, edges)
    rewrite = partial(_shifted_kernel_gradient if x.shape[-1] <= FEW else _tiled_kernel_gradient, edges=edges)
    if not _one_at_a_time(x):
        return rewrite(x, cotangent)

    def add_volume(total: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        return total + rewrite(*(volume[None] for volume in pair)), None

    return lax.scan(add_volume, jnp.zeros((*edges, x.shape[-1], cotangent.shape[-1])), (x, cotangent))[0]


def strided_convolution(x: Float[Array, "b x y z c"], kernel: Float[Array, "k1 k2 k3 c f"], stride: int) -> Array:
    """Cross-correlation with a stride and "SAME" padding: a strided one reads a voxel few times, so patches are small.

    Linear in both arguments; its transposes are the gradients.
    """
    patches = _strided_patches(x, kernel.shape[:3], stride)
    return patches @ kernel.reshape(-1, kernel.shape[-1])


def _pad(x: Array, edges: Sequence[int], first_axis: int = 1) -> Array:
    """Half an edge of zeros on both sides of the axes from ``first_axis``."""
    padding = [(0, 0)] * x.ndim
    padding[first_axis : first_axis + len(edges)] = [(edge // 2, edge // 2) for edge in edges]
    return jnp.pad(x, padding)


def _combined(coefficients: np.ndarray, terms: Sequence[Array]) -> list[Array]:
    """Rows of ``coefficients`` times ``terms``, without the zeros."""
    rows = [[(c, term) for c, term in zip(row, terms, strict=True) if abs(c) > 1e-12] for row in coefficients]
    return [reduce(lax.add, [lax.mul(term, np.float32(c)) if c != 1 else term for c, term in row]) for row in rows]


def _input_tiles(x: Array, tiles: Tiling, taps: int) -> list[Array]:
    """The tiling's inputs: a list of slabs ``(b*tiles, y, z, c)``, one entry a product."""
    outputs, window = len(tiles.combine), tiles.window.shape[1]
    count, (nx, *plane) = -(-x.shape[1] // outputs), x.shape[1:]
    behind = (count - 1) * outputs + window - nx - taps // 2
    padded = jnp.pad(x, ((0, 0), (taps // 2, behind), *((0, 0),) * 3))
    shifted = [
        lax.slice_in_dim(padded, i, i + (count - 1) * outputs + 1, outputs, axis=1).reshape(-1, *plane)
        for i in range(window)
    ]
    return _combined(tiles.window, shifted)


def _plane_convolution(slabs: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(slabs, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _tiled(x: Array, kernel: Array) -> Array:
    (batch, nx, ny, nz, _), (taps, *_, features) = x.shape, kernel.shape
    tiles = _tiling_for(nx, taps)
    kernels = _combined(tiles.kernel, list(kernel))
    products = map(_plane_convolution, _input_tiles(x, tiles, taps), kernels)
    outputs = _combined(tiles.combine, list(products))
    y = jnp.stack([slabs.reshape(batch, -1, ny, nz, features) for slabs in outputs], axis=2)
    return y.reshape(batch, -1, ny, nz, features)[:, :nx]


def _tiled_kernel_gradient(x: Array, cotangent: Array, edges: tuple[int, int, int]) -> Array:
    taps, *plane_edges = edges
    tiles = _tiling_for(x.shape[1], taps)
    outputs = len(tiles.combine)
    padded = jnp.pad(cotangent, ((0, 0), (0, -x.shape[1] % outputs), *((0, 0),) * 3))
    slabs = [padded[:, i::outputs].reshape(-1, *cotangent.shape[2:]) for i in range(outputs)]
    products = [
        _plane_correlation(inputs, cotangents, plane_edges)
        for inputs, cotangents in zip(_input_tiles(x, tiles, taps), _combined(tiles.combine.T, slabs), strict=True)
    ]
    return jnp.stack(_combined(tiles.kernel.T, products))


def _plane_correlation(slabs: Array, cotangents: Array, edges: Sequence[int]) -> Array:
    """Kernel gradient ``(k2, k3, c, f)`` of a 2-D convolution: channels are the batch, slabs the channels."""
    padding = [(edge // 2, edge // 2) for edge in edges]
    # Written out: left to XLA, the transposes are missing inside loops, and the convolution is slow.
    channels, window = jnp.transpose(slabs, (3, 1, 2, 0)), jnp.transpose(cotangents, (1, 2, 0, 3))
    found = lax.conv_general_dilated(channels, window, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jnp.transpose(found, (1, 2, 0, 3))


def _shift(padded: Array, offsets: Sequence[int], shape: Sequence[int]) -> Array:
    """A window of ``shape`` voxels of volumes ``b x y z ...``."""
    for axis, (offset, size) in enumerate(zip(offsets, shape, strict=True), start=1):
        padded = lax.slice_in_dim(padded, offset, offset + size, axis=axis)
    return padded


def _sum_of_shifts(x: Array, kernel: Array) -> Array:
    """Few input channels: scaled shifts added up, one pass for each tap along x.

    The loop also keeps XLA from repeating the sum inside every operation that uses it.
    """
    (batch, *shape, channels), (ex, ey, ez, _, features), padded = x.shape, kernel.shape, _pad(x, kernel.shape[:3])

    def add_tap(total: Array, tap: tuple[Array, Array]) -> tuple[Array, None]:
        index, weights = tap
        slabs = lax.dynamic_slice_in_dim(padded, index, shape[0], axis=1)
        part = sum(
            _shift(slabs, (0, j, k), shape)[..., c : c + 1] * weights[j, k, c]
            for j in range(ey)
            for k in range(ez)
            for c in range(channels)
        )
        return total + part, None

    return lax.scan(add_tap, jnp.zeros((batch, *shape, features)), (jnp.arange(ex), kernel))[0]


def _taps_as_channels(x: Array, kernel: Array) -> Array:
    """Few input channels, many taps: the slabs around each slab are its channels in one 2-D convolution."""
    (batch, nx, ny, nz, channels), (edge, *plane, _, features) = x.shape, kernel.shape
    padded = _pad(x, (edge,))
    slabs = jnp.concatenate([padded[:, i : i + nx] for i in range(edge)], axis=-1).reshape(-1, ny, nz, edge * channels)
    found = _plane_convolution(slabs, jnp.moveaxis(kernel, 0, 2).reshape(*plane, edge * channels, features))
    return found.reshape(batch, nx, ny, nz, features)


def _spread_along_x(x: Array, kernel: Array) -> Array:
    """One input channel, large kernel: one 2-D convolution yields all taps along x, then shifted and added."""
    (edge, *_, features), (batch, nx, ny, nz, _) = kernel.shape, x.shape
    slabs = _pad(x, (edge,)).reshape(-1, ny, nz, 1)
    taps = _plane_convolution(slabs, jnp.moveaxis(kernel, 0, 3).reshape(*kernel.shape[1:4], edge * features))
    taps = taps.reshape(batch, -1, ny, nz, edge, features)
    return sum(taps[:, i : i + nx, :, :, i] for i in range(edge))


def _slabs_at_once(nx: int) -> int:
    """Slabs in one turn of a loop: two fill the cores and fit their caches."""
    return 2 if nx % 2 == 0 else 1


def _spread_over_taps(x: Array, kernel: Array) -> Array:
    """Few output channels: one product gives every tap's contribution, slabs by slabs, then shifted and added."""
    (batch, nx, ny, nz, channels), (ex, ey, ez, _, features) = x.shape, kernel.shape
    matrix = jnp.transpose(kernel, (4, 0, 1, 2, 3)).reshape(-1, channels)
    count = _slabs_at_once(nx)

    def spread(slabs: Array) -> Array:
        taps = _pad((matrix @ slabs.T).reshape(features, ex, ey, ez, count, ny, nz), (ey, ez), first_axis=5)
        return sum(taps[:, :, j, k, :, j : j + ny, k : k + nz] for j in range(ey) for k in range(ez))

    planes = lax.map(spread, x.reshape(-1, count * ny * nz, channels))
    planes = jnp.moveaxis(planes, 3, 1).reshape(batch, nx, features, ex, ny, nz)
    planes = _pad(planes, (ex,))
    return jnp.moveaxis(sum(planes[:, i : i + nx, :, i] for i in range(ex)), 2, -1)


def _tap_rows_kernel_gradient(x: Array, cotangent: Array, edges: tuple[int, int, int]) -> Array:
    """Few input channels, small kernel: each tap's shifted slabs are one long row of a matrix product."""
    (batch, nx, ny, nz, channels), (ex, ey, ez), features = x.shape, edges, cotangent.shape[-1]
    count = _slabs_at_once(nx)
    padded = _pad(jnp.moveaxis(x, -1, 1), edges, first_axis=2)

    def add_slabs(total: Array, index: Array) -> tuple[Array, None]:
        volume, first = index // (nx // count), index % (nx // count) * count
        window = (1, channels, count + ex - 1, *padded.shape[3:])
        slabs = lax.dynamic_slice(padded, (volume, 0, first, 0, 0), window)[0]
        rows = jnp.stack([slabs[..., k : k + nz] for k in range(ez)])
        rows = jnp.stack([rows[:, :, :, j : j + ny] for j in range(ey)])
        rows = jnp.stack([rows[:, :, :, i : i + count] for i in range(ex)])
        columns = lax.dynamic_slice(cotangent, (volume, first, 0, 0, 0), (1, count, ny, nz, features))
        return total + rows.reshape(len(total), -1) @ columns.reshape(-1, features), None

    total = jnp.zeros((ex * ey * ez * channels, features))
    total, _ = lax.scan(add_slabs, total, jnp.arange(batch * nx // count))
    return total.reshape(ex, ey, ez, channels, features)


def _shifted_kernel_gradient(x: Array, cotangent: Array, edges: tuple[int, int, int]) -> Array:
    """Few input channels, large kernel: one 2-D convolution of all shifts along x, with the cotangent as its window."""
    (_, nx, ny, nz, channels), (ex, *plane_edges), features = x.shape, edges, cotangent.shape[-1]
    padded = _pad(x, (ex,))
    shifts = jnp.stack([padded[:, i : i + nx] for i in range(ex)], axis=-1).reshape(-1, ny, nz, channels * ex)
    found = _plane_correlation(shifts, cotangent.reshape(-1, ny, nz, features), plane_edges)
    return jnp.moveaxis(found.reshape(*plane_edges, channels, ex, features), 3, 0)


def _strided_patches(x: Array, edges: tuple[int, int, int], stride: int) -> Array:
    """Patches ``(b, x2, y2, z2, k1*k2*k3*c)`` at every ``stride``-th voxel of the "SAME" padding."""
    (ex, ey, ez), counts = edges, [-(-size // stride) for size in x.shape[1:4]]
    padding = lax.padtype_to_pads(x.shape[1:4], edges, (stride,) * 3, "SAME")
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))

    def tap(*offsets: int) -> Array:
        stops = [offset + (count - 1) * stride + 1 for offset, count in zip(offsets, counts, strict=True)]
        return lax.slice(
            padded, (0, *offsets, 0), (x.shape[0], *stops, x.shape[-1]), (1, stride, stride, stride, 1)
        )  # fmt: skip

    return jnp.concatenate([tap(i, j, k) for i in range(ex) for j in range(ey) for k in range(ez)], axis=-1)
