"""SSIM against scikit-image, MS-SSIM against an independent NumPy and SciPy implementation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.measure import block_reduce
from skimage.metrics import structural_similarity

from pcsa_jax.model import ssim as model

SHAPE = (16, 32, 48)
SMALL_SHAPE = (12, 16, 20)

ssim = jax.jit(model.ssim, static_argnames="data_range")
ssim_map = jax.jit(model.ssim_map, static_argnames="data_range")
ms_ssim = jax.jit(model.ms_ssim, static_argnames=("data_range", "exponents"))


def smooth_pair(shape: tuple[int, int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two volumes in [0, 1] with structure at several scales, the first a disturbed copy of the second."""
    rng = np.random.default_rng(seed)
    pet = ndimage.gaussian_filter(rng.random(shape), 2)
    pet = (pet - pet.min()) / np.ptp(pet)
    fake = 0.9 * pet + 0.3 * ndimage.gaussian_filter(rng.standard_normal(shape), 1)
    return np.clip(fake, 0, 1).astype(np.float32), pet.astype(np.float32)


def batch(*volumes: np.ndarray) -> jax.Array:
    return jnp.asarray(np.stack(volumes))[..., None]


def reference_ssim(fake: np.ndarray, pet: np.ndarray, *, data_range: float = 1.0, full: bool = False):
    result = structural_similarity(
        fake.astype(np.float64),
        pet.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
        full=full,
    )
    return result[1] if full else result


def reference_ms_ssim(fake: np.ndarray, pet: np.ndarray, exponents=(0.0448, 0.2856, 0.3001)) -> float:
    """Eqs. 9-10 in double precision, in the form printed in Wang et al. 2004 (means, variances, covariance)."""
    x, y = fake.astype(np.float64), pet.astype(np.float64)

    def mean(volume):
        return ndimage.gaussian_filter(volume, 1.5, truncate=3.5, mode="reflect")

    product = 1.0
    for scale, exponent in enumerate(exponents, start=1):
        covariance = mean(x * y) - mean(x) * mean(y)
        variances = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
        similarity = (2 * covariance + 0.03**2) / (variances + 0.03**2)
        if scale == len(exponents):
            similarity *= (2 * mean(x) * mean(y) + 0.01**2) / (mean(x) ** 2 + mean(y) ** 2 + 0.01**2)
        product *= max(similarity.mean(), 1e-3) ** exponent
        x, y = block_reduce(x, (2, 2, 2), np.mean), block_reduce(y, (2, 2, 2), np.mean)
    return product


SPECIAL = {
    "random": lambda rng: tuple(rng.random((2, *SMALL_SHAPE))),
    "smooth": lambda rng: smooth_pair(SMALL_SHAPE),
    "flat": lambda rng: (np.full(SMALL_SHAPE, 0.5), np.full(SMALL_SHAPE, 0.5)),
    "two flats": lambda rng: (np.zeros(SMALL_SHAPE), np.ones(SMALL_SHAPE)),
    "zeros": lambda rng: (np.zeros(SMALL_SHAPE), np.zeros(SMALL_SHAPE)),
    "flat against structure": lambda rng: (np.zeros(SMALL_SHAPE), smooth_pair(SMALL_SHAPE)[1]),
    "identical": lambda rng: (smooth_pair(SMALL_SHAPE)[1],) * 2,
    "anti-correlated": lambda rng: (1 - smooth_pair(SMALL_SHAPE)[1], smooth_pair(SMALL_SHAPE)[1]),
    "anti-correlated checkerboard": lambda rng: (
        np.indices(SMALL_SHAPE).sum(0) % 2,
        np.indices(SMALL_SHAPE).sum(0) % 2 == 0,
    ),
}


def special_pair(case: str) -> tuple[np.ndarray, np.ndarray]:
    fake, pet = SPECIAL[case](np.random.default_rng(3))
    return np.asarray(fake, np.float32), np.asarray(pet, np.float32)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(shape=st.tuples(*[st.integers(11, 19)] * 3), seed=st.integers(0, 2**16))
def test_ssim_equals_scikit_image(shape, seed):
    noise = np.random.default_rng(seed).random((2, *shape)).astype(np.float32)
    for fake, pet in (noise, smooth_pair(shape, seed)):
        expected = reference_ssim(fake, pet)
        np.testing.assert_allclose(ssim(batch(fake), batch(pet), data_range=1.0), [expected], atol=1e-5)


@pytest.mark.parametrize("data_range", [1.0, 3.5, 255.0])
def test_ssim_of_each_volume_of_a_batch(data_range):
    pairs = [tuple(np.float32(data_range) * volume for volume in smooth_pair(SHAPE, seed)) for seed in (0, 1)]
    expected = [reference_ssim(fake, pet, data_range=data_range) for fake, pet in pairs]
    fakes, pets = (batch(*volumes) for volumes in zip(*pairs, strict=True))
    np.testing.assert_allclose(ssim(fakes, pets, data_range=data_range), expected, atol=1e-5)


@pytest.mark.parametrize("case", SPECIAL)
def test_ssim_equals_scikit_image_on_special_volumes(case):
    fake, pet = special_pair(case)
    result = ssim(batch(fake), batch(pet), data_range=1.0)
    np.testing.assert_allclose(result, [reference_ssim(fake, pet)], atol=1e-5)


def test_ssim_map_equals_scikit_image_up_to_the_border():
    fake, pet = smooth_pair(SHAPE)
    result = ssim_map(batch(fake), batch(pet), data_range=1.0)
    assert result.shape == (1, *SHAPE, 1)
    # A single voxel carries the rounding of float32, as it does in scikit-image on float32 input.
    np.testing.assert_allclose(result[0, ..., 0], reference_ssim(fake, pet, full=True), atol=1e-4)


@pytest.mark.parametrize("dtype", [bool, np.float32])
def test_ssim_inside_a_mask_is_the_mean_of_the_map(dtype):
    fake, pet = smooth_pair(SHAPE)
    mask = pet > 0.6
    expected = reference_ssim(fake, pet, full=True)[mask].mean()
    result = ssim(batch(fake), batch(pet), data_range=1.0, mask=jnp.asarray(mask.astype(dtype)))
    np.testing.assert_allclose(result, [expected], atol=1e-5)


def test_identical_volumes_are_perfectly_similar():
    pet = batch(smooth_pair(SHAPE)[1])
    np.testing.assert_array_equal(ssim(pet, pet, data_range=1.0), [1.0])
    np.testing.assert_array_equal(ssim_map(pet, pet, data_range=1.0), np.ones(pet.shape))
    np.testing.assert_array_equal(ms_ssim(pet, pet, data_range=1.0), [1.0])


def test_both_are_symmetric():
    fake, pet = (batch(volume) for volume in smooth_pair(SHAPE))
    for metric in (ssim, ms_ssim):
        np.testing.assert_allclose(metric(fake, pet, data_range=1.0), metric(pet, fake, data_range=1.0), rtol=1e-6)


@pytest.mark.parametrize("shape", [SHAPE, (32, 32, 32), (4, 8, 12)])
@pytest.mark.parametrize("exponents", model.MS_SSIM_EXPONENTS)
def test_ms_ssim_equals_the_reference(shape, exponents):
    fake, pet = smooth_pair(shape)
    values = model.MS_SSIM_EXPONENTS[exponents]
    result = ms_ssim(batch(fake), batch(pet), data_range=1.0, exponents=values)
    np.testing.assert_allclose(result, [reference_ms_ssim(fake, pet, values)], atol=1e-5)


@pytest.mark.parametrize("case", SPECIAL)
def test_ms_ssim_equals_the_reference_on_special_volumes(case):
    fake, pet = special_pair(case)
    result = ms_ssim(batch(fake), batch(pet), data_range=1.0)
    np.testing.assert_allclose(result, [reference_ms_ssim(fake, pet)], atol=1e-5)


def test_ms_ssim_of_each_volume_of_a_batch():
    pairs = [smooth_pair(SMALL_SHAPE, seed) for seed in (0, 1)]
    fakes, pets = (batch(*volumes) for volumes in zip(*pairs, strict=True))
    expected = [reference_ms_ssim(fake, pet) for fake, pet in pairs]
    np.testing.assert_allclose(ms_ssim(fakes, pets, data_range=1.0), expected, atol=1e-5)


def test_ms_ssim_at_one_scale_is_the_mean_map():
    fake, pet = smooth_pair(SMALL_SHAPE)
    expected = reference_ssim(fake, pet, full=True).mean()
    result = ms_ssim(batch(fake), batch(pet), data_range=1.0, exponents=(1.0,))
    np.testing.assert_allclose(result, [expected], atol=1e-5)


def test_exponents():
    assert model.RAW_EXPONENTS == (0.0448, 0.2856, 0.3001)
    assert sum(model.NORMALISED_EXPONENTS) == pytest.approx(1)
    np.testing.assert_allclose(np.divide(model.NORMALISED_EXPONENTS, model.RAW_EXPONENTS), 1 / 0.6305)


METRICS = {
    "ssim": lambda a, b: model.ssim(a, b, data_range=1.0).sum(),
    "ssim in a mask": lambda a, b: model.ssim(a, b, data_range=1.0, mask=jnp.ones(SMALL_SHAPE)).sum(),
    "ms_ssim": lambda a, b: model.ms_ssim(a, b, data_range=1.0).sum(),
}
GRADIENTS = {name: jax.jit(jax.grad(metric, argnums=(0, 1))) for name, metric in METRICS.items()}


@pytest.mark.parametrize("case", SPECIAL)
@pytest.mark.parametrize("name", METRICS)
def test_gradients_are_finite(name, case):
    for gradient in GRADIENTS[name](*(batch(volume) for volume in special_pair(case))):
        assert np.isfinite(gradient).all()
        # One voxel's share is at most a few windows' weight over the number of voxels, times the steepest power.
        assert np.abs(gradient).max() < 50


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("ssim", reference_ssim),
        ("ssim in a mask", lambda fake, pet: reference_ssim(fake, pet, full=True).mean()),
        ("ms_ssim", reference_ms_ssim),
    ],
)
def test_gradients_are_the_derivatives_of_the_reference(name, reference):
    fake, pet = (volume.astype(np.float64) for volume in smooth_pair(SMALL_SHAPE))
    gradients = GRADIENTS[name](*(batch(volume.astype(np.float32)) for volume in (fake, pet)))
    step = 1e-5
    for seed in range(3):
        directions = np.random.default_rng(seed).standard_normal((2, *SMALL_SHAPE))
        ahead = reference(*(v + step * d for v, d in zip((fake, pet), directions, strict=True)))
        behind = reference(*(v - step * d for v, d in zip((fake, pet), directions, strict=True)))
        slope = sum(np.sum(np.asarray(g)[0, ..., 0] * d) for g, d in zip(gradients, directions, strict=True))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("metric", "options"), [(model.ssim, {}), (model.ms_ssim, {"exponents": (0.4, 0.6)})])
def test_jit_and_vmap_change_nothing(metric, options):
    pairs = [smooth_pair(SMALL_SHAPE, seed) for seed in (0, 1)]
    fakes, pets = (batch(*volumes) for volumes in zip(*pairs, strict=True))
    metric = functools.partial(metric, data_range=1.0, **options)
    expected = metric(fakes, pets)
    np.testing.assert_allclose(jax.jit(metric)(fakes, pets), expected, rtol=1e-5)
    mapped = jax.jit(jax.vmap(metric))(fakes[:, None], pets[:, None])
    np.testing.assert_allclose(mapped[:, 0], expected, rtol=1e-5)


def test_the_gradient_maps_over_a_batch():
    fakes, pets = (batch(*smooth_pair(SMALL_SHAPE)), batch(*smooth_pair(SMALL_SHAPE, seed=1)))
    together = GRADIENTS["ssim"](fakes, pets)[0]
    mapped = jax.jit(jax.vmap(jax.grad(METRICS["ssim"])))(fakes[:, None], pets[:, None])
    np.testing.assert_allclose(mapped[:, 0], together, rtol=1e-4, atol=1e-8)


def test_half_precision_is_computed_in_float32():
    halves = [batch(volume).astype(jnp.bfloat16) for volume in smooth_pair(SMALL_SHAPE)]
    floats = [half.astype(jnp.float32) for half in halves]
    for metric in (ssim, ms_ssim):
        assert metric(*halves, data_range=1.0).dtype == jnp.float32
        np.testing.assert_allclose(metric(*halves, data_range=1.0), metric(*floats, data_range=1.0), rtol=1e-6)


@pytest.mark.parametrize("metric", [model.ssim, model.ssim_map, model.ms_ssim])
def test_matrix_products_ask_for_full_precision(metric):
    volume = jax.ShapeDtypeStruct((1, *SMALL_SHAPE, 1), jnp.float32)
    program = str(jax.make_jaxpr(lambda a, b: metric(a, b, data_range=1.0))(volume, volume))
    assert program.count("precision=(Precision.HIGHEST, Precision.HIGHEST)") == program.count("dot_general[") > 0


@pytest.mark.parametrize("metric", [model.ssim, model.ssim_map, model.ms_ssim])
@pytest.mark.usefixtures("unchecked_shapes")
def test_shapes_that_do_not_fit_are_named(metric):
    fake, pet = jnp.zeros((1, 16, 16, 20, 1)), jnp.zeros((1, 16, 20, 16, 1))
    with pytest.raises(ValueError, match="fake and pet: expected two batches of one shape"):
        metric(fake, pet, data_range=1.0)


def test_volumes_smaller_than_the_window_need_a_mask():
    volume = jnp.zeros((1, 16, 10, 16, 1))
    with pytest.raises(ValueError, match=r"ssim: expected at least 11 voxels along each axis, found \(16, 10, 16\)"):
        model.ssim(volume, volume, data_range=1.0)
    np.testing.assert_array_equal(model.ssim(volume, volume, data_range=1.0, mask=jnp.ones((16, 10, 16))), [1.0])


def test_axes_that_cannot_be_halved_are_named():
    volume = jnp.zeros((1, 16, 18, 16, 1))
    with pytest.raises(ValueError, match=r"multiples of 4 for 3 scales, found \(16, 18, 16\)"):
        model.ms_ssim(volume, volume, data_range=1.0)


@pytest.mark.parametrize("exponents", [(), (0.5, 0.0), (0.5, -0.1)])
def test_exponents_must_be_positive(exponents):
    volume = jnp.zeros((1, 16, 16, 16, 1))
    with pytest.raises(ValueError, match="exponents: expected one number > 0 per scale"):
        model.ms_ssim(volume, volume, data_range=1.0, exponents=exponents)


@pytest.mark.parametrize("metric", [model.ssim, model.ssim_map, model.ms_ssim])
def test_data_range_must_be_positive(metric):
    volume = jnp.zeros((1, 16, 16, 16, 1))
    with pytest.raises(ValueError, match="data_range: expected a number > 0, found 0.0"):
        metric(volume, volume, data_range=0.0)
