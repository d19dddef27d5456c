"""Normalised convolutions: the groups, their statistics, and that each volume is by itself."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.normalisation import NormalisedConv, num_groups
from pcsa_jax.model.platform_convolution import convolve

SHAPE = (2, 4, 5, 6, 3)


def volumes(shape=SHAPE):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@partial(jax.jit, static_argnums=0)
def applied(module, params, *x):
    return module.apply({"params": params}, *x)


@partial(jax.jit, static_argnums=0)
@partial(jax.grad, argnums=(1, 2))
def gradients(module, params, x):
    return nn.relu(module.apply({"params": params}, x)).sum()


@pytest.mark.parametrize(
    ("channels", "expected"), [(1, 1), (2, 1), (3, 1), (8, 1), (11, 1), (12, 1), (16, 2), (20, 2), (24, 3), (512, 64)]
)
def test_groups_hold_eight_channels_or_all(channels, expected):
    assert num_groups(channels, group_features=8) == expected


def test_it_is_a_convolution_whose_groups_have_mean_0_and_variance_1():
    x, module = volumes(), NormalisedConv(6, group_features=2)
    params = initial_params(module, 0, x)
    params["conv"]["bias"] = jnp.arange(6.0)
    params["norm"] = {"scale": jnp.arange(1.0, 7.0), "bias": jnp.arange(6.0) - 3}
    plain = np.asarray(convolve(x, params["conv"]["kernel"]) + params["conv"]["bias"], np.float64)
    groups = plain.reshape(2, -1, 3, 2)
    expected = (groups - groups.mean(axis=(1, 3), keepdims=True)) / groups.std(axis=(1, 3), keepdims=True)
    expected = expected.reshape(plain.shape) * np.arange(1, 7) + np.arange(6) - 3
    np.testing.assert_allclose(applied(module, params, x), expected, atol=1e-4)


def test_several_volumes_are_taken_as_concatenated():
    x, module = volumes(), NormalisedConv(8, stride=2)
    params = initial_params(module, 0, x)
    apart, whole = applied(module, params, x[..., :1], x[..., 1:]), applied(module, params, x)
    assert apart.shape == (2, 2, 3, 3, 8)
    np.testing.assert_allclose(apart, whole, atol=1e-5)


def test_the_scale_of_the_input_does_not_matter():
    x, module = volumes(), NormalisedConv(8)
    params = initial_params(module, 0, x)
    np.testing.assert_allclose(applied(module, params, 100 * x), applied(module, params, x), atol=1e-4)


@pytest.mark.parametrize("features", [2, 3, 8, 16])
def test_one_voxel_does_not_become_zeros(features):
    x = volumes((1, 1, 1, 1, 4))
    found = applied(NormalisedConv(features), initial_params(NormalisedConv(features), 0, x), x)
    assert (jnp.abs(found) > 0.01).any()


@pytest.mark.parametrize("value", [0.0, 1.0, 1e3])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1, 1), (1, 4, 4, 4, 1)])
def test_gradients_of_flat_volumes_are_finite(shape, value):
    # One voxel and one channel: the group is flat whatever the kernel.
    x = jnp.full(shape, value, jnp.float32)
    found = gradients(NormalisedConv(1), initial_params(NormalisedConv(1), 0, x), x)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
