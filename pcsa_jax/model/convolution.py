"""The convolution layer of every network: kernel, bias, zero padding that keeps the size."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pcsa_jax.model.platform_convolution import convolve


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
