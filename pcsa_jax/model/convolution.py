"""3-D convolution with the lowering that is fast on the platform it runs on, behind one module.

On the CPU it is an exact rewrite (:mod:`pcsa_jax.model.cpu_convolution`), everywhere else XLA's own convolution (cuDNN
on a GPU).
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from pcsa_jax.model import cpu_convolution

Convolution = Callable[[Array, Array], Array]
Pullback = Callable[[Array], Array]

DIMENSION_NUMBERS = ("NXYZC", "XYZIO", "NXYZC")

_only_native = contextvars.ContextVar("only_native", default=False)


@contextlib.contextmanager
def only_native() -> Iterator[None]:
    """What is traced inside is XLA's own convolution for every platform: what other software has a counterpart of."""
    token = _only_native.set(True)
    try:
        yield
    finally:
        _only_native.reset(token)


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
    def __call__(self, x: Float[Array, "b x y z c"], *more: Float[Array, "b x y z _"]) -> Float[Array, "b x2 y2 z2 f"]:
        """Convolves the volumes as if their channels were concatenated, without the copy."""
        volumes = (x, *more)
        ends = np.cumsum([volume.shape[-1] for volume in volumes])
        shape = (self.kernel_size,) * 3 + (int(ends[-1]), self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        if self.is_initializing():
            # Initialisation needs shapes alone; tracing the rewrites would take a second.
            return jnp.zeros((x.shape[0], *(-(-edge // self.stride) for edge in x.shape[1:4]), self.features), x.dtype)
        kernels = jnp.split(kernel.astype(x.dtype), ends[:-1], axis=3)
        parts = [convolve(*pair, stride=self.stride) for pair in zip(volumes, kernels, strict=True)]
        return sum(parts) + bias.astype(x.dtype)


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
    if max(kernel.shape[:3]) == 1 or _only_native.get():
        return _native(x, kernel, stride)
    return _convolve(x, kernel, stride)


def _native(x: Array, kernel: Array, stride: int) -> Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(x, kernel, (stride,) * 3, "SAME", dimension_numbers=DIMENSION_NUMBERS)


def _rewritten(x: Array, kernel: Array, stride: int) -> Array:
    """The same on the CPU, in float32."""
    volumes, weights = x.astype(jnp.float32), kernel.astype(jnp.float32)
    if stride == 1:
        return cpu_convolution.convolution(volumes, weights).astype(x.dtype)
    return cpu_convolution.strided_convolution(volumes, weights, stride).astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: Array, kernel: Array, stride: int) -> Array:
    return lax.platform_dependent(
        x, kernel, cpu=partial(_rewritten, stride=stride), default=partial(_native, stride=stride)
    )  # fmt: skip


def _forward(x: Array, kernel: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return _convolve(x, kernel, stride), (x, kernel)


def _transposes(function: Convolution, x: Array, kernel: Array) -> tuple[Pullback, Pullback]:
    """The adjoints of ``function`` in each of its arguments."""
    by_input = jax.linear_transpose(lambda x: function(x, kernel), _like(x))
    by_kernel = jax.linear_transpose(lambda kernel: function(x, kernel), _like(kernel))
    return lambda cotangent: by_input(cotangent)[0], lambda cotangent: by_kernel(cotangent)[0]


def _backward(stride: int, residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    default = _transposes(partial(_native, stride=stride), x, kernel)

    def rewritten_input(cotangent: Array) -> Array:
        # The adjoint of a zero-padded odd convolution is the same convolution with the kernel mirrored and transposed.
        return _rewritten(cotangent, jnp.swapaxes(kernel[::-1, ::-1, ::-1], 3, 4), 1)

    def rewritten_kernel(cotangent: Array) -> Array:
        volumes, cotangents = x.astype(jnp.float32), cotangent.astype(jnp.float32)
        return cpu_convolution.kernel_gradient(volumes, cotangents, kernel.shape[:3]).astype(kernel.dtype)

    if stride == 1:
        cpu = rewritten_input, rewritten_kernel
    else:
        cpu = _transposes(partial(_rewritten, stride=stride), x, kernel)
    by_input, by_kernel = (
        lax.platform_dependent(cotangent, cpu=own, default=other) for own, other in zip(cpu, default, strict=True)
    )
    return by_input, by_kernel


_convolve.defvjp(_forward, _backward)


def _like(x: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape, x.dtype)
