"""The discriminator that judges patches of a volume, each by itself."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.normalisation import NormalisedConv


class PatchDiscriminator(nn.Module):
    """Tells real PET from generated PET at every eighth voxel, from the patch around it.

    Source: pix2pix and the public code nearest to HGAN (Pan et al., ``DRCGAN``): strides 2, 2, 2, 1 and a last
    convolution, widths doubling from 32, leaky ReLU, normalisation from the second layer on, linear verdicts.
    Deviation: 3x3x3 kernels instead of 4x4x4 (``Conv`` has odd ones).
    Deviation: group instead of instance normalisation: it works at one voxel and leaves no bias without an effect.

    Attributes:
      features: channels of the layers before the verdict; all but the last halve the edges.
      conditional: True concatenates the MRI to the PET (pix2pix), False shows the PET alone (HGAN).
      negative_slope: slope of the leaky ReLU below 0.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: Sequence[int] = (32, 64, 128, 256)
    conditional: bool = True
    negative_slope: float = 0.2
    group_features: int = 8

    @nn.compact
    def __call__(
        self, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"]
    ) -> Float[Array, "b x2 y2 z2"]:  # fmt: skip
        x = jnp.concatenate([mri, pet], axis=-1) if self.conditional else pet
        last = len(self.features) - 1
        for index, features in enumerate(self.features):
            stride = 1 if index == last else 2
            if index == 0:
                x = Conv(features, stride=stride, name="conv0")(x)
            else:
                layer = NormalisedConv(features, stride=stride, group_features=self.group_features, name=f"conv{index}")
                x = layer(x)
            x = nn.leaky_relu(x, self.negative_slope)
        return Conv(1, name="logits")(x.astype(jnp.float32))[..., 0]
