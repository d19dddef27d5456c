"""The discriminator: parameters pinned, one logit a volume, what it sees."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.discriminator import Discriminator

SHAPE = (2, 16, 32, 16, 1)
TINY = Discriminator(features=(2, 3))


def shapes(module, shape):
    volume = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(module.init, jax.random.key(0), volume, volume)["params"]


def random_params(module, shape=SHAPE):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), shapes(module, shape))


def volumes(seed):
    return jnp.asarray(np.random.default_rng(seed).random(SHAPE), jnp.float32)


@pytest.mark.parametrize(
    ("fields", "size", "expected"),
    [
        ({}, 64, 691_321),
        ({}, 32, 680_569),
        ({"conditional": False}, 64, 691_321 - 27 * 24),
        ({"features": (24,)}, 32, 27 * 2 * 24 + 24 + 24 * 16**3 + 1),
    ],
)
def test_number_of_parameters(fields, size, expected):
    params = shapes(Discriminator(**fields), (1, size, size, size, 1))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == expected


def test_the_first_layer_has_no_residual_connection():
    assert sorted(name for name in shapes(Discriminator(), (1, 32, 32, 32, 1)) if name.startswith("shortcut")) == [
        "shortcut1", "shortcut2", "shortcut3",
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_one_float32_logit_a_volume(dtype):
    volume = jax.ShapeDtypeStruct(SHAPE, dtype)
    params = shapes(TINY, SHAPE)
    found = jax.eval_shape(lambda p, a, b: TINY.apply({"params": p}, a, b), params, volume, volume)
    assert found.shape == (2,) and found.dtype == jnp.float32


@pytest.mark.parametrize("conditional", [True, False])
def test_it_sees_the_mri_only_if_conditional(conditional):
    module = Discriminator(features=(2,), conditional=conditional)
    params = random_params(module)
    apply = jax.jit(lambda mri, pet: module.apply({"params": params}, mri, pet))
    logits = apply(volumes(1), volumes(2))
    assert np.array_equal(apply(volumes(3), volumes(2)), logits) is not conditional
    assert not np.array_equal(apply(volumes(1), volumes(3)), logits)


def test_volumes_of_a_batch_do_not_mix():
    params = random_params(TINY)
    apply = jax.jit(lambda mri, pet: TINY.apply({"params": params}, mri, pet))
    mri, pet = volumes(1), volumes(2)
    np.testing.assert_array_equal(apply(mri, pet.at[1].set(0.0))[0], apply(mri, pet)[0])


def test_a_leaky_relu_passes_a_gradient_everywhere():
    # With all biases far below zero a plain ReLU would pass none.
    params = random_params(TINY)
    params = {name: leaf | ({"bias": leaf["bias"] - 1e3} if "bias" in leaf else {}) for name, leaf in params.items()}
    gradient = jax.jit(jax.grad(lambda pet: TINY.apply({"params": params}, volumes(1), pet).sum()))(volumes(2))
    assert np.isfinite(gradient).all() and (gradient != 0).any(axis=(1, 2, 3, 4)).all()
