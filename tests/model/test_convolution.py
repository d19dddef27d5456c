"""The fast convolution equals XLA's in value and both gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from pcsa_jax.model.convolution import Conv, convolve


def reference(x, kernel, stride):
    return lax.conv_general_dilated(x, kernel, (stride,) * 3, "SAME", dimension_numbers=("NXYZC", "XYZIO", "NXYZC"))


CASES = [
    # channels, features, kernel, stride, (x, y, z): one case for each branch of the rewrite, unequal axes
    (1, 4, 7, 1, (9, 8, 12)),
    (1, 5, 3, 1, (4, 6, 5)),
    (1, 1, 5, 1, (5, 7, 6)),
    (2, 7, 3, 1, (5, 4, 6)),
    (6, 3, 5, 1, (5, 7, 4)),
    (6, 6, 3, 1, (2, 2, 2)),
    (5, 1, 3, 1, (6, 3, 5)),
    (3, 4, 1, 1, (3, 4, 5)),
    (4, 6, 3, 2, (8, 6, 4)),
    (4, 6, 3, 2, (7, 6, 5)),
]


@pytest.mark.parametrize(("channels", "features", "edge", "stride", "shape"), CASES)
def test_value_and_gradients_equal_xla(channels, features, edge, stride, shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, *shape, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(edge, edge, edge, channels, features)), jnp.float32)

    value, pullback = jax.vjp(lambda x, k: convolve(x, k, stride=stride), x, kernel)
    expected, expected_pullback = jax.vjp(lambda x, k: reference(x, k, stride), x, kernel)
    np.testing.assert_allclose(value, expected, atol=1e-5 * np.abs(expected).max())
    cotangent = jnp.asarray(rng.normal(size=expected.shape), jnp.float32)
    for found, wanted in zip(pullback(cotangent), expected_pullback(cotangent), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def test_kernel_may_have_unequal_edges():
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(1, 6, 5, 4, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 1, 5, 3, 2)), jnp.float32)
    np.testing.assert_allclose(convolve(x, kernel), reference(x, kernel, 1), atol=1e-4)


def test_module_adds_its_bias():
    x = jnp.zeros((1, 4, 4, 4, 2))
    params = {"kernel": jnp.ones((3, 3, 3, 2, 3)), "bias": jnp.asarray([1.0, 2.0, 3.0])}
    np.testing.assert_array_equal(Conv(3).apply({"params": params}, x)[0, 0, 0, 0], [1, 2, 3])


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel edges must be odd, found \(2, 2, 2\)"):
        convolve(jnp.zeros((1, 4, 4, 4, 1)), jnp.zeros((2, 2, 2, 1, 1)))


@pytest.mark.usefixtures("unchecked_shapes")
def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="kernel takes 3 channels, input has 2"):
        convolve(jnp.zeros((1, 4, 4, 4, 2)), jnp.zeros((3, 3, 3, 3, 1)))
