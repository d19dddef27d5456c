"""Intensities: into [0, 1], back again, and no empty range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pcsa_jax.data.normalisation import MAX_SUVR, NORMALISATIONS, IntensityRange, intensity_range
from pcsa_jax.errors import UserError

VOLUMES = arrays(np.float32, (2, 3, 4), elements=st.floats(-1000, 1000, width=32)).filter(lambda v: np.ptp(v) > 1e-2)


@given(VOLUMES)
def test_minmax_fills_the_unit_interval_and_keeps_the_order(volume):
    found = intensity_range(volume, "minmax", "sub-0001: PET").normalise(volume)
    assert found.dtype == np.float32
    assert found.min() == 0 and found.max() == 1
    order = np.argsort(volume, axis=None, kind="stable")
    assert (np.diff(found.flat[order]) >= 0).all()


@given(VOLUMES)
def test_restore_is_the_inverse_of_minmax(volume):
    limits = intensity_range(volume, "minmax", "sub-0001: PET")
    np.testing.assert_allclose(limits.restore(limits.normalise(volume)), volume, atol=1e-3)


def test_percentile_ignores_one_hot_voxel_and_clips():
    volume = np.linspace(0, 2, 20 * 20 * 20).reshape(20, 20, 20)
    volume[0, 0, 0], volume[0, 0, 1] = 500.0, -3.0
    limits = intensity_range(volume, "percentile", "sub-0001: PET")
    assert limits.low == 0.0
    assert 1.9 < limits.high <= 2.0
    found = limits.normalise(volume)
    assert found[0, 0, 0] == 1 and found[0, 0, 1] == 0


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("value", [0.0, -2.5])
def test_a_constant_volume_is_refused(normalisation, value):
    with pytest.raises(UserError) as caught:
        intensity_range(np.full((3, 4, 5), value), normalisation, "sub-0001: PET", reference=np.ones((3, 4, 5)))
    message = str(caught.value)
    assert message.startswith("sub-0001: PET: expected a volume with contrast, found the constant ")
    assert message.endswith(f"({normalisation} range is empty). Exclude the scan or make the file again.")


def test_percentile_of_nothing_above_zero_is_refused():
    with pytest.raises(UserError, match=r"expected values above 0, found -2 to -1 \(percentile range is empty\)"):
        intensity_range(np.array([[[-2.0, -1.0]]]), "percentile", "sub-0001: PET")


@pytest.fixture
def reference():
    weights = np.zeros((3, 4, 5), np.float32)
    weights[1, 1:3, 2] = 1.0, 0.5
    return weights


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(0.125, 8, width=32)), st.floats(1e-3, 1e3))
def test_suvr_does_not_depend_on_the_scanner_s_scale(volume, scale):
    weights = np.zeros((3, 4, 5), np.float32)
    weights[1, 1:3, 2] = 1.0, 0.5
    volume[0, 0, 0] = 10  # never constant
    ranges = [intensity_range(v, "suvr", "sub-0001: PET", reference=weights) for v in (volume, volume * scale)]
    one, other = (found.normalise(v) for found, v in zip(ranges, (volume, volume * scale), strict=True))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_suvr_is_absolute_and_its_inverse_gives_the_file_s_values(reference):
    volume = np.random.default_rng(0).uniform(0.5, 2, (3, 4, 5)).astype(np.float32)
    limits = intensity_range(volume, "suvr", "sub-0001: PET", reference=reference)
    mean = (volume[1, 1, 2] + 0.5 * volume[1, 2, 2]) / 1.5
    assert limits == pytest.approx((0, MAX_SUVR * mean))
    found = limits.normalise(volume)
    np.testing.assert_allclose(MAX_SUVR * found, np.minimum(volume / mean, MAX_SUVR), rtol=1e-5)
    np.testing.assert_allclose(limits.restore(found), volume, rtol=1e-5)
    hot = volume.copy()
    hot[0, 0, 0], hot[0, 0, 1] = 100, -1
    assert intensity_range(hot, "suvr", "sub-0001: PET", reference=reference) == limits
    assert limits.count_clipped(hot) == 2 and limits.count_clipped(volume) == 0


@pytest.mark.parametrize(("value", "filled"), [(0.0, "0%"), (-1.0, "0%")])
def test_an_empty_reference_region_is_refused(reference, value, filled):
    volume = np.ones((3, 4, 5), np.float32)
    volume[reference > 0] = value
    with pytest.raises(UserError) as caught:
        intensity_range(volume, "suvr", "sub-0001: PET", reference=reference)
    assert str(caught.value) == (
        f"sub-0001: PET: expected uptake in the reference region, found {filled} of it above 0 (mean {value:g}). "
        "Exclude the scan, or set another --config.data.reference_region or data.normalisation."
    )


def test_a_reference_region_half_outside_the_image_is_refused(reference):
    volume = np.ones((3, 4, 5), np.float32)
    volume[1, 2, 2] = 0
    with pytest.raises(UserError, match=r"found 67% of it above 0 \(mean 0.667\)"):
        intensity_range(volume, "suvr", "sub-0001: PET", reference=reference)


def test_the_range_of_one_volume_applies_to_another():
    found = IntensityRange(1.0, 3.0).normalise(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(found, np.float32([0, 0, 0.5, 1, 1]))
