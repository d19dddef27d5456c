"""Initial parameters: He-normal kernels that depend on seed and path alone, scales of 1, zeros elsewhere."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcsa_jax.model.generator import Generator
from pcsa_jax.model.initialisation import initial_params

VOLUME = jax.ShapeDtypeStruct((1, 16, 16, 16, 1), jnp.float32)


def leaves(**fields):
    params = initial_params(Generator(**fields), 0, VOLUME)
    found = jax.tree.leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in found}


@pytest.fixture(scope="module")
def default():
    return leaves(attention_sizes=(1,))


def test_every_kernel_has_the_standard_deviation_of_he(default):
    kernels = {name: leaf for name, leaf in default.items() if name.endswith(".kernel")}
    assert len(kernels) > 20
    for name, kernel in kernels.items():
        expected = np.sqrt(2 / np.prod(kernel.shape[:-1]))
        # Four standard errors of a standard deviation and of a mean.
        assert abs(kernel.std() / expected - 1) < 4 / np.sqrt(2 * kernel.size), name
        assert abs(kernel.mean()) < 4 * expected / np.sqrt(kernel.size), name


def test_everything_else_starts_at_zero(default):
    others = {name: leaf for name, leaf in default.items() if not name.endswith(".kernel")}
    assert {name.rpartition(".")[2] for name in others} == {"bias", "gain"}
    assert not any(leaf.any() for leaf in others.values())


def test_the_seed_decides():
    row = jax.ShapeDtypeStruct((1, 4), jnp.float32)
    params = [initial_params(nn.Dense(3), seed, row)["kernel"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(params[0], params[1])
    assert not np.array_equal(params[0], params[2])


def test_kernels_of_one_shape_differ(default):
    assert not np.array_equal(default["residual0.conv0.kernel"], default["residual0.conv1.kernel"])


def test_a_layer_keeps_its_start_when_another_is_removed(default):
    without = leaves(attention_sizes=())
    assert default.keys() - without.keys() == {f"self_attention0.{name}" for name in (
        "gain", "query.kernel", "key.kernel", "value.kernel"
    )}  # fmt: skip
    for name, leaf in without.items():
        np.testing.assert_array_equal(leaf, default[name])


def test_shapes_and_types_are_those_of_init(default):
    module = Generator(attention_sizes=(1,))
    expected = jax.eval_shape(module.init, jax.random.key(0), VOLUME)["params"]
    found = initial_params(module, 0, VOLUME)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), found) == jax.tree.map(lambda a: (a.shape, a.dtype), expected)


def test_a_scale_starts_at_one():
    params = initial_params(nn.GroupNorm(2), 0, jax.ShapeDtypeStruct((1, 4), jnp.float32))
    np.testing.assert_array_equal(params["scale"], np.ones(4, np.float32))
    np.testing.assert_array_equal(params["bias"], np.zeros(4, np.float32))


def test_a_parameter_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"initial_params: no rule for parameter \['embedding'\]"):
        initial_params(nn.Embed(3, 4), 0, jax.ShapeDtypeStruct((1,), jnp.int32))


def test_drawing_parameters_compiles_nothing_for_each_of_them(caplog):
    # Widths that no other test has: what was compiled before would not be compiled again.
    module = Generator(stages=(((3, 3), (5, 5)), ((3, 7),)), bottleneck_features=11, attention_sizes=(1,))
    with jax.log_compiles():
        params = initial_params(module, 0, VOLUME)
    compiled = [record.getMessage() for record in caplog.records if "XLA compilation" in record.getMessage()]
    assert len(jax.tree.leaves(params)) > 30
    assert len(compiled) <= 2, compiled  # at most the key that flax asks for
