"""The discriminator: four convolution-pooling layers and one fully connected layer (section 3.3)."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.resampling import max_pool


class Discriminator(nn.Module):
    """Tells real PET from generated PET.

    Source: section 3.3 (3x3x3 kernels, 24/48/96/192 channels, residual connections on the last three layers).
    Paper: a conditional GAN is named, but not what D sees; ``conditional`` True shows it the MRI beside the PET.
    Paper: the activation is not given; a leaky ReLU keeps a gradient for the generator everywhere.

    Attributes:
      features: channels of each convolution-pooling layer.
      conditional: True concatenates the MRI to the PET.
      negative_slope: slope of the leaky ReLU below 0.
    """

    features: Sequence[int] = (24, 48, 96, 192)
    conditional: bool = True
    negative_slope: float = 0.2

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"]) -> Float[Array, "b"]:  # noqa: F821
        x = jnp.concatenate([mri, pet], axis=-1) if self.conditional else pet
        for index, features in enumerate(self.features):
            hidden = nn.leaky_relu(Conv(features, name=f"conv{index}")(x), self.negative_slope)
            if index > 0:
                # Channels change, so the residual connection is a 1x1x1 projection.
                hidden = hidden + nn.Dense(features, use_bias=False, dtype=x.dtype, name=f"shortcut{index}")(x)
            x = max_pool(hidden)
        return nn.Dense(1, dtype=jnp.float32, name="logit")(x.reshape(x.shape[0], -1))[:, 0]
