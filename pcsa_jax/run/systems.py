"""The systems that can be trained: PCSA-GAN and those that it is compared with, by their names in a config."""

from typing import NamedTuple

import flax.linen as nn

from pcsa_jax.model.discriminator import Discriminator
from pcsa_jax.model.generator import Generator
from pcsa_jax.model.translation import Translate, one_way


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
}
"""Config's ``system`` -> its networks; their fields are checked by :mod:`pcsa_jax.run.training_fields`."""
