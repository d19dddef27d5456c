"""Adam and its schedules, by their numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.optimizer import SCHEDULES, adam

ADAM = {"learning_rate": 0.1, "b1": 0.9, "b2": 0.999}
DEFAULTS = ADAM | {"schedule": "constant", "gradient_clip": 0.0, "num_steps": 100}


def updates(gradients, params=None, **changes):
    optimizer = adam(**DEFAULTS | changes)
    params = jnp.zeros(np.shape(gradients[0])) if params is None else params
    state, found = optimizer.init(params), []
    for gradient in gradients:
        update, state = optimizer.update(jnp.asarray(gradient), state, params)
        found.append(np.asarray(update))
    return found


OPTAX = {
    "constant": lambda rate, num_steps: optax.constant_schedule(rate),
    "cosine": optax.cosine_decay_schedule,
    "one_cycle": lambda rate, num_steps: optax.cosine_onecycle_schedule(
        num_steps, rate, pct_start=0.2, div_factor=10, final_div_factor=100
    ),
}


@pytest.mark.parametrize("num_steps", [2, 3, 4, 7, 100, 1092])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_optax_s_at_every_step(name, num_steps):
    steps = jnp.arange(num_steps + 3)
    expected = OPTAX[name](0.1, num_steps)
    found = jax.jit(jax.vmap(SCHEDULES[name](0.1, num_steps)))(steps)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, [float(expected(step)) for step in steps], rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        ("constant", {0: 0.1, 50: 0.1, 100: 0.1}),
        ("cosine", {0: 0.1, 50: 0.05, 100: 0.0}),
        # A tenth of the peak, the peak after a fifth of the steps, a thousandth at the end.
        ("one_cycle", {0: 0.01, 20: 0.1, 60: 0.05, 100: 0.0001}),
    ],
)
def test_schedule_values(schedule, values):
    rate = SCHEDULES[schedule](0.1, 100)
    for step, value in values.items():
        np.testing.assert_allclose(rate(step), value, rtol=2e-3, atol=1e-9)


def test_the_state_is_that_of_optax():
    # Checkpoints name their arrays by the state's paths: those written with optax's own optimiser must open.
    params = {"a": jnp.ones(2), "b": jnp.ones((3, 1))}
    for clip in (0.0, 0.5):
        before = optax.clip_by_global_norm(clip) if clip else optax.identity()
        reference = optax.flatten(optax.chain(before, optax.adam(optax.constant_schedule(0.1))))
        found, expected = (
            jax.tree.leaves_with_path(optimizer.init(params))
            for optimizer in (adam(**DEFAULTS | {"gradient_clip": clip}), reference)
        )
        assert [(path, leaf.shape, leaf.dtype) for path, leaf in found] == [
            (path, leaf.shape, leaf.dtype) for path, leaf in expected
        ]


def test_numbers_are_values_of_the_program():
    params = jnp.zeros(3)

    def program(**changes):
        optimizer = adam(**DEFAULTS | changes)
        step = jax.jit(lambda optimizer, state, gradient: optimizer.update(gradient, state, params))
        return step.lower(optimizer, optimizer.init(params), params).as_text()

    plain = program()
    for changes in (
        {"learning_rate": 0.3}, {"num_steps": 7}, {"b1": 0.5}, {"b2": 0.9}, {"schedule": "cosine"},
        {"schedule": "one_cycle", "num_steps": 31},
    ):  # fmt: skip
        assert program(**changes) == plain, changes
    assert program(gradient_clip=1.0) == program(gradient_clip=2.0) != plain
    assert program(weight_decay=0.1) == program(weight_decay=0.2) != plain


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_shortest_training_has_finite_rates(schedule):
    assert np.isfinite(updates([np.ones(3)] * 2, schedule=schedule, num_steps=1)).all()


def test_the_first_step_has_the_length_of_the_rate():
    np.testing.assert_allclose(updates([[3.0, -0.2]])[0], [-0.1, 0.1], rtol=1e-4)


def test_updates_are_adam_s():
    gradients = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    reference, params = optax.adam(0.1, b1=0.5, b2=0.9), jnp.zeros(4)
    state = reference.init(params)
    for found, gradient in zip(updates(gradients, b1=0.5, b2=0.9), gradients, strict=True):
        expected, state = reference.update(jnp.asarray(gradient), state, params)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_clipping_bounds_the_global_norm_and_keeps_the_direction():
    # Adam's first moment is a linear function of the gradients, so a clipped one weighs less beside the next.
    large, small = [30.0, 40.0], [0.3, 0.4]
    clipped = updates([large, small], gradient_clip=0.5)[1]
    equal = updates([small, small])[1]
    np.testing.assert_allclose(clipped, equal, rtol=1e-4)
    assert not np.allclose(updates([large, small])[1], equal, rtol=1e-2)


def test_the_norm_is_over_all_arrays_together():
    optimizer = adam(**DEFAULTS | {"gradient_clip": 1.0, "b1": 0.0, "b2": 0.0})
    params = {"a": jnp.zeros(1), "b": jnp.zeros(2)}
    gradient = {"a": jnp.asarray([30.0]), "b": jnp.asarray([0.0, 40.0])}
    _, state = optimizer.update(gradient, optimizer.init(params), params)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(optax.tree.get(state, "mu"))])
    np.testing.assert_allclose(np.sort(flat), [0.0, 0.6, 0.8], rtol=1e-5)


def test_weight_decay_takes_its_part_of_every_parameter():
    params = jnp.asarray([2.0, -4.0])
    plain, decayed = (updates([[0.5, 0.5]], params, weight_decay=decay)[0] for decay in (0.0, 0.1))
    np.testing.assert_allclose(decayed, plain - 0.1 * 0.1 * params, rtol=1e-5)
