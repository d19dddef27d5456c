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
    """

    step: jax.Array
    params: Nets[Any]
    opt_state: Nets[Any]


def initial_state(
    modules: Nets[nn.Module], optimizers: Nets[optax.GradientTransformation], *, seed: int, size: int
) -> GANState:
    """The state before the first step, for volumes of ``size``^3 voxels."""
    volume = jax.ShapeDtypeStruct((1, size, size, size, 1), jnp.float32)
    params = Nets(
        initial_params(modules.generator, seed, volume),
        initial_params(modules.discriminator, seed, volume, volume),
    )
    opt_state = Nets(*(jax.jit(optimizer.init)(p) for optimizer, p in zip(optimizers, params, strict=True)))
    return GANState(jnp.zeros((), jnp.int32), params, opt_state)
