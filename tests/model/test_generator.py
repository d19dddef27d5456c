"""The generator: parameters of every row pinned, shapes of every variant, what each switch changes."""

import math
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.experiment.config import parse_config
from pcsa_jax.experiment.config_files import read_rows
from pcsa_jax.model.generator import Deconvolution, Generator, PyramidConv, ResidualBlock

CONFIGS = Path(__file__).parents[2] / "configs"
SHAPE = (1, 16, 32, 48, 1)
TINY = {"stages": (((3, 2),), ((3, 3),)), "bottleneck_features": 4, "attention_sizes": (), "skip_sizes": ()}
PARAMETERS = {
    "pcsa": 3_515_766,
    "best": 3_515_766,  # of its network, as if it saw the map alone
    "pca": 3_469_685,
    "sa": 3_423_626,
    "sa4": 3_515_766,
    "sa16": 3_481_206,
    "sa32": 3_470_406,
    "adversarial": 3_515_766,
    "mae": 3_515_766,
    "ms_ssim": 3_515_766,
    "ms_ssim_alone": 3_515_766,
    "mae_ssim": 3_515_766,
    "mae_ms_ssim": 3_515_766,
    "pcsa_tuned": 3_515_766,
}


def shapes(module, *shape):
    inputs = (jax.ShapeDtypeStruct(s, jnp.float32) for s in shape)
    return jax.eval_shape(module.init, jax.random.key(0), *inputs)["params"]


def count(params) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def output(module, params, shape, dtype=jnp.float32):
    return jax.eval_shape(lambda p, x: module.apply({"params": p}, x), params, jax.ShapeDtypeStruct(shape, dtype))


def random_params(module, *shape):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), shapes(module, *shape))


@pytest.mark.parametrize("file", ["pcsa", "demo"])
@pytest.mark.parametrize("row", PARAMETERS)
def test_every_row_builds_with_its_number_of_parameters(row, file):
    config = parse_config([f"--config={CONFIGS / file}.py:{row}"])
    volume = (1, *[config.data.size] * 3, 1)
    module = Generator(**config.generator)
    params = shapes(module, volume)
    assert count(params) == PARAMETERS[row]
    assert output(module, params, volume).shape == volume


def test_the_pinned_rows_are_all_rows_of_our_networks():
    rows = read_rows(str(CONFIGS / "pcsa.py"))
    assert [name for name, row in rows.items() if "system" not in row.overrides] == list(PARAMETERS)


def test_the_number_of_parameters_by_hand():
    # Kernel volume x input x output channels + biases, layer by layer.
    pyramids = 343 * 4 + 4 + 125 * 8 + 8 + 27 * 12 + 12 + 125 * 24 * 36 + 36 + 27 * 24 * 60 + 60
    channel = sum(2 * (2 * c * (c // 4) + c // 4 + c) for c in (4, 8, 12, 36, 60))
    bottleneck = 27 * 96 * 192 + 192 + 2 * (27 * 192 * 192 + 192)
    attention = 2 * 192 * 24 + 192 * 192 + 1
    decoder = 27 * (192 + 96) * 96 + 96 + 27 * (96 + 24) * 24 + 24 + 27 * (24 + 24) + 1
    assert count(shapes(Generator(), (1, 64, 64, 64, 1))) == pyramids + channel + bottleneck + attention + decoder


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"skip_sizes": (16, 32)}, -27 * 24),
        ({"skip_sizes": ()}, -27 * (24 + 24 * 24 + 96 * 96)),
        ({"residual_blocks": 0}, -2 * (27 * 192 * 192 + 192)),
        ({"residual_blocks": 2}, 2 * (27 * 192 * 192 + 192)),
        ({"channel_attention": "softmax_sigmoid"}, 0),
        ({"output": "sigmoid"}, 0),
        # 5^3 and 3^3 kernels of the transposed convolutions, whose outputs the 3^3 convolutions then take in.
        ({"skip_sizes": (), "transposed": True}, (125 - 27) * 192 * 96 - 27 * (24 + 24 * 24 + 96 * 96)),
    ],
)
def test_what_a_switch_costs(fields, difference):
    assert count(shapes(Generator(**fields), (1, 64, 64, 64, 1))) == PARAMETERS["pcsa"] + difference


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"attention_sizes": (3, 12, 24), "skip_sizes": (12, 24, 48)},
        {"skip_sizes": (12, 24, 48), "transposed": True},
        {"skip_sizes": (), "transposed": True, "residual_blocks": 0},
        {"channel_attention": "none", "output": "relu", "residual_blocks": 2},
        {"stages": (((7, 2), (5, 2), (3, 2)), ((5, 3), (3, 3)))},
    ],
)
def test_volumes_keep_their_shape(fields):
    module = Generator(**TINY | fields)
    params = shapes(module, SHAPE)
    assert output(module, params, (2, *SHAPE[1:])).shape == (2, *SHAPE[1:])
    assert output(module, params, SHAPE, jnp.bfloat16).dtype == jnp.float32


@pytest.mark.parametrize(
    ("sizes", "expected"), [((), []), ((3,), [0]), ((12,), [1]), ((24,), [2]), ((3, 24), [0, 2]), ((5,), [])]
)
def test_attention_sits_where_the_decoder_s_input_has_the_size(sizes, expected):
    params = shapes(Generator(**TINY | {"attention_sizes": sizes}), SHAPE)
    assert [int(name[-1]) for name in sorted(params) if name.startswith("self_attention")] == expected


@pytest.mark.parametrize(
    ("sizes", "channels"),
    [
        ((), (4, 3, 2)),
        ((12,), (4 + 3, 3, 2)),
        ((24,), (4, 3 + 2, 2)),
        ((48,), (4, 3, 2 + 2)),
        ((12, 24, 48), (7, 5, 4)),
    ],
)
def test_skips_widen_the_layer_whose_output_has_the_size(sizes, channels):
    params = shapes(Generator(**TINY | {"skip_sizes": sizes}), SHAPE)
    assert tuple(params[f"deconvolution{index}"]["conv"]["kernel"].shape[3] for index in range(3)) == channels


def test_a_volume_that_16_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="max_pool: every edge must be even"):
        shapes(Generator(**TINY), (1, 16, 24, 16, 1))


@pytest.mark.parametrize(("name", "low", "high"), [("sigmoid", 0, 1), ("relu", 0, np.inf), ("none", -np.inf, np.inf)])
def test_the_last_activation(name, low, high):
    shape = (1, 16, 16, 32, 1)
    module, plain = Generator(**TINY | {"output": name}), Generator(**TINY)
    params = random_params(module, shape)
    mri = jnp.asarray(np.random.default_rng(1).random(shape), jnp.float32)
    linear, found = (jax.jit(network.apply)({"params": params}, mri) for network in (plain, module))
    assert (linear < 0).any() and (linear > 1).any()
    assert found.min() >= low and found.max() <= high
    expected = {"sigmoid": nn.sigmoid, "relu": nn.relu, "none": lambda x: x}[name](linear)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_volumes_of_a_batch_do_not_mix():
    shape = (2, 16, 16, 16, 1)
    module = Generator(**TINY | {"attention_sizes": (1,), "skip_sizes": (4, 16)})
    params = random_params(module, shape)
    apply = jax.jit(lambda x: module.apply({"params": params}, x))
    mri = jnp.asarray(np.random.default_rng(1).random(shape), jnp.float32)
    other = apply(mri.at[1].set(0.0))
    np.testing.assert_array_equal(other[0], apply(mri)[0])
    assert not np.array_equal(other[1], apply(mri)[1])


def test_a_pyramid_concatenates_its_branches():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 5, 6, 2)), jnp.float32)
    module = PyramidConv(((3, 2), (1, 3)), "none")
    params = random_params(module, x.shape)
    found = module.apply({"params": params}, x)
    for index, (edge, features, part) in enumerate([(3, 2, found[..., :2]), (1, 3, found[..., 2:])]):
        alone = PyramidConv(((edge, features),), "none").apply({"params": {"conv0": params[f"conv{index}"]}}, x)
        np.testing.assert_allclose(part, alone, atol=1e-5)
    assert (found >= 0).all() and (found > 0).any()


def test_a_residual_block_of_zeros_is_a_relu():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 2, 3, 4, 2)), jnp.float32)
    params = jax.tree.map(jnp.zeros_like, random_params(ResidualBlock(), x.shape))
    np.testing.assert_array_equal(ResidualBlock().apply({"params": params}, x), nn.relu(x))


@pytest.mark.parametrize("factor", [2, 4])
def test_a_transposed_convolution_leaves_no_gaps(factor):
    x = jnp.ones((1, 3, 4, 5, 1))
    module = Deconvolution(1, factor, transposed=True)
    params = jax.tree.map(jnp.ones_like, jax.eval_shape(module.init, jax.random.key(0), x, None)["params"])
    found = module.apply({"params": params}, x, None)
    assert found.shape == (1, 3 * factor, 4 * factor, 5 * factor, 1)
    # Bias alone would give 1.
    assert (found > 1).all()
