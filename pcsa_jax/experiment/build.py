"""From a config to the things that ``model`` works with: the border at which the config stops."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from pcsa_jax.data.grid import Grid
from pcsa_jax.data.normalisation import NORMALISATIONS
from pcsa_jax.data.predictors.prior import count_channels
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.experiment.systems import SYSTEMS
from pcsa_jax.model.informed import Informed
from pcsa_jax.model.optimizer import Adam, adam
from pcsa_jax.model.state import GANState, Nets, initial_state
from pcsa_jax.model.step import JointLoss, joint_loss
from pcsa_jax.model.translation import Translate

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class Experiment(NamedTuple):
    """Everything static about a training.

    Attributes:
      modules, optimizers, loss, translate, dtype: see :func:`pcsa_jax.model.step.train_step`.
      seed: of the initial parameters and the data order.
      size: voxels along each axis.
      num_known: predictions that the generator is given beside the MRI.
      views: see :func:`pcsa_jax.model.step.generate`.
      average_decay: of the moving average of the generator's parameters; None without one.
    """

    modules: Nets[nn.Module]
    optimizers: Nets[Adam]
    loss: JointLoss
    translate: Translate
    dtype: jnp.dtype
    seed: int
    size: int
    num_known: int = 0
    views: int = 1
    average_decay: float | None = None

    def initial_state(self) -> GANState:
        return initial_state(
            self.modules, self.optimizers, seed=self.seed, size=self.size, num_known=self.num_known,
            averages=self.average_decay is not None,
        )  # fmt: skip


def build(config: ConfigDict, *, num_steps: int) -> Experiment:
    """The experiment that ``config`` describes, for a training of ``num_steps`` steps."""
    system, recipe = SYSTEMS[config.system], config.recipe
    generator = build_generator(config.system, config.generator, recipe, config.data.normalisation)
    return Experiment(
        modules=Nets(generator, system.discriminator(**config.discriminator)),
        optimizers=Nets(
            adam(**config.generator_optimizer, num_steps=num_steps),
            adam(**config.discriminator_optimizer, num_steps=num_steps),
        ),
        loss=joint_loss(
            config.loss,
            adversarial_form=config.adversarial_form,
            ms_ssim_exponents=config.ms_ssim_exponents,
            mask=jnp.asarray(brain_mask(Grid(config.data.size))) if recipe.loss_region == "brain" else None,
        ),
        translate=system.translate,
        dtype=PRECISIONS[config.precision],
        seed=config.seed,
        size=config.data.size,
        num_known=count_channels(len(recipe.channels), deviations=recipe.deviations),
        views=recipe.views,
        average_decay=recipe.weight_average or None,
    )


def build_generator(system: str, fields: Mapping[str, Any], recipe: Mapping[str, Any], normalisation: str) -> nn.Module:
    """The generator of a config or of an exported file's card.

    Args:
      system: key of :data:`~pcsa_jax.experiment.systems.SYSTEMS`.
      fields: of its generator.
      recipe: the config's group of that name.
      normalisation: of the PET.
    """
    network = SYSTEMS[system].generator(**fields)
    peak = NORMALISATIONS[normalisation].peak_percentile if recipe["output_range"] == "own" else None
    if not recipe["channels"] and not recipe["coordinates"] and peak is None:
        return network
    anchor = None if recipe["anchor"] == "none" else list(recipe["channels"]).index(recipe["anchor"])
    return Informed(network, anchor, recipe["coordinates"], peak)
