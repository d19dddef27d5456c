"""Cycle-consistent networks in the manner of HGAN: a generator and a discriminator for each direction."""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.normalisation import NormalisedConv
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
from pcsa_jax.model.resampling import upsample


class ResNetGenerator(nn.Module):
    """One modality to another: two strided convolutions, residual blocks, two upsamplings, no skip connections.

    Source: the public code nearest to HGAN (Pan et al., ``DRCGAN``): 16 channels, three residual blocks, a 7x7x7
    convolution first and last, normalisation and ReLU after every convolution but the last. That it is the network of
    the paper (Pan et al. TMI 2020) is inferred; no reproduction.
    Deviation: a linear output instead of tanh, see :class:`~pcsa_jax.model.unet.UNet`.
    Deviation: a 3x3x3 convolution, then trilinear upsampling, where theirs has a 3x3x3 transposed convolution with
    stride 2, see :class:`~pcsa_jax.model.unet.StridedUNet`.
    Deviation: zero padding instead of reflection, which differ little where the background is zeros.
    Deviation: group instead of instance normalisation, see
    :class:`~pcsa_jax.model.patch_discriminator.PatchDiscriminator`.

    Attributes:
      features: channels at full size; doubled by each strided convolution.
      strided: number of strided convolutions, and of upsamplings.
      blocks: number of residual blocks.
      kernel_size: edge (voxels) of the first and the last kernel.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    features: int = 16
    strided: int = 2
    blocks: int = 3
    kernel_size: int = 7
    group_features: int = 8

    @nn.compact
    def __call__(self, volume: Float[Array, "b x y z 1"]) -> Float[Array, "b x y z 1"]:
        conv = partial(NormalisedConv, group_features=self.group_features)
        x = nn.relu(conv(self.features, self.kernel_size, name="first")(volume))
        for level in range(1, self.strided + 1):
            x = nn.relu(conv(self.features * 2**level, stride=2, name=f"down{level}")(x))
        for index in range(self.blocks):
            hidden = nn.relu(conv(x.shape[-1], name=f"block{index}_conv0")(x))
            x = nn.relu(x + conv(x.shape[-1], name=f"block{index}_conv1")(hidden))
        for level in reversed(range(self.strided)):
            x = nn.relu(upsample(conv(self.features * 2**level, name=f"up{level}")(x), 2))
        # In float32: a bfloat16 PET would have steps of 1/256.
        return Conv(1, self.kernel_size, name="output")(x.astype(jnp.float32))


class CycleGenerator(nn.Module):
    """Grey-matter map to FDG-PET and, by a second network, back: what a cycle needs.

    Source: HGAN (Pan et al. TMI 2020): both directions have the same architecture and parameters of their own.

    Attributes:
      features, strided, blocks, kernel_size, group_features: see :class:`ResNetGenerator`.
    """

    features: int = 16
    strided: int = 2
    blocks: int = 3
    kernel_size: int = 7
    group_features: int = 8

    def setup(self) -> None:
        fields = (self.features, self.strided, self.blocks, self.kernel_size, self.group_features)
        self.to_pet = ResNetGenerator(*fields)
        self.to_mri = ResNetGenerator(*fields)

    def __call__(self, mri: Float[Array, "b x y z 1"]) -> Float[Array, "b x y z 1"]:
        pet = self.to_pet(mri)
        if self.is_initializing():
            # So that the way back has parameters too.
            self.to_mri(pet)
        return pet

    def mri_of(self, pet: Float[Array, "b x y z 1"]) -> Float[Array, "b x y z 1"]:
        """The way back: the grey-matter map that belongs to ``pet``; float32, linear."""
        return self.to_mri(pet)


class CycleDiscriminator(nn.Module):
    """Tells real PET from generated PET, and real grey-matter maps from generated ones, each without the other.

    Source: HGAN (Pan et al. TMI 2020): one discriminator a modality, which sees nothing else.

    Attributes:
      features, negative_slope, group_features: see :class:`~pcsa_jax.model.patch_discriminator.PatchDiscriminator`.
    """

    features: Sequence[int] = (32, 64, 128, 256)
    negative_slope: float = 0.2
    group_features: int = 8

    def setup(self) -> None:
        fields = (self.features, False, self.negative_slope, self.group_features)
        self.of_pet = PatchDiscriminator(*fields)
        self.of_mri = PatchDiscriminator(*fields)

    def __call__(self, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"]) -> Float[Array, "b p"]:
        """Verdicts on the patches of the PET, then on those of the MRI, in equal number."""
        # Unconditional: what stands second is judged, what stands first is not looked at.
        verdicts = self.of_pet(mri, pet), self.of_mri(pet, mri)
        return jnp.concatenate([logits.reshape(len(logits), -1) for logits in verdicts], axis=1)
