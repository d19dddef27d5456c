"""U-Nets to compare with: a plain 3-D one, and the strided one of the classic conditional GAN."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.normalisation import NormalisedConv
from pcsa_jax.model.resampling import max_pool, upsample


class DoubleConv(nn.Module):
    """Two 3x3x3 convolutions, each followed by group normalisation and ReLU: one level of a U-Net.

    Attributes:
      features: channels of both.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: int
    group_features: int = 8

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"], *more: Float[Array, "b x y z _"]) -> Float[Array, "b x y z f"]:
        """Takes several volumes as if their channels were concatenated."""
        x = nn.relu(NormalisedConv(self.features, group_features=self.group_features, name="conv0")(x, *more))
        return nn.relu(NormalisedConv(self.features, group_features=self.group_features, name="conv1")(x))


class UNetTrunk(nn.Module):
    """A U-Net up to its last features, which have the size of the input.

    Attributes:
      features: channels of each level, from the finest; every level but the first halves the edges.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: Sequence[int]
    group_features: int = 8

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x y z f"]:
        encoded = []
        for level, features in enumerate(self.features):
            x = max_pool(x) if level > 0 else x
            x = DoubleConv(features, self.group_features, name=f"encoder{level}")(x)
            encoded.append(x)
        for level in reversed(range(len(self.features) - 1)):
            layer = DoubleConv(self.features[level], self.group_features, name=f"decoder{level}")
            x = layer(upsample(x, 2), encoded[level])
        return x


class UNet(nn.Module):
    """Grey-matter map to FDG-PET by a plain 3-D U-Net: what a network without any of the paper's parts achieves.

    Source: the abstract of Sikka et al. 2018 (a 3-D U-Net on the whole volume, supervised); no code or table of layers
    is public, so this is like theirs and no reproduction. Assumed: four poolings (64 -> 4), two convolutions a level,
    these widths, a 1x1x1 output layer.
    Deviation: group instead of batch normalisation: volumes of a batch do not mix, and parameters are the whole state.
    Deviation: a linear output, clipped at evaluation; a tanh or sigmoid saturates on the zeros of the background and
    stops learning (``docs/decisions.md``).

    Attributes:
      features: channels of each level; one pooling less than there are levels, and 2 to that power divides every edge.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: Sequence[int] = (16, 32, 64, 128, 256)
    group_features: int = 8

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z c"]) -> Float[Array, "b x y z 1"]:
        x = UNetTrunk(self.features, self.group_features, name="trunk")(mri)
        # In float32: a bfloat16 PET would have steps of 1/256.
        return nn.Dense(1, dtype=jnp.float32, name="output")(x)


class StridedUNet(nn.Module):
    """Grey-matter map to FDG-PET by strided convolutions and a decoder that concatenates: the classic cGAN's generator.

    Sizes at 64^3: 64 -> 32 -> 16 -> 8 -> 4 down and the same way up; the encoder's features of 8^3, 16^3 and 32^3 are
    concatenated to the decoder's, none of 64^3.

    Source: TPA-GAN's public code, the ablation baseline ``Generator_Basic`` (widths, where it concatenates, two last
    3x3x3 convolutions, linear output). The paper gives no details of its "3DCNN+UNet"; this is like the documented one
    and no reproduction.
    Deviation: 3x3x3 kernels instead of 4x4x4 in the encoder.
    Deviation: a 3x3x3 convolution, then trilinear upsampling, where theirs has a 3x3x3 transposed convolution with
    stride 2: as many parameters, as many products, no checkerboard, and fast on a CPU.
    Deviation: group instead of batch normalisation, see :class:`UNet`; in the decoder too, where it is assumed.

    Attributes:
      features: channels of the strided convolutions.
      decoder_features: channels of the decoder layers, from the coarsest; as many as ``features``.
      last_features: channels of the convolution before the output layer.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: Sequence[int] = (64, 128, 256, 512)
    decoder_features: Sequence[int] = (256, 256, 192, 128)
    last_features: int = 64
    group_features: int = 8

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z c"]) -> Float[Array, "b x y z 1"]:
        x, encoded = mri, []
        for index, features in enumerate(self.features):
            layer = NormalisedConv(features, stride=2, group_features=self.group_features, name=f"encoder{index}")
            x = nn.relu(layer(x))
            encoded.append(x)
        # The coarsest features are the decoder's input itself.
        skips = [(), *((skip,) for skip in reversed(encoded[:-1]))]
        for index, (features, skip) in enumerate(zip(self.decoder_features, skips, strict=True)):
            layer = NormalisedConv(features, group_features=self.group_features, name=f"decoder{index}")
            x = nn.relu(upsample(layer(x, *skip), 2))
        x = nn.relu(NormalisedConv(self.last_features, group_features=self.group_features, name="last")(x))
        # In float32: a bfloat16 PET would have steps of 1/256.
        return Conv(1, name="output")(x.astype(jnp.float32))
