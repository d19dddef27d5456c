"""The patch discriminator: parameters by hand, how many verdicts, what it sees, precision and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
from tests.model.network_data import SHAPE, are_finite, count, volumes, without_gradient

TINY = PatchDiscriminator(features=(3, 8, 8))


@pytest.fixture(scope="module")
def params():
    return initial_params(TINY, 0, volumes(0), volumes(0))


@pytest.fixture(scope="module")
def apply():
    return jax.jit(lambda params, mri, pet: TINY.apply({"params": params}, mri, pet))


@pytest.mark.parametrize(("conditional", "channels"), [(True, 2), (False, 1)])
def test_number_of_parameters_by_hand(conditional, channels):
    kernels = 27 * (channels * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256)
    expected = kernels + (32 + 64 + 128 + 256 + 1) + 2 * (64 + 128 + 256)
    assert count(PatchDiscriminator(conditional=conditional), 2) == expected


@pytest.mark.parametrize(
    ("features", "shape", "expected"),
    [
        ((32, 64, 128, 256), (3, 16, 32, 48, 1), (3, 2, 4, 6)),
        ((2, 3), (1, 16, 16, 16, 1), (1, 8, 8, 8)),
        ((2,), (1, 16, 16, 16, 1), (1, 16, 16, 16)),
    ],
)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_all_layers_but_the_last_halve_the_edges(features, shape, expected, dtype):
    module, volume = PatchDiscriminator(features), jax.ShapeDtypeStruct(shape, dtype)
    variables = jax.eval_shape(module.init, jax.random.key(0), volume, volume)
    found = jax.eval_shape(module.apply, variables, volume, volume)
    assert found.shape == expected and found.dtype == jnp.float32


def test_the_first_layer_is_not_normalised(params):
    assert sorted(params) == ["conv0", "conv1", "conv2", "logits"]
    assert sorted(params["conv0"]) == ["bias", "kernel"] and sorted(params["conv1"]) == ["conv", "norm"]


@pytest.mark.parametrize("conditional", [True, False])
def test_it_sees_the_mri_only_if_conditional(conditional):
    module = PatchDiscriminator((2, 3), conditional)
    params = initial_params(module, 0, volumes(0), volumes(0))
    apply = jax.jit(lambda mri, pet: module.apply({"params": params}, mri, pet))
    logits = apply(volumes(1), volumes(2))
    assert np.array_equal(apply(volumes(3), volumes(2)), logits) is not conditional
    assert not np.array_equal(apply(volumes(1), volumes(3)), logits)


def test_volumes_of_a_batch_do_not_mix(params, apply):
    mri, pet = volumes(1), volumes(2)
    found, other = apply(params, mri, pet), apply(params, mri, pet.at[1].set(0.0))
    np.testing.assert_array_equal(other[0], found[0])
    assert not np.array_equal(other[1], found[1])


def test_bfloat16_is_close_to_float32(params, apply):
    single, half = (apply(params, volumes(1).astype(d), volumes(2).astype(d)) for d in (jnp.float32, jnp.bfloat16))
    assert not np.array_equal(single, half)
    assert jnp.linalg.norm(half - single) < 0.05 * jnp.linalg.norm(single)


@pytest.fixture(scope="module")
def gradient():
    """Of the least-squares loss, in the parameters and in the PET."""

    def loss(params, mri, pet):
        return ((TINY.apply({"params": params}, mri, pet) - 1) ** 2).mean()

    return jax.jit(jax.grad(loss, argnums=(0, 2)))


def test_every_parameter_and_every_voxel_has_a_gradient(params, gradient):
    by_params, by_pet = gradient(params, volumes(1), volumes(2))
    assert without_gradient(by_params) == []
    assert (by_pet != 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_of_flat_volumes_are_finite(params, gradient, value):
    flat = jnp.full(SHAPE, value, jnp.float32)
    assert are_finite(gradient(params, flat, flat))
