"""The U-Nets to compare with: parameters by hand, shapes, precision, gradients, volumes that do not mix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.unet import StridedUNet, UNet, UNetTrunk
from tests.model.network_data import are_finite, count, volumes, without_gradient

SHAPE = (2, 16, 32, 48, 1)
TINY = {
    "unet": UNet(features=(4, 8)),
    "strided": StridedUNet(features=(4, 8), decoder_features=(8, 4), last_features=4),
}


def normalised(inputs, outputs):
    """Parameters of a 3x3x3 convolution with its bias, and of the scale and bias after it."""
    return 27 * inputs * outputs + 3 * outputs


@pytest.fixture(scope="module", params=TINY)
def module(request):
    return TINY[request.param]


@pytest.fixture(scope="module")
def params(module):
    return initial_params(module, 0, volumes(0))


@pytest.fixture(scope="module")
def apply(module):
    return jax.jit(lambda params, mri: module.apply({"params": params}, mri))


def test_parameters_of_the_plain_unet_by_hand():
    encoder = [(1, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    decoder = [(256 + 128, 128), (128, 128), (128 + 64, 64), (64, 64), (64 + 32, 32), (32, 32), (32 + 16, 16), (16, 16)]
    expected = sum(normalised(*pair) for pair in encoder + decoder) + 16 + 1
    assert count(UNet()) == expected == 5_886_977


def test_parameters_of_the_strided_unet_by_hand():
    encoder = [(1, 64), (64, 128), (128, 256), (256, 512)]
    # The documented inputs and outputs of the decoder: 512, 512, 384, 256 to 256, 256, 192, 128.
    decoder = [(512, 256), (512, 256), (384, 192), (256, 128)]
    expected = sum(normalised(*pair) for pair in [*encoder, *decoder, (128, 64)]) + 27 * 64 + 1
    assert count(StridedUNet()) == expected


@pytest.mark.parametrize("module", [UNet(), StridedUNet(), *TINY.values()])
@pytest.mark.parametrize("shape", [(2, 16, 16, 16, 1), SHAPE, (1, 64, 64, 64, 1)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_volumes_keep_their_shape_and_leave_in_float32(module, shape, dtype):
    variables = jax.eval_shape(module.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))
    found = jax.eval_shape(module.apply, variables, jax.ShapeDtypeStruct(shape, dtype))
    assert found.shape == shape and found.dtype == jnp.float32


def test_the_trunk_ends_with_the_finest_level_s_channels():
    x = jax.ShapeDtypeStruct(SHAPE, jnp.float32)
    found, variables = jax.eval_shape(lambda x: UNetTrunk((3, 5, 7)).init_with_output(jax.random.key(0), x), x)
    assert found.shape == (*SHAPE[:-1], 3)
    assert variables["params"]["decoder1"]["conv0"]["conv"]["kernel"].shape == (3, 3, 3, 7 + 5, 5)


def test_a_volume_that_the_levels_do_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"max_pool: every edge must be even, found \(3, 2, 2\)"):
        jax.eval_shape(UNet().init, jax.random.key(0), jax.ShapeDtypeStruct((1, 24, 16, 16, 1), jnp.float32))


def test_as_many_decoder_as_encoder_layers():
    module = StridedUNet(features=(2, 2), decoder_features=(2,))
    with pytest.raises(ValueError, match="zip"):
        jax.eval_shape(module.init, jax.random.key(0), jax.ShapeDtypeStruct(SHAPE, jnp.float32))


def test_the_output_is_linear(params, apply):
    params = params | {"output": jax.tree.map(lambda leaf: 100 * leaf, params["output"])}
    found = apply(params, volumes(1))
    assert (found < 0).any() and (found > 1).any()


def test_bfloat16_is_close_to_float32(params, apply):
    single, half = apply(params, volumes(1)), apply(params, volumes(1).astype(jnp.bfloat16))
    assert not np.array_equal(single, half)
    assert jnp.linalg.norm(half - single) < 0.05 * jnp.linalg.norm(single)


def test_volumes_of_a_batch_do_not_mix(params, apply):
    mri = volumes(1)
    found, other = apply(params, mri), apply(params, mri.at[1].set(0.0))
    np.testing.assert_array_equal(other[0], found[0])
    assert not np.array_equal(other[1], found[1])


@pytest.fixture(scope="module")
def gradient(module, params):
    found = jax.jit(jax.grad(lambda params, mri: jnp.abs(module.apply({"params": params}, mri) - 0.3).mean()))
    return lambda mri: found(params, mri)


def test_every_parameter_has_a_gradient(gradient):
    assert without_gradient(gradient(volumes(1))) == []


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_of_flat_volumes_are_finite(gradient, value):
    assert are_finite(gradient(jnp.full((2, 16, 16, 16, 1), value, jnp.float32)))
