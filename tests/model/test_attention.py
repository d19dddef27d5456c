"""Attention against plain NumPy: blocks change nothing, channel weights are those of Eqs. 3-4."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.attention import CHANNEL_WEIGHTS, ChannelAttention, SelfAttention
from pcsa_jax.model.blockwise_attention import attend

SHAPE = (2, 3, 2, 4, 6)


def features(shape=SHAPE, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def random_params(module, x, seed=1):
    rng = np.random.default_rng(seed)
    params = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), params)


def dense(query, key, value):
    """Softmax attention with all scores at once."""
    scores = jnp.einsum("btw,bsw->bts", query, key) / np.sqrt(query.shape[-1])
    return jnp.einsum("bts,bsc->btc", jax.nn.softmax(scores, axis=-1), value)


@pytest.mark.parametrize(("tokens", "block"), [(24, 8), (24, 24), (24, 512), (24, 16), (7, 4)])
def test_blocks_change_neither_value_nor_gradients(tokens, block):
    query, key, value = (features((2, tokens, width), seed) for seed, width in enumerate((3, 3, 5)))
    cotangent = features((2, tokens, 5), 4)
    found, pullback = jax.vjp(lambda q, k, v: attend(q, k, v, block=block), query, key, value)
    expected, expected_pullback = jax.vjp(dense, query, key, value)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for gradient, wanted in zip(pullback(cotangent), expected_pullback(cotangent), strict=True):
        np.testing.assert_allclose(gradient, wanted, atol=2e-5)


def test_one_block_of_scores_is_held_at_a_time():
    query, key, value = (jax.ShapeDtypeStruct((1, 512, width), jnp.float32) for width in (3, 3, 5))
    program = str(jax.make_jaxpr(lambda q, k, v: attend(q, k, v, block=64))(query, key, value))
    assert "f32[1,64,512]" in program
    assert "f32[1,512,512]" not in program


def test_self_attention_starts_as_the_identity():
    x, module = features(), SelfAttention()
    params = random_params(module, x) | {"gain": jnp.zeros(())}
    np.testing.assert_array_equal(module.apply({"params": params}, x), x)


def test_self_attention_adds_the_attended_values_times_the_gain():
    x, module = features(), SelfAttention(reduction=2, block=8)
    params = random_params(module, x)
    tokens = x.reshape(2, 24, 6)
    query, key, value = (tokens @ params[name]["kernel"] for name in ("query", "key", "value"))
    assert query.shape[-1] == key.shape[-1] == 3
    expected = x + params["gain"] * dense(query, key, value).reshape(SHAPE)
    np.testing.assert_allclose(module.apply({"params": params}, x), expected, atol=1e-5)


def test_self_attention_of_one_voxel_is_its_value():
    x, module = features((2, 1, 1, 1, 6)), SelfAttention()
    params = random_params(module, x)
    expected = x + params["gain"] * (x @ params["value"]["kernel"])
    np.testing.assert_allclose(module.apply({"params": params}, x), expected, rtol=1e-5)


def channel_weights(params, x, name):
    """Eqs. 3-4 in NumPy."""
    x, scores = np.asarray(x, np.float64), 0.0
    for pool, pooled in (("mean", x.mean(axis=(1, 2, 3))), ("max", x.max(axis=(1, 2, 3)))):
        hidden, output = params[f"{pool}_hidden"], params[f"{pool}_scores"]
        scores += np.maximum(pooled @ hidden["kernel"] + hidden["bias"], 0) @ output["kernel"] + output["bias"]
    if name != "softmax":
        scores = 1 / (1 + np.exp(-scores))
    if name == "sigmoid":
        return scores
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", CHANNEL_WEIGHTS)
def test_channels_are_scaled_by_the_weights_of_the_equations(name):
    x, module = features(), ChannelAttention(name, reduction=4)
    params = random_params(module, x)
    weights = channel_weights(params, x, name)
    expected = x * weights[:, None, None, None]
    np.testing.assert_allclose(module.apply({"params": params}, x), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "total"), [("softmax", 1.0), ("softmax_sigmoid", 1.0)])
def test_softmax_weights_of_a_volume_sum_to_one(name, total):
    scores = features((3, 5))
    np.testing.assert_allclose(CHANNEL_WEIGHTS[name](scores).sum(axis=-1), total, rtol=1e-6)


def test_the_printed_form_can_hardly_choose_between_channels():
    # A softmax of sigmoids: the largest weight is at most e times the smallest.
    weights = CHANNEL_WEIGHTS["softmax_sigmoid"](jnp.asarray([[-100.0, 0.0, 100.0]]))
    np.testing.assert_allclose(weights.max() / weights.min(), np.e, rtol=1e-5)


@pytest.mark.parametrize(("channels", "hidden"), [(6, 1), (8, 2), (1, 1)])
def test_the_hidden_width_is_a_quarter_of_the_channels(channels, hidden):
    x = features((1, 2, 2, 2, channels))
    shapes = jax.eval_shape(ChannelAttention("sigmoid", 4).init, jax.random.key(0), x)["params"]
    assert shapes["mean_hidden"]["kernel"].shape == shapes["max_hidden"]["kernel"].shape == (channels, hidden)
