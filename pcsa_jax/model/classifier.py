"""The classifier of AD and CN: one small convolutional branch an input, joined at the end (section 4.8)."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.resampling import max_pool

INPUTS = ("mri", "pet")


class Branch(nn.Module):
    """Convolutions, each followed by normalisation, a ReLU and a max-pooling, while the edges can be halved.

    Each volume is normalised by itself (layer normalisation over channels and voxels): the network is the same function
    in training and in use, whatever else is in the batch.

    Attributes:
      features: channels of each layer.
    """

    features: Sequence[int]

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z 1"]) -> Float[Array, "b f"]:
        for index, features in enumerate(self.features):
            x = Conv(features, name=f"conv{index}")(x)
            # Not the fast variance: E[x^2] - E[x]^2 of a nearly flat volume is rounding error.
            x = nn.GroupNorm(1, dtype=x.dtype, use_fast_variance=False, name=f"norm{index}")(x)
            x = nn.relu(x)
            if all(edge % 2 == 0 for edge in x.shape[1:4]):
                x = max_pool(x)
        # What is left, 2x2x2 voxels of 64^3, keeps its place, as in the fully connected layers of the field's networks.
        return x.reshape(x.shape[0], -1)


class Classifier(nn.Module):
    """Grey-matter map, alone or with a PET, to the logit of P(AD).

    Source: section 4.8.
    Paper: the classification network is not described. This is the light network that the field uses as its reference,
    five convolutions of 8 to 128 channels and fully connected layers (Wen et al., Med Image Anal 2020;63:101694), once
    an input, concatenated late.
    Deviation: no batch normalisation and no dropout, so that a step is a function of state and batch alone.

    Attributes:
      features: channels of each convolution of a branch.
      hidden: units of the fully connected layer.
      branches: which of :data:`INPUTS` are looked at, one branch each.
    """

    features: Sequence[int] = (8, 16, 32, 64, 128)
    hidden: int = 50
    branches: Sequence[str] = INPUTS

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"]) -> Float[Array, "b"]:  # noqa: F821
        volumes = dict(zip(INPUTS, (mri, pet), strict=True))
        found = [Branch(self.features, name=name)(volumes[name]) for name in self.branches]
        # In float32: a probability is thresholded.
        x = jnp.concatenate(found, axis=-1).astype(jnp.float32)
        x = nn.relu(nn.Dense(self.hidden, name="hidden")(x))
        return nn.Dense(1, name="logit")(x)[:, 0]
