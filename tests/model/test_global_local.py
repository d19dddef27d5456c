"""The global-local networks: octants taken apart and put back, what each path sees, parameters by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.global_local import GlobalLocalDiscriminator, GlobalLocalGenerator, from_octants, octants
from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
from pcsa_jax.model.unet import UNet
from tests.model.network_data import (
    SHAPE,
    are_finite,
    check_bfloat16,
    check_that_volumes_do_not_mix,
    count,
    gradient_of_verdicts,
    verdicts,
    volumes,
    without_gradient,
)

GENERATOR = GlobalLocalGenerator(global_features=(4, 8), local_features=(4,))
DISCRIMINATOR = GlobalLocalDiscriminator(features=(2, 8))


@pytest.fixture(scope="module")
def params():
    return initial_params(GENERATOR, 0, volumes(0))


@pytest.fixture(scope="module")
def apply():
    return jax.jit(lambda params, mri: GENERATOR.apply({"params": params}, mri))


def test_octants_are_the_corners_of_each_volume():
    x = volumes(1, (3, 4, 6, 8, 2))
    halves = [(slice(0, edge // 2), slice(edge // 2, edge)) for edge in x.shape[1:4]]
    expected = [volume[corner] for volume in x for corner in itertools.product(*halves)]
    np.testing.assert_array_equal(octants(x), np.stack(expected))


@pytest.mark.parametrize("shape", [(1, 2, 2, 2, 1), (3, 4, 6, 8, 2)])
def test_octants_are_put_back_where_they_came_from(shape):
    x = volumes(1, shape)
    np.testing.assert_array_equal(from_octants(octants(x)), x)


def test_an_odd_edge_has_no_halves():
    with pytest.raises(ValueError, match=r"octants: every edge must be even, found \(4, 5, 6\)"):
        octants(volumes(1, (1, 4, 5, 6, 1)))


def test_parameters_by_hand():
    local = count(UNet(features=(16, 32, 64, 128))) - (16 + 1)
    whole = count(UNet(features=(16, 32, 64, 128, 256))) - (16 + 1)
    assert count(GlobalLocalGenerator()) == whole + local + 27 * (16 + 16) + 1
    assert count(GlobalLocalDiscriminator(), 2) == 2 * count(PatchDiscriminator(), 2)


@pytest.mark.parametrize("shape", [(2, 16, 16, 16, 1), (1, 16, 32, 48, 1), (1, 64, 64, 64, 1)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_volumes_keep_their_shape_and_leave_in_float32(shape, dtype):
    volume = jax.ShapeDtypeStruct(shape, dtype)
    variables = jax.eval_shape(GlobalLocalGenerator().init, jax.random.key(0), volume)
    found = jax.eval_shape(GlobalLocalGenerator().apply, variables, volume)
    assert found.shape == shape and found.dtype == jnp.float32


def of_one_path(params, channels):
    """``params`` whose output layer sees the given channels of the paths' features alone."""
    output = params["output"] | {"kernel": jnp.zeros((3, 3, 3, 8, 1)).at[1, 1, 1, channels].set(1.0)}
    return params | {"output": output}


def test_the_local_path_sees_one_octant_and_the_global_path_all(params, apply):
    mri = volumes(1)
    other = mri.at[:, :8, 8:, :8].set(0.25)
    whole, local = of_one_path(params, slice(0, 4)), of_one_path(params, slice(4, 8))
    changed = (apply(local, mri) != apply(local, other))[0, ..., 0]
    expected = np.zeros(SHAPE[1:4], bool)
    expected[:8, 8:, :8] = True
    assert not changed[~expected].any() and changed[expected].mean() > 0.9
    # Normalised over the volume, so that it changes everywhere.
    assert (apply(whole, mri) != apply(whole, other)).mean() > 0.9


def test_octants_share_their_weights(params, apply):
    octant = volumes(1, (2, 8, 8, 8, 1))
    found = apply(of_one_path(params, slice(4, 8)), jnp.tile(octant, (1, 2, 2, 2, 1)))
    first = octants(found)[::8]
    for index in range(1, 8):
        np.testing.assert_allclose(octants(found)[index::8], first, atol=1e-5)


def test_volumes_of_a_batch_do_not_mix(params, apply):
    check_that_volumes_do_not_mix(lambda mri: apply(params, mri))


def test_bfloat16_is_close_to_float32(params, apply):
    check_bfloat16(lambda mri: apply(params, mri))


@pytest.fixture(scope="module")
def gradient():
    return jax.jit(jax.grad(lambda params, mri: jnp.abs(GENERATOR.apply({"params": params}, mri) - 0.3).mean()))


def test_every_parameter_has_a_gradient(params, gradient):
    assert without_gradient(gradient(params, volumes(1))) == []


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_of_flat_volumes_are_finite(params, gradient, value):
    assert are_finite(gradient(params, jnp.full(SHAPE, value, jnp.float32)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_as_many_verdicts_on_octants_as_on_the_whole(dtype):
    assert verdicts(GlobalLocalDiscriminator(), dtype) == ((3, 2 * 2 * 4 * 6), jnp.float32)


def test_the_discriminator_s_octants_are_judged_one_by_one():
    params = initial_params(DISCRIMINATOR, 0, volumes(0), volumes(0))
    apply = jax.jit(lambda mri, pet: DISCRIMINATOR.apply({"params": params}, mri, pet))
    mri, pet = volumes(1), volumes(2)
    # The last octant of the second volume.
    changed = apply(mri, pet) != apply(mri, pet.at[1, 8:, 8:, 8:].set(0.25))
    whole, local = changed[:, :512], changed[:, 512:].reshape(2, 8, 64)
    assert not whole[0].any() and whole[1].any()
    assert not local[0].any() and not local[1, :7].any() and local[1, 7].any()


def test_every_discriminator_parameter_has_a_gradient():
    params = initial_params(DISCRIMINATOR, 0, volumes(0), volumes(0))
    assert without_gradient(gradient_of_verdicts(DISCRIMINATOR, params)) == []
