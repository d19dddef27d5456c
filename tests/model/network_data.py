"""What tests of several networks share: volumes, the count of parameters, and what must hold of any of them."""

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


def check_that_volumes_do_not_mix(apply):
    """``apply`` of a batch, changed in its second volume."""
    mri = volumes(1)
    found, other = apply(mri), apply(mri.at[1].set(0.0))
    np.testing.assert_array_equal(other[0], found[0])
    assert not np.array_equal(other[1], found[1])


def check_bfloat16(apply):
    """bfloat16 is close to float32, and not the same."""
    single, half = apply(volumes(1)), apply(volumes(1).astype(jnp.bfloat16))
    assert not np.array_equal(single, half)
    assert jnp.linalg.norm(half - single) < 0.05 * jnp.linalg.norm(single)


def without_gradient(gradients):
    """Paths of parameters whose gradient is rounding alone, as that of a bias before its own normalisation."""
    leaves = jax.tree.leaves_with_path(gradients)
    largest = max(jnp.abs(leaf).max() for _, leaf in leaves)
    return [path for path, leaf in leaves if not jnp.abs(leaf).max() > 1e-4 * largest]


def are_finite(gradients):
    return all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def verdicts(discriminator, dtype):
    """Shape and type of what a discriminator says of three volumes of 16x32x48 voxels."""
    volume = jax.ShapeDtypeStruct((3, 16, 32, 48, 1), dtype)
    variables = jax.eval_shape(discriminator.init, jax.random.key(0), volume, volume)
    found = jax.eval_shape(discriminator.apply, variables, volume, volume)
    return found.shape, found.dtype


def gradient_of_verdicts(discriminator, params):
    """In the parameters, of the squared distance from 1."""

    def loss(params):
        return ((discriminator.apply({"params": params}, volumes(1), volumes(2)) - 1) ** 2).mean()

    return jax.jit(jax.grad(loss))(params)
