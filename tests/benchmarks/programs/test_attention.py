"""The dense form that self-attention is measured against computes the same."""

import jax
import numpy as np

from benchmarks.programs.attention import _attend_densely
from pcsa_jax.model.blockwise_attention import attend


def test_the_dense_form_computes_what_ours_computes():
    query, key, value = (jax.random.normal(jax.random.key(seed), (2, 24, 3 + seed // 2)) for seed in range(3))
    found = _attend_densely(query, key, value, block=8)
    np.testing.assert_allclose(found, attend(query, key, value, block=8), atol=1e-5)
