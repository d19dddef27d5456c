"""The classifier's step: the gradient by hand, fillers, class weights, finite losses."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.classifier_step import (
    ClassifierState,
    ClassWeights,
    LabelledBatch,
    classifier_step,
    cross_entropy,
    initial_classifier_state,
    logits_of,
    validation_scores,
)

RATE = 0.5
WEIGHTS = ClassWeights(ad=1.6, cn=0.7)


class Means(nn.Module):
    """Logistic regression on the two volumes' means: a gradient that can be written down."""

    @nn.compact
    def __call__(self, mri, pet):
        means = jnp.concatenate([volume.mean(axis=(1, 2, 3)) for volume in (mri, pet)], axis=-1)
        return nn.Dense(1, name="logit")(means.astype(jnp.float32))[:, 0]


@pytest.fixture
def batch():
    rng = np.random.default_rng(1)
    mri, pet = (jnp.asarray(rng.random((4, 2, 3, 4, 1)), jnp.float32) for _ in range(2))
    return LabelledBatch(mri, pet, jnp.asarray([1.0, 0, 0, 1]), jnp.ones(4))


@pytest.fixture
def state():
    kernel, bias = jnp.asarray([[0.8], [-1.5]]), jnp.asarray([0.3])
    params = {"logit": {"kernel": kernel, "bias": bias}}
    return ClassifierState(jnp.asarray(4, jnp.int32), params, optax.sgd(RATE).init(params))


def descend(state, batch, **changes):
    options = {"module": Means(), "optimizer": optax.sgd(RATE), "class_weights": WEIGHTS} | changes
    return jax.jit(partial(classifier_step, **options))(state, batch)


def by_hand(state, batch, class_weights):
    """Loss and gradient of weighted logistic regression, in float64."""
    means = np.stack([np.asarray(v, np.float64).mean(axis=(1, 2, 3, 4)) for v in (batch.mri, batch.pet)], axis=1)
    logit = state.params["logit"]
    kernel, bias = np.asarray(logit["kernel"], np.float64)[:, 0], float(logit["bias"][0])
    is_ad, weight = np.asarray(batch.is_ad, np.float64), np.asarray(batch.weight, np.float64)
    probability = 1 / (1 + np.exp(-(means @ kernel + bias)))
    share = weight * np.where(is_ad > 0, class_weights.ad, class_weights.cn) / weight.sum()
    loss = -(share * (is_ad * np.log(probability) + (1 - is_ad) * np.log(1 - probability))).sum()
    error = share * (probability - is_ad)
    return loss, means.T @ error, error.sum()


@pytest.mark.parametrize("class_weights", [ClassWeights(), WEIGHTS])
def test_a_step_is_the_descent_written_by_hand(state, batch, class_weights):
    loss, kernel, bias = by_hand(state, batch, class_weights)
    following, scalars = descend(state, batch, class_weights=class_weights)
    assert int(following.step) == 5
    np.testing.assert_allclose(scalars["classifier/cross_entropy"], loss, rtol=1e-5)
    np.testing.assert_allclose(scalars["classifier/gradient_norm"], np.hypot(np.linalg.norm(kernel), bias), rtol=1e-5)
    found, old = following.params["logit"], state.params["logit"]
    np.testing.assert_allclose(found["kernel"][:, 0], old["kernel"][:, 0] - RATE * kernel, rtol=1e-5)
    np.testing.assert_allclose(found["bias"], old["bias"] - RATE * bias, rtol=1e-5)


def test_a_row_that_fills_the_batch_up_counts_for_nothing(state, batch):
    filled = jax.tree.map(lambda rows: jnp.concatenate([rows, rows[:1]]), batch)
    filled = filled._replace(weight=filled.weight.at[4].set(0), is_ad=filled.is_ad.at[4].set(0))
    (left, scalars), (right, others) = descend(state, batch), descend(state, filled)
    for one, other in zip(jax.tree.leaves((left, scalars)), jax.tree.leaves((right, others)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_shares_of_a_batch_add_up_to_it(state, batch):
    shares = jax.tree.map(
        lambda rows: rows.reshape(2, 2, *rows.shape[1:]), batch._replace(weight=batch.weight.at[3].set(0))
    )
    step = partial(classifier_step, module=Means(), optimizer=optax.sgd(RATE), class_weights=WEIGHTS, axis_name="data")
    found, scalars = jax.vmap(step, in_axes=(None, 0), axis_name="data")(state, shares)
    expected, wanted = descend(state, batch._replace(weight=batch.weight.at[3].set(0)))
    for one, other in zip(jax.tree.leaves((found, scalars)), jax.tree.leaves((expected, wanted)), strict=True):
        np.testing.assert_allclose(one[0], other, rtol=1e-5)
        np.testing.assert_array_equal(one[0], one[1])


def test_weights_of_the_classes():
    logits, is_ad = jnp.asarray([0.0, 0.0]), jnp.asarray([1.0, 0.0])
    found = cross_entropy(logits, is_ad, class_weights=ClassWeights(ad=3.0, cn=0.5))
    np.testing.assert_allclose(found, np.log(2) * np.asarray([3.0, 0.5]), rtol=1e-6)


@pytest.mark.parametrize("logit", [0.0, 200.0, -200.0])
def test_a_sure_answer_has_a_finite_loss_and_gradient(logit):
    is_ad = jnp.asarray([1.0, 0.0])

    def loss(logits):
        return cross_entropy(logits, is_ad, class_weights=ClassWeights()).sum()

    value, gradient = jax.value_and_grad(loss)(jnp.full(2, logit))
    np.testing.assert_allclose(value, max(abs(logit), 2 * np.log(2)), rtol=1e-6)
    np.testing.assert_allclose(gradient, 1 / (1 + np.exp(-logit)) - np.asarray([1.0, 0.0]), atol=1e-6)


def test_scores_of_the_validation_part(state, batch):
    scores = validation_scores(state.params, batch, module=Means(), class_weights=WEIGHTS, dtype=jnp.float32)
    logits = np.asarray(logits_of(Means(), state.params, batch.mri, batch.pet, dtype=jnp.float32))
    assert set(scores) == {"cross_entropy", "accuracy"} and scores["cross_entropy"].shape == (4,)
    np.testing.assert_array_equal(scores["accuracy"], (logits > 0) == np.asarray([True, False, False, True]))
    np.testing.assert_allclose(np.mean(scores["cross_entropy"]), by_hand(state, batch, WEIGHTS)[0], rtol=1e-5)


def test_the_initial_state_depends_on_the_seed_alone():
    states = [initial_classifier_state(Means(), optax.adam(0.1), seed=seed, size=16) for seed in (0, 0, 1)]
    first, same, other = (np.asarray(state.params["logit"]["kernel"]) for state in states)
    assert int(states[0].step) == 0 and (first == same).all() and (first != other).all()
