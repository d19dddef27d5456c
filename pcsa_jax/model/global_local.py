"""Networks with a global path on the whole volume and a local one on its octants, in the manner of GLA-GAN."""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
from pcsa_jax.model.resampling import half_edges
from pcsa_jax.model.unet import UNetTrunk


def octants(x: Float[Array, "b x y z c"]) -> Float[Array, "b8 x2 y2 z2 c"]:
    """The eight halves-of-every-axis of each volume as volumes of a batch, those of one volume next to each other.

    Raises:
      ValueError: if an edge is odd.
    """
    batch, channels = x.shape[0], x.shape[-1]
    nx, ny, nz = half_edges(x, "octants")
    blocks = x.reshape(batch, 2, nx, 2, ny, 2, nz, channels)
    return blocks.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(8 * batch, nx, ny, nz, channels)


def from_octants(parts: Float[Array, "b8 x2 y2 z2 c"]) -> Float[Array, "b x y z c"]:
    """The volumes that :func:`octants` took apart."""
    number, nx, ny, nz, channels = parts.shape
    blocks = parts.reshape(number // 8, 2, 2, 2, nx, ny, nz, channels)
    return blocks.transpose(0, 1, 4, 2, 5, 3, 6, 7).reshape(number // 8, 2 * nx, 2 * ny, 2 * nz, channels)


class GlobalLocalGenerator(nn.Module):
    """Grey-matter map to FDG-PET: a U-Net on the whole volume, one on its octants, fused by a 3x3x3 convolution.

    Source: the abstracts of Sikka et al. 2021 and 2023 (GLA-GAN): a global path and local paths on patches. No code is
    public; this is like theirs and no reproduction. Assumed: both paths are U-Nets, the patches are the octants, all
    octants share one set of weights, one convolution fuses the two paths' last features.
    Deviation: group normalisation and a linear output, see :class:`~pcsa_jax.model.unet.UNet`.

    Attributes:
      global_features: channels of each level of the U-Net on the whole volume.
      local_features: the same on the octants; one level less, so that both paths end at the same number of voxels.
      group_features: see :func:`~pcsa_jax.model.normalisation.num_groups`.
    """

    global_features: Sequence[int] = (16, 32, 64, 128, 256)
    local_features: Sequence[int] = (16, 32, 64, 128)
    group_features: int = 8

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z c"]) -> Float[Array, "b x y z 1"]:
        whole = UNetTrunk(self.global_features, self.group_features, name="global_path")(mri)
        local = from_octants(UNetTrunk(self.local_features, self.group_features, name="local_path")(octants(mri)))
        # In float32: a bfloat16 PET would have steps of 1/256.
        return Conv(1, name="output")(whole.astype(jnp.float32), local.astype(jnp.float32))


class GlobalLocalDiscriminator(nn.Module):
    """Tells real PET from generated PET by the patches of the whole volume and by those of its octants.

    An octant is judged without its surroundings. Both parts give equally many verdicts, so a mean weighs them equally.

    Source: assumed, as :class:`GlobalLocalGenerator`: the abstracts name an adversarial loss and no discriminator.

    Attributes:
      features, conditional, negative_slope, group_features: see
        :class:`~pcsa_jax.model.patch_discriminator.PatchDiscriminator`; both parts have the same.
    """

    features: Sequence[int] = (32, 64, 128, 256)
    conditional: bool = True
    negative_slope: float = 0.2
    group_features: int = 8

    @nn.compact
    def __call__(self, mri: Float[Array, "b x y z 1"], pet: Float[Array, "b x y z 1"]) -> Float[Array, "b p"]:
        """Verdicts on the whole volume, then on octant after octant."""
        fields = (self.features, self.conditional, self.negative_slope, self.group_features)
        whole = PatchDiscriminator(*fields, name="whole")(mri, pet)
        local = PatchDiscriminator(*fields, name="octants")(octants(mri), octants(pet))
        return jnp.concatenate([logits.reshape(len(mri), -1) for logits in (whole, local)], axis=1)
