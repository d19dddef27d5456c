"""Intensities: into [0, 1], back again, and no empty range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pcsa_jax.data.normalisation import NORMALISATIONS, IntensityRange, intensity_range
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
        intensity_range(np.full((3, 4, 5), value), normalisation, "sub-0001: PET")
    message = str(caught.value)
    assert message.startswith("sub-0001: PET: expected a volume with contrast, found the constant ")
    assert message.endswith(f"({normalisation} range is empty). Exclude the scan or make the file again.")


def test_the_range_of_one_volume_applies_to_another():
    found = IntensityRange(1.0, 3.0).normalise(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(found, np.float32([0, 0, 0.5, 1, 1]))
