"""Voxel-wise metrics against NumPy and scikit-image."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from pcsa_jax.model import metrics

SHAPE = (16, 32, 48)
NUM_VOLUMES = 2

mae = jax.jit(metrics.mae)
psnr = jax.jit(metrics.psnr, static_argnames="data_range")
scale_matched_psnr = jax.jit(metrics.scale_matched_psnr, static_argnames="data_range")


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pet = rng.random((NUM_VOLUMES, *SHAPE, 1), np.float32)
    return np.clip(pet + 0.1 * rng.standard_normal(pet.shape, np.float32), 0, 1), pet


@pytest.fixture
def mask() -> np.ndarray:
    return np.random.default_rng(1).random(SHAPE) > 0.7


def test_mae_is_the_mean_absolute_difference_of_each_volume(pair):
    fake, pet = pair
    expected = np.abs(fake.astype(np.float64) - pet).mean(axis=(1, 2, 3, 4))
    np.testing.assert_allclose(mae(jnp.asarray(fake), jnp.asarray(pet)), expected, rtol=1e-5)


def test_mae_counts_the_mask_only(pair, mask):
    fake, pet = pair
    expected = [np.abs(a - b)[mask, 0].mean(dtype=np.float64) for a, b in zip(fake, pet, strict=True)]
    for weights in (mask, mask.astype(np.float32)):
        np.testing.assert_allclose(mae(*map(jnp.asarray, pair), mask=jnp.asarray(weights)), expected, rtol=1e-5)


def test_a_fractional_mask_weighs_voxels():
    pet = jnp.zeros((1, 1, 1, 2, 1))
    fake = jnp.asarray([1.0, 0.5]).reshape(pet.shape)
    weights = jnp.asarray([0.25, 0.75]).reshape(1, 1, 2)
    np.testing.assert_allclose(mae(fake, pet, mask=weights), [0.625], rtol=1e-6)


def test_an_empty_mask_has_no_mean(pair):
    assert np.isnan(mae(*map(jnp.asarray, pair), mask=jnp.zeros(SHAPE, bool))).all()


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    data_range=st.sampled_from([0.5, 1.0, 255.0]),
    seed=st.integers(0, 2**16),
)
def test_psnr_equals_scikit_image(shape, data_range, seed):
    rng = np.random.default_rng(seed)
    fake, pet = data_range * rng.random((2, 1, *shape, 1)).astype(np.float32)
    expected = peak_signal_noise_ratio(pet.astype(np.float64), fake.astype(np.float64), data_range=data_range)
    np.testing.assert_allclose(psnr(jnp.asarray(fake), jnp.asarray(pet), data_range=data_range), [expected], rtol=1e-5)


def test_psnr_inside_a_mask(pair, mask):
    expected = [
        peak_signal_noise_ratio(pet[mask].astype(np.float64), fake[mask].astype(np.float64), data_range=1)
        for fake, pet in zip(*pair, strict=True)
    ]
    result = psnr(*map(jnp.asarray, pair), data_range=1.0, mask=jnp.asarray(mask))
    np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_psnr_of_an_error_of_a_tenth_is_20_db():
    pet = jnp.zeros((1, 2, 3, 4, 1))
    np.testing.assert_allclose(psnr(pet + 0.1, pet, data_range=1.0), [20.0], rtol=1e-6)
    np.testing.assert_allclose(psnr(pet + 0.1, pet, data_range=10.0), [40.0], rtol=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    level=st.floats(0.05, 1.0),
    seed=st.integers(0, 2**16),
)
def test_scale_matched_psnr_equals_least_squares(shape, level, seed):
    rng = np.random.default_rng(seed)
    pet = rng.random((2, *shape, 1)).astype(np.float32)
    fake = (level * np.clip(pet + 0.3 * rng.standard_normal(pet.shape), 0, 1)).astype(np.float32)
    expected = []
    for a, b in zip(fake.astype(np.float64), pet.astype(np.float64), strict=True):
        factor = np.linalg.lstsq(a.reshape(-1, 1), b.ravel())[0][0]
        expected.append(-10 * np.log10(np.square(factor * a - b).mean() + 1e-30))
    found = scale_matched_psnr(jnp.asarray(fake), jnp.asarray(pet), data_range=1.0)
    known = np.asarray(expected) < 80  # of one voxel nothing is left but rounding
    np.testing.assert_allclose(np.asarray(found)[known], np.asarray(expected)[known], rtol=1e-3)
    assert (found >= psnr(jnp.asarray(fake), jnp.asarray(pet), data_range=1.0)).all()


def test_scale_matched_psnr_does_not_see_the_level(pair, mask):
    fake, pet = map(jnp.asarray, pair)
    options = {"data_range": 1.0, "mask": jnp.asarray(mask)}
    matched = scale_matched_psnr(fake, pet, **options)
    np.testing.assert_allclose(scale_matched_psnr(0.25 * fake, pet, **options), matched, rtol=1e-6)
    assert (scale_matched_psnr(0.7 * pet, pet, **options) > 100).all()


def test_the_factor_is_chosen_inside_the_mask(pair, mask):
    fake, pet = pair
    outside = np.where(mask[..., None], fake, 1 - fake)
    options = {"data_range": 1.0, "mask": jnp.asarray(mask)}
    found = [scale_matched_psnr(jnp.asarray(volume), jnp.asarray(pet), **options) for volume in (fake, outside)]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_no_uptake_at_all_has_the_factor_zero(pair):
    pet = jnp.asarray(pair[1])
    for volume in (pet, jnp.zeros_like(pet)):
        found = scale_matched_psnr(jnp.zeros_like(pet), volume, data_range=1.0)
        np.testing.assert_array_equal(found, psnr(jnp.zeros_like(pet), volume, data_range=1.0))


def test_identical_volumes(pair):
    pet = jnp.asarray(pair[1])
    np.testing.assert_array_equal(scale_matched_psnr(pet, pet, data_range=1.0), np.full(NUM_VOLUMES, np.inf))
    np.testing.assert_array_equal(mae(pet, pet), np.zeros(NUM_VOLUMES))
    np.testing.assert_array_equal(psnr(pet, pet, data_range=1.0), np.full(NUM_VOLUMES, np.inf))


@pytest.mark.parametrize("case", ["random", "flat", "two flats", "identical", "anti-correlated"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["mae", "psnr", "scale_matched_psnr"])
def test_gradients_are_finite(pair, mask, name, masked, case):
    pet = jnp.asarray(pair[1])
    fake, pet = {
        "random": (jnp.asarray(pair[0]), pet),
        "flat": (jnp.full_like(pet, 0.5), jnp.full_like(pet, 0.5)),
        "two flats": (jnp.zeros_like(pet), jnp.ones_like(pet)),
        "identical": (pet, pet),
        "anti-correlated": (1 - pet, pet),
    }[case]
    options = {"mask": jnp.asarray(mask)} if masked else {}
    metrics_by_name = {
        "mae": mae,
        "psnr": functools.partial(psnr, data_range=1.0),
        "scale_matched_psnr": functools.partial(scale_matched_psnr, data_range=1.0),
    }
    metric = metrics_by_name[name]
    gradients = jax.grad(lambda a, b: metric(a, b, **options).sum(), argnums=(0, 1))(fake, pet)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_mae_leaves_voxels_alone_that_are_right():
    pet = jnp.zeros((1, 1, 1, 3, 1))
    fake = jnp.asarray([-0.5, 0.0, 0.5]).reshape(pet.shape)
    gradient = jax.grad(lambda fake: mae(fake, pet).sum())(fake)
    np.testing.assert_allclose(gradient.ravel(), [-1 / 3, 0, 1 / 3], rtol=1e-6)


def test_psnr_gradient_is_the_derivative(pair):
    fake, pet = (volume.astype(np.float64) for volume in pair)
    error = fake - pet
    mse = np.square(error).mean(axis=(1, 2, 3, 4), keepdims=True)
    expected = -10 / np.log(10) / mse * 2 * error / error[0].size
    gradient = jax.grad(lambda a: psnr(a, jnp.asarray(pair[1]), data_range=1.0).sum())(jnp.asarray(pair[0]))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-9)


def test_jit_and_vmap_change_nothing(pair):
    fake, pet = map(jnp.asarray, pair)
    for compiled, metric, options in (
        (mae, metrics.mae, {}),
        (psnr, metrics.psnr, {"data_range": 1.0}),
        (scale_matched_psnr, metrics.scale_matched_psnr, {"data_range": 1.0}),
    ):
        expected = metric(fake, pet, **options)
        np.testing.assert_allclose(compiled(fake, pet, **options), expected, rtol=1e-6)
        mapped = jax.vmap(lambda a, b, metric=metric, options=options: metric(a, b, **options))
        np.testing.assert_allclose(mapped(fake[:, None], pet[:, None])[:, 0], expected, rtol=1e-6)


def test_half_precision_is_computed_in_float32(pair):
    halves = [jnp.asarray(volume, jnp.bfloat16) for volume in pair]
    floats = [half.astype(jnp.float32) for half in halves]
    assert mae(*halves).dtype == jnp.float32
    np.testing.assert_array_equal(mae(*halves), mae(*floats))
    np.testing.assert_array_equal(psnr(*halves, data_range=1.0), psnr(*floats, data_range=1.0))


@pytest.mark.parametrize(
    ("fake_shape", "pet_shape"),
    [((2, 4, 5, 6, 1), (1, 4, 5, 6, 1)), ((4, 5, 6), (4, 5, 6)), ((1, 4, 5, 6, 2), (1, 4, 5, 6, 2))],
)
@pytest.mark.usefixtures("unchecked_shapes")
def test_shapes_that_do_not_fit_are_named(fake_shape, pet_shape):
    with pytest.raises(ValueError, match="fake and pet: expected two batches of one shape") as caught:
        metrics.mae(jnp.zeros(fake_shape), jnp.zeros(pet_shape))
    assert f"found {fake_shape} and {pet_shape}" in str(caught.value)


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_mask_of_another_shape_is_named():
    volume = jnp.zeros((2, 4, 5, 6, 1))
    with pytest.raises(ValueError, match=r"mask: expected the shape of one volume, \(4, 5, 6\), found \(6, 5, 4\)"):
        metrics.mae(volume, volume, mask=jnp.ones((6, 5, 4)))


@pytest.mark.parametrize("data_range", [0.0, -1.0, float("nan")])
def test_data_range_must_be_positive(data_range):
    volume = jnp.zeros((1, 4, 5, 6, 1))
    with pytest.raises(ValueError, match=f"data_range: expected a number > 0, found {data_range}"):
        metrics.psnr(volume, volume, data_range=data_range)
    with pytest.raises(ValueError, match=f"data_range: expected a number > 0, found {data_range}"):
        metrics.scale_matched_psnr(volume, volume, data_range=data_range)
