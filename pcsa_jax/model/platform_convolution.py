"""3-D convolution with the lowering that is fast on the platform it runs on, behind one function; needs JAX alone.

On the CPU it is an exact rewrite (:mod:`pcsa_jax.model.cpu_convolution`), everywhere else XLA's own convolution (cuDNN
on a GPU).
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
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


def convolve(
    x: Float[Array, "b x y z c"], kernel: Float[Array, "k1 k2 k3 c f"], *, stride: int = 1
) -> Float[Array, "b x2 y2 z2 f"]:
    """Cross-correlation with zero padding ("SAME"), differentiable once in both arguments.

    Args:
      x: volumes; any floating-point type, which the result has.
      kernel: odd edges, which may differ.
      stride: step in voxels along each axis.

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
