"""Pooling against flax, upsampling against linear functions and SciPy."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from pcsa_jax.model import resampling
from pcsa_jax.model.resampling import max_pool, maximum

upsample = jax.jit(resampling.upsample, static_argnums=1)


@partial(jax.jit, static_argnums=0)
def value_and_gradient(function, x, cotangent):
    value, pullback = jax.vjp(function, x)
    return value, pullback(cotangent)[0]


def volumes(shape=(2, 4, 6, 8, 3)):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def reference(x):
    return nn.max_pool(x, window_shape=(2, 2, 2), strides=(2, 2, 2))


def test_max_pool_equals_flax_in_value_and_gradient():
    x, cotangent = volumes(), volumes((2, 2, 3, 4, 3))
    found, expected = (value_and_gradient(function, x, cotangent) for function in (max_pool, reference))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("axes", [(2, 4, 6), (1, 2, 3), (0,)])
def test_the_gradient_of_a_maximum_is_jax_s_own_to_the_bit(axes):
    x = jnp.round(4 * volumes((2, 2, 2, 3, 2, 2, 2))) / 4  # with ties
    cotangent = volumes(x.max(axis=axes).shape)
    ours, theirs = (lambda x: maximum(x, axes)), (lambda x: x.max(axis=axes))
    found, expected = (jax.vjp(function, x)[1](cotangent)[0] for function in (ours, theirs))
    np.testing.assert_array_equal(found, expected)


def test_a_maximum_that_no_entry_equals_any_more_has_a_finite_gradient():
    # What happens where the compiler computes the entries again for the backward pass, and rounds otherwise.
    x = jnp.asarray([[1.0, 2.0], [3.0, 3.0]])
    (gradient,) = resampling._maximum_backward((1,), (x, jnp.asarray([2.0000002, 3.0])), jnp.asarray([1.0, 1.0]))
    np.testing.assert_array_equal(gradient, np.full((2, 2), 0.5))


def test_equal_voxels_share_the_gradient():
    gradient = jax.grad(lambda x: max_pool(x).sum())(jnp.ones((1, 2, 4, 2, 1)))
    np.testing.assert_array_equal(gradient, np.full((1, 2, 4, 2, 1), 0.125))


def test_pooling_has_no_scatter_in_its_gradient():
    program = str(jax.make_jaxpr(jax.grad(lambda x: max_pool(x).sum()))(volumes()))
    assert "scatter" not in program


@pytest.mark.parametrize("shape", [(3, 4, 6), (4, 4, 1)])
def test_an_odd_edge_is_refused(shape):
    with pytest.raises(ValueError, match="max_pool: every edge must be even, found") as caught:
        max_pool(jnp.zeros((1, *shape, 1)))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_upsample_equals_jax_in_value_and_gradient(factor):
    x = volumes((2, 3, 1, 5, 2))
    shape = (2, *(factor * edge for edge in x.shape[1:4]), 2)
    cotangent = volumes(shape)
    found, gradient = value_and_gradient(partial(resampling.upsample, factor=factor), x, cotangent)
    resize = partial(jax.image.resize, shape=shape, method="trilinear")
    expected, expected_gradient = value_and_gradient(resize, x, cotangent)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-4)


@pytest.mark.parametrize("factor", [2, 4])
def test_upsample_keeps_constants_up_to_the_border(factor):
    found = upsample(jnp.full((1, 2, 3, 4, 2), 0.7), factor)
    assert found.shape == (1, 2 * factor, 3 * factor, 4 * factor, 2)
    np.testing.assert_allclose(found, 0.7, rtol=1e-6)


@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("factor", [2, 4])
def test_upsample_keeps_ramps_inside(axis, factor):
    shape = [1, 5, 6, 7, 1]
    ramp = jnp.arange(shape[axis], dtype=jnp.float32).reshape([-1 if a == axis else 1 for a in range(5)])
    found = np.moveaxis(np.asarray(upsample(jnp.broadcast_to(ramp, shape), factor)), axis, -1)
    # Voxel centres: output voxel i lies at (i + 1/2) / factor - 1/2 of the input's.
    position = (np.arange(shape[axis] * factor) + 0.5) / factor - 0.5
    expected = np.clip(position, 0, shape[axis] - 1)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-5)


@pytest.mark.parametrize("factor", [2, 4])
def test_upsample_equals_scipy(factor):
    x = volumes((1, 3, 4, 5, 1))
    grid = np.meshgrid(*((np.arange(n * factor) + 0.5) / factor - 0.5 for n in (3, 4, 5)), indexing="ij")
    expected = ndimage.map_coordinates(np.asarray(x[0, ..., 0], np.float64), grid, order=1, mode="nearest")
    np.testing.assert_allclose(upsample(x, factor)[0, ..., 0], expected, atol=1e-5)
