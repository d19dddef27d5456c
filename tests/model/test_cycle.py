"""The cycle's networks: parameters by hand, two directions and two discriminators that share nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.cycle import CycleDiscriminator, CycleGenerator, ResNetGenerator
from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.patch_discriminator import PatchDiscriminator
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

GENERATOR = CycleGenerator(features=4, strided=1, blocks=1, kernel_size=3)
DISCRIMINATOR = CycleDiscriminator(features=(2, 8))


@pytest.fixture(scope="module")
def params():
    return initial_params(GENERATOR, 0, volumes(0))


@pytest.fixture(scope="module")
def pet_of():
    return jax.jit(lambda params, mri: GENERATOR.apply({"params": params}, mri))


@pytest.fixture(scope="module")
def mri_of():
    return jax.jit(lambda params, pet: GENERATOR.apply({"params": params}, pet, method="mri_of"))


@pytest.mark.parametrize("blocks", [3, 6])
def test_parameters_by_hand(blocks):
    convolutions = [(16, 32), (32, 64), *[(64, 64)] * (2 * blocks), (64, 32), (32, 16)]
    ends = 343 * 16 + 3 * 16 + 343 * 16 + 1
    expected = sum(27 * inputs * outputs + 3 * outputs for inputs, outputs in convolutions) + ends
    assert count(ResNetGenerator(blocks=blocks)) == expected
    assert count(CycleGenerator(blocks=blocks)) == 2 * expected


def test_the_documented_size():
    # 813 thousand, computed from the public code.
    assert count(ResNetGenerator()) == pytest.approx(813e3, rel=0.005)


def test_two_discriminators_without_the_other_modality():
    assert count(CycleDiscriminator(), 2) == 2 * count(PatchDiscriminator(conditional=False), 2)


@pytest.mark.parametrize("method", ["__call__", "mri_of"])
@pytest.mark.parametrize("shape", [(1, 16, 32, 48, 1), (2, 64, 64, 64, 1)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_volumes_keep_their_shape_and_leave_in_float32(method, shape, dtype):
    volume = jax.ShapeDtypeStruct(shape, dtype)
    variables = jax.eval_shape(CycleGenerator().init, jax.random.key(0), volume)
    found = jax.eval_shape(lambda v, x: CycleGenerator().apply(v, x, method=method), variables, volume)
    assert found.shape == shape and found.dtype == jnp.float32


def test_each_direction_has_its_own_parameters(params, pet_of, mri_of):
    assert sorted(params) == ["to_mri", "to_pet"]
    assert jax.tree.structure(params["to_mri"]) == jax.tree.structure(params["to_pet"])
    x, zeros = volumes(1), jax.tree.map(jnp.zeros_like, params["to_pet"])
    pet, mri = pet_of(params, x), mri_of(params, x)
    assert pet.any() and mri.any() and not np.allclose(pet, mri)
    np.testing.assert_array_equal(pet_of(params | {"to_mri": zeros}, x), pet)
    np.testing.assert_array_equal(mri_of(params | {"to_pet": zeros}, x), mri)
    assert not pet_of(params | {"to_pet": zeros}, x).any() and not mri_of(params | {"to_mri": zeros}, x).any()


def test_volumes_of_a_batch_do_not_mix(params, pet_of):
    check_that_volumes_do_not_mix(lambda mri: pet_of(params, mri))


def test_bfloat16_is_close_to_float32(params, pet_of):
    check_bfloat16(lambda mri: pet_of(params, mri))


@pytest.fixture(scope="module")
def gradient():
    """Of a cycle, in the parameters of both directions."""

    def cycle(params, mri):
        pet = GENERATOR.apply({"params": params}, mri)
        return jnp.abs(GENERATOR.apply({"params": params}, pet, method="mri_of") - mri).mean()

    return jax.jit(jax.grad(cycle))


def test_a_cycle_gives_every_parameter_a_gradient(params, gradient):
    for direction in ("to_pet", "to_mri"):
        assert without_gradient(gradient(params, volumes(1))[direction]) == []


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradients_of_flat_volumes_are_finite(params, gradient, value):
    assert are_finite(gradient(params, jnp.full(SHAPE, value, jnp.float32)))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_verdicts_are_as_many_on_either_modality(dtype):
    assert verdicts(CycleDiscriminator(), dtype) == ((3, 2 * 2 * 4 * 6), jnp.float32)


def test_the_first_half_judges_the_pet_and_the_second_the_mri():
    params = initial_params(DISCRIMINATOR, 0, volumes(0), volumes(0))
    apply = jax.jit(lambda mri, pet: DISCRIMINATOR.apply({"params": params}, mri, pet))
    pet, mri = np.split(apply(volumes(1), volumes(2)), 2, axis=1)
    other_pet, same_mri = np.split(apply(volumes(1), volumes(3)), 2, axis=1)
    same_pet, other_mri = np.split(apply(volumes(3), volumes(2)), 2, axis=1)
    np.testing.assert_array_equal(same_pet, pet)
    np.testing.assert_array_equal(same_mri, mri)
    assert not np.array_equal(other_pet, pet) and not np.array_equal(other_mri, mri)


def test_every_discriminator_parameter_has_a_gradient():
    params = initial_params(DISCRIMINATOR, 0, volumes(0), volumes(0))
    assert without_gradient(gradient_of_verdicts(DISCRIMINATOR, params)) == []
