"""Systems with one and with two generators go through one step: its update against the plain definition of each."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.state import Nets, initial_state
from pcsa_jax.model.step import Batch, joint_loss, train_step
from pcsa_jax.model.translation import both_ways, one_way

RATE = 0.05
SGD = Nets(optax.sgd(RATE), optax.sgd(RATE))
WEIGHTS = {"adversarial": 0.5, "l1": 1.0, "cycle": 2.0}
SHAPE = (8, 4, 2)


class OneWay(nn.Module):
    @nn.compact
    def __call__(self, volumes):
        return nn.Dense(1)(nn.tanh(nn.Dense(3)(volumes)))


class TwoWays(nn.Module):
    def setup(self):
        self.to_pet, self.to_mri = OneWay(), OneWay()

    def __call__(self, mri):
        if self.is_initializing():
            self.to_mri(mri)
        return self.to_pet(mri)

    def mri_of(self, pet):
        return self.to_mri(pet)


class Judge(nn.Module):
    @nn.compact
    def __call__(self, mri, pet):
        return nn.Dense(1)(nn.tanh(nn.Dense(3)(jnp.concatenate([mri, pet], -1))))[..., 0]


TWO = Nets(TwoWays(), Judge())


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    mri, pet = (jnp.asarray(rng.random((2, *SHAPE, 1), np.float32)) for _ in range(2))
    return Batch(mri, pet, jnp.ones(2))


def new_state():
    return initial_state(TWO, SGD, seed=0, size=16)


def objective(form="absolute"):
    return joint_loss(WEIGHTS, adversarial_form=form, ms_ssim_exponents="raw")


def test_one_way_looks_at_the_mri_alone(batch):
    params = new_state().params.generator["to_pet"]
    made = one_way(OneWay(), params, batch.mri, jnp.full_like(batch.pet, jnp.nan))
    np.testing.assert_array_equal(made.pet, OneWay().apply({"params": params}, batch.mri))
    assert made.mri is batch.mri and made.cycled is None


def test_both_ways_comes_back_through_the_other_generator(batch):
    params = new_state().params.generator
    made = both_ways(TwoWays(), params, batch.mri, batch.pet)
    forth, back = (
        lambda volumes, p=params[name]: OneWay().apply({"params": p}, volumes) for name in ("to_pet", "to_mri")
    )
    for found, expected in (
        (made.pet, forth(batch.mri)), (made.mri, back(batch.pet)),
        (made.cycled[0], back(forth(batch.mri))), (made.cycled[1], forth(back(batch.pet))),
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def plain_definition(state, batch):
    """Each network's update, every term written out."""

    def made(params):
        forth, back = (lambda v, p=params[name]: OneWay().apply({"params": p}, v) for name in ("to_pet", "to_mri"))
        fake_pet, fake_mri = forth(batch.mri), back(batch.pet)
        return fake_mri, fake_pet, back(fake_pet), forth(fake_mri)

    def verdict(params, mri, pet):
        return Judge().apply({"params": params}, mri, pet)

    def discriminator_loss(params):
        mri, pet, *_ = made(state.params.generator)
        real, fake = verdict(params, batch.mri, batch.pet), verdict(params, mri, pet)
        return 0.5 * (jnp.abs(real - 1) + jnp.abs(fake)).mean()

    def generator_loss(params, judge):
        mri, pet, cycled_mri, cycled_pet = made(params)
        voxel = jnp.abs(mri - batch.mri).mean() + jnp.abs(pet - batch.pet).mean()
        cycle = jnp.abs(cycled_mri - batch.mri).mean() + jnp.abs(cycled_pet - batch.pet).mean()
        return 0.5 * jnp.abs(verdict(judge, mri, pet) - 1).mean() + voxel + 2 * cycle

    def descend(params, gradient):
        return jax.tree.map(lambda p, g: p - RATE * g, params, gradient)

    judge = descend(state.params.discriminator, jax.grad(discriminator_loss)(state.params.discriminator))
    return Nets(descend(state.params.generator, jax.grad(generator_loss)(state.params.generator, judge)), judge)


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_the_step_of_two_generators(batch, micro_batches):
    state = new_state()
    step = partial(
        train_step, modules=TWO, optimizers=SGD, loss=objective(), translate=both_ways, micro_batches=micro_batches
    )
    after, scalars = jax.jit(step)(state, batch)
    expected = jax.jit(plain_definition)(state, batch)
    for found, wanted, old in zip(*map(jax.tree.leaves, (after.params, expected, state.params)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
        assert not np.array_equal(found, old)
    assert {"generator/cycle", "generator/l1", "generator/adversarial"} < set(scalars)
