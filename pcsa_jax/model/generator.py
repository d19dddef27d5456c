"""The generator: pyramid convolutions with channel attention, self-attention, U-Net-like decoder (section 3.2)."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.attention import ChannelAttention, SelfAttention
from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.resampling import max_pool, upsample

OUTPUTS = {"none": lambda x: x, "sigmoid": nn.sigmoid, "relu": nn.relu}
"""Activations of the last layer; the paper does not settle it (``docs/decisions.md``)."""

Branches = Sequence[tuple[int, int]]


class PyramidConv(nn.Module):
    """Convolutions of several kernel sizes side by side, each with its own channel attention, concatenated.

    Source: Eqs. 1-6, section 3.2 (the paper's PCCA block without its pooling).

    Attributes:
      branches: (kernel size in voxels, output channels) of each branch.
      channel_attention: key of :data:`~pcsa_jax.model.attention.CHANNEL_WEIGHTS`, or "none".
      reduction: hidden width of the channel attention is C / reduction.
    """

    branches: Branches = ((7, 4), (5, 8), (3, 12))
    channel_attention: str = "softmax_sigmoid"
    reduction: int = 4

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x y z f"]:
        groups = []
        for index, (kernel_size, features) in enumerate(self.branches):
            group = nn.relu(Conv(features, kernel_size, name=f"conv{index}")(x))
            if self.channel_attention != "none":
                group = ChannelAttention(self.channel_attention, self.reduction, name=f"channel_attention{index}")(
                    group
                )
            groups.append(group)
        return jnp.concatenate(groups, axis=-1)


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions around an identity connection.

    Source: section 3.2 ("residual connection module"; its inside is not given, this is the usual two-layer form).
    """

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"]) -> Float[Array, "b x y z c"]:
        hidden = nn.relu(Conv(x.shape[-1], name="conv0")(x))
        return nn.relu(x + Conv(x.shape[-1], name="conv1")(hidden))


class Deconvolution(nn.Module):
    """One decoder layer: more voxels, the skip connection, a convolution.

    Source: section 3.2 ("deconvolution", "linear interpolation").
    Paper: both words are used; ``transposed`` False interpolates and then convolves (3x3x3), True is a transposed
    convolution, whose kernel is the smallest odd one that leaves no gaps (3 for a factor of 2, 5 for 4), followed by a
    convolution (3x3x3) where there is a skip connection to take in.

    Attributes:
      features: number of output channels.
      factor: output voxels per input voxel along an axis.
      transposed: True for a transposed convolution.
    """

    features: int
    factor: int
    transposed: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b x y z c"], skip: Array | None) -> Float[Array, "b x2 y2 z2 f"]:
        if self.transposed:
            kernel_size, strides = (self.factor + 1 - self.factor % 2,) * 3, (self.factor,) * 3
            x = nn.ConvTranspose(self.features, kernel_size, strides, dtype=x.dtype, name="transposed")(x)
            if skip is None:
                return x
            x = nn.relu(x)
        else:
            x = upsample(x, self.factor)
        return Conv(self.features, name="conv")(*([x] if skip is None else [x, skip]))


class Generator(nn.Module):
    """Grey-matter map to FDG-PET.

    Sizes at 64^3: 64 -> 32 -> 16 -> 8 -> 4 down, 4 -> 16 -> 32 -> 64 up, the only reading in which the decoder mirrors
    the encoder and its three inputs are the 4^3, 16^3 and 32^3 of Table 1.

    Source: section 3.2, Fig. 1, Table 1.
    Deviation: the paper claims a U-Net but describes no skip connections; ``skip_sizes`` says where the decoder takes
    in the encoder's features of its size (``docs/decisions.md``).
    Deviation: a last ReLU, as the text can be read, stops learning where the output is 0; see ``output``.

    Attributes:
      stages: branches of each pyramid convolution; each stage ends in a max-pooling.
      bottleneck_features: channels of the strided convolution and the residual blocks.
      residual_blocks: number of residual blocks at the bottleneck.
      channel_attention: see :class:`PyramidConv`.
      reduction: see :class:`PyramidConv`.
      attention_sizes: edges (voxels) of the decoder inputs that self-attention acts on (Table 1's "patch size").
      skip_sizes: edges (voxels) of the decoder outputs that take in encoder features: the pooled stages (16, 32) and
        the first stage before its pooling (64).
      transposed: see :class:`Deconvolution`.
      output: key of :data:`OUTPUTS`.
    """

    stages: Sequence[Branches] = (((7, 4), (5, 8), (3, 12)), ((5, 36), (3, 60)))
    bottleneck_features: int = 192
    residual_blocks: int = 1
    channel_attention: str = "sigmoid"
    reduction: int = 4
    attention_sizes: Sequence[int] = (4,)
    skip_sizes: Sequence[int] = (16, 32, 64)
    transposed: bool = False
    output: str = "none"

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z c"]) -> Float[Array, "b x y z 1"]:
        x, encoded = mri, []
        for index, branches in enumerate(self.stages):
            x = PyramidConv(branches, self.channel_attention, self.reduction, name=f"pyramid{index}")(x)
            encoded += [x] if index == 0 else []
            x = max_pool(x)
            encoded.append(x)
        x = max_pool(nn.relu(Conv(self.bottleneck_features, stride=2, name="bottleneck")(x)))
        for index in range(self.residual_blocks):
            x = ResidualBlock(name=f"residual{index}")(x)
        for index, skip in enumerate(reversed(encoded)):
            if max(x.shape[1:4]) in self.attention_sizes:
                x = SelfAttention(name=f"self_attention{index}")(x)
            last = skip is encoded[0]
            features = 1 if last else skip.shape[-1]
            layer = Deconvolution(features, 2 if index else 4, self.transposed, name=f"deconvolution{index}")
            skip = skip if max(skip.shape[1:4]) in self.skip_sizes else None
            if last:
                # In float32: a bfloat16 PET would have steps of 1/256.
                x, skip = x.astype(jnp.float32), None if skip is None else skip.astype(jnp.float32)
            x = layer(x, skip)
            x = x if last else nn.relu(x)
        return OUTPUTS[self.output](x)
