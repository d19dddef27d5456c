"""What tests of several networks share: random volumes and the count of parameters at the paper's size."""

import math

import jax
import jax.numpy as jnp
import numpy as np

SHAPE = (2, 16, 16, 16, 1)


def volumes(seed, shape=SHAPE):
    return jnp.asarray(np.random.default_rng(seed).random(shape), jnp.float32)


def count(module, num_inputs=1):
    volume = jax.ShapeDtypeStruct((1, 64, 64, 64, 1), jnp.float32)
    shapes = jax.eval_shape(module.init, jax.random.key(0), *[volume] * num_inputs)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
