"""The plain flax convolution, which others are measured with, computes what ours computes."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.programs.ours import NativeConv
from pcsa_jax.model.convolution import Conv


def test_plain_convolution_of_several_volumes_equals_ours():
    keys = jax.random.split(jax.random.key(0), 3)
    x, more = (jax.random.normal(key, (2, 4, 6, 8, channels)) for key, channels in zip(keys, (3, 2), strict=False))
    params = Conv(5).init(keys[2], x, more)
    np.testing.assert_allclose(NativeConv(5).apply(params, x, more), Conv(5).apply(params, x, more), atol=1e-5)
    assert jnp.abs(params["params"]["kernel"]).max() > 0
