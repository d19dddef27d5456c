"""From a config to the things that ``model`` works with: the border at which the config stops."""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from pcsa_jax.experiment.systems import SYSTEMS
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
    """

    modules: Nets[nn.Module]
    optimizers: Nets[Adam]
    loss: JointLoss
    translate: Translate
    dtype: jnp.dtype
    seed: int
    size: int

    def initial_state(self) -> GANState:
        return initial_state(self.modules, self.optimizers, seed=self.seed, size=self.size)


def build(config: ConfigDict, *, num_steps: int) -> Experiment:
    """The experiment that ``config`` describes, for a training of ``num_steps`` steps."""
    system = SYSTEMS[config.system]
    return Experiment(
        modules=Nets(system.generator(**config.generator), system.discriminator(**config.discriminator)),
        optimizers=Nets(
            adam(**config.generator_optimizer, num_steps=num_steps),
            adam(**config.discriminator_optimizer, num_steps=num_steps),
        ),
        loss=joint_loss(
            config.loss, adversarial_form=config.adversarial_form, ms_ssim_exponents=config.ms_ssim_exponents
        ),
        translate=system.translate,
        dtype=PRECISIONS[config.precision],
        seed=config.seed,
        size=config.data.size,
    )
