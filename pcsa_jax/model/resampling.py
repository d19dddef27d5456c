"""Max-pooling and linear upsampling of feature volumes."""

import jax
from jaxtyping import Array, Float


def max_pool(x: Float[Array, "b x y z c"]) -> Float[Array, "b x2 y2 z2 c"]:
    """Maximum over blocks of 2x2x2 voxels.

    Written as reshape and maximum: the gradient of XLA's own pooling has no deterministic form on GPUs. Where several
    voxels of a block share the maximum, each gets an equal part of the gradient.

    Raises:
      ValueError: if an edge is odd.
    """
    batch, *shape, channels = x.shape
    if any(edge % 2 for edge in shape):
        raise ValueError(f"max_pool: every edge must be even, found {tuple(shape)}")
    nx, ny, nz = (edge // 2 for edge in shape)
    return x.reshape(batch, nx, 2, ny, 2, nz, 2, channels).max(axis=(2, 4, 6))


def upsample(x: Float[Array, "b x y z c"], factor: int) -> Float[Array, "b x2 y2 z2 c"]:
    """Trilinear interpolation to ``factor`` times as many voxels along each axis (edges repeated)."""
    batch, *shape, channels = x.shape
    return jax.image.resize(x, (batch, *(factor * edge for edge in shape), channels), method="trilinear")
