"""3-D convolution with the lowering that is fast on the platform it runs on, behind one module.

XLA:CPU has a fast matrix product but a slow 3-D convolution and slower filter gradients, so on the CPU a stride-1
convolution is an exact rewrite into matrix products over slabs (one slab = the y-z plane at one x), whose patches fit
in the cache. Everywhere else it is XLA's own convolution (cuDNN on a GPU). ``docs/decisions.md`` has the measured table
behind the choice in :func:`_slab_convolution`.
"""

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

ROWS = 2048
"""Patches per matrix product on the CPU: enough to keep the cores busy, few enough to stay in their caches."""

DIMENSION_NUMBERS = ("NXYZC", "XYZIO", "NXYZC")


class Conv(nn.Module):
    """3-D convolution with bias and zero padding that keeps the size (divided by ``stride``, rounded up).

    Attributes:
      features: number of output channels.
      kernel_size: edge of the cubic kernel in voxels; odd.
      stride: step in voxels along each axis.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x2 y2 z2 f"]:
        shape = (self.kernel_size,) * 3 + (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        if self.is_initializing():
            # Initialisation needs shapes alone; tracing the rewrites would take a second.
            return jnp.zeros((x.shape[0], *(-(-edge // self.stride) for edge in x.shape[1:4]), self.features), x.dtype)
        kernel, bias = kernel.astype(x.dtype), bias.astype(x.dtype)
        return convolve(x, kernel, stride=self.stride) + bias


def convolve(
    x: Float[Array, "b x y z c"], kernel: Float[Array, "k1 k2 k3 c f"], *, stride: int = 1
) -> Float[Array, "b x2 y2 z2 f"]:
    """Cross-correlation with zero padding ("SAME"), differentiable once in both arguments.

    Raises:
      ValueError: if a kernel edge is even, or the channels of ``x`` and ``kernel`` differ.
    """
    if any(edge % 2 == 0 for edge in kernel.shape[:3]):
        raise ValueError(f"convolution: kernel edges must be odd, found {kernel.shape[:3]}")
    if x.shape[-1] != kernel.shape[3]:
        raise ValueError(f"convolution: kernel takes {kernel.shape[3]} channels, input has {x.shape[-1]}")
    if max(kernel.shape[:3]) == 1:
        return _native(x, kernel, stride)
    return _convolve(x, kernel, stride)


def _native(x: Array, kernel: Array, stride: int) -> Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(x, kernel, (stride,) * 3, "SAME", dimension_numbers=DIMENSION_NUMBERS)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: Array, kernel: Array, stride: int) -> Array:
    native = partial(_native, stride=stride)
    # A strided convolution reads each voxel few times: XLA's own is fast enough there.
    return lax.platform_dependent(x, kernel, cpu=_slab_convolution if stride == 1 else native, default=native)


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, stride), (x, kernel)


def _backward(stride: int, residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    native = partial(_native, stride=stride)

    def native_input(cotangent: Array) -> Array:
        return jax.linear_transpose(lambda x: native(x, kernel), _like(x))(cotangent)[0]

    def native_kernel(cotangent: Array) -> Array:
        return jax.linear_transpose(lambda kernel: native(x, kernel), _like(kernel))(cotangent)[0]

    def slab_input(cotangent: Array) -> Array:
        # The adjoint of a zero-padded odd convolution is the same convolution with the kernel mirrored and transposed.
        mirrored = jnp.swapaxes(kernel[::-1, ::-1, ::-1], 3, 4)
        return _slab_convolution(_spaced(cotangent, x.shape[1:4], kernel.shape[:3], stride), mirrored)

    def slab_kernel(cotangent: Array) -> Array:
        return _slab_kernel_gradient(x, cotangent, edges=kernel.shape[:3]).astype(kernel.dtype)

    input_gradient = lax.platform_dependent(cotangent, cpu=slab_input, default=native_input)
    kernel_gradient = lax.platform_dependent(
        cotangent, cpu=slab_kernel if stride == 1 else native_kernel, default=native_kernel
    )
    return input_gradient, kernel_gradient


_convolve.defvjp(_forward, _backward)


def _like(x: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _spaced(cotangent: Array, shape: tuple[int, ...], edges: tuple[int, ...], stride: int) -> Array:
    """The cotangent of a strided convolution at the voxels where the stride-1 convolution was sampled, 0 elsewhere."""
    if stride == 1:
        return cotangent
    padding = [(0, 0, 0)]
    for size, count, edge in zip(shape, cotangent.shape[1:4], edges, strict=True):
        # "SAME" pads as little as the last window needs, the smaller half in front.
        front = max((count - 1) * stride + edge - size, 0) // 2
        first = edge // 2 - front
        padding.append((first, size - first - (count - 1) * stride - 1, stride - 1))
    return lax.pad(cotangent, jnp.zeros((), cotangent.dtype), [*padding, (0, 0, 0)])


def _slab_convolution(x: Array, kernel: Array) -> Array:
    """Stride-1 convolution as matrix products; equal to :func:`_native` up to the order of the sums."""
    channels, features = kernel.shape[3:]
    if channels == 1 and kernel.shape[0] <= 3:
        return _tap_sum(x, kernel)
    if channels == 1:
        return _columns(x, kernel)
    if features == 1:
        return _tap_columns(x, kernel)
    # Values moved per voxel: gathering makes patches edge times longer, spreading makes edge times more columns, each
    # written, padded and read again.
    edge, edge_y, edge_z = kernel.shape[:3]
    gather = (edge - 1) * edge_y * edge_z * channels < 3 * edge * features
    return _gathered(x, kernel) if gather else _spread(x, kernel)


def _pad(x: Array, edges: tuple[int, ...]) -> Array:
    return jnp.pad(x, ((0, 0), *((edge // 2, edge // 2) for edge in edges), (0, 0)))


def _patches(slab: Array, edges: tuple[int, int], shape: tuple[int, int]) -> Array:
    """Patches of a padded slab ``(..., y, z, c)`` as rows: ``(..., y*z, k2*k3*c)``."""
    (ny, nz), lead = shape, slab.shape[:-3]
    # Gathered along z, then along y: a few long copies, and far less code to compile than one copy a tap.
    slab = jnp.concatenate([lax.slice_in_dim(slab, k, k + nz, axis=-2) for k in range(edges[1])], axis=-1)
    slab = jnp.concatenate([lax.slice_in_dim(slab, j, j + ny, axis=-3) for j in range(edges[0])], axis=-1)
    return slab.reshape(*lead, ny * nz, -1)


def _tap_sum(x: Array, kernel: Array) -> Array:
    """One input channel, small kernel: a sum of scaled shifts, which XLA fuses into one pass."""
    (nx, ny, nz), padded = x.shape[1:4], _pad(x, kernel.shape[:3])
    return sum(
        padded[:, i : i + nx, j : j + ny, k : k + nz] * kernel[i, j, k, 0]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
        for k in range(kernel.shape[2])
    )


def _columns(x: Array, kernel: Array) -> Array:
    """One input channel, large kernel: a 2-D convolution that yields all taps along x, then shifted and added."""
    (edge, *_, features), (batch, nx, ny, nz, _) = kernel.shape, x.shape
    padded = _pad(x, kernel.shape[:3])
    slabs = padded.reshape(-1, *padded.shape[2:])
    flat = jnp.moveaxis(kernel, 0, 3).reshape(*kernel.shape[1:4], edge * features)
    taps = lax.conv_general_dilated(slabs, flat, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    taps = taps.reshape(batch, -1, ny, nz, edge, features)
    return sum(taps[:, i : i + nx, :, :, i] for i in range(edge))


def _tap_columns(x: Array, kernel: Array) -> Array:
    """One output channel: one product gives every tap's contribution, then shifted and added."""
    (nx, ny, nz), edges = x.shape[1:4], kernel.shape[:3]
    taps = (_pad(x, edges) @ jnp.moveaxis(kernel[..., 0], 3, 0).reshape(x.shape[-1], -1)).reshape(
        x.shape[0], *(n + edge - 1 for n, edge in zip(x.shape[1:4], edges, strict=True)), *edges
    )
    total = sum(
        taps[:, i : i + nx, j : j + ny, k : k + nz, i, j, k]
        for i in range(edges[0])
        for j in range(edges[1])
        for k in range(edges[2])
    )
    return total[..., None]


def _gathered(x: Array, kernel: Array) -> Array:
    """The taps along x become channels of the input, those along y and z patches."""
    (nx, *_), (edge, *edges, _, features) = x.shape[1:], kernel.shape
    stacked = _stack_shifts(_pad(x, (edge, 1, 1)), edge, nx)
    matrix = jnp.moveaxis(kernel, 0, 2).reshape(-1, features)
    return _slab_products(stacked, tuple(edges), matrix)


def _spread(x: Array, kernel: Array) -> Array:
    """The taps along x become columns of the product, then shifted and added."""
    (nx, *_), (edge, *edges, _, features) = x.shape[1:], kernel.shape
    matrix = jnp.moveaxis(kernel, 0, 3).reshape(-1, edge * features)
    taps = _pad(_slab_products(x, tuple(edges), matrix), (edge, 1, 1))
    return sum(taps[:, i : i + nx, ..., i * features : (i + 1) * features] for i in range(edge))


def _stack_shifts(padded: Array, edge: int, nx: int) -> Array:
    """Neighbours along x side by side as channels: ``(b, x, y, z, edge*c)``."""
    return jnp.concatenate([padded[:, i : i + nx] for i in range(edge)], axis=-1)


def _slab_products(x: Array, edges: tuple[int, int], matrix: Array) -> Array:
    """Every voxel's patch in y-z times ``matrix``, some slabs at a time."""
    batch, nx, ny, nz, _ = x.shape
    chunks = _chunked(_pad(x, (1, *edges)), ny * nz)
    products = lax.map(lambda chunk: _patches(chunk, edges, (ny, nz)) @ matrix, chunks)
    return products.reshape(batch, nx, ny, nz, -1)


def _chunked(x: Array, rows_per_slab: int) -> Array:
    """Slabs ``(b*x, y, z, c)`` in equal chunks of about ``ROWS`` patches: ``(chunks, slabs, y, z, c)``."""
    count = x.shape[0] * x.shape[1]
    per_chunk = math.gcd(count, max(1, ROWS // rows_per_slab))
    return x.reshape(count // per_chunk, per_chunk, *x.shape[2:])


def _slab_kernel_gradient(x: Array, cotangent: Array, *, edges: tuple[int, int, int]) -> Array:
    """Sum over chunks of patches^T times columns: patches in y-z of the narrower side, shifts along x of the wider."""
    edge, edge_y, edge_z = edges
    channels, features = x.shape[-1], cotangent.shape[-1]
    if channels <= features:
        # A tap that reads x one step ahead meets the cotangent one step behind: shifts in reverse.
        total = _correlate(x, cotangent, edges).reshape(edge_y, edge_z, channels, edge, features)
        return jnp.moveaxis(total[:, :, :, ::-1], 3, 0)
    total = _correlate(cotangent, x, edges).reshape(edge_y, edge_z, features, edge, channels)
    return jnp.transpose(total[::-1, ::-1], (3, 0, 1, 4, 2))


def _correlate(narrow: Array, wide: Array, edges: tuple[int, int, int]) -> Array:
    """Products summed over all voxels: ``(k2*k3*narrow channels, k1*wide channels)``."""
    (nx, ny, nz), (edge, *plane) = narrow.shape[1:4], edges
    stacked = _stack_shifts(_pad(wide, (edge, 1, 1)), edge, nx)
    chunks = _chunked(_pad(narrow, (1, *plane)), ny * nz), _chunked(stacked, ny * nz)

    def add_chunk(total: Array, chunk: tuple[Array, Array]) -> tuple[Array, None]:
        slabs, columns = chunk
        rows = _patches(slabs, tuple(plane), (ny, nz)).reshape(-1, total.shape[0])
        return total + rows.T @ columns.reshape(-1, total.shape[1]), None

    start = jnp.zeros((plane[0] * plane[1] * narrow.shape[-1], stacked.shape[-1]), jnp.float32)
    return lax.scan(add_chunk, start, chunks)[0]
