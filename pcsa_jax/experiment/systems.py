"""The systems that can be trained: PCSA-GAN and those that it is compared with, by their names in a config."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pcsa_jax.experiment import field_checks as a
from pcsa_jax.experiment.field_checks import Check

if TYPE_CHECKING:
    import flax.linen as nn

    from pcsa_jax.model.translation import Translate


class System(NamedTuple):
    """A pair of networks, the fields that a config has for them, and how they meet.

    The networks are named, not imported: a config is checked before JAX starts.

    Attributes:
      label: for print.
      networks: generator and discriminator, as ``module.Class`` below :mod:`pcsa_jax.model`.
      generator_fields, discriminator_fields: of the config's groups of those names, one a constructor argument.
      translation: what the generator makes of a batch, as a function of :mod:`pcsa_jax.model.translation`.
    """

    label: str
    networks: tuple[str, str]
    generator_fields: Mapping[str, Check]
    discriminator_fields: Mapping[str, Check]
    translation: str = "one_way"

    @property
    def generator(self) -> "type[nn.Module]":
        return _find(self.networks[0])

    @property
    def discriminator(self) -> "type[nn.Module]":
        return _find(self.networks[1])

    @property
    def translate(self) -> "Translate":
        return _find(f"translation.{self.translation}")


def _find(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(f"pcsa_jax.model.{module}"), attribute)


_DISCRIMINATOR = {"features": a.levels(4), "conditional": a.FLAG, "negative_slope": a.number(0, 1)}
_GROUPS = {"group_features": a.whole(1)}
_PATCHES = _DISCRIMINATOR | _GROUPS

SYSTEMS: dict[str, System] = {
    "pcsa": System(
        "PCSA-GAN",
        ("generator.Generator", "discriminator.Discriminator"),
        {
            "stages": a.STAGES,
            "bottleneck_features": a.whole(1),
            "residual_blocks": a.count(a.MOST_LAYERS),
            "channel_attention": a.choice("softmax_sigmoid", "softmax", "sigmoid", "none"),
            "reduction": a.whole(1),
            "attention_sizes": a.wholes(1),
            "skip_sizes": a.wholes(1),
            "transposed": a.FLAG,
            "output": a.choice("none", "sigmoid", "relu"),
        },
        _DISCRIMINATOR,
    ),
    "unet": System(
        "U-Net", ("unet.UNet", "patch_discriminator.PatchDiscriminator"), {"features": a.levels(5)} | _GROUPS, _PATCHES
    ),
    "cgan_unet": System(
        "cGAN + U-Net",
        ("unet.StridedUNet", "patch_discriminator.PatchDiscriminator"),
        {"features": a.levels(4), "decoder_features": a.levels(4), "last_features": a.whole(1)} | _GROUPS,
        _PATCHES,
    ),
    "hgan": System(
        "HGAN",
        ("cycle.CycleGenerator", "cycle.CycleDiscriminator"),
        {"features": a.whole(1), "strided": a.count(4), "blocks": a.count(a.MOST_LAYERS), "kernel_size": a.ODD}
        | _GROUPS,
        {name: check for name, check in _PATCHES.items() if name != "conditional"},
        "both_ways",
    ),
    "gla_gan": System(
        "GLA-GAN-like",
        ("global_local.GlobalLocalGenerator", "global_local.GlobalLocalDiscriminator"),
        {"global_features": a.levels(5), "local_features": a.levels(4)} | _GROUPS,
        _PATCHES,
    ),
}
"""Config's ``system`` -> what it is: the one place to add another."""
