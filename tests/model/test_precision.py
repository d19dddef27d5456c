"""bfloat16 networks: what stays in float32, and that a short training scores what float32 scores."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.core import jaxprs_in_params

from pcsa_jax.data.cohort import read_cohort
from pcsa_jax.data.grid import Grid
from pcsa_jax.data.pairs import load_pairs
from pcsa_jax.data.regions import brain_mask
from pcsa_jax.model import losses, metrics, ssim
from pcsa_jax.model.attention import SelfAttention
from pcsa_jax.model.discriminator import Discriminator
from pcsa_jax.model.generator import Generator, PyramidConv
from pcsa_jax.model.state import Nets, initial_state
from pcsa_jax.model.step import Batch, generate, joint_loss, train_step

SIZE = 16
MODULES = Nets(
    Generator(
        stages=(((3, 4),), ((3, 4),)), bottleneck_features=8, residual_blocks=0, attention_sizes=(1,),
        skip_sizes=(4, 8, 16),
    ),
    Discriminator(features=(2,)),
)  # fmt: skip
LOSS = joint_loss({"adversarial": 0.01, "l1": 1.0, "ms_ssim": 0.1}, adversarial_form="bce", ms_ssim_exponents="raw")
NUM_STEPS = 40
ADAM = Nets(optax.adam(optax.cosine_decay_schedule(5e-3, NUM_STEPS)), optax.adam(1e-3))
FLOAT32, BFLOAT16 = jnp.dtype(jnp.float32), jnp.dtype(jnp.bfloat16)


def volumes(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random(shape, np.float32))


def equations(jaxpr):
    """Every equation of a program, those inside its loops, branches and functions included."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jaxprs_in_params(equation.params):
            yield from equations(inner)


def operand_types(function, *arguments, of):
    """Types of the operands of every ``of`` (names of primitives) in the program of ``function``."""
    program = jax.make_jaxpr(function)(*arguments).jaxpr
    return [{v.aval.dtype for v in e.invars} for e in equations(program) if e.primitive.name in of]


def test_convolutions_of_accelerators_are_in_bfloat16():
    x = volumes(1, 4, 6, 8, 3).astype(jnp.bfloat16)
    module = PyramidConv(((3, 4), (5, 2)))
    params = jax.eval_shape(module.init, jax.random.key(0), x)
    found = operand_types(module.apply, params, x, of={"conv_general_dilated"})
    assert {BFLOAT16} in found  # those of accelerators; the CPU's rewrites are in float32
    assert set().union(*found) <= {BFLOAT16, FLOAT32}
    assert jax.eval_shape(module.apply, params, x).dtype == BFLOAT16


def test_the_softmax_of_self_attention_is_in_float32():
    x = volumes(1, 8, 8, 8, 16).astype(jnp.bfloat16)
    module = SelfAttention(block=128)
    params = jax.eval_shape(module.init, jax.random.key(0), x)
    found = operand_types(module.apply, params, x, of={"exp"})
    assert found and all(types == {FLOAT32} for types in found)
    assert jax.eval_shape(module.apply, params, x).dtype == BFLOAT16


def test_logits_are_in_float32():
    mri, pet = (volumes(2, SIZE, SIZE, SIZE, 1, seed=seed).astype(jnp.bfloat16) for seed in (0, 1))
    params = jax.eval_shape(MODULES.discriminator.init, jax.random.key(0), mri, pet)
    assert jax.eval_shape(MODULES.discriminator.apply, params, mri, pet).dtype == FLOAT32


RECONSTRUCTION = {
    **losses.RECONSTRUCTION,
    "mae": metrics.mae,
    "psnr": partial(metrics.psnr, data_range=1.0),
    "ssim_map": partial(ssim.ssim_map, data_range=1.0),
}


@pytest.mark.parametrize("name", RECONSTRUCTION)
def test_losses_and_metrics_are_computed_in_float32(name):
    fake, pet = volumes(1, 12, 16, 20, 1), volumes(1, 12, 16, 20, 1, seed=1)
    function, coarse = jax.jit(RECONSTRUCTION[name]), fake.astype(jnp.bfloat16)
    value = function(coarse, pet)
    assert value.dtype == FLOAT32
    # Of the rounded volume itself: nothing is rounded again on the way.
    np.testing.assert_array_equal(value, function(coarse.astype(jnp.float32), pet))
    gradient = jax.jit(jax.grad(lambda fake: function(fake, pet).sum()))(coarse)
    assert gradient.dtype == BFLOAT16 and np.isfinite(gradient.astype(jnp.float32)).all()


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_adversarial_losses_are_computed_in_float32(name):
    real, fake = (jnp.linspace(-40, 40, 5, dtype=jnp.bfloat16) for _ in range(2))
    form = losses.ADVERSARIAL[name]
    for value in (form.discriminator(real, fake), form.generator(fake)):
        assert value.dtype == FLOAT32 and np.isfinite(value).all()


def test_generated_volumes_are_in_float32():
    mri = volumes(1, SIZE, SIZE, SIZE, 1).astype(jnp.bfloat16)
    params = jax.eval_shape(MODULES.generator.init, jax.random.key(0), mri)["params"]
    assert jax.eval_shape(partial(generate, MODULES.generator), params, mri).dtype == FLOAT32


def new_state():
    return initial_state(MODULES, ADAM, seed=0, size=SIZE)


def step_in(dtype):
    return jax.jit(partial(train_step, modules=MODULES, optimizers=ADAM, loss=LOSS, dtype=dtype))


def test_parameters_and_optimisers_stay_in_float32():
    volume = jax.ShapeDtypeStruct((2, SIZE, SIZE, SIZE, 1), jnp.float32)
    batch = Batch(volume, volume, jax.ShapeDtypeStruct((2,), jnp.float32))
    state = jax.eval_shape(new_state)
    after, scalars = jax.eval_shape(step_in(jnp.bfloat16), state, batch)
    floats = {leaf.dtype for leaf in jax.tree.leaves(after) if jnp.issubdtype(leaf.dtype, jnp.floating)}
    assert floats == {FLOAT32}
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(lambda leaf: leaf.dtype, state)
    assert {value.dtype for value in scalars.values()} == {FLOAT32}


SEEN = []


class Witness(nn.Module):
    """A discriminator that only notes in ``SEEN`` the types of what it is shown."""

    @nn.compact
    def __call__(self, mri, pet):
        SEEN.append((mri.dtype, pet.dtype))
        return nn.Dense(1)(pet.mean(axis=(1, 2, 3)).astype(jnp.float32))[:, 0]


def test_the_discriminator_of_a_step_works_in_bfloat16():
    modules = MODULES._replace(discriminator=Witness())
    volume = jax.ShapeDtypeStruct((2, SIZE, SIZE, SIZE, 1), jnp.float32)
    batch = Batch(volume, volume, jax.ShapeDtypeStruct((2,), jnp.float32))
    state = jax.eval_shape(lambda: initial_state(modules, ADAM, seed=0, size=SIZE))
    SEEN.clear()
    jax.eval_shape(
        partial(train_step, modules=modules, optimizers=ADAM, loss=LOSS, dtype=jnp.bfloat16), state, batch
    )  # fmt: skip
    assert set(SEEN) == {(BFLOAT16, BFLOAT16)}


@pytest.fixture(scope="module")
def pairs(cohort):
    return load_pairs(read_cohort(cohort).pairs, size=SIZE, normalisation="minmax")


def batch_of(pairs, rows):
    mri, pet = (jnp.asarray(volumes[rows][..., None]) for volumes in (pairs.mri, pairs.pet))
    return Batch(mri, pet, jnp.ones(len(rows)))


def test_gradients_in_bfloat16_are_float32_and_finite(pairs):
    batch = batch_of(pairs, [0, 1])

    @jax.jit
    @jax.grad
    def gradient(params):
        fake = MODULES.generator.apply({"params": params}, batch.mri.astype(jnp.bfloat16))
        return sum(term(fake, batch.pet).mean() for term in LOSS.terms.values())

    # Moved a little, so that no gain of self-attention and no bias is 0.
    params = jax.tree.map(lambda leaf: leaf + 0.01, new_state().params.generator)
    found = jax.tree.leaves_with_path(gradient(params))
    for path, leaf in found:
        assert leaf.dtype == FLOAT32, path
        assert np.isfinite(leaf).all(), path
    assert sum(bool(np.any(leaf)) for _, leaf in found) > 0.8 * len(found)


def scores_after_training(pairs, dtype, num_steps):
    """Mean scores in the brain of the last four subjects, after steps on the other eight."""
    state, step, batch = new_state(), step_in(dtype), batch_of(pairs, list(range(8)))
    for _ in range(num_steps):
        state, _ = step(state, batch)
    held_out, mask = batch_of(pairs, [8, 9, 10, 11]), jnp.asarray(brain_mask(Grid(SIZE)))
    fake = jax.jit(partial(generate, MODULES.generator))(state.params.generator, held_out.mri.astype(dtype))
    return {
        "mae": float(metrics.mae(fake, held_out.pet, mask=mask).mean()),
        "psnr_db": float(metrics.psnr(fake, held_out.pet, data_range=1.0, mask=mask).mean()),
        "ssim": float(ssim.ssim(fake, held_out.pet, data_range=1.0, mask=mask).mean()),
    }


@pytest.mark.slow
def test_a_short_training_in_bfloat16_scores_what_float32_scores(pairs):
    start = scores_after_training(pairs, jnp.float32, 0)
    single, half = (scores_after_training(pairs, dtype, NUM_STEPS) for dtype in (jnp.float32, jnp.bfloat16))
    assert single["mae"] < 0.5 * start["mae"]
    assert half["mae"] == pytest.approx(single["mae"], rel=0.05)
    assert half["psnr_db"] == pytest.approx(single["psnr_db"], abs=0.4)
    assert half["ssim"] == pytest.approx(single["ssim"], abs=0.02)
