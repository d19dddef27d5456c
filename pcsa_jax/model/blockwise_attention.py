"""Exact softmax attention whose memory is linear in the number of tokens; needs JAX alone."""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def attend(
    query: Float[Array, "b t w"], key: Float[Array, "b s w"], value: Float[Array, "b s c"], *, block: int
) -> Float[Array, "b t c"]:
    """Exact softmax attention in blocks of queries, recomputed in the backward pass.

    Each block holds its whole row of scores, so no running softmax is needed; the gradient recomputes a block's scores
    instead of keeping them. Memory grows with block x tokens, not tokens^2, forward and backward.

    Args:
      query, key, value: one row a token.
      block: queries per block; rounded down to a divisor of the number of tokens.

    Returns:
      For each query the mean of the values, weighted by the softmax of its scores over the root of their width; in the
      values' precision, the scores in float32.
    """
    (batch, tokens, width), scale = query.shape, 1 / math.sqrt(query.shape[-1])
    block = math.gcd(tokens, block) if tokens > block else tokens

    @jax.checkpoint
    def attend_block(queries: Array) -> Array:
        scores = jnp.einsum("btw,bsw->bts", queries, key, preferred_element_type=jnp.float32) * scale
        return jnp.einsum("bts,bsc->btc", jax.nn.softmax(scores, axis=-1).astype(value.dtype), value)

    if block == tokens:
        return attend_block(query)
    blocks = jnp.moveaxis(query.reshape(batch, tokens // block, block, width), 1, 0)
    return jnp.moveaxis(lax.map(attend_block, blocks), 0, 1).reshape(batch, tokens, -1)
