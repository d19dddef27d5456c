"""The systems that can be trained: PCSA-GAN and those that it is compared with, by their names in a config."""

from typing import NamedTuple

import flax.linen as nn

from pcsa_jax.model.cycle import CycleDiscriminator, CycleGenerator
from pcsa_jax.model.discriminator import Discriminator
from pcsa_jax.model.generator import Generator
from pcsa_jax.model.global_local import GlobalLocalDiscriminator, GlobalLocalGenerator
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
from pcsa_jax.model.translation import Translate, both_ways, one_way
from pcsa_jax.model.unet import StridedUNet, UNet


class System(NamedTuple):
    """A pair of network classes and how they meet.

    Attributes:
      generator, discriminator: take a config's groups of those names.
      translate: what the generator makes of a batch.
    """

    generator: type[nn.Module]
    discriminator: type[nn.Module]
    translate: Translate = one_way


SYSTEMS: dict[str, System] = {
    "pcsa": System(Generator, Discriminator),
    "unet": System(UNet, PatchDiscriminator),
    "cgan_unet": System(StridedUNet, PatchDiscriminator),
    "hgan": System(CycleGenerator, CycleDiscriminator, both_ways),
    "gla_gan": System(GlobalLocalGenerator, GlobalLocalDiscriminator),
}
"""Config's ``system`` -> its networks; their fields are checked by :mod:`pcsa_jax.experiment.fields`."""
