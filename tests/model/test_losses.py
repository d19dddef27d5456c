"""Loss terms: values by hand, gradients where a logarithm, a power or a kink could break them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model import losses, metrics
from pcsa_jax.model import ssim as similarity

SHAPE = (12, 16, 20)


def volumes(case: str) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    fake, pet = (jnp.asarray(rng.random((2, *SHAPE, 1), np.float32)) for _ in range(2))
    return {
        "random": (fake, pet),
        "flat": (jnp.zeros_like(pet), jnp.zeros_like(pet)),
        "two flats": (jnp.zeros_like(pet), jnp.ones_like(pet)),
        "identical": (pet, pet),
        "anti-correlated": (1 - pet, pet),
    }[case]


GRADIENTS = {
    name: jax.jit(jax.value_and_grad(lambda fake, pet, term=term: term(fake, pet).sum()))
    for name, term in losses.RECONSTRUCTION.items()
}


def log(value: float) -> float:
    return float(np.log(value))


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        # sigmoid(0) = 1/2; sigmoid(log 3) = 3/4; sigmoid(-log 3) = 1/4.
        ("bce", [2 * log(2), -log(0.75) - log(0.75)], [log(2), -log(0.25)]),
        ("lsgan", [0.5, 0.5 * (log(3) - 1) ** 2 + 0.5 * log(3) ** 2], [0.5, 0.5 * (log(3) + 1) ** 2]),
        ("hinge", [2.0, 0.0], [0.0, log(3)]),
        ("absolute", [0.5, 0.5 * (log(3) - 1) + 0.5 * log(3)], [1.0, log(3) + 1]),
    ],
)
def test_adversarial_values_by_hand(name, discriminator, generator):
    real_logits, fake_logits = jnp.asarray([0.0, log(3)]), jnp.asarray([0.0, -log(3)])
    loss = losses.ADVERSARIAL[name]
    np.testing.assert_allclose(loss.discriminator(real_logits, fake_logits), discriminator, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(loss.generator(fake_logits), generator, rtol=1e-5, atol=1e-7)


def test_hinge_stops_outside_the_margin_for_d_only():
    loss = losses.ADVERSARIAL["hinge"]
    np.testing.assert_allclose(loss.discriminator(jnp.asarray([0.5, 2.0]), jnp.asarray([-2.0, 0.5])), [0.5, 1.5])
    np.testing.assert_allclose(loss.generator(jnp.asarray([-2.0, 2.0])), [2.0, -2.0])


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_patch_logits_are_averaged_for_each_volume(name):
    rng = np.random.default_rng(0)
    real_logits, fake_logits = (jnp.asarray(rng.standard_normal((3, 2, 4), np.float32)) for _ in range(2))
    loss = losses.ADVERSARIAL[name]
    flat = loss.discriminator(real_logits.ravel(), fake_logits.ravel()).reshape(3, 8).mean(axis=1)
    np.testing.assert_allclose(loss.discriminator(real_logits, fake_logits), flat, rtol=1e-6)
    flat = loss.generator(fake_logits.ravel()).reshape(3, 8).mean(axis=1)
    np.testing.assert_allclose(loss.generator(fake_logits), flat, rtol=1e-6)


@pytest.mark.parametrize("logit", [0.0, 1.0, -1.0, 1e4, -1e4])
@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_adversarial_losses_and_gradients_are_finite(name, logit):
    loss, logits = losses.ADVERSARIAL[name], jnp.full(2, logit)
    value, gradients = jax.value_and_grad(lambda *pair: loss.discriminator(*pair).sum(), (0, 1))(logits, -logits)
    assert np.isfinite(value) and all(np.isfinite(gradient).all() for gradient in gradients)
    value, gradient = jax.value_and_grad(lambda logits: loss.generator(logits).sum())(logits)
    assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_adversarial_gradients_point_the_right_way(name):
    loss, logits = losses.ADVERSARIAL[name], jnp.full(2, 0.3)
    real, fake = jax.grad(lambda *pair: loss.discriminator(*pair).sum(), (0, 1))(logits, logits)
    assert (real < 0).all() and (fake > 0).all()
    assert (jax.grad(lambda logits: loss.generator(logits).sum())(logits) < 0).all()


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
def test_adversarial_losses_under_jit_vmap_and_half_precision(name):
    loss = losses.ADVERSARIAL[name]
    real_logits, fake_logits = jnp.asarray([[0.5, 2.0], [-1.0, 0.25]]), jnp.asarray([[0.1, -3.0], [1.5, 0.0]])
    for function, args in ((loss.discriminator, (real_logits, fake_logits)), (loss.generator, (fake_logits,))):
        expected = jnp.stack([function(*(arg[i] for arg in args)) for i in range(2)])
        np.testing.assert_allclose(jax.jit(jax.vmap(function))(*args), expected, rtol=1e-6)
        halves = [arg[0].astype(jnp.bfloat16) for arg in args]
        assert function(*halves).dtype == jnp.float32
        np.testing.assert_array_equal(function(*halves), function(*(half.astype(jnp.float32) for half in halves)))


def test_reconstruction_terms_are_the_metrics_at_data_range_1():
    fake, pet = volumes("random")
    metric_of = {
        "l1": lambda: metrics.mae(fake, pet),
        "ssim": lambda: 1 - similarity.ssim(fake, pet, data_range=1.0),
        "ms_ssim": lambda: 1 - similarity.ms_ssim(fake, pet, data_range=1.0),
    }
    assert list(losses.RECONSTRUCTION) == list(metric_of)
    for name, term in losses.RECONSTRUCTION.items():
        result = jax.jit(term)(fake, pet)
        assert result.shape == (2,)
        np.testing.assert_allclose(result, jax.jit(metric_of[name])(), rtol=1e-6)


@pytest.mark.parametrize("case", ["random", "flat", "two flats", "identical", "anti-correlated"])
@pytest.mark.parametrize("name", losses.RECONSTRUCTION)
def test_reconstruction_gradients_are_finite(name, case):
    value, gradient = GRADIENTS[name](*volumes(case))
    assert np.isfinite(value) and np.isfinite(gradient).all()
    if case in ("flat", "identical"):
        np.testing.assert_allclose(value, 0, atol=1e-6)
        np.testing.assert_allclose(gradient, 0, atol=1e-6)


@pytest.mark.parametrize("name", losses.RECONSTRUCTION)
def test_a_step_against_the_gradient_lowers_the_loss(name):
    fake, pet = volumes("random")
    value, gradient = GRADIENTS[name](fake, pet)
    lower, _ = GRADIENTS[name](fake - 0.1 * gradient / jnp.abs(gradient).max(), pet)
    assert lower < value


def test_terms_of_zero_weight_are_dropped():
    terms = losses.reconstruction_terms({"l1": 1.0, "ssim": 0.0, "ms_ssim": 0.5})
    assert list(terms) == ["l1", "ms_ssim"]
    assert losses.reconstruction_terms({"l1": 0.0, "ssim": 0.0, "ms_ssim": 0.0}) == {}


@pytest.mark.parametrize("exponents", similarity.MS_SSIM_EXPONENTS)
def test_terms_take_their_exponents_by_name(exponents):
    fake, pet = volumes("random")
    (term,) = losses.reconstruction_terms({"ms_ssim": 1.0}, ms_ssim_exponents=exponents).values()
    values = similarity.MS_SSIM_EXPONENTS[exponents]
    expected = 1 - similarity.ms_ssim(fake, pet, data_range=1.0, exponents=values)
    np.testing.assert_allclose(term(fake, pet), expected, rtol=1e-6)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match=r"loss weights: expected names among \['l1', 'ssim', 'ms_ssim'\], found"):
        losses.reconstruction_terms({"l1": 1.0, "l2": 0.0})
    with pytest.raises(ValueError, match=r"ms_ssim_exponents: expected one of \['raw', 'normalised'\], found 'wang'"):
        losses.reconstruction_terms({"ms_ssim": 1.0}, ms_ssim_exponents="wang")


@pytest.mark.parametrize("name", losses.ADVERSARIAL)
@pytest.mark.usefixtures("unchecked_shapes")
def test_logits_of_two_shapes_are_told(name):
    with pytest.raises(ValueError, match=r"expected one shape, found \(4,\) and \(4, 1\)"):
        losses.ADVERSARIAL[name].discriminator(jnp.zeros(4), jnp.zeros((4, 1)))
