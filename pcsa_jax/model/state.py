"""Pairs of generator and discriminator things, and the state that a checkpoint holds."""

from typing import Any, Generic, NamedTuple, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from pcsa_jax.model.initialisation import initial_params

T = TypeVar("T")


class Nets(NamedTuple, Generic[T]):
    """The same kind of thing for both networks: modules, parameters, optimisers, optimiser states."""

    generator: T
    discriminator: T


class GANState(NamedTuple):
    """All that training changes and all that a checkpoint holds.

    Attributes:
      step: completed training steps, int32.
      params: parameters of both networks, float32.
      opt_state: states of both optimisers.
      average: moving average of the generator's parameters; None without one.
    """

    step: jax.Array
    params: Nets[Any]
    opt_state: Nets[Any]
    average: Any = None

    @property
    def generator(self) -> Any:
        """The generator's parameters for use: their moving average if there is one."""
        return self.params.generator if self.average is None else self.average


def initial_state(
    modules: Nets[nn.Module],
    optimizers: Nets[optax.GradientTransformation],
    *,
    seed: int,
    size: int,
    num_known: int = 0,
    averages: bool = False,
) -> GANState:
    """The state before the first step, for volumes of ``size^3`` voxels.

    Args:
      modules, optimizers: of both networks.
      seed: of the parameters.
      size: voxels along each axis.
      num_known: predictions that the generator is given beside the MRI.
      averages: whether a moving average of the generator's parameters is kept; it starts as a copy of them.
    """
    volume = jax.ShapeDtypeStruct((1, size, size, size, 1), jnp.float32)
    known = [jax.ShapeDtypeStruct((1, size, size, size, num_known), jnp.float32)] if num_known else []
    params = Nets(
        initial_params(modules.generator, seed, volume, *known),
        initial_params(modules.discriminator, seed, volume, volume),
    )
    opt_state = Nets(*(jax.device_put(optimizer.init(p)) for optimizer, p in zip(optimizers, params, strict=True)))
    # Made again, not the same arrays: a compiled step takes the memory of both.
    average = initial_params(modules.generator, seed, volume, *known) if averages else None
    return GANState(jnp.zeros((), jnp.int32), params, opt_state, average)
