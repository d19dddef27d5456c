"""A generator that is told more: it starts at its anchor, its range is its own, and left and right stay a pair."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pcsa_jax.model.informed import SMALLEST_PEAK, Informed, peak, place
from pcsa_jax.model.initialisation import initial_params
from pcsa_jax.model.state import Nets, initial_state
from pcsa_jax.model.step import Batch, generate, joint_loss, mirror, train_step
from pcsa_jax.model.translation import both_ways

SIZE, KNOWN = 6, 2
SHAPE = (2, SIZE, SIZE, SIZE)


class Mix(nn.Module):
    """The sum of its channels, each times a learned weight, through a convolution that knows left from right."""

    @nn.compact
    def __call__(self, x):
        return nn.Conv(1, (3, 1, 1), name="mix")(x)


class Judge(nn.Module):
    @nn.compact
    def __call__(self, mri, pet):
        return nn.Dense(1)(jnp.concatenate([mri, pet], -1).mean((1, 2, 3)))[:, 0]


def volumes(seed, channels=1):
    return jnp.asarray(np.random.default_rng(seed).random((*SHAPE, channels), np.float32))


def started(module, known=KNOWN):
    shapes = [jax.ShapeDtypeStruct((1, SIZE, SIZE, SIZE, channels), jnp.float32) for channels in (1, known) if channels]
    return initial_params(module, 0, *shapes)


def trained(module):
    """Parameters of a network that has learnt something."""
    return jax.tree.map(lambda leaf: leaf + 0.3, started(module))


@pytest.mark.parametrize("anchor", [0, 1])
def test_it_starts_at_its_anchor_to_the_bit(anchor):
    module, mri, known = Informed(Mix(), anchor), volumes(0), volumes(1, KNOWN)
    found = module.apply({"params": started(module)}, mri, known)
    np.testing.assert_array_equal(found, known[..., anchor : anchor + 1])


def test_it_leaves_its_anchor_when_it_learns():
    module, mri, known = Informed(Mix(), 0), volumes(0), volumes(1, KNOWN)
    params, target = started(module), volumes(2)
    grad = jax.grad(lambda p: jnp.abs(module.apply({"params": p}, mri, known) - target).mean())(params)
    assert float(abs(grad["gain"])) > 0
    assert np.abs(module.apply({"params": trained(module)}, mri, known) - known[..., :1]).max() > 0.01


def test_the_anchor_is_not_rounded_to_the_networks_precision():
    module, mri, known = Informed(Mix(), 0), volumes(0).astype(jnp.bfloat16), volumes(1, KNOWN)
    found = module.apply({"params": started(module)}, mri, known)
    assert found.dtype == jnp.float32
    np.testing.assert_array_equal(found, known[..., :1])


@pytest.mark.parametrize("percentile", [100.0, 99.0])
def test_its_own_range_does_not_depend_on_the_scale_of_the_anchor(percentile):
    module = Informed(Mix(), 0, peak_percentile=percentile)
    params, mri, known = started(module), volumes(0), volumes(1, KNOWN)
    found = module.apply({"params": params}, mri, known)
    np.testing.assert_allclose(found, module.apply({"params": params}, mri, 0.7 * known), rtol=1e-5)
    np.testing.assert_allclose(np.percentile(found, percentile, axis=(1, 2, 3, 4)), 1, rtol=1e-5)
    scaled = {**params, "scale": jnp.float32(0.9)}
    np.testing.assert_allclose(module.apply({"params": scaled}, mri, known), 0.9 * found, rtol=1e-5)


def test_an_empty_volume_has_no_range_and_finite_gradients():
    module = Informed(Mix(), 0, peak_percentile=100.0)
    mri, nothing = jnp.zeros((*SHAPE, 1)), jnp.zeros((*SHAPE, KNOWN))
    value, grad = jax.value_and_grad(lambda p: module.apply({"params": p}, mri, nothing).sum())(started(module))
    assert value == 0 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grad))
    weak = jnp.full((*SHAPE, KNOWN), SMALLEST_PEAK / 2)
    np.testing.assert_allclose(module.apply({"params": started(module)}, mri, weak), 0.5, rtol=1e-6)


def test_percentiles_are_numpys():
    found = np.array([peak(volumes(0), percentile).ravel() for percentile in (100.0, 99.9, 50.0)])
    np.testing.assert_allclose(found, np.percentile(volumes(0), [100, 99.9, 50], axis=(1, 2, 3, 4)), rtol=1e-6)


def test_places_are_symmetric_and_end_at_one():
    found = place((3, 5, 2), jnp.dtype(jnp.float32))
    np.testing.assert_allclose(found, -found[::-1, ::-1, ::-1], atol=1e-7)
    np.testing.assert_allclose(found[-1, -1, -1], 1)
    np.testing.assert_allclose(found[1, 2, 0], [0, 0, -1], atol=1e-7)


def test_with_coordinates_the_same_map_means_different_things_in_different_places():
    module = Informed(Mix(), coordinates=True)
    flat = module.apply({"params": started(module, 0)}, jnp.full((*SHAPE, 1), 0.5))
    assert np.std(flat[:, 1:-1]) > 0.1


def test_two_views_are_the_mean_of_both_and_commute_with_mirroring():
    module, mri, known = Informed(Mix(), 0), volumes(0), volumes(1, KNOWN)
    params = trained(module)
    one, other = generate(module, params, mri, known), generate(module, params, mirror(mri), mirror(known))
    both = generate(module, params, mri, known, views=2)
    np.testing.assert_allclose(both, (one + mirror(other)) / 2, atol=1e-6)
    assert np.abs(both - one).max() > 1e-3
    np.testing.assert_allclose(generate(module, params, mirror(mri), mirror(known), views=2), mirror(both), atol=1e-6)


def test_two_generators_know_nothing_beside_the_mri():
    with pytest.raises(ValueError, match=r"both_ways: expected no predictions beside the MRI, found some\. Use a"):
        both_ways(Mix(), {}, volumes(0), volumes(1), volumes(2))


SGD = Nets(optax.sgd(0.1), optax.sgd(0.1))
LOSS = joint_loss({"adversarial": 0.1, "l1": 1.0}, adversarial_form="bce", ms_ssim_exponents="raw")


def step(decay=0.9, **state):
    modules = Nets(Informed(Mix(), 0), Judge())
    initial = initial_state(modules, SGD, seed=0, size=SIZE, num_known=KNOWN, averages=True)
    initial = initial._replace(**state)
    batch = Batch(volumes(0), volumes(2), jnp.ones(2), volumes(1, KNOWN))
    return initial, train_step(
        initial, batch, modules=modules, optimizers=SGD, loss=LOSS, average_decay=jnp.float32(decay)
    )[0]


def test_the_average_follows_the_parameters_slower_with_every_step():
    for steps, decay in ((0, 0.1), (10, 11 / 20), (10_000, 0.9)):
        before, after = step(step=jnp.asarray(steps, jnp.int32), average=jax.tree.map(lambda p: p + 1, started_pair()))
        for old, new, found in zip(
            *map(jax.tree.leaves, (before.average, after.params.generator, after.average)), strict=True
        ):
            np.testing.assert_allclose(found, decay * old + (1 - decay) * new, rtol=1e-5, atol=1e-6)


def started_pair():
    return started(Informed(Mix(), 0))


def test_the_average_is_what_is_used_and_the_parameters_are_what_is_trained():
    before, after = step()
    assert after.generator is after.average
    assert before._replace(average=None).generator is before.params.generator
    with_zeros = step(average=jax.tree.map(jnp.zeros_like, before.average))[1]
    for left, right in zip(*map(jax.tree.leaves, (after.params, with_zeros.params)), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_discriminator_sees_the_map_and_nothing_of_what_is_known():
    modules = Nets(Informed(Mix(), 0), Judge())
    state = initial_state(modules, SGD, seed=0, size=SIZE, num_known=KNOWN)
    assert state.params.discriminator["Dense_0"]["kernel"].shape == (2, 1)


def test_an_l1_inside_a_mask_does_not_see_the_rest():
    mask = np.zeros((SIZE,) * 3, bool)
    mask[2:4, 2:4, 2:4] = True
    term = joint_loss({"l1": 1.0}, adversarial_form="bce", ms_ssim_exponents="raw", mask=jnp.asarray(mask)).terms["l1"]
    fake, pet = volumes(0), volumes(1)
    expected = np.abs(fake - pet)[:, mask].mean(axis=(1, 2))
    np.testing.assert_allclose(term(fake, pet), expected, rtol=1e-5)
    np.testing.assert_allclose(term(fake + (~mask)[..., None], pet), expected, rtol=1e-5)
