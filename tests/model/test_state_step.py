"""One training step: who is updated by what, against the plain definition of a GAN's two updates."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.discriminator import Discriminator
from pcsa_jax.model.generator import Generator
from pcsa_jax.model.state import GANState, Nets, initial_state
from pcsa_jax.model.step import Batch, generate, joint_loss, train_step
from tests.compilation import optimised

SIZE = 16
MODULES = Nets(
    Generator(
        stages=(((3, 2),), ((3, 2),)), bottleneck_features=4, attention_sizes=(1,), skip_sizes=(8,), residual_blocks=0
    ),
    Discriminator(features=(2, 3)),
)


class ToyGenerator(nn.Module):
    """What claims about the step itself need of a generator: it compiles at once."""

    @nn.compact
    def __call__(self, mri):
        return nn.Dense(1, name="out")(nn.tanh(nn.Dense(3, name="hidden")(mri)))


class ToyDiscriminator(nn.Module):
    @nn.compact
    def __call__(self, mri, pet):
        return nn.Dense(1)(nn.tanh(nn.Dense(3, name="hidden")(jnp.concatenate([mri, pet], -1))).mean((1, 2, 3)))[:, 0]


TOYS = Nets(ToyGenerator(), ToyDiscriminator())
# Plain descent: an update shows its gradient, which Adam would normalise away.
RATE = 0.02
SGD = Nets(optax.sgd(RATE), optax.sgd(RATE))
WEIGHTS = {"adversarial": 0.5, "l1": 1.0, "ssim": 0.0, "ms_ssim": 0.0}


def loss(**weights):
    return joint_loss(WEIGHTS | weights, adversarial_form="bce", ms_ssim_exponents="raw")


def new_state(optimizers=SGD, modules=MODULES):
    return initial_state(modules, optimizers, seed=0, size=SIZE)


def copied(tree):
    return jax.tree.map(np.array, tree)


def assert_same_bits(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.array(left).tobytes() == np.array(right).tobytes()


def differ(found, expected) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))


STEP = jax.jit(partial(train_step, modules=MODULES, optimizers=SGD, loss=loss()))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    mri, noise = (rng.random((2, SIZE, SIZE, SIZE, 1), np.float32) for _ in range(2))
    return Batch(jnp.asarray(mri), jnp.asarray(0.5 * mri + 0.2 * noise), jnp.ones(2))


@pytest.fixture(scope="module")
def stepped(batch):
    """The second step's state before, state after and scalars: after the first, no bias and no gain is exactly 0."""
    before, _ = STEP(new_state(), batch)
    return before, *STEP(before, batch)


def test_the_state_before_the_first_step():
    state = new_state(Nets(optax.adam(0.1), optax.adam(0.1)))
    assert state.step.dtype == jnp.int32 and int(state.step) == 0
    assert_same_bits(state, new_state(Nets(optax.adam(0.1), optax.adam(0.1))))
    for params, opt_state in zip(state.params, state.opt_state, strict=True):
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float32)}
        assert jax.tree.structure(optax.tree.get(opt_state, "mu")) == jax.tree.structure(params)


def test_the_scalars(stepped):
    before, after, scalars = stepped
    assert set(scalars) == {
        "discriminator/loss", "discriminator/real_accuracy", "discriminator/fake_accuracy",
        "discriminator/gradient_norm", "generator/adversarial", "generator/l1", "generator/total",
        "generator/gradient_norm",
    }  # fmt: skip
    assert all(value.shape == () and np.isfinite(value) for value in scalars.values())
    assert int(after.step) == int(before.step) + 1 == 2
    np.testing.assert_allclose(
        scalars["generator/total"], 0.5 * scalars["generator/adversarial"] + scalars["generator/l1"], rtol=1e-6
    )


def plain_definition(state, batch):
    """Each network's update from a forward pass of its own, D's from real and fake apart."""
    generator, discriminator = MODULES

    def fakes(params):
        return generator.apply({"params": params}, batch.mri)

    def logits(params, volumes):
        return discriminator.apply({"params": params}, batch.mri, volumes)

    def discriminator_loss(params):
        real, fake = logits(params, batch.pet), logits(params, fakes(state.params.generator))
        return (jax.nn.softplus(-real) + jax.nn.softplus(fake)).mean()

    def generator_loss(params, discriminator_params):
        fake = fakes(params)
        return 0.5 * jax.nn.softplus(-logits(discriminator_params, fake)).mean() + jnp.abs(fake - batch.pet).mean()

    def descend(params, gradient):
        return jax.tree.map(lambda p, g: p - RATE * g, params, gradient)

    updated = descend(state.params.discriminator, jax.grad(discriminator_loss)(state.params.discriminator))
    gradient = jax.grad(generator_loss)(state.params.generator, updated)
    return Nets(descend(state.params.generator, gradient), updated)


def test_sharing_one_forward_pass_changes_nothing(stepped, batch):
    before, after, _ = stepped
    expected = jax.jit(plain_definition)(before, batch)
    for net in ("generator", "discriminator"):
        old, new, wanted = (jax.tree.leaves(getattr(p, net)) for p in (before.params, after.params, expected))
        moved = [np.abs(w - o).max() for w, o in zip(wanted, old, strict=True)]
        assert max(moved) > 1e-4
        for found, leaf in zip(new, wanted, strict=True):
            np.testing.assert_allclose(found, leaf, atol=2e-3 * max(moved))


def test_the_suite_s_hasty_programs_compute_what_optimised_ones_do(stepped, batch):
    step = partial(train_step, modules=MODULES, optimizers=SGD, loss=loss())
    with optimised() as options:
        found = jax.jit(step, compiler_options=options)(stepped[0], batch)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(stepped[1:]), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def filled(batch, count):
    """``batch`` with ``count`` more rows of other volumes, which have no weight."""
    rng = np.random.default_rng(1)
    mri, pet = (jnp.concatenate([v, rng.random((count, *v.shape[1:]), np.float32)]) for v in batch[:2])
    return Batch(mri, pet, jnp.concatenate([batch.weight, jnp.zeros(count)]))


@pytest.mark.parametrize(
    ("modules", "fillers", "micro_batches"), [(TOYS, 0, 2), (TOYS, 2, 1), (TOYS, 1, 3), (TOYS, 2, 2), (MODULES, 2, 2)]
)
def test_neither_fillers_nor_micro_batches_change_the_step(batch, stepped, modules, fillers, micro_batches):
    step = partial(train_step, modules=modules, optimizers=SGD, loss=loss())
    before = stepped[0] if modules is MODULES else new_state(modules=TOYS)
    expected = stepped[1:] if modules is MODULES else jax.jit(step)(before, batch)
    found = jax.jit(partial(step, micro_batches=micro_batches))(before, filled(batch, fillers))
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


def test_a_filler_with_a_weight_would_count(batch):
    step = jax.jit(partial(train_step, modules=TOYS, optimizers=SGD, loss=loss()))
    more = filled(batch, 2)
    found = [step(new_state(modules=TOYS), b)[0] for b in (more, more._replace(weight=jnp.ones(4)))]
    assert differ(found[0].params.generator, found[1].params.generator)
    assert differ(found[0].params.discriminator, found[1].params.discriminator)


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_an_update_of_one_network_leaves_the_other_to_the_bit(batch, net):
    # The still network's update is computed and then dropped; nothing of it may reach the other.
    optimizers = Nets(optax.sgd(RATE), optax.sgd(RATE))._replace(**{net: optax.set_to_zero()})
    state = new_state(optimizers, TOYS)
    after, _ = jax.jit(partial(train_step, modules=TOYS, optimizers=optimizers, loss=loss()))(state, batch)
    other = {"generator": "discriminator", "discriminator": "generator"}[net]
    assert_same_bits(getattr(after.params, net), getattr(state.params, net))
    assert differ(getattr(after.params, other), getattr(state.params, other))


def test_g_sees_the_updated_d(batch):
    @jax.jit
    def scalars_with(rate_of_d):
        optimizers = Nets(optax.sgd(RATE), optax.sgd(rate_of_d))
        return train_step(state, batch, modules=TOYS, optimizers=optimizers, loss=loss(l1=0.0))[1]

    state = new_state(modules=TOYS)
    frozen, moving = scalars_with(0.0), scalars_with(10.0)
    assert frozen["discriminator/loss"] == moving["discriminator/loss"]
    assert abs(frozen["generator/adversarial"] - moving["generator/adversarial"]) > 1e-3


@pytest.mark.parametrize("form", ["bce", "lsgan", "hinge"])
def test_compiled_equals_interpreted(batch, form):
    terms = joint_loss({"adversarial": 0.5, "l1": 1.0}, adversarial_form=form, ms_ssim_exponents="raw")
    step = partial(train_step, modules=TOYS, optimizers=SGD, loss=terms)
    expected, scalars = step(new_state(modules=TOYS), batch)
    found, compiled_scalars = jax.jit(step)(new_state(modules=TOYS), batch)
    assert int(found.step) == int(expected.step) == 1
    for left, right in zip(
        jax.tree.leaves((found.params, compiled_scalars)), jax.tree.leaves((expected.params, scalars)), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def overfit():
    """A step without adversary, donated, with Adam: what a short run does."""
    optimizers = Nets(optax.adam(1e-2), optax.adam(1e-2))
    step = partial(train_step, modules=MODULES, optimizers=optimizers, loss=loss(adversarial=0.0))
    return optimizers, jax.jit(step, donate_argnums=0)


def test_without_adversarial_weight_d_stays_as_it_is(overfit, batch):
    optimizers, step = overfit
    state = new_state(optimizers)
    before = copied(state)
    after, scalars = step(state, batch)
    assert_same_bits(after.params.discriminator, before.params.discriminator)
    assert_same_bits(after.opt_state.discriminator, before.opt_state.discriminator)
    assert differ(after.params.generator, before.params.generator)
    assert set(scalars) == {f"generator/{name}" for name in ("l1", "total", "gradient_norm")}


def test_the_output_has_a_scalar_of_its_own_only_where_no_term_looks_at_it(batch):
    """Another reader of the output is another program, whose last bits are others: figures would change with it."""
    shapes = {}
    for name, weights in {"terms": {}, "judge alone": {"l1": 0.0}}.items():
        step = partial(train_step, modules=MODULES, optimizers=SGD, loss=loss(**weights))
        shapes[name] = set(jax.eval_shape(step, new_state(), batch)[1])
    assert "generator/output_mean" not in shapes["terms"]
    assert shapes["judge alone"] - shapes["terms"] == {"generator/output_mean"}


def test_the_former_state_is_given_up(overfit, batch):
    optimizers, step = overfit
    state = new_state(optimizers)
    step(state, batch)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params.generator))


def test_one_batch_can_be_learned(overfit, batch):
    optimizers, step = overfit
    state, losses = new_state(optimizers), []
    for _ in range(60):
        state, scalars = step(state, batch)
        losses.append(float(scalars["generator/total"]))
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.6 * losses[0]
    fake = generate(MODULES.generator, state.params.generator, batch.mri)
    assert fake.dtype == jnp.float32 and fake.min() >= 0 and fake.max() <= 1


def test_two_runs_of_the_same_steps_agree_to_the_bit(overfit, batch):
    optimizers, step = overfit
    found = []
    for _ in range(2):
        state = new_state(optimizers)
        for _ in range(3):
            state, _ = step(state, batch)
        found.append(copied(state))
    assert_same_bits(*found)


def test_bfloat16_keeps_parameters_and_losses_in_float32(batch):
    step = partial(train_step, modules=MODULES, optimizers=SGD, loss=loss(ms_ssim=0.1), dtype=jnp.bfloat16)
    state = jax.eval_shape(new_state)
    after, scalars = jax.eval_shape(step, state, batch)
    assert isinstance(after, GANState)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), after) == jax.tree.map(lambda a: (a.shape, a.dtype), state)
    assert {value.dtype for value in scalars.values()} == {jnp.dtype(jnp.float32)}
    assert "generator/ms_ssim" in scalars
    program = str(jax.make_jaxpr(step)(state, batch))
    assert "bf16[2,8,8,8,2]" in program


def test_a_term_of_weight_0_is_absent():
    found = loss(l1=0.0, ssim=0.3)
    assert found.weights == {"adversarial": 0.5, "ssim": 0.3}
    assert list(found.terms) == ["ssim"]


def test_an_unknown_term_is_refused():
    with pytest.raises(ValueError, match=r"loss weights: expected names among .*, found \['l2'\]"):
        joint_loss({"l2": 1.0}, adversarial_form="bce", ms_ssim_exponents="raw")
