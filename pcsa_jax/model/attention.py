"""Channel attention (Eqs. 3-5) and self-attention (section 3.2)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.blockwise_attention import attend
from pcsa_jax.model.resampling import maximum

CHANNEL_WEIGHTS = {
    "softmax_sigmoid": lambda scores: nn.softmax(nn.sigmoid(scores), axis=-1),
    "softmax": lambda scores: nn.softmax(scores, axis=-1),
    "sigmoid": nn.sigmoid,
}
"""How the summed scores of Eq. 3 become weights: Eqs. 3-4 as printed, the prose of section 3.2, the usual form."""


class ChannelAttention(nn.Module):
    """Scales the channels of one kernel group by weights computed from their global mean and maximum.

    Source: Eqs. 3-5, Fig. 2.
    Paper: Eq. 3 ends in a sigmoid, Eq. 4 puts a softmax around it, the prose names only a softmax: ``weights``.
    Paper: the hidden width of the fully connected layers is not given: ``reduction``.

    Attributes:
      weights: key of :data:`CHANNEL_WEIGHTS`.
      reduction: the hidden layers have C / reduction units (at least 1).
    """

    weights: str = "softmax_sigmoid"
    reduction: int = 4

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x y z c"]:
        channels = x.shape[-1]
        hidden = max(1, channels // self.reduction)
        # In float32 whatever the precision of x: a few numbers a volume that scale all others.
        scores = jnp.zeros((), jnp.float32)
        for name, pooled in (("mean", x.mean(axis=(1, 2, 3))), ("max", maximum(x, (1, 2, 3)))):
            squeezed = nn.relu(nn.Dense(hidden, dtype=jnp.float32, name=f"{name}_hidden")(pooled))
            scores = scores + nn.Dense(channels, dtype=jnp.float32, name=f"{name}_scores")(squeezed)
        return x * CHANNEL_WEIGHTS[self.weights](scores)[:, None, None, None, :].astype(x.dtype)


class SelfAttention(nn.Module):
    """Every voxel attends to every voxel of the same volume; the result is added with a learned gain.

    Source: section 3.2, Table 1.
    Paper: the form is not given. This is the one usual in GANs (SAGAN, SC-GAN): C/8-wide queries and keys, a residual
    gain that starts at 0. Scores are divided by the square root of the width, so that the softmax does not saturate on
    features that no normalisation layer bounds.

    Attributes:
      reduction: queries and keys have C / reduction channels (at least 1).
      block: queries per block: memory is block x tokens, linear in tokens.
    """

    reduction: int = 8
    block: int = 512

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x y z c"]:
        batch, *_, channels = x.shape
        width = max(1, channels // self.reduction)
        tokens = x.reshape(batch, -1, channels)
        query, key, value = (
            nn.Dense(features, use_bias=False, dtype=x.dtype, name=name)(tokens)
            for name, features in (("query", width), ("key", width), ("value", channels))
        )
        gain = self.param("gain", nn.initializers.zeros_init(), ()).astype(x.dtype)
        return x + gain * attend(query, key, value, block=self.block).reshape(x.shape)
