"""The fast convolution equals XLA's in value and both gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from pcsa_jax.model import cpu_convolution
from pcsa_jax.model.convolution import Conv
from pcsa_jax.model.platform_convolution import convolve, only_native


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
    (3, 5, 7, 1, (5, 4, 3)),
    (3, 5, 5, 1, (8, 4, 3)),
    (1, 3, 7, 1, (4, 9, 3)),
    (2, 3, 7, 1, (6, 3, 4)),
    (4, 6, 3, 2, (8, 6, 4)),
    (4, 6, 3, 2, (7, 6, 5)),
]


@pytest.mark.parametrize(("channels", "features", "edge", "stride", "shape"), CASES)
def test_value_and_gradients_equal_xla(channels, features, edge, stride, shape):
    check_against_xla(channels, features, edge, stride, shape)


def check_against_xla(channels, features, edge, stride, shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, *shape, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(edge, edge, edge, channels, features)), jnp.float32)

    sizes = (-(-size // stride) for size in shape)
    cotangent = jnp.asarray(rng.normal(size=(2, *sizes, features)), jnp.float32)

    @partial(jax.jit, static_argnums=0)
    def value_and_gradients(function, x, kernel, cotangent):
        value, pullback = jax.vjp(partial(function, stride=stride), x, kernel)
        return value, *pullback(cotangent)

    found, expected = (value_and_gradients(function, x, kernel, cotangent) for function in (convolve, reference))
    for own, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("outputs", [1, 2, 4])
@pytest.mark.parametrize("taps", [3, 5])
def test_a_tiling_is_a_filter(outputs, taps):
    tiles = cpu_convolution.tiling(outputs, taps)
    rng = np.random.default_rng(outputs)
    kernel, inputs = rng.normal(size=taps), rng.normal(size=outputs + taps - 1)
    found = tiles.combine @ ((tiles.kernel @ kernel) * (tiles.window @ inputs))
    np.testing.assert_allclose(found, np.correlate(inputs, kernel, "valid"), atol=1e-12)
    assert len(tiles.kernel) == outputs + taps - 1


@given(
    channels=st.integers(1, 6), features=st.integers(1, 6), edge=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
)  # fmt: skip
@settings(max_examples=4, deadline=None)
def test_any_shape_equals_xla(channels, features, edge, stride, shape):
    check_against_xla(channels, features, edge, stride, shape)


def test_several_volumes_count_as_their_concatenation():
    rng = np.random.default_rng(2)
    x, more = (jnp.asarray(rng.normal(size=(2, 4, 5, 6, channels)), jnp.float32) for channels in (3, 4))
    module = Conv(5)
    params = module.init(jax.random.key(0), x, more)
    params = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32), params)
    whole = module.apply(params, jnp.concatenate([x, more], axis=-1))
    np.testing.assert_allclose(module.apply(params, x, more), whole, atol=1e-4)


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


def test_other_software_can_be_given_a_plain_convolution():
    x, kernel = jnp.ones((1, 4, 4, 4, 2)), jnp.ones((3, 3, 3, 2, 3))

    def steps():
        return {str(each.primitive) for each in jax.make_jaxpr(lambda x: convolve(x, kernel))(x).eqns}

    before = steps()
    with only_native():
        assert steps() == {"conv_general_dilated"}
    assert steps() == before != {"conv_general_dilated"}
